//! Names: UTF-16 that need not be well-formed, compared by the volume's own table of capitals.

use std::cmp::Ordering;
use std::sync::OnceLock;

use super::open::Ntfs;
use super::stream::Stream;
use crate::Error;

/// Units that are read at a time, and kept: most names need the first of them only.
const PAGE: usize = 4096;
const PAGES: usize = 65536 / PAGE;

/// `$UpCase`, read where it is needed.
#[derive(Debug)]
pub(super) struct Upcase {
    table: Stream,
    pages: [OnceLock<Box<[u16]>>; PAGES],
}

impl Upcase {
    pub(super) fn new(table: Stream) -> Self {
        Self {
            table,
            pages: [const { OnceLock::new() }; PAGES],
        }
    }

    fn page(&self, ntfs: &Ntfs, number: usize) -> Result<&[u16], Error> {
        let Some(slot) = self.pages.get(number) else {
            return Ok(&[]);
        };
        if let Some(page) = slot.get() {
            return Ok(page);
        }
        let mut bytes = vec![0; PAGE.saturating_mul(2)];
        let at = vmie_io::int::u64_of(number.saturating_mul(PAGE).saturating_mul(2));
        let n = self.table.read_meta(ntfs, &mut bytes, at)?;
        bytes.truncate(n);
        let (units, _) = bytes.as_chunks::<2>();
        let page = units.iter().map(|unit| u16::from_le_bytes(*unit));
        Ok(slot.get_or_init(|| page.collect()))
    }

    /// The capital of a unit; itself where the table does not reach.
    fn unit(&self, ntfs: &Ntfs, unit: u16) -> Result<u16, Error> {
        let at = usize::from(unit);
        let page = self.page(ntfs, at / PAGE)?;
        Ok(page.get(at % PAGE).copied().unwrap_or(unit))
    }

    /// A name in capitals.
    pub(super) fn fold(&self, ntfs: &Ntfs, name: &[u16]) -> Result<Vec<u16>, Error> {
        name.iter().map(|unit| self.unit(ntfs, *unit)).collect()
    }
}

/// A name that is looked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) exact: Vec<u16>,
    pub(super) folded: Vec<u16>,
}

impl Wanted {
    pub(super) fn new(ntfs: &Ntfs, exact: Vec<u16>) -> Result<Self, Error> {
        Ok(Self {
            folded: ntfs.upcase.fold(ntfs, &exact)?,
            exact,
        })
    }

    /// How the name compares with another: in capitals, and if they are equal, as they are.
    pub(super) fn cmp(&self, ntfs: &Ntfs, other: &[u16]) -> Result<(Ordering, Ordering), Error> {
        let mut folded = Ordering::Equal;
        for (ours, theirs) in self.folded.iter().zip(other) {
            folded = ours.cmp(&ntfs.upcase.unit(ntfs, *theirs)?);
            if folded.is_ne() {
                return Ok((folded, folded));
            }
        }
        folded = folded.then(self.folded.len().cmp(&other.len()));
        let exact = folded.then_with(|| self.exact.as_slice().cmp(other));
        Ok((folded, exact))
    }
}

/// UTF-16 as bytes: UTF-8, in which a surrogate without its partner stands for itself in three
/// bytes (WTF-8), so that every name has bytes of its own.
pub(super) fn to_bytes(units: impl Iterator<Item = u16>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(units.size_hint().0);
    for unit in char::decode_utf16(units) {
        match unit {
            Ok(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let [high, low] = lone.unpaired_surrogate().to_be_bytes();
                bytes.extend([
                    0xed,
                    0x80 | ((high & 0x0f) << 2) | (low >> 6),
                    0x80 | (low & 0x3f),
                ]);
            }
        }
    }
    bytes
}

/// The UTF-16 of bytes that [`to_bytes`] gives; `None` when it does not give them for any name.
pub(super) fn from_bytes(bytes: &[u8]) -> Option<Vec<u16>> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let (valid, invalid) = match std::str::from_utf8(rest) {
            Ok(text) => (text, &[][..]),
            Err(error) => {
                let (valid, invalid) = rest.split_at_checked(error.valid_up_to())?;
                (std::str::from_utf8(valid).ok()?, invalid)
            }
        };
        units.extend(valid.encode_utf16());
        let [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, after @ ..] = invalid else {
            return invalid.is_empty().then_some(units);
        };
        let unit = 0xd000 | (u16::from(second & 0x3f) << 6) | u16::from(third & 0x3f);
        // A pair would have been written as one character.
        let pair = matches!(unit, 0xdc00..=0xdfff)
            && valid.is_empty()
            && units
                .last()
                .is_some_and(|last| matches!(last, 0xd800..=0xdbff));
        if pair {
            return None;
        }
        units.push(unit);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lone_surrogates_have_bytes_of_their_own() {
        let units = [0x41, 0xd800, 0x42, 0xdfff, 0xd83d, 0xde00, 0xd83d];
        let bytes = to_bytes(units.into_iter());
        assert_eq!(
            bytes,
            b"A\xed\xa0\x80B\xed\xbf\xbf\xf0\x9f\x98\x80\xed\xa0\xbd"
        );
        assert_eq!(from_bytes(&bytes).unwrap(), units);
        for bad in [
            &b"\xff"[..],
            b"a\xed\xa0",
            b"\xed\xa0\xbd\xed\xb8\x80",
            b"\xc0\x80",
        ] {
            assert_eq!(from_bytes(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(units in prop::collection::vec(
            prop_oneof![any::<u16>(), 0xd700u16..0xe100], 0..40,
        )) {
            let bytes = to_bytes(units.iter().copied());
            prop_assert_eq!(from_bytes(&bytes), Some(units));
        }
    }
}
