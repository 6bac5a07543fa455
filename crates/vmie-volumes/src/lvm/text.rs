//! The text in which LVM2 describes a volume group: sections in braces, and values that are numbers,
//! strings or lists of both.

use std::borrow::Cow;

use super::format::MAX_SECTIONS;

/// A section's entries, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Section<'t> {
    pub(super) entries: Vec<(Cow<'t, str>, Node<'t>)>,
}

/// What stands under a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node<'t> {
    Section(Section<'t>),
    Value(Value<'t>),
}

/// A value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'t> {
    Number(u64),
    /// A string, or a number that is not a natural one.
    Text(Cow<'t, str>),
    List(Vec<Value<'t>>),
}

impl<'t> Section<'t> {
    pub(super) fn section(&self, name: &str) -> Option<&Section<'t>> {
        match self.get(name)? {
            Node::Section(section) => Some(section),
            Node::Value(_) => None,
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Node::Value(Value::Number(n)) => Some(*n),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Node::Value(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The values of a list; a lone value is a list of one.
    pub(super) fn list(&self, name: &str) -> Option<&[Value<'t>]> {
        match self.get(name)? {
            Node::Value(Value::List(list)) => Some(list),
            Node::Value(value) => Some(std::slice::from_ref(value)),
            Node::Section(_) => None,
        }
    }

    /// Whether a list of flags has this one.
    pub(super) fn has_flag(&self, name: &str, flag: &str) -> bool {
        let flags = self.list(name).unwrap_or_default();
        flags
            .iter()
            .any(|value| matches!(value, Value::Text(text) if text == flag))
    }

    fn get(&self, name: &str) -> Option<&Node<'t>> {
        self.entries
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, node)| node)
    }

    /// The sections in it, by name.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&str, &Section<'t>)> {
        self.entries.iter().filter_map(|(name, node)| match node {
            Node::Section(section) => Some((&**name, section)),
            Node::Value(_) => None,
        })
    }
}

/// How many nodes a text can hold at most: one for each mark that makes one.
pub(super) fn most_nodes(text: &str) -> usize {
    let marks = |b: &u8| matches!(b, b'=' | b'{' | b',' | b'[');
    text.bytes().filter(|b| marks(b)).count().saturating_add(1)
}

/// Parses a description; the error is the byte where it makes no sense.
pub(super) fn parse(text: &str) -> Result<Section<'_>, usize> {
    let mut parser = Parser { text, at: 0 };
    parser.section(0)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    /// The next character that is neither blank nor in a comment.
    fn peek(&mut self) -> Option<char> {
        loop {
            let rest = self.rest();
            let blank = rest
                .find(|c: char| !c.is_ascii_whitespace())
                .unwrap_or(rest.len());
            self.skip(blank);
            let next = self.rest().chars().next()?;
            if next != '#' {
                return Some(next);
            }
            let rest = self.rest();
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        }
    }

    fn take(&mut self, wanted: char) -> Result<(), usize> {
        match self.peek() {
            Some(c) if c == wanted => {
                self.skip(c.len_utf8());
                Ok(())
            }
            _ => Err(self.at),
        }
    }

    /// The entries up to the closing brace, or to the end of the text at depth 0.
    fn section(&mut self, depth: usize) -> Result<Section<'t>, usize> {
        let mut section = Section::default();
        loop {
            match self.peek() {
                None if depth == 0 => return Ok(section),
                Some('}') if depth > 0 => {
                    self.skip(1);
                    return Ok(section);
                }
                None | Some('}') => return Err(self.at),
                Some(_) => {}
            }
            let name = match self.peek() {
                Some('"') => self.string()?,
                _ => Cow::Borrowed(self.bare()?),
            };
            let node = match self.peek() {
                Some('{') if depth < MAX_SECTIONS => {
                    self.skip(1);
                    Node::Section(self.section(depth.saturating_add(1))?)
                }
                Some('=') => {
                    self.skip(1);
                    Node::Value(self.value()?)
                }
                _ => return Err(self.at),
            };
            section.entries.push((name, node));
        }
    }

    fn bare(&mut self) -> Result<&'t str, usize> {
        let rest = self.rest();
        let ends = |c: char| c.is_ascii_whitespace() || "={}[],\"#".contains(c);
        let len = rest.find(ends).unwrap_or(rest.len());
        match rest.get(..len) {
            Some(word) if len > 0 => {
                self.skip(len);
                Ok(word)
            }
            _ => Err(self.at),
        }
    }

    fn value(&mut self) -> Result<Value<'t>, usize> {
        if self.peek() != Some('[') {
            return self.scalar();
        }
        self.skip(1);
        let mut list = Vec::new();
        loop {
            match self.peek() {
                Some(']') => break,
                _ => list.push(self.scalar()?),
            }
            match self.peek() {
                Some(',') => self.skip(1),
                _ => break,
            }
        }
        self.take(']')?;
        Ok(Value::List(list))
    }

    fn scalar(&mut self) -> Result<Value<'t>, usize> {
        if self.peek() == Some('"') {
            return Ok(Value::Text(self.string()?));
        }
        let word = self.bare()?;
        Ok(match word.parse() {
            Ok(number) => Value::Number(number),
            Err(_) => Value::Text(Cow::Borrowed(word)),
        })
    }

    /// A string in quotes, in which a backslash protects quotes and backslashes.
    fn string(&mut self) -> Result<Cow<'t, str>, usize> {
        let start = self.at;
        self.take('"')?;
        let rest = self.rest();
        let mut escaped = false;
        let mut escapes = false;
        for (at, byte) in rest.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => {
                    escaped = true;
                    escapes = true;
                }
                b'"' => {
                    let inner = rest.get(..at).ok_or(start)?;
                    self.skip(at.saturating_add(1));
                    return Ok(if escapes {
                        Cow::Owned(unescape(inner))
                    } else {
                        Cow::Borrowed(inner)
                    });
                }
                _ => {}
            }
        }
        Err(start)
    }
}

