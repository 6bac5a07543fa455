//! Removing what was cut off.

use std::fs;
use std::path::{Path, PathBuf};

use vmie_tasks::TaskId;

use super::durable::Durable;
use super::layout::{Layout, PART, TMP};
use crate::Error;

/// Removes what runs that were cut off have left: unfinished files, and the work of tasks that
/// `active` does not know. Complete disks of active tasks stay.
pub(crate) fn sweep(
    durable: &Durable,
    layout: &Layout,
    active: &dyn Fn(&str) -> bool,
) -> Result<(), Error> {
    for (name, path) in entries(layout.root())? {
        if name.ends_with(TMP) {
            durable.remove(&path)?;
        }
    }
    for (task, folder) in entries(&layout.work())? {
        if active(&task) {
            sweep_folder(durable, &folder)?;
        } else {
            durable.remove(&folder)?;
        }
    }
    Ok(())
}

/// Removes the unfinished files of a task whose workers have ended.
pub(crate) fn sweep_task(durable: &Durable, layout: &Layout, task: &TaskId) -> Result<(), Error> {
    sweep_folder(durable, &layout.task(task))
}

/// A file that is half written stays while there is a journal from which it is gone on with, and a
/// journal while there is its file.
fn sweep_folder(durable: &Durable, folder: &Path) -> Result<(), Error> {
    for (name, path) in entries(folder)? {
        let beside = |extension: &str| path.with_extension(extension).exists();
        let over = name.ends_with(TMP)
            || name.ends_with(".journal.new")
            || name.ends_with(PART) && !beside("journal")
            || name.ends_with(".journal") && !beside("part");
        if over {
            durable.remove(&path)?;
        }
    }
    Ok(())
}

/// The names in a folder, sorted; none when there is no such folder.
pub(crate) fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let fail = |error| Error::read(folder, error);
    let read = match fs::read_dir(folder) {
        Ok(read) => read,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let mut names = Vec::new();
    for entry in read {
        let entry = entry.map_err(fail)?;
        // What is not UTF-8 was not made here.
        if let Ok(name) = entry.file_name().into_string() {
            names.push((name, entry.path()));
        }
    }
    names.sort();
    Ok(names)
}
