//! Images made by the reference tools, read by us.

mod filesystems;
pub(crate) mod images;
mod volumes;

use crate::Result;
use crate::run::{Tally, build_vmie};

pub(crate) fn run() -> Result<()> {
    let vmie = build_vmie()?;
    let folder = tempfile::tempdir()?;
    let mut tally = Tally::default();
    images::run(&vmie, folder.path(), &mut tally)?;
    volumes::run(&vmie, folder.path(), &mut tally)?;
    filesystems::run(&vmie, folder.path(), &mut tally)?;
    tally.finish("differential")
}
