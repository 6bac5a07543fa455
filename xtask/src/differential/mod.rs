//! Images made by the reference tools, read by us.

mod filesystems;
pub(crate) mod images;
pub(crate) mod vhd;
mod vmdk;
mod volumes;

use crate::Result;
use crate::run::{Tally, build_vmie};

/// With `large`, disks up to 2 TiB in every variant of VMDK and VHD, too, which takes long.
pub(crate) fn run(large: bool) -> Result<()> {
    let vmie = build_vmie()?;
    let folder = tempfile::tempdir()?;
    let mut tally = Tally::default();
    images::run(&vmie, folder.path(), &mut tally)?;
    if large {
        vmdk::run(folder.path(), &mut tally)?;
        vhd::run(folder.path(), &mut tally)?;
    }
    volumes::run(&vmie, folder.path(), &mut tally)?;
    filesystems::run(&vmie, folder.path(), &mut tally)?;
    tally.finish("differential")
}
