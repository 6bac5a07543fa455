//! VHD: the virtual hard disks of Virtual PC, Hyper-V, Azure and XenServer (SVC-FMT-3): *fixed*,
//! *dynamic* and *differencing*.
//!
//! ```
//! use std::sync::Arc;
//! use vmie_formats::{DiskImage as _, OpenOptions, ReadAtExt as _, Variant, vhd};
//! # let mut file = vmie_testkit::vhd::Builder::dynamic(&[7; 9000]).build().bytes;
//! # let last = file.len() - 100;
//! # file[last] ^= 1;
//!
//! // The footer at the end of this file is damaged; the copy at its start is used, and that is told.
//! let disk = vhd::open(Arc::new(file), &OpenOptions::new())?;
//! assert_eq!(disk.info().variant, Some(Variant::VhdDynamic));
//! assert!(!disk.info().notes.is_empty());
//! assert_eq!(disk.read_array::<4>(0)?, [7; 4]);
//! // Sector bitmaps tell more than the table, at a read for each block.
//! let extent = disk.sector_extent(0)?;
//! assert_eq!(extent.kind.name(), "data");
//! # Ok::<(), vmie_formats::Error>(())
//! ```

mod blocks;
mod footer;
mod format;
mod header;
mod open;
mod probe;
mod read;
mod start;
mod write;

pub use self::open::open;
pub(crate) use self::probe::probe;
pub use self::read::Vhd;
pub(crate) use self::start::{StartFooter, end_of_plain, is_start_of_blocks, open_start};
pub(crate) use write::{DynamicEncoder, FixedEncoder};
