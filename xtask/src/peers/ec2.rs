//! The wire codec against botocore.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::python::python_with;
use crate::Result;

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
    let wire = build_example()?;
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

fn build_example() -> Result<PathBuf> {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args([
            "build",
            "--locked",
            "-q",
            "-p",
            "vmie-ec2",
            "--features",
            "samples",
        ])
        .args(["--example", "wire_lines", "--message-format", "json"])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("the example wire_lines does not build".into());
    }
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "wire_lines")
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .ok_or_else(|| "cargo did not say where wire_lines is".into())
}
