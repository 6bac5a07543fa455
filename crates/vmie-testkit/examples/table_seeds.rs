//! Writes the seeds of the fuzz targets `mbr` and `gpt`: `cargo run -p vmie-testkit --example
//! table_seeds`, from the root of the workspace.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a developer's tool"
)]

use std::{fs, io, path::Path};

use vmie_testkit::table::{
    GptEntry, GptTable, LogicalEntry, MbrEntry, MbrTable, guid, write_record,
};

const EMPTY: MbrEntry = MbrEntry {
    flag: 0,
    kind: 0,
    start: 0,
    sectors: 0,
};

fn main() -> io::Result<()> {
    let seeds = Path::new("fuzz/seeds");
    for (name, bytes) in mbr_seeds() {
        write(&seeds.join("mbr").join(name), &bytes)?;
    }
    for (name, bytes) in gpt_seeds() {
        write(&seeds.join("gpt").join(name), &bytes)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}

/// The form of the target `mbr` that has entries only.
fn entries_of(disk: &[u8], more_sectors: u16) -> Vec<u8> {
    let mut seed = vec![0];
    seed.extend_from_slice(&more_sectors.to_le_bytes());
    for sector in disk.chunks_exact(512) {
        seed.extend_from_slice(&sector[446..510]);
    }
    seed
}

fn mbr_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let logical = |record, start, sectors| LogicalEntry {
        record,
        entry: MbrEntry::new(0x83, start, sectors),
    };
    let chain = MbrTable {
        signature: 0x12ab_0001,
        primary: [
            MbrEntry {
                flag: 0x80,
                ..MbrEntry::new(0x83, 40, 40)
            },
            MbrEntry::new(0x82, 80, 8),
            EMPTY,
            MbrEntry::new(0x05, 2, 14),
        ],
        logical: vec![logical(2, 3, 3), logical(6, 7, 1), logical(8, 9, 7)],
        ..MbrTable::default()
    };
    let mut disk = vec![0; 10 * 512];
    chain.write(&mut disk, 512);
    let mut looped = disk.clone();
    write_record(
        &mut looped[8 * 512..9 * 512],
        &[MbrEntry::new(0x83, 1, 1), MbrEntry::new(0x05, 4, 2)],
    );
    let mut protective = vec![0; 512];
    let ends = [MbrEntry::new(0xee, 1, u32::MAX), MbrEntry::new(0x83, 8, 8)];
    write_record(&mut protective, &ends);
    let mut raw = vec![1, 0, 0];
    raw.extend_from_slice(&disk);
    let mut filesystem = vec![0; 512];
    filesystem[..22].copy_from_slice(b"\xeb\x3c\x90mkfs.fat\0\x02\x04\x04\0\x02\0\x02\0\x08\xf8");
    filesystem[510..].copy_from_slice(&[0x55, 0xaa]);
    vec![
        ("chain", entries_of(&disk, 90)),
        ("loop", entries_of(&looped, 90)),
        ("protective", entries_of(&protective, 40)),
        ("sectors-of-4096", entries_of(&disk, 1000)),
        ("raw", raw),
        ("filesystem", [[1, 40, 0].as_slice(), &filesystem].concat()),
    ]
}

fn gpt_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let seed = |choices: [u8; 5], entry_len, mbr: &[MbrEntry]| {
        let entry = |kind, nth, first, last, name: &str| GptEntry {
            kind: guid(kind),
            guid: [nth; 16],
            first,
            last,
            attributes: 4,
            name: name.into(),
        };
        let mut table = GptTable::new(
            512,
            vec![
                entry("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", 1, 8, 15, "EFI"),
                GptEntry::default(),
                entry("0FC63DAF-8483-4772-8E79-3D69D8477DE4", 2, 16, 40, "root"),
            ],
        );
        (table.count, table.entry_len) = (4, entry_len);
        let mut disk = vec![0; 64 * 512];
        table.write(&mut disk);
        let mut record = [0; 512];
        write_record(&mut record, mbr);
        let array = 4 * usize::try_from(entry_len).unwrap_or(128);
        let mut seed = choices.to_vec();
        seed.extend_from_slice(&record[446..510]);
        seed.extend_from_slice(&disk[512..512 + 92]);
        seed.extend_from_slice(&disk[1024..1024 + array]);
        seed
    };
    let protective = [MbrEntry::new(0xee, 1, 63)];
    let hybrid = [MbrEntry::new(0x83, 8, 8), MbrEntry::new(0xee, 1, 63)];
    vec![
        ("sectors-of-512", seed([0, 0, 0, 0, 0], 128, &protective)),
        ("sectors-of-4096", seed([1, 0, 0, 0, 0], 128, &protective)),
        ("large-entries", seed([0, 0, 0, 0, 0], 256, &protective)),
        ("primary-bad", seed([0, 40, 0, 1, 0], 128, &protective)),
        ("backup-differs", seed([0, 56, 7, 0, 0], 128, &protective)),
        ("cut", seed([0, 0, 0, 0, 200], 128, &protective)),
        ("hybrid", seed([0, 0, 0, 0, 0], 128, &hybrid)),
        ("no-mbr", seed([0, 0, 0, 0, 0], 128, &[])),
    ]
}
