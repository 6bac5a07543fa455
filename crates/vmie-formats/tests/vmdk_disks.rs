//! VMDK disks of several files, of ESX hosts, and over parents.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may panic"
)]
#![cfg(any(feature = "libdeflate", feature = "zlib-rs"))]

mod files;

use std::sync::Arc;

use files::{Files, with};
use proptest::prelude::*;
use vmie_formats::vmdk::{self, Vmdk};
use vmie_formats::{
    Cause, DiskImage as _, Error, ErrorKind, ExtentKind, Limits, NoteKind, OpenOptions, ReadAt,
    ReadAtExt as _, ReferenceKind, Variant, error_of, probe,
};
use vmie_io::{Budget, Meter, Metered};
use vmie_testkit::conformance;
use vmie_testkit::vmdk::{Builder, child_of, cowd, descriptor_file, sample_disk, sesparse};

/// Opens the file `disk.vmdk` among these.
fn open_in(files: &Arc<Files>, disk: &[u8]) -> Result<Vmdk, Error> {
    vmdk::open(Arc::new(disk.to_vec()), &with(files))
}

fn open<const N: usize>(text: &str, others: [(&str, Vec<u8>); N]) -> Result<Vmdk, Error> {
    open_in(&Arc::new(Files::of(others)), text.as_bytes())
}

fn read_all(disk: &dyn ReadAt) -> Result<Vec<u8>, Error> {
    let mut out = vec![0xa5; disk.len() as usize];
    disk.read_exact_at(&mut out, 0).map_err(error_of)?;
    Ok(out)
}

fn cause<T>(result: Result<T, Error>) -> Cause {
    result.err().expect("an error").cause()
}

fn small(builder: Builder) -> Builder {
    builder.grain_sectors(8).entries(4)
}

/// A sparse extent without a descriptor.
fn extent(disk: &[u8]) -> Vec<u8> {
    small(Builder::sparse(disk)).descriptor(None).build().bytes
}

fn sectors(disk: &[u8]) -> usize {
    assert_eq!(disk.len() % 512, 0);
    disk.len() / 512
}

#[test]
fn every_kind_of_disk_shows_its_bytes() {
    let disk = sample_disk(128 * 512);
    let n = sectors(&disk);
    let half = n / 2 * 512;
    let (first, second) = (disk[..half].to_vec(), disk[half..].to_vec());
    let flat = format!("RW {n} FLAT \"disk-flat.vmdk\" 0");
    let vmfs = format!("RW {n} VMFS \"disk-flat.vmdk\"");
    for (name, line, variant) in [
        ("monolithicFlat", &flat, Variant::VmdkMonolithicFlat),
        ("MONOLITHICFLAT", &flat, Variant::VmdkMonolithicFlat),
        ("vmfs", &vmfs, Variant::VmdkVmfs),
        ("vmfsThin", &vmfs, Variant::VmdkVmfsThin),
        ("vmfsPreallocated", &vmfs, Variant::VmdkVmfsPreallocated),
        (
            "vmfsEagerZeroedThick",
            &vmfs,
            Variant::VmdkVmfsEagerZeroedThick,
        ),
        ("custom", &flat, Variant::VmdkOther),
    ] {
        let text = descriptor_file(name, &[line]);
        assert_eq!(
            probe(&text.as_bytes().to_vec()).unwrap()[0].variant,
            Some(variant)
        );
        let image = open(&text, [("disk-flat.vmdk", disk.clone())]).unwrap();
        assert_eq!(image.info().variant, Some(variant));
        assert_eq!(image.info().references.len(), 1);
        assert_eq!(image.info().references[0].kind, ReferenceKind::Extent);
        assert_eq!(image.info().file_size, (disk.len() + text.len()) as u64);
        assert_eq!(image.grain_size(), None);
        assert_eq!(image.stored_at(700).unwrap(), Some(700));
        conformance::read_at(&image, &disk);
    }
    for name in ["twoGbMaxExtentFlat", "2GbMaxExtentFlat"] {
        let lines = [
            format!("RW {} FLAT \"d-f001.vmdk\" 0", n / 2),
            format!("RW {} FLAT \"d-f002.vmdk\" 0", n - n / 2),
        ];
        let text = descriptor_file(name, &[&lines[0], &lines[1]]);
        let others = [
            ("d-f001.vmdk", first.clone()),
            ("d-f002.vmdk", second.clone()),
        ];
        let image = open(&text, others).unwrap();
        assert_eq!(image.info().variant, Some(Variant::VmdkTwoGbFlat));
        conformance::read_at(&image, &disk);
    }
    for name in ["twoGbMaxExtentSparse", "2GbMaxExtentSparse"] {
        let lines = [
            format!("RW {} SPARSE \"d-s001.vmdk\"", n / 2),
            format!("RW {} SPARSE \"d-s002.vmdk\"", n - n / 2),
        ];
        let text = descriptor_file(name, &[&lines[0], &lines[1]]);
        let others = [
            ("d-s001.vmdk", extent(&first)),
            ("d-s002.vmdk", extent(&second)),
        ];
        let image = open(&text, others).unwrap();
        assert_eq!(image.info().variant, Some(Variant::VmdkTwoGbSparse));
        assert_eq!(image.info().block_size, Some(4096));
        conformance::read_at(&image, &disk);
    }
}

