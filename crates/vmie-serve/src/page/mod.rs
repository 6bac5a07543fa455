//! The page at `/`: one document, which loads nothing from elsewhere.

use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};

/// The document.
pub(crate) const HTML: &str = include_str!("page.html");

/// What the page may do: run the one script and the one style sheet that are in it, and ask this
/// service.
pub(crate) fn policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        let hash = |tag: &str| base64(&Sha256::digest(between(tag).as_bytes()));
        format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
             img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash("script"),
            hash("style")
        )
    })
}

/// What stands in the only element of a name.
fn between(tag: &str) -> &'static str {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    HTML.split_once(&open)
        .and_then(|(_, rest)| rest.split_once(&close))
        .map_or("", |(content, _)| content)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |n: u32| {
        let place = usize::try_from(n & 63).unwrap_or(0);
        DIGITS.get(place).copied().map_or('=', char::from)
    };
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let byte = |i: usize| u32::from(part.get(i).copied().unwrap_or(0));
        let n = byte(0) << 16 | byte(1) << 8 | byte(2);
        let shifts = [18, 12, 6, 0];
        for (i, shift) in shifts.into_iter().enumerate() {
            text.push(if i > part.len() {
                '='
            } else {
                digit(n >> shift)
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_what_is_in_the_page() {
        assert_eq!(base64(b"Man"), "TWFu");
        assert_eq!(base64(b"Ma"), "TWE=");
        assert_eq!(base64(b"M"), "TQ==");
        for tag in ["script", "style"] {
            assert!(between(tag).len() > 500, "{tag}");
            assert_eq!(HTML.matches(&format!("<{tag}")).count(), 1);
        }
        assert!(!HTML.contains("http://") && !HTML.contains("https://"));
        assert!(!between("script").contains("innerHTML"), "texts are data");
        assert!(policy().contains("script-src 'sha256-"));
    }
}
