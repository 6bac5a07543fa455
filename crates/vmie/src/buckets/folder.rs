//! Buckets that are folders: `s3://bucket/key` is the file `ROOT/bucket/key`.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use vmie_io::{CancelToken, Fault, FileSource};

use super::name::{self, escapes};
use super::{Buckets, Object, ObjectHead, ObjectWriter, no_such_object, shown};
use crate::clock::seed;
use crate::store::{Durable, hex};
use crate::{Cause, Error};

/// What the names of files begin with that are no objects: those that are being written.
const RESERVED: &str = ".vmie-";
/// What they end in.
const PART: &str = ".part";

/// The deepest folders that are listed.
const MAX_DEPTH: usize = 512;

/// Buckets that are the folders in one folder.
///
/// A key is a path in its bucket's folder. Keys that would lead out of it (`..`, an absolute path, a
/// symbolic link), that a filesystem cannot have, or that begin with `.vmie-` are refused. An object
/// is written to a file of such a reserved name first, and then renamed.
#[derive(Clone, Debug)]
pub struct FolderBuckets {
    root: PathBuf,
    durable: Durable,
}

impl FolderBuckets {
    /// Buckets that are the folders in `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            durable: Durable::default(),
        }
    }

    /// The same with another way to change files.
    #[must_use]
    pub fn with_durable(mut self, durable: Durable) -> Self {
        self.durable = durable;
        self
    }

    /// The file that holds an object. It need not exist; but what exists of the way to it lies in
    /// the bucket's folder even when every symbolic link along the way is followed.
    ///
    /// # Errors
    /// [`Cause::BucketName`] and [`Cause::KeyEscapes`].
    pub fn path(&self, bucket: &str, key: &str) -> Result<PathBuf, Error> {
        let folder = self.folder(bucket)?;
        check_key(key)?;
        let path = folder.join(key);
        let Ok(real_folder) = folder.canonicalize() else {
            return Ok(path);
        };
        let mut at = path.as_path();
        loop {
            // What cannot be looked at although it is there is a link that leads nowhere.
            if fs::symlink_metadata(at).is_ok() {
                return match at.canonicalize() {
                    Ok(real) if real.starts_with(&real_folder) => Ok(path),
                    _ => Err(escapes(key)),
                };
            }
            match at.parent() {
                Some(parent) => at = parent,
                None => return Err(escapes(key)),
            }
        }
    }

    /// Makes a bucket; one that exists is fine.
    ///
    /// # Errors
    /// [`Cause::BucketName`], or why the folder cannot be made.
    pub fn make(&self, bucket: &str) -> Result<(), Error> {
        let folder = self.folder(bucket)?;
        self.durable.create_dir(&folder)
    }

    /// Removes what writers that were killed have left in all buckets. Nobody may be writing.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn sweep(&self) -> Result<(), Error> {
        for bucket in names(&self.root)? {
            if check_bucket(&bucket).is_err() {
                continue;
            }
            let folder = self.root.join(&bucket);
            for name in names(&folder)? {
                if name.starts_with(RESERVED) && name.ends_with(PART) {
                    self.durable.remove(&folder.join(name))?;
                }
            }
        }
        Ok(())
    }

    fn folder(&self, bucket: &str) -> Result<PathBuf, Error> {
        check_bucket(bucket)?;
        let folder = self.root.join(bucket);
        if let (Ok(real), Ok(root)) = (folder.canonicalize(), self.root.canonicalize())
            && !real.starts_with(root)
        {
            return Err(escapes(bucket));
        }
        Ok(folder)
    }

    /// A file for an object that is being written, in the folder of the bucket, which has to exist.
    fn part(&self, bucket: &str, key: &str) -> Result<PathBuf, Error> {
        let folder = self.folder(bucket)?;
        if !folder.is_dir() {
            return Err(Error::new(Cause::NoSuchBucket).in_file(format!("s3://{bucket}")));
        }
        Ok(folder.join(format!("{}{:016x}{PART}", part_prefix(key), seed())))
    }

    /// Removes what writers of an object have not finished.
    fn remove_parts(&self, bucket: &str, key: &str) -> Result<(), Error> {
        let folder = self.folder(bucket)?;
        let prefix = part_prefix(key);
        for name in names(&folder)? {
            if name.starts_with(&prefix) && name.ends_with(PART) {
                self.durable.remove(&folder.join(name))?;
            }
        }
        Ok(())
    }

    /// Gives a file that is whole the name of an object.
    fn publish(&self, part: &Path, path: &Path) -> Result<(), Error> {
        if let Some(parent) = path.parent() {
            self.durable.create_dir(parent)?;
        }
        self.durable.rename(part, path)
    }
}

