//! The service over HTTP, driven by boto3 and the AWS CLI as they come from the package index.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::python::python_with;
use crate::Result;
use crate::run::{build_vmie, text};

/// What the service is driven with.
#[derive(clap::Args)]
pub(crate) struct Serve {
    /// The Python interpreter; without boto3 and awscli it makes an environment with them in target/.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Small disks, and one example of each kind.
    #[arg(long)]
    quick: bool,
    /// How many times the server is killed at a random moment while tasks come in.
    #[arg(long, default_value_t = 10)]
    kills: u32,
}

pub(crate) fn run(arguments: &Serve) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = python_with(&arguments.python, &["boto3", "awscli"])?;
    let vmie = build_vmie()?;
    let status = Command::new(&python)
        .arg(root.join("src/peers/serve.py"))
        .arg(vmie)
        .arg(text(&root.join("../examples/data/demo-debian12.ova")))
        .arg(if arguments.quick { "quick" } else { "all" })
        .arg(arguments.kills.to_string())
        .env("PYTHONUTF8", "1")
        .stdin(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("the service and its clients differ".into())
    }
}
