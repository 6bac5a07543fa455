//! The journal of a conversion as a file beside its target.
//!
//! What it says is true of what the kernel holds, not of what is on stable storage: it is of use
//! after a kill, and is not trusted after the machine was restarted.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant, UNIX_EPOCH};

use vmie_formats::Journal;
use vmie_io::ReadError;

use super::FileOptions;

/// A file that is replaced whenever the state is kept.
pub(crate) struct FileJournal {
    path: PathBuf,
    fresh: PathBuf,
    /// What the file begins with: of which conversion it is.
    head: Vec<u8>,
    every: Duration,
    last: Mutex<Instant>,
}

impl FileJournal {
    /// `None` where it cannot be told whether a later conversion is the same.
    pub(super) fn new(path: &Path, file: &FileOptions<'_>, every: Duration) -> Option<Self> {
        let source = fs::canonicalize(file.source?).ok()?;
        let metadata = fs::metadata(&source).ok()?;
        let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let of = format!(
            "{source:?} {} {} {} {}",
            metadata.len(),
            changed.as_secs(),
            changed.subsec_nanos(),
            file.resume?,
        );
        Self::of(path, &of, every)
    }

    /// The journal of a conversion of which `of`, one line, says all. `None` where the kernel does not
    /// say whether it was started anew.
    pub(crate) fn of(path: &Path, of: &str, every: Duration) -> Option<Self> {
        let head = format!("vmie conversion 1\n{}\n{of}\n", boot()?);
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        Some(Self {
            path: path.to_owned(),
            fresh: fresh.into(),
            head: head.into_bytes(),
            every,
            last: Mutex::new(Instant::now()),
        })
    }

    /// The state that was kept last, if it is of the same conversion.
    pub(crate) fn read(&self) -> Option<Vec<u8>> {
        let bytes = fs::read(&self.path).ok()?;
        bytes.strip_prefix(self.head.as_slice()).map(<[u8]>::to_vec)
    }
}

impl Journal for FileJournal {
    fn due(&self) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed() >= self.every
    }

    fn save(&self, state: &[u8]) -> Result<(), ReadError> {
        let fail = |error| ReadError::io("journal", 0, error);
        fs::write(&self.fresh, [self.head.as_slice(), state].concat()).map_err(fail)?;
        fs::rename(&self.fresh, &self.path).map_err(fail)?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(())
    }
}

/// What the kernel calls the time since it was started; `None` where it does not say.
fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_of_one_source_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("disk");
        fs::write(&source, "a").unwrap();
        let path = folder.path().join("journal");
        let options = FileOptions::new().source(&source, Some("disk 0"));
        let make = |options| FileJournal::new(&path, options, Duration::ZERO);
        // Where the kernel does not say, there is no journal.
        let Some(journal) = make(&options) else {
            assert!(boot().is_none());
            return;
        };
        assert!(journal.due() && journal.read().is_none());
        journal.save(b"one").unwrap();
        journal.save(b"two").unwrap();
        assert_eq!(make(&options).unwrap().read().unwrap(), b"two");
        let other = FileOptions::new().source(&source, Some("disk 1"));
        assert!(make(&other).unwrap().read().is_none());
        fs::write(&source, "ab").unwrap();
        assert!(make(&options).unwrap().read().is_none());
    }
}
