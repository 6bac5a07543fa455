//! VHD: the virtual hard disks of Virtual PC, Hyper-V, Azure and XenServer (SVC-FMT-3): *fixed*,
//! *dynamic* and *differencing*.

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
