//! How a Linux is started, and the menus that say so.

use super::*;

/// An EFI system partition with these programs.
fn esp(programs: &[&str]) -> MemoryFs {
    programs
        .iter()
        .fold(MemoryFs::new(FsKind::Fat32), |fs, path| {
            fs.with_file(*path, "MZ")
        })
}

fn asked_for(inspection: &Inspection, mode: Option<vmie_rules::guest::BootMode>) -> Verdict {
    let mut request = ImportRequest::new();
    request.boot_mode = mode;
    asked(inspection, Mode::Practical, &request)
}

#[test]
fn svc_boot_1_the_parameter_chooses_among_what_the_disk_can() {
    use vmie_rules::guest::BootMode as Asked;
    let programs = ["/EFI/BOOT/BOOTX64.EFI", "/EFI/debian/grubx64.efi"];
    let uefi = look(
        layout(false, &[0x83, 0xef]),
        vec![debian("12.4", DEB12), esp(&programs)],
    );
    assert_eq!(uefi.boot.modes.get().unwrap(), &[BootMode::Uefi]);
    assert_eq!(codes(&asked_for(&uefi, None)), ["boot-mode-not-asked-for"]);
    assert_eq!(codes(&asked_for(&uefi, Some(Asked::Uefi))), [""; 0]);
    assert_eq!(
        codes(&asked_for(&uefi, Some(Asked::UefiPreferred))),
        [""; 0]
    );
    let refused = asked_for(&uefi, Some(Asked::LegacyBios));
    assert_eq!(refused.decision, Decision::Refused);
    assert_eq!(
        refused.finding("boot-mode-not-possible").unwrap().svc,
        [SvcId::Boot1]
    );
}

#[test]
fn svc_boot_4_linux_by_uefi_needs_the_fallback_binary() {
    use vmie_rules::guest::BootMode as Asked;
    let without = ["/EFI/debian/grubx64.efi"];
    let uefi = look(
        layout(false, &[0x83, 0xef]),
        vec![debian("12.4", DEB12), esp(&without)],
    );
    let verdict = asked_for(&uefi, Some(Asked::Uefi));
    assert_eq!(verdict.decision, Decision::Refused);
    let finding = verdict.finding("no-fallback-efi-binary").unwrap();
    assert_eq!(finding.svc, [SvcId::Boot4]);
    assert_eq!(
        finding.evidence[0].path.as_deref(),
        Some("/EFI/BOOT/BOOTX64.EFI")
    );
    // Case does not matter on FAT.
    let lower = ["/efi/boot/bootx64.efi"];
    let there = look(
        layout(false, &[0x83, 0xef]),
        vec![debian("12.4", DEB12), esp(&lower)],
    );
    assert!(
        asked_for(&there, Some(Asked::Uefi))
            .finding("no-fallback-efi-binary")
            .is_none()
    );
}

#[test]
fn svc_boot_6_the_root_should_be_on_the_disk_that_is_booted_from() {
    let root_layout = layout(false, &[0x83]);
    let partition = root_layout.partition(1).cloned();
    let root = debian("12.4", DEB12);
    let mut volume = GuestVolume::new(VolumeId::partition(1, 1), 1 << 20, partition, root);
    volume.disks = vec![1];
    let disks = vec![
        Disk::new(0, 8 << 20, Fact::known(layout(true, &[0x83]), Vec::new())),
        Disk::new(1, 8 << 20, Fact::known(root_layout, Vec::new())),
    ];
    let found = inspect_volumes(disks, &[volume], &Limits::default());
    assert_eq!(found.boot.bios_disk, Some(0));
    let verdict = verdict(&found, Mode::Practical);
    let finding = verdict.finding("root-not-on-boot-disk").unwrap();
    assert_eq!(
        (finding.svc.as_slice(), finding.severity),
        ([SvcId::Boot6].as_slice(), Severity::Advise)
    );
}

