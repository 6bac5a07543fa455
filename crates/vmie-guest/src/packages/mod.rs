//! The databases of installed packages, as far as names and versions go: dpkg's list, and rpm's
//! database in each of its three forms.
//!
//! Each reader calls back with one package after another and keeps none; of a package of rpm only
//! the start of its header is read, where its name and version are.

mod bdb;
mod dpkg;
mod header;
mod ndb;
mod sqlite;

use crate::{Cause, Error, Source};

pub use dpkg::dpkg;

/// Packages that are listed at most; a full system has some 5 000.
const MAX_PACKAGES: u32 = 50_000;
/// Bytes of a package's header that are read: its name and version are right behind the list of
/// its entries, of which there are some 100 of 16 bytes.
const PREFIX: usize = 4 << 10;

/// A package that is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Package {
    /// Its name: `linux-image-6.1.0-13-amd64`, `kernel-core`.
    pub name: String,
    /// Its version, without the release of an RPM.
    pub version: String,
    /// The release of an RPM: `427.13.1.el9_4`; empty for dpkg.
    pub release: String,
    /// The architecture: `amd64`, `x86_64`.
    pub arch: String,
}

/// Packages of rpm that hold a kernel itself.
const RPM_KERNELS: &[&str] = &[
    "kernel",
    "kernel-core",
    "kernel-rt",
    "kernel-rt-core",
    "kernel-debug",
    "kernel-debug-core",
    "kernel-uek",
    "kernel-uek-core",
    "kernel-uek-debug",
    "kernel-xen",
    "kernel-PAE",
    "kernel-lt",
    "kernel-ml",
    "kernel-lt-core",
    "kernel-ml-core",
    "kernel-default",
    "kernel-default-base",
    "kernel-azure",
    "kernel-kvmsmall",
    "kernel6.12",
];

impl Package {
    /// Whether it holds a kernel itself, and not its modules, headers or documentation alone.
    #[must_use]
    pub fn is_kernel(&self) -> bool {
        self.dpkg_kernel().is_some() || RPM_KERNELS.contains(&self.name.as_str())
    }

    /// The release in the name of a kernel's package of Debian or Ubuntu.
    fn dpkg_kernel(&self) -> Option<&str> {
        let rest = self.name.strip_prefix("linux-image-")?;
        let release = rest.strip_prefix("unsigned-").unwrap_or(rest);
        let is_release = release.starts_with(|c: char| c.is_ascii_digit()) && release.contains('.');
        (is_release && !release.ends_with("-dbg")).then_some(release)
    }

    /// Whether the kernel that calls itself `release` comes from this package.
    ///
    /// Debian's packages have the release in their name. Red Hat's kernels are called after version
    /// and release of the package, then, except in the oldest, its architecture (and a `+` and the
    /// kind). SUSE's are called after version and release without the last number of the latter,
    /// and the kind.
    #[must_use]
    pub fn holds_kernel(&self, release: &str) -> bool {
        if let Some(own) = self.dpkg_kernel() {
            return own == release;
        }
        if !self.is_kernel() || self.version.is_empty() {
            return false;
        }
        let full = format!("{}-{}", self.version, self.release);
        let ends = |rest: &str| {
            rest.is_empty()
                || rest.starts_with(['.', '-', '+'])
                || matches!(rest, "xen" | "PAE" | "debug" | "uek")
        };
        if release.strip_prefix(full.as_str()).is_some_and(ends) {
            return true;
        }
        let short = full.rsplit_once('.').map_or("", |(short, _)| short);
        !short.is_empty()
            && self.name.starts_with("kernel-")
            && release
                .strip_prefix(short)
                .is_some_and(|rest| rest.starts_with('-'))
    }
}

/// The forms of rpm's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RpmDatabase {
    /// A hash file of Berkeley DB: `Packages`.
    Bdb,
    /// rpm's own: `Packages.db`.
    Ndb,
    /// SQLite: `rpmdb.sqlite`.
    Sqlite,
}

impl RpmDatabase {
    /// Every form, the newest first.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Ndb, Self::Bdb];

    /// The name, as rpm has it: `bdb`, `ndb`, `sqlite`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bdb => "bdb",
            Self::Ndb => "ndb",
            Self::Sqlite => "sqlite",
        }
    }

    /// The name of its file in rpm's folder.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Bdb => "Packages",
            Self::Ndb => "Packages.db",
            Self::Sqlite => "rpmdb.sqlite",
        }
    }
}

/// Lists the packages of a database of rpm, in whatever order it has them.
///
/// # Errors
/// [`Cause::Database`] when it is damaged or not of this form, [`Cause::Limit`] when it holds more
/// than is looked at, [`Cause::Read`] when the file cannot be read.
pub fn rpm(
    form: RpmDatabase,
    source: &mut dyn Source,
    each: &mut dyn FnMut(Package),
) -> Result<(), Error> {
    let mut left = MAX_PACKAGES;
    let mut sink = |start: &[u8]| {
        left = left.checked_sub(1)?;
        if let Some(package) = header::package(start) {
            each(package);
        }
        Some(())
    };
    match form {
        RpmDatabase::Bdb => bdb::packages(source, &mut sink),
        RpmDatabase::Ndb => ndb::packages(source, &mut sink),
        RpmDatabase::Sqlite => sqlite::packages(source, &mut sink),
    }
}

/// Takes the start of a package's header; `None` when there are too many.
type Sink<'s> = dyn FnMut(&[u8]) -> Option<()> + 's;

fn limit(structure: &'static str) -> Error {
    Error::new(Cause::Limit).in_structure(structure)
}

fn damaged(structure: &'static str, offset: u64, field: &'static str) -> Error {
    Error::new(Cause::Database)
        .at(structure, offset)
        .field(field)
}

/// `len` bytes at `offset`, all of them.
fn exact(
    source: &mut dyn Source,
    structure: &'static str,
    offset: u64,
    len: usize,
) -> Result<Vec<u8>, Error> {
    let bytes = some(source, structure, offset, len)?;
    if bytes.len() < len {
        return Err(damaged(structure, offset, "length"));
    }
    Ok(bytes)
}

/// Up to `len` bytes at `offset`.
fn some(
    source: &mut dyn Source,
    structure: &'static str,
    offset: u64,
    len: usize,
) -> Result<Vec<u8>, Error> {
    crate::source::read(source, offset, len).map_err(|error| {
        Error::new(Cause::Read)
            .at(structure, offset)
            .found(error.to_string().as_str())
    })
}

#[cfg(test)]
mod tests;
