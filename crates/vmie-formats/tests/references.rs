//! Images that want files of the host: the attacks that were made on other readers, by their names.
//!
//! What an image names is opened by the caller's resolver or not at all; the default one opens
//! nothing. Every attack is tried with the default, with a resolver that counts what it is asked
//! for, and with a folder in which images may lie.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

mod files;

use std::path::Path;
use std::sync::Arc;

use files::{Files, with};
use vmie_formats::{
    Cause, DiskImage, Error, ErrorKind, FolderResolver, Format, OpenOptions, ReadAt, ReferenceKind,
    Variant, probe,
};
use vmie_testkit::conformance;
use vmie_testkit::vmdk::{
    Builder, child_of, cowd, descriptor, descriptor_file, sample_disk, sesparse,
};

/// Names that lead to a file of the host, or out of the folder that is allowed.
const OUTSIDE: &[&str] = &[
    "/etc/passwd",
    "//etc/passwd",
    "../secret",
    "..\\secret",
    "inner/../../secret",
    "./../secret",
    "..",
    ".",
    "",
    "C:\\Windows\\System32\\config\\SAM",
    "c:secret",
    "\\etc\\passwd",
    "\\\\server\\share\\disk.vmdk",
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
    "https://example.com/disk.vmdk",
    "nbd://127.0.0.1:10809/export",
    "ssh://root@localhost/etc/passwd",
    "rbd:pool/volume",
    "fd:3",
    "/proc/self/environ",
    "/proc/self/fd/0",
    "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/etc/passwd\"}}",
    "secret-link",
    "folder-link/secret",
];
/// Names of devices.
const DEVICES: &[&str] = &[
    "/dev/sda",
    "/dev/zero",
    "/dev/../etc/passwd",
    "\\\\.\\PhysicalDrive0",
    "\\\\?\\Volume{01234567-89ab-cdef-0123-456789abcdef}",
    "//./PhysicalDrive0",
    "/vmfs/devices/disks/naa.600",
];

fn open(image: &[u8], options: &OpenOptions) -> Result<Box<dyn DiskImage>, Error> {
    options.open_disk(Arc::new(image.to_vec()))
}

fn cause(image: &[u8], options: &OpenOptions) -> Cause {
    let error = open(image, options).err().expect("a refusal");
    assert!(
        matches!(
            error.kind(),
            ErrorKind::ReferenceDenied | ErrorKind::Unsupported | ErrorKind::Corrupt
        ),
        "{error}"
    );
    error.cause()
}

/// A folder in which images may lie, with a file beside it that nobody may see.
struct Host {
    _folder: tempfile::TempDir,
    options: OpenOptions,
}

impl Host {
    fn new(inside: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let allowed = folder.path().join("images");
        std::fs::create_dir_all(allowed.join("inner")).unwrap();
        // Readable as any kind of extent there is, so that only the gate keeps it shut.
        std::fs::write(folder.path().join("secret"), sample_disk(1 << 20)).unwrap();
        link("../secret", &allowed.join("secret-link"));
        link("..", &allowed.join("folder-link"));
        link("inner/real", &allowed.join("inner-link"));
        std::fs::write(allowed.join("inner/real"), sample_disk(8 * 512)).unwrap();
        for (name, bytes) in inside {
            std::fs::write(allowed.join(name), bytes).unwrap();
        }
        Self {
            options: OpenOptions::new().resolver(Arc::new(FolderResolver::new(&allowed))),
            _folder: folder,
        }
    }
}

#[cfg(unix)]
fn link(to: &str, at: &Path) {
    std::os::unix::fs::symlink(to, at).unwrap();
}

#[cfg(windows)]
fn link(_to: &str, _at: &Path) {}

fn extent_line(kind: &str, name: &str) -> String {
    let offset = if kind == "FLAT" { " 0" } else { "" };
    format!("RW 8 {kind} \"{name}\"{offset}")
}

