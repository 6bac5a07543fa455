//! Files that are being written.

use std::path::{Path, PathBuf};

use vmie_formats::Journal;
use vmie_io::{FileSink, ReadError, WriteAt};

use super::{Job, Workshop};
use crate::Error;
use crate::convert::{FileJournal, KEEP_EVERY};
use crate::store::{Durable, entries};

/// A sink whose every write is a step that tests can stop at.
pub(super) struct Stepped<'a> {
    sink: FileSink,
    durable: &'a Durable,
    part: PathBuf,
}

impl Stepped<'_> {
    fn step(&self, name: &'static str, offset: u64) -> Result<(), ReadError> {
        self.durable
            .step(name, &self.part)
            .map_err(|error| ReadError::new("file", error.kind(), offset).with_source(error))
    }
}

impl WriteAt for Stepped<'_> {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
        self.step("write disk", offset)?;
        self.sink.write_all_at(buf, offset)
    }
    fn set_len(&self, len: u64) -> Result<(), ReadError> {
        self.step("size disk", len)?;
        self.sink.set_len(len)
    }
    fn write_zeroes_at(&self, offset: u64, len: u64) -> Result<(), ReadError> {
        self.step("write disk", offset)?;
        self.sink.write_zeroes_at(offset, len)
    }
    fn sync(&self) -> Result<(), ReadError> {
        self.step("flush disk", 0)?;
        self.sink.sync()
    }
    fn takes_turns(&self) -> bool {
        self.sink.takes_turns()
    }
}

/// A file of a task that is being written, and the journal from which a later attempt goes on.
///
/// An attempt writes a file of its own name. What an earlier one has left is taken over, by renaming
/// it, when its process is gone and its journal is of the same conversion; otherwise it is removed. So
/// an attempt that is only slow cannot give its file a final name any more.
pub(super) struct PartFile<'a> {
    pub(super) sink: Stepped<'a>,
    pub(super) path: PathBuf,
    journal: Option<FileJournal>,
    kept: PathBuf,
    state: Option<Vec<u8>>,
}

impl PartFile<'_> {
    /// The journal, and what it says.
    pub(super) fn resume(&self) -> (&dyn Journal, Option<&[u8]>) {
        let journal: &dyn Journal = match &self.journal {
            Some(journal) => journal,
            None => &(),
        };
        (journal, self.state.as_deref())
    }
}

impl Workshop {
    /// Begins, or goes on with, a file `of` the task. `same` says all that decides what is written,
    /// in one line; without it, nothing is gone on with.
    pub(super) fn part_file(
        &self,
        job: &Job<'_>,
        of: &str,
        same: Option<&str>,
    ) -> Result<PartFile<'_>, Error> {
        let path = self.layout.part(job.task(), of, job.begin.attempt);
        let kept = path.with_extension("journal");
        let every = self.options.journal_every.unwrap_or(KEEP_EVERY);
        let journal_at = |kept: &Path| same.and_then(|same| FileJournal::of(kept, same, every));
        let journal = journal_at(&kept);
        let mut taken = None;
        for (name, earlier) in entries(&self.layout.task(job.task()))? {
            let ours = name.starts_with(&format!("{of}.")) && name.ends_with(".part");
            if !ours {
                continue;
            }
            let beside = earlier.with_extension("journal");
            let state = journal_at(&beside).and_then(|journal| journal.read());
            if let (None, Some(state), Ok(sink)) = (&taken, state, FileSink::open(&earlier))
                && sink.try_lock().unwrap_or(false)
            {
                if earlier != path {
                    self.durable.rename(&earlier, &path)?;
                    self.durable.rename(&beside, &kept)?;
                }
                taken = Some((sink, state));
            } else {
                self.durable.remove(&earlier)?;
                self.durable.remove(&beside)?;
            }
        }
        let (sink, state) = match taken {
            Some((sink, state)) => (sink, Some(state)),
            None => {
                self.durable.step("write disk", &path)?;
                let made = FileSink::create_new(&path);
                let sink = made.map_err(|error| Error::sink(&path, error))?;
                // Where files cannot be locked, nothing is gone on with.
                let _ = sink.try_lock();
                (sink, None)
            }
        };
        Ok(PartFile {
            sink: Stepped {
                sink,
                durable: &self.durable,
                part: path.clone(),
            },
            path,
            journal,
            kept,
            state,
        })
    }

    /// Ends a file: it has its name, or what is there of it goes, unless the work was only stopped
    /// and there is a journal to go on from.
    pub(super) fn end_part<T>(
        &self,
        job: &Job<'_>,
        file: &PartFile<'_>,
        done: Result<T, Error>,
    ) -> Result<T, Error> {
        let stopped = job.cancel.is_cancelled() && file.kept.exists();
        if done.is_ok() || !stopped {
            // The error that is told is the first; the next start sweeps what is left.
            let _ = self.durable.remove(&file.kept);
        }
        if done.is_err() {
            if !stopped {
                let _ = self.durable.remove(&file.path);
            }
            job.go_on()?;
        }
        done
    }
}

/// A conversion's error with the file whose fault it is.
pub(crate) fn placed(error: vmie_formats::Error, source: &Path, part: &Path) -> Error {
    if error.cause() == vmie_formats::Cause::Write {
        let kind = error.kind();
        let at = ReadError::new("target", kind, error.offset().unwrap_or(0));
        return Error::sink(part, at.with_source(error));
    }
    Error::from(error).in_file(source)
}
