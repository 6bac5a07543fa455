//! Whole guests in memory: what is found in them, and what is said of them.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::sync::Arc;

use vmie_fs::{FsKind, Identity, MemoryFs};
use vmie_guest::{
    Arch, BootMode, Container, Date, Decision, DefaultBy, Disk, Fact, GuestVolume, ImportRequest,
    Inspection, KernelFlavour, Matrix, Mode, MountOutcome, Severity, Verdict, inspect,
    inspect_volumes, judge,
};
use vmie_io::{Budget, Limits, ReadAt};
use vmie_rules::SvcId;
use vmie_rules::matrix::Edition;
use vmie_volumes::{DiskLayout, VolumeId, read_layout};

/// A disk with an MBR: GRUB 2's marks when `grub`, and partitions of these types.
fn layout(grub: bool, types: &[u8]) -> DiskLayout {
    let mut disk = vec![0u8; 8 << 20];
    if grub {
        disk[0] = 0xeb;
        disk[0x180..0x18a].copy_from_slice(b"GRUB \0Geom");
    }
    for (at, kind) in types.iter().enumerate() {
        let entry = 446 + 16 * at;
        disk[entry + 4] = *kind;
        let start = 2048 * (at as u32 + 1);
        disk[entry + 8..entry + 12].copy_from_slice(&start.to_le_bytes());
        disk[entry + 12..entry + 16].copy_from_slice(&2048u32.to_le_bytes());
    }
    disk[440..444].copy_from_slice(&0x12ab_0001u32.to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    read_layout(&disk, &Budget::default()).unwrap()
}

fn id(partition: u32) -> VolumeId {
    VolumeId::partition(0, partition)
}

fn named(kind: FsKind, uuid: &str) -> Identity {
    let mut identity = Identity::new(kind);
    identity.uuid = Some(uuid.to_owned());
    identity
}

fn look(layout: DiskLayout, filesystems: Vec<MemoryFs>) -> Inspection {
    let volumes: Vec<GuestVolume<'_>> = (1..)
        .zip(filesystems)
        .map(|(number, files)| {
            let partition = layout.partition(number).cloned();
            GuestVolume::new(id(number), 1 << 20, partition, files)
        })
        .collect();
    let disk = Disk::new(0, 8 << 20, Fact::known(layout, Vec::new()));
    inspect_volumes(vec![disk], &volumes, &Limits::default())
}

fn verdict(inspection: &Inspection, mode: Mode) -> Verdict {
    asked(inspection, mode, &ImportRequest::new())
}

fn asked(inspection: &Inspection, mode: Mode, request: &ImportRequest) -> Verdict {
    let matrix = Matrix::edition(Edition::E2026);
    let as_of = Date::new(2026, 11, 1).unwrap();
    judge(inspection, request, &matrix, mode, as_of)
}

fn codes(verdict: &Verdict) -> Vec<&'static str> {
    verdict
        .findings
        .iter()
        .map(|finding| finding.code)
        .collect()
}

fn elf(machine: u8, class: u8) -> Vec<u8> {
    let mut head = vec![0u8; 64];
    head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1]);
    head[18] = machine;
    head
}

fn kernel(release: &str) -> Vec<u8> {
    let mut image = vec![0u8; 2048];
    image[0x1f1] = 3;
    image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    image[0x202..0x208].copy_from_slice(b"HdrS\x0f\x02");
    image[0x20e..0x210].copy_from_slice(&[0x00, 0x02]);
    image[0x236] = 1;
    let text = format!("{release} (builder@host) #1 SMP\0");
    image[0x400..0x400 + text.len()].copy_from_slice(text.as_bytes());
    image
}

/// An initramfs with nvme, ena, xen-blkfront and virtio_blk.
const INITRAMFS: &[u8] = include_bytes!("../fixtures/initramfs/zstd");

const MODULES: &str = "kernel/drivers/nvme/host/nvme.ko:\nkernel/drivers/net/ena.ko:\n";