impl Buckets for FolderBuckets {
    fn open(&self, bucket: &str, key: &str, _: &CancelToken) -> Result<Object, Error> {
        let path = self.path(bucket, key)?;
        let name = shown(bucket, key);
        let Some(head) = head_of(&path, key).map_err(|error| Error::read(&name, error))? else {
            return Err(no_such_object(bucket, key));
        };
        let fail = |error| {
            let fault = Fault::new(Cause::Read).with_source(error);
            Error::from(fault).in_file(&name)
        };
        let source = FileSource::open(&path).map_err(fail)?;
        Ok(Object {
            source: Arc::new(source),
            version: head.version,
            name,
        })
    }

    fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, Error> {
        let path = self.path(bucket, key)?;
        head_of(&path, key).map_err(|error| Error::read(shown(bucket, key), error))
    }

    fn create(&self, bucket: &str, key: &str) -> Result<Box<dyn ObjectWriter>, Error> {
        let path = self.path(bucket, key)?;
        let part = self.part(bucket, key)?;
        self.durable.step("create object", &part)?;
        let file = File::create_new(&part).map_err(|error| Error::write(&part, error))?;
        Ok(Box::new(FolderWriter {
            buckets: self.clone(),
            file: BufWriter::with_capacity(1 << 18, file),
            part: Some(part),
            path,
        }))
    }

    fn delete(&self, bucket: &str, key: &str) -> Result<(), Error> {
        let path = self.path(bucket, key)?;
        self.remove_parts(bucket, key)?;
        if !path.is_dir() {
            self.durable.remove(&path)?;
        }
        Ok(())
    }

    fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectHead>, Error> {
        let folder = self.folder(bucket)?;
        if !folder.is_dir() {
            return Err(Error::new(Cause::NoSuchBucket).in_file(format!("s3://{bucket}")));
        }
        let mut keys = Vec::new();
        let mut folders = vec![(String::new(), 0_usize)];
        while let Some((at, depth)) = folders.pop() {
            for name in names(&folder.join(&at))? {
                let key = format!("{at}{name}");
                if check_key(&key).is_err() {
                    continue;
                }
                let real = folder.join(&key);
                let deeper = fs::symlink_metadata(&real).is_ok_and(|found| found.is_dir());
                let below = format!("{key}/");
                if deeper && depth < MAX_DEPTH && leads_to(&below, prefix) {
                    folders.push((below, depth.saturating_add(1)));
                } else if key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)
                {
                    keys.push(key);
                }
            }
        }
        keys.sort();
        let mut found = Vec::new();
        for key in keys {
            if found.len() >= limit {
                break;
            }
            if let Ok(Some(head)) = self.head(bucket, &key) {
                found.push(head);
            }
        }
        Ok(found)
    }

    /// On the same filesystem, the file itself becomes the object.
    fn put_file(
        &self,
        bucket: &str,
        key: &str,
        file: &Path,
        cancel: &CancelToken,
    ) -> Result<(), Error> {
        let path = self.path(bucket, key)?;
        let part = self.part(bucket, key)?;
        // Of an attempt that was killed, or that comes late: then it finds nothing to rename.
        self.remove_parts(bucket, key)?;
        self.durable.step("link object", &part)?;
        let linked = fs::hard_link(file, &part);
        let placed = linked
            .map_err(|error| Error::write(&part, error))
            // Another filesystem, or one without links.
            .or_else(|_| crate::store::copy_sparse(file, &part, cancel))
            .and_then(|()| self.publish(&part, &path));
        if placed.is_err() {
            let _ = fs::remove_file(&part);
        }
        // Renaming one link of a file over another link of it leaves both.
        let _ = fs::remove_file(&part);
        placed
    }
}

/// An object of a folder that is being written.
struct FolderWriter {
    buckets: FolderBuckets,
    file: BufWriter<File>,
    /// `None` once it has its name.
    part: Option<PathBuf>,
    path: PathBuf,
}

impl Write for FolderWriter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.file.write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl ObjectWriter for FolderWriter {
    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let Some(part) = self.part.clone() else {
            return Ok(());
        };
        self.buckets.durable.step("flush object", &part)?;
        let flushed = self.file.flush();
        flushed
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(|error| Error::write(&part, error))?;
        self.buckets.publish(&part, &self.path)?;
        self.part = None;
        Ok(())
    }
}

