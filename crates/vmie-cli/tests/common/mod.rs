//! Running the command.
#![allow(dead_code, reason = "not every test uses all of it")]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

pub(crate) fn vmie() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vmie"));
    command.env_remove("VMIE_LOG");
    command
}

/// Runs the command with these arguments.
pub(crate) fn run(args: &[&str]) -> Output {
    vmie().args(args).output().unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The one document on standard output, of this name.
pub(crate) fn document(output: &Output, name: &str) -> Value {
    let text = stdout(output);
    let document: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text:?} {}", stderr(output)));
    assert_eq!(document["schema"]["name"], name, "{text}");
    assert_eq!(document["schema"]["version"], 1);
    document
}

/// The demo guest.
pub(crate) fn demo() -> String {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/data/demo-debian12.ova");
    path.into_os_string().into_string().unwrap()
}
