//! Changes to the store that survive a loss of power, one step at a time.
//!
//! Everything that changes the store's folder goes through here, for two reasons. What is written
//! is on stable storage when the call returns, and a file appears under its name whole or not at
//! all. And each step can be made to fail by a hook: tests stop the store after every single step
//! and look whether the next start mends what is left.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Error;

/// Called before each step with its name; an error stops the step.
pub type StepHook = Arc<dyn Fn(&'static str) -> io::Result<()> + Send + Sync>;

/// The store's only way to change files.
#[derive(Clone, Default)]
pub struct Durable {
    hook: Option<StepHook>,
}

impl fmt::Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Durable")
            .field("hooked", &self.hook.is_some())
            .finish()
    }
}

impl Durable {
    /// Steps that ask `hook` first.
    #[must_use]
    pub fn with_hook(hook: StepHook) -> Self {
        Self { hook: Some(hook) }
    }

    /// Asks the hook whether the step `name` on `path` may happen.
    pub(crate) fn step(&self, name: &'static str, path: &Path) -> Result<(), Error> {
        match &self.hook {
            Some(hook) => hook(name).map_err(|error| Error::write(path, error)),
            None => Ok(()),
        }
    }

    /// Makes a folder and those above it; one that exists is fine.
    pub(crate) fn create_dir(&self, path: &Path) -> Result<(), Error> {
        if path.is_dir() {
            return Ok(());
        }
        self.step("create folder", path)?;
        fs::create_dir_all(path).map_err(|error| Error::write(path, error))?;
        self.sync_parent(path)
    }

    /// Makes one folder, in one that must be there.
    pub(crate) fn create_one_dir(&self, path: &Path) -> Result<(), Error> {
        self.step("create folder", path)?;
        fs::create_dir(path).map_err(|error| Error::write(path, error))
    }

    /// Writes a whole file: to a temporary name beside it, then renamed over it.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        // A name of its own: another process may be late with the same file.
        let temporary = with_suffix(path, &format!(".{:016x}.tmp", crate::clock::seed()));
        self.step("write file", &temporary)?;
        let fail = |error| Error::write(&temporary, error);
        let mut file = File::create(&temporary).map_err(fail)?;
        file.write_all(bytes).map_err(fail)?;
        file.sync_all().map_err(fail)?;
        drop(file);
        self.rename(&temporary, path)
    }

    /// Writes a file that has no reader yet: until it is renamed, it may be half written.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        self.step("write file", path)?;
        let fail = |error| Error::write(path, error);
        let mut file = File::create(path).map_err(fail)?;
        file.write_all(bytes).map_err(fail)?;
        file.sync_all().map_err(fail)
    }

    /// Writes a whole file that only its owner can read.
    pub(crate) fn write_private(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let temporary = with_suffix(path, ".tmp");
        self.remove(&temporary)?;
        self.step("write file", &temporary)?;
        let fail = |error| Error::write(&temporary, error);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary).map_err(fail)?;
        file.write_all(bytes).map_err(fail)?;
        file.sync_all().map_err(fail)?;
        drop(file);
        self.rename(&temporary, path)
    }

    /// Gives a file a second name, in place of what has it.
    pub(crate) fn link(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.remove(to)?;
        self.step("link", to)?;
        fs::hard_link(from, to).map_err(|error| Error::write(to, error))?;
        self.sync_parent(to)
    }

    /// Appends to a file that is open for that, and waits until it is on stable storage.
    pub(crate) fn append(&self, file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let fail = |error| Error::write(path, error);
        self.step("append", path)?;
        file.write_all(bytes).map_err(fail)?;
        self.step("flush", path)?;
        file.sync_data().map_err(fail)
    }

    /// Renames a file or folder within one folder or filesystem, replacing a file of that name.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.step("rename", to)?;
        fs::rename(from, to).map_err(|error| Error::write(to, error))?;
        self.sync_parent(to)?;
        if from.parent() != to.parent() {
            self.sync_parent(from)?;
        }
        Ok(())
    }

    /// Removes a file or a whole folder; one that is not there is fine.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), Error> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::write(path, error)),
        };
        self.step("remove", path)?;
        let removed = if metadata.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
        match removed {
            // Another process was at it, too.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.map_err(|error| Error::write(path, error))?,
        }
        self.sync_parent(path)
    }

    fn sync_parent(&self, path: &Path) -> Result<(), Error> {
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        self.step("flush folder", parent)?;
        sync_folder(parent).map_err(|error| Error::write(parent, error))
    }
}

/// Makes the names in a folder durable.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Windows makes names durable by itself and opens no folder for that.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Opens a file for appending, making it when it is not there.
pub(crate) fn open_for_append(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(|error| Error::write(path, error))
}

/// The path with something appended to its last name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
