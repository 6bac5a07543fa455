//! VHDX: the virtual hard disks of Hyper-V since 2012 (SVC-FMT-3): *fixed*, *dynamic* and
//! *differencing*, with a log that is replayed in memory.

mod bat;
mod format;
mod header;
mod log;
mod metadata;
mod open;
mod probe;
mod read;
mod replayed;

pub use self::open::open;
pub(crate) use self::probe::probe;
pub use self::read::Vhdx;