#[test]
fn cve_2022_47951_a_flat_vmdk_that_names_a_file_of_the_host() {
    let host = Host::new(&[]);
    for (kind, create_type) in [
        ("FLAT", "monolithicFlat"),
        ("FLAT", "twoGbMaxExtentFlat"),
        ("VMFS", "vmfs"),
        ("VMFS", "vmfsThin"),
        ("SPARSE", "twoGbMaxExtentSparse"),
        ("SPARSE", "monolithicSparse"),
        ("VMFSSPARSE", "vmfsSparse"),
        ("SESPARSE", "seSparse"),
    ] {
        for name in OUTSIDE {
            let text = descriptor_file(create_type, &[&extent_line(kind, name)]);
            // Without a name there is nothing to ask for.
            if name.is_empty() {
                let error = open(text.as_bytes(), &OpenOptions::new()).err().unwrap();
                assert_eq!(error.cause(), Cause::VmdkExtents);
                continue;
            }
            // A double quote ends the name.
            let name = name.split('"').next().unwrap();
            if text.matches('"').count() == descriptor_quotes() + 2 {
                let error = open(text.as_bytes(), &OpenOptions::new()).err().unwrap();
                assert_eq!(error.cause(), Cause::ReferenceDenied, "{name}");
                let counted = Arc::new(Files::default());
                assert_eq!(
                    cause(text.as_bytes(), &with(&counted)),
                    Cause::ReferenceDenied
                );
                let asked = counted.asked.lock().unwrap();
                assert_eq!(asked.len(), 1);
                assert_eq!(
                    (asked[0].kind, asked[0].name.as_str()),
                    (ReferenceKind::Extent, name)
                );
            }
            // The folder does not give it out, whatever is made of the name.
            assert!(
                open(text.as_bytes(), &host.options).is_err(),
                "{kind} {name}"
            );
        }
        for name in DEVICES {
            let text = descriptor_file(create_type, &[&extent_line(kind, name)]);
            for options in [&OpenOptions::new(), &host.options] {
                assert_eq!(cause(text.as_bytes(), options), Cause::VmdkRawDevice);
            }
        }
    }
}

/// Double quotes of a descriptor file without extents.
fn descriptor_quotes() -> usize {
    descriptor_file("vmfs", &[]).matches('"').count()
}

#[test]
fn cve_2022_47951_the_same_descriptor_inside_of_a_sparse_file() {
    let counted = Arc::new(Files::default());
    let host = Host::new(&[]);
    for builder in [Builder::sparse(&[1; 4096]), Builder::stream(&[1; 4096])] {
        for (create_type, line) in [
            ("monolithicFlat", "RW 8 FLAT \"/etc/passwd\" 0"),
            ("monolithicSparse", "RW 8 FLAT \"/etc/passwd\" 0"),
            ("streamOptimized", "RW 8 VMFS \"../secret\""),
            ("vmfs", "RW 8 SPARSE \"d\"\nRW 8 FLAT \"../secret\" 0"),
            ("fullDevice", "RW 8 SPARSE \"/dev/sda\""),
        ] {
            let text = descriptor_file(create_type, &[line]);
            let mut image = builder.clone().descriptor(Some(&text)).build().bytes;
            // A capacity of none makes some readers take the descriptor for all there is.
            for capacity in [8u64, 0] {
                image[12..20].copy_from_slice(&capacity.to_le_bytes());
                for options in [&OpenOptions::new(), &with(&counted), &host.options] {
                    let error = open(&image, options).err().expect(create_type);
                    assert_ne!(error.kind(), ErrorKind::Io, "{error}");
                }
            }
        }
    }
    assert_eq!(counted.count(), 0, "nothing is even asked for");
}

