//! Phony Linux guests by the testkit: every row of the matrix, and settings that get in the way.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod beside;
mod defaults;
mod early;
mod identity;
mod layouts;
mod matrix;
mod network;
mod ostree;
mod relatives;
mod settings;

use vmie_fs::{FsKind, Identity, MemoryFs};
use vmie_guest::{
    Date, Disk, Fact, GuestVolume, ImportRequest, Inspection, Matrix, Mode, Verdict,
    inspect_volumes, judge,
};
use vmie_io::{Budget, Limits};
use vmie_testkit::linux::{Entry, Guest, Machine};
use vmie_volumes::{DiskLayout, VolumeId, read_layout};

const UUID: &str = "11111111-2222-3333-4444-555555555555";

/// The kernel of the Debian that most tests are about.
const RELEASE: &str = "6.1.0-13-amd64";

fn guest(id: &'static str, version: &'static str, kernel: &'static str) -> Guest<'static> {
    Guest {
        id,
        version,
        service_pack: 0,
        kernel,
        machine: Machine::X86_64,
        uuid: UUID,
        filesystem: "ext4",
    }
}

fn debian() -> Guest<'static> {
    guest("debian", "12.4", RELEASE)
}

/// A disk with GRUB 2's marks and one active partition.
fn layout() -> DiskLayout {
    let mut disk = vec![0u8; 4 << 20];
    disk[0] = 0xeb;
    disk[0x180..0x18a].copy_from_slice(b"GRUB \0Geom");
    disk[446] = 0x80;
    disk[450] = 0x83;
    disk[454..458].copy_from_slice(&2048u32.to_le_bytes());
    disk[458..462].copy_from_slice(&2048u32.to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    read_layout(&disk, &Budget::default()).unwrap()
}

fn look(layout: &DiskLayout, guest: &Guest<'_>) -> Inspection {
    look_with(layout, guest, |files| files)
}

/// As [`look`], with more put into the guest.
fn look_with(
    layout: &DiskLayout,
    guest: &Guest<'_>,
    more: impl FnOnce(MemoryFs) -> MemoryFs,
) -> Inspection {
    let mut identity = Identity::new(FsKind::Ext4);
    identity.uuid = Some(UUID.to_owned());
    let mut files = MemoryFs::new(FsKind::Ext4).with_identity(identity);
    for entry in guest.entries() {
        files = match entry {
            Entry::File(path, content) => files.with_file(path, content),
            Entry::Link(path, target) => files.with_symlink(path, target),
            Entry::Directory(path) => files.with_dir(path),
        };
    }
    let files = more(files);
    let partition = layout.partition(1).cloned();
    let volumes = [GuestVolume::new(
        VolumeId::partition(0, 1),
        1 << 20,
        partition,
        files,
    )];
    let disk = Disk::new(0, 4 << 20, Fact::known(layout.clone(), Vec::new()));
    inspect_volumes(vec![disk], &volumes, &Limits::default())
}

const AS_OF: (u16, u8, u8) = (2026, 11, 1);

fn as_of() -> Date {
    Date::new(AS_OF.0, AS_OF.1, AS_OF.2).unwrap()
}

fn say(inspection: &Inspection, matrix: &Matrix, mode: Mode) -> Verdict {
    judge(inspection, &ImportRequest::new(), matrix, mode, as_of())
}
