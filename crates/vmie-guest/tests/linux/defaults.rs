//! What starts by default, and whether that is there: kernels and entries that are missing, and layouts in
//! which nothing is missing though it is not where it seems to be.

use vmie_fs::{FsKind, MemoryFs};
use vmie_guest::{
    Decision, DefaultBy, Disk, Fact, Finding, GuestVolume, ImageFile, Inspection, Matrix, Mode,
    Severity, Verdict, inspect_volumes,
};
use vmie_io::Limits;
use vmie_rules::SvcId;
use vmie_rules::matrix::Edition;
use vmie_testkit::linux::{Guest, Machine, kernel_image};
use vmie_volumes::VolumeId;

use crate::layouts::{self, BOOT_UUID, MACHINE, RHEL9, ROOT_UUID, UBUNTU, merged, named};
use crate::{RELEASE, UUID, layout, look_with};

/// A Debian on one volume with this menu and more.
fn debian(menu: &str, more: impl FnOnce(MemoryFs) -> MemoryFs) -> Inspection {
    let guest = crate::debian();
    let menu = format!("set timeout=5\n{menu}");
    look_with(&layout(), &guest, |files| {
        more(files.with_file("/boot/grub/grub.cfg", menu))
    })
}

fn say(found: &Inspection) -> Verdict {
    crate::say(found, &Matrix::edition(Edition::E2026), Mode::Practical)
}

/// A menu of one entry that starts this image.
fn one(image: &str) -> String {
    format!(
        "menuentry 'Debian' --id deb {{\n linux {image} root=UUID={UUID} ro net.ifnames=0\n initrd /boot/initrd.img-{RELEASE}\n}}\n"
    )
}

fn file(found: &Inspection) -> ImageFile {
    found.systems[0].bootloaders[0]
        .default
        .as_ref()
        .unwrap()
        .file
}

fn missing(verdict: &Verdict) -> &Finding {
    assert_eq!(verdict.decision, Decision::Refused, "{verdict:#?}");
    let refusals = verdict
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Refuse || finding.is_undetermined());
    let codes: Vec<_> = refusals.map(|finding| finding.code).collect();
    assert_eq!(codes, ["default-kernel-missing"]);
    verdict.finding("default-kernel-missing").unwrap()
}

/// Nothing is said of the default entry.
fn nothing_said(found: &Inspection) -> Verdict {
    let verdict = say(found);
    for code in ["default-kernel-missing", "default-entry-missing"] {
        let finding = verdict.finding(code);
        assert!(finding.is_none(), "{finding:?}");
    }
    verdict
}

#[test]
fn svc_err_29_a_default_entry_whose_kernel_is_not_there_is_refused() {
    let found = debian(&one("/boot/vmlinuz-6.1.0-18-amd64"), |files| files);
    assert_eq!(file(&found), ImageFile::Missing);
    let verdict = say(&found);
    let finding = missing(&verdict);
    assert_eq!(finding.svc, [SvcId::Err29]);
    assert_eq!(
        finding.title,
        "The default boot entry \"Debian\" of /boot/grub/grub.cfg starts /boot/vmlinuz-6.1.0-18-amd64, \
         which is on none of the volumes"
    );
    assert_eq!(
        finding.service_message.as_deref(),
        Some("ClientError: Unable to determine kernel version.")
    );
    let place = &finding.evidence[0];
    assert_eq!(place.path.as_deref(), Some("/boot/grub/grub.cfg"));
    assert_eq!(place.line, Some(3));
    assert_eq!(
        finding.evidence[1].path.as_deref(),
        Some("/boot/vmlinuz-6.1.0-18-amd64")
    );
    // The other kernel is there, and the remedy names it.
    assert_eq!(
        finding.remedy,
        format!(
            "Start the guest by the entry of /boot/vmlinuz-{RELEASE} and make it the default: update-grub"
        )
    );
}

