//! The crate `mbrman`, behind a guard.
//!
//! It decodes one boot record here and nothing else. It refuses a whole table for one odd active
//! flag, so the flags are put in order before and given back after; its walk of the extended boot
//! records adds without looking (a panic in a checked build, a wrong place in another), so
//! [`ebr`](super::ebr) walks instead.

use std::io::Cursor;

use super::format::{ACTIVE, Entry, RECORD_LEN, SIGNATURE, entry_offset};

/// A decoded boot record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) disk_signature: u32,
    pub(super) entries: [Entry; 4],
}

/// Decodes a boot record; `None` when it has no boot signature.
pub(super) fn decode(sector: &[u8; RECORD_LEN]) -> Option<Record> {
    if !sector.ends_with(&SIGNATURE) {
        return None;
    }
    let mut plain = *sector;
    let mut flags = [0u8; 4];
    for (index, flag) in flags.iter_mut().enumerate() {
        let at = vmie_io::int::usize_of(entry_offset(0, index));
        let byte = plain.get_mut(at)?;
        *flag = *byte;
        // The crate takes 0x00 and 0x80 only.
        *byte &= ACTIVE;
    }
    // Four entries with lawful flags and a signature: nothing is left that it could refuse.
    let header = mbrman::MBRHeader::read_from(&mut Cursor::new(plain.as_slice())).ok()?;
    let mut entries = [Entry::default(); 4];
    for ((entry, (_, theirs)), flag) in entries.iter_mut().zip(header.iter()).zip(flags) {
        *entry = Entry {
            flag,
            os_type: theirs.sys,
            start: theirs.starting_lba,
            sectors: theirs.sectors,
        };
    }
    Some(Record {
        disk_signature: u32::from_le_bytes(header.disk_signature),
        entries,
    })
}

#[cfg(test)]
mod tests {
    use super::super::format::BootRecord;
    use super::*;
    use proptest::prelude::*;
    use zerocopy::FromBytes;

    proptest! {
        /// The crate and our own declarations agree on every record with a signature.
        #[test]
        fn agrees_with_our_own_declarations(bytes in proptest::collection::vec(any::<u8>(), RECORD_LEN)) {
            let mut sector = [0u8; RECORD_LEN];
            sector.copy_from_slice(&bytes);
            sector[510..].copy_from_slice(&SIGNATURE);
            let ours = BootRecord::read_from_bytes(&sector).unwrap();
            let theirs = decode(&sector).unwrap();
            prop_assert_eq!(theirs.disk_signature, ours.UniqueMBRDiskSignature.get());
            for (theirs, ours) in theirs.entries.iter().zip(&ours.PartitionRecord) {
                prop_assert_eq!(*theirs, Entry::from(ours));
            }
            sector[511] = 0;
            prop_assert_eq!(decode(&sector), None);
        }
    }
}
