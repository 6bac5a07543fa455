//! Systems whose root is one of OSTree's trees: each is one system, named, and refused in the service's words.
//!
//! Layouts: <https://ostreedev.github.io/ostree/deployment/>,
//! <https://docs.fedoraproject.org/en-US/fedora-coreos/storage/>.

use vmie_fs::{FsKind, MemoryFs};
use vmie_guest::{Arch, Decision, DefaultBy, ImageFile, Inspection, Mode, Severity, Verdict};
use vmie_rules::SvcId;
use vmie_testkit::linux::{Machine, elf, kernel_image};

use crate::layouts::{self, BOOT_UUID, ROOT_UUID, named};

const OLD: &str = "0a0a0a0a.0";
const NEW: &str = "9f9f9f9f.0";
const RELEASE: &str = "6.5.6-300.fc39.x86_64";

const COREOS: &str = "NAME=\"Fedora Linux\"\nVERSION=\"39.20231101.3.0 (CoreOS)\"\nID=fedora\nVERSION_ID=39\n\
    PLATFORM_ID=\"platform:f39\"\nPRETTY_NAME=\"Fedora CoreOS 39.20231101.3.0\"\nVARIANT=\"CoreOS\"\n\
    VARIANT_ID=coreos\nOSTREE_VERSION='39.20231101.3.0'\n";

/// A tree below `/ostree/deploy`.
fn tree(files: MemoryFs, base: &str, group: &str, name: &str, release: &str, os: &str) -> MemoryFs {
    let at = format!("{base}/ostree/deploy/{group}/deploy/{name}");
    files
        .with_file(format!("{at}/usr/lib/os-release"), os)
        .with_symlink(format!("{at}/etc/os-release"), "../usr/lib/os-release")
        .with_file(format!("{at}/usr/bin/bash"), elf(Machine::X86_64))
        .with_symlink(format!("{at}/usr/bin/sh"), "bash")
        .with_symlink(format!("{at}/bin"), "usr/bin")
        .with_symlink(format!("{at}/lib"), "usr/lib")
        .with_file(format!("{at}/usr/sbin/sshd"), elf(Machine::X86_64))
        .with_file(
            format!("{at}/usr/lib/modules/{release}/modules.dep"),
            "kernel/nvme.ko.xz:\nkernel/ena.ko.xz:\n",
        )
        .with_file(
            format!("{at}/usr/lib/modules/{release}/vmlinuz"),
            kernel_image(release),
        )
        .with_dir(format!("{at}/boot"))
        .with_dir(format!("{at}/sysroot"))
        .with_symlink(format!("{at}/ostree"), "sysroot/ostree")
}

/// The links that boot entries name, to the trees of a group: the first of them is that of the first entry.
fn links(files: MemoryFs, base: &str, group: &str, trees: &[&str]) -> MemoryFs {
    trees.iter().fold(
        files.with_symlink(format!("{base}/ostree/boot.1"), "boot.1.1"),
        |files, tree| {
            files.with_symlink(
                format!("{base}/ostree/boot.1.1/{group}/sum-{tree}/0"),
                format!("../../../deploy/{group}/deploy/{tree}"),
            )
        },
    )
}

/// A volume of `/boot` with an entry for each tree, the first one first in GRUB's order.
fn boot(folder: &str, files: MemoryFs, group: &str, trees: &[(&str, &str)]) -> MemoryFs {
    let files = files
        .with_file(
            format!("{folder}/grub2/grub.cfg"),
            "set default=0\nset timeout=1\nblscfg\n",
        )
        .with_symlink(format!("{folder}/loader"), "loader.1");
    let count = trees.len();
    trees
        .iter()
        .enumerate()
        .fold(files, |files, (at, (tree, release))| {
            let kernel = format!("/ostree/{group}-sum-{tree}/vmlinuz-{release}");
            let initrd = format!("/ostree/{group}-sum-{tree}/initramfs-{release}.img");
            files
                .with_file(
                    format!(
                        "{folder}/loader.1/entries/ostree-{}-{group}.conf",
                        count - at
                    ),
                    format!(
                        "title Fedora (ostree:{at})\nversion {}\noptions root=UUID={ROOT_UUID} rw \
                     ostree=/ostree/boot.1/{group}/sum-{tree}/0\nlinux {kernel}\ninitrd {initrd}\n",
                        count - at
                    ),
                )
                .with_file(format!("{folder}{kernel}"), kernel_image(release))
                .with_file(format!("{folder}{initrd}"), "x")
        })
}

