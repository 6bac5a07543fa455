//! The access keys that may sign.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::date::parse_date;
use crate::{Error, random};

/// The longest file of keys that is read.
const MAX_LEN: u64 = 1 << 20;

/// A text that must not be seen. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text. Never write it into a log or an error.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[not shown]")
    }
}

/// A key that requests are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// Its id, which is no secret.
    pub id: String,
    /// What signs.
    pub secret: Secret,
    /// The account that requests signed with it are from: twelve digits.
    pub account: String,
    /// For temporary credentials: what has to be sent beside.
    pub session_token: Option<Secret>,
    /// For temporary credentials: until when, in seconds since 1970.
    pub expires: Option<i64>,
}

/// All keys.
#[derive(Clone, Debug)]
pub struct Keys {
    keys: HashMap<String, AccessKey>,
    first: Option<String>,
    /// What signatures of unknown keys are compared with.
    nobody: Secret,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    access_key: Vec<Entry>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    secret: Secret,
    account: String,
    session_token: Option<Secret>,
    expires: Option<String>,
}

impl Keys {
    /// These keys; of two with one id, the latter counts.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new(keys: impl IntoIterator<Item = AccessKey>) -> Result<Self, Error> {
        let mut all = Self {
            keys: HashMap::new(),
            first: None,
            nobody: Secret::new(random::token()?),
        };
        for key in keys {
            all.first.get_or_insert_with(|| key.id.clone());
            all.keys.insert(key.id.clone(), key);
        }
        Ok(all)
    }

    /// Reads a file of `[[access_key]]` tables with `id`, `secret`, `account`, and for temporary ones
    /// `session_token` and `expires` (`2026-11-26T12:00:00Z`).
    ///
    /// # Errors
    /// What is wrong with it, without anything of its content that could be a secret.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |what: String| Error::Configuration {
            path: path.to_owned(),
            what,
        };
        let metadata = fs::metadata(path).map_err(|error| Error::io(path, error))?;
        if metadata.len() > MAX_LEN {
            return Err(wrong("a file of access keys is not that long".to_owned()));
        }
        let text = fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
        let file: File = toml::from_str(&text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.get(..start).unwrap_or_default();
            let line = before.matches('\n').count().saturating_add(1);
            wrong(format!("line {line}: {}", error.message()))
        })?;
        let mut keys = Vec::new();
        for entry in file.access_key {
            keys.push(entry.into_key().map_err(wrong)?);
        }
        if keys.is_empty() {
            return Err(wrong("there is no [[access_key]] in it".to_owned()));
        }
        Self::new(keys)
    }

    /// The key of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&AccessKey> {
        self.keys.get(id)
    }

    /// The first of all.
    #[must_use]
    pub fn first(&self) -> Option<&AccessKey> {
        self.get(self.first.as_deref()?)
    }

    pub(super) fn nobody(&self) -> &Secret {
        &self.nobody
    }
}

impl Entry {
    fn into_key(self) -> Result<AccessKey, String> {
        let is_id = |id: &str| {
            (4..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if !is_id(&self.id) {
            return Err("the id of an access key is of 4 to 128 letters and digits".to_owned());
        }
        let id = self.id;
        if self.account.len() != 12 || !self.account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!(
                "the account of the access key {id} has to be twelve digits"
            ));
        }
        if self.secret.reveal().len() < 16 {
            return Err(format!(
                "the secret of the access key {id} is shorter than 16 bytes"
            ));
        }
        let expires = match self.expires.as_deref().map(parse_date) {
            Some(None) => {
                let form = "has to be like 2026-11-26T12:00:00Z";
                return Err(format!("`expires` of the access key {id} {form}"));
            }
            Some(at) => at,
            None => None,
        };
        Ok(AccessKey {
            id,
            secret: self.secret,
            account: self.account,
            session_token: self.session_token,
            expires,
        })
    }
}

/// Writes a file with one new key, which only its owner can read.
pub(crate) fn write_new_key(path: &Path, account: &str) -> Result<(), Error> {
    let id = random::hex(&random::bytes::<8>()?).to_uppercase();
    let secret = random::hex(&random::bytes::<20>()?);
    let text = format!(
        "# The access keys that requests are signed with.\n[[access_key]]\nid = \"AKIA{id}\"\n\
         secret = \"{secret}\"\naccount = \"{account}\"\n"
    );
    // Whole or not at all, also when two servers that share the folder start at once.
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{id}.part"));
    let part = PathBuf::from(part);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&part).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match fs::hard_link(&part, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    });
    // It has its name, or is of no use.
    let _ = fs::remove_file(&part);
    written.map_err(|error| Error::io(path, error))
}
