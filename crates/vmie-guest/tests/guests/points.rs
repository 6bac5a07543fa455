//! Points of the service's guide about disks and Linux guests, each with what is just inside of it.

use super::*;
use vmie_guest::Finding;
use vmie_rules::guest::BootMode as Asked;

/// The one finding of this code, and that it rests on this point.
fn told<'v>(verdict: &'v Verdict, code: &str, svc: SvcId) -> &'v Finding {
    let finding = verdict
        .finding(code)
        .unwrap_or_else(|| panic!("{code} is not in {:?}", codes(verdict)));
    assert!(finding.svc.contains(&svc), "{:?}", finding.svc);
    assert!(!finding.remedy.is_empty());
    finding
}

fn plain() -> Inspection {
    look(layout(true, &[0x83]), vec![debian("12.4", DEB12)])
}

#[test]
fn svc_vol_1_linux_is_taken_on_six_filesystems_and_no_other() {
    let on = |kind| {
        let (mut root, identity) = (debian("12.4", DEB12), named(kind, "11111111-2222"));
        root = root.with_identity(identity);
        verdict(&look(layout(true, &[0x83]), vec![root]), Mode::Strict)
    };
    for kind in [
        FsKind::Ext2,
        FsKind::Ext3,
        FsKind::Ext4,
        FsKind::Btrfs,
        FsKind::Jfs,
        FsKind::Xfs,
    ] {
        assert_eq!(codes(&on(kind)), [""; 0], "{kind:?}");
    }
    for kind in [FsKind::Fat32, FsKind::ExFat, FsKind::Iso9660] {
        let said = on(kind);
        assert_eq!(said.decision, Decision::Refused, "{kind:?}");
        told(&said, "root-filesystem-unsupported", SvcId::Vol1);
    }
}

/// A second volume of this kind beside the system's, whose files cannot be opened.
fn beside(kind: FsKind) -> Inspection {
    let layout = layout(true, &[0x83, 0x83]);
    let partition = |number| layout.partition(number).cloned();
    let mut second = GuestVolume::new(id(2), 1 << 20, partition(2), MemoryFs::new(kind));
    second.open = Box::new(|| {
        let error = vmie_fs::open(std::sync::Arc::new(vec![0u8; 4096]), &Limits::default());
        Err(error.err().unwrap())
    });
    let first = GuestVolume::new(id(1), 1 << 20, partition(1), debian("12.4", DEB12));
    let disk = Disk::new(0, 8 << 20, Fact::known(layout.clone(), Vec::new()));
    inspect_volumes(vec![disk], &[first, second], &Limits::default())
}

#[test]
fn svc_vol_4_encrypted_volumes_are_refused() {
    for kind in [FsKind::Luks1, FsKind::Luks2, FsKind::BitLocker] {
        let said = verdict(&beside(kind), Mode::Practical);
        assert_eq!(said.decision, Decision::Refused, "{kind:?}");
        let finding = told(&said, "encrypted-volume", SvcId::Vol4);
        assert!(finding.title.contains("disk0p2"), "{}", finding.title);
        assert_eq!(finding.evidence[0].volume, Some(id(2)));
    }
    let said = verdict(&beside(FsKind::Swap), Mode::Practical);
    assert_eq!(said.decision, Decision::Accepted, "{:?}", codes(&said));
}

#[test]
fn svc_lim_3_and_svc_lim_11_kinds_of_vmdk_that_hold_no_disk() {
    let of = |variant: &str| {
        let container = Container::new("vmdk", variant, 8 << 20).named("disk.vmdk");
        let request = ImportRequest::new().with_container(container);
        asked(&plain(), Mode::Practical, &request)
    };
    for (variant, code, svc) in [
        ("rawDevice", "vmdk-raw-device", SvcId::Lim3),
        ("seSparse", "vmdk-sesparse", SvcId::Lim11),
    ] {
        let said = of(variant);
        assert_eq!(said.decision, Decision::Refused, "{variant}");
        let finding = told(&said, code, svc);
        assert!(
            finding.title.starts_with("`disk.vmdk`"),
            "{}",
            finding.title
        );
        assert_eq!(
            finding.service_message.as_deref(),
            Some("ClientError: Disk validation failed [Unsupported VMDK File Format]")
        );
    }
    assert_eq!(codes(&of("streamOptimized")), [""; 0]);
}

