//! Systems as their installers really lay them out: `/boot` and the EFI system partition apart, the root on
//! LVM, menus as the distributions' own `grub-mkconfig` writes them, boot loader entries, several kernels.
//! Nothing that is usual may be refused, and what starts is found.

use vmie_fs::{FsKind, Identity, MemoryFs};
use vmie_guest::{
    BootMode, Decision, DefaultBy, Disk, Fact, GuestVolume, ImportRequest, Initramfs, Inspection,
    KernelFlavour, Matrix, MenuRelation, Mode, Severity, Verdict, inspect_volumes, judge,
};
use vmie_io::{Budget, Limits};
use vmie_rules::guest;
use vmie_rules::matrix::Edition;
use vmie_testkit::linux::{Machine, cpio, elf, kernel_image};
use vmie_testkit::table::{GptEntry, GptTable, guid};
use vmie_volumes::{DiskLayout, VolumeId, read_layout};

use crate::as_of;

const ESP_UUID: &str = "B0B0-0001";
pub(crate) const BOOT_UUID: &str = "b0b0b0b0-0000-4000-8000-000000000002";
pub(crate) const ROOT_UUID: &str = "b0b0b0b0-0000-4000-8000-000000000003";
pub(crate) const MACHINE: &str = "0123456789abcdef0123456789abcdef";

/// A disk with a GPT: an EFI system partition and two of Linux; with GRUB's code for a BIOS where asked.
pub(crate) fn layout(bios: bool) -> DiskLayout {
    let mut disk = vec![0u8; 16 << 20];
    let kinds = [
        "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
        "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
        "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
    ];
    let entries = (0u8..).zip(kinds).map(|(number, kind)| GptEntry {
        kind: guid(kind),
        guid: [number + 1; 16],
        first: 2048 * (u64::from(number) + 1),
        last: 2048 * (u64::from(number) + 2) - 1,
        attributes: 0,
        name: String::new(),
    });
    GptTable::new(512, entries.collect()).write(&mut disk);
    if bios {
        disk[0] = 0xeb;
        disk[0x180..0x18a].copy_from_slice(b"GRUB \0Geom");
    }
    read_layout(&disk, &Budget::default()).unwrap()
}

pub(crate) fn named(files: MemoryFs, kind: FsKind, uuid: &str) -> MemoryFs {
    let mut identity = Identity::new(kind);
    identity.uuid = Some(uuid.to_owned());
    files.with_identity(identity)
}

/// Files with these texts.
pub(crate) fn files(kind: FsKind, uuid: &str, texts: &[(&str, &str)]) -> MemoryFs {
    texts.iter().fold(
        named(MemoryFs::new(kind), kind, uuid),
        |files, (path, text)| match text.strip_prefix("-> ") {
            Some(target) => files.with_symlink(path, target),
            None => files.with_file(path, *text),
        },
    )
}

/// A kernel with its initramfs and modules.
pub(crate) fn kernel(
    boot: MemoryFs,
    folder: &str,
    root: MemoryFs,
    release: &str,
    initrd: &str,
) -> (MemoryFs, MemoryFs) {
    let modules = format!("lib/modules/{release}");
    let archive = cpio(&[
        (&format!("{modules}/kernel/nvme.ko.xz"), b"m"),
        (&format!("{modules}/kernel/ena.ko.xz"), b"m"),
        (&format!("{modules}/kernel/xen-blkfront.ko.xz"), b"m"),
    ]);
    let boot = boot
        .with_file(format!("{folder}/vmlinuz-{release}"), kernel_image(release))
        .with_file(format!("{folder}/{initrd}"), archive);
    let list = "kernel/nvme.ko.xz:\nkernel/ena.ko.xz:\nkernel/xen-blkfront.ko.xz:\n";
    (
        boot,
        root.with_file(format!("/usr/{modules}/modules.dep"), list),
    )
}

/// What every merged system has.
pub(crate) fn merged(root: MemoryFs) -> MemoryFs {
    root.with_file("/usr/bin/bash", elf(Machine::X86_64))
        .with_symlink("/usr/bin/sh", "bash")
        .with_symlink("/bin", "usr/bin")
        .with_symlink("/sbin", "usr/sbin")
        .with_symlink("/lib", "usr/lib")
        .with_file("/usr/sbin/sshd", elf(Machine::X86_64))
        .with_file("/usr/lib/systemd/system/sshd.service", "[Unit]\n")
        .with_file("/usr/lib/systemd/system/ssh.service", "[Unit]\n")
        .with_symlink(
            "/etc/systemd/system/multi-user.target.wants/sshd.service",
            "/usr/lib/systemd/system/sshd.service",
        )
        .with_symlink(
            "/etc/systemd/system/multi-user.target.wants/ssh.service",
            "/lib/systemd/system/ssh.service",
        )
}

