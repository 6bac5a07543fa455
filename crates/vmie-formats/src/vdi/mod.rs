//! VDI: VirtualBox disk images, dynamic, fixed and differencing.
//!
//! ```
//! use std::sync::Arc;
//! use vmie_formats::{DiskImage as _, ExtentKind, OpenOptions, ReadAt as _, Variant, vdi};
//! # let file = vmie_testkit::vdi::Builder::new(3 << 20).block(1, &[7; 512]).build();
//!
//! let disk = vdi::open(Arc::new(file), &OpenOptions::new())?;
//! assert_eq!(disk.info().variant, Some(Variant::VdiDynamic));
//! // The first of the three blocks was never written.
//! let first = disk.next_extent(0)?;
//! assert_eq!((first.kind, first.len), (ExtentKind::Hole, 1 << 20));
//! # Ok::<(), vmie_formats::Error>(())
//! ```

mod format;
mod header;
mod open;
mod read;

pub use open::open;
pub use read::Vdi;

#[cfg(test)]
mod tests;
