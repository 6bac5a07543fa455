//! Lines of text files that may hold anything.

use std::borrow::Cow;

/// The lines of a text with their numbers, from 1; what is not UTF-8 is replaced, and the end of
/// a line may be `\n` or `\r\n`.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    rest: Option<&'a [u8]>,
    number: u32,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: Some(bytes),
            number: 0,
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (u32, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let end = rest.iter().position(|b| *b == b'\n');
        let (line, after) = match end {
            Some(end) => {
                let (line, after) = rest.split_at_checked(end)?;
                (line, after.get(1..))
            }
            None => (rest, None),
        };
        self.rest = after;
        self.number = self.number.saturating_add(1);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Some((self.number, String::from_utf8_lossy(line)))
    }
}

/// The first `max` characters of a text, for quoting hostile input in a sentence.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max).collect();
    short.push('…');
    short
}