pub(crate) fn grubenv(text: &str) -> Vec<u8> {
    let mut block = format!("# GRUB Environment Block\n{text}").into_bytes();
    block.resize(1024, b'#');
    block
}

/// The machine with these volumes: EFI system partition, `/boot`, root (on LVM where it has a name there).
pub(crate) fn look(
    bios: bool,
    esp: Option<MemoryFs>,
    boot: Option<MemoryFs>,
    root: MemoryFs,
    mapped: Option<&str>,
) -> Inspection {
    let layout = layout(bios);
    let volume = |number, files| {
        let partition = layout.partition(number).cloned();
        GuestVolume::new(VolumeId::partition(0, number), 1 << 30, partition, files)
    };
    let mut volumes: Vec<GuestVolume<'_>> = Vec::new();
    volumes.extend(esp.map(|files| volume(1, files)));
    volumes.extend(boot.map(|files| volume(2, files)));
    let mut root = volume(3, root);
    root.devices = mapped.map(str::to_owned).into_iter().collect();
    volumes.push(root);
    let disk = Disk::new(0, 16 << 20, Fact::known(layout.clone(), Vec::new()));
    inspect_volumes(vec![disk], &volumes, &Limits::default())
}

pub(crate) fn esp(vendor: &str, stub: &str) -> MemoryFs {
    named(MemoryFs::new(FsKind::Fat32), FsKind::Fat32, ESP_UUID)
        .with_file("/EFI/BOOT/BOOTX64.EFI", "MZ")
        .with_file(format!("/EFI/{vendor}/shimx64.efi"), "MZ")
        .with_file(format!("/EFI/{vendor}/grubx64.efi"), "MZ")
        .with_file(format!("/EFI/{vendor}/grub.cfg"), stub)
}

pub(crate) fn say(found: &Inspection, mode: Mode) -> Verdict {
    let uefi = found.boot.modes.get().unwrap() == &[BootMode::Uefi];
    let mut request = ImportRequest::new();
    request.boot_mode = uefi.then_some(guest::BootMode::Uefi);
    judge(
        found,
        &request,
        &Matrix::edition(Edition::E2026),
        mode,
        as_of(),
    )
}

/// The default kernel; nothing of the usual layout is refused or taken for a second menu.
pub(crate) fn starts(found: &Inspection, release: &str, how: DefaultBy, row: &str) -> Verdict {
    assert_eq!(found.systems.len(), 1);
    let system = &found.systems[0];
    let default = system
        .default_kernel
        .get()
        .unwrap_or_else(|| panic!("{:?}", system.default_kernel.why()));
    assert_eq!((default.release.as_str(), default.how), (release, how));
    assert!(
        system
            .bootloaders
            .iter()
            .all(|loader| loader.relation == MenuRelation::Same),
        "{:?}",
        system.bootloaders
    );
    let verdict = say(found, Mode::Practical);
    let refusals: Vec<_> = verdict
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Refuse || finding.is_undetermined())
        .collect();
    assert!(refusals.is_empty(), "{refusals:#?}");
    assert_eq!(verdict.decision, Decision::Accepted);
    assert!(
        verdict
            .row
            .as_deref()
            .is_some_and(|found| found.starts_with(row)),
        "{:?}",
        verdict.row
    );
    verdict
}