impl Drop for FolderWriter {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            // What cannot be removed is swept later.
            let _ = fs::remove_file(part);
        }
    }
}

/// What the names of files begin with that an object of this key is written to.
fn part_prefix(key: &str) -> String {
    let digest = hex(&Sha256::digest(key.as_bytes()));
    let start: String = digest.chars().take(16).collect();
    format!("{RESERVED}{start}.")
}

/// Whether keys that begin with `folder` can begin with `prefix`.
fn leads_to(folder: &str, prefix: &str) -> bool {
    folder.starts_with(prefix) || prefix.starts_with(folder)
}

/// Only regular files are objects.
fn head_of(path: &Path, key: &str) -> io::Result<Option<ObjectHead>> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(ObjectHead {
            key: key.to_owned(),
            len: found.len(),
            version: version(&found),
        })),
        Ok(_) => Ok(None),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Length, time of change and place: what a file that was replaced or written to does not keep.
fn version(found: &Metadata) -> Option<String> {
    let changed = jiff::Timestamp::try_from(found.modified().ok()?).ok()?;
    let (seconds, nanos) = (changed.as_second(), changed.subsec_nanosecond());
    Some(format!(
        "{:x}-{seconds:x}-{nanos:x}-{:x}",
        found.len(),
        inode(found)
    ))
}

#[cfg(unix)]
fn inode(found: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    found.ino()
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

/// The names in a folder; none when there is no such folder. What is not UTF-8 is no key.
fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let read = match fs::read_dir(folder) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::read(folder, error)),
    };
    let mut names = Vec::new();
    for entry in read {
        let entry = entry.map_err(|error| Error::read(folder, error))?;
        names.extend(entry.file_name().into_string().ok());
    }
    Ok(names)
}

fn check_bucket(name: &str) -> Result<(), Error> {
    name::check_bucket(name)?;
    match is_device(name) {
        true => Err(name::bucket_name(name)),
        false => Ok(()),
    }
}

fn check_key(key: &str) -> Result<(), Error> {
    name::check_key(key)?;
    // A backslash and a colon lead out on Windows only, but a key means the same everywhere.
    let bad_char = |c: char| c.is_control() || c == '\\' || c == ':';
    let bad = key.split('/').any(is_device) || key.contains(bad_char);
    if bad || key.starts_with(RESERVED) || Path::new(key).is_absolute() {
        return Err(escapes(key));
    }
    Ok(())
}

