//! Finding zeroes.

/// Bytes that are looked at together for being zero: the block of most filesystems, the least
/// that can be a hole.
pub(super) const BLOCK: usize = 4096;

/// Bytes at the start that are whole blocks of zeroes, or of data.
pub(super) fn run_of(bytes: &[u8], zero: bool) -> usize {
    bytes
        .chunks(BLOCK)
        .take_while(|block| is_zero(block) == zero)
        .map(<[u8]>::len)
        .fold(0, usize::saturating_add)
}

/// Whether all bytes are zero. The inner loop has no exit, so that it becomes vector code.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<64>();
    let none = |chunk: &[u8]| chunk.iter().fold(0, |sum, byte| sum | byte) == 0;
    chunks.iter().all(|chunk| none(chunk)) && none(rest)
}