pub(crate) const RHEL9: &[(&str, &str)] = &[
    (
        "/etc/redhat-release",
        "Red Hat Enterprise Linux release 9.4 (Plow)\n",
    ),
    ("/etc/system-release", "-> redhat-release"),
    ("/etc/os-release", "-> ../usr/lib/os-release"),
    (
        "/usr/lib/os-release",
        "NAME=\"Red Hat Enterprise Linux\"\nVERSION=\"9.4 (Plow)\"\nID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"9.4\"\n\
         PLATFORM_ID=\"platform:el9\"\nPRETTY_NAME=\"Red Hat Enterprise Linux 9.4 (Plow)\"\n",
    ),
    (
        "/etc/fstab",
        "\n#\n# /etc/fstab\n# Created by anaconda on Tue Apr 30 2024\n#\n\
         /dev/mapper/rhel-root   /                       xfs     defaults        0 0\n\
         UUID=b0b0b0b0-0000-4000-8000-000000000002 /boot                   xfs     defaults        0 0\n\
         UUID=B0B0-0001          /boot/efi               vfat    umask=0077,shortname=winnt 0 2\n\
         /dev/mapper/rhel-swap   none                    swap    defaults        0 0\n",
    ),
    (
        "/etc/NetworkManager/system-connections/ens192.nmconnection",
        "[connection]\nid=ens192\nuuid=1-2\ntype=ethernet\nautoconnect-priority=-999\ninterface-name=ens192\n\n\
         [ethernet]\n\n[ipv4]\nmethod=auto\n\n[ipv6]\naddr-gen-mode=eui64\nmethod=auto\n\n[proxy]\n",
    ),
    ("/usr/sbin/NetworkManager", "x"),
];

/// A boot loader entry as `kernel-install` writes it.
pub(crate) fn entry(title: &str, release: &str, options: &str) -> (String, String) {
    let path = format!("/loader/entries/{MACHINE}-{release}.conf");
    let text = format!(
        "title {title}\nversion {release}\nlinux /vmlinuz-{release}\n\
         initrd /initramfs-{release}.img $tuned_initrd\noptions {options}\n\
         grub_users $grub_users\ngrub_arg --unrestricted\ngrub_class kernel\n"
    );
    (path, text)
}

/// RHEL 8 or 9 by UEFI with two kernels and the rescue one; the saved entry is given.
fn rhel9(env: &str, options: &str) -> Inspection {
    let (old, new) = (
        "5.14.0-362.8.1.el9_3.x86_64",
        "5.14.0-427.13.1.el9_4.x86_64",
    );
    let rescue = format!("0-rescue-{MACHINE}");
    let mut root = merged(files(FsKind::Xfs, ROOT_UUID, RHEL9));
    let mut boot = named(MemoryFs::new(FsKind::Xfs), FsKind::Xfs, BOOT_UUID)
        .with_file("/grub2/grub.cfg", include_str!("data/rhel9-grub.cfg"))
        .with_file("/grub2/grubenv", grubenv(env));
    for release in [old, new] {
        (boot, root) = kernel(boot, "", root, release, &format!("initramfs-{release}.img"));
        let title = format!("Red Hat Enterprise Linux ({release}) 9.4 (Plow)");
        let (path, text) = entry(&title, release, options);
        boot = boot.with_file(path, text);
    }
    let (path, text) = entry(
        "Red Hat Enterprise Linux (0-rescue) 9.4 (Plow)",
        &rescue,
        options,
    );
    boot = boot
        .with_file(path, text)
        .with_file(format!("/vmlinuz-{rescue}"), kernel_image(old))
        .with_file(format!("/initramfs-{rescue}.img"), "x");
    let esp = esp("redhat", include_str!("data/rhel-esp-grub.cfg"));
    look(
        false,
        Some(esp),
        Some(boot),
        root,
        Some("/dev/mapper/rhel-root"),
    )
}

#[test]
fn svc_cfg_2_rhel_9_by_uefi_with_entries_on_its_own_boot_volume() {
    let options =
        "root=/dev/mapper/rhel-root ro rd.lvm.lv=rhel/root rhgb quiet net.ifnames=0 $tuned_params";
    let saved = format!(
        "saved_entry={MACHINE}-5.14.0-427.13.1.el9_4.x86_64\nmenu_auto_hide=1\nboot_success=0\n"
    );
    let found = rhel9(&saved, options);
    let system = &found.systems[0];
    assert_eq!(system.kernels.len(), 3);
    assert_eq!(system.kernels[2].flavour, KernelFlavour::Rescue);
    let default = system.default_kernel.get().unwrap();
    assert_eq!(default.root(), Some("/dev/mapper/rhel-root"));
    assert!(system.initramfs.get().unwrap().has("nvme"));
    starts(
        &found,
        "5.14.0-427.13.1.el9_4.x86_64",
        DefaultBy::SavedEntry,
        "RHEL 9",
    );
    // Another kernel was chosen by grubby.
    let other = saved.replace("427.13.1.el9_4", "362.8.1.el9_3");
    starts(
        &rhel9(&other, options),
        "5.14.0-362.8.1.el9_3.x86_64",
        DefaultBy::SavedEntry,
        "RHEL 9",
    );
    let strict = say(&found, Mode::Strict);
    assert_eq!(strict.decision, Decision::Accepted, "{:?}", strict.findings);
}

