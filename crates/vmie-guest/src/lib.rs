//! Which operating system is inside a set of disks, and whether it may be imported.
//!
//! Two functions, kept apart on purpose:
//!
//! - [`inspect`] reads disks and tells what is there, as facts with evidence ([`Inspection`]). It
//!   refuses nothing: what is broken becomes a fact that could not be established, with the
//!   reason.
//! - [`judge`] reads no disk. It holds an inspection and a request against what the service says
//!   (`vmie-rules`), and gives a [`Verdict`] with every finding at once.
//!
//! A later `plan` will turn an inspection into the edits that make a guest fit, over a
//! copy-on-write view of its disks; it will need nothing that these two do not give.
#![cfg_attr(
    test,
    allow(
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

pub mod bls;
pub mod bzimage;
pub mod elf;
mod error;
mod evidence;
pub mod fstab;
pub mod grub;
mod inspect;
mod inspection;
#[cfg(feature = "serde")]
mod json;
mod judge;
pub mod release;
mod request;
mod text;
mod verdict;
mod version;

pub use error::{Cause, Error};
pub use evidence::{Evidence, Fact};
pub use inspect::{GuestVolume, Opener, inspect, inspect_volumes};
pub use inspection::{
    Arch, Boot, BootMode, Bootloader, BootloaderKind, DefaultBy, DefaultKernel, Disk, Drivers, Esp,
    Family, FilesystemFacts, Inspection, Kernel, KernelFlavour, KernelSource, Mount, MountOutcome,
    Network, Os, System, Unread,
};
#[cfg(feature = "serde")]
pub use json::Preflight;
pub use judge::judge;
pub use request::{Container, ImportRequest, Machine};
pub use verdict::{Decision, Finding, Severity, Verdict};
pub use vmie_rules::Date;
pub use vmie_rules::matrix::{Matrix, Mode};
