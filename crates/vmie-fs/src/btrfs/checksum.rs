//! The checksums that a filesystem may have chosen.

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};

use super::format::CSUM_SIZE;

/// How a filesystem makes its checksums (`csum_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checksum {
    Crc32c,
    XxHash64,
    Sha256,
    Blake2b,
}

impl Checksum {
    /// By the number in the superblock.
    pub(super) fn new(csum_type: u16) -> Option<Self> {
        Some(match csum_type {
            0 => Self::Crc32c,
            1 => Self::XxHash64,
            2 => Self::Sha256,
            3 => Self::Blake2b,
            _ => return None,
        })
    }

    /// Bytes of one checksum of data.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Crc32c => 4,
            Self::XxHash64 => 8,
            Self::Sha256 | Self::Blake2b => 32,
        }
    }

    /// The checksum, padded with zeroes.
    pub(super) fn of(self, bytes: &[u8]) -> [u8; CSUM_SIZE] {
        let mut sum = [0; CSUM_SIZE];
        let mut put = |value: &[u8]| {
            for (to, from) in sum.iter_mut().zip(value) {
                *to = *from;
            }
        };
        match self {
            Self::Crc32c => put(&crc32c::crc32c(bytes).to_le_bytes()),
            Self::XxHash64 => put(&xxhash_rust::xxh64::xxh64(bytes, 0).to_le_bytes()),
            Self::Sha256 => put(&sha2::Sha256::digest(bytes)),
            Self::Blake2b => put(&Blake2b::<U32>::digest(bytes)),
        }
        sum
    }

    /// Whether `bytes` have the checksum that `stored` starts with.
    pub(super) fn matches(self, bytes: &[u8], stored: &[u8]) -> bool {
        let sum = self.of(bytes);
        sum.get(..self.size()) == stored.get(..self.size())
    }

    /// Whether a superblock or node has the checksum that it starts with.
    pub(super) fn is_sealed(self, block: &[u8]) -> bool {
        block
            .split_at_checked(CSUM_SIZE)
            .is_some_and(|(stored, covered)| self.matches(covered, stored))
    }
}

/// What names in directories and of attributes are found by: CRC-32C that starts with -2 and is
/// not inverted at its end ("Name hashing").
pub(super) fn name_hash(name: &[u8]) -> u32 {
    // The crate inverts at both ends.
    !crc32c::crc32c_append(1, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_checksums() {
        let hex = |sum: [u8; 32]| sum.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let check = b"123456789";
        assert_eq!(Checksum::Crc32c.of(check)[..4], [0x83, 0x92, 0x06, 0xe3]);
        // XXH64 of nothing with seed 0.
        let empty = 0xef46_db37_51d8_e999_u64.to_le_bytes();
        assert_eq!(Checksum::XxHash64.of(b"")[..8], empty);
        assert!(hex(Checksum::Sha256.of(b"abc")).starts_with("ba7816bf8f01cfea"));
        assert!(hex(Checksum::Blake2b.of(b"")).starts_with("0e5751c026e543b2"));
        assert_eq!(Checksum::new(4), None);
    }

    #[test]
    fn the_hash_of_the_default_subvolume() {
        // The key under which every filesystem has the name "default".
        assert_eq!(name_hash(b"default"), 2_378_154_706);
    }
}
