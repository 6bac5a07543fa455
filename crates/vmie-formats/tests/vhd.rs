//! VHD files as they should be, and broken in every way (SVC-FMT-3, SVC-ERR-8).
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use vmie_formats::vhd::{self, Vhd};
use vmie_formats::{
    Cause, Confidence, DiskImage as _, Error, ErrorKind, Extent, ExtentKind, FolderResolver,
    Format, Limits, NoteKind, OpenOptions, Opened, ReadAt, Reference, Resolver, Variant, error_of,
    probe,
};
use vmie_io::{Budget, Meter, Metered, Window};
use vmie_testkit::conformance;
use vmie_testkit::sparse::Sparse;
use vmie_testkit::vhd::{Builder, Built, fix, utf16};
use vmie_testkit::vmdk::sample_disk;

fn open(bytes: &[u8]) -> Result<Vhd, Error> {
    vhd::open(Arc::new(bytes.to_vec()), &OpenOptions::new())
}

fn read_all(disk: &dyn ReadAt) -> Result<Vec<u8>, Error> {
    let mut out = vec![0xa5; disk.len() as usize];
    disk.read_exact_at(&mut out, 0).map_err(error_of)?;
    Ok(out)
}

fn notes(disk: &Vhd) -> Vec<NoteKind> {
    disk.info().notes.iter().map(|note| note.kind).collect()
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

fn small() -> (Vec<u8>, Built) {
    let builder = Builder::dynamic(&sample_disk(20_000));
    (builder.disk(), builder.build())
}

/// Changes both footers and makes their checksums right.
fn edit_footers(built: &Built, at: usize, what: &[u8]) -> Vec<u8> {
    let mut bytes = built.bytes.clone();
    let places = if built.header > 0 {
        vec![0, built.footer]
    } else {
        vec![built.footer]
    };
    for start in places {
        put(&mut bytes, start + at, what);
        fix(&mut bytes[start..start + 512], 64);
    }
    bytes
}

fn edit_header(built: &Built, at: usize, what: &[u8]) -> Vec<u8> {
    let mut bytes = built.bytes.clone();
    put(&mut bytes, built.header + at, what);
    fix(&mut bytes[built.header..built.header + 1024], 36);
    bytes
}

fn refused(bytes: &[u8]) -> (Cause, Option<u64>, &'static str) {
    let error = open(bytes).expect_err("an error");
    (error.cause(), error.offset(), error.field_name())
}

/// Hands out files by name and remembers what was asked for.
#[derive(Default)]
struct Files {
    files: HashMap<String, Vec<u8>>,
    asked: Mutex<Vec<String>>,
}

impl Files {
    fn of(files: &[(&str, &[u8])]) -> Arc<Self> {
        let files = files
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
        Arc::new(Self {
            files: files.collect(),
            asked: Mutex::default(),
        })
    }
}

impl Resolver for Files {
    fn resolve(&self, reference: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        self.asked.lock().unwrap().push(reference.name.clone());
        match self.files.get(&reference.name) {
            Some(bytes) => Ok(Arc::new(bytes.clone())),
            None => Err(Error::new(Cause::ReferenceMissing)),
        }
    }
}

fn open_with(bytes: &[u8], files: &Arc<Files>) -> Result<Vhd, Error> {
    let resolver: Arc<dyn Resolver> = Arc::clone(files) as _;
    vhd::open(
        Arc::new(bytes.to_vec()),
        &OpenOptions::new().resolver(resolver),
    )
}

#[test]
fn every_kind_shows_the_disk() {
    let disk = sample_disk(300_000);
    let written: Vec<bool> = (0..600).map(|sector| sector % 7 != 3).collect();
    let dynamic = Builder::dynamic(&disk);
    for (builder, variant) in [
        (Builder::fixed(&disk), Variant::VhdFixed),
        (Builder::fixed(&disk).short_footer(), Variant::VhdFixed),
        (dynamic.clone(), Variant::VhdDynamic),
        (dynamic.clone().reverse(), Variant::VhdDynamic),
        (dynamic.clone().written(&written), Variant::VhdDynamic),
        (dynamic.clone().batmap(), Variant::VhdDynamic),
        (dynamic.clone().block_bytes(512), Variant::VhdDynamic),
        (dynamic.clone().block_bytes(2 << 20), Variant::VhdDynamic),
        (dynamic.short_footer(), Variant::VhdDynamic),
        (Builder::dynamic(&[0; 70_000]), Variant::VhdDynamic),
        (Builder::dynamic(b"x"), Variant::VhdDynamic),
    ] {
        let built = builder.build();
        let image = open(&built.bytes).unwrap_or_else(|e| panic!("{e}"));
        let info = image.info();
        assert_eq!(info.variant, Some(variant));
        assert_eq!(info.file_size, built.bytes.len() as u64);
        assert_eq!(info.creator.as_deref(), Some("win 10.1"));
        assert_eq!(info.sector_size, Some(512));
        assert_eq!(info.block_size.is_some(), variant == Variant::VhdDynamic);
        let differs = notes(&image).contains(&NoteKind::FootersDiffer);
        assert!(info.notes.is_empty() || differs, "{:?}", info.notes);
        conformance::read_at(&image, &builder.disk());
    }
}

#[test]
fn it_opens_by_itself_and_is_recognised_by_either_end() {
    let (disk, built) = small();
    let Opened::Disk(image) = OpenOptions::new()
        .open(Arc::new(built.bytes.clone()))
        .unwrap()
    else {
        panic!("a disk");
    };
    assert_eq!(image.info().format, Format::Vhd);
    assert!(read_all(&image).unwrap() == disk);
    let first = |bytes: &[u8]| {
        let candidate = probe(&bytes.to_vec()).unwrap().swap_remove(0);
        (candidate.format, candidate.variant, candidate.confidence)
    };
    let dynamic = (Format::Vhd, Some(Variant::VhdDynamic), Confidence::Certain);
    assert_eq!(first(&built.bytes), dynamic);
    assert_eq!(first(&built.bytes[..built.footer]), dynamic);
    assert_eq!(first(&built.bytes[512..]), dynamic);
    let fixed = Builder::fixed(&disk).short_footer().build();
    let expected = (Format::Vhd, Some(Variant::VhdFixed), Confidence::Certain);
    assert_eq!(first(&fixed.bytes), expected);
    let mut damaged = fixed.bytes;
    damaged[fixed.footer + 100] ^= 1;
    assert_eq!(first(&damaged), (Format::Vhd, None, Confidence::Likely));
    // Nothing of a cookie, and a part of one.
    assert_eq!(first(b"conecti").0, Format::Raw);
    assert_eq!(first(&[0; 511]).0, Format::Raw);
}

#[test]
fn a_damaged_or_missing_footer_is_read_from_its_copy() {
    let (disk, built) = small();
    let mut damaged = built.bytes.clone();
    damaged[built.footer + 200] ^= 1;
    for bytes in [damaged, built.bytes[..built.footer].to_vec()] {
        let image = open(&bytes).unwrap();
        assert_eq!(notes(&image), [NoteKind::SecondCopyUsed]);
        assert!(read_all(&image).unwrap() == disk);
    }
    // The copy: "Footers not identical" (SVC-ERR-8).
    let mut damaged = built.bytes.clone();
    damaged[200] ^= 1;
    let mut other = built.bytes.clone();
    other[84] = 1;
    fix(&mut other[..512], 64);
    let missing = Builder::dynamic(&disk).no_start().build().bytes;
    for bytes in [damaged, other, missing] {
        let image = open(&bytes).unwrap();
        assert_eq!(notes(&image), [NoteKind::FootersDiffer]);
        assert_eq!(image.info().notes[0].offset, Some(0));
        assert!(read_all(&image).unwrap() == disk);
    }
    // Both.
    let mut both = built.bytes.clone();
    both[200] ^= 1;
    both[built.footer + 200] ^= 1;
    let at = (built.footer + 64) as u64;
    assert_eq!(refused(&both), (Cause::VhdChecksum, Some(at), "Checksum"));
}

#[test]
fn a_fixed_disk_does_not_heed_what_the_guest_wrote_at_its_start() {
    // A guest that keeps a VHD's first sector in its own: only the end of the file tells.
    let (_, inner) = small();
    let mut disk = sample_disk(20_480);
    put(&mut disk, 0, &inner.bytes[..1536]);
    let built = Builder::fixed(&disk).build();
    let image = open(&built.bytes).unwrap();
    assert_eq!(notes(&image), []);
    assert!(read_all(&image).unwrap() == disk);
    // A fixed disk has no second copy.
    let mut fixed_first = Builder::fixed(&disk).build();
    let footer = fixed_first.bytes[fixed_first.footer..].to_vec();
    put(&mut fixed_first.bytes, 0, &footer);
    fixed_first.bytes.truncate(fixed_first.footer);
    assert_eq!(refused(&fixed_first.bytes).0, Cause::VhdFooterMissing);
}

#[test]
fn the_size_is_the_creators() {
    // 10 cylinders, 4 heads, 17 sectors: 348160 bytes, and a little more as the current size.
    let disk = sample_disk(700 * 512);
    for (creator, geometry, bytes) in [
        (*b"vpc ", (10, 4, 17), 348_160),
        (*b"qemu", (10, 4, 17), 348_160),
        (*b"qem2", (10, 4, 17), 358_400),
        (*b"win ", (10, 4, 17), 358_400),
        (*b"d2v ", (10, 4, 17), 358_400),
        (*b"tap\0", (10, 4, 17), 358_400),
        (*b"CTXS", (10, 4, 17), 358_400),
        (*b"wa\0\0", (10, 4, 17), 358_400),
        (*b"vs  ", (10, 4, 17), 358_400),
        (*b"vbox", (10, 4, 17), 358_400),
        // The largest geometry says "or more", and none says nothing.
        (*b"vpc ", (65_535, 16, 255), 358_400),
        (*b"vpc ", (0, 0, 0), 358_400),
    ] {
        let (c, h, s) = geometry;
        for builder in [Builder::fixed(&disk), Builder::dynamic(&disk)] {
            let built = builder.creator(creator).geometry(c, h, s).build();
            let image = open(&built.bytes).unwrap();
            assert_eq!(image.len(), bytes, "{creator:?}");
            let differ = bytes != disk.len() as u64;
            assert_eq!(notes(&image).contains(&NoteKind::Disagreement), differ);
            assert!(read_all(&image).unwrap() == disk[..bytes as usize]);
        }
    }
    let odd = Builder::dynamic(&disk)
        .current_size(700 * 512 - 100)
        .build();
    let image = open(&odd.bytes).unwrap();
    assert_eq!(
        (image.len(), notes(&image)),
        (699 * 512, vec![NoteKind::Disagreement])
    );
}

#[test]
fn what_is_worth_knowing_is_said() {
    let disk = sample_disk(9000);
    let image = open(&Builder::dynamic(&disk).saved_state().build().bytes).unwrap();
    assert_eq!(notes(&image), [NoteKind::SavedState]);
    let (disk, built) = small();
    let image = open(&edit_footers(&built, 8, &3u32.to_be_bytes())).unwrap();
    assert_eq!(notes(&image), [NoteKind::Quirk]);
    let mut wrong = built.bytes.clone();
    wrong[built.header + 36] ^= 0x55;
    let image = open(&wrong).unwrap();
    assert_eq!(notes(&image), [NoteKind::Checksum]);
    assert_eq!(image.info().notes[0].offset, Some(built.header as u64 + 36));
    assert!(read_all(&image).unwrap() == disk);
}

#[test]
fn every_field_is_checked() {
    let (disk, built) = small();
    let footer = built.footer as u64;
    let footers = |at, what: &[u8]| refused(&edit_footers(&built, at, what));
    let version = (Cause::VhdVersion, Some(footer + 12), "File Format Version");
    assert_eq!(footers(12, &0x0002_0000u32.to_be_bytes()), version);
    for kind in [0u32, 1, 5, 6, 7, u32::MAX] {
        let wrong = (Cause::VhdType, Some(footer + 60), "Disk Type");
        assert_eq!(footers(60, &kind.to_be_bytes()), wrong);
    }
    let zero = (Cause::VhdSize, Some(footer + 48), "Current Size");
    assert_eq!(footers(48, &0u64.to_be_bytes()), zero);
    assert_eq!(footers(48, &511u64.to_be_bytes()), zero);
    // 16 EiB cost nothing.
    let huge = open(&edit_footers(&built, 48, &u64::MAX.to_be_bytes())).unwrap_err();
    assert_eq!(
        (huge.cause(), huge.kind()),
        (Cause::Limit, ErrorKind::LimitExceeded)
    );
    for at in [u64::MAX, built.bytes.len() as u64 - 1023] {
        let wrong = (Cause::VhdOffset, Some(16), "Data Offset");
        assert_eq!(footers(16, &at.to_be_bytes()), wrong);
    }
    let nowhere = (Cause::VhdHeader, Some(1536), "Cookie");
    assert_eq!(footers(16, &1536u64.to_be_bytes()), nowhere);
    let header = |at, what: &[u8]| refused(&edit_header(&built, at, what));
    assert_eq!(
        header(0, b"dxsparse"),
        (Cause::VhdHeader, Some(512), "Cookie")
    );
    let version = (Cause::VhdVersion, Some(512 + 24), "Header Version");
    assert_eq!(header(24, &0u32.to_be_bytes()), version);
    for block in [0u32, 1, 256, 513, 3 << 20, 1 << 31, u32::MAX] {
        let wrong = (Cause::VhdBlockSize, Some(512 + 32), "Block Size");
        assert_eq!(header(32, &block.to_be_bytes()), wrong);
    }
    let few = (Cause::VhdTable, Some(512 + 28), "Max Table Entries");
    assert_eq!(header(28, &4u32.to_be_bytes()), few);
    for at in [u64::MAX, built.bytes.len() as u64 - 19] {
        let wrong = (Cause::VhdOffset, Some(512 + 16), "Table Offset");
        assert_eq!(header(16, &at.to_be_bytes()), wrong);
    }
    // A fixed disk that is longer than its file.
    let fixed = Builder::fixed(&disk).current_size(1 << 20).build();
    let wrong = (
        Cause::VhdOffset,
        Some(fixed.footer as u64 + 48),
        "Current Size",
    );
    assert_eq!(refused(&fixed.bytes), wrong);
    assert_eq!(refused(&[0; 4096]).0, Cause::WrongFormat);
    assert_eq!(refused(&[]).0, Cause::WrongFormat);
}

#[test]
fn blocks_are_checked_when_they_are_read() {
    let (disk, built) = small();
    let read = |entry: u32| {
        let mut bytes = built.bytes.clone();
        put(&mut bytes, built.table, &entry.to_be_bytes());
        let image = open(&bytes).unwrap();
        let error = image.read_exact_at(&mut [0; 10], 0).unwrap_err();
        let error = error_of(error);
        assert_eq!(error.offset(), Some(built.table as u64));
        // Other blocks can be read all the same.
        let mut rest = vec![0; 512];
        image.read_exact_at(&mut rest, 2 * 4096).unwrap();
        assert!(rest == disk[2 * 4096..][..512]);
        assert_eq!(image.next_extent(0).unwrap().kind, ExtentKind::Data);
        error.cause()
    };
    assert_eq!(read(u32::MAX - 1), Cause::VhdOffset);
    assert_eq!(read((built.bytes.len() / 512) as u32), Cause::VhdOffset);
    // Over the footer's copy, the header, the table, another block.
    for sector in [0, 1, 2, 3] {
        assert_eq!(read(sector), Cause::VhdBlockOverlap);
    }
    let second = (built.blocks[1].unwrap() / 512) as u32;
    for sector in [second, second - 1] {
        assert_eq!(read(sector), Cause::VhdBlockOverlap);
    }
}

#[test]
fn sector_bitmaps_tell_holes_when_they_are_asked() {
    let disk = vec![7; 4 * 4096];
    let mut written = vec![true; 32];
    written[2..5].fill(false);
    written[15] = false;
    written[16..24].fill(false);
    let builder = Builder::dynamic(&disk).written(&written);
    let image = open(&builder.build().bytes).unwrap();
    let mut found = Vec::new();
    let mut at = 0;
    while at < image.len() {
        let extent = image.sector_extent(at).unwrap();
        found.push((extent.kind.name(), extent.start / 512, extent.len / 512));
        at = extent.end();
    }
    let expected = [
        ("data", 0, 2),
        ("hole", 2, 3),
        ("data", 5, 3),
        ("data", 8, 7),
        ("hole", 15, 1),
        ("hole", 16, 8),
        ("data", 24, 8),
    ];
    assert_eq!(found, expected);
    assert_eq!(image.sector_extent(at).unwrap().len, 0);
    let blocks = Extent::new(ExtentKind::Data, 0, 2 * 4096);
    assert_eq!(image.next_extent(0).unwrap(), blocks);
}

#[test]
fn a_file_cut_anywhere_gives_an_error_or_a_right_part() {
    let builder = Builder::dynamic(&sample_disk(9000));
    let (disk, built) = (builder.disk(), builder.build());
    let differing = Builder::differencing(&disk, &[true, false, true]).build();
    let fixed = Builder::fixed(&disk).build();
    for file in [&built.bytes, &fixed.bytes, &differing.bytes] {
        let source = Arc::new(file.clone());
        for len in 0..file.len() as u64 {
            let cut = Window::new(Arc::clone(&source), 0, len).unwrap();
            let Ok(image) = vhd::open(Arc::new(cut), &OpenOptions::new()) else {
                continue;
            };
            for sector in 0..image.len() / 512 {
                let mut buf = [0xa5; 512];
                match image.read_exact_at(&mut buf, sector * 512) {
                    Ok(()) => assert!(buf == disk[sector as usize * 512..][..512]),
                    Err(error) => assert_eq!(error_of(error).cause(), Cause::VhdOffset),
                }
            }
        }
    }
}

#[test]
fn a_child_shows_its_parent() {
    let parent = Builder::dynamic(&sample_disk(30_000));
    let grand = parent.build().bytes;
    let changes = vec![9; 40_960];
    let present: Vec<bool> = (0..80)
        .map(|s| matches!(s, 0..3 | 20 | 40..48 | 70))
        .collect();
    let child = Builder::differencing(&changes, &present);
    let expected = child.over(&parent.disk());
    let middle = child.build().bytes;
    let files = Files::of(&[("parent.vhd", &grand), ("middle.vhd", &middle)]);
    let image = open_with(&middle, &files).unwrap();
    assert_eq!(image.info().variant, Some(Variant::VhdDifferencing));
    assert_eq!(image.info().references.len(), 1);
    conformance::read_at(&image, &expected);
    let hole = image.sector_extent(3 * 512).unwrap();
    assert_eq!((hole.kind, hole.len), (ExtentKind::Data, 5 * 512));
    // A child of the child.
    let present: Vec<bool> = (0..80).map(|s| s == 1).collect();
    let top = Builder::differencing(&vec![3; 40_960], &present)
        .parent_name("middle.vhd")
        .parent_id(*b"vmie-differences");
    let image = open_with(&top.build().bytes, &files).unwrap();
    conformance::read_at(&image, &top.over(&expected));
    // A chain that bites its own tail ends.
    let own = Builder::differencing(&changes, &[])
        .parent_name("own.vhd")
        .parent_id(*b"vmie-differences");
    let own = own.build().bytes;
    let error = open_with(&own, &Files::of(&[("own.vhd", &own)])).unwrap_err();
    assert_eq!(error.cause(), Cause::ChainDepth);
}

#[test]
fn the_parent_has_to_be_the_one() {
    let parent = Builder::dynamic(&sample_disk(30_000)).unique_id(*b"another one's id");
    let files = Files::of(&[("parent.vhd", &parent.build().bytes)]);
    let child = Builder::differencing(&sample_disk(30_000), &[true])
        .build()
        .bytes;
    let error = open_with(&child, &files).unwrap_err();
    let place = (error.cause(), error.offset(), error.field_name());
    assert_eq!(
        place,
        (Cause::ParentMismatch, Some(512 + 40), "Parent Unique ID")
    );
    let raw = Files::of(&[("parent.vhd", &[0; 4096])]);
    assert_eq!(
        open_with(&child, &raw).unwrap_err().cause(),
        Cause::WrongFormat
    );
    let none = Files::of(&[]);
    let error = open_with(&child, &none).unwrap_err();
    assert_eq!(
        (error.cause(), error.offset()),
        (Cause::ReferenceMissing, Some(1088))
    );
    // By default nobody opens anything.
    let error = open(&child).unwrap_err();
    assert_eq!(error.cause(), Cause::ReferenceDenied);
    assert_eq!(error.structure(), "VHD parent locator");
    assert!(error.to_string().contains("parent.vhd"), "{error}");
    // No name at all.
    let nameless = Builder::differencing(&[1], &[true])
        .parent_name("")
        .build()
        .bytes;
    assert_eq!(
        open(&nameless).unwrap_err().cause(),
        Cause::ReferenceMissing
    );
}

#[test]
fn locators_of_every_platform_are_names() {
    let locator = |name: &str| utf16(name);
    let child = Builder::differencing(&sample_disk(3000), &[true])
        .parent_name("C:\\disks\\named.vhd")
        .locator(*b"W2ku", locator("D:\\disks\\wide.vhd"))
        .locator(*b"W2ru", locator(".\\sub\\relative.vhd"))
        .locator(*b"Wi2r", b"old\\relative.vhd\0".to_vec())
        .locator(*b"Wi2k", b"E:\\old.vhd\0xx".to_vec())
        .locator(*b"Mac ", vec![0xff; 30])
        .locator(*b"MacX", b"file://localhost/Users/me/mac.vhd".to_vec())
        .locator(*b"what", b"unknown".to_vec());
    let bytes = child.build().bytes;
    let files = Files::of(&[]);
    open_with(&bytes, &files).unwrap_err();
    let asked = files.asked.lock().unwrap().clone();
    let expected = [
        ".\\sub\\relative.vhd",
        "old\\relative.vhd",
        "C:\\disks\\named.vhd",
        "D:\\disks\\wide.vhd",
        "E:\\old.vhd",
        "/Users/me/mac.vhd",
        "relative.vhd",
        "named.vhd",
        "wide.vhd",
        "old.vhd",
        "mac.vhd",
    ];
    assert_eq!(asked, expected);
}

/// A parent locator that names a file of the host (as CVE-2015-5163 did by a qcow2 image, and
/// CVE-2022-47951 by a VMDK) opens nothing outside of the folder that is allowed.
#[test]
fn a_hostile_parent_locator_opens_nothing() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("allowed");
    std::fs::create_dir(&folder).unwrap();
    let parent = Builder::dynamic(&sample_disk(3000)).build().bytes;
    std::fs::write(outside.path().join("secret.vhd"), &parent).unwrap();
    let secret = outside.path().join("secret.vhd");
    for name in [
        secret.to_str().unwrap(),
        "..\\secret.vhd",
        "../secret.vhd",
        "\\\\?\\secret.vhd",
    ] {
        let url = format!("file://localhost{name}");
        let child = Builder::differencing(&sample_disk(3000), &[true])
            .parent_name(name)
            .locator(*b"W2ru", utf16(name))
            .locator(*b"MacX", url.into_bytes());
        let options = OpenOptions::new().resolver(Arc::new(FolderResolver::new(&folder)));
        let result = vhd::open(Arc::new(child.build().bytes), &options);
        assert_eq!(
            result.unwrap_err().cause(),
            Cause::ReferenceDenied,
            "{name}"
        );
    }
    // Inside the folder it is found by its bare name.
    std::fs::write(folder.join("secret.vhd"), &parent).unwrap();
    let child = Builder::differencing(&sample_disk(3000), &[true]).parent_name("C:\\x\\secret.vhd");
    let options = OpenOptions::new().resolver(Arc::new(FolderResolver::new(&folder)));
    assert!(vhd::open(Arc::new(child.build().bytes), &options).is_ok());
    // A locator of 4 GiB, or past the end, is none.
    let built = Builder::differencing(&[1], &[true])
        .locator(*b"W2ru", utf16("x"))
        .build();
    for (at, value) in [(584, u32::MAX), (592, u32::MAX)] {
        let bytes = edit_header(&built, at, &value.to_be_bytes());
        let files = Files::of(&[]);
        open_with(&bytes, &files).unwrap_err();
        assert_eq!(*files.asked.lock().unwrap(), ["parent.vhd"]);
    }
}

