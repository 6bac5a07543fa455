//! Everything beside the release files.

use super::{Entry, Guest, cpio, elf, kernel_image};

const MACHINE_ID: &str = "0123456789abcdef0123456789abcdef";
const ARGUMENTS: &str = "ro quiet net.ifnames=0 nvme_core.io_timeout=4294967295";

/// Directories of every system (Filesystem Hierarchy Standard 2.3 and 3.0, 3 and 5).
const TOP: [&str; 13] = [
    "/dev", "/home", "/mnt", "/opt", "/proc", "/root", "/srv", "/sys", "/tmp", "/var", "/var/lib",
    "/var/log", "/var/tmp",
];

/// What has been put into a guest.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) entries: Vec<Entry>,
    directories: Vec<String>,
}

impl Tree {
    fn parents(&mut self, path: &str) {
        let mut at = 0;
        while let Some(slash) = path[at + 1..].find('/') {
            at += 1 + slash;
            let parent = path[..at].to_owned();
            if !self.directories.contains(&parent) {
                self.directories.push(parent.clone());
                self.entries.push(Entry::Directory(parent));
            }
        }
    }

    pub(super) fn file(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.parents(path);
        self.entries
            .push(Entry::File(path.to_owned(), content.into()));
    }

    pub(super) fn link(&mut self, path: &str, target: &str) {
        self.parents(path);
        self.entries
            .push(Entry::Link(path.to_owned(), target.to_owned()));
    }

    fn directory(&mut self, path: &str) {
        self.parents(&format!("{path}/"));
    }
}

/// How a distribution of this age boots.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loader {
    /// GRUB legacy, with `grub.conf` and a link to it.
    GrubConf,
    /// GRUB legacy, with `menu.lst`.
    MenuLst,
    /// GRUB 2 in `/boot/grub`.
    Grub,
    /// GRUB 2 in `/boot/grub2`, the default saved by its title.
    Grub2,
    /// GRUB 2 with boot loader specification entries.
    Bls,
}

fn loader(guest: &Guest<'_>) -> Loader {
    match (guest.id, guest.major()) {
        ("debian" | "ubuntu", _) => Loader::Grub,
        ("sles", 11) => Loader::MenuLst,
        ("sles", _) | ("amzn", 2) => Loader::Grub2,
        ("fedora", major) if major < 30 => Loader::Grub2,
        ("amzn" | "fedora", _) => Loader::Bls,
        (_, 5 | 6) => Loader::GrubConf,
        (_, 7) => Loader::Grub2,
        _ => Loader::Bls,
    }
}

/// Whether `/bin`, `/sbin` and `/lib` are links into `/usr`.
fn is_merged(guest: &Guest<'_>) -> bool {
    match (guest.id, guest.major()) {
        ("debian", major) => major >= 12,
        ("ubuntu", major) => major >= 20,
        ("sles", major) => major >= 15,
        ("fedora" | "amzn", _) => true,
        (_, major) => major >= 7,
    }
}

pub(super) fn files(guest: &Guest<'_>, tree: &mut Tree) {
    let base = if is_merged(guest) { "/usr" } else { "" };
    for program in ["bash", "ls"] {
        tree.file(&format!("{base}/bin/{program}"), elf(guest.machine));
    }
    let shell = if matches!(guest.id, "debian" | "ubuntu") {
        "dash"
    } else {
        "bash"
    };
    if shell == "dash" {
        tree.file(&format!("{base}/bin/dash"), elf(guest.machine));
    }
    tree.link(&format!("{base}/bin/sh"), shell);
    tree.file("/usr/sbin/sshd", elf(guest.machine));
    let modules = format!("{base}/lib/modules/{}", guest.kernel);
    tree.file(
        &format!("{modules}/modules.dep"),
        "kernel/drivers/net/ethernet/amazon/ena/ena.ko:\nkernel/drivers/nvme/host/nvme.ko:\n\
         kernel/drivers/block/xen-blkfront.ko:\nkernel/drivers/net/xen-netfront.ko:\n\
         kernel/drivers/block/virtio_blk.ko:\n",
    );
    tree.file(
        &format!("{modules}/modules.builtin"),
        "kernel/drivers/ata/ahci.ko\n",
    );
    if base == "/usr" {
        for name in ["bin", "sbin", "lib"] {
            tree.link(&format!("/{name}"), &format!("usr/{name}"));
        }
    }
    let uuid = guest.uuid;
    let passno = u8::from(guest.filesystem.starts_with("ext"));
    tree.file(
        "/etc/fstab",
        format!("UUID={uuid} / {} defaults 0 {passno}\n", guest.filesystem),
    );
    tree.file(
        "/etc/ssh/sshd_config",
        "PermitRootLogin no\nPubkeyAuthentication yes\n",
    );
    tree.file("/etc/hostname", "guest\n");
    tree.file("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 guest\n");
    tree.file("/etc/machine-id", format!("{MACHINE_ID}\n"));
    for path in TOP {
        tree.directory(path);
    }
    // It came with systemd, and with the systems of its time.
    if !matches!(loader(guest), Loader::GrubConf | Loader::MenuLst) {
        tree.directory("/run");
    }
    network(guest, tree);
    boot(guest, tree);
}

