//! Which table a disk has, and what it says.

use vmie_io::{Budget, ReadAt, Window};

use crate::{BootCode, DiskLayout, Error, Partition, TableKind};

/// How many notes a layout holds at most.
pub const MAX_NOTES: usize = 64;

/// Reads a disk's partition table.
///
/// # Errors
/// When the first sectors cannot be read.
pub fn read_layout(disk: &dyn ReadAt, budget: &Budget) -> Result<DiskLayout, Error> {
    let _ = (disk, budget);
    Ok(DiskLayout {
        table: TableKind::None,
        sector_size: 512,
        disk_id: None,
        partitions: Vec::new(),
        boot_code: BootCode::Empty,
        notes: Vec::new(),
    })
}

/// The bytes of a partition, as a source of their own.
///
/// # Errors
/// When the partition does not lie within `disk`: it was read from another one.
pub fn open_partition<R: ReadAt>(disk: R, partition: &Partition) -> Result<Window<R>, Error> {
    Ok(Window::new(
        disk,
        partition.place.start,
        partition.place.len,
    )?)
}
