//! Patterns: `*` for any text, `?` for one character, `${…}` for a variable.

use alloc::vec::Vec;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Any,
    One,
    This(char),
}

/// How a pattern is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// `${…}` is a variable: so since version 2012-10-17, text before.
    pub(super) variables: bool,
    /// `*` and `?` are wildcards.
    pub(super) wildcards: bool,
    /// Letters are compared without regard to case.
    pub(super) caseless: bool,
}

/// Whether a text fits a pattern; `None` if that depends on a variable.
pub(super) fn fits(pattern: &str, text: &str, reading: Reading) -> Option<bool> {
    let tokens = tokens(pattern, reading)?;
    let text: Vec<char> = text.chars().collect();
    Some(tokens_fit(&tokens, &text, reading.caseless))
}

/// Whether a text fits a pattern of `*` for any text and `?` for one character, and no variables:
/// filters of lists take such patterns, too.
#[must_use]
pub fn fits_wildcards(pattern: &str, text: &str) -> bool {
    let reading = Reading {
        variables: false,
        wildcards: true,
        caseless: false,
    };
    fits(pattern, text, reading) == Some(true)
}

/// Whether an ARN fits a pattern: each of their six parts for itself, so that a wildcard does not reach
/// over a colon of the first five. A pattern with fewer parts goes on with wildcards.
pub(super) fn arn_fits(pattern: &str, text: &str, reading: Reading) -> Option<bool> {
    if pattern == "*" {
        return Some(true);
    }
    let mut parts = text.splitn(6, ':');
    let mut known = true;
    for pattern in arn_parts(pattern) {
        let Some(part) = parts.next() else {
            return Some(false);
        };
        match fits(pattern, part, reading) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => known = false,
        }
    }
    known.then_some(true)
}

/// The parts of a pattern for ARNs. A colon within `${…}` separates nothing.
fn arn_parts(pattern: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while parts.len() < 5 {
        let mut within = false;
        let colon = rest.char_indices().find(|(at, c)| {
            within = match c {
                '$' => rest.get(*at..).is_some_and(|rest| rest.starts_with("${")) || within,
                '}' => false,
                _ => within,
            };
            *c == ':' && !within
        });
        let Some((at, _)) = colon else { break };
        let (part, after) = rest.split_at(at);
        parts.push(part);
        rest = after.strip_prefix(':').unwrap_or(after);
    }
    parts.push(rest);
    parts
}

/// Whether a text has a variable in it that is not one of the three that stand for themselves.
pub(super) fn variable(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}')?;
        if !matches!(name, "*" | "?" | "$") {
            return Some(name);
        }
        rest = after;
    }
    None
}

fn tokens(pattern: &str, reading: Reading) -> Option<Vec<Token>> {
    if reading.variables && variable(pattern).is_some() {
        return None;
    }
    let mut tokens = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let escape = reading.variables && c == '$';
        let literal = escape.then(|| literal(chars.as_str())).flatten();
        tokens.push(match (literal, c) {
            (Some(literal), _) => {
                // The three characters of `{*}`.
                chars.nth(2);
                Token::This(literal)
            }
            (None, '*') if reading.wildcards => Token::Any,
            (None, '?') if reading.wildcards => Token::One,
            (None, c) => Token::This(c),
        });
    }
    Some(tokens)
}

/// `{*}`, `{?}` and `{$}` after a `$` stand for the character itself.
fn literal(after: &str) -> Option<char> {
    ['*', '?', '$'].into_iter().find(|c| {
        let mut chars = after.chars();
        [Some('{'), Some(*c), Some('}')]
            .iter()
            .all(|wanted| chars.next() == *wanted)
    })
}

/// Goes on from the last `*` whenever something does not fit: at most the product of both lengths.
fn tokens_fit(tokens: &[Token], text: &[char], caseless: bool) -> bool {
    let same = |a: char, b: char| a == b || (caseless && a.eq_ignore_ascii_case(&b));
    let (mut at, mut place) = (0_usize, 0_usize);
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = text.get(place) {
        match tokens.get(at) {
            Some(Token::Any) => {
                at = at.saturating_add(1);
                star = Some((at, place));
            }
            Some(Token::One) => {
                at = at.saturating_add(1);
                place = place.saturating_add(1);
            }
            Some(Token::This(wanted)) if same(*wanted, *c) => {
                at = at.saturating_add(1);
                place = place.saturating_add(1);
            }
            _ => {
                let Some((after, swallowed)) = star else {
                    return false;
                };
                let swallowed = swallowed.saturating_add(1);
                star = Some((after, swallowed));
                (at, place) = (after, swallowed);
            }
        }
    }
    let mut rest = tokens.iter().skip(at);
    rest.all(|token| *token == Token::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WILD: Reading = Reading {
        variables: true,
        wildcards: true,
        caseless: false,
    };

    #[test]
    fn wildcards_fit_what_they_should() {
        for (pattern, text, expected) in [
            ("", "", Some(true)),
            ("*", "", Some(true)),
            ("a*c", "abbc", Some(true)),
            ("a*c", "abbd", Some(false)),
            ("a?c", "abc", Some(true)),
            ("a?c", "ac", Some(false)),
            ("*b*b*", "abab", Some(true)),
            ("ab", "abc", Some(false)),
            ("ä?", "äö", Some(true)),
            ("a${*}c", "abc", Some(false)),
            ("a${*}c", "a*c", Some(true)),
            ("${$}{x}", "${x}", Some(true)),
            ("a${", "a${", Some(true)),
            ("a${aws:username}", "a", None),
        ] {
            assert_eq!(fits(pattern, text, WILD), expected, "{pattern} {text}");
        }
        let old = Reading {
            variables: false,
            ..WILD
        };
        assert_eq!(fits("${aws:username}", "${aws:username}", old), Some(true));
        let exact = Reading {
            wildcards: false,
            ..WILD
        };
        assert_eq!(fits("a*", "ab", exact), Some(false));
        assert_eq!(fits("a*", "a*", exact), Some(true));
    }

    #[test]
    fn arns_are_compared_part_by_part() {
        for (pattern, text, expected) in [
            ("*", "anything", Some(true)),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a:b/c", Some(true)),
            ("arn:aws:s3:::b*", "arn:aws:s3:::b/k", Some(true)),
            ("arn:*:b", "arn:aws:s3:::b", Some(false)),
            (
                "arn:aws:vmie:*:1:*",
                "arn:aws:vmie:eu-west-1:1:task/x",
                Some(true),
            ),
            (
                "arn:aws:vmie:*:1:*",
                "arn:aws:vmie:eu-west-1:2:1:x",
                Some(false),
            ),
            ("arn:aws:s3", "arn:aws:s3:::b", Some(true)),
            ("arn:aws:s3:::b/*", "*", Some(false)),
            ("arn:aws:s3:::${aws:username}", "arn:aws:s3:::me", None),
            (
                "arn:aws:iam:::${aws:username}",
                "arn:aws:s3:::me",
                Some(false),
            ),
        ] {
            assert_eq!(arn_fits(pattern, text, WILD), expected, "{pattern} {text}");
        }
    }
}
