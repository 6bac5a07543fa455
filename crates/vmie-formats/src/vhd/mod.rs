//! VHD: the virtual hard disks of Virtual PC, Hyper-V, Azure and XenServer (SVC-FMT-3): *fixed*,
//! *dynamic* and *differencing*.

mod blocks;
mod footer;
mod format;
mod header;
mod open;
mod probe;
mod read;

pub use self::open::open;
pub(crate) use self::probe::probe;
pub use self::read::Vhd;
