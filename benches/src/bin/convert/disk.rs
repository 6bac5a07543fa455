//! The disk that is converted: an ext4 of real files, the same bytes whenever it is made of the same
//! files.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;

const UUID: &str = "6e8bd1c2-0b1f-4a52-9d0c-6f1a4e8b7c01";

/// Makes an ext4 of `mebibytes` of what is in `folder`; files are taken in the order of their names
/// while they fit.
pub(crate) fn make(disk: &Path, folder: &Path, mebibytes: u64) -> Result<()> {
    let parent = disk
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let tree = tempfile::tempdir_in(parent.unwrap_or(Path::new(".")))?;
    // Metadata, and some room, as on a disk that is in use.
    let mut room = mebibytes * 7 / 10;
    let mut entries: Vec<_> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    entries.sort();
    for entry in entries {
        let used = Command::new("du").arg("-sm").arg(&entry).output()?;
        let text = String::from_utf8_lossy(&used.stdout).into_owned();
        let size: u64 = text.split_whitespace().next().unwrap_or("0").parse()?;
        if size > room {
            continue;
        }
        room -= size;
        let status = Command::new("cp")
            .arg("-a")
            .arg(&entry)
            .arg(tree.path())
            .status()?;
        if !status.success() {
            return Err(format!("{} cannot be copied", entry.display()).into());
        }
    }
    let _ = fs::remove_file(disk);
    let status = Command::new("mke2fs")
        .args(["-q", "-t", "ext4", "-U", UUID, "-E"])
        .arg(format!("hash_seed={UUID},root_owner=0:0"))
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .arg("-d")
        .arg(tree.path())
        .arg(disk)
        .arg(format!("{mebibytes}M"))
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("mke2fs failed".into())
    }
}