/// An update that ran out of room leaves such a file.
#[test]
fn svc_err_29_a_kernel_without_a_byte_is_as_good_as_none() {
    let empty = "/boot/vmlinuz-6.1.0-18-amd64";
    let found = debian(&one(empty), |files| files.with_file(empty, ""));
    assert_eq!(file(&found), ImageFile::Empty);
    let verdict = say(&found);
    assert!(missing(&verdict).title.ends_with("which is empty"));
}

/// A link that leads nowhere names no release: that is the same fault, and not one that is left open.
#[test]
fn svc_err_29_a_link_to_a_kernel_that_is_gone_is_told() {
    let found = debian(&one("/vmlinuz"), |files| {
        files.with_symlink("/vmlinuz", "boot/vmlinuz-6.1.0-18-amd64")
    });
    let verdict = say(&found);
    assert!(
        missing(&verdict)
            .title
            .contains("starts /vmlinuz, which is")
    );
    let there = debian(&one("/vmlinuz"), |files| {
        files.with_symlink("/vmlinuz", format!("boot/vmlinuz-{RELEASE}"))
    });
    assert_eq!(nothing_said(&there).decision, Decision::Accepted);
}

#[test]
fn svc_err_29_a_menu_of_grub_legacy_whose_kernel_is_gone_is_refused() {
    let guest = Guest {
        id: "centos",
        version: "6.8",
        service_pack: 0,
        kernel: "2.6.32-642.el6.x86_64",
        machine: Machine::X86_64,
        uuid: UUID,
        filesystem: "ext4",
    };
    let menu = |release: &str, default: u32| {
        format!(
            "default={default}\ntitle CentOS\n root (hd0,0)\n kernel /boot/vmlinuz-{release} ro root=UUID={UUID}\n"
        )
    };
    let with = |text: String| {
        look_with(&layout(), &guest, |files| {
            files.with_file("/boot/grub/grub.conf", text)
        })
    };
    let verdict = say(&with(menu("2.6.32-754.el6.x86_64", 0)));
    let finding = missing(&verdict);
    assert_eq!(
        (finding.evidence[0].line, finding.svc.as_slice()),
        (Some(4), &[SvcId::Err29][..])
    );
    let there = with(menu("2.6.32-642.el6.x86_64", 0));
    nothing_said(&there);
    let beyond = say(&with(menu("2.6.32-642.el6.x86_64", 7)));
    let finding = beyond.finding("default-entry-missing").unwrap();
    assert!(
        finding.title.contains("has no entry \"7\""),
        "{}",
        finding.title
    );
}

/// RHEL 9 by boot loader entries on a volume of its own, with the kernel or without.
fn rhel9(linux: &str, there: bool) -> Inspection {
    let release = "5.14.0-427.13.1.el9_4.x86_64";
    let mut root = merged(layouts::files(FsKind::Xfs, ROOT_UUID, RHEL9));
    let (path, text) = layouts::entry("RHEL", release, "root=/dev/mapper/rhel-root ro");
    let mut boot = named(MemoryFs::new(FsKind::Xfs), FsKind::Xfs, BOOT_UUID)
        .with_file("/grub2/grub.cfg", include_str!("data/rhel9-grub.cfg"))
        .with_file(
            "/grub2/grubenv",
            layouts::grubenv(&format!("saved_entry={MACHINE}-{release}\n")),
        )
        .with_file(
            path,
            text.replace(
                &format!("linux /vmlinuz-{release}"),
                &format!("linux {linux}"),
            ),
        );
    if there {
        let initrd = format!("initramfs-{release}.img");
        (boot, root) = layouts::kernel(boot, "", root, release, &initrd);
    }
    let esp = layouts::esp("redhat", include_str!("data/rhel-esp-grub.cfg"));
    layouts::look(
        false,
        Some(esp),
        Some(boot),
        root,
        Some("/dev/mapper/rhel-root"),
    )
}

