//! The embedded store: a copy-on-write B-tree in one file (redb).

use std::fs;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, Durability, ReadableDatabase as _, ReadableTable as _};
use redb::{StorageError, TableDefinition};
use vmie_tasks::{Change, Record};

use super::State;
use super::coding::{decode, encode};
use crate::Error;

const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");

/// Memory for pages of the store, in bytes. The engine has all records in memory itself.
const CACHE: usize = 8 << 20;

/// The records in one file, `state.redb`, in the data folder.
///
/// redb was chosen because it is one crate of safe Rust without a build script, is transactional
/// with one writer, which is what the engine is, syncs a commit with one write of a page that has a
/// checksum, and locks its file. Each record has a checksum of its own beside that: redb compares
/// those of its pages only after a crash. That the store was made is written down beside it, so that
/// a file that was emptied or lost is not taken for a new store.
#[derive(Debug)]
pub struct Embedded {
    path: PathBuf,
    /// `None` after a failure: redb does not work on then until it is opened again.
    database: Option<Database>,
}

impl Embedded {
    /// Opens the store in a folder, which is made when it is not there.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Corrupt`], [`Error::State`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        make_private(folder)?;
        let path = folder.join("state.redb");
        let marker = folder.join("state.made");
        let is_made = marker
            .try_exists()
            .map_err(|error| Error::io(&marker, error))?;
        let has_content = fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 0);
        if is_made && !has_content {
            let what = "the file is gone or empty".to_owned();
            return Err(Error::Corrupt { path, what });
        }
        let database = open(&path)?;
        let mut store = Self {
            path,
            database: Some(database),
        };
        if !is_made {
            // The table is there from now on.
            store.commit(&[])?;
            make_marker(folder, &marker).map_err(|error| Error::io(&marker, error))?;
        }
        Ok(store)
    }

    fn corrupt(&self, what: impl Into<String>) -> Error {
        Error::Corrupt {
            path: self.path.clone(),
            what: what.into(),
        }
    }

    fn read_all(&self, database: &Database) -> Result<Vec<Record>, Error> {
        let wrong = |error: redb::Error| failed(&self.path, error);
        let transaction = database.begin_read().map_err(|error| wrong(error.into()))?;
        let table = transaction
            .open_table(RECORDS)
            .map_err(|error| wrong(error.into()))?;
        let mut records = Vec::new();
        for entry in table.iter().map_err(|error| wrong(error.into()))? {
            let (key, value) = entry.map_err(|error| wrong(error.into()))?;
            let key = key.value();
            let record = decode(key, value.value()).map_err(|what| self.corrupt(what))?;
            records.push(record);
        }
        Ok(records)
    }

    fn write(&self, database: &Database, changes: &[Change]) -> Result<(), redb::Error> {
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut table = transaction.open_table(RECORDS)?;
            for change in changes {
                match change {
                    Change::Put { record } => {
                        let key = record.key().to_string();
                        let value = encode(&key, record).map_err(unwritable)?;
                        table.insert(key.as_str(), value.as_slice())?;
                    }
                    Change::Remove { key } => {
                        table.remove(key.to_string().as_str())?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

impl State for Embedded {
    fn load(&mut self) -> Result<Vec<Record>, Error> {
        let Some(database) = &self.database else {
            return Err(self.corrupt("it could not be opened again"));
        };
        // A damaged page can break a promise that redb relies on.
        catch_unwind(AssertUnwindSafe(|| self.read_all(database)))
            .unwrap_or_else(|_| Err(self.corrupt("its pages do not fit together")))
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), Error> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.path)?,
        };
        let written = catch_unwind(AssertUnwindSafe(|| self.write(&database, changes)));
        match written {
            Ok(Ok(())) => {
                self.database = Some(database);
                Ok(())
            }
            Ok(Err(error)) => {
                close(database);
                Err(failed(&self.path, error))
            }
            Err(_) => {
                close(database);
                Err(self.corrupt("its pages do not fit together"))
            }
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(database) = self.database.take() {
            close(database);
        }
    }
}

/// Gives a database up. It writes what it knows of its free pages then, which it reads for that: of a damaged store,
/// there is nothing to be said that was not said before.
fn close(database: Database) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
}

fn open(path: &Path) -> Result<Database, Error> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    match catch_unwind(AssertUnwindSafe(|| builder.create(path))) {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => Err(Error::Busy {
            path: path.to_owned(),
        }),
        Ok(Err(error)) => Err(failed(path, error.into())),
        Err(_) => Err(Error::Corrupt {
            path: path.to_owned(),
            what: "its pages do not fit together".to_owned(),
        }),
    }
}