fn system(os_release: &str, release: &str) -> MemoryFs {
    MemoryFs::new(FsKind::Ext4)
        .with_identity(named(FsKind::Ext4, "11111111-2222"))
        .with_file("/usr/lib/os-release", os_release)
        .with_symlink("/etc/os-release", "../usr/lib/os-release")
        .with_file("/etc/fstab", "UUID=11111111-2222 / ext4 defaults 0 1\n")
        .with_file("/usr/bin/sh", elf(62, 2))
        .with_symlink("/bin", "usr/bin")
        .with_symlink("/lib", "usr/lib")
        .with_file(format!("/usr/lib/modules/{release}/modules.dep"), MODULES)
        .with_file(format!("/boot/vmlinuz-{release}"), kernel(release))
        .with_file("/boot/initrd", INITRAMFS)
}

fn menu_of(release: &str) -> String {
    format!(
        "set default=\"0\"\nmenuentry 'Linux' --id a {{\n linux /boot/vmlinuz-{release} root=UUID=11111111-2222 ro nvme_core.io_timeout=4294967295\n initrd /boot/initrd\n}}\n"
    )
}

fn debian(version: &str, release: &str) -> MemoryFs {
    let major = version.split('.').next().unwrap();
    let os = format!(
        "PRETTY_NAME=\"Debian GNU/Linux {major}\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"{major}\"\nID=debian\n"
    );
    system(&os, release)
        .with_file("/etc/debian_version", format!("{version}\n"))
        .with_file("/boot/grub/grub.cfg", menu_of(release))
}

const DEB12: &str = "6.1.0-56-cloud-amd64";

#[test]
fn debian_12_is_accepted_in_practice_and_misses_a_row_to_the_letter() {
    let guest = look(layout(true, &[0x83]), vec![debian("12.15", DEB12)]);
    let system = &guest.systems[0];
    assert_eq!(system.os.id.get().unwrap(), "debian");
    assert_eq!(system.os.version.get().unwrap(), "12.15");
    assert_eq!(system.os.arch.get(), Some(&Arch::X86_64));
    assert_eq!(system.kernels.len(), 1);
    assert!(system.kernels[0].default);
    assert_eq!(system.kernels[0].flavour, KernelFlavour::Cloud);
    assert_eq!(system.kernels[0].sources.len(), 4);
    let default = system.default_kernel.get().unwrap();
    assert_eq!(
        (default.release.as_str(), default.how),
        (DEB12, DefaultBy::Index)
    );
    assert_eq!(default.root(), Some("UUID=11111111-2222"));
    assert_eq!(guest.boot.modes.get().unwrap(), &[BootMode::LegacyBios]);

    let practical = verdict(&guest, Mode::Practical);
    assert_eq!(practical.decision, Decision::Accepted);
    assert_eq!(codes(&practical), ["version-not-listed"]);
    let title = "Debian 12.15 is not listed: the row is Debian 12.2, 12.4 (6.1.0)";
    let advice = &practical.findings[0];
    assert_eq!(
        (advice.title.as_str(), advice.severity),
        (title, Severity::Advise)
    );
    assert_eq!(advice.service_message, None);

    let strict = verdict(&guest, Mode::Strict);
    assert_eq!(strict.decision, Decision::Refused);
    assert_eq!(codes(&strict), ["version-not-listed"]);
    assert_eq!(strict.row.as_deref(), Some("Debian 12.2, 12.4 (6.1.0)"));
    let refusal = &strict.findings[0];
    assert_eq!(
        (refusal.title.as_str(), refusal.severity),
        (title, Severity::Refuse)
    );
    assert_eq!(refusal.svc, [SvcId::Os3, SvcId::Err14]);
    assert_eq!(
        refusal.service_message.as_deref(),
        Some("ClientError: Unknown OS / Missing OS files")
    );
    assert_eq!(
        refusal.evidence[1].path.as_deref(),
        Some("/etc/debian_version")
    );
    let listed = look(layout(true, &[0x83]), vec![debian("12.4", DEB12)]);
    assert_eq!(verdict(&listed, Mode::Strict).decision, Decision::Accepted);
}

