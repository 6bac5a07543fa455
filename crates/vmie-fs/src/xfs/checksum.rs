//! CRC-32C as XFS uses it: over the whole structure with the checksum itself counted as zero,
//! stored little-endian.

/// Whether the checksum at `offset` of a structure is the right one.
pub(super) fn fits(bytes: &[u8], offset: usize) -> bool {
    of(bytes, offset).is_some_and(|sum| sum == found(bytes, offset))
}

/// The checksum that stands at `offset`; zero when the structure ends before.
pub(super) fn found(bytes: &[u8], offset: usize) -> u32 {
    bytes
        .get(offset..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |sum| u32::from_le_bytes(*sum))
}

/// What the checksum at `offset` should be; `None` when the structure ends before.
pub(super) fn of(bytes: &[u8], offset: usize) -> Option<u32> {
    let (before, rest) = bytes.split_at_checked(offset)?;
    let (_, after) = rest.split_first_chunk::<4>()?;
    let sum = crc32c::crc32c_append(crc32c::crc32c(before), &[0; 4]);
    Some(crc32c::crc32c_append(sum, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_itself_counts_as_zero() {
        let mut bytes = *b"12345____6789";
        let sum = of(&bytes, 5).unwrap();
        assert_eq!(sum, crc32c::crc32c(b"12345\0\0\0\x006789"));
        bytes[5..9].copy_from_slice(&sum.to_le_bytes());
        assert!(fits(&bytes, 5));
        bytes[12] ^= 1;
        assert!(!fits(&bytes, 5));
        assert!(!fits(&bytes[..7], 5));
    }
}
