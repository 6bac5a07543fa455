//! Bytes that come by once.

use std::io::{ErrorKind as IoErrorKind, Read};

use vmie_io::{ReadError, int};

use crate::Error;

/// A reader that counts what it has given.
pub(crate) struct Source<R> {
    pub(crate) reader: R,
    /// Bytes taken so far.
    pub(crate) at: u64,
}

impl<R: Read> Source<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, at: 0 }
    }

    /// Reads until the buffer is full or the stream ends, and says how much that was.
    pub(crate) fn fill(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(n) => {
                    done = done.saturating_add(n);
                    self.at = self.at.saturating_add(int::u64_of(n));
                }
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(error) => {
                    // What is wrong with the archive that the stream comes out of.
                    let inner = error
                        .get_ref()
                        .and_then(|inner| inner.downcast_ref::<Error>());
                    return Err(match inner {
                        Some(inner) => inner.clone(),
                        None => ReadError::io("stream", self.at, error).into(),
                    });
                }
            }
        }
        Ok(done)
    }

    /// Passes over `len` bytes, and says how many of them were there.
    pub(crate) fn skip(&mut self, len: u64) -> Result<u64, Error> {
        let mut buf = [0; 4096];
        let mut done = 0;
        while done < len {
            let n = int::min_usize(len.saturating_sub(done), buf.len());
            let got = self.fill(buf.get_mut(..n).unwrap_or_default())?;
            done = done.saturating_add(int::u64_of(got));
            if got < n {
                break;
            }
        }
        Ok(done)
    }
}
