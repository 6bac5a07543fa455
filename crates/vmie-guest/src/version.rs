//! Versions in the order that package managers have them.

use std::cmp::Ordering;

/// Compares two versions as RPM does: runs of digits as numbers, runs of letters as texts, a
/// number after a text, everything else parts the runs; `~` is before the end, `^` after it.
/// ([rpm-version(7)](https://rpm-software-management.github.io/rpm/man/rpm-version.7))
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        left = after_separators(left);
        right = after_separators(right);
        match (left.first(), right.first()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                left = left.get(1..).unwrap_or_default();
                right = right.get(1..).unwrap_or_default();
                continue;
            }
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            (Some(b'^'), None) => return Ordering::Greater,
            (None, Some(b'^')) => return Ordering::Less,
            (Some(b'^'), _) => return Ordering::Less,
            (_, Some(b'^')) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            (Some(_), None) => return Ordering::Greater,
            (None, Some(_)) => return Ordering::Less,
            (Some(l), Some(r)) => {
                let order = match (l.is_ascii_digit(), r.is_ascii_digit()) {
                    (true, true) => {
                        let (a, b) = (
                            run(&mut left, u8::is_ascii_digit),
                            run(&mut right, u8::is_ascii_digit),
                        );
                        let (a, b) = (without_zeros(a), without_zeros(b));
                        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
                    }
                    (true, false) => Ordering::Greater,
                    (false, true) => Ordering::Less,
                    (false, false) => {
                        let a = run(&mut left, u8::is_ascii_alphabetic);
                        let b = run(&mut right, u8::is_ascii_alphabetic);
                        a.cmp(b)
                    }
                };
                if order.is_ne() {
                    return order;
                }
            }
        }
    }
}

fn after_separators(text: &[u8]) -> &[u8] {
    let skip = text
        .iter()
        .take_while(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'~' | b'^'))
        .count();
    text.get(skip..).unwrap_or_default()
}

fn run<'a>(text: &mut &'a [u8], of: fn(&u8) -> bool) -> &'a [u8] {
    let len = text.iter().take_while(|b| of(b)).count();
    let (run, rest) = text.split_at_checked(len).unwrap_or_default();
    *text = rest;
    run
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let skip = digits.iter().take_while(|b| **b == b'0').count();
    digits.get(skip..).unwrap_or_default()
}

/// Compares names of the form name-version-release part by part, as GRUB sorts its entries
/// (`<machine id>-5.14.0-362.el9.x86_64`).
pub(crate) fn compare_nvr(left: &str, right: &str) -> Ordering {
    let (l, r) = (nvr(left), nvr(right));
    compare(l.0, r.0)
        .then_with(|| compare(l.1, r.1))
        .then_with(|| compare(l.2, r.2))
}

fn nvr(text: &str) -> (&str, &str, &str) {
    let Some((rest, release)) = text.rsplit_once('-') else {
        return ("", "", text);
    };
    match rest.rsplit_once('-') {
        Some((name, version)) => (name, version, release),
        None => ("", rest, release),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_in_rpms_order() {
        let rising = [
            "1.0~rc1", "1.0", "1.0^git1", "1.0.a", "1.0.1", "1.9", "1.10", "2a", "2.0", "10",
        ];
        for pair in rising.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("1.05", "1_5"), Ordering::Equal);
    }

    #[test]
    fn entries_sort_as_grub_sorts_them() {
        let mut ids = [
            "m-0-rescue",
            "m-5.14.0-70.el9.x86_64",
            "m-5.14.0-362.8.1.el9.x86_64",
            "m-6.1.0-1.el9.x86_64",
        ];
        ids.sort_by(|a, b| compare_nvr(b, a));
        assert_eq!(
            ids,
            [
                "m-6.1.0-1.el9.x86_64",
                "m-5.14.0-362.8.1.el9.x86_64",
                "m-5.14.0-70.el9.x86_64",
                "m-0-rescue",
            ]
        );
    }

    proptest! {
        #[test]
        fn the_order_is_one(a in "[0-9a-c.~^-]{0,8}", b in "[0-9a-c.~^-]{0,8}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
        }
    }
}