#[test]
fn svc_err_22_an_entry_of_a_kernel_that_was_removed_is_refused() {
    let image = "/vmlinuz-5.14.0-427.13.1.el9_4.x86_64";
    let found = rhel9(image, false);
    let verdict = layouts::say(&found, Mode::Practical);
    let finding = missing(&verdict);
    assert_eq!(finding.svc, [SvcId::Err22, SvcId::Err29]);
    assert_eq!(
        finding.service_message.as_deref(),
        Some("ClientError: BLSC-style GRUB found, but unable to detect default kernel")
    );
    assert!(
        finding.remedy.contains("grubby --set-default="),
        "{}",
        finding.remedy
    );
    let release = "5.14.0-427.13.1.el9_4.x86_64";
    // Written without a slash, as the specification of boot loader entries does not forbid.
    for path in [image, "vmlinuz-5.14.0-427.13.1.el9_4.x86_64"] {
        let found = rhel9(path, true);
        assert_eq!(file(&found), ImageFile::There, "{path}");
        layouts::starts(&found, release, DefaultBy::SavedEntry, "RHEL 9");
    }
}

#[test]
fn svc_mod_6_a_default_that_the_menu_does_not_have_is_told() {
    let two = |default: &str| {
        let image = format!("/boot/vmlinuz-{RELEASE}");
        debian(
            &format!(
                "set default=\"{default}\"\n{}submenu 'Advanced' --id adv {{\n{}}}\n",
                one(&image),
                one(&image).replace("--id deb", "--id old")
            ),
            |files| files,
        )
    };
    for (wanted, takes) in [
        ("7", "Debian"),
        ("gnulinux-gone", "Debian"),
        ("adv>gone", "Debian"),
    ] {
        let found = two(wanted);
        let verdict = say(&found);
        assert_eq!(verdict.decision, Decision::Accepted);
        let finding = verdict.finding("default-entry-missing").unwrap();
        assert_eq!(finding.severity, Severity::Advise);
        assert_eq!(finding.svc, [SvcId::Mod6, SvcId::Err29]);
        assert_eq!(
            finding.title,
            format!(
                "/boot/grub/grub.cfg has no entry \"{wanted}\", which is to start by default: \
                 GRUB takes the first, \"{takes}\""
            )
        );
        assert_eq!(
            finding.evidence[0].path.as_deref(),
            Some("/boot/grub/grub.cfg")
        );
        assert!(finding.remedy.contains("grub-set-default 0"));
    }
    // Entries that are there, one in a submenu, one a submenu itself; and no default at all.
    for wanted in ["0", "1", "1>0", "adv>old", "Advanced>Debian", "deb", ""] {
        nothing_said(&two(wanted));
    }
}

/// A saved entry that is a submenu starts the submenu's first entry.
#[test]
fn svc_mod_6_a_saved_entry_may_be_a_submenu() {
    let image = format!("/boot/vmlinuz-{RELEASE}");
    let menu = format!(
        "load_env\nset default=\"${{saved_entry}}\"\n{}submenu 'Advanced' --id adv {{\n{}}}\n",
        one("/boot/memtest86+.bin"),
        one(&image)
    );
    for saved in ["1", "adv", "Advanced", "adv>deb"] {
        let env = layouts::grubenv(&format!("saved_entry={saved}\n"));
        let found = debian(&menu, |files| files.with_file("/boot/grub/grubenv", env));
        nothing_said(&found);
        let kernel = found.systems[0].default_kernel.get().unwrap();
        assert_eq!(kernel.release, RELEASE, "{saved}");
    }
}

