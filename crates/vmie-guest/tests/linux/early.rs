//! The initramfs of whole guests: every compression, what is loaded before there is a root and what is built
//! in, and how long the kernel waits for an NVMe disk.

use vmie_fs::MemoryFs;
use vmie_guest::initramfs::Compression;
use vmie_guest::{Decision, Initramfs, Inspection, Matrix, Mode, Severity, Verdict};
use vmie_rules::SvcId;
use vmie_rules::matrix::Edition;
use vmie_testkit::linux::cpio;

use crate::{RELEASE, UUID, layout, look_with};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../fixtures/initramfs/", $name)).as_slice()
    };
}

/// A Debian with this initramfs, these lists of modules, and more.
fn guest(
    initramfs: &[u8],
    modules: &str,
    builtin: &str,
    more: impl FnOnce(MemoryFs) -> MemoryFs,
) -> Inspection {
    let guest = crate::debian();
    look_with(&layout(), &guest, |files| {
        more(
            files
                .with_file("/usr/sbin/dhclient", "x")
                .with_file(format!("/boot/initrd.img-{RELEASE}"), initramfs)
                .with_file(format!("/usr/lib/modules/{RELEASE}/modules.dep"), modules)
                .with_file(
                    format!("/usr/lib/modules/{RELEASE}/modules.builtin"),
                    builtin,
                ),
        )
    })
}

fn say(found: &Inspection) -> Verdict {
    crate::say(found, &Matrix::edition(Edition::E2026), Mode::Practical)
}

fn codes(found: &Inspection) -> Vec<&'static str> {
    say(found).findings.iter().map(|one| one.code).collect()
}

const ALL: &str = "kernel/nvme.ko:\nkernel/ena.ko:\nkernel/xen-blkfront.ko:\n";

/// The drivers that the initramfs has, and how its archives are compressed.
fn listed(found: &Inspection) -> (Vec<String>, Vec<Compression>) {
    match found.systems[0].initramfs.get() {
        Some(Initramfs::Listed { contents, .. }) => {
            (contents.drivers.clone(), contents.compressions.clone())
        }
        other => panic!("{other:?}"),
    }
}

const FIXTURES: &[(Compression, &[u8])] = &[
    (Compression::None, fixture!("plain")),
    (Compression::Gzip, fixture!("gzip")),
    (Compression::Bzip2, fixture!("bzip2")),
    (Compression::Lzma, fixture!("lzma")),
    (Compression::Xz, fixture!("xz")),
    (Compression::Lzo, fixture!("lzo")),
    (Compression::Lz4, fixture!("lz4")),
    (Compression::Zstd, fixture!("zstd")),
];

fn is_read(compression: Compression) {
    let (_, bytes) = FIXTURES
        .iter()
        .find(|(one, _)| *one == compression)
        .unwrap();
    let drivers = ["nvme", "ena", "xen-blkfront", "virtio_blk"];
    let found = guest(bytes, ALL, "", |files| files);
    assert_eq!(
        listed(&found),
        (drivers.map(str::to_owned).to_vec(), vec![compression])
    );
    assert_eq!(codes(&found), [""; 0]);
    // Microcode in front, as it is, with the zeroes that pad it.
    let early = cpio(&[
        ("early_cpio", b"1"),
        ("kernel/x86/microcode/GenuineIntel.bin", &[7; 2048]),
    ]);
    let early = [early, vec![0; 512], bytes.to_vec()].concat();
    let found = guest(&early, ALL, "", |files| files);
    let both = vec![Compression::None, compression];
    assert_eq!(listed(&found), (drivers.map(str::to_owned).to_vec(), both));
    assert_eq!(codes(&found), [""; 0]);
    // A file that ends in the middle is told with the service's words.
    let cut = early.len() - bytes.len() + 40;
    let found = guest(&early[..cut], ALL, "", |files| files);
    let verdict = say(&found);
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
}

#[test]
fn svc_lim_8_an_initramfs_that_is_not_compressed_is_read() {
    is_read(Compression::None);
}