#[test]
fn what_the_matrix_does_not_take_is_refused_with_the_services_words() {
    let deb13 = look(
        layout(true, &[0x83]),
        vec![debian("13.7", "6.12.117+deb13-amd64")],
    );
    let said = verdict(&deb13, Mode::Practical);
    assert_eq!(
        (said.decision, codes(&said)),
        (Decision::Refused, vec!["version-not-listed"])
    );

    let odd = look(
        layout(true, &[0x83]),
        vec![debian("12.4", "5.8.0-59-generic")],
    );
    let said = verdict(&odd, Mode::Practical);
    assert_eq!(codes(&said), ["kernel-not-listed"]);
    assert_eq!(
        said.findings[0].service_message.as_deref(),
        Some("ClientError: Unsupported kernel version 5.8.0-59-generic")
    );
    assert_eq!(said.findings[0].svc, [SvcId::Os3, SvcId::Err26]);

    let arch = debian("12.4", DEB12).with_file("/usr/bin/sh", elf(183, 2));
    let said = verdict(&look(layout(true, &[0x83]), vec![arch]), Mode::Practical);
    assert_eq!(codes(&said), ["architecture-unsupported"]);
    assert_eq!(said.findings[0].svc, [SvcId::Lim6]);

    let alma = system(
        "ID=almalinux\nNAME=AlmaLinux\nVERSION_ID=9.3\n",
        "5.14.0-362.el9.x86_64",
    )
    .with_file("/boot/grub2/grub.cfg", menu_of("5.14.0-362.el9.x86_64"));
    let said = verdict(&look(layout(true, &[0x83]), vec![alma]), Mode::Practical);
    assert_eq!(codes(&said), ["system-not-listed"]);

    let nothing = look(layout(true, &[0x83]), vec![MemoryFs::new(FsKind::Ext4)]);
    assert_eq!(
        codes(&verdict(&nothing, Mode::Practical)),
        ["no-operating-system"]
    );
    let empty = look(layout(false, &[]), vec![]);
    assert_eq!(
        codes(&verdict(&empty, Mode::Practical)),
        ["no-valid-partitions"]
    );
}

fn env(text: &str) -> Vec<u8> {
    let mut block = format!("# GRUB Environment Block\n{text}").into_bytes();
    block.resize(1024, b'#');
    block
}

/// RHEL 9 by UEFI with a /boot of its own, as its installer writes it.
fn rhel(saved: &str) -> Vec<MemoryFs> {
    let release = "5.14.0-362.8.1.el9_3.x86_64";
    let entry = |id: &str, release: &str| {
        format!("title {id}\nversion {release}\nlinux /vmlinuz-{release}\noptions $kernelopts\n")
    };
    let esp = MemoryFs::new(FsKind::Fat16)
        .with_identity(named(FsKind::Fat16, "AAAA-0001"))
        .with_file("/EFI/BOOT/BOOTX64.EFI", "MZ")
        .with_file(
            "/EFI/redhat/grub.cfg",
            "search --no-floppy --root-dev-only --fs-uuid --set=dev b\nset prefix=($dev)/grub2\nconfigfile ($dev)/grub2/grub.cfg\n",
        );
    let boot = MemoryFs::new(FsKind::Xfs)
        .with_identity(named(FsKind::Xfs, "b"))
        .with_file("/grub2/grub.cfg", "if [ -s $prefix/grubenv ]; then load_env; fi\nset default=\"${saved_entry}\"\nblscfg\n")
        .with_file("/grub2/grubenv", env(&format!("{saved}kernelopts=root=UUID=r ro\n")))
        .with_file("/vmlinuz-5.14.0-362.8.1.el9_3.x86_64", kernel(release))
        .with_file("/vmlinuz-5.14.0-70.el9.x86_64", kernel("5.14.0-70.el9.x86_64"))
        .with_file("/vmlinuz-0-rescue-m", kernel(release))
        .with_file("/loader/entries/m-5.14.0-362.8.1.el9_3.x86_64.conf", entry("new", release))
        .with_file("/loader/entries/m-5.14.0-70.el9.x86_64.conf", entry("old", "5.14.0-70.el9.x86_64"))
        .with_file("/loader/entries/m-0-rescue.conf", entry("rescue", "0-rescue-m"));
    let root = MemoryFs::new(FsKind::Xfs)
        .with_identity(named(FsKind::Xfs, "r"))
        .with_file("/usr/lib/os-release", "NAME=\"Red Hat Enterprise Linux\"\nID=\"rhel\"\nVERSION_ID=\"9.3\"\n")
        .with_symlink("/etc/os-release", "../usr/lib/os-release")
        .with_file("/etc/redhat-release", "Red Hat Enterprise Linux release 9.3 (Plow)\n")
        .with_file("/etc/fstab", "UUID=r / xfs defaults 0 0\nUUID=b /boot xfs defaults 0 0\nUUID=AAAA-0001 /boot/efi vfat umask=0077 0 2\n")
        .with_file("/usr/bin/bash", elf(62, 2))
        .with_symlink("/usr/bin/sh", "bash")
        .with_symlink("/bin", "usr/bin")
        .with_file("/usr/lib/modules/5.14.0-362.8.1.el9_3.x86_64/modules.dep", MODULES)
        .with_symlink("/lib", "usr/lib");
    vec![esp, boot, root]
}

