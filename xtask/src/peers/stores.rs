//! Buckets at an endpoint that speaks S3: a moto server is the store, boto3 looks into it.

use std::path::PathBuf;

use super::python::{drive, python_with};
use crate::Result;
use crate::run::{Program, demo_guest, text};

/// What a store that speaks S3 is made of, and a client of it.
pub(crate) const PACKAGES: [&str; 5] =
    ["boto3", "moto", "flask", "flask_cors", "py_partiql_parser"];

/// What the service and the store are driven with.
#[derive(clap::Args)]
pub(crate) struct Stores {
    /// The Python interpreter; without boto3 and moto's server it makes an environment with them in target/.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    #[command(flatten)]
    program: Program,
}

pub(crate) fn run(arguments: &Stores) -> Result<()> {
    let python = python_with(&arguments.python, &PACKAGES)?;
    let (vmie, guest) = (arguments.program.path()?, demo_guest());
    drive(&python, "stores.py", &[text(&vmie), text(&guest)])
}