/// Paths that lead to the kernel in ways of their own.
#[test]
fn svc_err_29_no_layout_that_starts_is_taken_for_one_without_a_kernel() {
    let boot_link = |files: MemoryFs| files.with_symlink("/boot/boot", ".");
    let elsewhere = |files: MemoryFs| {
        files
            .with_file(format!("/data/k/vmlinuz-{RELEASE}"), kernel_image(RELEASE))
            .with_symlink("/kernels", "data/k")
    };
    for (image, found) in [
        // The path is that of a volume that is mounted on /boot elsewhere, and the link to itself helps here.
        (
            "through /boot/boot",
            debian(&one(&format!("/boot/boot/vmlinuz-{RELEASE}")), boot_link),
        ),
        (
            "as on a volume of its own",
            debian(&one(&format!("/vmlinuz-{RELEASE}")), |f| f),
        ),
        (
            "device",
            debian(&one(&format!("(hd0,msdos1)/boot/vmlinuz-{RELEASE}")), |f| f),
        ),
        (
            "$root",
            debian(&one(&format!("($root)/boot/vmlinuz-{RELEASE}")), |f| f),
        ),
        (
            "$prefix",
            debian(&one(&format!("$prefix/../vmlinuz-{RELEASE}")), |f| f),
        ),
        (
            "links",
            debian(&one(&format!("/kernels/vmlinuz-{RELEASE}")), elsewhere),
        ),
        // What lies in another file is not looked into, and what a variable of the firmware holds is not known.
        ("loop", debian(&one("(loop)/casper/vmlinuz"), |f| f)),
        ("net", debian(&one("(tftp,10.0.0.1)/vmlinuz"), |f| f)),
        ("variable", debian(&one("$kernel_of_smbios"), |f| f)),
    ] {
        let verdict = say(&found);
        let finding = verdict.finding("default-kernel-missing");
        assert!(finding.is_none(), "{image}: {finding:?}");
    }
}

/// A guest of two volumes: the root, and one that no fstab names.
fn with_another(root: MemoryFs, other: GuestVolume<'_>) -> Inspection {
    let layout = layouts::layout(true);
    let partition = layout.partition(3).cloned();
    let root = GuestVolume::new(VolumeId::partition(0, 3), 1 << 30, partition, root);
    let disk = Disk::new(0, 16 << 20, Fact::known(layout, Vec::new()));
    inspect_volumes(vec![disk], &[other, root], &Limits::default())
}

/// Ubuntu whose menu starts a kernel that its tree does not have.
fn elsewhere(image: &str) -> MemoryFs {
    let mut texts: Vec<(&str, &str)> = UBUNTU.to_vec();
    texts.retain(|(path, _)| *path != "/etc/fstab");
    texts.push((
        "/etc/fstab",
        "UUID=b0b0b0b0-0000-4000-8000-000000000003 / ext4 defaults 0 1\n",
    ));
    let menu = format!("menuentry U {{\n linux {image} root=UUID={ROOT_UUID} ro\n}}\n");
    merged(layouts::files(FsKind::Ext4, ROOT_UUID, &texts)).with_file("/boot/grub/grub.cfg", menu)
}

#[test]
fn svc_err_29_a_kernel_on_a_volume_that_no_table_names_is_found() {
    let release = "5.15.0-105-generic";
    let image = format!("/vmlinuz-{release}");
    let volume = |files| {
        let partition = layouts::layout(true).partition(2).cloned();
        GuestVolume::new(VolumeId::partition(0, 2), 1 << 30, partition, files)
    };
    for (kind, path) in [
        (FsKind::Ext4, image.clone()),
        (FsKind::Xfs, format!("/boot{image}")),
        (FsKind::Fat32, image.clone()),
    ] {
        let other = MemoryFs::new(kind).with_file(path, kernel_image(release));
        let found = with_another(elsewhere(&image), volume(other));
        assert_eq!(file(&found), ImageFile::There, "{kind:?}");
        nothing_said(&found);
    }
    let found = with_another(elsewhere(&image), volume(MemoryFs::new(FsKind::Ext4)));
    assert_eq!(file(&found), ImageFile::Missing);
    missing(&say(&found));
    // With a volume that cannot be read nothing is known to be missing.
    let mut closed = volume(MemoryFs::new(FsKind::Ext4));
    closed.open = Box::new(|| {
        Err(vmie_fs::Error::new(vmie_fs::Cause::NotRead(FsKind::Ext4)).in_structure("volume"))
    });
    let found = with_another(elsewhere(&image), closed);
    assert_eq!(file(&found), ImageFile::Unknown);
    let verdict = nothing_said(&found);
    assert_eq!(verdict.decision, Decision::Undetermined);
}