/// A dynamic disk of this size with blocks of 2 MiB, none of which is there.
fn empty(size: u64) -> Sparse {
    let built = Builder::dynamic(&[0])
        .block_bytes(2 << 20)
        .current_size(size)
        .build();
    let blocks = size.div_ceil(2 << 20);
    let header = edit_header(&built, 28, &u32::try_from(blocks).unwrap().to_be_bytes());
    let table = vec![0xff; blocks as usize * 4];
    let end = (1536 + table.len()).next_multiple_of(512) as u64;
    Sparse {
        len: end + 512,
        parts: vec![
            (0, header[..1536].to_vec()),
            (1536, table),
            (end, header[..512].to_vec()),
        ],
    }
}

#[test]
fn opening_and_mapping_cost_few_requests() {
    for (size, opening, mapping) in [(2 << 30, 12, 1), (2040 << 30, 12, 64)] {
        let meter = Meter::new();
        let source = Metered::new(empty(size), meter.clone());
        let disk = OpenOptions::new().open_disk(Arc::new(source)).unwrap();
        assert_eq!(disk.len(), size);
        assert!(meter.reads() <= opening, "{} reads", meter.reads());
        assert!(meter.bytes() <= 2 << 20, "{} bytes", meter.bytes());
        let before = meter.reads();
        assert_eq!(disk.allocated().unwrap(), 0);
        assert!(
            meter.reads() - before <= mapping,
            "{} reads",
            meter.reads() - before
        );
    }
}

