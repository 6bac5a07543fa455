//! Files that an image names, and the gate that they pass.
//!
//! An image is hostile input: what it names is opened by the caller's [`Resolver`] or not at all.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use vmie_io::{FileSource, ReadAt};

use crate::{Cause, Error};

/// What an image wants another file for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReferenceKind {
    /// The image that this one holds the differences to.
    Parent,
    /// A file with a part of the disk's data.
    Extent,
    /// The one file with the disk's data, beside a file that holds the tables only.
    DataFile,
    /// A part of an image that was uploaded in parts.
    Part,
    /// A file of an appliance whose descriptor lies beside its disks.
    Member,
}

impl ReferenceKind {
    /// The kind's name, as programs see it: `parent`, `extent`, `data-file`, `part`, `member`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Extent => "extent",
            Self::DataFile => "data-file",
            Self::Part => "part",
            Self::Member => "member",
        }
    }
}

/// Another file that an image needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Reference {
    /// What for.
    pub kind: ReferenceKind,
    /// What the image calls it: from hostile input, so it may be an absolute path, lead upwards,
    /// or be a URL.
    pub name: String,
}

impl Reference {
    /// A file that is called `name`.
    #[must_use]
    pub fn new(kind: ReferenceKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }

    /// The refusal to open it, with its name.
    #[must_use]
    pub fn denied(&self) -> Error {
        Error::new(Cause::ReferenceDenied)
            .in_structure("reference")
            .field(self.kind.name())
            .found(self.name.as_str())
    }
}

/// Opens the files that an image names: its parent, its extents. An image is hostile input, so
/// what it names is opened by this gate or not at all.
pub trait Resolver: Send + Sync {
    /// The file that an image refers to.
    ///
    /// # Errors
    /// When the file may not or cannot be opened.
    fn resolve(&self, reference: &Reference) -> Result<Arc<dyn ReadAt>, Error>;
}

/// The resolver that opens nothing: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct DenyAll;

impl Resolver for DenyAll {
    fn resolve(&self, reference: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        Err(reference.denied())
    }
}

/// The resolver that opens files inside of one folder, and nothing else.
///
/// A name is taken relative to the folder, with `/` or `\` between its parts. Absolute names,
/// drive letters, URLs, parts that are `..`, and links that lead out of the folder are refused.
#[derive(Clone, Debug)]
pub struct FolderResolver {
    folder: PathBuf,
}

impl FolderResolver {
    /// Allows what lies in `folder`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let relative = name.replace('\\', "/");
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        let safe = !relative.is_empty()
            && !relative.contains(['\0', ':'])
            && Path::new(&relative).components().all(plain);
        if !safe {
            return None;
        }
        let folder = self.folder.canonicalize().ok()?;
        let path = folder.join(&relative);
        // A link inside the folder may lead out of it. What does not exist is told by opening.
        match path.canonicalize() {
            Ok(real) => real.starts_with(&folder).then_some(real),
            Err(_) => Some(path),
        }
    }
}

impl Resolver for FolderResolver {
    fn resolve(&self, reference: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        let path = self
            .path(&reference.name)
            .ok_or_else(|| reference.denied())?;
        match FileSource::open(&path) {
            Ok(file) => Ok(Arc::new(file)),
            Err(error) => Err(Error::new(Cause::ReferenceMissing)
                .in_structure("reference")
                .field(reference.kind.name())
                .found(reference.name.as_str())
                .with_source(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(resolver: &FolderResolver, name: &str) -> Option<Cause> {
        let reference = Reference::new(ReferenceKind::Extent, name);
        resolver
            .resolve(&reference)
            .err()
            .map(|error| error.cause())
    }

    #[test]
    fn nothing_outside_of_the_folder_is_opened() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("inside");
        std::fs::create_dir_all(folder.join("deep")).unwrap();
        std::fs::write(parent.path().join("secret"), "s").unwrap();
        std::fs::write(folder.join("deep/part.vmdk"), "p").unwrap();
        std::os::unix::fs::symlink("../secret", folder.join("link")).unwrap();
        let resolver = FolderResolver::new(&folder);
        assert_eq!(cause(&resolver, "deep/part.vmdk"), None);
        assert_eq!(cause(&resolver, ".\\deep\\part.vmdk"), None);
        let absolute = parent.path().join("secret");
        for name in [
            "../secret",
            "..\\secret",
            "deep/../../secret",
            "link",
            absolute.to_str().unwrap(),
            "C:\\secret",
            "file:///etc/passwd",
            "json:{}",
            "",
            "a\0b",
        ] {
            assert_eq!(
                cause(&resolver, name),
                Some(Cause::ReferenceDenied),
                "{name}"
            );
        }
        assert_eq!(cause(&resolver, "gone"), Some(Cause::ReferenceMissing));
    }

    #[test]
    fn the_default_opens_nothing() {
        let error = DenyAll
            .resolve(&Reference::new(ReferenceKind::Parent, "base.vhd"))
            .err()
            .unwrap();
        assert_eq!(error.cause(), Cause::ReferenceDenied);
        assert!(error.to_string().contains("base.vhd"));
    }
}
