//! Disks: blocks, headers, regions and metadata.

use super::*;

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
