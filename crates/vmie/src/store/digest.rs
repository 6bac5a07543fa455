//! The SHA-256 of a disk, taken while it is written.

use std::sync::{Mutex, MutexGuard};

use sha2::{Digest as _, Sha256};
use vmie_io::{ReadAt, ReadAtExt as _, ReadError, WriteAt, int};

/// Zeroes to feed a hash with where nothing is written.
static ZEROES: [u8; 64 << 10] = [0; 64 << 10];

/// A sink that hashes what goes by, as long as it comes in the order of its offsets; gaps count as
/// zeroes. When it does not, the hash is given up and has to be taken from the file afterwards.
#[derive(Debug)]
pub(crate) struct DigestSink<W> {
    sink: W,
    running: Mutex<Running>,
}

#[derive(Debug)]
struct Running {
    hash: Sha256,
    at: u64,
    in_order: bool,
}

impl Running {
    fn zeroes_to(&mut self, end: u64) {
        while self.at < end {
            let n = int::min_usize(end.saturating_sub(self.at), ZEROES.len());
            self.hash.update(ZEROES.get(..n).unwrap_or_default());
            self.at = self.at.saturating_add(int::u64_of(n));
        }
    }
}

impl<W: WriteAt> DigestSink<W> {
    pub(crate) fn new(sink: W) -> Self {
        let running = Running {
            hash: Sha256::new(),
            at: 0,
            in_order: true,
        };
        Self {
            sink,
            running: Mutex::new(running),
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        match self.running.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// The digest of `len` bytes, when all writes came in order.
    pub(crate) fn finish(self, len: u64) -> Option<[u8; 32]> {
        let mut running = match self.running.into_inner() {
            Ok(running) => running,
            Err(poisoned) => poisoned.into_inner(),
        };
        if !running.in_order || running.at > len {
            return None;
        }
        running.zeroes_to(len);
        Some(running.hash.finalize().into())
    }
}

impl<W: WriteAt> WriteAt for DigestSink<W> {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
        self.sink.write_all_at(buf, offset)?;
        let mut running = self.running();
        if offset < running.at {
            running.in_order = false;
        }
        if running.in_order {
            running.zeroes_to(offset);
            running.hash.update(buf);
            running.at = offset.saturating_add(int::u64_of(buf.len()));
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), ReadError> {
        self.sink.set_len(len)
    }

    fn write_zeroes_at(&self, offset: u64, len: u64) -> Result<(), ReadError> {
        self.sink.write_zeroes_at(offset, len)?;
        let mut running = self.running();
        if offset < running.at {
            running.in_order = false;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), ReadError> {
        self.sink.sync()
    }
}

/// The digest of a whole source; its holes are not read. `go_on` is asked now and then.
pub(crate) fn digest_of(
    source: &dyn ReadAt,
    mut go_on: impl FnMut() -> bool,
) -> Result<Option<[u8; 32]>, ReadError> {
    let mut running = Running {
        hash: Sha256::new(),
        at: 0,
        in_order: true,
    };
    let mut buf = vec![0; 1 << 20];
    for extent in source.extents(0..source.len()) {
        let extent = extent?;
        while running.at < extent.end() {
            if !go_on() {
                return Ok(None);
            }
            let step = extent.end().min(running.at.saturating_add(64 << 20));
            if extent.kind.reads_zero() {
                running.zeroes_to(step);
                continue;
            }
            let n = int::min_usize(step.saturating_sub(running.at), buf.len());
            let part = buf.get_mut(..n).unwrap_or_default();
            source.read_exact_at(part, running.at)?;
            running.hash.update(&*part);
            running.at = running.at.saturating_add(int::u64_of(n));
        }
    }
    Ok(Some(running.hash.finalize().into()))
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nowhere;

    impl WriteAt for Nowhere {
        fn write_all_at(&self, _: &[u8], _: u64) -> Result<(), ReadError> {
            Ok(())
        }
        fn set_len(&self, _: u64) -> Result<(), ReadError> {
            Ok(())
        }
        fn write_zeroes_at(&self, _: u64, _: u64) -> Result<(), ReadError> {
            Ok(())
        }
        fn sync(&self) -> Result<(), ReadError> {
            Ok(())
        }
    }

    fn plain(bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(bytes).into()
    }

    #[test]
    fn gaps_count_as_zeroes() {
        let mut disk = vec![0u8; 300_000];
        disk[70_000..70_005].copy_from_slice(b"hello");
        disk[200_000..200_003].copy_from_slice(b"you");
        let sink = DigestSink::new(Nowhere);
        sink.set_len(300_000).unwrap();
        sink.write_all_at(b"hello", 70_000).unwrap();
        sink.write_zeroes_at(100_000, 50).unwrap();
        sink.write_all_at(b"you", 200_000).unwrap();
        assert_eq!(sink.finish(300_000), Some(plain(&disk)));
        assert_eq!(digest_of(&disk, || true).unwrap(), Some(plain(&disk)));
        assert_eq!(digest_of(&disk, || false).unwrap(), None);
        assert_eq!(
            hex(&plain(b"")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn out_of_order_gives_no_digest_rather_than_a_wrong_one() {
        let sink = DigestSink::new(Nowhere);
        sink.write_all_at(b"b", 1).unwrap();
        sink.write_all_at(b"a", 0).unwrap();
        assert_eq!(sink.finish(2), None);
        let sink = DigestSink::new(Nowhere);
        sink.write_all_at(b"ab", 0).unwrap();
        sink.write_zeroes_at(1, 1).unwrap();
        assert_eq!(sink.finish(2), None);
        let sink = DigestSink::new(Nowhere);
        sink.write_all_at(b"abc", 0).unwrap();
        assert_eq!(sink.finish(2), None);
    }
}
