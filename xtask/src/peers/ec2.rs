//! The wire codec against botocore.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::python::python_with;
use crate::Result;
use crate::run::built;

/// What the comparison is run with.
#[derive(clap::Args)]
pub(crate) struct Ec2 {
    /// The Python interpreter; without botocore it makes an environment with it in target/.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Random requests and replies for each action.
    #[arg(long, default_value_t = 100)]
    sets: u32,
    /// The seed of the random values.
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

pub(crate) fn run(arguments: &Ec2) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = python_with(&arguments.python, &["botocore"])?;
    let example = ["-p", "vmie-ec2", "--features", "samples"];
    let wire = built(
        "wire_lines",
        &[&example[..], &["--example", "wire_lines"]].concat(),
    )?;
    let status = Command::new(python)
        .arg(root.join("src/peers/ec2.py"))
        .arg(wire)
        .args([arguments.sets.to_string(), arguments.seed.to_string()])
        .env("PYTHONUTF8", "1")
        .stdin(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("botocore and vmie-ec2 differ".into())
    }
}
