//! A calendar day as three integers; the crate has no clock.

use core::fmt;
use core::str::FromStr;

/// A day of the Gregorian calendar, ordered by time.
///
/// There is no "today" here: whoever judges says which day it judges for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "RawDate", into = "RawDate"))]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// The unchecked shape of a [`Date`] in a document.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct RawDate {
    year: u16,
    month: u8,
    day: u8,
}

#[cfg(feature = "serde")]
impl TryFrom<RawDate> for Date {
    type Error = InvalidDate;

    fn try_from(raw: RawDate) -> Result<Self, InvalidDate> {
        Self::new(raw.year, raw.month, raw.day).ok_or(InvalidDate)
    }
}

#[cfg(feature = "serde")]
impl From<Date> for RawDate {
    fn from(date: Date) -> Self {
        Self {
            year: date.year,
            month: date.month,
            day: date.day,
        }
    }
}

/// The text or the numbers name no day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDate;

impl fmt::Display for InvalidDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a day of the calendar; write it as YYYY-MM-DD")
    }
}

impl core::error::Error for InvalidDate {}

impl Date {
    /// The day on which the 2026 edition starts to deprecate rows (M26).
    pub const DEPRECATION_2026: Self = Self {
        year: 2026,
        month: 2,
        day: 1,
    };

    /// The day on which UEFI came to all commercial Regions (SVC-BOOT-9).
    pub const UEFI_2024: Self = Self {
        year: 2024,
        month: 4,
        day: 18,
    };

    /// A day; `None` if the calendar has no such day.
    #[must_use]
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        if day >= 1 && day <= days_in(year, month) {
            Some(Self { year, month, day })
        } else {
            None
        }
    }

    /// The year, as written.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, 1 to 31.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }
}

/// Days of a month; 0 if there is no such month.
const fn days_in(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 0,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Date {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let mut parts = text.split('-');
        let (Some(year), Some(month), Some(day), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidDate);
        };
        if (year.len(), month.len(), day.len()) != (4, 2, 2) {
            return Err(InvalidDate);
        }
        let year = year.parse().map_err(|_| InvalidDate)?;
        let month = month.parse().map_err(|_| InvalidDate)?;
        let day = day.parse().map_err(|_| InvalidDate)?;
        Self::new(year, month, day).ok_or(InvalidDate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn dates_order_by_time_and_come_back_from_their_text() {
        let first: Date = "2026-01-31".parse().unwrap();
        assert!(first < Date::DEPRECATION_2026);
        assert_eq!(Date::DEPRECATION_2026.to_string(), "2026-02-01");
        assert_eq!("2026-02-01".parse(), Ok(Date::DEPRECATION_2026));
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in [
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-04-31",
            "2026-1-1",
            "2026-01-01-",
            "",
        ] {
            assert_eq!(text.parse::<Date>(), Err(InvalidDate), "{text}");
        }
        assert!(Date::new(2000, 2, 29).is_some());
    }
}