fn refused(found: &Inspection, name: &str) -> Verdict {
    let verdict = layouts::say(found, Mode::Practical);
    assert_eq!(verdict.decision, Decision::Refused);
    assert_eq!(verdict.row, None);
    let finding = verdict.finding("system-not-listed").unwrap();
    assert_eq!(finding.svc, [SvcId::Os3, SvcId::Err14]);
    assert_eq!(
        finding.title,
        format!("{name} is deployed by OSTree, and no such system is supported")
    );
    assert_eq!(
        finding.service_message.as_deref(),
        Some("ClientError: Unknown OS / Missing OS files")
    );
    for code in [
        "several-systems",
        "fstab-unreadable",
        "default-kernel-missing",
        "no-kernel",
    ] {
        assert!(verdict.finding(code).is_none(), "{code}");
    }
    verdict
}

/// Fedora CoreOS after an update: a volume of `/boot`, and two trees on the root.
fn coreos(first: &[(&str, &str)]) -> Inspection {
    let old = COREOS.replace("20231101", "20231001");
    let root = named(MemoryFs::new(FsKind::Xfs), FsKind::Xfs, ROOT_UUID)
        .with_dir("/boot")
        .with_dir("/ostree/repo/objects");
    let root = tree(
        root,
        "",
        "fedora-coreos",
        OLD,
        "6.5.5-200.fc39.x86_64",
        &old,
    );
    let root = tree(root, "", "fedora-coreos", NEW, RELEASE, COREOS);
    let root = links(root, "", "fedora-coreos", &[OLD, NEW]);
    let volume = named(MemoryFs::new(FsKind::Ext4), FsKind::Ext4, BOOT_UUID);
    let volume = boot("", volume, "fedora-coreos", first);
    let esp = layouts::esp(
        "fedora",
        "search --label boot --set prefix --no-floppy\nset prefix=($prefix)/grub2\nconfigfile $prefix/grub.cfg\n",
    );
    layouts::look(true, Some(esp), Some(volume), root, None)
}

#[test]
fn svc_os_3_fedora_coreos_is_one_system_with_two_deployments() {
    let found = coreos(&[(NEW, RELEASE), (OLD, "6.5.5-200.fc39.x86_64")]);
    assert_eq!(found.systems.len(), 1);
    let system = &found.systems[0];
    assert_eq!(system.os.id.get().unwrap(), "fedora");
    assert_eq!(system.os.pretty_name, "Fedora CoreOS 39.20231101.3.0");
    assert_eq!(system.os.edition.as_deref(), Some("CoreOS"));
    assert_eq!(system.os.arch.get(), Some(&Arch::X86_64));
    let deployment = system.deployment.as_ref().unwrap();
    assert_eq!(deployment.group, "fedora-coreos");
    assert_eq!(
        deployment.path,
        format!("/ostree/deploy/fedora-coreos/deploy/{NEW}")
    );
    assert_eq!(
        (deployment.deployments, deployment.by_boot_entry),
        (2, true)
    );
    // Its kernel, by the entries on the volume of /boot that no table names.
    let default = system.default_kernel.get().unwrap();
    assert_eq!(
        (default.release.as_str(), default.how),
        (RELEASE, DefaultBy::Index)
    );
    let entry = system.bootloaders[0].default.as_ref().unwrap();
    assert_eq!(entry.file, ImageFile::There);
    assert!(system.drivers.get().unwrap().has("nvme"));
    let page = vmie_guest::html("disk", &found, &layouts::say(&found, Mode::Practical));
    assert!(page.contains(&format!("<code>{}</code>", deployment.path)));
    // Fedora 39 is a row of the matrix, and CoreOS is not that.
    let verdict = refused(&found, "Fedora CoreOS 39.20231101.3.0");
    let refusals = verdict
        .findings
        .iter()
        .filter(|one| one.severity == Severity::Refuse);
    let codes: Vec<_> = refusals.map(|one| one.code).collect();
    // The bytes of its initramfs are none.
    assert_eq!(codes, ["system-not-listed", "initramfs-unreadable"]);
}

/// Gone back to the older tree: the first entry says which one starts.
#[test]
fn svc_os_3_the_deployment_of_the_first_entry_is_the_system() {
    let found = coreos(&[(OLD, "6.5.5-200.fc39.x86_64"), (NEW, RELEASE)]);
    assert_eq!(found.systems.len(), 1);
    assert_eq!(
        found.systems[0].os.pretty_name,
        "Fedora CoreOS 39.20231001.3.0"
    );
    // Entries that name no tree leave the first.
    let found = coreos(&[("gone", RELEASE)]);
    let deployment = found.systems[0].deployment.as_ref().unwrap();
    assert!(!deployment.by_boot_entry && deployment.path.ends_with(OLD));
    refused(&found, "Fedora CoreOS 39.20231001.3.0");
}