#[test]
fn svc_err_22_entries_without_a_saved_default_are_refused_with_the_text() {
    let found = rhel9("boot_success=0\n", "root=/dev/mapper/rhel-root ro");
    let verdict = say(&found, Mode::Practical);
    assert_eq!(verdict.decision, Decision::Refused);
    let finding = verdict.finding("bls-default-not-determined").unwrap();
    assert_eq!(
        finding.service_message.as_deref(),
        Some("ClientError: BLSC-style GRUB found, but unable to detect default kernel")
    );
}

/// RHEL 8 keeps the command line in the environment of GRUB.
#[test]
fn svc_err_22_options_that_grub_keeps_in_its_environment_are_found() {
    let saved = format!(
        "saved_entry={MACHINE}-5.14.0-427.13.1.el9_4.x86_64\n\
         kernelopts=root=/dev/mapper/rhel-root ro net.ifnames=0 crashkernel=auto \n"
    );
    let found = rhel9(&saved, "$kernelopts $tuned_params");
    let verdict = starts(
        &found,
        "5.14.0-427.13.1.el9_4.x86_64",
        DefaultBy::SavedEntry,
        "RHEL 9",
    );
    assert!(verdict.finding("predictable-interface-names").is_none());
    let default = found.systems[0].default_kernel.get().unwrap();
    assert_eq!(default.root(), Some("/dev/mapper/rhel-root"));
    // Without the block the script's own fallback counts.
    let without = rhel9(&saved.replace("kernelopts=", "other="), "$kernelopts");
    let default = without.systems[0].default_kernel.get().unwrap();
    assert!(
        default
            .cmdline
            .as_deref()
            .unwrap()
            .contains("rd.lvm.lv=rhel/root")
    );
}

#[test]
fn svc_cfg_2_rhel_7_by_a_bios_with_its_default_saved_by_title() {
    let release = "3.10.0-1160.el7.x86_64";
    let rescue = format!("0-rescue-{MACHINE}");
    let texts: Vec<(&str, &str)> = RHEL9
        .iter()
        .map(|(path, text)| match *path {
            "/etc/redhat-release" => (*path, "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n"),
            "/usr/lib/os-release" => (
                *path,
                "NAME=\"Red Hat Enterprise Linux Server\"\nVERSION=\"7.9 (Maipo)\"\nID=\"rhel\"\nID_LIKE=\"fedora\"\n\
                 VARIANT=\"Server\"\nVARIANT_ID=\"server\"\nVERSION_ID=\"7.9\"\nPRETTY_NAME=\"Red Hat Enterprise Linux\"\n",
            ),
            _ => (*path, *text),
        })
        .filter(|(path, _)| !path.contains("NetworkManager/"))
        .collect();
    let root = merged(files(FsKind::Xfs, ROOT_UUID, &texts)).with_file(
        "/etc/sysconfig/network-scripts/ifcfg-eth0",
        "TYPE=\"Ethernet\"\nBOOTPROTO=\"dhcp\"\nDEFROUTE=\"yes\"\nNAME=\"eth0\"\nDEVICE=\"eth0\"\nONBOOT=\"yes\"\n",
    );
    let boot = named(MemoryFs::new(FsKind::Xfs), FsKind::Xfs, BOOT_UUID)
        .with_file("/grub2/grub.cfg", include_str!("data/rhel7-grub.cfg"))
        .with_file(
            "/grub2/grubenv",
            grubenv("saved_entry=Red Hat Enterprise Linux Server (3.10.0-1160.el7.x86_64) 7.9 (Maipo)\n"),
        )
        .with_file(format!("/vmlinuz-{rescue}"), kernel_image(release))
        .with_file(format!("/initramfs-{rescue}.img"), "x");
    let (boot, root) = kernel(boot, "", root, release, &format!("initramfs-{release}.img"));
    let found = look(true, None, Some(boot), root, Some("/dev/mapper/rhel-root"));
    starts(&found, release, DefaultBy::SavedEntry, "RHEL 7");
    assert_eq!(found.systems[0].network.names(), ["eth0"]);
}