#[test]
fn svc_lim_8_an_initramfs_of_gzip_is_read() {
    is_read(Compression::Gzip);
}

#[test]
fn svc_lim_8_an_initramfs_of_bzip2_is_read() {
    is_read(Compression::Bzip2);
}

#[test]
fn svc_lim_8_an_initramfs_of_lzma_is_read() {
    is_read(Compression::Lzma);
}

#[test]
fn svc_lim_8_an_initramfs_of_xz_is_read() {
    is_read(Compression::Xz);
}

#[test]
fn svc_lim_8_an_initramfs_of_lzo_is_read() {
    is_read(Compression::Lzo);
}

#[test]
fn svc_lim_8_an_initramfs_of_lz4_is_read() {
    is_read(Compression::Lz4);
}

#[test]
fn svc_lim_8_an_initramfs_of_zstd_is_read() {
    is_read(Compression::Zstd);
}

/// Modules may be compressed one by one, and their names written either way.
#[test]
fn svc_lim_8_compressed_modules_count() {
    for end in ["ko", "ko.gz", "ko.xz", "ko.zst"] {
        let folder = format!("usr/lib/modules/{RELEASE}/kernel");
        let names = ["nvme", "ena", "xen_blkfront"].map(|name| format!("{folder}/{name}.{end}"));
        let members: Vec<(&str, &[u8])> = names
            .iter()
            .map(|name| (name.as_str(), &b"m"[..]))
            .collect();
        let list = format!("kernel/nvme.{end}:\nkernel/ena.{end}:\nkernel/xen-blkfront.{end}:\n");
        let found = guest(&cpio(&members), &list, "", |files| files);
        assert_eq!(listed(&found).0, ["nvme", "ena", "xen-blkfront"], "{end}");
        assert_eq!(
            found.systems[0].drivers.get().unwrap().modules,
            ["nvme", "ena", "xen-blkfront"]
        );
        assert_eq!(codes(&found), [""; 0], "{end}");
    }
}

/// What is built in need not be in the initramfs, and what is a module has to be.
#[test]
fn svc_lim_8_built_in_drivers_need_no_module() {
    let empty = cpio(&[("init", b"#!/bin/sh\n")]);
    let found = guest(
        &empty,
        "kernel/ena.ko:\n",
        "kernel/drivers/nvme/host/nvme.ko\nkernel/drivers/block/xen-blkfront.ko\n",
        |f| f,
    );
    assert_eq!(
        found.systems[0].drivers.get().unwrap().builtin,
        ["nvme", "xen-blkfront"]
    );
    assert_eq!(codes(&found), [""; 0]);

    let found = guest(&empty, ALL, "kernel/drivers/ata/ahci.ko\n", |f| f);
    let verdict = say(&found);
    assert_eq!(verdict.decision, Decision::Accepted);
    let nvme = verdict.finding("initramfs-lacks-nvme").unwrap();
    assert_eq!(
        (nvme.severity, nvme.svc.as_slice()),
        (Severity::Advise, &[SvcId::Lim8][..])
    );
    assert!(
        nvme.remedy
            .contains("echo nvme >> /etc/initramfs-tools/modules"),
        "{}",
        nvme.remedy
    );
    let xen = verdict.finding("initramfs-lacks-xen").unwrap();
    assert_eq!(
        (xen.severity, xen.svc.as_slice()),
        (Severity::Change, &[SvcId::Mod3][..])
    );
    // The kernel has none at all.
    let found = guest(&empty, "kernel/xen-blkfront.ko:\n", "", |f| f);
    let verdict = say(&found);
    let finding = verdict.finding("nitro-drivers-missing").unwrap();
    assert!(
        finding.title.contains("no driver nvme and no driver ena"),
        "{}",
        finding.title
    );
    assert!(verdict.finding("initramfs-lacks-nvme").is_none());
    // A file that is not there is told; the service has no text for it.
    let found = guest(&empty, ALL, "", |files| {
        let menu = format!(
            "menuentry D {{\n linux /boot/vmlinuz-{RELEASE} root=UUID={UUID} net.ifnames=0 nvme_core.io_timeout=255\n initrd /boot/initrd.img-gone\n}}\n"
        );
        files.with_file("/boot/grub/grub.cfg", menu)
    });
    assert_eq!(codes(&found), ["initramfs-missing"]);
}

