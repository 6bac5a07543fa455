//! Buckets at an endpoint that speaks S3: a moto server is the store, boto3 looks into it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::python::python_with;
use crate::Result;
use crate::run::{build_vmie, text};

/// What the service and the store are driven with.
#[derive(clap::Args)]
pub(crate) struct Stores {
    /// The Python interpreter; without boto3 and moto's server it makes an environment with them in target/.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
}

pub(crate) fn run(arguments: &Stores) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = ["boto3", "moto", "flask", "flask_cors", "py_partiql_parser"];
    let python = python_with(&arguments.python, &packages)?;
    let status = Command::new(&python)
        .arg(root.join("src/peers/service/stores.py"))
        .arg(build_vmie()?)
        .arg(text(&root.join("../examples/data/demo-debian12.ova")))
        .env("PYTHONUTF8", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("the service and the store differ".into())
    }
}
