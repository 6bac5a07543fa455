//! The service's page in a headless Chromium: a task watched to its end, a refused image's findings read.

use std::path::PathBuf;

use super::python::{drive, python_with};
use crate::Result;
use crate::run::{Program, demo_guest, text, tool};

/// What the page is looked at with. Wants debugfs.
#[derive(clap::Args)]
pub(crate) struct Page {
    /// The Python interpreter; without boto3 it makes an environment with it in target/.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// The browser.
    #[arg(long, default_value = "chromium")]
    chromium: String,
    /// A folder for pictures of the page.
    #[arg(long)]
    pictures: Option<PathBuf>,
    #[command(flatten)]
    program: Program,
}

pub(crate) fn run(arguments: &Page) -> Result<()> {
    let python = python_with(&arguments.python, &["boto3"])?;
    // A missing browser is told here.
    tool(&arguments.chromium, &["--version"])?;
    let vmie = arguments.program.path()?;
    let guest = demo_guest();
    let mut given = vec![text(&vmie), text(&guest), &arguments.chromium];
    given.extend(arguments.pictures.as_deref().map(text));
    drive(&python, "page.py", &given)
}