#[test]
fn svc_cfg_2_oracle_linux_starts_the_kernel_that_is_saved_of_two_kinds() {
    let (uek, rhck) = (
        "5.15.0-200.131.27.el9uek.x86_64",
        "5.14.0-427.13.1.el9_4.x86_64",
    );
    let mut texts: Vec<(&str, &str)> = RHEL9.to_vec();
    texts.retain(|(path, _)| *path != "/usr/lib/os-release" && *path != "/etc/system-release");
    texts.push(("/etc/oracle-release", "Oracle Linux Server release 9.4\n"));
    texts.push(("/etc/system-release", "-> oracle-release"));
    texts.push((
        "/usr/lib/os-release",
        "NAME=\"Oracle Linux Server\"\nVERSION=\"9.4\"\nID=\"ol\"\nID_LIKE=\"fedora\"\nVARIANT=\"Server\"\n\
         VARIANT_ID=\"server\"\nVERSION_ID=\"9.4\"\nPRETTY_NAME=\"Oracle Linux Server 9.4\"\n",
    ));
    let with = |saved: &str| {
        let mut root = merged(files(FsKind::Xfs, ROOT_UUID, &texts));
        let mut boot = named(MemoryFs::new(FsKind::Xfs), FsKind::Xfs, BOOT_UUID)
            .with_file("/grub2/grub.cfg", include_str!("data/rhel9-grub.cfg"))
            .with_file(
                "/grub2/grubenv",
                grubenv(&format!("saved_entry={MACHINE}-{saved}\n")),
            );
        for release in [uek, rhck] {
            (boot, root) = kernel(boot, "", root, release, &format!("initramfs-{release}.img"));
            let title = format!("Oracle Linux Server ({release}) 9.4");
            let options = "root=/dev/mapper/ol-root ro net.ifnames=0 $tuned_params";
            let (path, text) = entry(&title, release, options);
            boot = boot.with_file(path, text);
        }
        let esp = esp("redhat", include_str!("data/rhel-esp-grub.cfg"));
        look(
            false,
            Some(esp),
            Some(boot),
            root,
            Some("/dev/mapper/rhel-root"),
        )
    };
    let found = with(uek);
    starts(&found, uek, DefaultBy::SavedEntry, "Oracle Linux 9");
    let flavours: Vec<_> = found.systems[0]
        .kernels
        .iter()
        .map(|one| one.flavour)
        .collect();
    assert_eq!(flavours, [KernelFlavour::Uek, KernelFlavour::Stock]);
    starts(&with(rhck), rhck, DefaultBy::SavedEntry, "Oracle Linux 9");
}

pub(crate) const UBUNTU: &[(&str, &str)] = &[
    ("/etc/debian_version", "bookworm/sid\n"),
    (
        "/etc/lsb-release",
        "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\nDISTRIB_CODENAME=jammy\nDISTRIB_DESCRIPTION=\"Ubuntu 22.04.4 LTS\"\n",
    ),
    ("/etc/os-release", "-> ../usr/lib/os-release"),
    (
        "/usr/lib/os-release",
        "PRETTY_NAME=\"Ubuntu 22.04.4 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"22.04\"\nVERSION=\"22.04.4 LTS (Jammy Jellyfish)\"\n\
         VERSION_CODENAME=jammy\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=jammy\n",
    ),
    (
        "/etc/fstab",
        "# <file system> <mount point>   <type>  <options>       <dump>  <pass>\n\
         # / was on /dev/ubuntu-vg/ubuntu-lv during curtin installation\n\
         /dev/disk/by-id/dm-uuid-LVM-abc / ext4 defaults 0 1\n\
         # /boot was on /dev/sda2 during curtin installation\n\
         /dev/disk/by-uuid/b0b0b0b0-0000-4000-8000-000000000002 /boot ext4 defaults 0 1\n\
         /dev/disk/by-uuid/B0B0-0001 /boot/efi vfat defaults 0 1\n/swap.img\tnone\tswap\tsw\t0\t0\n",
    ),
    (
        "/etc/netplan/00-installer-config.yaml",
        "# This is the network config written by 'subiquity'\nnetwork:\n  ethernets:\n    ens160:\n      dhcp4: true\n  version: 2\n",
    ),
    (
        "/etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg",
        "network: {config: disabled}\n",
    ),
    ("/usr/lib/systemd/systemd-networkd", "x"),
];

