//! VMDK: VMware's virtual disks, of the kinds that keep a whole disk in one file:
//! *streamOptimized* (compressed grains, made for transport) and *monolithicSparse*.

mod descriptor;
mod format;
mod header;
mod open;
mod probe;
mod read;
mod stream;

pub use self::descriptor::{Descriptor, ExtentLine};
pub use self::open::open;
pub(crate) use self::probe::probe;
pub use self::read::Vmdk;
pub use self::stream::{Ending, Grain, StreamReader};