#[test]
fn bls_guests_need_a_saved_default() {
    let types = [0xef, 0x83, 0x83];
    let guest = look(
        layout(false, &types),
        rhel("saved_entry=m-5.14.0-70.el9.x86_64\n"),
    );
    assert_eq!(guest.boot.modes.get().unwrap(), &[BootMode::Uefi]);
    let system = &guest.systems[0];
    assert_eq!(system.root, id(3));
    let default = system.default_kernel.get().unwrap();
    assert_eq!(default.release, "5.14.0-70.el9.x86_64");
    assert_eq!(default.how, DefaultBy::SavedEntry);
    assert_eq!(default.cmdline.as_deref(), Some("root=UUID=r ro"));
    let releases: Vec<_> = system
        .kernels
        .iter()
        .map(|k| (k.release.as_str(), k.flavour))
        .collect();
    assert_eq!(
        releases,
        [
            ("5.14.0-362.8.1.el9_3.x86_64", KernelFlavour::Stock),
            ("5.14.0-70.el9.x86_64", KernelFlavour::Stock),
            ("0-rescue-m", KernelFlavour::Rescue),
        ]
    );
    let said = verdict(&guest, Mode::Strict);
    assert_eq!(said.decision, Decision::Accepted);
    assert_eq!(
        codes(&said),
        ["subscription-needed", "boot-mode-not-asked-for"]
    );
    assert_eq!(said.row.as_deref(), Some("RHEL 9.0–9.6 (5.14.0)"));

    for saved in ["", "saved_entry=m-6.0-gone\n"] {
        let guest = look(layout(false, &types), rhel(saved));
        let said = verdict(&guest, Mode::Practical);
        assert_eq!(said.decision, Decision::Refused);
        let finding = said.finding("bls-default-not-determined").unwrap();
        assert_eq!(finding.svc, [SvcId::Err22]);
        assert_eq!(
            finding.service_message.as_deref(),
            Some("ClientError: BLSC-style GRUB found, but unable to detect default kernel")
        );
    }
}

#[test]
fn uefi_needs_the_fallback_binary() {
    let mut volumes = rhel("saved_entry=m-5.14.0-70.el9.x86_64\n");
    volumes[0] = MemoryFs::new(FsKind::Fat32).with_file("/EFI/redhat/shimx64.efi", "MZ");
    let guest = look(layout(false, &[0xef, 0x83, 0x83]), volumes);
    let said = verdict(&guest, Mode::Practical);
    let finding = said.finding("no-fallback-efi-binary").unwrap();
    assert_eq!(
        (finding.severity, &finding.svc[..]),
        (Severity::Refuse, &[SvcId::Boot4][..])
    );
    assert!(
        guest.systems[0]
            .mounts
            .iter()
            .any(|m| m.outcome == MountOutcome::NotFound)
    );
    assert!(said.finding("fstab-missing-devices").is_some());
}

