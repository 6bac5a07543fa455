//! Chance, from the operating system.

use std::fmt::Write as _;

use crate::Error;

/// So many bytes that nobody can guess.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::Machine {
        what: "random numbers",
        source: std::io::Error::other(error.to_string()),
    })?;
    Ok(bytes)
}

/// A number to make ids from.
pub(crate) fn seed() -> Result<u64, Error> {
    bytes().map(u64::from_le_bytes)
}

/// A text of 256 bits that nobody can guess.
pub(crate) fn token() -> Result<String, Error> {
    bytes::<32>().map(|bytes| hex(&bytes))
}

/// The name of a process that shares its state with others.
#[cfg(feature = "postgres")]
pub(crate) fn name() -> Result<String, Error> {
    bytes::<8>().map(|bytes| hex(&bytes))
}

/// The id of a request, in the form of a UUID. It need not be secret: should the system give no
/// chance, it is that of all requests.
pub(crate) fn request_id() -> String {
    let bytes = bytes::<16>().unwrap_or_default();
    let text = hex(&bytes);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let (a, b, c, d, e) = (
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32),
    );
    format!("{a}-{b}-4{c}-a{d}-{e}")
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