#[test]
fn extents_of_mixed_kinds_are_one_disk() {
    let disk = sample_disk(200 * 512);
    let cut = |from: usize, to: usize| disk[from * 512..to * 512].to_vec();
    let packed = small(Builder::stream(&cut(20, 70))).build().bytes;
    let mut flat = vec![9; 3 * 512];
    flat.extend_from_slice(&cut(90, 130));
    let text = descriptor_file(
        "custom",
        &[
            "RW 20 SPARSE \"a\"",
            "RDONLY 50 SPARSE \"b\"",
            "RW 20 VMFSSPARSE \"c\"",
            "RW 40 FLAT \"d\" 3",
            "RW 30 SESPARSE \"e\"",
            "RW 25 ZERO",
            "NOACCESS 15 FLAT \"never-opened\" 0",
        ],
    );
    let mut shown = disk[..160 * 512].to_vec();
    shown.resize(200 * 512, 0);
    let files = Arc::new(Files::of([
        ("a", extent(&cut(0, 20))),
        ("b", packed),
        ("c", cowd(&cut(70, 90), 1)),
        ("d", flat),
        ("e", sesparse(&cut(130, 160), 1, true)),
    ]));
    let image = open_in(&files, text.as_bytes()).unwrap();
    conformance::read_at(&image, &shown);
    assert_eq!(files.count(), 5);
    let kinds: Vec<_> = image.info().notes.iter().map(|note| note.kind).collect();
    assert_eq!(kinds, [NoteKind::Quirk]);
    // A file that holds several extents is asked for once.
    let text = descriptor_file("custom", &["RW 2 FLAT \"d\" 3", "RW 2 FLAT \"d\" 1"]);
    let files = Arc::new(Files::of([("d", sample_disk(4096))]));
    let image = open_in(&files, text.as_bytes()).unwrap();
    let file = sample_disk(4096);
    let want = [&file[3 * 512..5 * 512], &file[512..3 * 512]].concat();
    conformance::read_at(&image, &want);
    assert_eq!(files.count(), 1);
}

#[test]
fn extents_of_esx_hosts_open_by_themselves() {
    let disk = sample_disk(3 << 20);
    let bytes = cowd(&disk, 1);
    assert_eq!(probe(&bytes).unwrap()[0].variant, Some(Variant::VmdkCowd));
    let image = vmdk::open(Arc::new(bytes), &OpenOptions::new()).unwrap();
    assert_eq!(image.info().variant, Some(Variant::VmdkCowd));
    assert_eq!(image.info().notes[0].kind, NoteKind::PartOfDisk);
    conformance::read_at(&image, &disk);
    for mark in [false, true] {
        let bytes = sesparse(&disk, 2, mark);
        let image = vmdk::open(Arc::new(bytes), &OpenOptions::new()).unwrap();
        assert_eq!(image.info().variant, Some(Variant::VmdkSeSparse));
        assert_eq!(image.info().block_size, Some(4096));
        conformance::read_at(&image, &disk);
        let zero = image
            .extents(0..image.len())
            .any(|extent| extent.unwrap().kind == ExtentKind::Zero);
        assert_eq!(zero, mark);
    }
    // A sparse extent of a hosted product is a part of a disk, and says so.
    let error = vmdk::open(Arc::new(extent(&disk[..4096])), &OpenOptions::new()).unwrap_err();
    assert_eq!(
        (error.cause(), error.kind()),
        (Cause::VmdkExtentAlone, ErrorKind::Unsupported)
    );
}

