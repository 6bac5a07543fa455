//! Damaged NTFS: the exact cause and place of each damage, and what is read all the same.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod fixtures;

use std::sync::{Arc, LazyLock};

use fixtures::{fixture, open, read, walk};
use vmie_fs::{Cause, Error, FileKind, GuestPath, State};
use vmie_io::{ErrorKind, Limits};
use vmie_testkit::fsimage::Patched;

/// Clusters of 512 bytes, records of 1 KiB.
static IMAGE: LazyLock<Arc<Vec<u8>>> = LazyLock::new(|| fixture("ntfs-512"));
const CLUSTER: u64 = 512;
const RECORD: u64 = 1024;

/// The same with all update sequences undone, to look around in.
static MENDED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = IMAGE.to_vec();
    for at in (0..bytes.len()).step_by(512) {
        if matches!(&bytes[at..at + 4], b"FILE" | b"INDX") {
            let start = at + usize::from(bytes[at + 4]);
            for stride in 1..usize::from(bytes[at + 6]) {
                let end = at + stride * 512;
                bytes.copy_within(start + stride * 2..start + stride * 2 + 2, end - 2);
            }
        }
    }
    bytes
});

fn sound() -> Patched {
    Patched::new(Arc::clone(&IMAGE))
}

fn le(at: u64, len: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes[..len].copy_from_slice(&MENDED[at as usize..at as usize + len]);
    u64::from_le_bytes(bytes)
}

fn number(path: &str) -> u64 {
    let fs = open(sound()).unwrap();
    fs.find(&path.into()).unwrap().number & 0xffff_ffff_ffff
}

/// Where a record is on the volume.
fn record(number: u64) -> u64 {
    let fs = open(sound()).unwrap();
    let mft = read(&*fs, &"/$MFT".into()).unwrap();
    let bytes = &mft[(number * RECORD) as usize..][..RECORD as usize];
    let found = IMAGE.windows(bytes.len()).step_by(CLUSTER as usize);
    found.into_iter().position(|w| w == bytes).unwrap() as u64 * CLUSTER
}

fn record_of(path: &str) -> u64 {
    record(number(path))
}

/// Where the first attribute of a type is in a record.
fn attribute(record: u64, kind: u64) -> u64 {
    let mut at = record + le(record + 20, 2);
    while le(at, 4) != kind {
        assert_ne!(le(at, 4), 0xffff_ffff, "no {kind:#x}");
        at += le(at + 4, 4);
    }
    at
}

fn pairs(attribute: u64) -> u64 {
    assert_eq!(le(attribute + 8, 1), 1, "it is in clusters");
    attribute + le(attribute + 32, 2)
}

/// Where the first cluster of an attribute is.
fn first_cluster(attribute: u64) -> u64 {
    let at = pairs(attribute);
    let (len, lcn) = (le(at, 1) & 15, le(at, 1) >> 4);
    le(at + 1 + len, lcn as usize) * CLUSTER
}

fn failure(volume: Patched, path: &str) -> Error {
    let fs = open(volume).unwrap();
    match fs.metadata(&path.into()).map(|metadata| metadata.kind) {
        Ok(FileKind::Directory) => fs.read_dir(&path.into()).unwrap_err(),
        Ok(_) => read(&*fs, &path.into()).unwrap_err(),
        Err(error) => error,
    }
}

#[track_caller]
fn is(error: &Error, cause: Cause, field: &str, offset: u64) {
    let found = (error.cause(), error.field_name(), error.offset());
    assert_eq!(found, (cause, field, Some(offset)), "{error}");
}

