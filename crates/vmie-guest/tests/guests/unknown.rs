//! What could not be established is told as that, with what would establish it; and requests and files that are
//! refused whatever is inside.

use super::*;
use vmie_guest::{Finding, Machine};
use vmie_rules::stated::StatedSystem;

/// The one undetermined finding that decides.
fn open<'v>(verdict: &'v Verdict, code: &str) -> &'v Finding {
    assert_eq!(
        verdict.decision,
        Decision::Undetermined,
        "{:?}",
        codes(verdict)
    );
    let finding = verdict
        .finding(code)
        .unwrap_or_else(|| panic!("{code} is not in {:?}", codes(verdict)));
    assert!(finding.is_undetermined() && !finding.remedy.is_empty());
    assert!(finding.title.contains("could not be established, because"));
    assert_eq!(finding.service_message, None);
    finding
}

fn practical(root: MemoryFs) -> Verdict {
    verdict(&look(layout(true, &[0x83]), vec![root]), Mode::Practical)
}

#[test]
fn a_version_that_nothing_names_is_left_open() {
    let sid = "ID=debian\nNAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\n";
    let root = system(sid, DEB12)
        .with_file("/etc/debian_version", "trixie/sid\n")
        .with_file("/boot/grub/grub.cfg", menu_of(DEB12));
    let said = practical(root);
    let finding = open(&said, "undetermined-version");
    assert!(
        finding.title.contains("names no version"),
        "{}",
        finding.title
    );
    assert_eq!(finding.evidence[0].path.as_deref(), Some("/etc/os-release"));
}

#[test]
fn an_architecture_that_no_program_tells_is_left_open() {
    let said = practical(debian("12.4", DEB12).with_file("/usr/bin/sh", "#!/bin/false"));
    open(&said, "undetermined-architecture");
    assert_eq!(codes(&said), ["undetermined-architecture"]);
}

#[test]
fn svc_err_29_a_default_entry_that_starts_no_linux_leaves_the_kernel_open() {
    let menu = "menuentry Other { chainloader (hd0,2)+1 }\n".to_owned() + &menu_of(DEB12);
    let said = practical(debian("12.4", DEB12).with_file("/boot/grub/grub.cfg", menu));
    let finding = open(&said, "undetermined-kernel");
    assert_eq!(finding.svc, [SvcId::Os3, SvcId::Err29]);
    assert!(finding.evidence[0].says.contains("\"Other\""));
}

/// What the root has in `/boot` below a volume that cannot be read is not what starts.
#[test]
fn svc_cfg_2_a_boot_volume_that_is_not_read_leaves_loader_and_kernel_open() {
    let fstab = "UUID=11111111-2222 / ext4 defaults 0 1\nUUID=c /boot ext4 defaults 0 2\n";
    let root = debian("12.4", DEB12).with_file("/etc/fstab", fstab);
    let layout = layout(true, &[0x83, 0x83]);
    let closed = closed_boot(&layout);
    let first = GuestVolume::new(id(1), 1 << 20, layout.partition(1).cloned(), root);
    let disk = Disk::new(0, 8 << 20, Fact::known(layout, Vec::new()));
    let guest = inspect_volumes(vec![disk], &[first, closed], &Limits::default());
    let system = &guest.systems[0];
    assert!(system.hidden("/boot/grub").is_some());
    assert_eq!(system.bootloaders, []);
    let said = verdict(&guest, Mode::Practical);
    for code in ["undetermined-kernel", "undetermined-boot-loader"] {
        let finding = open(&said, code);
        assert!(
            finding.title.contains("/boot (disk0p2)"),
            "{}",
            finding.title
        );
    }
    assert!(said.finding("no-grub").is_none() && said.finding("no-kernel").is_none());
}

/// A `/boot` whose files cannot be read.
fn closed_boot(layout: &DiskLayout) -> GuestVolume<'static> {
    let mut boot = GuestVolume::new(
        id(2),
        1 << 20,
        layout.partition(2).cloned(),
        MemoryFs::new(FsKind::Ext4).with_identity(named(FsKind::Ext4, "c")),
    );
    boot.open =
        Box::new(|| Err(vmie_fs::Error::new(vmie_fs::Cause::Feature).in_structure("superblock")));
    boot
}

