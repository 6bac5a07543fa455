//! Reads the editions of the matrix while the crate is built, by the reader that the crate has: a document with
//! a mistake is an error of the build that says where, and not a table that takes nothing.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    unreachable_pub,
    missing_docs,
    reason = "of the crate's modules only the reader is used here"
)]

extern crate alloc;

#[path = "src/by_text.rs"]
mod by_text;
#[path = "src/date.rs"]
mod date;
#[path = "src/guest.rs"]
mod guest;
#[path = "src/matrix/mod.rs"]
mod matrix;
#[path = "src/region.rs"]
mod region;
#[path = "src/svc.rs"]
mod svc;

use by_text::serde_by_text;
use date::{Date, InvalidDate};
use matrix::{Edition, Matrix};
use svc::{SvcId, UnknownSvcId};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=matrix");
    for source in [
        "by_text.rs",
        "date.rs",
        "guest.rs",
        "matrix",
        "region.rs",
        "svc.rs",
    ] {
        println!("cargo::rerun-if-changed=src/{source}");
    }
    for edition in Edition::ALL {
        if let Err(error) = Matrix::from_toml(edition.document()) {
            println!("cargo::error=matrix/edition-{edition}.toml: {error}");
        }
    }
}