#[test]
fn cve_2015_5163_a_parent_that_is_a_file_of_the_host() {
    let host = Host::new(&[]);
    let text = descriptor("monolithicSparse");
    for name in OUTSIDE.iter().chain(DEVICES) {
        let embedded = child_of(&text, name);
        let image = Builder::sparse(&[1; 4096])
            .descriptor(Some(&embedded))
            .build()
            .bytes;
        let stream = Builder::stream(&[1; 4096])
            .descriptor(Some(&embedded))
            .build()
            .bytes;
        for image in [&image, &stream] {
            assert_eq!(cause(image, &OpenOptions::new()), Cause::ReferenceDenied);
            let counted = Arc::new(Files::default());
            assert_eq!(cause(image, &with(&counted)), Cause::ReferenceDenied);
            assert_eq!(counted.asked.lock().unwrap()[0].kind, ReferenceKind::Parent);
            let error = open(image, &host.options).err().expect(name);
            assert!(
                matches!(
                    error.cause(),
                    Cause::ReferenceDenied | Cause::ReferenceMissing
                ),
                "{name}: {error}"
            );
        }
    }
}

#[test]
fn cve_2015_5163_a_parent_is_never_whatever_it_looks_like() {
    // A file that is allowed, and no VMDK: neither raw nor any other format is tried.
    let child = child_of(&descriptor("monolithicSparse"), "base");
    let child = Builder::sparse(&[1; 4096])
        .descriptor(Some(&child))
        .build()
        .bytes;
    let other = vmie_testkit::qcow2::Builder::new(64 << 10).build();
    for base in [sample_disk(4096), Vec::new(), other] {
        let files = Arc::new(Files::of([("base", base)]));
        assert_eq!(cause(&child, &with(&files)), Cause::WrongFormat);
    }
}

#[test]
fn cve_2024_4467_names_in_the_form_of_options() {
    let host = Host::new(&[]);
    for name in [
        "json:{'driver':'raw','file.filename':'/etc/passwd'}",
        "json:{}",
        "raw:/etc/passwd",
        "blkdebug::/etc/passwd",
        "driver=raw,file.filename=/etc/passwd",
        "nbd+unix:///disk?socket=/run/x",
    ] {
        let text = descriptor_file("monolithicFlat", &[&extent_line("FLAT", name)]);
        assert_eq!(
            cause(text.as_bytes(), &OpenOptions::new()),
            Cause::ReferenceDenied
        );
        let error = open(text.as_bytes(), &host.options).err().expect(name);
        assert!(
            matches!(
                error.cause(),
                Cause::ReferenceDenied | Cause::ReferenceMissing
            ),
            "{name}: {error}"
        );
    }
}

#[test]
fn cve_2024_32498_what_is_in_an_extent_names_nothing() {
    // Flat extents are bytes: that they look like images with references of their own is nothing.
    let inner = descriptor_file("monolithicFlat", &["RW 8 FLAT \"/etc/passwd\" 0"]);
    let mut flat = inner.into_bytes();
    flat.resize(8 * 512, b'#');
    let text = descriptor_file("monolithicFlat", &["RW 8 FLAT \"flat\" 0"]);
    let files = Arc::new(Files::of([("flat", flat.clone())]));
    let disk = open(text.as_bytes(), &with(&files)).unwrap();
    conformance::read_at(&disk, &flat);
    assert_eq!(files.count(), 1);
    // Neither does the descriptor inside of an extent, nor the name in its header.
    let embedded = child_of(&descriptor("monolithicSparse"), "/etc/passwd");
    let embedded = embedded.replace("RW 1 SPARSE", "RW 8 FLAT");
    let disk = sample_disk(4096);
    let sparse = Builder::sparse(&disk).descriptor(Some(&embedded)).build();
    let mut old = cowd(&disk, 1);
    old[32..43].copy_from_slice(b"/etc/passwd");
    for (kind, bytes) in [("SPARSE", sparse.bytes), ("VMFSSPARSE", old.clone())] {
        let text = descriptor_file("custom", &[&extent_line(kind, "part")]);
        let files = Arc::new(Files::of([("part", bytes)]));
        let image = open(text.as_bytes(), &with(&files)).unwrap();
        conformance::read_at(&image, &disk);
        assert_eq!(files.count(), 1);
    }
    let files = Arc::new(Files::default());
    let image = open(&old, &with(&files)).unwrap();
    assert!(image.info().notes[0].detail.contains("/etc/passwd"));
    assert_eq!(files.count(), 0);
}

