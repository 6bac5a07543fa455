//! What is told of tables, requests, loaders and early RAM filesystems.

use super::*;

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
    let footers = Container::new("vhd", "dynamic", 1)
        .named("d.vhd")
        .with_footers_that_differ(Evidence::new("they differ"));
    let said = asked(
        &guest,
        Mode::Practical,
        &ImportRequest::new().with_container(footers),
    );
    let finding = said.finding("vhd-footers").unwrap();
    assert_eq!(said.decision, Decision::Refused);
    assert_eq!(finding.svc, [SvcId::Fmt3, SvcId::Err8]);
    assert_eq!(
        finding.service_message.as_deref(),
        Some("ClientError: Footers not identical")
    );
    assert_eq!(finding.evidence[1].says, "they differ");
    let several = Container::new("vmdk", "streamOptimized", 1).beside_others();
    let said = asked(
        &guest,
        Mode::Practical,
        &ImportRequest::new().with_container(several),
    );
    assert_eq!(codes(&said)[0], "vmdk-in-several-files");
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
    let image = include_bytes!("../../../vmie-fs/tests/data/btrfs-trees.img.gz");
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

    let empty = include_bytes!("../../fixtures/initramfs/without-drivers");
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