#[test]
fn svc_lim_4_an_import_takes_21_disks() {
    let of = |count: u32| {
        let mut found = plain();
        let more = (1..count).map(|index| {
            let layout = layout(false, &[0x83]);
            Disk::new(index, 8 << 20, Fact::known(layout, Vec::new()))
        });
        found.disks.extend(more);
        verdict(&found, Mode::Practical)
    };
    assert_eq!(codes(&of(21)), [""; 0]);
    let said = of(22);
    assert_eq!(said.decision, Decision::Refused);
    let finding = told(&said, "too-many-volumes", SvcId::Lim4);
    assert!(finding.title.contains("22 disks"), "{}", finding.title);
    assert!(finding.remedy.contains("import-snapshot"));
}

#[test]
fn svc_lim_7_the_root_needs_room_for_drivers() {
    let with = |free: u64| {
        let root = debian("12.4", DEB12).with_space(Space::new(1 << 30, free));
        verdict(&look(layout(true, &[0x83]), vec![root]), Mode::Practical)
    };
    assert_eq!(codes(&with(250 << 20)), [""; 0]);
    let said = with((250 << 20) - 1);
    let finding = told(&said, "little-free-space", SvcId::Lim7);
    assert_eq!(finding.severity, Severity::Advise);
    assert!(finding.title.contains("249 MiB"), "{}", finding.title);
    assert_eq!(finding.evidence[0].volume, Some(id(1)));
}

#[test]
fn svc_lim_9_predictable_names_are_told_unless_they_are_turned_off() {
    let with = |change: fn(MemoryFs) -> MemoryFs| {
        let root =
            debian("12.4", DEB12).with_file("/usr/lib/systemd/network/99-default.link", "[Link]\n");
        let found = look(layout(true, &[0x83]), vec![change(root)]);
        (
            found.systems[0].network.predictable_names,
            verdict(&found, Mode::Practical),
        )
    };
    let (known, said) = with(|root| root);
    assert_eq!(known, Some(true));
    let finding = told(&said, "predictable-interface-names", SvcId::Lim9);
    assert_eq!(
        finding.evidence[0].path.as_deref(),
        Some("/usr/lib/systemd/network/99-default.link")
    );
    let (known, said) = with(|root| {
        let menu = menu_of(DEB12).replace(" ro ", " ro net.ifnames=0 ");
        root.with_file("/boot/grub/grub.cfg", menu)
    });
    assert_eq!((known, codes(&said)), (Some(false), vec![]));
    let (known, said) =
        with(|root| root.with_symlink("/etc/systemd/network/99-default.link", "/dev/null"));
    assert_eq!((known, codes(&said)), (Some(false), vec![]));
    // Another value switches nothing off.
    let (known, _) = with(|root| {
        let menu = menu_of(DEB12).replace(" ro ", " ro net.ifnames=1 ");
        root.with_file("/boot/grub/grub.cfg", menu)
    });
    assert_eq!(known, Some(true));
}

#[test]
fn svc_boot_9_uefi_is_supported_in_commercial_regions_since_a_day() {
    let said = |region: &str, as_of: (u16, u8, u8), mode: Option<Asked>| {
        let mut request = ImportRequest::new().with_region(region);
        request.boot_mode = mode;
        let as_of = Date::new(as_of.0, as_of.1, as_of.2).unwrap();
        let mut found = plain();
        let both = vec![BootMode::LegacyBios, BootMode::Uefi];
        found.boot.modes = Fact::known(both, Vec::new());
        let matrix = Matrix::edition(Edition::E2025);
        let verdict = judge(&found, &request, &matrix, Mode::Practical, as_of);
        verdict
            .finding("uefi-in-region")
            .map(|finding| (finding.svc.clone(), finding.title.clone()))
    };
    let uefi = Some(Asked::Uefi);
    assert_eq!(said("eu-central-1", (2024, 4, 18), uefi), None);
    let (svc, title) = said("eu-central-1", (2024, 4, 17), uefi).unwrap();
    assert_eq!(svc, [SvcId::Boot9]);
    assert_eq!(
        title,
        "UEFI is supported in Europe (Frankfurt) since 2024-04-18 only"
    );
    let (_, title) = said("cn-north-1", (2026, 11, 1), uefi).unwrap();
    assert!(title.contains("China (Beijing)"), "{title}");
    for other in [None, Some(Asked::LegacyBios), Some(Asked::UefiPreferred)] {
        assert_eq!(said("cn-north-1", (2026, 11, 1), other), None, "{other:?}");
    }
}