#[test]
fn other_distributions_are_read() {
    let ubuntu = "5.15.0-91-generic";
    let submenu = format!(
        "set default=\"1>0\"\nmenuentry Ubuntu {{ linux /boot/vmlinuz-6.8.0-40-generic }}\nsubmenu Adv {{\n menuentry Old {{ linux /boot/vmlinuz-{ubuntu} root=/dev/sda1 }}\n}}\n"
    );
    let guest = system("ID=ubuntu\nNAME=Ubuntu\nVERSION_ID=\"22.04\"\n", ubuntu)
        .with_file("/boot/vmlinuz-6.8.0-40-generic", kernel("6.8.0-40-generic"))
        .with_file("/etc/debian_version", "bookworm/sid\n")
        .with_file("/boot/grub/grub.cfg", submenu);
    let guest = look(layout(true, &[0x83]), vec![guest]);
    assert_eq!(
        guest.systems[0].default_kernel.get().unwrap().release,
        ubuntu
    );
    assert_eq!(verdict(&guest, Mode::Strict).decision, Decision::Accepted);

    let sles = "5.14.21-150400.24.100-default";
    let guest = system("ID=\"sles\"\nNAME=\"SLES\"\nVERSION_ID=\"15.4\"\n", sles)
        .with_file("/boot/grub2/grub.cfg", menu_of(sles));
    let said = verdict(&look(layout(true, &[0x83]), vec![guest]), Mode::Strict);
    assert_eq!(
        (said.decision, codes(&said)),
        (Decision::Accepted, vec!["subscription-needed"])
    );

    // CentOS 6: no os-release, GRUB legacy, a deprecated row.
    let old = "2.6.32-754.el6.x86_64";
    let guest = MemoryFs::new(FsKind::Ext4)
        .with_file("/etc/redhat-release", "CentOS release 6.8 (Final)\n")
        .with_file("/etc/fstab", "/dev/sda1 / ext4 defaults 1 1\n")
        .with_file("/sbin/init", elf(62, 2))
        .with_file(format!("/boot/vmlinuz-{old}"), kernel(old))
        .with_file(
            "/boot/grub/grub.conf",
            format!("default=0\ntitle CentOS\n root (hd0,0)\n kernel /boot/vmlinuz-{old} ro root=/dev/sda1\n"),
        );
    let guest = look(layout(true, &[0x83]), vec![guest]);
    let said = verdict(&guest, Mode::Practical);
    assert_eq!(said.decision, Decision::Accepted);
    assert_eq!(
        codes(&said),
        [
            "fstab-device-names",
            "row-deprecated",
            "root-by-device-name"
        ]
    );
    assert_eq!(verdict(&guest, Mode::Strict).decision, Decision::Refused);
}

#[test]
fn two_systems_are_refused_and_a_copy_is_none() {
    let two = vec![debian("12.4", DEB12), debian("11.11", "5.10.0-46-amd64")];
    let said = verdict(&look(layout(true, &[0x83, 0x83]), two), Mode::Practical);
    let finding = said.finding("several-systems").unwrap();
    assert_eq!(finding.svc, [SvcId::Lim2, SvcId::Err5, SvcId::Err25]);
    assert_eq!(
        finding.service_message.as_deref(),
        Some("ClientError: Multiple different grub/menu.lst files found")
    );
    // The root of a container has no kernel.
    let container = MemoryFs::new(FsKind::Ext4)
        .with_file("/etc/os-release", "ID=alpine\nVERSION_ID=3.19\n")
        .with_file("/bin/busybox", elf(62, 2));
    let guest = look(
        layout(true, &[0x83, 0x83]),
        vec![debian("12.4", DEB12), container],
    );
    assert_eq!(guest.systems.len(), 2);
    assert_eq!(
        verdict(&guest, Mode::Practical).decision,
        Decision::Accepted
    );
}