/// A `/boot` that is on none of the disks, or cannot be read, hides what is in it.
#[test]
fn svc_err_29_what_is_hidden_is_not_missing() {
    let found = debian(&one("/vmlinuz-6.1.0-18-amd64"), |files| {
        files.with_file(
            "/etc/fstab",
            format!("UUID={UUID} / ext4 defaults 0 1\nUUID=gone /boot ext4 defaults 0 2\n"),
        )
    });
    assert_eq!(file(&found), ImageFile::Unknown);
    nothing_said(&found);
}

/// Btrfs: GRUB begins its paths at the top of the filesystem, or at the default subvolume.
#[test]
fn svc_err_29_paths_through_subvolumes_of_btrfs_are_followed() {
    let release = "5.15.0-105-generic";
    let under = |folder: &str, image: &str| {
        let texts: Vec<(String, &str)> = UBUNTU
            .iter()
            .filter(|(path, _)| *path != "/etc/fstab")
            .map(|(path, text)| (format!("{folder}{path}"), *text))
            .collect();
        let texts: Vec<(&str, &str)> = texts
            .iter()
            .map(|(path, text)| (path.as_str(), *text))
            .collect();
        let table = "UUID=b0b0b0b0-0000-4000-8000-000000000003 / btrfs subvol=@ 0 0\n";
        let menu = format!(
            "menuentry U {{\n linux {image} root=UUID={ROOT_UUID} rootflags=subvol=@\n}}\n"
        );
        layouts::files(FsKind::Btrfs, ROOT_UUID, &texts)
            .with_file(format!("{folder}/etc/fstab"), table)
            .with_file(format!("{folder}/boot/grub/grub.cfg"), menu)
            .with_file(
                format!("{folder}/boot/vmlinuz-{release}"),
                kernel_image(release),
            )
    };
    let image = format!("/@/boot/vmlinuz-{release}");
    let at_top = under("/@", &image).with_subvolume("/@", 256);
    let by_default = under("/@", &image).with_default_subvolume("/@", 256);
    let relative =
        under("/@", &format!("/boot/vmlinuz-{release}")).with_default_subvolume("/@", 256);
    for files in [at_top, by_default, relative] {
        let found = layouts::look(true, None, None, files, None);
        assert_eq!(found.systems.len(), 1);
        assert_eq!(file(&found), ImageFile::There);
        nothing_said(&found);
    }
    // The kernel of the name is in /boot all the same; of another name it is nowhere.
    let gone = under("/@", "/@/boot/vmlinuz-5.15.0-1-generic").with_subvolume("/@", 256);
    let found = layouts::look(true, None, None, gone, None);
    assert_eq!(file(&found), ImageFile::Missing);
}

