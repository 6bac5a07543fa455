//! Patterns of names, as the shell has them.

/// Whether a name matches a pattern: `*` stands for any bytes, `?` for one, `[a-z]` and `[!a-z]` for
/// one of a set; a backslash takes the next byte as it is.
///
/// Takes time in proportion to the product of both lengths at most.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (pattern, name);
    // Where to go on when what follows the last star does not match: the star takes one byte more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = p {
            p = rest;
            retry = Some((rest, n));
            continue;
        }
        let step = match (p, n) {
            ([], []) => return true,
            (_, []) => return false,
            (_, [byte, after @ ..]) => one(p, *byte).map(|rest| (rest, after)),
        };
        (p, n) = match (step, retry) {
            (Some(step), _) => step,
            (None, Some((after_star, [_, rest @ ..]))) => {
                retry = Some((after_star, rest));
                (after_star, rest)
            }
            (None, _) => return false,
        };
    }
}

/// Matches one byte; gives the rest of the pattern.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [b'?', rest @ ..] => Some(rest),
        [b'\\', literal, rest @ ..] => (*literal == byte).then_some(rest),
        [b'[', set @ ..] => match in_set(set, byte) {
            Some((true, rest)) => Some(rest),
            Some((false, _)) => None,
            // Without an end it is no set.
            None => (byte == b'[').then_some(set),
        },
        [literal, rest @ ..] => (*literal == byte).then_some(rest),
        [] => None,
    }
}

/// Whether a set has a byte, and what follows the set; `None` when it does not end.
fn in_set(set: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let (negated, mut rest) = match set {
        [b'!' | b'^', rest @ ..] => (true, rest),
        _ => (false, set),
    };
    let mut found = false;
    let mut first = true;
    loop {
        rest = match rest {
            [] => return None,
            [b']', after @ ..] if !first => return Some((found != negated, after)),
            [low, b'-', high, after @ ..] if *high != b']' => {
                found |= (*low..=*high).contains(&byte);
                after
            }
            [single, after @ ..] => {
                found |= *single == byte;
                after
            }
        };
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_the_shell() {
        for (pattern, name, yes) in [
            ("*.conf", "grub.conf", true),
            ("*.conf", "grub.conf2", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("?", "", false),
            ("a?c", "abc", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("[a-c]*", "bz", true),
            ("[!a-c]*", "bz", false),
            ("[]x]", "]", true),
            ("[x", "[x", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("[a-]", "-", true),
            ("vmlinuz-*", "vmlinuz-6.1.0", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                yes,
                "{pattern} {name}"
            );
        }
        let many = "*a".repeat(100) + "b";
        assert!(!matches(many.as_bytes(), "a".repeat(3000).as_bytes()));
    }
}