#[test]
fn a_disk_whose_table_cannot_be_read_leaves_everything_open() {
    let disk = Disk::new(
        0,
        8 << 20,
        Fact::unknown("its table is damaged", Vec::new()),
    );
    let guest = inspect_volumes(vec![disk], &[], &Limits::default());
    let said = verdict(&guest, Mode::Practical);
    open(&said, "undetermined-disk");
    open(&said, "undetermined-boot-mode");
    for code in [
        "no-valid-partitions",
        "no-operating-system",
        "no-bootable-partition",
    ] {
        assert!(said.finding(code).is_none(), "{code}");
    }
}

/// One EFI system partition is read and has no fallback, the other cannot be read.
#[test]
fn svc_boot_4_an_unread_partition_may_have_the_fallback() {
    let layout = layout(false, &[0x83, 0xef, 0xef]);
    let partition = |number| layout.partition(number).cloned();
    let root = GuestVolume::new(id(1), 1 << 20, partition(1), debian("12.4", DEB12));
    let grub = MemoryFs::new(FsKind::Fat32).with_file("/EFI/debian/grubx64.efi", "MZ");
    let known = GuestVolume::new(id(2), 1 << 20, partition(2), grub);
    let mut closed = GuestVolume::new(id(3), 1 << 20, partition(3), MemoryFs::new(FsKind::Fat32));
    closed.open =
        Box::new(|| Err(vmie_fs::Error::new(vmie_fs::Cause::Read).in_structure("boot sector")));
    let disk = Disk::new(0, 8 << 20, Fact::known(layout.clone(), Vec::new()));
    let guest = inspect_volumes(vec![disk], &[root, known, closed], &Limits::default());
    let said = verdict(&guest, Mode::Practical);
    let finding = open(&said, "undetermined-fallback-binary");
    assert_eq!(finding.svc, [SvcId::Boot4]);
    assert!(said.finding("no-fallback-efi-binary").is_none());
}

/// A bound that is passed is no damage.
#[test]
fn svc_err_23_an_initramfs_beyond_a_limit_is_left_open() {
    let layout = layout(true, &[0x83]);
    let volume = GuestVolume::new(
        id(1),
        1 << 20,
        layout.partition(1).cloned(),
        debian("12.4", DEB12),
    );
    let disk = || Disk::new(0, 8 << 20, Fact::known(layout.clone(), Vec::new()));
    let volumes = [volume];
    let limits = Limits::default().with_unpacked(64);
    let said = verdict(
        &inspect_volumes(vec![disk()], &volumes, &limits),
        Mode::Practical,
    );
    let finding = open(&said, "undetermined-initramfs");
    assert_eq!(finding.svc, [SvcId::Err23]);
    // Not asked for, it is no question.
    let limits = Limits::default().with_unpacked(0);
    let said = verdict(
        &inspect_volumes(vec![disk()], &volumes, &limits),
        Mode::Practical,
    );
    assert_eq!(said.decision, Decision::Accepted);
}

#[test]
fn svc_vol_3_a_physical_volume_that_is_part_of_no_group_is_left_open() {
    let layout = layout(true, &[0x8e]);
    let mut volume = GuestVolume::new(
        id(1),
        1 << 20,
        layout.partition(1).cloned(),
        MemoryFs::new(FsKind::Lvm2Pv),
    );
    volume.open = Box::new(|| {
        Err(vmie_fs::Error::new(vmie_fs::Cause::NotRead(FsKind::Lvm2Pv)).in_structure("volume"))
    });
    let disk = Disk::new(0, 8 << 20, Fact::known(layout, Vec::new()));
    let guest = inspect_volumes(vec![disk], &[volume], &Limits::default());
    let said = verdict(&guest, Mode::Practical);
    let finding = open(&said, "undetermined-volume-group");
    assert_eq!(finding.svc, [SvcId::Vol3]);
}

