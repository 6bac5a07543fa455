//! What an untrusted input may cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an untrusted input may cost, set by the caller; the defaults are safe for a service that
/// opens strangers' images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of memory that tables, descriptors and buffers of one open image may take together.
    /// Default 64 MiB: the grain directory and tables of a 16 TiB disk are read on demand and
    /// need far less.
    pub memory: u64,
    /// Steps of work for one open image: a structure visited, a directory entry read, a link of a
    /// chain followed. Default 16 million, some seconds at the worst.
    pub work: u64,
    /// Bytes of one text file that is taken whole (an OVF descriptor, a `grub.cfg`). Default 4 MiB.
    pub text: u64,
    /// How deep things may nest: XML elements, directories, chains of images. Default 64.
    pub depth: u32,
    /// Bytes of the largest virtual disk that is opened. Default 64 TiB, past the largest that
    /// VHDX can describe.
    pub virtual_size: u64,
    /// Bytes that are unpacked of one archive inside a guest, its initramfs. Default 1 GiB: one with
    /// firmware for everything has some 600 MiB. With 0 such archives are not looked into, and what
    /// they hold stays unknown: unpacking takes most of the time of an inspection.
    pub unpacked: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            work: 16_000_000,
            text: 4 << 20,
            depth: 64,
            virtual_size: 64 << 40,
            unpacked: 1 << 30,
        }
    }
}

impl Limits {
    /// The limits with another bound on memory, in bytes.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// The limits with another bound on work, in steps.
    #[must_use]
    pub fn with_work(mut self, steps: u64) -> Self {
        self.work = steps;
        self
    }

    /// The limits with another bound on archives that are unpacked, in bytes.
    #[must_use]
    pub fn with_unpacked(mut self, bytes: u64) -> Self {
        self.unpacked = bytes;
        self
    }

    /// The limits with another bound on texts taken whole, in bytes.
    #[must_use]
    pub fn with_text(mut self, bytes: u64) -> Self {
        self.text = bytes;
        self
    }
}

/// A limit that was hit: what it bounds, how much was wanted in all, and how much is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} would take {wanted} {unit}, and {allowed} are allowed")]
#[non_exhaustive]
pub struct LimitExceeded {
    /// What was being done, as a noun: `"grain table"`.
    pub what: &'static str,
    /// The unit of the numbers: `"bytes"` or `"steps"`.
    pub unit: &'static str,
    /// How much it would have come to, with what was in use already.
    pub wanted: u64,
    /// The limit.
    pub allowed: u64,
}

impl LimitExceeded {
    /// A limit of the caller's own.
    #[must_use]
    pub fn new(what: &'static str, unit: &'static str, wanted: u64, allowed: u64) -> Self {
        Self {
            what,
            unit,
            wanted,
            allowed,
        }
    }
}

/// The account that costs are charged to. Clones share one account.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    used: Arc<Used>,
}

#[derive(Debug, Default)]
struct Used {
    memory: AtomicU64,
    work: AtomicU64,
}

impl Budget {
    /// A fresh account with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            used: Arc::default(),
        }
    }

    /// The limits it was made with.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Charges `bytes` of memory for `what`; given back when the [`Charge`] is dropped.
    ///
    /// # Errors
    /// [`LimitExceeded`] when the sum would pass [`Limits::memory`]; nothing is charged then.
    pub fn memory(&self, what: &'static str, bytes: u64) -> Result<Charge, LimitExceeded> {
        take(&self.used.memory, bytes, self.limits.memory)
            .map_err(|wanted| LimitExceeded::new(what, "bytes", wanted, self.limits.memory))?;
        Ok(Charge {
            used: Arc::clone(&self.used),
            bytes,
        })
    }

    /// A zeroed buffer of `len` bytes, charged for as long as the charge lives.
    ///
    /// # Errors
    /// [`LimitExceeded`] as for [`Budget::memory`], before anything is allocated.
    pub fn buffer(&self, what: &'static str, len: u64) -> Result<(Vec<u8>, Charge), LimitExceeded> {
        let charge = self.memory(what, len)?;
        Ok((vec![0; crate::int::usize_of(len)], charge))
    }

    /// Charges `steps` of work for `what`; work is never given back.
    ///
    /// # Errors
    /// [`LimitExceeded`] when the sum would pass [`Limits::work`].
    pub fn work(&self, what: &'static str, steps: u64) -> Result<(), LimitExceeded> {
        take(&self.used.work, steps, self.limits.work)
            .map_err(|wanted| LimitExceeded::new(what, "steps", wanted, self.limits.work))
    }

    /// Whether a text of `len` bytes may be taken whole.
    ///
    /// # Errors
    /// [`LimitExceeded`] when it is longer than [`Limits::text`].
    pub fn text(&self, what: &'static str, len: u64) -> Result<(), LimitExceeded> {
        if len > self.limits.text {
            return Err(LimitExceeded::new(what, "bytes", len, self.limits.text));
        }
        Ok(())
    }

    /// Bytes of memory charged at the moment.
    #[must_use]
    pub fn memory_used(&self) -> u64 {
        self.used.memory.load(Ordering::Relaxed)
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

fn take(account: &AtomicU64, amount: u64, limit: u64) -> Result<(), u64> {
    account
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(amount).filter(|sum| *sum <= limit)
        })
        .map(|_| ())
        .map_err(|used| used.saturating_add(amount))
}

/// Memory in use; dropping it gives the bytes back to the [`Budget`].
#[derive(Debug)]
#[must_use = "a charge that is dropped at once charges nothing"]
pub struct Charge {
    used: Arc<Used>,
    bytes: u64,
}

impl Charge {
    /// How many bytes are charged.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.used.memory.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_and_work_does_not() {
        let budget = Budget::new(Limits::default().with_memory(100).with_work(3));
        let charge = budget.memory("table", 60).unwrap();
        let error = budget.memory("table", 41).unwrap_err();
        assert_eq!((error.wanted, error.allowed), (101, 100));
        drop(charge);
        assert_eq!(budget.memory_used(), 0);
        assert!(budget.buffer("table", 100).is_ok());
        budget.work("step", 3).unwrap();
        assert_eq!(budget.work("step", 1).unwrap_err().unit, "steps");
    }

    #[test]
    fn sums_that_overflow_are_refused() {
        let budget = Budget::new(Limits::default().with_memory(u64::MAX));
        let _charge = budget.memory("table", u64::MAX).unwrap();
        assert_eq!(budget.memory("table", 1).unwrap_err().wanted, u64::MAX);
    }
}
