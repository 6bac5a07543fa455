//! Looking values up, with what is found being noted as evidence.

use vmie_fs::Filesystem;
use vmie_io::{Budget, ReadAt};

use super::files::Files;
use crate::Evidence;
use crate::inspect::clause;
use crate::registry::{Hive, Key, Kind, Value};
use crate::text::shortened;

/// Longest text of a value in evidence, in characters.
const MAX_SHOWN: usize = 120;

/// Why a hive is not open.
pub(super) struct Unopened {
    /// In a clause, with its path.
    pub(super) why: String,
    /// Whether there is no such file.
    pub(super) missing: bool,
}

/// A hive of a guest.
pub(super) struct GuestHive<'a> {
    pub(super) hive: Hive<'a>,
    pub(super) path: String,
    files: Files<'a>,
}

impl<'a> GuestHive<'a> {
    /// Opens a hive with its logs.
    pub(super) fn open(files: Files<'a>, path: &str, budget: &Budget) -> Result<Self, Unopened> {
        let problem = |why: String| Unopened {
            why: format!("{path} cannot be read: {why}"),
            missing: false,
        };
        let source = files
            .open(path)
            .map_err(|error| problem(clause(&error)))?
            .ok_or_else(|| Unopened {
                why: format!("there is no {path}"),
                missing: true,
            })?;
        let mut logs: Vec<Box<dyn ReadAt + 'a>> = Vec::new();
        for suffix in ["LOG1", "LOG2", "LOG"] {
            // A log that cannot be opened is one that does not help.
            if let Ok(Some(log)) = files.open(&format!("{path}.{suffix}")) {
                logs.push(Box::new(log));
            }
        }
        let hive = Hive::open(source, logs, budget).map_err(|error| problem(clause(&error)))?;
        Ok(Self {
            hive,
            path: path.to_owned(),
            files,
        })
    }

    pub(super) fn evidence(&self, offset: u64, says: String) -> Evidence {
        self.files.evidence(&self.path, says).offset(offset)
    }
}

/// What was found and what could not be, while facts are collected.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) evidence: Vec<(&'static str, Evidence)>,
    pub(super) problems: Vec<Evidence>,
}

impl Notes {
    pub(super) fn saw(&mut self, fact: &'static str, evidence: Evidence) {
        self.evidence.push((fact, evidence));
    }

    pub(super) fn of(&self, fact: &str) -> Vec<Evidence> {
        let mine = self.evidence.iter().filter(|(name, _)| *name == fact);
        mine.map(|(_, evidence)| evidence.clone()).collect()
    }

    fn problem(&mut self, hive: &GuestHive<'_>, error: &crate::Error) {
        if self.problems.len() < 16 {
            let evidence = Evidence::new(clause(error));
            let mut evidence = evidence.on(hive.files.volume).path(hive.path.clone());
            evidence.offset = error.offset();
            self.problems.push(evidence);
        }
    }
}

/// A place in a hive from which keys are looked up.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) hive: &'a GuestHive<'a>,
    pub(super) base: &'a str,
}

impl<'a> At<'a> {
    fn path(&self, key: &str) -> String {
        match (self.base, key) {
            ("", key) => key.to_owned(),
            (base, "") => base.to_owned(),
            (base, key) => format!("{base}\\{key}"),
        }
    }

    pub(super) fn key(&self, key: &str, notes: &mut Notes) -> Option<Key<'a>> {
        match self.hive.hive.key(&self.path(key)) {
            Ok(found) => found,
            Err(error) => {
                notes.problem(self.hive, &error);
                None
            }
        }
    }

    /// The names of the subkeys of a key.
    pub(super) fn names(&self, key: &str, notes: &mut Notes) -> Vec<String> {
        let Some(key) = self.key(key, notes) else {
            return Vec::new();
        };
        match key.subkeys() {
            Ok(keys) => keys
                .into_iter()
                .filter_map(|key| key.ok().map(|key| key.name().to_owned()))
                .collect(),
            Err(error) => {
                notes.problem(self.hive, &error);
                Vec::new()
            }
        }
    }

    /// A value, noted as evidence for `fact`.
    pub(super) fn value(
        &self,
        key: &str,
        name: &str,
        fact: &'static str,
        notes: &mut Notes,
    ) -> Option<Value> {
        let found = self.key(key, notes)?;
        match found.value(name) {
            Ok(Some(value)) => {
                notes.saw(fact, self.saw(key, &value));
                Some(value)
            }
            Ok(None) => None,
            Err(error) => {
                notes.problem(self.hive, &error);
                None
            }
        }
    }

    pub(super) fn saw(&self, key: &str, value: &Value) -> Evidence {
        let shown = match value.kind() {
            Kind::Text | Kind::ExpandText | Kind::Link | Kind::Texts => {
                shortened(&value.texts().join(", "), MAX_SHOWN)
            }
            Kind::Number | Kind::NumberBigEndian | Kind::LongNumber => value
                .number()
                .map_or_else(|| "a number".to_owned(), |number| number.to_string()),
            _ => format!("{} bytes", value.data().len()),
        };
        let path = self.path(key);
        let says = format!("{path}, {} = {shown}", value.name());
        self.hive.evidence(value.offset(), says)
    }

    pub(super) fn saw_key(&self, key: &Key<'_>, path: &str) -> Evidence {
        let says = format!("the key {}", self.path(path));
        self.hive.evidence(key.offset(), says)
    }

    pub(super) fn text(
        &self,
        key: &str,
        name: &str,
        fact: &'static str,
        notes: &mut Notes,
    ) -> Option<String> {
        let text = self.value(key, name, fact, notes)?.text()?;
        let text = text.trim();
        (!text.is_empty()).then(|| shortened(text, MAX_SHOWN))
    }

    pub(super) fn number(
        &self,
        key: &str,
        name: &str,
        fact: &'static str,
        notes: &mut Notes,
    ) -> Option<u32> {
        self.value(key, name, fact, notes)?.number()
    }
}

/// Reads a text file of at most `max` bytes.
pub(super) fn read_file(files: &Files<'_>, path: &str, max: u64) -> Option<Vec<u8>> {
    let file = files.open(path).ok().flatten()?;
    if file.len() > max {
        return None;
    }
    let mut bytes = vec![0; vmie_io::int::usize_of(file.len())];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Some(bytes)
}

/// Whether a filesystem is one that Windows keeps files on.
pub(super) fn is_of_windows(files: &dyn Filesystem) -> bool {
    use vmie_fs::FsKind::{ExFat, Fat12, Fat16, Fat32, Ntfs};
    matches!(files.identity().kind, Ntfs | Fat12 | Fat16 | Fat32 | ExFat)
}
