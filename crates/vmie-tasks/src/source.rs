//! Where a disk container's image is.

use alloc::string::{String, ToString};
use core::fmt;

use vmie_rules::format::ImageFormat;

use crate::id::SnapshotId;

/// An address as a request sends it. It may be signed and is then a secret (SVC-SEC-3): only its
/// scheme is shown by `Debug` and `Display`, unless it is `s3://`; [`SourceUrl::reveal`] gives it.
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SourceUrl(String);

impl SourceUrl {
    /// Takes an address as sent; [`Location::of_url`] says whether it is one.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole address. Never write it into a log or an error.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The bucket that an https address of the object store names: before `.s3.` or `.s3-` in the
    /// host, or first in the path of a host that begins with `s3`.
    pub(crate) fn bucket_of_host(&self) -> Option<&str> {
        let (_, rest) = self.split()?;
        let (host, path) = rest.split_once('/')?;
        let bucket = [".s3.", ".s3-"]
            .iter()
            .find_map(|mark| host.split_once(mark))
            .map(|(bucket, _)| bucket);
        let in_path = host.starts_with("s3.") || host.starts_with("s3-");
        bucket.or_else(|| in_path.then(|| path.split(['/', '?']).next()).flatten())
    }

    fn split(&self) -> Option<(&str, &str)> {
        self.0.split_once("://")
    }

    /// Whether it names a bucket and a key, which is no secret.
    fn is_s3(&self) -> bool {
        self.split()
            .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("s3"))
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_s3() {
            return f.write_str(&self.0);
        }
        match self.split() {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
                f.write_str("https://[not shown]")
            }
            _ => f.write_str("[not shown]"),
        }
    }
}

impl fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceUrl({self})")
    }
}

/// A bucket and a key in it, as a reply shows them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct UserBucket {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

/// Where an image is, checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(tag = "at", rename_all = "kebab-case")]
pub enum Location {
    /// An object in a bucket.
    Bucket(UserBucket),
    /// Behind a signed address.
    Https {
        /// The address.
        url: SourceUrl,
    },
    /// In parts, which a manifest names.
    Manifest {
        /// The signed address of the manifest.
        url: SourceUrl,
    },
    /// A snapshot that is there already.
    Snapshot {
        /// Its id.
        id: SnapshotId,
    },
}

/// The longest bucket name there has been (the first buckets could have 255 characters).
const MAX_BUCKET: usize = 255;
/// The longest key, in bytes.
const MAX_KEY: usize = 1024;
/// The longest address, in bytes: signed ones have some 1500.
const MAX_URL: usize = 8192;

impl Location {
    /// The place that an address names: `s3://bucket/key`, its scheme in any case
    /// (SVC-TASK-10), or `https://…`; `None` if it is neither.
    #[must_use]
    pub fn of_url(url: &SourceUrl) -> Option<Self> {
        let (scheme, rest) = url.split()?;
        if scheme.eq_ignore_ascii_case("s3") {
            let (bucket, key) = rest.split_once('/')?;
            return Self::of_bucket(bucket, key);
        }
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let plain = url.0.len() <= MAX_URL && url.0.bytes().all(|byte| byte.is_ascii_graphic());
        let https = scheme.eq_ignore_ascii_case("https") && !host.is_empty() && plain;
        https.then(|| Self::Https { url: url.clone() })
    }

    /// The place of a bucket and a key; `None` if one of them can be no such name.
    #[must_use]
    pub fn of_bucket(bucket: &str, key: &str) -> Option<Self> {
        let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let bucket_fits = (3..=MAX_BUCKET).contains(&bucket.len())
            && bucket.bytes().all(name)
            && bucket.bytes().any(|byte| byte.is_ascii_alphanumeric());
        let key_fits = (1..=MAX_KEY).contains(&key.len()) && !key.contains('\0');
        (bucket_fits && key_fits).then(|| {
            Self::Bucket(UserBucket {
                bucket: bucket.to_string(),
                key: key.to_string(),
            })
        })
    }

    /// The bucket and the key, where the place has them.
    #[must_use]
    pub fn user_bucket(&self) -> Option<&UserBucket> {
        match self {
            Self::Bucket(user_bucket) => Some(user_bucket),
            Self::Https { .. } | Self::Manifest { .. } | Self::Snapshot { .. } => None,
        }
    }
}

/// A disk container as a worker gets it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Source {
    /// Which container of the request it is, from 0.
    pub container: u32,
    /// Where it is.
    pub location: Location,
    /// The format that the request names, if it names one.
    pub format: Option<ImageFormat>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn s3_addresses_are_taken_in_any_case_of_the_scheme() {
        let url = SourceUrl::new("S3://bucket_name/sql_std_image.ova");
        let location = Location::of_url(&url).unwrap();
        let user_bucket = location.user_bucket().unwrap();
        assert_eq!(user_bucket.bucket, "bucket_name");
        assert_eq!(user_bucket.key, "sql_std_image.ova");
    }

    #[test]
    fn addresses_that_name_nothing_are_refused() {
        for text in [
            "",
            "s3://",
            "s3:///key",
            "s3://bucket",
            "s3://bucket/",
            "s3://b/key",
            "s3://.../key",
            "s3://bu cket/key",
            "https://",
            "https:///path",
            "http://host/key",
            "file:///etc/passwd",
            "https://host/a b",
            "bucket/key",
        ] {
            assert_eq!(Location::of_url(&SourceUrl::new(text)), None, "{text}");
        }
    }

    #[test]
    fn a_signed_address_is_never_shown() {
        let signed = "HTTPS://bucket.example/key?X-Amz-Signature=feedface";
        let url = SourceUrl::new(signed);
        assert_eq!(
            format!("{url} {url:?}"),
            "https://[not shown] SourceUrl(https://[not shown])"
        );
        let location = Location::of_url(&url).unwrap();
        assert!(!format!("{location:?}").contains("feedface"));
        assert_eq!(url.reveal(), signed);
        assert_eq!(format!("{}", SourceUrl::new("secret")), "[not shown]");
    }
}
