//! `os-release`: a list of assignments in the shell's form.
//!
//! <https://www.freedesktop.org/software/systemd/man/latest/os-release.html>: no expansion of
//! variables; a value may stand in double or single quotes; in double quotes a backslash takes
//! the meaning of `"`, `$`, `\` and a backquote away; lines that start with `#` are comments.

/// Assignments that are taken; real files have about twenty.
pub const MAX_PAIRS: usize = 1024;

/// Reads the assignments, in order; of a name that is assigned twice both stay (the last one
/// holds, see [`get`]). A line that is no assignment is passed over.
///
/// ```
/// use vmie_guest::release::os_release::{get, parse};
///
/// let pairs = parse(b"NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID='12'\n");
/// assert_eq!(get(&pairs, "VERSION_ID"), Some("12"));
/// assert_eq!(pairs.len(), 3);
/// ```
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let mut chars = text.chars().peekable();
    let mut pairs = Vec::new();
    while chars.peek().is_some() && pairs.len() < MAX_PAIRS {
        while chars.peek().is_some_and(|c| c.is_whitespace()) {
            chars.next();
        }
        let mut name = String::new();
        while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(c);
        }
        let named = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
        if named && chars.next_if_eq(&'=').is_some() {
            pairs.push((name, value(&mut chars)));
        } else {
            // A comment, or no assignment.
            while chars.next_if(|c| *c != '\n').is_some() {}
        }
    }
    pairs
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn value(chars: &mut Chars<'_>) -> String {
    let mut value = String::new();
    // How much of the value stays when blanks at its end are cut: quoted and escaped ones stay.
    let mut kept = 0;
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        match c {
            '\'' => {
                for c in chars.by_ref() {
                    if c == '\'' {
                        break;
                    }
                    value.push(c);
                }
                kept = value.len();
            }
            '"' => {
                double_quoted(chars, &mut value);
                kept = value.len();
            }
            '\\' => {
                match chars.next() {
                    Some('\n') | None => {}
                    Some(escaped) => value.push(escaped),
                }
                kept = value.len();
            }
            c => {
                value.push(c);
                if !c.is_whitespace() {
                    kept = value.len();
                }
            }
        }
    }
    value.truncate(kept);
    value
}

fn double_quoted(chars: &mut Chars<'_>, value: &mut String) {
    while let Some(c) = chars.next() {
        match c {
            '"' => return,
            '\\' => match chars.peek() {
                Some(&c @ ('"' | '$' | '\\' | '`')) => {
                    chars.next();
                    value.push(c);
                }
                Some('\n') => {
                    chars.next();
                }
                _ => value.push('\\'),
            },
            c => value.push(c),
        }
    }
}

/// The value that holds for a name: the last one.
#[must_use]
pub fn get<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .rev()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// Writes assignments so that [`parse`] gives them back: names as they are, values in double
/// quotes. Pairs whose name is none are left out.
#[must_use]
pub fn render(pairs: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        text.push_str(name);
        text.push_str("=\"");
        for c in value.chars() {
            if matches!(c, '"' | '$' | '\\' | '`') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push_str("\"\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    #[test]
    fn quoting_is_that_of_the_shell() {
        let parsed = parse(
            b"# comment=1\n  ID=debian  \nNAME=\"A \\\"b\\\" \\$c \\n\"\r\nX='it''s \\ $' \nY=a\\ b\\\nc\n\
              EMPTY=\nE2=\"\"\n1BAD=x\nBAD LINE\nexport Z=1\nMULTI=\"a\nb\"\nMIX=a\"b c\"'d'\nLAST=x",
        );
        assert_eq!(
            parsed,
            pairs(&[
                ("ID", "debian"),
                ("NAME", "A \"b\" $c \\n"),
                ("X", "its \\ $"),
                ("Y", "a bc"),
                ("EMPTY", ""),
                ("E2", ""),
                ("MULTI", "a\nb"),
                ("MIX", "ab cd"),
                ("LAST", "x"),
            ])
        );
        let twice = pairs(&[("A", "1"), ("A", "2")]);
        assert_eq!(get(&twice, "A"), Some("2"));
        assert_eq!(get(&twice, "B"), None);
    }

    #[test]
    fn a_cut_file_keeps_what_stood_before() {
        let text = b"ID=debian\nVERSION_ID=\"12\"\n";
        for len in 0..text.len() {
            let parsed = parse(&text[..len]);
            assert!(parsed.len() <= 2);
            if len >= 9 {
                assert_eq!(get(&parsed, "ID"), Some("debian"));
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_read_back(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
            let parsed = parse(&bytes);
            prop_assert!(parsed.len() <= MAX_PAIRS);
            prop_assert_eq!(parse(render(&parsed).as_bytes()), parsed);
        }

        #[test]
        fn values_of_any_text_survive(value in "[ -~\n\t]{0,40}") {
            let one = vec![("KEY".to_owned(), value)];
            prop_assert_eq!(parse(render(&one).as_bytes()), one);
        }
    }
}
