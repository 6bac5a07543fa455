//! XFS and its log. Version 4 has no checksums, so that patches reach what lies behind them.
//!
//! What the input is stands in `sectors`.
//!
//! The oracle: no panic, an end within the budget, names that can be looked up, lengths that agree, holes that
//! read as zeroes, and reading again, or in pieces, gives the same.
#![no_main]

mod sectors;
mod walked;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vmie_testkit::fsimage::unpack;

use sectors::Image;

macro_rules! images {
    ($($name:literal),*) => {
        LazyLock::new(|| vec![$(Image::new(unpack(include_bytes!(
            concat!("../../crates/vmie-fs/tests/data/", $name, ".img.gz")
        )))),*])
    };
}

static IMAGES: LazyLock<Vec<Image>> = images!("xfs-v4", "xfs-v4-plain", "xfs-log", "xfs-1k");

fuzz_target!(|data: &[u8]| sectors::run(&IMAGES, data));
