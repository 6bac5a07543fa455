//! The digest of a file that is written from front to back.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};
use vmie_io::int;

/// Counts what goes through, and hashes it when that is wanted.
pub(crate) struct Hashing<W> {
    out: W,
    len: u64,
    hasher: Option<Sha256>,
}

impl<W> Hashing<W> {
    pub(crate) fn new(out: W, hash: bool) -> Self {
        Self {
            out,
            len: 0,
            hasher: hash.then(Sha256::new),
        }
    }

    /// Bytes that went through.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn hasher(&self) -> Option<&Sha256> {
        self.hasher.as_ref()
    }

    /// Goes on with a digest.
    pub(crate) fn set_hasher(&mut self, hasher: Sha256) {
        self.hasher = Some(hasher);
    }

    /// The digest so far, if one was wanted.
    pub(crate) fn digest(&self) -> Option<[u8; 32]> {
        let hasher = self.hasher.clone()?;
        Some(hasher.finalize().into())
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.out.write(buf)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(buf.get(..n).unwrap_or_default());
        }
        self.len = self.len.saturating_add(int::u64_of(n));
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