#[test]
fn headers_of_esx_extents_that_make_no_sense_are_refused() {
    let disk = sample_disk(16 << 10);
    let broken = |bytes: &[u8], at: usize, value: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + value.len()].copy_from_slice(value);
        let error = vmdk::open(Arc::new(bytes), &OpenOptions::new()).err();
        let error = error.unwrap_or_else(|| panic!("{at}: {value:?}"));
        (error.cause(), error.offset())
    };
    let bytes = cowd(&disk, 1);
    for (at, value, cause) in [
        (4, 2u32, Cause::VmdkVersion),
        (12, 0, Cause::VmdkCapacity),
        (16, 3, Cause::VmdkGrainSize),
        (16, 0, Cause::VmdkGrainSize),
        (16, 1 << 16, Cause::VmdkGrainSize),
        (20, 0, Cause::VmdkOffset),
        (20, 0x00ff_ffff, Cause::VmdkOffset),
        (24, 0, Cause::VmdkTableSize),
    ] {
        let found = broken(&bytes, at, &value.to_le_bytes());
        assert_eq!(found, (cause, Some(at as u64)));
    }
    let bytes = sesparse(&disk, 1, false);
    for (at, value, cause, place) in [
        (8, 0x2_0000_0002u64, Cause::VmdkVersion, 8),
        (16, 0, Cause::VmdkCapacity, 16),
        (16, u64::MAX, Cause::VmdkCapacity, 16),
        (24, 7, Cause::VmdkGrainSize, 24),
        (32, 0, Cause::VmdkTableSize, 32),
        (32, 1 << 40, Cause::VmdkTableSize, 32),
        (40, 1, Cause::VmdkFlags, 40),
        (80, u64::MAX, Cause::VmdkOffset, 80),
        (128, 0, Cause::VmdkOffset, 128),
        (128, 1 << 40, Cause::VmdkOffset, 128),
        (136, 0, Cause::VmdkTableSize, 136),
        (144, 0, Cause::VmdkOffset, 144),
        (192, u64::MAX, Cause::VmdkOffset, 192),
        (512, 1, Cause::WrongFormat, 512),
        (512 + 24, 1, Cause::VmdkJournal, 512 + 24),
    ] {
        let found = broken(&bytes, at, &value.to_le_bytes());
        assert_eq!(found, (cause, Some(place)), "{at}");
    }
    // Entries that are nothing: of the directory, of a table.
    let bytes = sesparse(&disk, 1, false);
    for (at, value) in [(4 * 512, 1u64), (4 * 512, 0x1000_0000_0000_0001)] {
        let mut bytes = bytes.clone();
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        let image = vmdk::open(Arc::new(bytes), &OpenOptions::new()).unwrap();
        assert_eq!(cause(read_all(&image)), Cause::VmdkTableEntry);
    }
    let mut bad = bytes;
    bad[5 * 512 + 7] = 0x70;
    let image = vmdk::open(Arc::new(bad), &OpenOptions::new()).unwrap();
    let error = read_all(&image).unwrap_err();
    assert_eq!(
        (error.cause(), error.offset()),
        (Cause::VmdkTableEntry, Some(5 * 512))
    );
    // The other grains can be read.
    image.read_exact_at(&mut [0; 4096], 4096).unwrap();
}

#[test]
fn devices_are_never_a_disk() {
    let line = "RW 8 FLAT \"d\" 0";
    for name in [
        "fullDevice",
        "partitionedDevice",
        "vmfsRaw",
        "vmfsRDM",
        "vmfsRDMP",
        "vmfsRawDeviceMap",
        "vmfsPassthroughRawDeviceMap",
    ] {
        let files = Arc::new(Files::of([("d", vec![0; 4096])]));
        let text = descriptor_file(name, &[line]);
        let error = open_in(&files, text.as_bytes()).unwrap_err();
        assert_eq!(
            (error.cause(), error.kind()),
            (Cause::VmdkRawDevice, ErrorKind::Unsupported)
        );
        assert_eq!(error.value().unwrap().to_string(), format!("{name:?}"));
        assert_eq!(files.count(), 0);
    }
    for line in [
        "RW 8 VMFSRDM \"d\"",
        "RW 8 VMFSRAW \"d\"",
        "RW 8 FLAT \"\\\\.\\PhysicalDrive0\" 0",
        "RW 8 FLAT \"/dev/sda\" 0",
        "RW 8 FLAT \"d\" 0 partitionUUID \"device\"",
    ] {
        let files = Arc::new(Files::of([("d", vec![0; 4096])]));
        let text = descriptor_file("monolithicFlat", &["RW 8 FLAT \"d\" 0", line]);
        assert_eq!(
            cause(open_in(&files, text.as_bytes())),
            Cause::VmdkRawDevice,
            "{line}"
        );
        assert_eq!(files.count(), 0);
    }
}

#[test]
fn descriptors_that_are_no_disk_are_refused_before_anything_is_opened() {
    let line = "RW 8 FLAT \"d\" 0";
    let good = descriptor_file("monolithicFlat", &[line]);
    let huge = format!("RW {} ZERO", u64::MAX / 512);
    for (text, cause) in [
        (descriptor_file("nonsense", &[line]), Cause::VmdkKind),
        (
            good.replace("createType", "otherType"),
            Cause::VmdkDescriptor,
        ),
        (descriptor_file("vmfs", &[]), Cause::VmdkExtents),
        (
            descriptor_file("vmfs", &[line, "RW 8 VMFS"]),
            Cause::VmdkExtents,
        ),
        (
            descriptor_file("vmfs", &[line, "RW 8 SPARSE \"d\" 8"]),
            Cause::VmdkExtents,
        ),
        (
            descriptor_file("vmfs", &[line, "RW 8 OTHER \"d\" 8"]),
            Cause::VmdkKind,
        ),
        (descriptor_file("vmfs", &[line, &huge]), Cause::VmdkCapacity),
        (
            descriptor_file("vmfs", &[line, "RW 36028797018963967 ZERO"]),
            Cause::VmdkCapacity,
        ),
        (
            descriptor_file("vmfs", &[line, "RW 137438953472 ZERO"]),
            Cause::Limit,
        ),
        (
            format!("{good}encryption.data = \"x\"\n"),
            Cause::VmdkEncrypted,
        ),
        (format!("{good}\0\0partition"), Cause::VmdkDescriptor),
        (format!("{good}{}", "#\n".repeat(600_000)), Cause::Limit),
    ] {
        let files = Arc::new(Files::of([("d", vec![0; 4096])]));
        let error = open_in(&files, text.as_bytes()).unwrap_err();
        assert_eq!(error.cause(), cause, "{error}");
        assert_eq!(files.count(), 0, "{error}");
    }
    // Padding is no data.
    assert!(open(&format!("{good}\0\0\0"), [("d", vec![0; 4096])]).is_ok());
}

