//! Moments as texts: ISO 8601.

use std::fmt::Write as _;

use vmie_tasks::Timestamp;

const DAY: i64 = 86_400;
/// From 0000-03-01, where the calendar below begins, to 1970-01-01, in days.
const EPOCH: i64 = 719_468;
/// Days of 400 years, after which the calendar repeats.
const ERA: i64 = 146_097;
/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what four digits of a year can say.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;

/// Reads `2026-11-26T12:31:45.123Z`, or with an offset such as `+01:00` in place of the `Z`.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let (year, month, day) = numbers(date, '-')?;
    let (clock, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
    let (hour, minute, second) = numbers(clock, ':')?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, zone) = fraction(rest)?;
    let of_day = hour
        .checked_mul(3600)?
        .checked_add(minute.checked_mul(60)?)?;
    let of_day = of_day.checked_add(second)?;
    let days = days(year, month, day)?.checked_mul(DAY)?;
    let secs = days.checked_add(of_day)?.checked_sub(offset(zone)?)?;
    (FIRST..=LAST)
        .contains(&secs)
        .then_some(Timestamp { secs, nanos })
}

/// Three numbers with all their digits: four or two, two, two.
fn numbers(text: &str, mark: char) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(mark);
    let mut next = |widths: &[usize]| -> Option<i64> {
        let part = parts.next()?;
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        (digits && widths.contains(&part.len())).then(|| part.parse().ok())?
    };
    let first = if mark == '-' { 4 } else { 2 };
    let numbers = (next(&[first])?, next(&[2])?, next(&[2])?);
    parts.next().is_none().then_some(numbers)
}

/// What follows the seconds: `.` and up to nine digits, or nothing.
fn fraction(text: &str) -> Option<(u32, &str)> {
    let Some(after) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = after.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, zone) = after.split_at_checked(end)?;
    if !(1..=9).contains(&digits.len()) {
        return None;
    }
    let missing = u32::try_from(digits.len())
        .ok()
        .and_then(|len| 9u32.checked_sub(len))?;
    let nanos: u32 = digits.parse().ok()?;
    Some((nanos.checked_mul(10u32.checked_pow(missing)?)?, zone))
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, clock) = match zone.split_at_checked(1)? {
        ("+", clock) => (1i64, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let clock = clock.replace(':', "");
    if clock.len() != 4 || !clock.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hour, minute) = clock.split_at_checked(2)?;
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    let minutes = hour.checked_mul(60)?.checked_add(minute)?;
    (hour <= 23 && minute <= 59).then(|| sign.checked_mul(minutes.checked_mul(60)?))?
}

/// Days since 1970-01-01. Years begin in March here, so that the leap day is the last
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap =
        year.checked_rem(4)? == 0 && (year.checked_rem(100)? != 0 || year.checked_rem(400)? == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = year.checked_sub(i64::from(month <= 2))?;
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let month = month.checked_add(9)?.rem_euclid(12);
    let of_year = month
        .checked_mul(153)?
        .checked_add(2)?
        .div_euclid(5)
        .checked_add(day)?
        .checked_sub(1)?;
    let before = of_era.checked_mul(365)?.checked_add(of_era.div_euclid(4))?;
    let of_era = before
        .checked_sub(of_era.div_euclid(100))?
        .checked_add(of_year)?;
    era.checked_mul(ERA)?
        .checked_add(of_era)?
        .checked_sub(EPOCH)
}

