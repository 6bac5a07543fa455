//! Damaged filesystems: the exact cause and place of each damage, early ends, flipped bits.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod anywhere;
mod ext;
mod fat;
#[path = "../fixtures/mod.rs"]
mod fixtures;

use std::sync::{Arc, OnceLock};

use fixtures::{fixture, open};
use proptest::prelude::*;
use vmie_fs::{Cause, Error, FileKind, Filesystem, FsKind, GuestPath};
use vmie_io::{Budget, ErrorKind, Limits, ReadAt, WriteAt};
use vmie_testkit::fsimage::Patched;

/// Walks and reads everything with errors ignored; says how many paths there were.
fn exercise(fs: &dyn Filesystem) -> usize {
    let mut left = vec![GuestPath::root()];
    let mut seen = 0;
    while let Some(path) = left.pop() {
        seen += 1;
        // A directory may be inside of itself.
        if seen > 2000 {
            break;
        }
        let Ok(metadata) = fs.metadata(&path) else {
            continue;
        };
        if let Ok(node) = fs.find(&path) {
            let _ = fs.xattrs(node);
        }
        match metadata.kind {
            FileKind::Directory => {
                let entries = fs.read_dir(&path).unwrap_or_default();
                left.extend(entries.iter().map(|entry| path.join(&entry.name)));
            }
            FileKind::Symlink => drop(fs.read_link(&path)),
            _ => {
                if let Ok(mut file) = fs.open(&path) {
                    let mut buf = [0; 4096];
                    for at in [0, metadata.size / 2, metadata.size.saturating_sub(10)] {
                        let _ = file.read_at(&mut buf, at);
                        // And again after an error.
                        let _ = file.read_at(&mut buf, at);
                    }
                }
            }
        }
    }
    let _ = fs.space();
    seen
}

fn refused(volume: Patched) -> Error {
    match open(volume) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

#[track_caller]
fn is(error: &Error, cause: Cause, field: &str, offset: u64) {
    let found = (error.cause(), error.field_name(), error.offset());
    assert_eq!(found, (cause, field, Some(offset)), "{error}");
}
