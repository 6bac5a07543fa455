//! GRUB's saved environment.

use std::collections::BTreeMap;

/// Bytes of the block.
pub const SIZE: usize = 1024;
/// What the block starts with.
const SIGNATURE: &[u8] = b"# GRUB Environment Block\n";

/// The variables of an environment block
/// ([GRUB manual, "The GRUB environment block"](https://www.gnu.org/software/grub/manual/grub/grub.html#Environment-block)):
/// 1024 bytes of `name=value` lines after a signature, filled up with `#`. In a value `\n` and
/// `\\` stand escaped. `None` when the signature is missing: GRUB then reads nothing of it.
///
/// ```
/// let mut block = b"# GRUB Environment Block\nsaved_entry=0\n".to_vec();
/// block.resize(1024, b'#');
/// assert_eq!(vmie_guest::grub::env::parse(&block).unwrap()["saved_entry"], "0");
/// ```
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    let block = bytes.get(..bytes.len().min(SIZE)).unwrap_or_default();
    let mut rest = block.strip_prefix(SIGNATURE)?;
    let mut variables = BTreeMap::new();
    while !rest.is_empty() {
        let mut line = Vec::new();
        let mut used = 0usize;
        let mut escaped = false;
        for &byte in rest {
            used = used.saturating_add(1);
            match byte {
                b'\\' if !escaped => escaped = true,
                b'\n' if !escaped => break,
                _ => {
                    escaped = false;
                    line.push(byte);
                }
            }
        }
        rest = rest.get(used..).unwrap_or_default();
        if line.first() == Some(&b'#') {
            continue;
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        if let Some((name, value)) = line.split_once('=') {
            variables.insert(name.to_owned(), value.to_owned());
        }
    }
    Some(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Vec<u8> {
        let mut bytes = [SIGNATURE, text.as_bytes()].concat();
        bytes.resize(SIZE, b'#');
        bytes
    }

    #[test]
    fn variables_are_read_up_to_the_filling() {
        let env = parse(&block(
            "# WARNING: Do not edit\nsaved_entry=ab-5.14\nkernelopts=root=UUID=1 ro\nbad\nx=a\\\\b\\\nc\n",
        ))
        .unwrap();
        assert_eq!(env["saved_entry"], "ab-5.14");
        assert_eq!(env["kernelopts"], "root=UUID=1 ro");
        assert_eq!(env["x"], "a\\b\nc");
        assert_eq!(env.len(), 3);
    }

    #[test]
    fn what_is_no_block_is_none() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"saved_entry=1\n"), None);
        let whole = block("a=1\n");
        for len in 0..whole.len() {
            assert_eq!(parse(&whole[..len]).is_some(), len >= SIGNATURE.len());
        }
    }
}