/// A partition whose kind is known and whose files are not read.
fn closed(number: u32, kind: FsKind, uuid: &str, layout: &DiskLayout) -> GuestVolume<'static> {
    GuestVolume {
        id: id(number),
        size: 1 << 20,
        partition: layout.partition(number).cloned(),
        devices: Vec::new(),
        disks: vec![0],
        member: false,
        identity: Ok(Some(named(kind, uuid))),
        open: Box::new(move || {
            Err(vmie_fs::Error::new(vmie_fs::Cause::NotRead(kind)).in_structure("volume"))
        }),
    }
}

fn with_closed(kind: FsKind, fstab: &str) -> Inspection {
    let layout = layout(true, &[0x83, 0x83]);
    let root = debian("12.4", DEB12).with_file("/etc/fstab", fstab);
    let volumes = [
        GuestVolume::new(id(1), 1 << 20, layout.partition(1).cloned(), root),
        closed(2, kind, "c", &layout),
    ];
    let disk = Disk::new(0, 8 << 20, Fact::known(layout, Vec::new()));
    inspect_volumes(vec![disk], &volumes, &Limits::default())
}

#[test]
fn what_could_not_be_read_is_never_guessed() {
    let layout = layout(true, &[0x83]);
    let volumes = [closed(1, FsKind::Xfs, "c", &layout)];
    let disk = Disk::new(0, 8 << 20, Fact::known(layout, Vec::new()));
    let guest = inspect_volumes(vec![disk], &volumes, &Limits::default());
    let said = verdict(&guest, Mode::Practical);
    assert_eq!(said.decision, Decision::Undetermined);
    assert_eq!(codes(&said), ["undetermined-root-filesystem"]);
    assert_eq!(
        said.findings[0].title,
        "Which system is on disk0p1 could not be established, because the volume is XFS, whose files are not read"
    );

    let said = verdict(
        &with_closed(FsKind::Xfs, "UUID=c /data xfs\n"),
        Mode::Practical,
    );
    assert_eq!(said.decision, Decision::Accepted, "{:?}", said.findings);
    let said = verdict(&with_closed(FsKind::Ntfs, "\n"), Mode::Practical);
    assert_eq!(codes(&said), ["undetermined-other-system"]);
    let said = verdict(&with_closed(FsKind::Luks2, "\n"), Mode::Practical);
    assert_eq!(
        (said.decision, codes(&said)),
        (Decision::Refused, vec!["encrypted-volume"])
    );

    let boot = with_closed(FsKind::Jfs, "UUID=c /boot jfs\n");
    let system = &boot.systems[0];
    assert_eq!(
        system.hidden("/boot/grub").as_deref(),
        Some("/boot (disk0p2) could not be read: the volume is JFS, whose files are not read")
    );
}

#[test]
fn a_system_that_does_not_say_its_name_is_unknown_unless_it_could_not_be_looked_at() {
    let nameless = MemoryFs::new(FsKind::Ext4)
        .with_file("/etc/fstab", "UUID=ab / ext4\n")
        .with_file("/bin/sh", elf(62, 2));
    let said = verdict(
        &look(layout(true, &[0x83]), vec![nameless.clone()]),
        Mode::Practical,
    );
    assert!(codes(&said).contains(&"unknown-system"));
    let elsewhere = nameless
        .with_symlink("/etc/os-release", "../usr/lib/os-release")
        .with_file("/etc/fstab", "UUID=gone /usr ext4\n")
        .with_file("/boot/grub/grub.cfg", menu_of(DEB12));
    let said = verdict(
        &look(layout(true, &[0x83]), vec![elsewhere]),
        Mode::Practical,
    );
    assert_eq!(said.decision, Decision::Undetermined, "{:?}", said.findings);
    assert_eq!(codes(&said)[0], "undetermined-system");
}

#[test]
fn the_table_of_filesystems_is_judged() {
    let fstab = "/dev/sda1 / ext4\nUUID=gone /srv ext4\n//h/s /mnt cifs\nbroken line\n";
    let root = debian("12.4", DEB12).with_file("/etc/fstab", fstab);
    let said = verdict(&look(layout(true, &[0x83]), vec![root]), Mode::Strict);
    assert_eq!(said.decision, Decision::Accepted);
    assert_eq!(
        codes(&said),
        [
            "fstab-device-names",
            "fstab-missing-devices",
            "fstab-shares",
            "fstab-invalid-entries"
        ]
    );
    assert!(
        said.findings
            .iter()
            .all(|f| f.severity == Severity::Change && f.svc == [SvcId::Mod5])
    );
    assert_eq!(said.findings[1].evidence[0].line, Some(2));
}

