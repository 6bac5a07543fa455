//! Running `vmie` and the tools it is compared with.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Result;

/// Builds the command `vmie`, optimised, and says where it is.
pub(crate) fn build_vmie() -> Result<PathBuf> {
    built("vmie", &["--release", "-p", "vmie-cli"])
}

/// The command that is looked at.
#[derive(clap::Args)]
pub(crate) struct Program {
    /// A `vmie` that is there already, in place of an optimised one that is built.
    #[arg(long)]
    vmie: Option<PathBuf>,
}

impl Program {
    pub(crate) fn path(&self) -> Result<PathBuf> {
        self.vmie.clone().map_or_else(build_vmie, Ok)
    }
}

/// Builds with cargo, and says where a program is that came of it.
pub(crate) fn built(program: &str, arguments: &[&str]) -> Result<PathBuf> {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["build", "--locked", "-q", "--message-format", "json"])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{program} does not build").into());
    }
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == program)
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .ok_or_else(|| format!("cargo did not say where {program} is").into())
}

/// What an outside tool prints; an error when it is missing or fails.
pub(crate) fn tool(name: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(name)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name} cannot be run ({error}): install it"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name} {arguments:?} failed: {text}").into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The same of a tool that is run in a folder, so that names without one lie there.
pub(crate) fn tool_in(folder: &Path, name: &str, arguments: &[&str]) -> Result<String> {
    let run = "cd \"$1\" && shift && exec \"$@\"";
    let before = ["-c", run, "bash", text(folder), name];
    tool("bash", &[&before[..], arguments].concat())
}

/// The demo guest of the examples.
pub(crate) fn demo_guest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/demo-debian12.ova")
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// The JSON document that `vmie` prints, and its exit code.
pub(crate) fn json(vmie: &Path, arguments: &[&str]) -> Result<(Value, i32)> {
    let output = Command::new(vmie)
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    document(&output, arguments)
}

fn document(output: &Output, arguments: &[&str]) -> Result<(Value, i32)> {
    let code = output
        .status
        .code()
        .ok_or_else(|| format!("vmie {arguments:?} was killed"))?;
    let value = serde_json::from_slice(&output.stdout).map_err(|error| {
        let out = String::from_utf8_lossy(&output.stdout);
        let err = String::from_utf8_lossy(&output.stderr);
        format!("vmie {arguments:?} (exit {code}) printed no document: {error}\n{out}\n{err}")
    })?;
    Ok((value, code))
}

/// What a bounded run came to.
pub(crate) struct Bounded {
    pub(crate) document: Value,
    pub(crate) code: i32,
    pub(crate) took: Duration,
}

/// Runs `vmie` under bounds of memory (address space, MiB) and time; passing one is an error, and
/// so is a panic (exit 101) or a signal.
pub(crate) fn bounded(
    vmie: &Path,
    arguments: &[&str],
    mebibytes: u64,
    limit: Duration,
) -> Result<Bounded> {
    let start = Instant::now();
    let script = format!(
        "ulimit -v {}; exec timeout {} \"$@\"",
        mebibytes * 1024,
        limit.as_secs()
    );
    let output = Command::new("bash")
        .args(["-c", &script, "bash", text(vmie)])
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    let took = start.elapsed();
    let code = output.status.code().unwrap_or(-1);
    if !(0..=3).contains(&code) {
        let err = String::from_utf8_lossy(&output.stderr);
        return Err(format!("vmie {arguments:?}: exit {code} after {took:?}: {err}").into());
    }
    let (document, code) = document(&output, arguments)?;
    Ok(Bounded {
        document,
        code,
        took,
    })
}

/// A list of what did not hold; at the end it is printed, and the check fails unless it is empty.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failures: Vec<String>,
}

impl Tally {
    /// Counts one comparison.
    pub(crate) fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if holds {
            self.passed += 1;
        } else {
            let what = what();
            println!("DIFFERS  {what}");
            self.failures.push(what);
        }
    }

    /// Counts one comparison of two values.
    pub(crate) fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: T, theirs: T) {
        self.check(ours == theirs, || {
            format!("{what}: vmie {ours:?}, reference {theirs:?}")
        });
    }

    /// Counts a step that may fail.
    pub(crate) fn attempt(&mut self, what: &str, step: Result<()>) {
        let error = step.err();
        self.check(error.is_none(), || {
            format!(
                "{what}: {}",
                error.map_or_else(String::new, |e| e.to_string())
            )
        });
    }

    /// Adds what another thread counted.
    pub(crate) fn join(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
    }

    /// The end of the check.
    pub(crate) fn finish(self, name: &str) -> Result<()> {
        println!(
            "{name}: {} passed, {} failed",
            self.passed,
            self.failures.len()
        );
        if self.failures.is_empty() {
            Ok(())
        } else {
            Err(format!("{name} failed").into())
        }
    }
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    use sha2::{Digest as _, Sha256};
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buf = vec![0; 1 << 20];
    loop {
        let n = std::io::Read::read(&mut file, &mut buf)?;
        if n == 0 {
            break;
        }
        hasher.update(&buf[..n]);
    }
    Ok(hex(&hasher.finalize()))
}

/// SHA-256 of what a function hands over piece by piece, in hexadecimal.
pub(crate) fn sha256_of_parts(
    parts: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<()>,
) -> Result<String> {
    use sha2::{Digest as _, Sha256};
    let mut hasher = Sha256::new();
    parts(&mut |part| hasher.update(part))?;
    Ok(hex(&hasher.finalize()))
}

/// SHA-256 of bytes, in hexadecimal.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
