//! Percent encoding (RFC 3986), and `+` for a blank as forms have it.

use std::borrow::Cow;

/// Decodes a name or a value; `None` if an escape is cut or no number, or the bytes are no UTF-8.
pub(super) fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = digit(*rest.next()?)?;
                let low = digit(*rest.next()?)?;
                (high << 4) | low
            }
            byte => *byte,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Encodes a value, and a blank as `%20`: that is right in bodies and in queries alike.
pub(super) fn encode(text: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let hex = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(hex(byte >> 4)));
            out.push(char::from(hex(byte & 0xf)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (text, decoded) in [
            ("a+b%20c", Some("a b c")),
            ("%C3%a4", Some("ä")),
            ("ä", Some("ä")),
            ("", Some("")),
            ("%", None),
            ("%4", None),
            ("%4G", None),
            ("%+1", None),
            ("%C3", None),
            ("%ff", None),
        ] {
            assert_eq!(decode(text.as_bytes()).as_deref(), decoded, "{text}");
        }
        assert_eq!(decode(b"\xff"), None);
    }

    proptest::proptest! {
        #[test]
        fn texts_come_back(text in "\\PC*|.*") {
            let mut encoded = String::new();
            encode(&text, &mut encoded);
            proptest::prop_assert!(encoded.is_ascii());
            let decoded = decode(encoded.as_bytes());
            proptest::prop_assert_eq!(decoded.as_deref(), Some(text.as_str()));
        }
    }
}
