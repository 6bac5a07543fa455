//! The one form of a request that is signed.

use std::fmt::Write as _;

use hyper::HeaderMap;

/// The parameters of a query, decoded.
#[derive(Debug)]
pub(super) struct Query {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self {
            pairs: pairs.collect(),
        }
    }

    /// The value of a parameter that comes once.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.pairs.iter().filter(|(key, _)| key == name.as_bytes());
        match (all.next(), all.next()) {
            (Some((_, value)), None) => std::str::from_utf8(value).ok(),
            _ => None,
        }
    }

    /// Sorted by encoded name and value, without the signature itself.
    pub(super) fn canonical(&self) -> String {
        let mut pairs: Vec<(String, String)> = self
            .pairs
            .iter()
            .filter(|(name, _)| name != b"X-Amz-Signature")
            .map(|(name, value)| (encode(name), encode(value)))
            .collect();
        pairs.sort();
        let pairs: Vec<String> = pairs
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("&")
    }
}

/// The path: each segment is encoded once more.
pub(super) fn path(sent: &str) -> String {
    if sent.is_empty() {
        return "/".to_owned();
    }
    let segments: Vec<String> = sent.split('/').map(|one| encode(one.as_bytes())).collect();
    segments.join("/")
}

/// The signed headers, one a line: values trimmed, runs of spaces made one, several values of a name
/// joined by commas.
pub(super) fn canonical_headers(headers: &HeaderMap, signed: &[&str]) -> Option<String> {
    let mut text = String::new();
    for name in signed {
        let mut values = Vec::new();
        for value in headers.get_all(*name) {
            let value = std::str::from_utf8(value.as_bytes()).ok()?;
            let words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
            values.push(words.join(" "));
        }
        let _ = writeln!(text, "{name}:{}", values.join(","));
    }
    Some(text)
}

fn decode(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    loop {
        rest = match rest {
            [] => return decoded,
            [b'%', high, low, after @ ..] if hexadecimal([*high, *low]).is_some() => {
                decoded.extend(hexadecimal([*high, *low]));
                after
            }
            [b'+', after @ ..] => {
                decoded.push(b' ');
                after
            }
            [byte, after @ ..] => {
                decoded.push(*byte);
                after
            }
        };
    }
}

fn hexadecimal(digits: [u8; 2]) -> Option<u8> {
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()
}

/// Everything but letters, digits, `-`, `.`, `_` and `~` as `%XX`.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