#[test]
fn settings_that_name_files_are_only_settings() {
    let disk = sample_disk(4096);
    let settings = "changeTrackPath=\"/etc/passwd\"\nddb.nativeParentHint=\"/etc/shadow\"\n\
        ddb.iofilters.sidecars=\"../secret\"\nparentFileNameHint=\"/etc/passwd\"\n";
    let text = descriptor("streamOptimized") + settings;
    let stream = Builder::stream(&disk).descriptor(Some(&text)).build().bytes;
    let files = Arc::new(Files::default());
    let image = open(&stream, &with(&files)).unwrap();
    conformance::read_at(&image, &disk);
    assert_eq!(files.count(), 0);
    assert!(image.info().references.is_empty());
}

#[test]
fn a_raw_disk_with_a_planted_header_opens_nothing() {
    // A guest writes the head of another image to the start of its own raw disk.
    let text = descriptor_file("monolithicFlat", &["RW 8 FLAT \"/etc/passwd\" 0"]);
    let child = child_of(&descriptor("monolithicSparse"), "/etc/passwd");
    let sparse = Builder::sparse(&[1; 4096])
        .descriptor(Some(&child))
        .build()
        .bytes;
    let mut padded = text.clone().into_bytes();
    padded.resize(512, 0);
    for head in [text.into_bytes(), padded, sparse] {
        let mut disk = sample_disk(1 << 20);
        disk[..head.len()].copy_from_slice(&head);
        let files = Arc::new(Files::default());
        // Probed, it is what it looks like, and that is refused.
        assert_eq!(probe(&disk).unwrap()[0].format, Format::Vmdk);
        assert!(open(&disk, &OpenOptions::new()).is_err());
        assert!(open(&disk, &with(&files)).is_err());
        // Whoever knows that it is raw gets its bytes, and nothing else is looked at.
        let raw = with(&files).format(Some(Format::Raw));
        let before = files.count();
        conformance::read_at(&open(&disk, &raw).unwrap(), &disk);
        assert_eq!(files.count(), before);
    }
    // A descriptor with a disk behind it is no descriptor, and its names are not asked for.
    let mut disk = descriptor_file("monolithicFlat", &["RW 8 FLAT \"d\" 0"]).into_bytes();
    disk.resize(512, 0);
    disk.extend_from_slice(&sample_disk(4096));
    let files = Arc::new(Files::of([("d", vec![0; 4096])]));
    assert_eq!(cause(&disk, &with(&files)), Cause::VmdkDescriptor);
    assert_eq!(files.count(), 0);
}

#[test]
fn a_folder_gives_out_what_lies_in_it() {
    let disk = sample_disk(8 * 512);
    let host = Host::new(&[("flat", &disk)]);
    for name in ["flat", "./flat", "inner/real", "inner\\real", "inner-link"] {
        if cfg!(windows) && name.ends_with("link") {
            continue;
        }
        let text = descriptor_file("monolithicFlat", &[&extent_line("FLAT", name)]);
        let image = open(text.as_bytes(), &host.options).unwrap_or_else(|e| panic!("{name}: {e}"));
        conformance::read_at(&image, &disk);
        assert_eq!(image.info().references[0].name, name);
    }
    for (name, cause_of) in [
        ("gone", Cause::ReferenceMissing),
        ("inner", Cause::ReferenceMissing),
    ] {
        let text = descriptor_file("monolithicFlat", &[&extent_line("FLAT", name)]);
        let error = open(text.as_bytes(), &host.options).err().expect(name);
        assert_eq!(error.cause(), cause_of, "{error}");
    }
}

