//! Windows: what its registry, its programs and its boot store say.
//!
//! The facts come from the hives `SOFTWARE` and `SYSTEM` ([`registry`](crate::registry)), from the
//! version of `ntoskrnl.exe` ([`pe`](crate::pe)) as a second source, and from the boot configuration
//! data, which is a hive as well.

pub mod answers;
pub mod bcd;
pub mod boot_ini;
#[cfg(feature = "serde")]
mod document;
mod facts;
mod files;
mod hives;
mod locale;
pub mod product;
mod read;
mod settings;

pub use facts::{
    AnswerFile, DotNet, Interface, PageFile, Service, SqlServer, Start, Tool, ToolKind, Windows,
};
pub(crate) use files::{Files, folder};
pub(crate) use read::read;
