//! When a block was written last: version 5 stamps that into almost every block, as the place in the
//! log. What is stamped as late as the log's own copy must not be overwritten by it.

/// Where the stamp and the filesystem's UUID stand in a block, by what it starts with.
const BY_MAGIC: [(&[u8; 4], usize, usize); 19] = [
    // B+trees with 32-bit pointers.
    (b"AB3B", 24, 32),
    (b"AB3C", 24, 32),
    (b"ABTB", 24, 32),
    (b"ABTC", 24, 32),
    (b"IAB3", 24, 32),
    (b"IABT", 24, 32),
    (b"FIB3", 24, 32),
    (b"FIBT", 24, 32),
    (b"RMB3", 24, 32),
    (b"R3FC", 24, 32),
    // B+trees with 64-bit pointers.
    (b"BMA3", 32, 40),
    (b"BMAP", 32, 40),
    // Headers of allocation groups.
    (b"XAGF", 208, 64),
    (b"XAFL", 24, 8),
    (b"XAGI", 320, 296),
    // Symbolic links.
    (b"XSLM", 48, 16),
    // Names and free space of directories.
    (b"XDB3", 16, 24),
    (b"XDD3", 16, 24),
    (b"XDF3", 16, 24),
];

/// Indexes of directories and blocks of attributes have another kind of magic, at byte 8.
const DA_MAGICS: [u16; 4] = [0x3df1, 0x3dff, 0x3ebe, 0x3bee];

/// Where the stamp of a superblock is.
const SB: (&[u8; 4], usize) = (b"XFSB", 240);

/// When the block was written last; `None` where it does not say so, or says it of another
/// filesystem that was here before.
pub(super) fn lsn_of(block: &[u8], meta_uuid: &[u8; 16]) -> Option<u64> {
    let magic: [u8; 4] = *block.first_chunk()?;
    let number = |at: usize| {
        let bytes = block.get(at..)?.first_chunk()?;
        Some(u64::from_be_bytes(*bytes)).filter(|lsn| *lsn != 0 && *lsn != u64::MAX)
    };
    if magic == *SB.0 {
        return number(SB.1);
    }
    let da = block.get(8..10)?;
    let (lsn, uuid) = BY_MAGIC
        .iter()
        .find(|(known, ..)| **known == magic)
        .map(|(_, lsn, uuid)| (*lsn, *uuid))
        .or_else(|| {
            let magics = DA_MAGICS.map(u16::to_be_bytes);
            magics.iter().any(|known| known == da).then_some((24, 32))
        })?;
    let same = block.get(uuid..)?.first_chunk() == Some(meta_uuid);
    if same { number(lsn) } else { None }
}