#[test]
fn files_of_extents_have_to_be_what_the_descriptor_says() {
    let disk = sample_disk(64 * 512);
    for (line, file, cause) in [
        ("RW 65 FLAT \"d\" 0", disk.clone(), Cause::VmdkExtentSize),
        ("RW 60 FLAT \"d\" 5", disk.clone(), Cause::VmdkExtentSize),
        (
            "RW 8 FLAT \"d\" 18446744073709551615",
            disk.clone(),
            Cause::VmdkExtentSize,
        ),
        ("RW 65 SPARSE \"d\"", extent(&disk), Cause::VmdkExtentSize),
        ("RW 64 SPARSE \"d\"", disk.clone(), Cause::WrongFormat),
        ("RW 64 SPARSE \"d\"", cowd(&disk, 1), Cause::WrongFormat),
        ("RW 64 VMFSSPARSE \"d\"", extent(&disk), Cause::WrongFormat),
        ("RW 64 SESPARSE \"d\"", cowd(&disk, 1), Cause::WrongFormat),
        ("RW 64 SPARSE \"d\"", Vec::new(), Cause::WrongFormat),
    ] {
        let text = descriptor_file("custom", &[line]);
        let error = open(&text, [("d", file)]).unwrap_err();
        assert_eq!(error.cause(), cause, "{line}: {error}");
    }
    // An extent that is longer than its line, and its grains, are cut.
    let text = descriptor_file("custom", &["RW 33 SPARSE \"d\"", "RW 1 ZERO"]);
    let image = open(&text, [("d", extent(&disk))]).unwrap();
    let mut want = disk[..33 * 512].to_vec();
    want.resize(34 * 512, 0);
    conformance::read_at(&image, &want);
}

#[test]
fn an_embedded_descriptor_speaks_of_its_own_file_only() {
    let disk = sample_disk(16 * 512);
    let with_text = |text: &str| {
        let bytes = Builder::sparse(&disk).descriptor(Some(text)).build().bytes;
        vmdk::open(Arc::new(bytes), &OpenOptions::new())
    };
    for lines in [
        &["RW 16 FLAT \"/etc/passwd\" 0"][..],
        &["RW 16 SPARSE \"disk.vmdk\"", "RW 16 FLAT \"/etc/passwd\" 0"],
        &["RW 16 SPARSE \"disk.vmdk\"", "RW 16 SPARSE \"other.vmdk\""],
    ] {
        let text = descriptor_file("monolithicSparse", lines);
        assert_eq!(cause(with_text(&text)), Cause::VmdkExtents);
    }
    let text = descriptor_file("monolithicSparse", &["RW 17 SPARSE \"old-name.vmdk\""]);
    let image = with_text(&text).unwrap();
    assert_eq!(image.info().notes[0].kind, NoteKind::Disagreement);
    assert!(image.info().references.is_empty());
    conformance::read_at(&image, &disk);
    let text = descriptor_file("streamOptimized", &["RW 16 SPARSE \"d\""]);
    let image = with_text(&text).unwrap();
    assert_eq!(image.info().variant, Some(Variant::VmdkMonolithicSparse));
    assert_eq!(image.info().notes[0].kind, NoteKind::Disagreement);
    for name in ["monolithicFlat", "vmfs", "twoGbMaxExtentSparse"] {
        let text = descriptor_file(name, &["RW 16 SPARSE \"d\""]);
        assert_eq!(cause(with_text(&text)), Cause::VmdkKind);
    }
}