/// The time that the kernel waits for an NVMe disk: on its command line, or in a file for modprobe.
#[test]
fn svc_lim_8_the_timeout_of_nvme_may_be_set_in_a_file() {
    let with = |arguments: &str, builtin: &str, file: Option<(&str, &str)>| {
        let menu = format!(
            "menuentry D {{\n linux /boot/vmlinuz-{RELEASE} root=UUID={UUID} net.ifnames=0 {arguments}\n initrd /boot/initrd.img-{RELEASE}\n}}\n"
        );
        let found = guest(fixture!("zstd"), ALL, builtin, |files| {
            let files = files.with_file("/boot/grub/grub.cfg", menu);
            match file {
                Some((path, text)) => files.with_file(path, text),
                None => files,
            }
        });
        let told = say(&found).finding("nvme-timeout-default").is_some();
        (told, found.systems[0].settings.nvme_timeout.clone())
    };
    assert_eq!(with("quiet", "", None), (true, None));
    assert!(!with("nvme_core.io_timeout=4294967295", "", None).0);
    assert!(
        !with("nvme.io_timeout=255", "", None).0,
        "the name that older kernels have"
    );
    let options = "# waits long\noptions nvme_core io_timeout=4294967295\n";
    for path in [
        "/etc/modprobe.d/nvme.conf",
        "/usr/lib/modprobe.d/50-nvme.conf",
    ] {
        let (told, seen) = with("quiet", "", Some((path, options)));
        assert!(!told, "{path}");
        let (value, saw) = seen.unwrap();
        assert_eq!(
            (value.as_str(), saw.path.as_deref(), saw.line),
            ("4294967295", Some(path), Some(2))
        );
    }
    // What is no such file, sets something else, or is a comment.
    for (path, text) in [
        ("/etc/modprobe.d/nvme.conf.bak", options),
        (
            "/etc/modprobe.d/nvme.conf",
            "options nvme_core multipath=Y\n",
        ),
        (
            "/etc/modprobe.d/nvme.conf",
            "# options nvme_core io_timeout=255\n",
        ),
        ("/etc/modprobe.d/nvme.conf", "options nbd io_timeout=255\n"),
    ] {
        assert_eq!(
            with("quiet", "", Some((path, text))),
            (true, None),
            "{path} {text}"
        );
    }
    // A driver that is built in reads no file.
    let builtin = "kernel/drivers/nvme/host/nvme.ko\n";
    assert!(
        with(
            "quiet",
            builtin,
            Some(("/etc/modprobe.d/nvme.conf", options))
        )
        .0
    );
}

/// Every driver that is looked for, as a module, built in, and in the initramfs.
#[test]
fn svc_lim_8_every_driver_is_told_by_its_name() {
    for driver in [
        "nvme",
        "ena",
        "xen-blkfront",
        "xen-netfront",
        "virtio_blk",
        "virtio_net",
        "virtio_pci",
        "virtio_scsi",
        "ahci",
        "mptspi",
        "mptsas",
        "mpt3sas",
    ] {
        let other = driver.replace('-', "_");
        let archive = cpio(&[(&format!("lib/modules/{RELEASE}/kernel/{other}.ko"), b"m")]);
        let found = guest(
            &archive,
            &format!("kernel/a/{other}.ko.xz: kernel/b.ko\n"),
            "",
            |f| f,
        );
        assert_eq!(found.systems[0].drivers.get().unwrap().modules, [driver]);
        assert_eq!(listed(&found).0, [driver]);
        let found = guest(&archive, "", &format!("kernel/a/{driver}.ko\n"), |f| f);
        let drivers = found.systems[0].drivers.get().unwrap();
        assert!(drivers.has(driver) && drivers.modules.is_empty());
        assert_eq!(drivers.builtin, [driver]);
    }
}
