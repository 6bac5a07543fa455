//! Extents of ESX hosts: copy-on-write (COWD) and SEsparse.

use super::SECTOR;

/// Entries of a grain table, of both kinds as they are built here.
const ENTRIES: usize = 4096;

/// What the grain holds in an extent: its data, zeroes (SEsparse only), or nothing.
fn grains(disk: &[u8], grain: usize) -> impl Iterator<Item = Option<Vec<u8>>> + '_ {
    disk.chunks(grain).map(move |chunk| {
        let mut data = chunk.to_vec();
        data.resize(grain, 0);
        data.iter().any(|byte| *byte != 0).then_some(data)
    })
}

fn put(out: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if out.len() < at + bytes.len() {
        out.resize(at + bytes.len(), 0);
    }
    out[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A copy-on-write extent of a disk of whole sectors; grains of zeroes are left out.
#[must_use]
pub fn cowd(disk: &[u8], grain_sectors: usize) -> Vec<u8> {
    let grain = grain_sectors * SECTOR;
    let tables = disk.len().div_ceil(grain * ENTRIES);
    let mut out = vec![0; 4 * SECTOR];
    let directory = out.len();
    out.resize(directory + (tables * 4).next_multiple_of(SECTOR), 0);
    let all: Vec<_> = grains(disk, grain).collect();
    for (number, grains) in all.chunks(ENTRIES).enumerate() {
        if grains.iter().all(Option::is_none) {
            continue;
        }
        let table = out.len();
        let sector = (table / SECTOR) as u32;
        put(&mut out, directory + number * 4, &sector.to_le_bytes());
        out.resize(table + ENTRIES * 4, 0);
        for (index, data) in grains.iter().enumerate() {
            let Some(data) = data else { continue };
            let sector = (out.len() / SECTOR) as u32;
            put(&mut out, table + index * 4, &sector.to_le_bytes());
            out.extend_from_slice(data);
        }
    }
    let header = [
        1u32,
        3,
        (disk.len() / SECTOR) as u32,
        grain_sectors as u32,
        4,
        tables as u32,
        (out.len() / SECTOR) as u32,
    ];
    put(&mut out, 0, b"COWD");
    for (index, field) in header.into_iter().enumerate() {
        put(&mut out, 4 + index * 4, &field.to_le_bytes());
    }
    out
}

/// An SEsparse extent of a disk of whole sectors, in grains of 4 KiB and tables of `table_sectors`;
/// grains of zeroes are left out, or marked as zeroes. Tables and grains are stored last first.
#[must_use]
pub fn sesparse(disk: &[u8], table_sectors: usize, mark_zeroes: bool) -> Vec<u8> {
    const GRAIN: usize = 8 * SECTOR;
    let entries = table_sectors * SECTOR / 8;
    let all: Vec<_> = grains(disk, GRAIN).collect();
    let tables = all.len().div_ceil(entries);
    let directory_sectors = (tables * 8).div_ceil(SECTOR);
    let tables_at = 4 + directory_sectors;
    let grains_at = (tables_at + tables * table_sectors).next_multiple_of(8);
    let stored = all.iter().flatten().count();
    let mut out = vec![0; grains_at * SECTOR];
    let mut next = stored;
    for (number, grains) in all.chunks(entries).enumerate() {
        if grains.iter().all(Option::is_none) && !mark_zeroes {
            continue;
        }
        let place = (tables - 1 - number) as u64;
        let entry = 0x1000_0000_0000_0000 | place;
        put(&mut out, 4 * SECTOR + number * 8, &entry.to_le_bytes());
        let table = (tables_at + place as usize * table_sectors) * SECTOR;
        for (index, data) in grains.iter().enumerate() {
            let entry = match data {
                None if mark_zeroes => 0x2000_0000_0000_0000,
                None => 0,
                Some(data) => {
                    next -= 1;
                    put(&mut out, grains_at * SECTOR + next * GRAIN, data);
                    let n = next as u64;
                    0x3000_0000_0000_0000 | ((n & 0xfff) << 48) | (n >> 12)
                }
            };
            put(&mut out, table + index * 8, &entry.to_le_bytes());
        }
    }
    let fields = [
        0xcafe_babe,
        0x2_0000_0001,
        (disk.len() / SECTOR) as u64,
        8,
        table_sectors as u64,
        0,
        0,
        0,
        0,
        0,
        1,
        1,
        2,
        1,
        3,
        1,
        4,
        directory_sectors as u64,
        tables_at as u64,
        (tables * table_sectors) as u64,
        0,
        0,
        0,
        0,
        grains_at as u64,
        (stored * 8) as u64,
    ];
    for (index, field) in fields.into_iter().enumerate() {
        put(&mut out, index * 8, &field.to_le_bytes());
    }
    put(&mut out, SECTOR, &0xcafe_cafe_u64.to_le_bytes());
    out
}
