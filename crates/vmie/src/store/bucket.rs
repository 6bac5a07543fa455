//! Buckets that are folders: `s3://bucket/key` is the file `ROOT/bucket/key`.

use std::path::{Path, PathBuf};

use vmie_io::Fault;

use crate::{Cause, Error};

/// Longest key in bytes, as in the object store whose addresses these are.
const MAX_KEY: usize = 1024;

/// The folder under which the buckets are.
#[derive(Clone, Debug)]
pub struct Buckets {
    root: PathBuf,
}

impl Buckets {
    /// Buckets that are the folders in `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The file that holds an object. It need not exist; but when it does, it lies in the bucket's
    /// folder even when every symbolic link along the way is followed.
    ///
    /// # Errors
    /// [`Cause::BucketName`] and [`Cause::KeyEscapes`].
    pub fn path(&self, bucket: &str, key: &str) -> Result<PathBuf, Error> {
        check_bucket(bucket)?;
        check_key(key)?;
        let folder = self.root.join(bucket);
        let path = folder.join(key);
        if let (Ok(folder), Ok(real)) = (folder.canonicalize(), path.canonicalize()) {
            let root = self
                .root
                .canonicalize()
                .unwrap_or_else(|_| self.root.clone());
            if !real.starts_with(&folder) || !folder.starts_with(root) {
                return Err(escapes(key));
            }
        }
        Ok(path)
    }
}

/// Underscores are allowed: old buckets have them (SVC-TASK-10).
fn check_bucket(name: &str) -> Result<(), Error> {
    let ok = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
    };
    let edge = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let edges = edge(name.bytes().next()) && edge(name.bytes().next_back());
    if (3..=63).contains(&name.len()) && edges && name.bytes().all(ok) && !name.contains("..") {
        return Ok(());
    }
    let fault = Fault::new(Cause::BucketName).in_structure("address");
    Err(fault.field("bucket").found(name).into())
}

fn check_key(key: &str) -> Result<(), Error> {
    let bad_part = |part: &str| part.is_empty() || part == "." || part == "..";
    // A backslash and a colon lead out on Windows only, but a key means the same everywhere.
    let bad_char = |c: char| c.is_control() || c == '\\' || c == ':';
    if key.len() > MAX_KEY || key.split('/').any(bad_part) || key.contains(bad_char) {
        return Err(escapes(key));
    }
    if Path::new(key).is_absolute() {
        return Err(escapes(key));
    }
    Ok(())
}

fn escapes(key: &str) -> Error {
    let fault = Fault::new(Cause::KeyEscapes).in_structure("address");
    fault.field("key").found(key).into()
}

/// Splits `s3://bucket/key`; the scheme in any case (SVC-TASK-10).
///
/// # Errors
/// [`Cause::NotLocal`] for any other address. The address itself is not in the error, since a
/// pre-signed one is a secret (SVC-SEC-3).
pub fn split_url(url: &str) -> Result<(&str, &str), Error> {
    let rest = match url.split_at_checked(5) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("s3://") => rest,
        _ => return Err(not_local()),
    };
    match rest.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok((bucket, key)),
        _ => Err(not_local()),
    }
}

fn not_local() -> Error {
    Fault::new(Cause::NotLocal).in_structure("address").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_of_the_bucket_has_an_address() {
        let folder = tempfile::tempdir().unwrap();
        let buckets = Buckets::new(folder.path());
        std::fs::create_dir_all(folder.path().join("images/vm")).unwrap();
        std::fs::write(folder.path().join("images/vm/disk.ova"), b"x").unwrap();
        std::fs::write(folder.path().join("secret"), b"x").unwrap();
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
        ] {
            let error = buckets.path("images", key).unwrap_err();
            assert_eq!(error.cause(), Some(Cause::KeyEscapes), "{key}");
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
        let folder = tempfile::tempdir().unwrap();
        let buckets = Buckets::new(folder.path());
        std::fs::create_dir_all(folder.path().join("images")).unwrap();
        std::fs::write(folder.path().join("secret"), b"x").unwrap();
        std::os::unix::fs::symlink("../secret", folder.path().join("images/link")).unwrap();
        let error = buckets.path("images", "link").unwrap_err();
        assert_eq!(error.cause(), Some(Cause::KeyEscapes));
    }

    #[test]
    fn addresses_are_split() {
        assert_eq!(split_url("S3://b/k/l").unwrap(), ("b", "k/l"));
        for url in [
            "https://b/k?signature=abc",
            "s3://b",
            "s3://b/",
            "s3:///k",
            "",
            "s3:",
        ] {
            let error = split_url(url).unwrap_err();
            assert_eq!(error.cause(), Some(Cause::NotLocal), "{url}");
            assert!(!error.to_string().contains("signature"));
        }
    }
}
