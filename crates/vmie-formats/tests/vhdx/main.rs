//! VHDX files as they should be, and broken in every way (SVC-FMT-3).
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

mod bounds;
mod disk;
mod log;
mod parent;

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use vmie_formats::vhdx::{self, Vhdx};
use vmie_formats::{
    Cause, Confidence, DiskImage as _, Error, ErrorKind, Extent, ExtentKind, FolderResolver,
    Format, Limits, NoteKind, OpenOptions, ReadAt, Reference, Resolver, Variant, error_of, probe,
};
use vmie_io::{Budget, Meter, Metered, Window};
use vmie_testkit::conformance;
use vmie_testkit::vhdx::{
    BAT, BLOCKS, Builder, Change, Entry, FULLY_PRESENT, ITEMS, LOG, METADATA, MIB,
    PARTIALLY_PRESENT, fix, put_log,
};
use vmie_testkit::vmdk::sample_disk;

/// The headers and region tables.
const HEADERS: [usize; 2] = [64 << 10, 128 << 10];
const TABLES: [usize; 2] = [192 << 10, 256 << 10];

fn open(bytes: &[u8]) -> Result<Vhdx, Error> {
    vhdx::open(Arc::new(bytes.to_vec()), &OpenOptions::new())
}

fn read_all(disk: &dyn ReadAt) -> Result<Vec<u8>, Error> {
    let mut out = vec![0xa5; disk.len() as usize];
    disk.read_exact_at(&mut out, 0).map_err(error_of)?;
    Ok(out)
}

fn notes(disk: &Vhdx) -> Vec<NoteKind> {
    disk.info().notes.iter().map(|note| note.kind).collect()
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// A disk of three blocks, of which the second is zeroes.
fn disk() -> Vec<u8> {
    let mut disk = sample_disk(3 * MIB - 2048);
    disk[MIB..2 * MIB].fill(0);
    disk
}

fn edited(file: &[u8], edits: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for (at, what) in edits {
        put(&mut bytes, *at, what);
    }
    fix(&mut bytes);
    bytes
}

fn refused(bytes: &[u8]) -> (Cause, Option<u64>, &'static str) {
    let error = open(bytes).expect_err("an error");
    (error.cause(), error.offset(), error.field_name())
}

struct Files(HashMap<String, Vec<u8>>);

impl Resolver for Files {
    fn resolve(&self, reference: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        match self.0.get(&reference.name) {
            Some(bytes) => Ok(Arc::new(bytes.clone())),
            None => Err(Error::new(Cause::ReferenceMissing)),
        }
    }
}

fn open_over(bytes: &[u8], name: &str, parent: &[u8]) -> Result<Vhdx, Error> {
    let files = Files(HashMap::from([(name.to_owned(), parent.to_vec())]));
    let options = OpenOptions::new().resolver(Arc::new(files));
    vhdx::open(Arc::new(bytes.to_vec()), &options)
}

fn entry(number: u64, tail: u32, changes: Vec<Change>) -> Entry {
    Entry {
        number,
        tail,
        flushed: BLOCKS as u64,
        last: 0,
        changes,
    }
}
