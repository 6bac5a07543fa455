//! The ground floor of vmie: bytes at offsets, and what reading them may cost.
//!
//! A virtual machine's disk is a stack of views: a file, a window into an archive, a decompressed
//! image, a partition, a filesystem. Each of them is a [`ReadAt`]: a thing with a length in bytes
//! that can be read at any offset by many threads at once, and that can say which of its parts hold
//! data and which are known to be zero ([`Extent`]). Everything above is written against it.
//!
//! The input is hostile, so the crate also holds what keeps a reader honest: [`Limits`] and the
//! [`Budget`] they are charged to, and [`Fault`], the error that says kind, structure, field, byte
//! offset, value found and what to do about it.
//!
//! ```
//! use vmie_io::{ExtentKind, ReadAt, Window};
//!
//! // Any byte container is a source.
//! let disk: Vec<u8> = (0..=255).collect();
//! // A window is a part of a source that starts at its own zero.
//! let part = Window::new(&disk, 16, 32)?;
//! let mut buf = [0u8; 4];
//! part.read_exact_at(&mut buf, 2)?;
//! assert_eq!(buf, [18, 19, 20, 21]);
//! assert_eq!(part.next_extent(0)?.kind, ExtentKind::Data);
//! // Reading past the end is an error, never a short read.
//! assert!(part.read_exact_at(&mut buf, 30).is_err());
//! # Ok::<(), vmie_io::ReadError>(())
//! ```
#![cfg_attr(
    test,
    allow(
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "tests may panic"
    )
)]

mod cache;
mod cancel;
mod error;
mod extent;
mod fault;
mod file;
pub mod int;
mod limits;
mod memory;
mod meter;
mod overlay;
mod page;
mod read;
mod throttle;
mod window;
mod write;

pub use cache::BlockCache;
pub use cancel::CancelToken;
pub use error::{ErrorKind, ReadError};
pub use extent::{Extent, ExtentKind, Extents};
pub use fault::{Cause, Fault, Found};
pub use file::{FileSink, FileSource};
pub use limits::{Budget, Charge, LimitExceeded, Limits};
pub use meter::{Meter, Metered};
pub use overlay::Overlay;
pub use page::PageBuffer;
pub use read::{ReadAt, ReadAtExt};
pub use throttle::Throttled;
pub use window::Window;
pub use write::WriteAt;
