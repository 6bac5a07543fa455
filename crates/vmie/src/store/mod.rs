//! The image store: a folder with images, their disks, and the journal of the tasks that make them.

mod copy;
mod durable;
mod journal;
mod layout;
mod lock;
pub(crate) mod note;
mod source;
mod sweep;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use vmie_io::Fault;
use vmie_rules::Date;
use vmie_rules::matrix::{Edition, Mode};
use vmie_tasks::{Change, Commit, ImageId, Record, RecordKey, SnapshotId};

pub(crate) use self::copy::{copy_disk, copy_sparse};
pub use self::durable::{Durable, StepHook};
pub(crate) use self::journal::Journal;
pub(crate) use self::layout::{Layout, TMP, task_of};
use self::lock::Lock;
pub use self::note::{
    ImageDisk, ImageNote, InstanceDisk, InstanceNote, SnapshotNote, StoreSchema, VolumeNote,
};
pub use self::source::SourceFile;
pub(crate) use self::sweep::{entries, sweep, sweep_task};
use crate::{Cause, Error};

/// The version of the store that is written here.
const VERSION: u32 = 1;

/// A journal shorter than this is never rewritten.
const REWRITE_FROM: u64 = 1 << 20;

/// An import of local files: what the host has to know beyond what the engine records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImportEntry {
    /// Its name; the engine sees it as the client token.
    pub(crate) token: String,
    /// A digest of the paths and of everything that was asked for.
    pub(crate) fingerprint: String,
    /// The files.
    pub(crate) sources: Vec<SourceFile>,
    /// Their formats, by the service's names.
    pub(crate) formats: Vec<String>,
    /// How to judge.
    pub(crate) mode: Mode,
    pub(crate) edition: Edition,
    pub(crate) as_of: String,
    pub(crate) region: Option<String>,
}

impl ImportEntry {
    /// The day to judge for.
    pub(crate) fn day(&self) -> Option<Date> {
        self.as_of.parse().ok()
    }
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
enum Line {
    /// Changes of the engine's records that belong together.
    Commit {
        put: Vec<Record>,
        remove: Vec<RecordKey>,
    },
    /// An import of local files is about to be requested.
    Import { import: ImportEntry },
    /// The outcome of an import was delivered: the next one like it is another one.
    Delivered { token: String },
}

/// A store that is open: it is ours alone until this is dropped.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) layout: Layout,
    journal: Journal,
    records: BTreeMap<RecordKey, Record>,
    imports: BTreeMap<String, ImportEntry>,
    /// Length of the journal when it was last rewritten.
    rewritten: u64,
    _lock: Lock,
}

impl Store {
    /// Opens the store in `root`, which is made when it is not there.
    pub(crate) fn open(root: &Path, durable: Durable) -> Result<Self, Error> {
        let layout = Layout::new(root);
        durable.create_dir(root)?;
        if !layout.marker().exists() {
            refuse_strangers_folder(&layout)?;
        }
        let lock = Lock::take(&layout.lock()).map_err(|error| error.in_file(root))?;
        check_marker(&layout, &durable)?;
        durable.create_dir(&layout.work())?;
        let (journal, lines) = Journal::open(durable.clone(), &layout.journal())?;
        let rewritten = journal.len();
        let mut store = Self {
            layout,
            journal,
            records: BTreeMap::new(),
            imports: BTreeMap::new(),
            rewritten,
            _lock: lock,
        };
        for (number, text) in (0u64..).zip(&lines) {
            let line = serde_json::from_slice(text).map_err(|error| {
                let fault = Fault::new(Cause::JournalDamaged).in_structure("journal line");
                let fault = fault.found(number.saturating_add(1)).with_source(error);
                Error::from(fault).in_file(store.layout.journal())
            })?;
            store.take(line);
        }
        Ok(store)
    }

