//! Time and chance, taken from the operating system here and nowhere below.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::Read as _;

use vmie_rules::Date;
use vmie_tasks::Timestamp;

/// The moment it is.
#[must_use]
pub fn now() -> Timestamp {
    let now = jiff::Timestamp::now();
    // Before 1970, the parts of a time are both negative; no clock that is set is there.
    Timestamp {
        secs: now.as_second(),
        nanos: u32::try_from(now.subsec_nanosecond()).unwrap_or(0),
    }
}

/// The day it is, in UTC.
#[must_use]
pub fn today() -> Date {
    let date = jiff::tz::TimeZone::UTC
        .to_datetime(jiff::Timestamp::now())
        .date();
    let parts = (
        u16::try_from(date.year()).ok(),
        u8::try_from(date.month()).ok(),
        u8::try_from(date.day()).ok(),
    );
    let day = match parts {
        (Some(year), Some(month), Some(day)) => Date::new(year, month, day),
        _ => None,
    };
    // jiff's dates are days of the calendar, except before the year 0.
    day.unwrap_or(Date::DEPRECATION_2026)
}

/// A number that nobody can guess, to make ids from.
pub(crate) fn seed() -> u64 {
    let mut bytes = [0; 8];
    match File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)) {
        Ok(()) => u64::from_le_bytes(bytes),
        // Where there is no such device, the standard library seeds its hashes from the system.
        Err(_) => RandomState::new().build_hasher().finish(),
    }
}
