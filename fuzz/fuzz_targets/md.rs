//! The metadata of one volume manager: see `stacked`.
#![no_main]

#[path = "stacked/mod.rs"]
mod stacked;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| stacked::patched(data, stacked::Base::Md));
