//! VHDX: the virtual hard disks of Hyper-V since 2012 (SVC-FMT-3): *fixed*, *dynamic* and
//! *differencing*, with a log that is replayed in memory.
//!
//! ```
//! use std::sync::Arc;
//! use vmie_formats::{DiskImage as _, OpenOptions, ReadAtExt as _, vhdx};
//! # let file = vmie_testkit::vhdx::Builder::dynamic(&[7; 9000]).sector(4096).build();
//!
//! let disk = vhdx::open(Arc::new(file), &OpenOptions::new())?;
//! assert_eq!(disk.info().sector_size, Some(4096));
//! assert_eq!(disk.physical_sector_size(), 4096);
//! println!("page 83 id {}", disk.disk_id());
//! assert_eq!(disk.read_array::<4>(0)?, [7; 4]);
//! # Ok::<(), vmie_formats::Error>(())
//! ```

mod bat;
mod format;
mod header;
mod log;
mod metadata;
mod open;
mod probe;
mod read;
mod replayed;
mod write;

pub use self::open::open;
pub(crate) use self::probe::probe;
pub use self::read::Vhdx;
pub(crate) use write::VhdxEncoder;
