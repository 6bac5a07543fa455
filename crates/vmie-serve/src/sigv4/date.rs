//! Dates as signatures have them: `20261126T120000Z`.

/// Seconds since 1970 of a date of this form, with or without `-` and `:`; `None` when it is no date.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let text: String = text.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    if text.len() != 16 || !text.is_ascii() || text.get(8..9)? != "T" || text.get(15..)? != "Z" {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
    let is_date = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let of_day = hour
        .checked_mul(3600)?
        .checked_add(minute.checked_mul(60)?)?
        .checked_add(second)?;
    days_before(year, month, day)?
        .checked_mul(86_400)?
        .checked_add(of_day)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 to a day of the calendar: years are counted from March, so that the day that leap
/// years have is a year's last.
fn days_before(year: i64, month: i64, day: i64) -> Option<i64> {
    let (year, month) = if month > 2 {
        (year, month.checked_sub(3)?)
    } else {
        (year.checked_sub(1)?, month.checked_add(9)?)
    };
    let leaps = year
        .div_euclid(4)
        .checked_sub(year.div_euclid(100))?
        .checked_add(year.div_euclid(400))?;
    let of_year = month.checked_mul(153)?.checked_add(2)?.div_euclid(5);
    // From 0000-03-01 to 1970-01-01 there are 719 468 days.
    year.checked_mul(365)?
        .checked_add(leaps)?
        .checked_add(of_year)?
        .checked_add(day)?
        .checked_sub(719_469)
}

/// A moment in the form that signatures have.
#[must_use]
pub fn format_date(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The year that begins before this day: a guess from below, then up.
    let mut year = days.div_euclid(366).saturating_add(1970);
    let first = |year: i64| days_before(year, 1, 1).unwrap_or(i64::MAX);
    while first(year.saturating_add(1)) <= days {
        year = year.saturating_add(1);
    }
    let mut month = 1;
    let mut left = days.saturating_sub(first(year));
    while left >= days_of(year, month) {
        left = left.saturating_sub(days_of(year, month));
        month = month.saturating_add(1);
    }
    let (day, hour) = (left.saturating_add(1), of_day.div_euclid(3600));
    let (minute, second) = (of_day.div_euclid(60).rem_euclid(60), of_day.rem_euclid(60));
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (text, seconds) in [
            ("19700101T000000Z", 0),
            ("20150830T123600Z", 1_440_938_160),
            ("2026-11-26T12:31:45Z", 1_795_696_305),
            ("20240229T235959Z", 1_709_251_199),
            ("20000301T000000Z", 951_868_800),
        ] {
            assert_eq!(parse_date(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "20150830",
            "20150830T123600",
            "20150830T126000Z",
            "20150229T000000Z",
            "20151301T000000Z",
            "2015083aT123600Z",
            "20150830 123600Z",
            "+0150830T123600Z",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        for days in (0..60_000).step_by(13) {
            let seconds = days * 86_400 + 86_399;
            assert_eq!(parse_date(&format_date(seconds)), Some(seconds));
        }
    }
}