#[test]
fn the_request_is_judged_too() {
    let guest = look(layout(true, &[0x83]), vec![debian("12.4", DEB12)]);
    for (format, variant, code) in [
        ("raw", "", None),
        ("vmdk", "streamOptimized", None),
        (
            "vmdk",
            "monolithicSparse",
            Some("vmdk-not-stream-optimized"),
        ),
        ("vmdk", "seSparse", Some("vmdk-sesparse")),
        ("vhd", "differencing", Some("vhd-differencing")),
        ("qcow2", "", Some("format-unsupported")),
    ] {
        let request = ImportRequest::new().with_container(Container::new(format, variant, 1));
        let said = asked(&guest, Mode::Strict, &request);
        assert_eq!(
            codes(&said),
            code.into_iter().collect::<Vec<_>>(),
            "{format} {variant}"
        );
    }
    let uefi = ImportRequest::new().with_boot_mode(vmie_rules::guest::BootMode::Uefi);
    assert_eq!(
        codes(&asked(&guest, Mode::Strict, &uefi)),
        ["boot-mode-not-possible"]
    );
    let aws = ImportRequest::new().with_license_type(vmie_rules::license::LicenseType::Aws);
    assert_eq!(
        codes(&asked(&guest, Mode::Strict, &aws)),
        ["license-type-not-allowed"]
    );
}

#[test]
fn boot_loaders_and_kernels_that_are_missing_are_told() {
    let plain = |extra: fn(MemoryFs) -> MemoryFs| {
        let os = "ID=debian\nNAME=Debian\nVERSION_ID=12.4\n";
        let root = extra(system(os, DEB12));
        verdict(&look(layout(true, &[0x83]), vec![root]), Mode::Practical)
    };
    assert_eq!(codes(&plain(|fs| fs)), ["no-grub"]);
    let said = plain(|fs| fs.with_file("/boot/extlinux/extlinux.conf", "DEFAULT linux\n"));
    assert_eq!(codes(&said), ["boot-loader-not-grub"]);
    let no_boot = look(layout(false, &[0x83]), vec![debian("12.4", DEB12)]);
    assert_eq!(
        codes(&verdict(&no_boot, Mode::Practical)),
        ["no-bootable-partition"]
    );
    let mut active = layout(false, &[0x83]);
    active.partitions[0].bootable = true;
    let no_code = verdict(&look(active, vec![debian("12.4", DEB12)]), Mode::Practical);
    assert_eq!(codes(&no_code), ["no-boot-code"]);
    assert_eq!(no_code.decision, Decision::Accepted);
}

#[cfg(feature = "serde")]
#[test]
fn documents_have_the_promised_keys() {
    let guest = look(layout(true, &[0x83]), vec![debian("12.15", DEB12)]);
    let verdict = verdict(&guest, Mode::Strict);
    let document = serde_json::to_value(vmie_guest::Preflight {
        inspection: &guest,
        verdict: &verdict,
    })
    .unwrap();
    assert_eq!(document["systems"][0]["os"]["version"], "12.15");
    assert_eq!(document["systems"][0]["kernels"][0]["default"], true);
    assert_eq!(document["systems"][0]["bootloader"], "grub2");
    assert_eq!(document["boot"]["modes"][0], "legacy-bios");
    assert_eq!(document["verdict"], "refused");
    assert_eq!(document["as_of"], "2026-11-01");
    assert_eq!(document["findings"][0]["severity"], "refuse");
    assert_eq!(document["findings"][0]["svc"][0], "SVC-OS-3");
    for key in [
        "filesystems",
        "evidence",
        "unknown",
        "mode",
        "edition",
        "row",
    ] {
        assert!(document.get(key).is_some(), "{key}");
    }
}