/// A root that is nowhere starts nothing; one that is named in another way is left to the kernel.
#[test]
fn svc_err_20_a_root_that_is_on_none_of_the_disks_is_refused() {
    let with = |root: &str| {
        let menu =
            one(&format!("/boot/vmlinuz-{RELEASE}")).replace(&format!("root=UUID={UUID}"), root);
        debian(&menu, |files| files)
    };
    let verdict = say(&with("root=UUID=dead-beef"));
    assert_eq!(verdict.decision, Decision::Refused);
    let finding = verdict.finding("root-not-found").unwrap();
    assert_eq!(finding.svc, [SvcId::Err20]);
    assert_eq!(
        finding.title,
        "The default boot entry mounts UUID=dead-beef as the root, which is on none of the disks"
    );
    assert_eq!(finding.evidence[0].line, Some(3));
    assert!(
        finding
            .service_message
            .as_deref()
            .unwrap()
            .starts_with("FirstBootFailure")
    );
    for gone in [
        "root=LABEL=none",
        "root=PARTUUID=12345678-07",
        "root=PARTLABEL=none",
    ] {
        assert!(
            say(&with(gone)).finding("root-not-found").is_some(),
            "{gone}"
        );
    }
    let by_case = format!("root=UUID={}", UUID.to_uppercase());
    for there in [
        format!("root=UUID={UUID}").as_str(),
        by_case.as_str(),
        &format!("root=/dev/disk/by-uuid/{UUID}"),
        "root=/dev/mapper/vg-root",
        "root=PARTUUID=12345678-07/PARTNROFF=1",
        "root=ZFS=rpool/ROOT",
        "",
    ] {
        assert!(
            say(&with(there)).finding("root-not-found").is_none(),
            "{there}"
        );
    }
    // With a disk that cannot be looked at nothing is said.
    let mut found = with("root=UUID=dead-beef");
    found.disks.push(Disk::new(
        1,
        1 << 20,
        Fact::unknown("its table is damaged", Vec::new()),
    ));
    assert!(say(&found).finding("root-not-found").is_none());
}

/// Disks by name elsewhere on the command line: what is resumed from, a console is none.
#[test]
fn svc_mod_5_disks_that_the_command_line_names_are_told() {
    let with = |more: &str| {
        let menu =
            one(&format!("/boot/vmlinuz-{RELEASE}")).replace(" ro ", &format!(" ro {more} "));
        say(&debian(&menu, |files| files))
    };
    let verdict = with("resume=/dev/sda5 console=ttyS0 quiet");
    let finding = verdict.finding("command-line-names-disks").unwrap();
    assert_eq!(finding.svc, [SvcId::Mod5, SvcId::Mod6]);
    assert!(
        finding
            .title
            .ends_with("after the import: resume=/dev/sda5"),
        "{}",
        finding.title
    );
    for fine in [
        "resume=UUID=1-2",
        "console=ttyS0,115200",
        "crashkernel=auto rd.lvm.lv=a/b",
        "swapaccount=1",
    ] {
        assert!(
            with(fine).finding("command-line-names-disks").is_none(),
            "{fine}"
        );
    }
}

/// A `/boot` that is a link into the root: the kernel's path goes through it, or around it.
#[test]
fn svc_err_29_a_boot_that_is_a_link_is_followed() {
    for (link, image) in [
        ("srv/boot", format!("/boot/vmlinuz-{RELEASE}")),
        ("/srv/boot", format!("/srv/boot/vmlinuz-{RELEASE}")),
        (
            "./srv/../srv/boot/",
            format!("/boot/../boot/vmlinuz-{RELEASE}"),
        ),
    ] {
        let whole = debian(&one(&image), |files| {
            files
                .with_file(
                    format!("/srv/boot/vmlinuz-{RELEASE}"),
                    kernel_image(RELEASE),
                )
                .with_file(
                    format!("/srv/boot/initrd.img-{RELEASE}"),
                    vmie_testkit::linux::cpio(&[("init", b"x")]),
                )
                .with_file("/srv/boot/grub/grub.cfg", one(&image))
                .with_symlink("/boot", link)
        });
        let system = &whole.systems[0];
        assert_eq!(file(&whole), ImageFile::There, "{link}");
        assert_eq!(system.default_kernel.get().unwrap().release, RELEASE);
        assert_eq!(nothing_said(&whole).decision, Decision::Accepted);
        // And one that is gone is gone.
        let gone = debian(&one(&image), |files| {
            files
                .with_file("/srv/boot/grub/grub.cfg", one(&image))
                .with_symlink("/boot", link)
        });
        assert_eq!(file(&gone), ImageFile::Missing);
    }
}