#[test]
fn svc_cfg_2_ubuntu_22_04_on_lvm_by_uefi_as_subiquity_lays_it_out() {
    let release = "5.15.0-105-generic";
    let root = merged(files(FsKind::Ext4, ROOT_UUID, UBUNTU));
    let boot = named(MemoryFs::new(FsKind::Ext4), FsKind::Ext4, BOOT_UUID)
        .with_file("/grub/grub.cfg", include_str!("data/ubuntu2204-grub.cfg"))
        .with_symlink("/vmlinuz", "vmlinuz-5.15.0-105-generic")
        .with_symlink("/initrd.img", "initrd.img-5.15.0-105-generic")
        .with_file("/grub/grubenv", grubenv(""));
    let (boot, root) = kernel(boot, "", root, release, &format!("initrd.img-{release}"));
    let esp = esp("ubuntu", include_str!("data/ubuntu-esp-grub.cfg"));
    let found = look(
        false,
        Some(esp),
        Some(boot),
        root,
        Some("/dev/mapper/ubuntu--vg-ubuntu--lv"),
    );
    let verdict = starts(&found, release, DefaultBy::Index, "Ubuntu 22.04");
    assert_eq!(found.systems[0].kernels.len(), 1);
    assert_eq!(found.systems[0].network.stacks, ["netplan"]);
    for code in [
        "no-dhcp-client",
        "root-by-device-name",
        "predictable-interface-names",
        "static-address",
    ] {
        assert!(
            verdict.finding(code).is_none(),
            "{code}: {:?}",
            verdict.finding(code)
        );
    }
}

/// The images for clouds start without an initramfs first.
#[test]
fn svc_lim_8_ubuntu_for_clouds_starts_without_an_initramfs() {
    let release = "5.15.0-105-generic";
    let mut texts: Vec<(&str, &str)> = UBUNTU.to_vec();
    texts.retain(|(path, _)| *path != "/etc/fstab" && !path.contains("netplan"));
    texts.push((
        "/etc/fstab",
        "LABEL=cloudimg-rootfs\t/\t ext4\tdiscard,errors=remount-ro\t0 1\nLABEL=UEFI\t/boot/efi\tvfat\tumask=0077\t0 1\n",
    ));
    texts.push((
        "/etc/netplan/50-cloud-init.yaml",
        "network:\n    ethernets:\n        eth0:\n            dhcp4: true\n            match:\n\
         \x20               macaddress: 52:54:00:12:34:56\n            set-name: eth0\n    version: 2\n",
    ));
    let root = merged(files(FsKind::Ext4, ROOT_UUID, &texts));
    let mut identity = Identity::new(FsKind::Ext4);
    identity.uuid = Some(ROOT_UUID.to_owned());
    identity.label = Some("cloudimg-rootfs".to_owned());
    let root = root.with_identity(identity).with_file(
        "/boot/grub/grub.cfg",
        // The third partition of the layout.
        include_str!("data/ubuntu-cloud-grub.cfg").replace(
            "c0ffee00-0000-4000-8000-000000000001",
            "03030303-0303-0303-0303-030303030303",
        ),
    );
    let (root, modules) = kernel(
        root.clone(),
        "/boot",
        MemoryFs::new(FsKind::Ext4),
        release,
        &format!("initrd.img-{release}"),
    );
    drop(modules);
    let list = "kernel/nvme.ko:\nkernel/ena.ko:\n";
    let root = root.with_file(format!("/usr/lib/modules/{release}/modules.dep"), list);
    let found = look(true, None, None, root, None);
    starts(&found, release, DefaultBy::Index, "Ubuntu 22.04");
    assert_eq!(found.systems[0].initramfs.get(), Some(&Initramfs::None));
}