    /// The engine's records.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.records.values().cloned().collect()
    }

    /// The import that goes by this token.
    pub(crate) fn import(&self, token: &str) -> Option<&ImportEntry> {
        self.imports.get(token)
    }

    /// The import like this one whose outcome nobody was told yet.
    pub(crate) fn undelivered(&self, fingerprint: &str) -> Option<&ImportEntry> {
        self.imports
            .values()
            .find(|import| import.fingerprint == fingerprint)
    }

    /// Makes changes of the engine's records durable.
    pub(crate) fn commit(&mut self, commit: Commit) -> Result<(), Error> {
        let (mut put, mut remove) = (Vec::new(), Vec::new());
        for change in commit.changes {
            match change {
                Change::Put { record } => put.push(record),
                Change::Remove { key } => remove.push(key),
            }
        }
        self.write(Line::Commit { put, remove })
    }

    /// Remembers an import before it is requested.
    pub(crate) fn add_import(&mut self, import: ImportEntry) -> Result<(), Error> {
        self.write(Line::Import { import })
    }

    /// Remembers that the outcome of an import was delivered.
    pub(crate) fn delivered(&mut self, token: &str) -> Result<(), Error> {
        self.write(Line::Delivered {
            token: token.to_owned(),
        })
    }

    /// What is said of an image; `None` when there is none of that id.
    pub(crate) fn image(&self, id: &ImageId) -> Result<Option<ImageNote>, Error> {
        note::read(&self.layout.image_note(id))
    }

    /// What is said of a snapshot; `None` when there is none of that id.
    pub(crate) fn snapshot(&self, id: &SnapshotId) -> Result<Option<SnapshotNote>, Error> {
        note::read(&self.layout.snapshot_note(id))
    }

    fn write(&mut self, line: Line) -> Result<(), Error> {
        let text = text_of(&line, &self.layout)?;
        self.journal.append(&text)?;
        self.take(line);
        let bound = self.rewritten.saturating_mul(4).max(REWRITE_FROM);
        if self.journal.len() > bound {
            self.rewrite()?;
        }
        Ok(())
    }

    fn rewrite(&mut self) -> Result<(), Error> {
        let all = Line::Commit {
            put: self.records(),
            remove: Vec::new(),
        };
        let mut texts = vec![text_of(&all, &self.layout)?];
        for import in self.imports.values().cloned() {
            texts.push(text_of(&Line::Import { import }, &self.layout)?);
        }
        self.journal.rewrite(&texts)?;
        self.rewritten = self.journal.len();
        Ok(())
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Commit { put, remove } => {
                for record in put {
                    self.records.insert(record.key(), record);
                }
                for key in remove {
                    self.records.remove(&key);
                }
            }
            Line::Import { import } => {
                self.imports.insert(import.token.clone(), import);
            }
            Line::Delivered { token } => {
                self.imports.remove(&token);
            }
        }
    }
}

fn text_of(line: &Line, layout: &Layout) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(line)
        .map_err(|error| Error::write(layout.journal(), std::io::Error::from(error)))
}

/// A folder without a marker becomes a store only when there is nothing in it, apart from what a
/// start that was cut off has left.
fn refuse_strangers_folder(layout: &Layout) -> Result<(), Error> {
    let cut_off = |name: &str| name.starts_with("vmie-store.json.") && name.ends_with(".tmp");
    let ours = |name: &str| name == "lock" || cut_off(name);
    let root = layout.root();
    let mut read = fs::read_dir(root).map_err(|error| Error::read(root, error))?;
    let strange = read.find_map(|entry| {
        let name = entry.ok()?.file_name();
        (!name.to_str().is_some_and(ours)).then_some(name)
    });
    match strange {
        None => Ok(()),
        Some(name) => {
            let fault = Fault::new(Cause::NotAStore).in_structure("folder");
            Err(Error::from(fault.found(&*name.to_string_lossy())).in_file(root))
        }
    }
}

fn check_marker(layout: &Layout, durable: &Durable) -> Result<(), Error> {
    #[derive(Serialize, Deserialize)]
    struct Marker {
        schema: StoreSchema,
    }
    let path = layout.marker();
    if !path.exists() {
        let marker = Marker {
            schema: StoreSchema {
                name: "vmie.store".to_owned(),
                version: VERSION,
            },
        };
        return durable.replace(&path, &note::json(&marker, &path)?);
    }
    let bytes = fs::read(&path).map_err(|error| Error::read(&path, error))?;
    let marker: Option<Marker> = serde_json::from_slice(&bytes).ok();
    match marker {
        Some(Marker { schema }) if schema.name == "vmie.store" && schema.version == VERSION => {
            Ok(())
        }
        Some(Marker { schema }) => {
            let fault = Fault::new(Cause::StoreVersion).in_structure("store marker");
            Err(Error::from(fault.field("version").found(schema.version)).in_file(path))
        }
        None => {
            let fault = Fault::new(Cause::NotAStore).in_structure("store marker");
            Err(Error::from(fault).in_file(path))
        }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
