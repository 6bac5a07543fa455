//! Addresses of objects.

use vmie_io::Fault;

use crate::{Cause, Error};

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

/// An address that leads nowhere from here.
pub(crate) fn not_local() -> Error {
    Fault::new(Cause::NotLocal).in_structure("address").into()
}

#[cfg(test)]
mod tests {
    use super::*;

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