#[test]
fn svc_os_3_rhel_coreos_with_boot_on_its_root_is_named() {
    let os = "NAME=\"Red Hat Enterprise Linux CoreOS\"\nID=\"rhcos\"\nID_LIKE=\"rhel fedora\"\nVERSION=\"414.92.202310170514-0\"\n\
        VERSION_ID=\"4.14\"\nVARIANT=\"CoreOS\"\nPRETTY_NAME=\"Red Hat Enterprise Linux CoreOS 414.92.202310170514-0 (Plow)\"\n";
    let root = named(MemoryFs::new(FsKind::Xfs), FsKind::Xfs, ROOT_UUID);
    let release = "5.14.0-284.36.1.el9_2.x86_64";
    let root = tree(root, "", "rhcos", NEW, release, os);
    let root = links(root, "", "rhcos", &[NEW]);
    let root = boot("/boot", root, "rhcos", &[(NEW, release)]);
    let found = layouts::look(true, None, None, root, None);
    assert_eq!(found.systems.len(), 1);
    assert_eq!(found.systems[0].os.id.get().unwrap(), "rhcos");
    let default = found.systems[0].default_kernel.get().unwrap();
    assert_eq!(default.release, release);
    refused(
        &found,
        "Red Hat Enterprise Linux CoreOS 414.92.202310170514-0 (Plow)",
    );
}

/// Silverblue: the trees are in a subvolume of Btrfs, and the tree has a table.
#[test]
fn svc_os_3_silverblue_in_a_subvolume_is_one_system() {
    let os = "NAME=\"Fedora Linux\"\nVERSION=\"39.20231103.0 (Silverblue)\"\nID=fedora\nVERSION_ID=39\n\
        PRETTY_NAME=\"Fedora Linux 39.20231103.0 (Silverblue)\"\nVARIANT=\"Silverblue\"\nVARIANT_ID=silverblue\n";
    let files = named(MemoryFs::new(FsKind::Btrfs), FsKind::Btrfs, ROOT_UUID)
        .with_dir("/home/someone")
        .with_dir("/var/lib");
    let files = tree(files, "/root", "fedora", OLD, RELEASE, os);
    let files = tree(files, "/root", "fedora", NEW, RELEASE, os).with_file(
        format!("/root/ostree/deploy/fedora/deploy/{NEW}/etc/fstab"),
        format!(
            "UUID={ROOT_UUID} / btrfs subvol=root 0 0\nUUID={BOOT_UUID} /boot ext4 defaults 1 2\n"
        ),
    );
    let files = links(files, "/root", "fedora", &[NEW, OLD])
        .with_subvolume("/root", 256)
        .with_subvolume("/home", 257)
        .with_subvolume("/var", 258);
    let volume = named(MemoryFs::new(FsKind::Ext4), FsKind::Ext4, BOOT_UUID);
    let volume = boot("", volume, "fedora", &[(NEW, RELEASE), (OLD, RELEASE)]);
    let found = layouts::look(true, None, Some(volume), files, None);
    assert_eq!(found.systems.len(), 1);
    let system = &found.systems[0];
    assert_eq!(system.root_subvolume.as_deref(), Some("/root"));
    assert!(system.deployment.as_ref().unwrap().path.ends_with(NEW));
    assert!(system.fstab.get().is_some());
    refused(&found, "Fedora Linux 39.20231103.0 (Silverblue)");
}

/// An application store of OSTree's on a usual system is no system.
#[test]
fn svc_lim_2_a_repository_of_flatpak_is_no_system() {
    let os = &[
        ("/etc/os-release", "-> ../usr/lib/os-release"),
        (
            "/usr/lib/os-release",
            "NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID=\"12\"\n",
        ),
    ];
    let root = layouts::merged(layouts::files(FsKind::Ext4, ROOT_UUID, os))
        .with_file("/var/lib/flatpak/repo/config", "[core]\n")
        .with_dir("/ostree/repo")
        .with_dir("/ostree/deploy");
    let found = layouts::look(true, None, None, root, None);
    assert_eq!(found.systems.len(), 1);
    assert_eq!(found.systems[0].deployment, None);
    let data = MemoryFs::new(FsKind::Ext4).with_dir("/ostree/deploy/os/deploy/empty");
    let found = layouts::look(true, None, None, data, None);
    assert_eq!(found.systems.len(), 0);
}
