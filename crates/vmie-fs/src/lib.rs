//! Filesystems of guests, probed and read without mounting.

mod error;
mod filesystem;
mod path;

pub use error::{Cause, Error};
pub use filesystem::{
    DirEntry, FileKind, FileRead, Filesystem, FsKind, Identity, Metadata, Space, State,
};
pub use path::GuestPath;
