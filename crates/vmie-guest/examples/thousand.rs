//! Looks at a thousand phony guests and judges them, and fails when that takes ten seconds.
//!
//! `cargo run --release -p vmie-guest --example thousand`
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::{Duration, Instant};

use vmie_fs::{FsKind, Identity, MemoryFs};
use vmie_guest::{
    Date, Disk, Fact, GuestVolume, ImportRequest, Matrix, Mode, inspect_volumes, judge,
};
use vmie_io::{Budget, Limits};
use vmie_rules::matrix::Edition;
use vmie_testkit::linux::{Entry, Guest, Machine, guests_of};
use vmie_testkit::table::{MbrEntry, MbrTable};
use vmie_volumes::{VolumeId, read_layout};

const GUESTS: usize = 1000;
const LIMIT: Duration = Duration::from_secs(10);
const UUID: &str = "11111111-2222-3333-4444-555555555555";

fn files(guest: &Guest<'_>) -> MemoryFs {
    let mut identity = Identity::new(FsKind::Ext4);
    identity.uuid = Some(UUID.to_owned());
    let root = MemoryFs::new(FsKind::Ext4).with_identity(identity);
    guest
        .entries()
        .into_iter()
        .fold(root, |files, entry| match entry {
            Entry::File(path, content) => files.with_file(path, content),
            Entry::Link(path, target) => files.with_symlink(path, target),
            Entry::Directory(path) => files.with_dir(path),
        })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut table = MbrTable::default();
    if let Some(first) = table.primary.first_mut() {
        *first = MbrEntry {
            flag: 0x80,
            ..MbrEntry::new(0x83, 2048, 2048)
        };
    }
    let mut disk = vec![0; 4 << 20];
    table.write(&mut disk, 512);
    let layout = read_layout(&disk, &Budget::default())?;
    let matrix = Matrix::edition(Edition::E2026);
    let named: Vec<_> = matrix
        .linux
        .iter()
        .flat_map(|row| guests_of(row).into_iter().map(move |guest| (row, guest)))
        .collect();
    let as_of = Date::new(2026, 11, 1).ok_or("a day")?;
    let (mut took, mut taken) = (Duration::ZERO, 0u32);
    for (row, (version, service_pack, kernel)) in named.iter().cycle().take(GUESTS) {
        let guest = Guest {
            id: &row.id,
            version,
            service_pack: *service_pack,
            kernel,
            machine: Machine::X86_64,
            uuid: UUID,
            filesystem: "ext4",
        };
        let files = files(&guest);
        let start = Instant::now();
        let partition = layout.partition(1).cloned();
        let volume = GuestVolume::new(VolumeId::partition(0, 1), 1 << 20, partition, files);
        let disk = Disk::new(0, 4 << 20, Fact::known(layout.clone(), Vec::new()));
        let found = inspect_volumes(vec![disk], &[volume], &Limits::default());
        for mode in [Mode::Strict, Mode::Practical] {
            let verdict = judge(&found, &ImportRequest::new(), &matrix, mode, as_of);
            taken = taken.saturating_add(u32::from(verdict.row.is_some()));
        }
        took = took.saturating_add(start.elapsed());
    }
    println!("{GUESTS} guests looked at and judged in both modes in {took:?}, on one core");
    if took > LIMIT || usize::try_from(taken)? != GUESTS.saturating_mul(2) {
        return Err(format!("{taken} verdicts with a row in {took:?}").into());
    }
    Ok(())
}
