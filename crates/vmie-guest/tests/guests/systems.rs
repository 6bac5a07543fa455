//! Which systems are found, and how the matrix takes them.

use super::*;

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

/// Flatcar's `/usr` is a volume of its own that no table names, and what its root has of `/etc` points there.
#[test]
fn a_system_that_lies_in_usr_alone_is_named() {
    let esp = MemoryFs::new(FsKind::Fat32)
        .with_file("/EFI/boot/bootx64.efi", "MZ")
        .with_file("/flatcar/vmlinuz-a", kernel("6.6.95-flatcar"));
    let usr = MemoryFs::new(FsKind::Btrfs)
        .with_file(
            "/lib/os-release",
            "NAME=\"Flatcar Container Linux by Kinvolk\"\nID=flatcar\nID_LIKE=coreos\nVERSION=4459.0.0\n\
             VERSION_ID=4459.0.0\nPRETTY_NAME=\"Flatcar Container Linux by Kinvolk 4459.0.0 (Oklo)\"\n",
        )
        .with_file("/bin/bash", elf(62, 2))
        .with_symlink("/bin/sh", "bash")
        .with_file("/lib/modules/6.6.95-flatcar/modules.dep", MODULES);
    let bare = MemoryFs::new(FsKind::Ext4).with_dir("/lost+found");
    let started = MemoryFs::new(FsKind::Ext4)
        .with_symlink("/etc/os-release", "../usr/lib/os-release")
        .with_file("/etc/machine-id", "0123\n");
    for root in [bare, started] {
        let volumes = vec![esp.clone(), usr.clone(), usr.clone(), root];
        let guest = look(layout(false, &[0xef, 0x83, 0x83, 0x83]), volumes);
        assert_eq!(guest.systems.len(), 1);
        let os = &guest.systems[0].os;
        assert_eq!(os.id.get().unwrap(), "flatcar");
        assert_eq!(os.version.get().unwrap(), "4459.0.0");
        assert_eq!(os.arch.get(), Some(&Arch::X86_64));
        let evidence = &os.id.evidence()[0];
        assert!(evidence.path.as_deref().unwrap().ends_with("/os-release"));
        assert_eq!(evidence.volume, Some(id(2)));
        let said = verdict(&guest, Mode::Practical);
        assert_eq!(said.decision, Decision::Refused);
        let refusal = said.finding("system-not-listed").unwrap();
        assert_eq!(
            refusal.title,
            "Flatcar Container Linux by Kinvolk 4459.0.0 is not a supported system"
        );
        assert_eq!(
            refusal.service_message.as_deref(),
            Some("ClientError: Unknown OS / Missing OS files")
        );
    }
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
        .with_file(format!("/boot/vmlinuz-{DEB12}"), kernel(DEB12))
        .with_file("/boot/grub/grub.cfg", menu_of(DEB12));
    let said = verdict(
        &look(layout(true, &[0x83]), vec![elsewhere]),
        Mode::Practical,
    );
    assert_eq!(said.decision, Decision::Undetermined, "{:?}", said.findings);
    assert_eq!(codes(&said)[0], "undetermined-system");
}
