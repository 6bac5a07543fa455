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
//! ```
//! use vmie_fs::{FsKind, MemoryFs};
//! use vmie_guest::{Date, GuestVolume, ImportRequest, Matrix, Mode, inspect_volumes, judge};
//! use vmie_io::Limits;
//! use vmie_rules::matrix::Edition;
//! use vmie_volumes::VolumeId;
//!
//! // `inspect(&disks, &limits)` looks at real disks; a volume in memory does for an example.
//! let root = MemoryFs::new(FsKind::Ext4)
//!     .with_file("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
//!     .with_file("/etc/debian_version", "12.15\n")
//!     .with_file("/etc/fstab", "UUID=ab / ext4 defaults 0 1\n");
//! let id = VolumeId::partition(0, 1);
//! let volumes = [GuestVolume::new(id, 1 << 30, None, root)];
//! let guest = inspect_volumes(Vec::new(), &volumes, &Limits::default());
//! assert_eq!(guest.systems[0].os.version.get().unwrap(), "12.15");
//!
//! let matrix = Matrix::edition(Edition::E2026);
//! let as_of: Date = "2026-11-01".parse()?;
//! let verdict = judge(&guest, &ImportRequest::new(), &matrix, Mode::Practical, as_of);
//! assert!(verdict.finding("no-kernel").is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
mod html;
pub mod initramfs;
mod inspect;
mod inspection;
#[cfg(feature = "serde")]
mod json;
mod judge;
pub mod network;
pub mod packages;
pub mod pe;
pub mod registry;
pub mod release;
mod request;
mod source;
mod text;
mod verdict;
mod version;
pub mod windows;

pub use error::{Cause, Error};
pub use evidence::{Evidence, Fact};
pub use html::{FileReport, html, html_of_file};
pub use inspect::{GuestVolume, Opener, inspect, inspect_volumes};
pub use inspection::{
    Arch, Boot, BootMode, Bootloader, BootloaderKind, ConfiguredInterface, DefaultBy, DefaultEntry,
    DefaultKernel, Deployment, Disk, Drivers, Esp, Family, FilesystemFacts, Firewall, ImageFile,
    Initramfs, Inspection, Kernel, KernelFlavour, KernelSource, MenuRelation, Mount, MountOutcome,
    Network, Os, Packages, Settings, Software, SoftwareKind, Ssh, System, Unread,
};
#[cfg(feature = "serde")]
pub use json::Preflight;
pub use judge::judge;
pub use request::{Container, ImportRequest, Machine};
pub use source::Source;
pub use verdict::{Decision, Finding, Severity, Verdict};
pub use vmie_rules::Date;
pub use vmie_rules::matrix::{Matrix, Mode};
