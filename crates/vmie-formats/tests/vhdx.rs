//! VHDX files as they should be, and broken in every way (SVC-FMT-3).
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
use std::sync::Arc;

use proptest::prelude::*;
use vmie_formats::vhdx::{self, Vhdx};
use vmie_formats::{
    Cause, Confidence, DiskImage as _, Error, ErrorKind, Extent, ExtentKind, FolderResolver,
    Format, Limits, NoteKind, OpenOptions, ReadAt, Reference, Resolver, Variant, error_of, probe,
};
use vmie_io::{Budget, Meter, Metered, Window};
use vmie_testkit::conformance;
use vmie_testkit::vhdx::{
    BAT, BLOCKS, Builder, Change, Entry, FULLY_PRESENT, ITEMS, LOG, METADATA, MIB,
    PARTIALLY_PRESENT, fix, put_log,
};
use vmie_testkit::vmdk::sample_disk;

/// The headers and region tables.
const HEADERS: [usize; 2] = [64 << 10, 128 << 10];
const TABLES: [usize; 2] = [192 << 10, 256 << 10];

fn open(bytes: &[u8]) -> Result<Vhdx, Error> {
    vhdx::open(Arc::new(bytes.to_vec()), &OpenOptions::new())
}

fn read_all(disk: &dyn ReadAt) -> Result<Vec<u8>, Error> {
    let mut out = vec![0xa5; disk.len() as usize];
    disk.read_exact_at(&mut out, 0).map_err(error_of)?;
    Ok(out)
}

