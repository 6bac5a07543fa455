//! Versions and kernel releases, compared component by component as numbers.

use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;

/// A version as some source writes it (`12.04`, `7.9.2009`, `5.14.21`).
///
/// The text is kept for display; comparisons see its leading run of numbers, so `12.04` equals
/// `12.4` and `5.10` is later than `5.9`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Version(String);

impl Version {
    /// Takes a version as written.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The leading numbers (see [`numbers`]).
    pub fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        numbers(&self.0)
    }

    /// Whether every number of this version stands, in the same order, at the start of `other`.
    ///
    /// A version without numbers is the start of nothing.
    #[must_use]
    pub fn is_prefix_of(&self, other: &str) -> bool {
        is_prefix(&self.0, other)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Version {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// The numbers at the start of a version or kernel release: digits parted by `.`, `-`, `_` or `+`.
///
/// It ends at the first component that is not a number: `2.6.32-71.el6` gives 2, 6, 32, 71;
/// a component that mixes digits and letters (`69rc1`) does not count. A number beyond `u64`
/// reads as the largest `u64`: such a component equals nothing that a row lists.
pub fn numbers(text: &str) -> impl Iterator<Item = u64> + '_ {
    text.split(['.', '-', '_', '+']).map_while(|part| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse().unwrap_or(u64::MAX))
    })
}

/// Whether the numbers of `prefix` (at least one) are the first numbers of `text`.
#[must_use]
pub fn is_prefix(prefix: &str, text: &str) -> bool {
    let mut rest = numbers(text);
    let mut any = false;
    for number in numbers(prefix) {
        any = true;
        if rest.next() != Some(number) {
            return false;
        }
    }
    any
}

/// Compares the first `count` numbers; a missing one is 0.
pub(crate) fn compare_first(left: &str, right: &str, count: usize) -> Ordering {
    let fill = core::iter::repeat(0);
    let left = numbers(left).chain(fill.clone()).take(count);
    let right = numbers(right).chain(fill).take(count);
    left.cmp(right)
}

/// How many leading numbers a text has.
pub(crate) fn precision(text: &str) -> usize {
    numbers(text).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn a_prefix_is_one_of_numbers_not_of_characters() {
        for (prefix, release, expected) in [
            ("4.4", "4.4.21-69-default", true),
            ("4.4", "4.40.1", false),
            ("5.14.21", "5.14.21-150400.24.100-default", true),
            ("5.1", "5.14.21", false),
            ("2.6.32-71", "2.6.32-71.el6.x86_64", true),
            ("2.6.32-71", "2.6.32-715.el6.x86_64", false),
            ("6.1.0", "6.1.0-56-cloud-amd64", true),
            ("6.1.0", "6.1", false),
            ("12.04", "12.4", true),
            ("", "1.0", false),
            ("uek", "1.0", false),
        ] {
            assert_eq!(
                is_prefix(prefix, release),
                expected,
                "{prefix} of {release}"
            );
        }
    }

    #[test]
    fn the_numbers_end_at_the_first_word() {
        assert_eq!(
            numbers("5.15.0-3.60.el9uek").collect::<Vec<_>>(),
            vec![5, 15, 0, 3, 60]
        );
        assert_eq!(numbers("6.9-rc1").collect::<Vec<_>>(), vec![6, 9]);
        assert_eq!(numbers("9.stream").collect::<Vec<_>>(), vec![9]);
        assert_eq!(
            numbers("99999999999999999999").collect::<Vec<_>>(),
            vec![u64::MAX]
        );
    }

    #[test]
    fn ten_comes_after_nine() {
        assert_eq!(compare_first("5.10", "5.9", 2), Ordering::Greater);
        assert_eq!(compare_first("7.9.2009", "7.9", 2), Ordering::Equal);
    }
}
