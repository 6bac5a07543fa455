//! Codecs for virtual machine disk images and appliances.
//!
//! A virtual machine comes as a file: a raw disk, a VMDK of compressed grains, an OVA with several
//! disks and the description of a machine. This crate says what a file is ([`probe`]), opens it
//! without unpacking anything ([`OpenOptions`]), shows each disk in it as a
//! [`ReadAt`] that many threads can read at any offset ([`DiskImage`]), and writes
//! disks out as sparse raw files on all cores ([`convert()`]).
//!
//! Images are hostile input. Every size is bounded, tables are charged to a budget, nothing that
//! an image names is opened unless a [`Resolver`] allows it, and every refusal is an [`Error`] that
//! says what is wrong, at which byte, and what to do.
//!
//! ```
//! use std::sync::Arc;
//! use vmie_formats::{CancelToken, ConvertOptions, DiskImage as _, OpenOptions, Opened, ReadAt as _};
//! # use vmie_io::{Budget, Overlay};
//! # if cfg!(not(any(feature = "zlib-rs", feature = "libdeflate"))) { return Ok(()); }
//! # let disk = vec![7u8; 100_000];
//! # let file = vmie_testkit::vmdk::Builder::stream(&disk).build().bytes;
//!
//! // `file` is a stream-optimized VMDK; `vmie_io::FileSource` would open one from a path.
//! let Opened::Disk(disk) = OpenOptions::new().open(Arc::new(file))? else {
//!     return Ok(());
//! };
//! assert_eq!(disk.info().format.name(), "vmdk");
//! let mut sector = [0u8; 512];
//! disk.read_exact_at(&mut sector, 1024)?;
//! assert_eq!(sector, [7; 512]);
//! # struct Sink(std::sync::Mutex<Vec<u8>>);
//! # impl vmie_io::WriteAt for Sink {
//! #     fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), vmie_io::ReadError> {
//! #         let at = offset as usize;
//! #         self.0.lock().unwrap()[at..at + buf.len()].copy_from_slice(buf);
//! #         Ok(())
//! #     }
//! #     fn set_len(&self, len: u64) -> Result<(), vmie_io::ReadError> {
//! #         self.0.lock().unwrap().resize(len as usize, 0);
//! #         Ok(())
//! #     }
//! #     fn write_zeroes_at(&self, _: u64, _: u64) -> Result<(), vmie_io::ReadError> { Ok(()) }
//! #     fn sync(&self) -> Result<(), vmie_io::ReadError> { Ok(()) }
//! # }
//! # let sink = Sink(Default::default());
//!
//! // `sink` is a `vmie_io::FileSink`, say.
//! let options = ConvertOptions::default();
//! let report = vmie_formats::convert(&disk, &sink, &options, &(), &CancelToken::new())?;
//! assert_eq!(report.bytes, disk.len());
//! # Ok::<(), vmie_formats::Error>(())
//! ```
//!
//! # Features
//!
//! - `formats` (default): `qcow2`, `vdi` and `vhdx`, each a feature of its own. Raw, VMDK, VHD, OVA, OVF
//!   and the import manifest are always there: an appliance needs VMDK, and only its footer tells a
//!   fixed VHD from a raw disk. A format that is left out is still recognised, and refused with
//!   [`Cause::FormatNotBuilt`].
//! - `zlib-rs` (default): inflates in pure Rust.
//! - `libdeflate`: inflates with libdeflate (C), which is faster; it wins when both are on.
//!
//! - `serde`: [`ImageInfo`] and what it is made of, and [`Candidate`], are `Serialize`; names are those of
//!   `name()`.
//!
//! With no inflater, compressed grains are refused with [`Cause::NoInflate`].
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

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod check;
mod convert;
mod deflate;
mod error;
mod image;
pub mod import_manifest;
mod inflate;
mod open;
mod ova;
pub mod ovf;
mod parent;
mod probe;
mod progress;
#[cfg(feature = "qcow2")]
pub mod qcow2;
mod raw;
mod recent;
mod reference;
#[cfg(feature = "serde")]
mod serialize;
pub mod stream;
mod table;
#[cfg(feature = "vdi")]
pub mod vdi;
pub mod vhd;
#[cfg(feature = "vhdx")]
pub mod vhdx;
pub mod vmdk;
mod xml;

pub use check::{Check, Problem, ProblemKind, check};
pub use convert::{
    ConvertOptions, Journal, Report, Stamp, Target, Zeroes, convert, convert_resumable,
    convert_to_stream,
};
pub use error::{Cause, Error, error_of};
pub use image::{
    Candidate, Confidence, DiskImage, Format, ImageInfo, ImageNote, NoteKind, Variant,
};
pub use open::{OpenOptions, Opened, open};
pub use ova::{
    Appliance, Certificate, Digest, DigestAlgorithm, Disk, Machine, Manifest, ManifestEntry,
    Member, MemberCheck, Outcome, Verification,
};
pub use probe::probe;
pub use progress::Progress;
pub use reference::{DenyAll, FolderResolver, Reference, ReferenceKind, Resolver};
// What a user of this crate alone needs of the ground floor.
pub use vmie_io::{
    CancelToken, ErrorKind, Extent, ExtentKind, FileSink, FileSource, Limits, ReadAt, ReadAtExt,
    ReadError, WriteAt,
};
