//! CRC-32C as ext4 uses it: chained over what identifies a structure, then the structure, and
//! never inverted at the end.

use zerocopy::IntoBytes;

use super::format::Superblock;

/// Continues a checksum over more bytes.
pub(super) fn append(checksum: u32, bytes: &[u8]) -> u32 {
    // The crate inverts before and after, which ext4 does not.
    !crc32c::crc32c_append(!checksum, bytes)
}

/// The checksum of bytes with nothing before them.
pub(super) fn of(bytes: &[u8]) -> u32 {
    append(!0, bytes)
}

/// What `s_checksum` should be: over everything before it.
pub(super) fn superblock_checksum(sb: &Superblock) -> u32 {
    let bytes = sb.as_bytes();
    let covered = bytes.len().saturating_sub(4);
    of(bytes.get(..covered).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_is_the_published_one_not_inverted() {
        // CRC-32C of "123456789" is 0xe3069283.
        assert_eq!(of(b"123456789"), !0xe306_9283);
        assert_eq!(append(of(b"1234"), b"56789"), of(b"123456789"));
    }
}
