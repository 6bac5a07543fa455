//! Sinks that can seek.

use crate::ReadError;

/// A place to write bytes to at any offset, by many threads at once.
///
/// Errors are [`ReadError`]s, whose layer and offset say where the write failed.
pub trait WriteAt: Send + Sync {
    /// Writes all of `buf` at `offset`. A sink of fixed length refuses to write past its end;
    /// others grow.
    ///
    /// # Errors
    /// When not all of it could be written; parts of it may have been.
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError>;

    /// Makes the sink `len` bytes long; new bytes read as zeroes.
    ///
    /// # Errors
    /// When the sink cannot have that length.
    fn set_len(&self, len: u64) -> Result<(), ReadError>;

    /// Makes `[offset, offset + len)` read as zeroes, at the least cost the sink has.
    ///
    /// # Errors
    /// When it cannot be done.
    fn write_zeroes_at(&self, offset: u64, len: u64) -> Result<(), ReadError>;

    /// Returns when everything written is on stable storage.
    ///
    /// # Errors
    /// When the sink cannot promise that.
    fn sync(&self) -> Result<(), ReadError>;

    /// Whether writes wait for one another, as those to one file do in most filesystems. A caller of
    /// many threads then lets one of them write while the others do something else.
    fn takes_turns(&self) -> bool {
        false
    }
}

impl<W: WriteAt + ?Sized> WriteAt for &W {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
        (**self).write_all_at(buf, offset)
    }
    fn set_len(&self, len: u64) -> Result<(), ReadError> {
        (**self).set_len(len)
    }
    fn write_zeroes_at(&self, offset: u64, len: u64) -> Result<(), ReadError> {
        (**self).write_zeroes_at(offset, len)
    }
    fn sync(&self) -> Result<(), ReadError> {
        (**self).sync()
    }
    fn takes_turns(&self) -> bool {
        (**self).takes_turns()
    }
}
