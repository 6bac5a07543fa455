//! What names of buckets and keys may be, wherever the objects are.

use vmie_io::Fault;

use crate::{Cause, Error};

/// Longest key in bytes, as in the object store whose addresses these are.
const MAX_KEY: usize = 1024;

/// Whether a name can be a bucket's: it becomes a folder, or a part of an address. Underscores are allowed: old
/// buckets have them (SVC-TASK-10).
///
/// # Errors
/// [`Cause::BucketName`].
pub fn check_bucket(name: &str) -> Result<(), Error> {
    let edge = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let ok = |byte: u8| edge(Some(byte)) || matches!(byte, b'.' | b'-' | b'_');
    let edges = edge(name.bytes().next()) && edge(name.bytes().next_back());
    let plain = edges && name.bytes().all(ok) && !name.contains("..");
    if plain && (3..=63).contains(&name.len()) {
        return Ok(());
    }
    Err(bucket_name(name))
}

/// Whether a key can be an object's: of at most 1024 bytes, and no part of it, between slashes, is empty or a step of
/// a path. So it has no slash at its start or end either.
///
/// # Errors
/// [`Cause::KeyEscapes`].
pub fn check_key(key: &str) -> Result<(), Error> {
    let is_step = |part: &str| matches!(part, "" | "." | "..");
    if key.len() <= MAX_KEY && !key.split('/').any(is_step) {
        return Ok(());
    }
    Err(escapes(key))
}

pub(super) fn bucket_name(name: &str) -> Error {
    let fault = Fault::new(Cause::BucketName).in_structure("address");
    fault.field("bucket").found(name).into()
}

/// A key that would lead elsewhere.
pub(super) fn escapes(key: &str) -> Error {
    let fault = Fault::new(Cause::KeyEscapes).in_structure("address");
    fault.field("key").found(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_buckets() {
        let longest = "b".repeat(63);
        for name in ["abc", "a.b-c", "old_bucket", "1st", longest.as_str()] {
            check_bucket(name).unwrap();
        }
        let longer = "b".repeat(64);
        for name in [
            "",
            "ab",
            "a..b",
            "../x",
            "a/b",
            "Abc",
            "abc-",
            ".abc",
            "äbc",
            longer.as_str(),
        ] {
            let error = check_bucket(name).unwrap_err();
            assert_eq!(error.cause(), Some(Cause::BucketName), "{name}");
        }
    }

    #[test]
    fn keys() {
        let longest = "k".repeat(1024);
        for key in ["k", "a/b", "...", "a b/ä:\\", longest.as_str()] {
            check_key(key).unwrap();
        }
        let longer = "k".repeat(1025);
        for key in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "a/../b",
            "..",
            longer.as_str(),
        ] {
            let error = check_key(key).unwrap_err();
            assert_eq!(error.cause(), Some(Cause::KeyEscapes), "{key}");
        }
    }
}