/// What an error of redb's means here.
fn failed(path: &Path, error: redb::Error) -> Error {
    let damaged = match &error {
        redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::RepairAborted
        | redb::Error::TableDoesNotExist(_)
        | redb::Error::TableTypeMismatch { .. } => true,
        redb::Error::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
        ),
        _ => false,
    };
    let (path, what) = (path.to_owned(), error.to_string());
    if damaged {
        Error::Corrupt { path, what }
    } else {
        Error::State { path, what }
    }
}

fn unwritable(error: serde_json::Error) -> StorageError {
    StorageError::Io(io::Error::other(error.to_string()))
}

/// Records hold signed addresses: the folder is its owner's alone (SVC-SEC-3).
pub(crate) fn make_private(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| Error::io(folder, error))
}

fn make_marker(folder: &Path, marker: &Path) -> io::Result<()> {
    let mut file = fs::File::create(marker)?;
    file.write_all(b"vmie-serve 1\n")?;
    file.sync_all()?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmie_tasks::{
        Action, ApiCall, Caller, Config, DiskContainer, Engine, ImportSnapshotRequest, Output,
        SourceUrl, Timestamp,
    };

    /// The changes that so many new tasks make.
    fn changes(n: usize) -> Vec<Change> {
        let mut engine = Engine::new(Config::default(), 7);
        let mut all = Vec::new();
        for _ in 0..n {
            let request = ImportSnapshotRequest {
                disk_container: Some(DiskContainer {
                    format: Some("raw".into()),
                    url: Some(SourceUrl::new("s3://images/disk.raw")),
                    ..DiskContainer::default()
                }),
                ..ImportSnapshotRequest::default()
            };
            let caller = Caller {
                account: "111122223333".into(),
                region: "us-east-1".into(),
            };
            let action = Action::ImportSnapshot(request);
            engine.request(
                Timestamp::from_secs(1_790_000_000),
                ApiCall { caller, action },
            );
            loop {
                match engine.poll() {
                    Output::Commit(commit) => all.extend(commit.changes),
                    Output::Idle { .. } => break,
                    _ => {}
                }
            }
        }
        all
    }

    fn stored(n: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut state = Embedded::open(folder.path()).unwrap();
        state.commit(&changes(n)).unwrap();
        folder
    }

    #[test]
    fn what_was_committed_is_there_after_a_restart() {
        let folder = stored(3);
        let mut state = Embedded::open(folder.path()).unwrap();
        let records = state.load().unwrap();
        // Three tasks, and the engine's own record.
        assert_eq!(records.len(), 4);
        let key = records
            .iter()
            .map(Record::key)
            .find(|key| *key != vmie_tasks::RecordKey::Engine);
        state
            .commit(&[Change::Remove { key: key.unwrap() }])
            .unwrap();
        assert_eq!(state.load().unwrap().len(), 3);
    }

    #[test]
    fn one_process_has_it() {
        let folder = stored(1);
        let _first = Embedded::open(folder.path()).unwrap();
        let second = Embedded::open(folder.path());
        assert!(matches!(second, Err(Error::Busy { .. })), "{second:?}");
    }

    #[test]
    fn a_store_that_is_damaged_says_so_and_is_left_as_it_is() {
        let folder = stored(40);
        let path = folder.path().join("state.redb");
        let whole = fs::read(&path).unwrap();
        let (mut said, mut unharmed) = (0, 0);
        let load = || Embedded::open(folder.path()).and_then(|mut state| state.load());
        // Cut off, zeroed in parts, and with single bytes changed.
        let mut damages: Vec<Vec<u8>> = Vec::new();
        for part in 0..4 {
            damages.push(whole[..whole.len() * part / 4].to_vec());
        }
        for at in (0..whole.len()).step_by((whole.len() / 60).max(1)) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            damages.push(bytes);
            let mut bytes = whole.clone();
            let end = (at + 4096).min(bytes.len());
            bytes[at..end].fill(0);
            damages.push(bytes);
        }
        for damage in damages {
            fs::write(&path, &damage).unwrap();
            match load() {
                Ok(records) => {
                    assert_eq!(records.len(), 41);
                    unharmed += 1;
                }
                Err(Error::Corrupt { .. } | Error::State { .. }) => said += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert!(said > 4, "{said} said, {unharmed} unharmed");
        fs::write(&path, &whole).unwrap();
        assert_eq!(load().unwrap().len(), 41);
    }

    #[test]
    fn a_lost_file_is_not_taken_for_a_new_store() {
        let folder = stored(1);
        fs::remove_file(folder.path().join("state.redb")).unwrap();
        let error = Embedded::open(folder.path()).unwrap_err();
        assert!(error.is_corrupt(), "{error}");
    }
}
