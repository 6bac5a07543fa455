//! Text for a terminal. What comes out of an image is hostile: nothing of it may steer the
//! terminal.

use std::fmt::{self, Write as _};

/// Shows text with everything escaped that a terminal would act on instead of showing it: control
/// characters, and the ones that turn the direction of writing.
pub(crate) struct Safe<'a>(pub(crate) &'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if steers(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The same for text of several lines, whose line feeds and tabs stay.
pub(crate) fn safe_lines(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) && c != '\n' && c != '\t' {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The same for names that need not be UTF-8; other bytes are shown as `\xNN`.
pub(crate) fn safe_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let _ = write!(text, "{}", Safe(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A plural in its simplest form.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    let noun = if n == 1 { one } else { many };
    format!("{n} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(Safe("a\u{1b}[31mb\n").to_string(), "a\\u{1b}[31mb\\n");
        assert_eq!(Safe("a\u{202e}b\u{9b}c").to_string(), "a\\u{202e}b\\u{9b}c");
        assert_eq!(Safe("Größe 名").to_string(), "Größe 名");
        assert_eq!(safe_bytes(b"a\xff\x1bb"), "a\\xff\\u{1b}b");
        assert_eq!(safe_lines("a\tb\n\r"), "a\tb\n\\r");
    }
}