/// SVC-OS says it of RHEL 6: not 2.6.32-71.
#[test]
fn svc_err_26_a_kernel_that_a_row_excludes_is_refused() {
    let with = |release: &str| {
        let root = MemoryFs::new(FsKind::Ext4)
            .with_identity(named(FsKind::Ext4, "11111111-2222"))
            .with_file(
                "/etc/redhat-release",
                "Red Hat Enterprise Linux Server release 6.0 (Santiago)\n",
            )
            .with_file("/etc/fstab", "UUID=11111111-2222 / ext4 defaults 0 1\n")
            .with_file("/sbin/init", elf(62, 2))
            .with_file(format!("/boot/vmlinuz-{release}"), kernel(release))
            .with_file(
                "/boot/grub/grub.conf",
                format!("default=0\ntitle RHEL\n kernel /boot/vmlinuz-{release} root=UUID=11111111-2222\n"),
            );
        practical(root)
    };
    let said = with("2.6.32-71.el6.x86_64");
    assert_eq!(said.decision, Decision::Refused);
    let finding = said.finding("kernel-excluded").unwrap();
    assert!(finding.svc.contains(&SvcId::Err26));
    assert_eq!(
        finding.service_message.as_deref(),
        Some("ClientError: Unsupported kernel version 2.6.32-71.el6.x86_64")
    );
    assert_eq!(
        with("2.6.32-131.0.15.el6.x86_64").decision,
        Decision::Accepted
    );
}

/// What is said of a guest whose disk lies in such a file.
fn in_file(container: Container) -> Verdict {
    let guest = look(layout(true, &[0x83]), vec![debian("12.4", DEB12)]);
    let request = ImportRequest::new().with_container(container);
    asked(&guest, Mode::Practical, &request)
}

#[test]
fn svc_fmt_3_a_differencing_vhdx_is_refused() {
    let part = in_file(Container::new("vhdx", "differencing", 1));
    let finding = part.finding("vhdx-differencing").unwrap();
    assert_eq!(
        (finding.svc.as_slice(), &finding.service_message),
        (&[SvcId::Fmt3][..], &None)
    );
}

#[test]
fn svc_fmt_7_a_disk_in_chunks_is_refused() {
    let chunks = in_file(
        Container::new("vmdk", "streamOptimized", 1)
            .inside_ova()
            .in_chunks(),
    );
    let finding = chunks.finding("disk-in-chunks").unwrap();
    assert_eq!(finding.svc, [SvcId::Fmt7, SvcId::Err3]);
    assert!(
        finding
            .service_message
            .as_deref()
            .unwrap()
            .contains("OVA with chunked disk files is not supported")
    );
}

#[test]
fn svc_fmt_9_a_disk_has_less_than_8_tib() {
    let request = ImportRequest::new();
    let said = |size| {
        let mut guest = look(layout(true, &[0x83]), vec![debian("12.4", DEB12)]);
        guest.disks[0].size = size;
        asked(&guest, Mode::Practical, &request)
    };
    assert!(said((8 << 40) - 512).finding("disk-too-large").is_none());
    for (size, bound) in [(8u64 << 40, "8 TiB"), (16 << 40, "16 TiB")] {
        let verdict = said(size);
        let finding = verdict.finding("disk-too-large").unwrap();
        assert_eq!(finding.svc, [SvcId::Fmt9]);
        assert!(finding.title.contains(bound), "{}", finding.title);
    }
}

#[test]
fn svc_lim_5_several_cards_of_the_machine_are_told() {
    let guest = look(layout(true, &[0x83]), vec![debian("12.4", DEB12)]);
    let with = |cards| {
        let mut machine = Machine::new();
        machine.network_cards = cards;
        let request = ImportRequest::new().with_machine(machine);
        asked(&guest, Mode::Practical, &request)
    };
    let said = with(Some(3));
    let finding = said.finding("several-network-cards").unwrap();
    assert_eq!(
        (finding.severity, finding.svc.as_slice()),
        (Severity::Change, &[SvcId::Lim5][..])
    );
    for one in [Some(1), Some(0), None] {
        assert!(with(one).finding("several-network-cards").is_none());
    }
}

/// Nothing that is known is on the disk, and the descriptor names a system that no row has.
#[test]
fn svc_os_3_a_descriptor_of_an_unlisted_system_is_told() {
    let guest = look(layout(true, &[0xa5]), vec![]);
    let with = |id: &str| {
        let mut machine = Machine::new();
        machine.stated = StatedSystem::by_guest_id(id);
        assert!(machine.stated.is_some(), "{id}");
        let request = ImportRequest::new().with_machine(machine);
        asked(&guest, Mode::Practical, &request)
    };
    let said = with("debian13_64Guest");
    assert_eq!(said.decision, Decision::Refused);
    let finding = said.finding("stated-system-unlisted").unwrap();
    assert_eq!(finding.svc, [SvcId::Os3]);
    assert!(
        with("debian12_64Guest")
            .finding("stated-system-unlisted")
            .is_none()
    );
}