#[test]
fn bombs_cost_nothing() {
    // 64 TiB in blocks of 16 KiB: a table of 2^32 entries, in a file of 16 GiB.
    let built = Builder::dynamic(&[0])
        .block_bytes(16 << 10)
        .current_size((64 << 40) - 16_384)
        .build();
    let mut head = edit_header(&built, 28, &u32::MAX.to_be_bytes());
    head.truncate(1536);
    let len = 1536 + (4 << 32) + 512;
    let file = Sparse {
        len,
        parts: vec![(0, head.clone()), (len - 512, head[..512].to_vec())],
    };
    let budget = Budget::new(Limits::default().with_memory(1 << 20));
    let meter = Meter::new();
    let source = Metered::new(file, meter.clone());
    let options = OpenOptions::new().charged_to(&budget);
    let disk = vhd::open(Arc::new(source), &options).unwrap();
    assert!(meter.bytes() < 1 << 20);
    let mut buf = [0; 4096];
    for at in [0, 32 << 40, disk.len() - 4096] {
        // All entries are zero: each block lies over the header.
        let error = error_of(disk.read_exact_at(&mut buf, at).unwrap_err());
        assert_eq!(error.cause(), Cause::VhdBlockOverlap);
    }
    assert!(budget.memory_used() <= 1 << 20);
    drop(disk);
    assert_eq!(budget.memory_used(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the layout, what is read is what was written, and extents tile the disk.
    #[test]
    fn any_layout_reads_back(
        len in 1usize..60_000,
        block in 9u32..14,
        kinds in prop::collection::vec(0u8..3, 120),
        reverse in any::<bool>(),
        short in any::<bool>(),
    ) {
        let mut disk = sample_disk(len.next_multiple_of(512));
        for (sector, kind) in disk.chunks_mut(512).zip(&kinds) {
            if *kind == 0 {
                sector.fill(0);
            }
        }
        let present: Vec<bool> = kinds.iter().map(|kind| *kind != 1).collect();
        let shape = |builder: Builder| {
            let builder = builder.block_bytes(1 << block);
            let builder = if reverse { builder.reverse() } else { builder };
            if short { builder.short_footer() } else { builder }
        };
        let parent = shape(Builder::dynamic(&disk).written(&present));
        let parent_file = parent.build().bytes;
        let image = open(&parent_file).unwrap();
        conformance::read_at(&image, &parent.disk());
        let changes = vec![0x5a; disk.len()];
        let child = shape(Builder::differencing(&changes, &present));
        let image = open_with(&child.build().bytes, &Files::of(&[("parent.vhd", &parent_file)]));
        let image = image.unwrap();
        let expected = child.over(&parent.disk());
        conformance::read_at(&image, &expected);
        let mut at = 0;
        while at < image.len() {
            let extent = image.sector_extent(at).unwrap();
            prop_assert!(extent.start == at && extent.len > 0);
            let part = &expected[at as usize..extent.end() as usize];
            prop_assert!(extent.kind == ExtentKind::Data || part.iter().all(|b| *b == 0));
            at = extent.end();
        }
        prop_assert_eq!(at, image.len());
    }
}