/// Year, month, day of a number of days since 1970-01-01.
fn date(days: i64) -> Option<(i64, i64, i64)> {
    let days = days.checked_add(EPOCH)?;
    let of_era = days.rem_euclid(ERA);
    let leaps = of_era.div_euclid(1460);
    let years = of_era
        .checked_sub(leaps)?
        .checked_add(of_era.div_euclid(36_524))?;
    let years = years
        .checked_sub(of_era.div_euclid(146_096))?
        .div_euclid(365);
    let before = years.checked_mul(365)?.checked_add(years.div_euclid(4))?;
    let of_year = of_era.checked_sub(before.checked_sub(years.div_euclid(100))?)?;
    let month = of_year.checked_mul(5)?.checked_add(2)?.div_euclid(153);
    let first = month.checked_mul(153)?.checked_add(2)?.div_euclid(5);
    let day = of_year.checked_sub(first)?.checked_add(1)?;
    let month = month.checked_add(2)?.rem_euclid(12).checked_add(1)?;
    let year = days.div_euclid(ERA).checked_mul(400)?.checked_add(years)?;
    Some((year.checked_add(i64::from(month <= 2))?, month, day))
}

/// Writes a moment in UTC with as many digits as it needs, or with milliseconds. What lies outside
/// of the years 0 to 9999 is written as their end.
pub(crate) fn write(out: &mut String, time: Timestamp, millis: bool) {
    let secs = time.secs.clamp(FIRST, LAST);
    let Some((year, month, day)) = date(secs.div_euclid(DAY)) else {
        return;
    };
    let of_day = secs.rem_euclid(DAY);
    let (hour, minute, second) = (
        of_day.div_euclid(3600),
        of_day.rem_euclid(3600).div_euclid(60),
        of_day.rem_euclid(60),
    );
    // Writing into memory does not fail.
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    );
    let nanos = time.nanos.min(999_999_999);
    let _ = match nanos {
        _ if millis => write!(out, ".{:03}", nanos.div_euclid(1_000_000)),
        0 => Ok(()),
        nanos => write!(out, ".{nanos:09}"),
    };
    out.push('Z');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64, nanos: u32) -> Timestamp {
        Timestamp { secs, nanos }
    }

    #[test]
    fn known_moments() {
        for (text, time) in [
            ("1970-01-01T00:00:00Z", at(0, 0)),
            ("1969-12-31T23:59:59.5Z", at(-1, 500_000_000)),
            ("2000-02-29T12:00:00Z", at(951_825_600, 0)),
            ("2026-11-26T12:31:45.000000001Z", at(1_795_696_305, 1)),
            ("2026-11-26T13:31:45+01:00", at(1_795_696_305, 0)),
            ("2026-11-26T11:01:45-0130", at(1_795_696_305, 0)),
            ("0000-01-01T00:00:00Z", at(FIRST, 0)),
            ("9999-12-31T23:59:59Z", at(LAST, 0)),
        ] {
            assert_eq!(parse(text), Some(time), "{text}");
        }
    }

    #[test]
    fn no_moments() {
        for text in [
            "",
            "2026-11-26",
            "2026-11-26T12:31:45",
            "2026-11-26 12:31:45Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-11-26T24:00:00Z",
            "2026-11-26T12:31:60Z",
            "2026-11-26T12:31:45.Z",
            "2026-11-26T12:31:45.1234567890Z",
            "2026-11-26T12:31:45+1",
            "2026-11-26T12:31:45+25:00",
            "+026-11-26T12:31:45Z",
            "2026-11-26T12:31:4ÄZ",
            "0000-01-01T00:00:00+01:00",
            "1795696305",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn moments_come_back(secs in FIRST..=LAST, nanos in 0u32..1_000_000_000) {
            let mut text = String::new();
            write(&mut text, at(secs, nanos), false);
            proptest::prop_assert_eq!(parse(&text), Some(at(secs, nanos)));
            text.clear();
            write(&mut text, at(secs, nanos), true);
            let cut = nanos.div_euclid(1_000_000).saturating_mul(1_000_000);
            proptest::prop_assert_eq!(parse(&text), Some(at(secs, cut)));
        }

        #[test]
        fn any_moment_is_written(secs: i64, nanos: u32) {
            let mut text = String::new();
            write(&mut text, at(secs, nanos), true);
            proptest::prop_assert_eq!(text.len(), 24);
        }
    }
}