#[test]
fn records_that_cannot_be() {
    let at = record_of("/data/mid");
    let cases: [(u64, &[u8], Cause, &str); 8] = [
        (0, b"BAAD", Cause::Magic, "magic"),
        (4, &[0xff, 0xff], Cause::Value, "usa_ofs"),
        (6, &[0, 0], Cause::Value, "usa_count"),
        (6, &[4, 0], Cause::Value, "usa_count"),
        (20, &[0xff, 0xff], Cause::Value, "attrs_offset"),
        (20, &[8, 0], Cause::Value, "attrs_offset"),
        (24, &[0xff; 4], Cause::Value, "bytes_in_use"),
        (510, &[0xaa, 0x55], Cause::Torn, "update sequence number"),
    ];
    for (offset, bytes, cause, field) in cases {
        let error = failure(sound().with(at + offset, bytes), "/data/mid");
        is(&error, cause, field, at + offset);
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
    // Torn in its second part.
    let error = failure(sound().with(at + 1022, [0xaa, 0x55]), "/data/mid");
    is(&error, Cause::Torn, "update sequence number", at + 1022);
    // Deleted, used again for something else, or going on from another.
    for (offset, bytes) in [(22, [0, 0]), (16, [0x77, 0]), (32, [9, 0])] {
        let error = failure(sound().with(at + offset, bytes), "/data/mid");
        is(&error, Cause::Stale, "sequence_number", at);
    }
}

#[test]
fn attributes_that_cannot_be() {
    let at = record_of("/data/mid");
    let first = attribute(at, 0x10);
    let data = attribute(at, 0x80);
    let cases: [(u64, &[u8], &str); 6] = [
        (4, &[0; 4], "length"),
        (4, &[0x1c, 0], "length"),
        (4, &[0xff; 4], "length"),
        (0, &[0; 4], "type"),
        (16, &[0xff; 4], "value_length"),
        (20, &[0xff; 2], "value_length"),
    ];
    for (offset, bytes, field) in cases {
        let error = failure(sound().with(first + offset, bytes), "/data/mid");
        let offset = if offset == 20 { 16 } else { offset };
        is(&error, Cause::Attribute, field, first + offset);
    }
    // Out of order.
    let error = failure(sound().with(first, [0x90]), "/data/mid");
    assert_eq!(
        (error.cause(), error.field_name()),
        (Cause::Attribute, "type")
    );
    let cases: [(u64, &[u8], Cause, &str); 6] = [
        (9, &[9, 0xff, 0xff], Cause::Attribute, "name_offset"),
        (32, &[0xff, 0xff], Cause::Attribute, "mapping_pairs_offset"),
        (48, &[0xff; 8], Cause::Attribute, "data_size"),
        (16, &[0xff; 8], Cause::Attribute, "lowest_vcn"),
        (12, &[2], Cause::Feature, "flags"),
        (12, &[1], Cause::Value, "compression_unit"),
    ];
    for (offset, bytes, cause, field) in cases {
        let error = failure(sound().with(data + offset, bytes), "/data/mid");
        assert_eq!(
            (error.cause(), error.field_name()),
            (cause, field),
            "{error}"
        );
    }
    let error = failure(sound().with(data + 12, [0, 0x40]), "/data/mid");
    is(&error, Cause::Encrypted, "flags", data);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn clusters_that_cannot_be() {
    let data = attribute(record_of("/data/mid"), 0x80);
    let at = pairs(data);
    let cases: [(&[u8], Cause, &str); 8] = [
        // No length, a negative one, one that is too long for a number, more than there are.
        (&[0x10, 1], Cause::Runs, "length"),
        (&[0x11, 0x80, 1], Cause::Runs, "length"),
        (&[0x19], Cause::Runs, "length"),
        (&[0x14, 0xff, 0xff, 0xff, 0x7f, 1], Cause::OutOfRange, "lcn"),
        // Before the volume, past its end, over its end, and a number that is too long.
        (&[0x11, 1, 0xff], Cause::OutOfRange, "lcn"),
        (&[0x41, 1, 0xff, 0xff, 0xff, 0x7f], Cause::OutOfRange, "lcn"),
        (&[0x24, 0, 0, 1, 0, 1, 0], Cause::OutOfRange, "lcn"),
        (&[0x91, 1], Cause::Runs, "lcn"),
    ];
    for (bytes, cause, field) in cases {
        is(
            &failure(sound().with(at, bytes), "/data/mid"),
            cause,
            field,
            at,
        );
    }
    // The end comes before the file's.
    let error = failure(sound().with(at, [0]), "/data/mid");
    is(&error, Cause::Runs, "mapping_pairs", data);
    // A file of exabytes costs nothing until it is read.
    let volume = sound().with(
        data + 40,
        [&[0, 0, 0, 0, 0, 0, 0, 0x10]; 3].map(|b| *b).concat(),
    );
    let fs = open(volume).unwrap();
    let mut file = fs.open(&"/data/mid".into()).unwrap();
    assert_eq!(file.len(), 1 << 60);
    assert!(file.read_at(&mut [0; 100], 0).is_ok());
    is(
        &file.read_at(&mut [0; 9], 1 << 50).unwrap_err(),
        Cause::Runs,
        "mapping_pairs",
        data,
    );
}

#[test]
fn what_was_never_written_reads_as_zeroes() {
    let data = attribute(record_of("/data/mid"), 0x80);
    let fs = open(sound().with(data + 56, 1000u64.to_le_bytes())).unwrap();
    let whole = read(&*fs, &"/data/mid".into()).unwrap();
    assert_eq!(whole.len(), 70_000);
    assert!(whole[1000..].iter().all(|byte| *byte == 0) && whole[999] != 0);
}

#[test]
fn attribute_lists_that_cannot_be() {
    let at = record_of("/data/scattered");
    let list = attribute(at, 0x20);
    // The list is in the record or in clusters; the entries are alike.
    let entries = match le(list + 8, 1) {
        0 => list + le(list + 20, 2),
        _ => first_cluster(list),
    };
    // The entry of the first part of the data.
    let mut entry = entries;
    while le(entry, 4) != 0x80 {
        entry += le(entry + 4, 2);
    }
    let next = entry + le(entry + 4, 2);
    assert_eq!(le(next, 4), 0x80, "the data has several parts");
    let (first, other) = (le(entry + 16, 8), le(next + 16, 8));
    assert_ne!(first & 0xffff_ffff, other & 0xffff_ffff);
    for (place, bytes, cause, field) in [
        (entry + 4, vec![0, 0], Cause::Attribute, "length"),
        (entry + 4, vec![0xff, 0xff], Cause::Attribute, "length"),
        // A record that has no such part, is not of this file, is not there.
        (
            next + 16,
            first.to_le_bytes().to_vec(),
            Cause::Missing,
            "mft_reference",
        ),
        (
            next + 16,
            number("/one").to_le_bytes().to_vec(),
            Cause::Stale,
            "sequence_number",
        ),
        (next + 16, vec![0xff; 5], Cause::OutOfRange, "record"),
        // A part that is left out.
        (next, vec![0x81], Cause::Order, "lowest_vcn"),
    ] {
        let error = failure(sound().with(place, bytes), "/data/scattered");
        assert_eq!(
            (error.cause(), error.field_name()),
            (cause, field),
            "{error}"
        );
    }
    // An extension is no file by itself.
    let fs = open(sound()).unwrap();
    let error = fs.stat(vmie_fs::Node::new(other)).unwrap_err();
    assert_eq!(error.cause(), Cause::Stale);
}

#[test]
fn indexes_that_cannot_be() {
    let root = attribute(record_of("/names"), 0x90);
    let block = first_cluster(attribute(record_of("/names"), 0xa0));
    let value = root + le(root + 20, 2);
    let cases: [(u64, &[u8], Cause, &str); 7] = [
        (value + 4, &[2], Cause::Value, "collation_rule"),
        (value + 8, &[1, 2], Cause::Value, "index_block_size"),
        (value + 8, &[0; 4], Cause::Value, "index_block_size"),
        (value + 16, &[0xff; 4], Cause::Value, "entries_offset"),
        (value + 20, &[0xff; 4], Cause::Value, "index_length"),
        (block, b"JUNK", Cause::Magic, "magic"),
        (block + 16, &[0x77], Cause::Value, "index_block_vcn"),
    ];
    for (at, bytes, cause, field) in cases {
        let error = failure(sound().with(at, bytes), "/names");
        assert_eq!(
            (error.cause(), error.field_name()),
            (cause, field),
            "{error}"
        );
    }
    let error = failure(sound().with(block + 1022, [0x12, 0x34]), "/names");
    is(&error, Cause::Torn, "update sequence number", block + 1022);
    // The entries.
    let entry = block + 24 + le(block + 24, 4);
    for (offset, bytes, field) in [
        (8, [0, 0], "length"),
        (8, [0xff, 0xff], "length"),
        (10, [0, 0], "key_length"),
        (10, [0xff, 0x0f], "length"),
    ] {
        let error = failure(sound().with(entry + offset, bytes), "/names");
        let at = if field == "length" { 8 } else { 10 };
        is(&error, Cause::DirEntry, field, entry + at);
    }
    // A name with what no name can have.
    let error = failure(sound().with(entry + 16 + 66, [b'/', 0]), "/names");
    is(&error, Cause::DirEntry, "name", entry);
}

#[test]
fn an_index_that_leads_into_itself_is_cut() {
    let block = first_cluster(attribute(record_of("/names"), 0xa0));
    let length = le(block + 28, 4);
    let mut end = block + 24 + le(block + 24, 4);
    while le(end + 12, 2) & 2 == 0 {
        end += le(end + 8, 2);
    }
    assert!(end + 24 < block + 4096 && le(end + 8, 2) == 16);
    // The last entry gets a child: its own block.
    let volume = sound()
        .with(block + 28, (length + 8).to_le_bytes()[..4].to_vec())
        .with(end + 8, [24, 0, 0, 0, 3, 0])
        .with(
            end + 16,
            IMAGE[block as usize + 16..block as usize + 24].to_vec(),
        );
    let error = failure(volume.clone(), "/names");
    is(&error, Cause::Cycle, "vcn", end);
    // A lookup that goes that way ends, too.
    let fs = open(volume).unwrap();
    let dir = fs.find(&"/names".into()).unwrap();
    let last = fs.lookup(dir, b"a name that is rather long, number 1zzz");
    assert!(last.is_err() || last.unwrap().is_none());
    // A child past the end.
    let volume = sound()
        .with(block + 28, (length + 8).to_le_bytes()[..4].to_vec())
        .with(end + 8, [24, 0, 0, 0, 3, 0])
        .with(end + 16, [0xff; 8]);
    is(&failure(volume, "/names"), Cause::OutOfRange, "vcn", end);
}

#[test]
fn references_that_cannot_be() {
    // A small directory, whose entries are in its record.
    let root = attribute(record_of("/bin"), 0x90);
    let value = root + le(root + 20, 2) + 16;
    let entry = value + le(value, 4);
    let mft = attribute(record(0), 0x80);
    let error = failure(sound().with(entry, [0xff; 4]), "/bin/Tool.exe");
    is(&error, Cause::OutOfRange, "record", mft);
    let error = failure(sound().with(entry + 6, [0x55, 0x55]), "/bin/Tool.exe");
    is(
        &error,
        Cause::Stale,
        "sequence_number",
        record_of("/bin/Tool.exe"),
    );
}

#[test]
fn compressed_files_that_cannot_be() {
    // A chunk that says it is longer than its unit.
    let data = attribute(record_of("/lznt1/text"), 0x80);
    let error = failure(
        sound().with(first_cluster(data), [0x01, 0xb0, 0xff, 0xff]),
        "/lznt1/text",
    );
    is(&error, Cause::Compressed, "compression unit", data);
    // Chunks of compacted files that overlap, and that are noise.
    for path in ["/wof/xpress4k", "/wof/lzx"] {
        let fs = open(sound()).unwrap();
        let stream = read(
            &*fs,
            &GuestPath::from(format!("{path}:WofCompressedData").as_str()),
        );
        let stream = stream.unwrap();
        let part = &stream[..512];
        let place = IMAGE
            .windows(512)
            .step_by(512)
            .position(|window| window == part);
        let place = place.unwrap() as u64 * 512;
        let error = failure(sound().with(place, [0xff; 8]), path);
        assert_eq!(
            (error.cause(), error.field_name()),
            (Cause::Compressed, "chunk offset")
        );
        let table = if path.ends_with("lzx") { 4 * 3 } else { 4 * 25 };
        let error = failure(sound().with(place + table, [0xff; 40]), path);
        assert_eq!(
            (error.cause(), error.field_name()),
            (Cause::Compressed, "chunk"),
            "{error}"
        );
        assert!(std::error::Error::source(&error).is_some());
    }
    // Without the stream of its chunks.
    let reparse = attribute(record_of("/wof/lzx"), 0xc0);
    let value = reparse + le(reparse + 20, 2);
    let error = failure(
        sound().with(value, 0x8000_0013u32.to_le_bytes()),
        "/wof/lzx",
    );
    assert_eq!(error.cause(), Cause::Elsewhere);
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = failure(sound().with(value + 4, [0xff, 0xff]), "/wof/lzx");
    is(&error, Cause::Reparse, "data_length", reparse);
}

#[test]
fn the_mirror_stands_in_for_the_first_records() {
    let mft = record(0);
    let expected = walk(&*open(sound()).unwrap());
    for number in [0, 3] {
        let fs = open(sound().with(mft + number * RECORD, *b"BAAD")).unwrap();
        assert_eq!(fs.state(), State::Errors);
        assert_eq!(fs.identity().label.as_deref(), Some("fixture"));
        assert_eq!(walk(&*fs), expected);
    }
    // Both gone: the error is about the first.
    let mirror = le(56, 8) * CLUSTER;
    let volume = sound().with(mft, *b"BAAD").with(mirror, *b"BAAD");
    is(&open(volume).err().unwrap(), Cause::Magic, "magic", mft);
    // The root has no copy.
    let volume = sound().with(mft + 5 * RECORD, *b"BAAD");
    is(
        &open(volume).err().unwrap(),
        Cause::Magic,
        "magic",
        mft + 5 * RECORD,
    );
}

#[test]
fn ntfs_tells_its_state() {
    let state = |volume: Patched| open(volume).unwrap().state();
    let flags = {
        let information = attribute(record(3), 0x70);
        information + le(information + 20, 2) + 10
    };
    assert_eq!(state(sound()), State::Clean);
    assert_eq!(state(sound().with(flags, [1, 0])), State::Dirty);
    let hiberfil = first_cluster(attribute(record_of("/hiberfil.sys"), 0x80));
    for (magic, expected) in [
        (b"hibr", State::Hibernated),
        (b"HIBR", State::Hibernated),
        (b"wake", State::Clean),
    ] {
        assert_eq!(state(sound().with(hiberfil, *magic)), expected);
    }
    // A log that somebody has open, unless it says that the volume is clean.
    let log = first_cluster(attribute(record(2), 0x80));
    let page = |lsn: u8, client: u8, flags: u8| {
        let mut page = vec![0; 64];
        page[..4].copy_from_slice(b"RSTR");
        page[24] = 48;
        page[48] = lsn;
        page[60..62].fill(client);
        page[62] = flags;
        page
    };
    let logged =
        |first: Vec<u8>, second: Vec<u8>| state(sound().with(log, first).with(log + 4096, second));
    assert_eq!(logged(page(1, 0, 0), page(0, 0xff, 0)), State::Dirty);
    assert_eq!(logged(page(1, 0xff, 0), page(2, 0, 0)), State::Dirty);
    assert_eq!(logged(page(1, 0, 0), page(2, 0xff, 0)), State::Clean);
    assert_eq!(logged(page(1, 0, 0), page(2, 0, 2)), State::Clean);
}

#[test]
fn a_volume_that_is_too_short_says_so() {
    let error = open(sound().cut(IMAGE.len() as u64 - 1024)).err().unwrap();
    is(&error, Cause::VolumeTooShort, "number_of_sectors", 40);
    assert_eq!(error.kind(), ErrorKind::Truncated);
}

#[test]
fn limits_hold() {
    let limits = Limits::default().with_work(300);
    let fs = vmie_fs::open(Arc::new(sound()), &limits).unwrap();
    let error = fs.read_dir(&"/many".into()).unwrap_err();
    assert_eq!(error.cause(), Cause::Limit);
    let limits = Limits::default().with_memory(64 << 10);
    let fs = vmie_fs::open(Arc::new(sound()), &limits).unwrap();
    let error = fs.open(&"/lznt1/text".into()).err();
    assert!(error.is_none_or(|error| error.cause() == Cause::Limit));
}