#[test]
fn a_child_shows_its_parent_where_it_holds_nothing() {
    let n = 64;
    let below = sample_disk(n * 512);
    let mut own = vec![0; n * 512];
    own[8 * 512..24 * 512].fill(1);
    own[63 * 512..].fill(2);
    let parent = descriptor_file("monolithicFlat", &[&format!("RW {n} FLAT \"base\" 0")]);
    let mut want = below.clone();
    want[8 * 512..24 * 512].fill(1);
    want[56 * 512..63 * 512].fill(0);
    want[63 * 512..].fill(2);
    let files = Arc::new(Files::of([
        ("base.vmdk", parent.into_bytes()),
        ("base", below.clone()),
        ("delta", extent(&own)),
        ("cow", cowd(&own, 8)),
        ("se", sesparse(&own, 1, false)),
    ]));
    for (name, line) in [
        ("monolithicSparse", format!("RW {n} SPARSE \"delta\"")),
        ("vmfsSparse", format!("RW {n} VMFSSPARSE \"cow\"")),
        ("seSparse", format!("RW {n} SESPARSE \"se\"")),
    ] {
        let text = child_of(&descriptor_file(name, &[&line]), "base.vmdk");
        let image = open_in(&files, text.as_bytes()).unwrap();
        conformance::read_at(&image, &want);
        let last = image.info().references.last().unwrap();
        assert_eq!(
            (last.kind, last.name.as_str()),
            (ReferenceKind::Parent, "base.vmdk")
        );
    }
    // The same in one file; and a child that is larger than its parent.
    let text = child_of(
        &vmie_testkit::vmdk::descriptor("monolithicSparse"),
        "base.vmdk",
    );
    let child = small(Builder::sparse(&own)).descriptor(Some(&text)).build();
    conformance::read_at(&open_in(&files, &child.bytes).unwrap(), &want);
    own.resize(100 * 512, 0);
    own[99 * 512..].fill(3);
    want.resize(96 * 512, 0);
    want.resize(99 * 512, 0);
    want.resize(100 * 512, 3);
    let child = small(Builder::sparse(&own)).descriptor(Some(&text)).build();
    conformance::read_at(&open_in(&files, &child.bytes).unwrap(), &want);
    // Zeroes that the child holds hide the parent.
    let zeroes = small(Builder::sparse(&[0; 64 * 512])).mark_zeroes(true);
    let child = zeroes.descriptor(Some(&text)).build();
    conformance::read_at(&open_in(&files, &child.bytes).unwrap(), &[0; 64 * 512]);
}

#[test]
fn a_parent_has_to_be_the_right_one() {
    let n = 16;
    let disk = sample_disk(n * 512);
    let flat = descriptor_file("monolithicFlat", &[&format!("RW {n} FLAT \"flat\" 0")]);
    let sparse = format!("RW {n} SPARSE \"delta\"");
    let child = child_of(
        &descriptor_file("monolithicSparse", &[&sparse]),
        "base.vmdk",
    );
    let open_over = |base: Vec<u8>| {
        let files = Files::of([
            ("base.vmdk", base),
            ("flat", disk.clone()),
            ("delta", extent(&disk)),
        ]);
        open_in(&Arc::new(files), child.as_bytes())
    };
    assert!(open_over(flat.clone().into_bytes()).is_ok());
    let other = flat.replace("CID=12345678", "CID=12345679");
    let error = open_over(other.into_bytes()).unwrap_err();
    assert_eq!(
        (error.cause(), error.field_name()),
        (Cause::ParentMismatch, "parentCID")
    );
    assert_eq!(error.value().unwrap().to_string(), "\"12345679\"");
    // Without a content id, and what is no VMDK at all.
    assert_eq!(cause(open_over(cowd(&disk, 1))), Cause::ParentMismatch);
    assert_eq!(cause(open_over(disk.clone())), Cause::WrongFormat);
    let nameless = child.replace("parentFileNameHint", "other");
    let error = open(&nameless, [("delta", extent(&disk))]).unwrap_err();
    assert_eq!(
        (error.cause(), error.field_name()),
        (Cause::ParentImage, "parentFileNameHint")
    );
    // Its own parent: the chain ends where the limit is.
    let own = child_of(
        &descriptor_file("monolithicSparse", &[&sparse]),
        "self.vmdk",
    );
    let files = Files::of([
        ("self.vmdk", own.clone().into_bytes()),
        ("delta", extent(&disk)),
    ]);
    let error = open_in(&Arc::new(files), own.as_bytes()).unwrap_err();
    assert_eq!(error.cause(), Cause::ChainDepth);
}

#[test]
fn the_second_directory_stands_in_for_the_first() {
    let builder = small(Builder::sparse(&sample_disk(60_000))).redundant(true);
    let disk = builder.disk().to_vec();
    let built = builder.build();
    let open = |bytes: &[u8]| vmdk::open(Arc::new(bytes.to_vec()), &OpenOptions::new());
    let notes = |image: &Vmdk| {
        image
            .info()
            .notes
            .iter()
            .map(|n| n.kind)
            .collect::<Vec<_>>()
    };
    let whole = open(&built.bytes).unwrap();
    assert_eq!(notes(&whole), []);
    // The field of the first one is out of the file; one entry of it is.
    let mut field = built.bytes.clone();
    field[56..64].copy_from_slice(&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0]);
    let mut entry = built.bytes.clone();
    entry[built.directory + 4..built.directory + 8].fill(0x7f);
    for bytes in [&field, &entry] {
        let image = open(bytes).unwrap();
        assert_eq!(notes(&image), [NoteKind::SecondCopyUsed]);
        conformance::read_at(&image, &disk);
    }
    // A table with an entry that is out of the file.
    let mut table = built.bytes.clone();
    table[built.tables[1]..built.tables[1] + 4].fill(0x7f);
    conformance::read_at(&open(&table).unwrap(), &disk);
    // Where the header promises no second one, none is used.
    for mut bytes in [field, entry, table] {
        bytes[8] &= !2;
        let result = open(&bytes).and_then(|image| read_all(&image));
        assert_eq!(cause(result), Cause::VmdkOffset);
    }
    // Both damaged.
    let mut both = built.bytes;
    both[built.directory + 4..built.directory + 8].fill(0x7f);
    both[built.redundant.0 + 4..built.redundant.0 + 8].fill(0x7f);
    let image = open(&both).unwrap();
    assert_eq!(cause(read_all(&image)), Cause::VmdkOffset);
    let unclean = small(Builder::sparse(&disk)).unclean(true).build();
    assert_eq!(notes(&open(&unclean.bytes).unwrap()), [NoteKind::Dirty]);
}

