//! VMDK disks of several files, of ESX hosts, and over parents.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may panic"
)]
#![cfg(any(feature = "libdeflate", feature = "zlib-rs"))]

mod bounds;
#[path = "../files/mod.rs"]
mod files;
mod kinds;
mod parents;
mod random;

use std::sync::Arc;

use files::{Files, with};
use proptest::prelude::*;
use vmie_formats::vmdk::{self, Vmdk};
use vmie_formats::{
    Cause, DiskImage as _, Error, ErrorKind, ExtentKind, Limits, NoteKind, OpenOptions, ReadAt,
    ReadAtExt as _, ReferenceKind, Variant, error_of, probe,
};
use vmie_io::{Budget, Meter, Metered};
use vmie_testkit::conformance;
use vmie_testkit::vmdk::{Builder, child_of, cowd, descriptor_file, sample_disk, sesparse};

/// Opens the file `disk.vmdk` among these.
fn open_in(files: &Arc<Files>, disk: &[u8]) -> Result<Vmdk, Error> {
    vmdk::open(Arc::new(disk.to_vec()), &with(files))
}

fn open<const N: usize>(text: &str, others: [(&str, Vec<u8>); N]) -> Result<Vmdk, Error> {
    open_in(&Arc::new(Files::of(others)), text.as_bytes())
}

fn read_all(disk: &dyn ReadAt) -> Result<Vec<u8>, Error> {
    let mut out = vec![0xa5; disk.len() as usize];
    disk.read_exact_at(&mut out, 0).map_err(error_of)?;
    Ok(out)
}

fn cause<T>(result: Result<T, Error>) -> Cause {
    result.err().expect("an error").cause()
}

fn small(builder: Builder) -> Builder {
    builder.grain_sectors(8).entries(4)
}

/// A sparse extent without a descriptor.
fn extent(disk: &[u8]) -> Vec<u8> {
    small(Builder::sparse(disk)).descriptor(None).build().bytes
}

fn sectors(disk: &[u8]) -> usize {
    assert_eq!(disk.len() % 512, 0);
    disk.len() / 512
}
