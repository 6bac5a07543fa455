//! The tags of a descriptor block: which block each of the blocks after it belongs to.

use super::format::{HEADER_LEN, JournalIncompat, TAG_UUID_LEN, TAIL_LEN, TagFlags};

/// A tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// The block on the filesystem.
    pub(super) block: u64,
    pub(super) flags: TagFlags,
    /// Of the block's content in the journal; 16 bits of it in version 2.
    pub(super) checksum: u32,
}

/// The tags of a descriptor block, up to the last one.
pub(super) struct Tags<'a> {
    rest: &'a [u8],
    features: JournalIncompat,
    done: bool,
}

impl<'a> Tags<'a> {
    pub(super) fn new(block: &'a [u8], features: JournalIncompat) -> Self {
        let tail = if features.intersects(JournalIncompat::CSUM) {
            TAIL_LEN
        } else {
            0
        };
        let end = block.len().saturating_sub(tail);
        Self {
            rest: block.get(HEADER_LEN..end).unwrap_or_default(),
            features,
            done: false,
        }
    }

    fn parse(&self) -> Option<(Tag, usize)> {
        let word = |at: usize| -> Option<u32> {
            Some(u32::from_be_bytes(*self.rest.get(at..)?.first_chunk()?))
        };
        let half = |at: usize| -> Option<u32> {
            Some(u16::from_be_bytes(*self.rest.get(at..)?.first_chunk()?).into())
        };
        let wide = self.features.contains(JournalIncompat::BIT64);
        let low = word(0)?;
        let (flags, high, checksum, len) = if self.features.contains(JournalIncompat::CSUM_V3) {
            // Version 3 has one form, with the upper half always there.
            (word(4)?, if wide { word(8)? } else { 0 }, word(12)?, 16)
        } else {
            let high = if wide { word(8)? } else { 0 };
            let len = if wide { 12usize } else { 8 };
            let v2 = usize::from(self.features.contains(JournalIncompat::CSUM_V2));
            (
                half(6)?,
                high,
                half(4)?,
                len.saturating_add(v2.saturating_mul(2)),
            )
        };
        let flags = TagFlags::from_bits_retain(flags);
        let uuid = if flags.contains(TagFlags::SAME_UUID) {
            0
        } else {
            TAG_UUID_LEN
        };
        let tag = Tag {
            block: (u64::from(high) << 32) | u64::from(low),
            flags,
            checksum,
        };
        Some((tag, len.saturating_add(uuid)))
    }
}

impl Iterator for Tags<'_> {
    type Item = Tag;

    fn next(&mut self) -> Option<Tag> {
        if self.done {
            return None;
        }
        let (tag, len) = self.parse()?;
        self.done = tag.flags.contains(TagFlags::LAST_TAG);
        // A UUID that is cut off after the last tag matters to nobody.
        self.rest = self.rest.get(len..).unwrap_or_default();
        Some(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_of_the_journal_has_its_own_form() {
        let forms: [(JournalIncompat, &[u8]); 4] = [
            (JournalIncompat::empty(), b"\0\0\0\x09\xaa\xbb\0\x0a"),
            (
                JournalIncompat::BIT64,
                b"\0\0\0\x09\xaa\xbb\0\x0a\0\0\0\x01",
            ),
            (JournalIncompat::CSUM_V2, b"\0\0\0\x09\xaa\xbb\0\x0a\0\0"),
            (
                JournalIncompat::CSUM_V3.union(JournalIncompat::BIT64),
                b"\0\0\0\x09\0\0\0\x0a\0\0\0\x01\0\0\xaa\xbb",
            ),
        ];
        for (features, bytes) in forms {
            let mut block = vec![0; HEADER_LEN];
            block.extend_from_slice(bytes);
            block.resize(64, 0);
            let tags: Vec<Tag> = Tags::new(&block, features).collect();
            let high = u64::from(features.contains(JournalIncompat::BIT64));
            assert_eq!(
                tags,
                [Tag {
                    block: (high << 32) | 9,
                    flags: TagFlags::SAME_UUID | TagFlags::LAST_TAG,
                    checksum: 0xaabb,
                }],
                "{features:?}"
            );
        }
    }

    #[test]
    fn a_block_without_a_last_tag_ends_where_it_ends() {
        let block = vec![0; 1024];
        // Tags of 8 bytes, each with a UUID of 16.
        let tags = Tags::new(&block, JournalIncompat::empty());
        assert_eq!(tags.count(), (1024 - HEADER_LEN) / 24);
    }
}