#[test]
fn svc_cfg_2_sles_15_on_ext4_with_its_default_saved_by_title() {
    let release = "5.14.21-150400.22-default";
    let texts = [
        ("/etc/os-release", "-> ../usr/lib/os-release"),
        (
            "/usr/lib/os-release",
            "NAME=\"SLES\"\nVERSION=\"15-SP4\"\nVERSION_ID=\"15.4\"\nPRETTY_NAME=\"SUSE Linux Enterprise Server 15 SP4\"\n\
             ID=\"sles\"\nID_LIKE=\"suse\"\nCPE_NAME=\"cpe:/o:suse:sles:15:sp4\"\n",
        ),
        (
            "/etc/fstab",
            "UUID=b0b0b0b0-0000-4000-8000-000000000003  /  ext4  defaults  0  1\n",
        ),
        (
            "/etc/sysconfig/network/ifcfg-eth0",
            "BOOTPROTO='dhcp'\nSTARTMODE='auto'\nZONE=''\n",
        ),
        ("/etc/sysconfig/network/ifcfg.template", "STARTMODE=''\n"),
        ("/usr/sbin/wickedd", "x"),
    ];
    let root = merged(files(FsKind::Ext4, ROOT_UUID, &texts))
        .with_file("/boot/grub2/grub.cfg", include_str!("data/sles15-grub.cfg"))
        .with_file(
            "/boot/grub2/grubenv",
            grubenv("saved_entry=SLES 15-SP4\nenv_block=\n"),
        )
        .with_symlink("/boot/vmlinuz", format!("vmlinuz-{release}"));
    let (root, modules) = kernel(
        root,
        "/boot",
        MemoryFs::new(FsKind::Ext4),
        release,
        &format!("initrd-{release}"),
    );
    drop(modules);
    let root = root.with_file(
        format!("/usr/lib/modules/{release}/modules.dep"),
        "kernel/nvme.ko.zst:\nkernel/ena.ko.zst:\n",
    );
    let found = look(true, None, None, root, None);
    let verdict = starts(&found, release, DefaultBy::SavedEntry, "SLES 15");
    assert_eq!(found.systems[0].os.version.get().unwrap(), "15.4");
    assert!(verdict.finding("no-dhcp-client").is_none());
}

#[test]
fn svc_cfg_2_amazon_linux_2023_on_one_volume_with_entries() {
    let release = "6.1.84-99.169.amzn2023.x86_64";
    let texts = [
        (
            "/etc/amazon-linux-release",
            "Amazon Linux release 2023.4.20240416 (Amazon Linux)\n",
        ),
        ("/etc/system-release", "-> amazon-linux-release"),
        ("/etc/os-release", "-> ../usr/lib/os-release"),
        (
            "/usr/lib/os-release",
            "NAME=\"Amazon Linux\"\nVERSION=\"2023\"\nID=\"amzn\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"2023\"\n\
             PLATFORM_ID=\"platform:al2023\"\nPRETTY_NAME=\"Amazon Linux 2023.4.20240416\"\n",
        ),
        (
            "/etc/fstab",
            "#\nUUID=b0b0b0b0-0000-4000-8000-000000000003     /           xfs    defaults,noatime  1   1\n\
             UUID=B0B0-0001        /boot/efi       vfat    defaults,noatime,uid=0,gid=0,umask=0077,shortname=winnt,x-systemd.automount 0 2\n",
        ),
        ("/usr/lib/systemd/systemd-networkd", "x"),
    ];
    let (path, text) = entry(
        "Amazon Linux (6.1.84) 2023",
        release,
        "root=UUID=b0b0b0b0-0000-4000-8000-000000000003 ro console=tty0 net.ifnames=0 nvme_core.io_timeout=4294967295",
    );
    // Paths of a volume that is the root hold /boot.
    let text = text
        .replace("linux /", "linux /boot/")
        .replace("initrd /", "initrd /boot/");
    let root = merged(files(FsKind::Xfs, ROOT_UUID, &texts))
        .with_file("/boot/grub2/grub.cfg", include_str!("data/rhel9-grub.cfg"))
        .with_file(
            "/boot/grub2/grubenv",
            grubenv(&format!("saved_entry={MACHINE}-{release}\n")),
        )
        .with_file(format!("/boot{path}"), text);
    let (root, modules) = kernel(
        root,
        "/boot",
        MemoryFs::new(FsKind::Xfs),
        release,
        &format!("initramfs-{release}.img"),
    );
    drop(modules);
    let root = root
        .with_file(
            format!("/usr/lib/modules/{release}/modules.dep"),
            "kernel/ena.ko.xz:\n",
        )
        .with_file(
            format!("/usr/lib/modules/{release}/modules.builtin"),
            "kernel/drivers/nvme/host/nvme.ko\n",
        );
    let stub = include_str!("data/rhel-esp-grub.cfg").replace("/grub2", "/boot/grub2");
    let found = look(true, Some(esp("amzn", &stub)), None, root, None);
    let verdict = starts(&found, release, DefaultBy::SavedEntry, "Amazon Linux 2023");
    assert!(found.systems[0].drivers.get().unwrap().has("nvme"));
    assert!(verdict.finding("nitro-drivers-missing").is_none());
}
