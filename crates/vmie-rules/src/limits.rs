//! The service's numbers, each with its point.

/// One KiB.
const KIB: u64 = 1 << 10;
/// One MiB.
const MIB: u64 = KIB << 10;
/// One GiB.
const GIB: u64 = MIB << 10;
/// One TiB.
const TIB: u64 = GIB << 10;
/// One day in seconds.
const DAY: u64 = 86_400;

/// A disk image must be smaller than this, in bytes (SVC-FMT-9).
pub const DISK_SIZE_BOUND: u64 = 16 * TIB;
/// A disk image of import-image must be smaller than this, in bytes; above it, a manifest is
/// needed (SVC-FMT-9).
pub const IMPORT_IMAGE_DISK_SIZE_BOUND: u64 = 8 * TIB;
/// An import has at most this many volumes (SVC-LIM-4).
pub const MAX_VOLUMES: usize = 21;
/// Windows needs at least this much free space on its root volume, in bytes (SVC-LIM-7).
pub const WINDOWS_FREE_SPACE: u64 = 6 * GIB;
/// An exported volume is at most this large, in bytes (SVC-TASK-4, SVC-TASK-5).
pub const EXPORT_VOLUME_SIZE: u64 = TIB;
/// Export tasks at once per Region, unless adjusted (SVC-TASK-4, SVC-TASK-5).
pub const EXPORT_TASKS: usize = 5;
/// Export tasks at once per Region, adjusted to the most (SVC-TASK-4, SVC-TASK-5).
pub const EXPORT_TASKS_ADJUSTED: usize = 20;
/// The usual size of a part of a manifest, in bytes (SVC-MAN-1).
pub const MANIFEST_PART_SIZE: u64 = 10 * MIB;
/// How long the addresses of a manifest are valid, in seconds (SVC-MAN-2).
pub const MANIFEST_ADDRESS_VALIDITY: u64 = 30 * DAY;
/// The same with Signature Version 4, in seconds (SVC-MAN-2).
pub const MANIFEST_ADDRESS_VALIDITY_V4: u64 = 7 * DAY;
/// The size of a volume at least, where none is given, in bytes (SVC-MAN-2).
pub const MIN_VOLUME_SIZE: u64 = 8 * GIB;
/// A conversion task without its upload expires after this many seconds (SVC-MAN-3).
pub const CONVERSION_TASK_EXPIRY: u64 = 7 * DAY;
/// Lists show a task for this many seconds after its end (SVC-OBS-5).
pub const ENDED_TASK_VISIBLE: u64 = 7 * DAY;
/// A Windows disk that boots both ways boots by BIOS only below this size, in bytes (SVC-BOOT-2).
/// The guide says 2 TB there, and 2 TiB for the conversion to MBR
/// ([`WINDOWS_MBR_DISK_SIZE`]): two rules, kept apart.
pub const WINDOWS_BIOS_DISK_SIZE_BOUND: u64 = 2_000_000_000_000;
/// The primary partitions a disk may have for the rule of SVC-BOOT-2.
pub const WINDOWS_BIOS_PRIMARY_PARTITIONS: usize = 4;
/// A Windows GPT disk becomes an MBR one up to this size, in bytes (SVC-BOOT-3).
pub const WINDOWS_MBR_DISK_SIZE: u64 = 2 * TIB;
/// The primary partitions a disk may have for the rule of SVC-BOOT-3.
pub const WINDOWS_MBR_PRIMARY_PARTITIONS: usize = 3;
/// Up to this size a page file that Windows manages may grow, in bytes (SVC-CFG-3: "16 GB").
pub const WINDOWS_PAGE_FILE: u64 = 16_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_guide() {
        assert_eq!(DISK_SIZE_BOUND, 17_592_186_044_416);
        assert_eq!(IMPORT_IMAGE_DISK_SIZE_BOUND, 8_796_093_022_208);
        assert_eq!(WINDOWS_FREE_SPACE, 6_442_450_944);
        assert_eq!(EXPORT_VOLUME_SIZE, 1_099_511_627_776);
        assert_eq!(MANIFEST_PART_SIZE, 10_485_760);
        assert_eq!(ENDED_TASK_VISIBLE, 604_800);
        assert_eq!(
            (MAX_VOLUMES, EXPORT_TASKS, EXPORT_TASKS_ADJUSTED),
            (21, 5, 20)
        );
    }
}
