//! The `test` command, also written `[ … ]`.

use super::Files;

/// How deep parentheses may nest.
const MAX_DEPTH: u32 = 16;

/// Whether the expression holds; one that cannot be understood does not.
/// ([GRUB manual, "test"](https://www.gnu.org/software/grub/manual/grub/grub.html#test))
pub(super) fn holds(words: &[String], files: &dyn Files) -> bool {
    let mut parser = Expression {
        words,
        files,
        depth: 0,
    };
    parser.any().unwrap_or(false) && parser.words.is_empty()
}

struct Expression<'a> {
    words: &'a [String],
    files: &'a dyn Files,
    depth: u32,
}

impl Expression<'_> {
    fn peek(&self, at: usize) -> Option<&str> {
        self.words.get(at).map(String::as_str)
    }

    fn skip(&mut self, n: usize) {
        self.words = self.words.get(n..).unwrap_or_default();
    }

    fn any(&mut self) -> Option<bool> {
        let mut value = self.all()?;
        while self.peek(0) == Some("-o") {
            self.skip(1);
            value |= self.all()?;
        }
        Some(value)
    }

    fn all(&mut self) -> Option<bool> {
        let mut value = self.one()?;
        while self.peek(0) == Some("-a") {
            self.skip(1);
            value &= self.one()?;
        }
        Some(value)
    }

    fn one(&mut self) -> Option<bool> {
        let mut negated = false;
        while self.peek(0) == Some("!") && self.words.len() > 1 {
            self.skip(1);
            negated = !negated;
        }
        let value = self.primary()?;
        Some(value != negated)
    }

    fn primary(&mut self) -> Option<bool> {
        if let (Some(left), Some(op), Some(right)) = (self.peek(0), self.peek(1), self.peek(2))
            && let Some(value) = compare(left, op, right)
        {
            self.skip(3);
            return Some(value);
        }
        if let (Some(op), Some(word)) = (self.peek(0), self.peek(1)) {
            let value = match op {
                "-z" => Some(word.is_empty()),
                "-n" => Some(!word.is_empty()),
                "-s" => Some(self.files.size(word).is_some_and(|size| size > 0)),
                "-f" => Some(self.files.size(word).is_some()),
                "-d" => Some(self.files.is_dir(word)),
                "-e" => Some(self.files.size(word).is_some() || self.files.is_dir(word)),
                _ => None,
            };
            if let Some(value) = value {
                self.skip(2);
                return Some(value);
            }
        }
        if self.peek(0) == Some("(") && self.depth < MAX_DEPTH {
            self.skip(1);
            self.depth = self.depth.saturating_add(1);
            let value = self.any()?;
            self.depth = self.depth.saturating_sub(1);
            if self.peek(0) != Some(")") {
                return None;
            }
            self.skip(1);
            return Some(value);
        }
        let value = !self.peek(0)?.is_empty();
        self.skip(1);
        Some(value)
    }
}

fn compare(left: &str, op: &str, right: &str) -> Option<bool> {
    let number = |text: &str| text.trim().parse::<i64>().unwrap_or(0);
    Some(match op {
        "=" | "==" => left == right,
        "!=" => left != right,
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        ">=" => left >= right,
        "-eq" => number(left) == number(right),
        "-ne" => number(left) != number(right),
        "-lt" => number(left) < number(right),
        "-le" => number(left) <= number(right),
        "-gt" => number(left) > number(right),
        "-ge" => number(left) >= number(right),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::NoFiles;
    use super::*;

    #[test]
    fn expressions_hold_or_do_not() {
        for (text, expected) in [
            ("", false),
            ("x", true),
            ("_", false),
            ("x = x", true),
            ("x == y", false),
            ("x != y -a _ = _", true),
            ("! x", false),
            ("! ! x", true),
            ("-z _", true),
            ("-n _ -o x", true),
            ("-z _ -a -f /custom.cfg", false),
            ("! -s /grubenv", true),
            ("( x = y -o 2 -gt 1 ) -a 10 -gt 9", true),
            ("( x", false),
            ("x y", false),
            ("1 -lt 2 3", false),
            ("!", true),
        ] {
            // `_` stands for the empty word.
            let words: Vec<String> = text
                .split(' ')
                .filter(|word| !word.is_empty())
                .map(|word| word.replace('_', ""))
                .collect();
            assert_eq!(holds(&words, &NoFiles), expected, "{text}");
        }
    }
}