fn unescape(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_description_is_parsed() {
        let text = "# by hand\nvg0 {\n\tid = \"a\\\"b\\\\\"\n seqno=3 # three\n\tstatus = [\"READ\", \"WRITE\",]\n\
                    empty = []\n sub { x = -1 y = 1.5\n} }\ncontents = \"Text\"\n\"q k\" = 1";
        let parsed = parse(text).unwrap();
        let vg = parsed.section("vg0").unwrap();
        assert_eq!(vg.text("id"), Some("a\"b\\"));
        assert_eq!(vg.number("seqno"), Some(3));
        assert!(vg.has_flag("status", "WRITE") && !vg.has_flag("status", "RE"));
        assert_eq!(vg.list("empty"), Some([].as_slice()));
        assert_eq!(vg.list("seqno"), Some([Value::Number(3)].as_slice()));
        let sub = vg.section("sub").unwrap();
        assert_eq!(
            (sub.text("x"), sub.text("y"), sub.number("x")),
            (Some("-1"), Some("1.5"), None)
        );
        assert_eq!(parsed.text("contents"), Some("Text"));
        assert_eq!(parsed.number("q k"), Some(1));
        assert_eq!(parsed.sections().count(), 1);
    }

    #[test]
    fn what_makes_no_sense_is_placed() {
        let deep = "a{".repeat(20);
        for (text, at) in [
            ("a", 1),
            ("a {", 3),
            ("a = ", 4),
            ("}", 0),
            ("a = [1 2]", 7),
            ("a = [1,", 7),
            ("a = \"x", 4),
            ("a = \"x\\\"", 4),
            ("a } b", 2),
            ("a = {", 4),
            ("= 1", 0),
            (&deep, 17),
        ] {
            assert_eq!(parse(text), Err(at), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_ends_in_an_answer(text in "[a-c={}\\[\\],\"\\\\# \n0-9é]{0,60}") {
            if let Ok(section) = parse(&text) {
                fn nodes(section: &Section<'_>) -> usize {
                    section.entries.iter().map(|(_, node)| 1 + match node {
                        Node::Section(section) => nodes(section),
                        Node::Value(Value::List(list)) => list.len(),
                        Node::Value(_) => 0,
                    }).sum()
                }
                prop_assert!(nodes(&section) <= most_nodes(&text));
            }
        }
    }
}
