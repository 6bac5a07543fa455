//! Registry hives of Windows, read where they lie.
//!
//! A hive is read cell by cell through [`ReadAt`](vmie_io::ReadAt), never as a whole: a `SOFTWARE`
//! of 100 MiB costs a few pages. A hive that was in use when the image was taken is completed in
//! memory from its transaction logs, of the old form (a bitmap of dirty sectors) and of the new one
//! (numbered entries with hashes), as Windows does at the next start; nothing is written.
//!
//! Facts: the [format's description](https://github.com/msuhanov/regf) and
//! [libregf's](https://github.com/libyal/libregf/tree/main/documentation).
//!
//! ```no_run
//! use vmie_guest::registry::Hive;
//! use vmie_io::{Budget, FileSource};
//!
//! let hive = Hive::open(FileSource::open("SOFTWARE")?, Vec::new(), &Budget::default())?;
//! let key = hive.key("Microsoft\\Windows NT\\CurrentVersion")?;
//! if let Some(value) = key.map(|key| key.value("ProductName")).transpose()?.flatten() {
//!     println!("{:?}", value.text());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod format;
mod hash;
mod key;
mod list;
mod log;
mod open;
#[cfg(test)]
mod tests;
mod text;
mod value;

pub use key::Key;
pub use open::{Hive, Replayed};
pub(crate) use text::utf16;
pub use value::{Kind, Value};