/// Whether a name is a device's, or another name's, where the operating system has such.
fn is_device(name: &str) -> bool {
    if !cfg!(windows) {
        return false;
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let stem = stem.to_ascii_lowercase();
    let numbered = |word: &str| {
        let number = stem.strip_prefix(word);
        number.is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || numbered("com")
        || numbered("lpt")
        || name.ends_with(['.', ' '])
}

#[cfg(test)]
mod tests {
    use vmie_io::ReadAtExt as _;

    use super::*;

    #[test]
    fn nothing_outside_of_the_bucket_has_an_address() {
        let folder = tempfile::tempdir().unwrap();
        let buckets = FolderBuckets::new(folder.path());
        fs::create_dir_all(folder.path().join("images/vm")).unwrap();
        fs::write(folder.path().join("images/vm/disk.ova"), b"x").unwrap();
        fs::write(folder.path().join("secret"), b"x").unwrap();
        let path = buckets.path("images", "vm/disk.ova").unwrap();
        assert_eq!(path, folder.path().join("images/vm/disk.ova"));
        for key in [
            "../secret",
            "/etc/passwd",
            "vm/../../secret",
            "a//b",
            "",
            "vm/.",
            "a\\..\\b",
            "C:x",
            "a\nb",
            "a\0b",
            ".vmie-0.part",
        ] {
            let error = buckets.path("images", key).unwrap_err();
            assert_eq!(error.cause(), Some(Cause::KeyEscapes), "{key}");
            for error in [
                buckets
                    .open("images", key, &CancelToken::new())
                    .unwrap_err(),
                buckets.create("images", key).map(drop).unwrap_err(),
                buckets.delete("images", key).unwrap_err(),
            ] {
                assert_eq!(error.cause(), Some(Cause::KeyEscapes), "{key}");
            }
        }
        for bucket in ["..", "a", "UPPER", "a/b", "", ".hidden", "a..b", "x y z"] {
            let error = buckets.path(bucket, "k").unwrap_err();
            assert_eq!(error.cause(), Some(Cause::BucketName), "{bucket}");
        }
        assert!(buckets.path("my_images", "not there").is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_does_not_lead_out() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let buckets = FolderBuckets::new(folder.path());
        fs::create_dir_all(folder.path().join("images")).unwrap();
        fs::create_dir_all(folder.path().join("elsewhere")).unwrap();
        fs::write(folder.path().join("secret"), b"x").unwrap();
        symlink("../secret", folder.path().join("images/link")).unwrap();
        symlink("../elsewhere", folder.path().join("images/folder")).unwrap();
        symlink("../new", folder.path().join("images/loose")).unwrap();
        symlink("/", folder.path().join("rooted")).unwrap();
        for key in ["link", "folder/new", "folder/deep/new", "loose"] {
            let error = buckets.path("images", key).unwrap_err();
            assert_eq!(error.cause(), Some(Cause::KeyEscapes), "{key}");
            assert!(buckets.create("images", key).is_err(), "{key}");
        }
        assert!(
            buckets
                .open("rooted", "etc/passwd", &CancelToken::new())
                .is_err()
        );
        assert_eq!(buckets.list("images", "", None, 10).unwrap(), []);
    }

    #[test]
    fn an_object_is_there_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let buckets = FolderBuckets::new(folder.path());
        let error = buckets.create("exports", "a/b.raw").map(drop).unwrap_err();
        assert_eq!(error.cause(), Some(Cause::NoSuchBucket));
        buckets.make("exports").unwrap();
        let write = |text: &[u8]| {
            let mut writer = buckets.create("exports", "a/b.raw").unwrap();
            writer.write_all(text).unwrap();
            assert!(buckets.list("exports", "", None, 9).unwrap().len() <= 1);
            writer
        };
        drop(write(b"first"));
        assert_eq!(buckets.head("exports", "a/b.raw").unwrap(), None);
        let error = buckets
            .open("exports", "a/b.raw", &CancelToken::new())
            .unwrap_err();
        assert_eq!(error.cause(), Some(Cause::NoSuchObject));
        write(b"second").finish().unwrap();
        let head = buckets.head("exports", "a/b.raw").unwrap().unwrap();
        assert_eq!(head.len, 6);
        write(b"other!").finish().unwrap();
        let object = buckets
            .open("exports", "a/b.raw", &CancelToken::new())
            .unwrap();
        assert_ne!(object.version, head.version);
        assert_eq!(&object.source.read_array::<6>(0).unwrap(), b"other!");
        // What a killed writer left goes with the object.
        std::mem::forget(write(b"third"));
        assert_eq!(names(&folder.path().join("exports")).unwrap().len(), 2);
        buckets.delete("exports", "a/b.raw").unwrap();
        buckets.delete("exports", "a/b.raw").unwrap();
        assert_eq!(names(&folder.path().join("exports")).unwrap(), ["a"]);
        std::mem::forget(write(b"fourth"));
        buckets.sweep().unwrap();
        assert_eq!(names(&folder.path().join("exports")).unwrap(), ["a"]);
    }

    #[test]
    fn objects_are_listed_in_pages_by_key() {
        let folder = tempfile::tempdir().unwrap();
        let buckets = FolderBuckets::new(folder.path());
        buckets.make("images").unwrap();
        for key in ["a", "b/1", "b/2", "b.x", "c/d/e"] {
            let file = folder.path().join("file");
            fs::write(&file, key).unwrap();
            let go_on = CancelToken::new();
            let late = folder
                .path()
                .join("images")
                .join(format!("{}1{PART}", part_prefix(key)));
            fs::write(&late, "what a killed attempt left").unwrap();
            buckets.put_file("images", key, &file, &go_on).unwrap();
            assert!(!late.exists());
            buckets.put_file("images", key, &file, &go_on).unwrap();
            fs::remove_file(file).unwrap();
        }
        let keys = |prefix, after, limit| -> Vec<String> {
            let found = buckets.list("images", prefix, after, limit).unwrap();
            found.into_iter().map(|head| head.key).collect()
        };
        assert_eq!(keys("", None, 9), ["a", "b.x", "b/1", "b/2", "c/d/e"]);
        assert_eq!(keys("b", None, 2), ["b.x", "b/1"]);
        assert_eq!(keys("b", Some("b/1"), 2), ["b/2"]);
        assert_eq!(keys("c/d/", None, 9), ["c/d/e"]);
        assert!(buckets.list("none", "", None, 1).is_err());
    }
}