#[test]
fn svc_boot_8_a_grub_for_both_ways_is_told() {
    let programs = ["/EFI/BOOT/BOOTX64.EFI", "/EFI/debian/grubx64.efi"];
    let hybrid = look(
        layout(true, &[0x83, 0xef]),
        vec![debian("12.4", DEB12), esp(&programs)],
    );
    assert_eq!(hybrid.boot.modes.get().unwrap().len(), 2);
    let verdict = verdict(&hybrid, Mode::Practical);
    assert_eq!(verdict.decision, Decision::Accepted);
    assert_eq!(verdict.finding("hybrid-grub").unwrap().svc, [SvcId::Boot8]);
    let shell = look(
        layout(true, &[0x83, 0xef]),
        vec![debian("12.4", DEB12), esp(&["/EFI/tools/shell.efi"])],
    );
    assert!(
        self::verdict(&shell, Mode::Practical)
            .finding("hybrid-grub")
            .is_none()
    );
}

#[test]
fn svc_lim_2_and_err_5_menus_that_start_different_systems_are_refused() {
    let legacy = |kernel: &str, root: &str| {
        format!(
            "default 0\ntitle Linux\n root (hd0,0)\n kernel /boot/vmlinuz-{kernel} root={root} ro\n"
        )
    };
    let said = |path: &str, menu: String| {
        let guest = debian("12.4", DEB12).with_file(path, menu);
        verdict(&look(layout(true, &[0x83]), vec![guest]), Mode::Practical)
    };
    let root = "UUID=11111111-2222";
    // Another kernel, another root.
    for menu in [legacy("5.10.0-8-amd64", root), legacy(DEB12, "/dev/sdb1")] {
        let verdict = said("/boot/grub/menu.lst", menu);
        assert_eq!(verdict.decision, Decision::Refused);
        let finding = verdict.finding("several-grub-menus").unwrap();
        assert_eq!(finding.svc, [SvcId::Lim2, SvcId::Err5]);
        let text = "ClientError: Multiple different grub/menu.lst files found";
        assert_eq!(finding.service_message.as_deref(), Some(text));
        assert_eq!(finding.evidence.len(), 2);
        assert!(finding.remedy.ends_with("rm /boot/grub/menu.lst"));
    }
    // More entries, the same default: a leftover.
    let more = format!(
        "{}title Old\n kernel /boot/vmlinuz-5.10.0-8-amd64 root={root}\n",
        legacy(DEB12, root)
    );
    let verdict = said("/boot/grub/menu.lst", more);
    assert_eq!(verdict.decision, Decision::Accepted);
    assert_eq!(
        verdict.finding("several-grub-menus").unwrap().severity,
        Severity::Advise
    );
}

#[test]
fn svc_lim_2_a_copy_a_stub_and_an_empty_menu_are_no_second_system() {
    let said = |path: &str, menu: &str| {
        let guest = debian("12.4", DEB12).with_file(path, menu);
        verdict(&look(layout(true, &[0x83]), vec![guest]), Mode::Practical)
    };
    let same = format!(
        "default 0\ntitle The same\n kernel /boot/vmlinuz-{DEB12} root=UUID=11111111-2222 ro nvme_core.io_timeout=4294967295\n initrd /boot/initrd\n"
    );
    for (path, menu) in [
        ("/boot/grub/menu.lst", same.as_str()),
        ("/boot/grub/menu.lst", "default 0\ntimeout 5\n"),
        (
            "/boot/grub2/grub.cfg",
            "search --set=root x\nconfigfile /boot/grub/grub.cfg\n",
        ),
        (
            "/boot/efi/EFI/debian/grub.cfg",
            "set prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n",
        ),
        ("/boot/grub/grub.conf", ""),
    ] {
        let verdict = said(path, menu);
        assert!(
            verdict.finding("several-grub-menus").is_none(),
            "{path} {menu}: {:?}",
            codes(&verdict)
        );
        assert_eq!(verdict.decision, Decision::Accepted, "{path}");
    }
}