#[test]
#[cfg(unix)]
fn a_pipe_in_the_folder_does_not_stop_the_reader() {
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(folder.path().join("pipe"))
        .status();
    assert!(made.expect("mkfifo").success());
    let options = OpenOptions::new().resolver(Arc::new(FolderResolver::new(folder.path())));
    let text = descriptor_file("monolithicFlat", &[&extent_line("FLAT", "pipe")]);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let error = open(text.as_bytes(), &options).err().map(|e| e.cause());
        tell.send(error).unwrap();
    });
    let error = told.recv_timeout(std::time::Duration::from_secs(20));
    assert_eq!(error, Ok(Some(Cause::ReferenceMissing)));
}

/// What OpenStack's format inspector wants of a VMDK, and more.
#[test]
fn what_other_gatekeepers_check_is_checked() {
    let disk = sample_disk(4096);
    let refused = |image: &[u8]| open(image, &OpenOptions::new()).err().map(|e| e.cause());
    // Only kinds that are one file open without a resolver.
    for create_type in [
        "monolithicFlat",
        "twoGbMaxExtentFlat",
        "twoGbMaxExtentSparse",
        "vmfs",
        "vmfsThin",
        "vmfsSparse",
        "seSparse",
        "fullDevice",
        "partitionedDevice",
        "vmfsRDM",
        "vmfsRaw",
        "custom",
        "nonsense",
    ] {
        let text = descriptor(create_type);
        let image = Builder::sparse(&disk).descriptor(Some(&text)).build().bytes;
        assert!(refused(&image).is_some(), "{create_type}");
        let text = descriptor_file(create_type, &["RW 8 FLAT \"d\" 0"]);
        assert!(refused(text.as_bytes()).is_some(), "{create_type}");
    }
    let good = Builder::stream(&disk).build();
    let put = |at: usize, value: &[u8]| {
        let mut bytes = good.bytes.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        refused(&bytes)
    };
    assert_eq!(refused(&good.bytes), None);
    // The header: its version, its size, where its descriptor is.
    assert_eq!(put(4, &[4]), Some(Cause::VmdkVersion));
    assert!(refused(&good.bytes[..511]).is_some());
    assert_eq!(put(28, &u64::MAX.to_le_bytes()), Some(Cause::VmdkOffset));
    assert!(put(28, &[0; 8]).is_some(), "no descriptor");
    assert!(put(36, &[0; 8]).is_some(), "an empty descriptor");
    // The footer: there, of the same disk, with a directory.
    assert_eq!(put(good.footer, b"XXXX"), Some(Cause::VmdkFooterMissing));
    assert_eq!(
        put(good.footer + 12, &[1]),
        Some(Cause::VmdkFooterDisagrees)
    );
    assert_eq!(
        put(good.footer + 56, &u64::MAX.to_le_bytes()),
        Some(Cause::VmdkFooterDisagrees)
    );
    // The descriptor: no text, no kind, two kinds.
    assert!(put(512, &[0xff; 64]).is_some());
    let twice = descriptor("streamOptimized") + "createType=\"monolithicFlat\"\n";
    let image = Builder::stream(&disk)
        .descriptor(Some(&twice))
        .build()
        .bytes;
    assert_eq!(refused(&image), Some(Cause::VmdkDescriptor));
    // Extents of ESX hosts open, and say that they are a part.
    for (image, variant) in [
        (cowd(&disk, 1), Variant::VmdkCowd),
        (sesparse(&disk, 1, false), Variant::VmdkSeSparse),
    ] {
        let image = open(&image, &OpenOptions::new()).unwrap();
        assert_eq!(image.info().variant, Some(variant));
        assert_eq!(image.len(), 4096);
    }
}