/// SVC-VOL-1: Btrfs is taken, a root in one of its subvolumes is not.
#[test]
fn a_root_in_a_subvolume_is_found_and_refused() {
    let image = include_bytes!("../../vmie-fs/tests/data/btrfs-trees.img.gz");
    let disk: Arc<dyn ReadAt> = Arc::new(vmie_testkit::fsimage::unpack(image));
    let inspection = inspect(&[disk], &Limits::default()).unwrap();
    let subvolumes: Vec<_> = inspection
        .systems
        .iter()
        .map(|system| system.root_subvolume.as_deref())
        .collect();
    // Not the snapshot, which is read-only.
    assert_eq!(subvolumes, [Some("/@")]);
    let mut inspection = look(layout(true, &[0x83]), vec![debian("12", "6.1.0-13-amd64")]);
    assert!(!codes(&verdict(&inspection, Mode::Practical)).contains(&"root-in-subvolume"));
    inspection.systems[0].root_subvolume = Some("/@rootfs".to_owned());
    let refused = verdict(&inspection, Mode::Practical);
    assert_eq!(refused.decision, Decision::Refused);
    assert!(codes(&refused).contains(&"root-in-subvolume"));
}

#[test]
fn svc_err_23_and_svc_lim_8_the_initramfs_is_read() {
    let release = "6.1.0-56-cloud-amd64";
    let with = |file: Option<&[u8]>, cmdline: &str| {
        let menu = format!(
            "menuentry 'Linux' {{\n linux /boot/vmlinuz-{release} root=UUID=11111111-2222 {cmdline}\n initrd /boot/initrd.img-{release}\n}}\n"
        );
        let mut root = debian("12.4", release).with_file("/boot/grub/grub.cfg", menu);
        if let Some(file) = file {
            root = root.with_file(format!("/boot/initrd.img-{release}"), file);
        }
        look(layout(true, &[0x83]), vec![root])
    };
    let timeout = "nvme_core.io_timeout=4294967295";

    let good = with(Some(INITRAMFS), timeout);
    let initramfs = good.systems[0].initramfs.get().unwrap();
    assert!(initramfs.has("nvme") && initramfs.has("xen-blkfront") && !initramfs.has("ahci"));
    assert_eq!(codes(&verdict(&good, Mode::Practical)), [""; 0]);

    let impatient = verdict(&with(Some(INITRAMFS), "quiet"), Mode::Practical);
    let finding = impatient.finding("nvme-timeout-default").unwrap();
    assert_eq!(finding.svc, [SvcId::Lim8]);

    let cut = &INITRAMFS[..INITRAMFS.len() / 2];
    for damaged in [cut, b"".as_slice(), b"#!/bin/sh"] {
        let verdict = verdict(&with(Some(damaged), timeout), Mode::Practical);
        assert_eq!(verdict.decision, Decision::Refused);
        let finding = verdict.finding("initramfs-unreadable").unwrap();
        assert_eq!(finding.svc, [SvcId::Err23]);
        assert!(
            finding
                .service_message
                .as_deref()
                .unwrap()
                .contains("initramfs/initrd")
        );
        assert!(
            finding
                .remedy
                .ends_with("update-initramfs -u -k 6.1.0-56-cloud-amd64")
        );
        let place = finding.evidence[0].path.as_deref().unwrap();
        assert_eq!(place, "/boot/initrd.img-6.1.0-56-cloud-amd64");
    }

    let missing = verdict(&with(None, timeout), Mode::Practical);
    assert_eq!(codes(&missing), ["initramfs-missing"]);

    let empty = include_bytes!("../fixtures/initramfs/without-drivers");
    let without = verdict(&with(Some(empty), timeout), Mode::Practical);
    assert_eq!(without.decision, Decision::Accepted);
    assert_eq!(codes(&without), ["initramfs-lacks-nvme"]);
    let finding = without.finding("initramfs-lacks-nvme").unwrap();
    assert!(
        finding
            .remedy
            .contains("echo nvme >> /etc/initramfs-tools/modules")
    );
}
