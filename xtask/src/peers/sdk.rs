//! The official SDK for Rust as a client of the service. It is heavy: a workspace of its own, `xtask/sdk-client`.

use std::path::{Path, PathBuf};

use super::python::{drive, python_with};
use super::stores;
use crate::Result;
use crate::run::{Program, built, demo_guest, text};

/// What the SDK is run with.
#[derive(clap::Args)]
pub(crate) struct Sdk {
    /// The Python interpreter; without boto3 and moto's server it makes an environment with them in target/.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Where the client is built.
    #[arg(long)]
    target_dir: Option<PathBuf>,
    #[command(flatten)]
    program: Program,
}

pub(crate) fn run(arguments: &Sdk) -> Result<()> {
    let python = python_with(&arguments.python, &stores::PACKAGES)?;
    let client = build_client(arguments.target_dir.as_deref())?;
    let vmie = arguments.program.path()?;
    let guest = demo_guest();
    drive(
        &python,
        "sdk.py",
        &[text(&vmie), text(&guest), text(&client)],
    )
}

fn build_client(target: Option<&Path>) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk-client");
    let default = folder.join("../../target/sdk-client");
    let manifest = folder.join("Cargo.toml");
    let target = target.unwrap_or(&default);
    let place = [
        "--manifest-path",
        text(&manifest),
        "--target-dir",
        text(target),
    ];
    built("sdk-client", &place)
}
