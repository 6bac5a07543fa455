//! Replaying the log.

use super::*;

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