fn network(guest: &Guest<'_>, tree: &mut Tree) {
    match (guest.id, guest.major()) {
        ("ubuntu", major) if major >= 18 => tree.file(
            "/etc/netplan/01-netcfg.yaml",
            "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n",
        ),
        ("debian" | "ubuntu", _) => tree.file(
            "/etc/network/interfaces",
            "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n",
        ),
        ("sles", _) => tree.file(
            "/etc/sysconfig/network/ifcfg-eth0",
            "BOOTPROTO='dhcp'\nSTARTMODE='auto'\n",
        ),
        ("amzn" | "fedora", 30..) | (_, 9..) => tree.file(
            "/etc/NetworkManager/system-connections/eth0.nmconnection",
            "[connection]\nid=eth0\ntype=ethernet\ninterface-name=eth0\n\n[ipv4]\nmethod=auto\n",
        ),
        _ => tree.file(
            "/etc/sysconfig/network-scripts/ifcfg-eth0",
            "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\n",
        ),
    }
}

/// The name of the initramfs.
fn initrd(guest: &Guest<'_>) -> String {
    let kernel = guest.kernel;
    match (guest.id, guest.major()) {
        ("debian" | "ubuntu", _) => format!("initrd.img-{kernel}"),
        ("sles", _) => format!("initrd-{kernel}"),
        ("amzn" | "fedora", _) => format!("initramfs-{kernel}.img"),
        (_, 5) => format!("initrd-{kernel}.img"),
        _ => format!("initramfs-{kernel}.img"),
    }
}

fn boot(guest: &Guest<'_>, tree: &mut Tree) {
    let kernel = guest.kernel;
    let initrd = initrd(guest);
    tree.file(&format!("/boot/vmlinuz-{kernel}"), kernel_image(kernel));
    tree.file(&format!("/boot/config-{kernel}"), "CONFIG_64BIT=y\n");
    let folder = format!("lib/modules/{kernel}");
    let archive = cpio(&[
        (
            &format!("{folder}/kernel/drivers/block/xen-blkfront.ko"),
            b"m",
        ),
        (&format!("{folder}/kernel/drivers/net/ena.ko"), b"m"),
        (&format!("{folder}/kernel/drivers/nvme/host/nvme.ko"), b"m"),
    ]);
    tree.file(&format!("/boot/{initrd}"), archive);
    let root = format!("root=UUID={}", guest.uuid);
    let image = format!("/boot/vmlinuz-{kernel}");
    let ramdisk = format!("/boot/{initrd}");
    match loader(guest) {
        Loader::GrubConf | Loader::MenuLst => {
            let menu = format!(
                "default=0\ntimeout=5\nhiddenmenu\ntitle Linux ({kernel})\n\troot (hd0,0)\n\
                 \tkernel {image} {root} {ARGUMENTS}\n\tinitrd {ramdisk}\n"
            );
            if loader(guest) == Loader::GrubConf {
                tree.file("/boot/grub/grub.conf", menu);
                tree.link("/boot/grub/menu.lst", "./grub.conf");
                tree.link("/etc/grub.conf", "../boot/grub/grub.conf");
            } else {
                tree.file(
                    "/boot/grub/menu.lst",
                    menu.replace("default=0", "default 0"),
                );
            }
        }
        Loader::Grub => tree.file(
            "/boot/grub/grub.cfg",
            format!(
                "if [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  load_env\nfi\n\
                 set default=\"0\"\ninsmod part_msdos\nset root='hd0,msdos1'\n\
                 menuentry 'GNU/Linux' --class os $menuentry_id_option 'gnulinux-simple' {{\n\
                 \tlinux\t{image} {root} {ARGUMENTS}\n\tinitrd\t{ramdisk}\n}}\n"
            ),
        ),
        Loader::Grub2 => {
            let title = format!("Linux ({kernel})");
            tree.file(
                "/boot/grub2/grub.cfg",
                format!(
                    "if [ -s $prefix/grubenv ]; then\n  load_env\nfi\nset default=\"${{saved_entry}}\"\n\
                     menuentry '{title}' --class os {{\n\tlinux16 {image} {root} {ARGUMENTS}\n\
                     \tinitrd16 {ramdisk}\n}}\n"
                ),
            );
            tree.file("/boot/grub2/grubenv", grubenv(&title));
        }
        Loader::Bls => {
            tree.file(
                "/boot/grub2/grub.cfg",
                "if [ -f ${config_directory}/grubenv ]; then\n  load_env -f ${config_directory}/grubenv\n\
                 elif [ -s $prefix/grubenv ]; then\n  load_env\nfi\nset default=\"${saved_entry}\"\n\
                 insmod part_msdos\ninsmod blscfg\nblscfg\n",
            );
            let entry = format!("{MACHINE_ID}-{kernel}");
            tree.file("/boot/grub2/grubenv", grubenv(&entry));
            tree.file(
                &format!("/boot/loader/entries/{entry}.conf"),
                format!(
                    "title Linux ({kernel})\nversion {kernel}\nlinux {image}\ninitrd {ramdisk}\n\
                     options {root} {ARGUMENTS}\ngrub_users $grub_users\ngrub_class os\n"
                ),
            );
        }
    }
}

/// An environment block of 1024 bytes
/// (<https://www.gnu.org/software/grub/manual/grub/html_node/Environment-block.html>).
fn grubenv(saved: &str) -> Vec<u8> {
    let mut block = format!("# GRUB Environment Block\nsaved_entry={saved}\n").into_bytes();
    block.resize(1024, b'#');
    block
}
