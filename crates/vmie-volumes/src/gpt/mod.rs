//! The GUID partition table.

mod adapter;
mod array;
mod find;
mod format;
mod header;
mod read;
mod types;

pub(crate) use find::{find, has_primary};
pub(crate) use read::{Gpt, read};