fn notes(disk: &Vhdx) -> Vec<NoteKind> {
    disk.info().notes.iter().map(|note| note.kind).collect()
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// A disk of three blocks, of which the second is zeroes.
fn disk() -> Vec<u8> {
    let mut disk = sample_disk(3 * MIB - 2048);
    disk[MIB..2 * MIB].fill(0);
    disk
}

fn edited(file: &[u8], edits: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for (at, what) in edits {
        put(&mut bytes, *at, what);
    }
    fix(&mut bytes);
    bytes
}

fn refused(bytes: &[u8]) -> (Cause, Option<u64>, &'static str) {
    let error = open(bytes).expect_err("an error");
    (error.cause(), error.offset(), error.field_name())
}

struct Files(HashMap<String, Vec<u8>>);

impl Resolver for Files {
    fn resolve(&self, reference: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        match self.0.get(&reference.name) {
            Some(bytes) => Ok(Arc::new(bytes.clone())),
            None => Err(Error::new(Cause::ReferenceMissing)),
        }
    }
}

fn open_over(bytes: &[u8], name: &str, parent: &[u8]) -> Result<Vhdx, Error> {
    let files = Files(HashMap::from([(name.to_owned(), parent.to_vec())]));
    let options = OpenOptions::new().resolver(Arc::new(files));
    vhdx::open(Arc::new(bytes.to_vec()), &options)
}

#[test]
fn every_kind_shows_the_disk() {
    let disk = disk();
    let dynamic = Builder::dynamic(&disk);
    for (builder, variant) in [
        (Builder::fixed(&disk), Variant::VhdxFixed),
        (dynamic.clone(), Variant::VhdxDynamic),
        (dynamic.clone().reverse(), Variant::VhdxDynamic),
        (dynamic.clone().sector(4096), Variant::VhdxDynamic),
        (dynamic.clone().block_mib(2), Variant::VhdxDynamic),
        (dynamic.clone().sequence(8, 7), Variant::VhdxDynamic),
        (
            dynamic.state(0, 1).state(1, 2).state(2, 3),
            Variant::VhdxDynamic,
        ),
        (Builder::dynamic(b"x"), Variant::VhdxDynamic),
    ] {
        let file = builder.build();
        let image = open(&file).unwrap_or_else(|e| panic!("{e}"));
        let info = image.info();
        assert_eq!(info.variant, Some(variant));
        assert_eq!(info.creator.as_deref(), Some("vmie testkit"));
        let id = "00112233-4455-6677-8899-aabbccddeeff";
        assert_eq!(info.identity.as_deref(), Some(id));
        assert_eq!(info.notes, []);
        assert_eq!(image.physical_sector_size(), 4096);
        assert_eq!(image.disk_id(), "00000000-0000-0000-0000-00000000abcd");
        conformance::read_at(&image, &builder.disk());
    }
}

#[test]
fn it_is_recognised_and_opens_by_itself() {
    let file = Builder::dynamic(&disk()).build();
    let first = |bytes: &[u8]| {
        let candidate = probe(&bytes.to_vec()).unwrap().swap_remove(0);
        (candidate.format, candidate.confidence)
    };
    assert_eq!(first(&file), (Format::Vhdx, Confidence::Certain));
    assert_eq!(first(&file[..1000]), (Format::Vhdx, Confidence::Likely));
    assert_eq!(first(&file[..7]).0, Format::Raw);
    let image = OpenOptions::new().open_disk(Arc::new(file)).unwrap();
    assert_eq!(image.info().sector_size, Some(512));
    assert!(read_all(&image).unwrap() == disk());
}

#[test]
fn the_states_of_blocks_are_told_apart() {
    let disk = vec![7; 6 * MIB];
    let builder = Builder::dynamic(&disk)
        .state(0, 0)
        .state(1, 1)
        .state(2, 3)
        .state(3, 2);
    let image = open(&builder.build()).unwrap();
    let mib = MIB as u64;
    let extents = [
        Extent::new(ExtentKind::Hole, 0, 3 * mib),
        Extent::new(ExtentKind::Zero, 3 * mib, mib),
        Extent::new(ExtentKind::Data, 4 * mib, 2 * mib),
    ];
    for extent in extents {
        assert_eq!(image.next_extent(extent.start).unwrap(), extent);
    }
    assert_eq!(image.allocated().unwrap(), 2 * mib);
    for state in [4, 5, 7] {
        let image = open(&Builder::dynamic(&disk).state(1, state).build()).unwrap();
        let at = Some(BAT as u64 + 8);
        let error = error_of(image.read_exact_at(&mut [0; 9], mib).unwrap_err());
        let place = (error.cause(), error.offset(), error.field_name());
        assert_eq!(place, (Cause::VhdxBlockState, at, "State"));
        image.read_exact_at(&mut [0; 9], mib - 9).unwrap();
    }
}

#[test]
fn contiguous_blocks_are_one_read() {
    let meter = Meter::new();
    let source = Metered::new(Builder::fixed(&vec![5; 8 * MIB]).build(), meter.clone());
    let image = vhdx::open(Arc::new(source), &OpenOptions::new()).unwrap();
    image.read_exact_at(&mut [0; 1], 0).unwrap();
    let before = meter.reads();
    let mut buf = vec![0; 8 * MIB - 2];
    image.read_exact_at(&mut buf, 1).unwrap();
    assert_eq!(meter.reads() - before, 1);
    assert!(buf.iter().all(|b| *b == 5));
}

#[test]
fn the_header_with_the_greater_number_counts() {
    let file = Builder::dynamic(&disk()).build();
    // The second header counts: a version that nobody knows there is refused, in the first it is not.
    let version = (Cause::VhdxVersion, Some(HEADERS[1] as u64 + 66), "Version");
    let two = 2u16.to_le_bytes();
    assert_eq!(refused(&edited(&file, &[(HEADERS[1] + 66, &two)])), version);
    assert!(open(&edited(&file, &[(HEADERS[0] + 66, &two)])).is_ok());
    // Unless it is damaged.
    for (damaged, kind) in [(0, NoteKind::SecondCopyUsed), (1, NoteKind::SecondCopyUsed)] {
        let mut bytes = file.clone();
        bytes[HEADERS[damaged] + 300] ^= 1;
        let image = open(&bytes).unwrap();
        assert_eq!(notes(&image), [kind]);
        assert_eq!(image.info().notes[0].offset, Some(HEADERS[damaged] as u64));
    }
    // Two alike are one; two that differ and have one number are none.
    let same = Builder::dynamic(&disk()).sequence(5, 5).build();
    assert_eq!(notes(&open(&same).unwrap()), [NoteKind::Quirk]);
    let differ = edited(&same, &[(HEADERS[0] + 16, b"x")]);
    let none = (
        Cause::VhdxHeaders,
        Some(HEADERS[1] as u64),
        "SequenceNumber",
    );
    assert_eq!(refused(&differ), none);
    let mut both = file;
    both[HEADERS[0]] ^= 1;
    both[HEADERS[1] + 4] ^= 1;
    let none = (Cause::VhdxHeaders, Some(HEADERS[0] as u64), "Signature");
    assert_eq!(refused(&both), none);
}

#[test]
fn region_tables_are_checked() {
    let file = Builder::dynamic(&disk()).build();
    for (damaged, other) in [(0, 1), (1, 0)] {
        let mut bytes = file.clone();
        bytes[TABLES[damaged] + 5000] ^= 1;
        let image = open(&bytes).unwrap();
        assert_eq!(notes(&image), [NoteKind::SecondCopyUsed]);
        bytes[TABLES[other] + 5] ^= 1;
        assert_eq!(refused(&bytes).0, Cause::VhdxRegionTable);
    }
    let differ = edited(&file, &[(TABLES[1] + 16 + 28, &[0])]);
    assert_eq!(notes(&open(&differ).unwrap()), [NoteKind::Disagreement]);
    let at = |offset: usize| Some((TABLES[0] + offset) as u64);
    let first = |offset: usize, what: &[u8]| refused(&edited(&file, &[(TABLES[0] + offset, what)]));
    let many = (Cause::VhdxRegionTable, at(8), "EntryCount");
    assert_eq!(first(8, &2048u32.to_le_bytes()), many);
    let unknown = (Cause::VhdxRegionUnknown, at(16), "Guid");
    assert_eq!(first(16, &[9; 16]), unknown);
    // Not required, it may be there; but then the table of blocks is missing.
    let edits: [(usize, &[u8]); 2] = [(TABLES[0] + 16, &[9; 16]), (TABLES[0] + 44, &[0])];
    let missing = (Cause::VhdxRegionMissing, at(8), "EntryCount");
    assert_eq!(refused(&edited(&file, &edits)), missing);
    assert_eq!(first(8, &1u32.to_le_bytes()), missing);
    for place in [
        0u64,
        512,
        1 << 19,
        (1 << 20) + 1,
        METADATA as u64,
        u64::MAX << 20,
    ] {
        let wrong = (
            Cause::VhdxRegion,
            at(if place == METADATA as u64 { 64 } else { 32 }),
            "FileOffset",
        );
        assert_eq!(first(32, &place.to_le_bytes()), wrong, "{place:x}");
    }
    let wrong = (Cause::VhdxRegion, at(32), "FileOffset");
    assert_eq!(first(40, &0u32.to_le_bytes()), wrong);
    assert_eq!(first(40, &4096u32.to_le_bytes()), wrong);
    let past = (Cause::VhdxOffset, at(32), "FileOffset");
    assert_eq!(first(32, &(1u64 << 40).to_le_bytes()), past);
    // The same region twice.
    let bat = file[TABLES[0] + 16..TABLES[0] + 32].to_vec();
    let twice = (Cause::VhdxRegion, at(48), "Guid");
    assert_eq!(first(48, &bat), twice);
}

#[test]
fn metadata_is_checked() {
    let file = Builder::dynamic(&disk()).build();
    let edit = |at: usize, what: &[u8]| {
        let mut bytes = file.clone();
        put(&mut bytes, at, what);
        refused(&bytes)
    };
    let table = METADATA as u64;
    assert_eq!(
        edit(METADATA, b"x"),
        (Cause::VhdxMetadata, Some(table), "Signature")
    );
    let many = (Cause::VhdxMetadata, Some(table + 10), "EntryCount");
    assert_eq!(edit(METADATA + 10, &2048u16.to_le_bytes()), many);
    let unknown = (Cause::VhdxMetadataUnknown, Some(table + 32), "ItemId");
    assert_eq!(edit(METADATA + 32, &[1; 16]), unknown);
    for offset in [0u32, 65_535, 1 << 20, u32::MAX] {
        let wrong = (Cause::VhdxMetadata, Some(table + 48), "Offset");
        assert_eq!(edit(METADATA + 48, &offset.to_le_bytes()), wrong);
    }
    for (item, names) in [
        (0, "File Parameters"),
        (1, "Virtual Disk Size"),
        (2, "Virtual Disk ID"),
        (3, "Logical Sector Size"),
        (4, "Physical Sector Size"),
    ] {
        // An unknown item that is not required is passed over; what it took the place of is missed.
        let entry = METADATA + 32 + 32 * item;
        let mut bytes = file.clone();
        put(&mut bytes, entry, &[1; 16]);
        put(&mut bytes, entry + 24, &[0]);
        let error = open(&bytes).unwrap_err();
        assert_eq!(error.cause(), Cause::VhdxMetadataMissing);
        assert!(error.to_string().contains(names), "{error}");
        let short = (Cause::VhdxMetadata, names);
        let (cause, _, field) = edit(entry + 20, &2u32.to_le_bytes());
        assert_eq!((cause, field), short);
    }
    let twice = (Cause::VhdxMetadata, Some(table + 64), "ItemId");
    let first = file[METADATA + 32..METADATA + 48].to_vec();
    assert_eq!(edit(METADATA + 64, &first), twice);
    let item = |index: usize| ITEMS + 16 * index;
    for block in [0u32, 1 << 19, 3 << 20, 512 << 20, u32::MAX] {
        let wrong = (Cause::VhdxBlockSize, Some(item(0) as u64), "BlockSize");
        assert_eq!(edit(item(0), &block.to_le_bytes()), wrong);
    }
    for size in [0u64, 511, (1 << 20) + 1, (64 << 40) + 512, u64::MAX] {
        let wrong = (Cause::VhdxSize, Some(item(1) as u64), "VirtualDiskSize");
        assert_eq!(edit(item(1), &size.to_le_bytes()), wrong);
    }
    for (index, field) in [(3, "LogicalSectorSize"), (4, "PhysicalSectorSize")] {
        let wrong = (Cause::VhdxSectorSize, Some(item(index) as u64), field);
        assert_eq!(edit(item(index), &1024u32.to_le_bytes()), wrong);
    }
    // 64 TiB need a table of 512 MiB.
    let long = (Cause::VhdxBat, Some(BAT as u64), "");
    assert_eq!(edit(item(1), &(64u64 << 40).to_le_bytes()), long);
    assert_eq!(refused(&[0; 600]).0, Cause::WrongFormat);
    let short = (Cause::VhdxOffset, Some(600), "");
    assert_eq!(refused(&file[..600]), short);
}

#[test]
fn blocks_are_checked_when_they_are_read() {
    let file = Builder::dynamic(&disk()).build();
    let read = |entry: u64| {
        let mut bytes = file.clone();
        put(&mut bytes, BAT, &(entry | FULLY_PRESENT).to_le_bytes());
        let image = open(&bytes).unwrap();
        let error = error_of(image.read_exact_at(&mut [0; 10], 0).unwrap_err());
        assert_eq!(error.offset(), Some(BAT as u64));
        assert_eq!(error.field_name(), "FileOffsetMB");
        error.cause()
    };
    assert_eq!(read(file.len() as u64), Cause::VhdxOffset);
    assert_eq!(read(u64::MAX << 20), Cause::VhdxOffset);
    // Over the header section, log, metadata, table, another block.
    for place in [0, LOG, METADATA, BAT, BLOCKS + MIB] {
        assert_eq!(read(place as u64), Cause::VhdxBlockOverlap);
    }
}

fn entry(number: u64, tail: u32, changes: Vec<Change>) -> Entry {
    Entry {
        number,
        tail,
        flushed: BLOCKS as u64,
        last: 0,
        changes,
    }
}

/// A file whose table of blocks is empty, and the sector of the table that its log has.
fn with_log(disk: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut file = Builder::dynamic(disk).log().build();
    let table = file[BAT..BAT + 4096].to_vec();
    file[BAT..BAT + 4096].fill(0);
    (file, table)
}

#[test]
fn a_log_is_replayed_in_memory() {
    let disk = disk();
    let (mut file, table) = with_log(&disk);
    assert!(
        read_all(&open(&file).unwrap())
            .unwrap()
            .iter()
            .all(|b| *b == 0)
    );
    assert_eq!(notes(&open(&file).unwrap()), [NoteKind::Dirty]);
    put_log(
        &mut file,
        0,
        &entry(1, 0, vec![Change::Data(BAT as u64, table)]).bytes(),
    );
    let before = file.clone();
    let image = open(&file).unwrap();
    assert_eq!(notes(&image), [NoteKind::LogReplayed]);
    conformance::read_at(&image, &disk);
    assert!(file == before);
}

#[test]
fn the_sequence_with_the_greatest_number_is_replayed_from_its_tail() {
    let disk = disk();
    let (clean, table) = with_log(&disk);
    let bat = BAT as u64;
    let good = Change::Data(bat, table.clone());
    let bad = || Change::Data(bat, vec![0xff; 4096]);
    // A sequence that wraps around the log's end, zeroes and then what is right; an older one with
    // what is wrong stands at the log's start.
    let mut file = clean.clone();
    let tail = MIB as u32 - 8192;
    put_log(&mut file, 8192, &entry(3, 8192, vec![bad()]).bytes());
    put_log(
        &mut file,
        tail as usize,
        &entry(10, tail, vec![bad()]).bytes(),
    );
    let last = entry(11, tail, vec![Change::Zero(bat, 1 << 20), good.clone()]);
    put_log(&mut file, 0, &last.bytes());
    let image = open(&file).unwrap();
    assert!(read_all(&image).unwrap() == disk);
    assert!(
        image.info().notes[0].detail.contains("2 entries"),
        "{:?}",
        image.info().notes
    );
    // Entries before the last one's tail are done with.
    let mut file = clean.clone();
    put_log(
        &mut file,
        0,
        &entry(1, 0, vec![bad(), Change::Zero(BLOCKS as u64, 4096)]).bytes(),
    );
    put_log(
        &mut file,
        12_288,
        &entry(2, 12_288, vec![good.clone()]).bytes(),
    );
    assert!(read_all(&open(&file).unwrap()).unwrap() == disk);
    // A torn entry at the end: what comes before it counts.
    for torn in [4, 70, 100, 4096, 4100, 8188] {
        let mut file = clean.clone();
        put_log(&mut file, 0, &entry(1, 0, vec![good.clone()]).bytes());
        let mut bytes = entry(2, 0, vec![bad()]).bytes();
        bytes[torn] ^= 0x10;
        put_log(&mut file, 8192, &bytes);
        let image = open(&file).unwrap();
        assert!(read_all(&image).unwrap() == disk, "torn at {torn}");
    }
    // Another log's entries, those of number 0 and those with a hole in between are none.
    let mut file = clean.clone();
    let mut other = entry(9, 0, vec![bad()]).bytes();
    other[32] ^= 1;
    vmie_testkit::vhdx::fix_one(&mut other);
    put_log(&mut file, 0, &other);
    put_log(&mut file, 8192, &entry(0, 8192, vec![bad()]).bytes());
    put_log(
        &mut file,
        16_384,
        &entry(4, 16_384, vec![good.clone()]).bytes(),
    );
    put_log(&mut file, 24_576, &entry(6, 16_384, vec![bad()]).bytes());
    assert!(read_all(&open(&file).unwrap()).unwrap() == disk);
}

#[test]
fn a_log_may_make_the_file_longer_and_never_shorter() {
    let disk = vec![7; 2 * MIB];
    let (mut file, table) = with_log(&disk);
    // The last block is not in the file yet, and the log says that it will be.
    file.truncate(BLOCKS + MIB);
    let mut longer = entry(1, 0, vec![Change::Data(BAT as u64, table)]);
    longer.last = (BLOCKS + 2 * MIB) as u64;
    put_log(&mut file, 0, &longer.bytes());
    let image = open(&file).unwrap();
    let all = read_all(&image).unwrap();
    assert!(all[..MIB] == disk[..MIB] && all[MIB..].iter().all(|b| *b == 0));
    assert_eq!(image.info().file_size, file.len() as u64);
    longer.flushed = file.len() as u64 + 1;
    put_log(&mut file, 0, &longer.bytes());
    let error = open(&file).unwrap_err();
    let place = (error.cause(), error.offset(), error.field_name());
    assert_eq!(
        place,
        (
            Cause::VhdxLogTruncated,
            Some(LOG as u64),
            "FlushedFileOffset"
        )
    );
}

#[test]
fn the_log_is_checked() {
    let (file, _) = with_log(&disk());
    let headers = |at: usize, what: &[u8]| {
        let both: Vec<(usize, &[u8])> = HEADERS.iter().map(|start| (start + at, what)).collect();
        refused(&edited(&file, &both))
    };
    let at = |offset: u64| Some(HEADERS[1] as u64 + offset);
    let version = (Cause::VhdxLogVersion, at(64), "LogVersion");
    assert_eq!(headers(64, &1u16.to_le_bytes()), version);
    let place = (Cause::VhdxLogPlace, at(72), "LogOffset");
    for start in [0u64, 4096, 1 << 40, u64::MAX << 20] {
        assert_eq!(headers(72, &start.to_le_bytes()), place);
    }
    for len in [0u32, 4096, 1 << 30] {
        assert_eq!(headers(68, &len.to_le_bytes()), place);
    }
    // A log of any size within the file, but not more of it than the limits allow.
    let options = OpenOptions::new().limits(Limits::default().with_memory(1 << 20));
    let error = vhdx::open(Arc::new(file), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn a_log_bomb_costs_nothing() {
    let (mut file, _) = with_log(&disk());
    // Zeroes over all that there can be, thousands of times.
    let all = || Change::Zero(1 << 40, (u64::MAX >> 1) & !4095);
    let mut changes = vec![all(); 8000];
    changes.push(Change::Zero(0, 0));
    put_log(&mut file, 0, &entry(1, 0, changes).bytes());
    let budget = Budget::new(Limits::default().with_memory(4 << 20));
    let image = vhdx::open(
        Arc::new(file.clone()),
        &OpenOptions::new().charged_to(&budget),
    );
    assert_eq!(notes(&image.unwrap()), [NoteKind::LogReplayed]);
    // A length that overflows is no entry.
    let wrong = Change::Zero(!4095, 8192);
    put_log(&mut file, 0, &entry(2, 0, vec![wrong]).bytes());
    assert_eq!(notes(&open(&file).unwrap()), [NoteKind::Dirty]);
    // Each sector claims to start an entry as long as the log.
    let mut long = entry(1, 0, vec![]).bytes();
    put(&mut long, 8, &(MIB as u32).to_le_bytes());
    for at in (0..MIB).step_by(4096) {
        put_log(&mut file, at, &long);
    }
    let limits = Limits::default().with_work(10_000);
    let options = OpenOptions::new().limits(limits);
    let error = vhdx::open(Arc::new(file.clone()), &options).unwrap_err();
    assert_eq!(error.cause(), Cause::Limit);
    assert_eq!(notes(&open(&file).unwrap()), [NoteKind::Dirty]);
    assert_eq!(budget.memory_used(), 0);
}

#[test]
fn a_child_shows_its_parent() {
    let parent = Builder::dynamic(&disk());
    let below = parent.build();
    let changes = vec![9; 4 * MIB];
    for sector in [512, 4096] {
        let sectors = MIB / sector;
        let present: Vec<bool> = (0..4 * sectors)
            .map(|s| s == 5 || (s / 7 % 3 == 1 && s > 9) || s > 3 * sectors)
            .collect();
        let parent = parent.clone().sector(sector);
        let child = Builder::differencing(&changes, &present).sector(sector);
        for child in [
            child.clone(),
            child.clone().reverse(),
            child.state(1, 0).state(2, 3),
        ] {
            let image = open_over(&child.build(), ".\\parent.vhdx", &parent.build()).unwrap();
            assert_eq!(image.info().variant, Some(Variant::VhdxDifferencing));
            assert_eq!(image.info().references[0].name, ".\\parent.vhdx");
            conformance::read_at(&image, &child.over(&disk()));
        }
    }
    // Nothing in the child: the parent's extents show; unmapped blocks do not show it.
    let child = Builder::differencing(&changes, &[]).state(2, 1);
    let image = open_over(&child.build(), "parent.vhdx", &below).unwrap();
    let mib = MIB as u64;
    let kinds: Vec<_> = (0..4)
        .map(|b| image.next_extent(b * mib).unwrap().kind)
        .collect();
    let expected = [
        ExtentKind::Data,
        ExtentKind::Hole,
        ExtentKind::Zero,
        ExtentKind::Hole,
    ];
    assert_eq!(kinds, expected);
    // A block in part with no bitmap.
    let child = Builder::differencing(&changes, &[true]);
    let mut bytes = child.build();
    put(&mut bytes, child.bitmap_entry(0), &[0; 8]);
    let image = open_over(&bytes, "parent.vhdx", &below).unwrap();
    let error = error_of(image.read_exact_at(&mut [0; 1], 0).unwrap_err());
    let at = Some(child.bitmap_entry(0) as u64);
    assert_eq!((error.cause(), error.offset()), (Cause::VhdxBlockState, at));
    put(
        &mut bytes,
        child.bitmap_entry(0),
        &(u64::MAX << 20 | 6).to_le_bytes(),
    );
    let image = open_over(&bytes, "parent.vhdx", &below).unwrap();
    let error = error_of(image.read_exact_at(&mut [0; 1], 0).unwrap_err());
    assert_eq!((error.cause(), error.offset()), (Cause::VhdxOffset, at));
    assert_eq!(PARTIALLY_PRESENT, 7);
}

#[test]
fn the_parent_has_to_be_the_one() {
    let parent = Builder::dynamic(&disk());
    let child = Builder::differencing(&disk(), &[true]);
    let cause = |child: &Builder, parent: &Builder| {
        let result = open_over(&child.build(), ".\\parent.vhdx", &parent.build());
        result
            .err()
            .map(|error| (error.cause(), error.field_name()))
    };
    let other = "{00000000-4455-6677-8899-aabbccddeeff}";
    let linkage = Some((Cause::ParentMismatch, "parent_linkage"));
    assert_eq!(cause(&child, &parent.clone().data_id([1; 16])), linkage);
    assert_eq!(
        cause(&child.clone().pair("parent_linkage", other), &parent),
        linkage
    );
    let second = "{00112233-4455-6677-8899-aabbccddeeff}";
    let both = child
        .clone()
        .pair("parent_linkage", other)
        .pair("parent_linkage2", second);
    assert_eq!(cause(&both, &parent), None);
    let sectors = Some((Cause::ParentMismatch, "LogicalSectorSize"));
    assert_eq!(cause(&child, &parent.clone().sector(4096)), sectors);
    let none = Some((Cause::VhdxParentLocator, "parent_linkage"));
    assert_eq!(
        cause(&child.clone().pair("parent_linkage", ""), &parent),
        none
    );
    let error = open(&child.build()).unwrap_err();
    assert_eq!(error.cause(), Cause::ReferenceDenied);
    assert_eq!(error.structure(), "VHDX parent locator");
    // The locator's own fields.
    let file = child.build();
    let locator = ITEMS + 5 * 16;
    for (at, what, field) in [
        (0, &[0; 16][..], "LocatorType"),
        (18, &u16::MAX.to_le_bytes(), "KeyValueCount"),
        (20, &u32::MAX.to_le_bytes(), "KeyOffset"),
        (24, &u32::MAX.to_le_bytes(), "ValueOffset"),
    ] {
        let mut bytes = file.clone();
        put(&mut bytes, locator + at, what);
        let (cause, _, found) = refused(&bytes);
        assert_eq!((cause, found), (Cause::VhdxParentLocator, field));
    }
}

/// A parent locator that names a file of the host (as CVE-2024-32498 did by a qcow2 image) opens
/// nothing outside of the folder that is allowed.
#[test]
fn a_hostile_parent_locator_opens_nothing() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("allowed");
    std::fs::create_dir(&folder).unwrap();
    let secret = outside.path().join("secret.vhdx");
    std::fs::write(&secret, Builder::dynamic(&disk()).build()).unwrap();
    for name in [
        secret.to_str().unwrap(),
        "..\\secret.vhdx",
        "\\\\?\\Volume{x}\\..\\secret.vhdx",
    ] {
        let child = Builder::differencing(&disk(), &[true]);
        let child = child.pair("relative_path", name).pair("volume_path", name);
        let file = child.pair("absolute_win32_path", name).build();
        let options = OpenOptions::new().resolver(Arc::new(FolderResolver::new(&folder)));
        let result = vhdx::open(Arc::new(file), &options);
        assert_eq!(
            result.unwrap_err().cause(),
            Cause::ReferenceDenied,
            "{name}"
        );
    }
}

#[test]
fn a_file_cut_anywhere_gives_an_error_or_a_right_part() {
    let disk = disk();
    let file = Arc::new(Builder::dynamic(&disk).build());
    let whole = file.len();
    let places = [
        0,
        8,
        64 << 10,
        68 << 10,
        128 << 10,
        192 << 10,
        256 << 10,
        320 << 10,
    ]
    .into_iter()
    .chain([LOG, METADATA, ITEMS, BAT, BLOCKS, BLOCKS + MIB].map(|at| at as u64))
    .chain([whole]);
    let near = places.flat_map(|at| at.saturating_sub(130)..(at + 130).min(whole));
    for len in near.chain((0..whole).step_by(7919)) {
        let cut = Window::new(Arc::clone(&file), 0, len).unwrap();
        let Ok(image) = vhdx::open(Arc::new(cut), &OpenOptions::new()) else {
            continue;
        };
        for at in (0..disk.len() - 512).step_by(300_001) {
            let mut buf = [0xa5; 512];
            match image.read_exact_at(&mut buf, at as u64) {
                Ok(()) => assert!(buf == disk[at..at + 512]),
                Err(error) => assert_eq!(error_of(error).cause(), Cause::VhdxOffset),
            }
        }
    }
}

#[test]
fn opening_costs_few_requests() {
    // A disk of 2 GiB, as it is and with a log.
    for with_log in [false, true] {
        let mut file = Builder::dynamic(&[7; 512]).block_mib(32).log().build();
        if !with_log {
            file = Builder::dynamic(&[7; 512]).block_mib(32).build();
        }
        put(&mut file, ITEMS + 16, &(2u64 << 30).to_le_bytes());
        if with_log {
            let table = file[BAT..BAT + 4096].to_vec();
            let bytes = entry(1, 0, vec![Change::Data(BAT as u64, table)]).bytes();
            put_log(&mut file, 0, &bytes);
        }
        let meter = Meter::new();
        let source = Metered::new(file, meter.clone());
        let disk = OpenOptions::new().open_disk(Arc::new(source)).unwrap();
        assert_eq!(disk.len(), 2 << 30);
        assert!(meter.reads() <= 12, "{} reads", meter.reads());
        assert!(meter.bytes() <= 2 << 20, "{} bytes", meter.bytes());
        let before = meter.reads();
        assert_eq!(disk.allocated().unwrap(), 32 << 20);
        assert_eq!(meter.reads() - before, 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Whatever the layout, what is read is what was written, over a parent, too.
    #[test]
    fn any_layout_reads_back(
        len in 1usize..2_500_000,
        states in prop::collection::vec(0u64..4, 4),
        runs in prop::collection::vec(1usize..3000, 20),
        reverse in any::<bool>(),
        big in any::<bool>(),
    ) {
        let disk = sample_disk(len);
        let sector = if big { 4096 } else { 512 };
        let shape = |mut builder: Builder| {
            builder = builder.sector(sector);
            if reverse { builder.reverse() } else { builder }
        };
        let mut parent = shape(Builder::dynamic(&disk));
        for (block, state) in states.iter().enumerate() {
            if *state != 0 {
                parent = parent.state(block, *state);
            }
        }
        let image = open(&parent.build()).unwrap();
        conformance::read_at(&image, &parent.disk());
        let flips = runs.iter().enumerate();
        let present: Vec<bool> = flips.flat_map(|(i, n)| vec![i % 2 == 0; *n]).collect();
        let changes = vec![0x5a; len];
        let child = shape(Builder::differencing(&changes, &present));
        let image = open_over(&child.build(), "parent.vhdx", &parent.build()).unwrap();
        conformance::read_at(&image, &child.over(&parent.disk()));
    }
}
