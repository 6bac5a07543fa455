//! Names and texts of hives.

/// A name of one byte a character.
pub(super) fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// UTF-16, what is not well formed being replaced.
pub(crate) fn utf16(bytes: &[u8]) -> String {
    let units = bytes
        .chunks_exact(2)
        .filter_map(|unit| unit.first_chunk::<2>())
        .map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Whether two names are the same to Windows, which minds no case.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
        || (!(a.is_ascii() && b.is_ascii())
            && a.chars()
                .flat_map(char::to_uppercase)
                .eq(b.chars().flat_map(char::to_uppercase)))
}

/// The hash in a hash leaf: of the name in upper case, base 37 ("Hash leaf").
pub(super) fn leaf_hash(name: &str) -> u32 {
    name.encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(byte) => u32::from(byte.to_ascii_uppercase()),
            Err(_) => u32::from(unit),
        })
        .fold(0, |hash: u32, unit| {
            hash.wrapping_mul(37).wrapping_add(unit)
        })
}