#[test]
fn a_file_cut_at_any_byte_is_refused_or_right() {
    let disk = sample_disk(20 * 512);
    let descriptor = descriptor_file("custom", &["RW 20 SPARSE \"d\""]);
    let check = |what: &str, whole: &[u8], open: &dyn Fn(&[u8]) -> Result<Vmdk, Error>| {
        for cut in 0..whole.len() {
            match open(&whole[..cut]).and_then(|image| read_all(&image)) {
                Ok(read) => assert!(read == disk, "{what} cut at {cut}"),
                Err(error) => assert!(
                    matches!(
                        error.kind(),
                        ErrorKind::Truncated | ErrorKind::Corrupt | ErrorKind::Unsupported
                    ),
                    "{what} cut at {cut}: {error}"
                ),
            }
        }
    };
    let alone = |bytes: &[u8]| vmdk::open(Arc::new(bytes.to_vec()), &OpenOptions::new());
    check("COWD", &cowd(&disk, 4), &alone);
    check("SEsparse", &sesparse(&disk, 1, true), &alone);
    let redundant = small(Builder::sparse(&disk)).redundant(true).build().bytes;
    check("redundant", &redundant, &alone);
    for (what, line, file) in [
        ("sparse extent", "RW 20 SPARSE \"d\"", extent(&disk)),
        ("flat extent", "RW 20 FLAT \"d\"", disk.clone()),
        ("COWD extent", "RW 20 VMFSSPARSE \"d\"", cowd(&disk, 4)),
    ] {
        let text = descriptor_file("custom", &[line]);
        check(what, &file, &|bytes| open(&text, [("d", bytes.to_vec())]));
    }
    // The descriptor itself: what is before the cut is a disk of its own, or none.
    for cut in 0..descriptor.len() {
        let _ = open(&descriptor[..cut], [("d", extent(&disk))]);
    }
}

/// A source of zeroes with some bytes in it: a huge file that costs nothing.
struct Holey {
    len: u64,
    parts: Vec<(u64, Vec<u8>)>,
}

impl ReadAt for Holey {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), vmie_formats::ReadError> {
        let end = offset + buf.len() as u64;
        if end > self.len {
            let len = self.len;
            return Err(vmie_formats::ReadError::past_end(
                "holey",
                offset,
                buf.len(),
                len,
            ));
        }
        buf.fill(0);
        for (start, bytes) in &self.parts {
            let (from, to) = ((*start).max(offset), (start + bytes.len() as u64).min(end));
            if from < to {
                let part = &bytes[(from - start) as usize..(to - start) as usize];
                buf[(from - offset) as usize..(to - offset) as usize].copy_from_slice(part);
            }
        }
        Ok(())
    }
}

/// A monolithicSparse disk of `size` bytes whose tables lie behind each other, all of its grains
/// stored, as if.
fn two_gib(size: u64, stride: u64) -> Holey {
    let mut head = small(Builder::sparse(&[1; 512]))
        .grain_sectors(128)
        .entries(512)
        .build()
        .bytes;
    head.truncate(2048);
    head[12..20].copy_from_slice(&(size / 512).to_le_bytes());
    head[56..64].copy_from_slice(&2048u64.to_le_bytes());
    let tables = size / (32 << 20);
    let mut parts = vec![(0, head)];
    let mut directory = Vec::new();
    for number in 0..tables {
        let at = (2 << 20) + number * stride;
        directory.extend_from_slice(&((at / 512) as u32).to_le_bytes());
        let mut table = Vec::new();
        for grain in 0..512u64 {
            let sector = (64 << 11) + (number * 512 + grain) * 128;
            table.extend_from_slice(&(sector as u32).to_le_bytes());
        }
        parts.push((at, table));
    }
    parts.push((1 << 20, directory));
    Holey {
        len: (64 << 20) + size,
        parts,
    }
}

