//! The compressions of Windows that NTFS stores files with.
//!
//! | what | where | specification |
//! |---|---|---|
//! | [`lznt1`] | files with the attribute *compressed* | [MS-XCA] 2.5 |
//! | [`Xpress`] | files compacted by the system, in chunks of 4, 8 or 16 KiB | [MS-XCA] 2.1 and 2.2, *LZ77+Huffman* |
//! | [`Lzx`] | the same, in chunks of 32 KiB | [MS-PATCH] 2, as WIM files have it |
//!
//! The caller says how long the output is, and no more than that is ever written; the work is
//! linear in the sum of input and output.
//!
//! [MS-XCA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-xca/
//! [MS-PATCH]: https://learn.microsoft.com/en-us/openspecs/exchange_server_protocols/ms-patch/

mod bits;
mod huffman;
mod lznt1;
mod lzx;
mod xpress;

pub use lznt1::lznt1;
pub use lzx::Lzx;
pub use xpress::Xpress;

/// The compressed bytes are not what any compressor makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the compressed data is damaged around byte {at}")]
#[non_exhaustive]
pub struct Damaged {
    /// Where in the input, in bytes; the bits that were read ahead make it a little late.
    pub at: usize,
}

/// Repeats `len` bytes from `distance` bytes back at `pos`; gives the position after them. `None`
/// when they start before the output does, or end after it.
fn repeat(output: &mut [u8], pos: usize, distance: usize, len: usize) -> Option<usize> {
    let start = pos.checked_sub(distance)?;
    let end = pos.checked_add(len)?;
    if distance == 0 || end > output.len() {
        return None;
    }
    // What was repeated may be repeated again, so that each step doubles what there is.
    let mut at = pos;
    while at < end {
        let n = at.checked_sub(start)?.min(end.checked_sub(at)?);
        output.copy_within(start..start.checked_add(n)?, at);
        at = at.checked_add(n)?;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_overlap_and_stay_inside() {
        let mut out = *b"abc.......";
        assert_eq!(repeat(&mut out, 3, 3, 7), Some(10));
        assert_eq!(&out, b"abcabcabca");
        let mut out = *b"x.....";
        assert_eq!(repeat(&mut out, 1, 1, 4), Some(5));
        assert_eq!(&out, b"xxxxx.");
        assert_eq!(repeat(&mut out, 1, 2, 1), None);
        assert_eq!(repeat(&mut out, 1, 0, 1), None);
        assert_eq!(repeat(&mut out, 1, 1, 6), None);
        assert_eq!(repeat(&mut out, 1, 1, usize::MAX), None);
    }
}
