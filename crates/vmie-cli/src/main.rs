//! The command `vmie`: looks into virtual machine images, says whether they import and why not,
//! and imports them.

mod args;
mod base64;
mod commands;
mod failure;
mod json;
mod out;
mod pattern;
mod progress;
mod report;
mod size;
mod text;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run(std::env::args_os().collect())
}