#[test]
fn opening_and_mapping_take_few_requests() {
    let size = 2 << 30;
    for (stride, most) in [(2048, 2), (2048 + 512, 3), (64 << 10, 64)] {
        let meter = Meter::new();
        let source = Arc::new(Metered::new(two_gib(size, stride), meter.clone()));
        let disk = OpenOptions::new().open_disk(source).unwrap();
        let opened = (meter.reads(), meter.bytes());
        assert!(opened.0 <= 12 && opened.1 <= 2 << 20, "{opened:?}");
        let extents: Vec<_> = disk.extents(0..size).map(|e| e.unwrap()).collect();
        assert_eq!(extents.len(), 1);
        let mapped = meter.reads() - opened.0;
        assert!(mapped <= most, "{mapped} requests to map");
        // Grains that lie side by side are read at once.
        let before = meter.reads();
        disk.read_exact_at(&mut vec![0; 8 << 20], 100).unwrap();
        assert!(meter.reads() - before <= 2, "{}", meter.reads() - before);
    }
    let built = Builder::stream(&sample_disk(40 << 20)).build();
    let meter = Meter::new();
    let source = Arc::new(Metered::new(built.bytes, meter.clone()));
    let _disk = OpenOptions::new().open_disk(source).unwrap();
    assert!(meter.reads() <= 12 && meter.bytes() <= 2 << 20);
    // Two descriptors' worth of extents: a header and a directory each.
    let mut files = Files::default();
    let meter = Meter::new();
    let mut lines = Vec::new();
    for number in 0..3 {
        let name = format!("d-s{number:03}.vmdk");
        let disk = Metered::new(extent(&sample_disk(4096)), meter.clone());
        files.add(&name, Arc::new(disk));
        lines.push(format!("RW 8 SPARSE \"{name}\""));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let text = descriptor_file("twoGbMaxExtentSparse", &lines);
    open_in(&Arc::new(files), text.as_bytes()).unwrap();
    assert!(meter.reads() <= 9, "{}", meter.reads());
}

#[test]
fn bombs_cost_nothing() {
    let limits = Limits::default().with_memory(1 << 20);
    let options = OpenOptions::new().limits(limits);
    // Extents of 16 EiB in grains of 4 KiB, directories of 2^32 entries: files that do not have them.
    let mut sparse = extent(&[1; 4096]);
    for capacity in [u64::MAX, u64::MAX / 512, 1 << 37, 1 << 36] {
        sparse[12..20].copy_from_slice(&capacity.to_le_bytes());
        sparse[44..48].copy_from_slice(&1u32.to_le_bytes());
        let files = Arc::new(Files::of([("d", sparse.clone())]));
        let text = descriptor_file("custom", &["RW 8 SPARSE \"d\""]);
        let options = with(&files).limits(limits);
        let error = vmdk::open(Arc::new(text.into_bytes()), &options).unwrap_err();
        assert!(
            matches!(
                error.cause(),
                Cause::VmdkCapacity | Cause::Limit | Cause::VmdkOffset
            ),
            "{error}"
        );
    }
    // A file that has room for the directory, of 4 GiB: the account has not.
    let mut head = sparse.clone();
    head.truncate(512);
    head[12..20].copy_from_slice(&(1u64 << 33).to_le_bytes());
    head[44..48].copy_from_slice(&1u32.to_le_bytes());
    let len = 1 << 45;
    let holey = Arc::new(Holey {
        len,
        parts: vec![(0, head)],
    });
    let mut files = Files::default();
    files.add("d", holey);
    let text = descriptor_file("custom", &["RW 8 SPARSE \"d\""]);
    let options_in = with(&Arc::new(files)).limits(limits);
    let error = vmdk::open(Arc::new(text.into_bytes()), &options_in).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    // The same for the others.
    let mut bytes = sesparse(&[1; 4096], 1, false);
    bytes[16..24].copy_from_slice(&(1u64 << 36).to_le_bytes());
    bytes[136..144].copy_from_slice(&u64::MAX.to_le_bytes());
    let error = vmdk::open(Arc::new(bytes), &options).unwrap_err();
    assert_eq!(error.cause(), Cause::VmdkOffset);
    let mut bytes = cowd(&[1; 4096], 1);
    bytes[12..16].fill(0xff);
    bytes[24..28].fill(0xff);
    let error = vmdk::open(Arc::new(bytes), &options).unwrap_err();
    assert_eq!(error.cause(), Cause::VmdkOffset);
}

#[test]
fn memory_of_many_extents_is_bounded_and_given_back() {
    let disk = sample_disk(64 << 10);
    let budget = Budget::new(Limits::default().with_memory(768 << 10));
    let mut files = Files::default();
    let mut lines = Vec::new();
    let mut want = Vec::new();
    for number in 0..40 {
        let name = format!("s{number}");
        let file: Vec<u8> = if number % 2 == 0 {
            Builder::sparse(&disk).descriptor(None).build().bytes
        } else {
            Builder::stream(&disk).build().bytes
        };
        files.add(&name, Arc::new(file));
        lines.push(format!("RW 128 SPARSE \"{name}\""));
        want.extend_from_slice(&disk);
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let text = descriptor_file("custom", &lines);
    let options = with(&Arc::new(files)).charged_to(&budget);
    let image = vmdk::open(Arc::new(text.into_bytes()), &options).unwrap();
    conformance::read_at(&image, &want);
    drop(image);
    assert_eq!(budget.memory_used(), 0);
}

/// An extent of a random disk.
#[derive(Clone, Debug)]
struct Piece {
    kind: u8,
    sectors: usize,
    fill: Vec<u8>,
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let fill = prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 1..12);
    let piece = (0u8..6, 1usize..80, fill);
    let piece = piece.prop_map(|(kind, sectors, fill)| Piece {
        kind,
        sectors,
        fill,
    });
    prop::collection::vec(piece, 1..7)
}

impl Piece {
    fn disk(&self) -> Vec<u8> {
        let mut disk = vec![0; self.sectors * 512];
        for (chunk, fill) in disk.chunks_mut(8 * 512).zip(self.fill.iter().cycle()) {
            chunk.fill(*fill);
        }
        disk
    }

    /// The line, the file, and what is shown.
    fn build(&self, name: &str) -> (String, Vec<u8>, Vec<u8>) {
        let (disk, n) = (self.disk(), self.sectors);
        let line = |kind: &str| format!("RW {n} {kind} \"{name}\"");
        match self.kind {
            0 => (line("FLAT") + " 0", disk.clone(), disk),
            1 => (line("SPARSE"), extent(&disk), disk),
            2 => {
                let packed = small(Builder::stream(&disk)).short_last_grain(n % 2 == 0);
                (line("SPARSE"), packed.build().bytes, disk)
            }
            3 => (line("VMFSSPARSE"), cowd(&disk, 4), disk),
            4 => (line("SESPARSE"), sesparse(&disk, 1, n % 2 == 0), disk),
            _ => (format!("RW {n} ZERO"), Vec::new(), vec![0; disk.len()]),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Any extents in any order are the disk that they should be.
    #[test]
    fn any_layout_comes_back(pieces in pieces(), reads in prop::collection::vec(any::<(prop::sample::Index, u16)>(), 8)) {
        let mut files = Files::default();
        let (mut lines, mut want) = (Vec::new(), Vec::new());
        for (number, piece) in pieces.iter().enumerate() {
            let name = format!("part {number}");
            let (line, file, shown) = piece.build(&name);
            files.add(&name, Arc::new(file));
            lines.push(line);
            want.extend_from_slice(&shown);
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let text = descriptor_file("custom", &lines);
        let image = open_in(&Arc::new(files), text.as_bytes()).unwrap();
        prop_assert!(read_all(&image).unwrap() == want);
        for (start, len) in reads {
            let start = start.index(want.len());
            let len = usize::from(len).min(want.len() - start);
            let mut buf = vec![0xa5; len];
            image.read_exact_at(&mut buf, start as u64).unwrap();
            prop_assert!(buf == want[start..start + len]);
        }
        let mut end = 0;
        for extent in image.extents(0..image.len()) {
            let extent = extent.unwrap();
            prop_assert_eq!(extent.start, end);
            end = extent.end();
            let part = &want[extent.start as usize..end as usize];
            prop_assert!(extent.kind == ExtentKind::Data || part.iter().all(|b| *b == 0));
        }
        prop_assert_eq!(end, want.len() as u64);
    }

    /// A chain of up to four layers shows of each grain the topmost.
    #[test]
    fn any_chain_comes_back(
        layers in prop::collection::vec((0u8..4, prop::collection::vec(prop::option::of(0u8..3), 9)), 1..5),
    ) {
        const GRAIN: usize = 8 * 512;
        let mut files = Files::default();
        let mut want = vec![0; 9 * GRAIN];
        let mut top = String::new();
        for (number, (kind, grains)) in layers.iter().enumerate() {
            let mut own = vec![0; want.len()];
            for (index, fill) in grains.iter().enumerate() {
                // No zeroes: a grain of them is left out, and shows what is below.
                let Some(fill) = fill else { continue };
                own[index * GRAIN..][..GRAIN].fill(fill + 1);
                want[index * GRAIN..][..GRAIN].fill(fill + 1);
            }
            let (line, file) = match kind {
                0 => ("RW 72 SPARSE", extent(&own)),
                1 => ("RW 72 VMFSSPARSE", cowd(&own, 8)),
                2 => ("RW 72 SESPARSE", sesparse(&own, 1, false)),
                _ => ("RW 72 SPARSE", small(Builder::stream(&own)).build().bytes),
            };
            files.add(&format!("d{number}"), Arc::new(file));
            top = descriptor_file("custom", &[&format!("{line} \"d{number}\"")]);
            if number > 0 {
                top = child_of(&top, &format!("{}.vmdk", number - 1));
            }
            files.add(&format!("{number}.vmdk"), Arc::new(top.clone().into_bytes()));
        }
        let image = open_in(&Arc::new(files), top.as_bytes()).unwrap();
        conformance::read_at(&image, &want);
    }
}
