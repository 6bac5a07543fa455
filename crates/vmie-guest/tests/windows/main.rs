//! Phony Windows guests by the testkit: every row of the matrix, near misses, and settings.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod boot;
mod matrix;
mod points;
mod registry;
mod settings;
mod variants;

use vmie_fs::{FsKind, MemoryFs};
use vmie_guest::{
    Date, Disk, Fact, GuestVolume, ImportRequest, Inspection, Matrix, Mode, Verdict,
    inspect_volumes, judge,
};
use vmie_io::{Budget, Limits};
use vmie_rules::matrix::Edition;
use vmie_testkit::windows::Guest;
use vmie_volumes::{DiskLayout, VolumeId, read_layout};

/// A disk of two partitions, the boot code of Windows and the first partition active.
fn layout() -> DiskLayout {
    let mut disk = vec![0u8; 8 << 20];
    disk[..4].copy_from_slice(&[0x33, 0xc0, 0x8e, 0xd0]);
    disk[446] = 0x80;
    for (at, start) in [(446, 2048u32), (462, 4096)] {
        disk[at + 4] = 7;
        disk[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
        disk[at + 12..at + 16].copy_from_slice(&2048u32.to_le_bytes());
    }
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    read_layout(&disk, &Budget::default()).unwrap()
}

/// A disk with an EFI system partition and another, by an MBR with the type for it.
fn uefi_layout() -> DiskLayout {
    let mut disk = vec![0u8; 8 << 20];
    for (at, kind, start) in [(446, 0xefu8, 2048u32), (462, 7, 4096)] {
        disk[at + 4] = kind;
        disk[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
        disk[at + 12..at + 16].copy_from_slice(&2048u32.to_le_bytes());
    }
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    read_layout(&disk, &Budget::default()).unwrap()
}

fn volume(kind: FsKind, files: Vec<(String, Vec<u8>)>) -> MemoryFs {
    files
        .into_iter()
        .fold(MemoryFs::new(kind), |fs, (path, bytes)| {
            fs.with_file(path, bytes)
        })
}

fn look_at(layout: DiskLayout, filesystems: Vec<MemoryFs>) -> Inspection {
    let volumes: Vec<GuestVolume<'_>> = (1..)
        .zip(filesystems)
        .map(|(number, files)| {
            let partition = layout.partition(number).cloned();
            GuestVolume::new(VolumeId::partition(0, number), 1 << 20, partition, files)
        })
        .collect();
    let disk = Disk::new(0, 8 << 20, Fact::known(layout, Vec::new()));
    inspect_volumes(vec![disk], &volumes, &Limits::default())
}

fn look(guest: &Guest) -> Inspection {
    let (layout, boot) = match guest.uefi {
        true => (uefi_layout(), FsKind::Fat32),
        false => (layout(), FsKind::Ntfs),
    };
    let boot = volume(boot, guest.boot_files());
    look_at(layout, vec![boot, volume(FsKind::Ntfs, guest.files())])
}

fn as_of() -> Date {
    Date::new(2026, 11, 1).unwrap()
}

fn say(inspection: &Inspection, edition: Edition, mode: Mode) -> Verdict {
    let matrix = Matrix::edition(edition);
    judge(inspection, &ImportRequest::new(), &matrix, mode, as_of())
}

fn codes(verdict: &Verdict) -> Vec<&'static str> {
    verdict
        .findings
        .iter()
        .map(|finding| finding.code)
        .collect()
}
