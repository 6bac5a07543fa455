//! Time as a number that comes in from outside.

use core::fmt;

/// A moment: seconds since 1970-01-01T00:00:00Z, and nanoseconds after that second.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Timestamp {
    /// Whole seconds; negative before 1970.
    pub secs: i64,
    /// Nanoseconds after them, 0 to 999 999 999.
    pub nanos: u32,
}

impl Timestamp {
    /// A whole second.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self { secs, nanos: 0 }
    }

    /// The moment `seconds` later; the last second there is, at most.
    #[must_use]
    pub fn plus_secs(self, seconds: u64) -> Self {
        let secs = self.secs.saturating_add_unsigned(seconds);
        Self { secs, ..self }
    }

    /// The moment `millis` thousandths of a second later; the last second there is, at most.
    #[must_use]
    pub fn plus_millis(self, millis: u64) -> Self {
        let nanos = u64::from(self.nanos).saturating_add((millis % 1000).saturating_mul(1_000_000));
        let seconds = (millis / 1000).saturating_add(nanos / 1_000_000_000);
        Self {
            secs: self.secs.saturating_add_unsigned(seconds),
            nanos: u32::try_from(nanos % 1_000_000_000).unwrap_or(0),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.secs, self.nanos)
    }
}
