//! One header, checked.

use vmie_io::{ReadAt, int};
use zerocopy::{FromBytes, IntoBytes};

use super::format::{
    ENTRY_LEN, HEADER_LEN, MAX_ARRAY_LEN, MAX_ENTRY_LEN, REVISION, RawHeader, SIGNATURE, at,
};
use crate::notes::Notes;
use crate::{Cause, Error};

/// Which of the two copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copy {
    Primary,
    Backup,
}

impl Copy {
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Primary => "GPT header",
            Self::Backup => "backup GPT header",
        }
    }

    pub(super) fn array(self) -> &'static str {
        match self {
            Self::Primary => "GPT partition entry array",
            Self::Backup => "backup GPT partition entry array",
        }
    }
}

/// A header whose signature, size, checksum and place are right, and whose array is of a size that
/// can be read: `entries * entry_len` is at most [`MAX_ARRAY_LEN`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) copy: Copy,
    pub(super) sector_size: u32,
    /// Where it stands, in bytes.
    pub(super) offset: u64,
    pub(super) raw: RawHeader,
    pub(super) entries: u32,
    pub(super) entry_len: u32,
}

impl Header {
    /// Checks the header at sector `lba`, whose bytes are `sector`.
    pub(super) fn check(
        copy: Copy,
        sector: &[u8],
        sector_size: u32,
        lba: u64,
    ) -> Result<Self, Error> {
        let offset = lba.saturating_mul(u64::from(sector_size));
        let error = |cause, field, place: u64| {
            Error::new(cause)
                .at(copy.header(), offset.saturating_add(place))
                .field(field)
        };
        let missing = || error(Cause::GptSignature, "Signature", 0);
        let Ok((raw, _)) = RawHeader::read_from_prefix(sector) else {
            return Err(missing());
        };
        if raw.Signature != SIGNATURE {
            return Err(missing().found(raw.Signature.as_slice()));
        }
        let size = raw.HeaderSize.get();
        let bytes = sector.get(..int::usize_of(size.into()));
        let Some(bytes) = bytes.filter(|_| size >= HEADER_LEN && size <= sector_size) else {
            return Err(error(Cause::GptHeaderSize, "HeaderSize", at::HEADER_SIZE).found(size));
        };
        let crc = raw.HeaderCRC32.get();
        if checksum(&raw, bytes) != crc {
            return Err(error(Cause::GptHeaderCrc, "HeaderCRC32", at::HEADER_CRC32).found(crc));
        }
        if raw.MyLBA.get() != lba {
            return Err(error(Cause::GptMyLba, "MyLBA", at::MY_LBA).found(raw.MyLBA.get()));
        }
        let entry_len = raw.SizeOfPartitionEntry.get();
        if !(ENTRY_LEN..=MAX_ENTRY_LEN).contains(&entry_len) || !entry_len.is_power_of_two() {
            let place = at::SIZE_OF_PARTITION_ENTRY;
            return Err(error(Cause::GptEntrySize, "SizeOfPartitionEntry", place).found(entry_len));
        }
        let entries = raw.NumberOfPartitionEntries.get();
        if u64::from(entries).saturating_mul(u64::from(entry_len)) > MAX_ARRAY_LEN {
            let place = at::NUMBER_OF_PARTITION_ENTRIES;
            let field = "NumberOfPartitionEntries";
            return Err(error(Cause::GptEntryCount, field, place).found(entries));
        }
        Ok(Self {
            copy,
            sector_size,
            offset,
            raw,
            entries,
            entry_len,
        })
    }

    pub(super) fn array_len(&self) -> u64 {
        // At most MAX_ARRAY_LEN, see `check`.
        u64::from(self.entries).saturating_mul(u64::from(self.entry_len))
    }

    /// The sectors that the array takes.
    pub(super) fn array_sectors(&self) -> u64 {
        self.array_len().div_ceil(u64::from(self.sector_size))
    }

    /// An error in one of the fields.
    pub(super) fn error(&self, cause: Cause, field: &'static str, place: u64) -> Error {
        Error::new(cause)
            .at(self.copy.header(), self.offset.saturating_add(place))
            .field(field)
    }

    /// Notes what is odd about a header that is used.
    pub(super) fn note_oddities(&self, disk: &dyn ReadAt, notes: &mut Notes) {
        let revision = self.raw.Revision.get();
        if revision != REVISION {
            let place = at::REVISION;
            notes.push(
                self.error(Cause::GptRevision, "Revision", place)
                    .found(revision),
            );
        }
        let (first, last) = (self.raw.FirstUsableLBA.get(), self.raw.LastUsableLBA.get());
        let sectors = sectors(disk, self.sector_size);
        // An empty usable range may be written as one that ends right before it starts.
        if first > last.saturating_add(1) {
            let place = at::FIRST_USABLE_LBA;
            notes.push(
                self.error(Cause::GptUsable, "FirstUsableLBA", place)
                    .found(first),
            );
        } else if last >= sectors {
            let place = at::LAST_USABLE_LBA;
            notes.push(
                self.error(Cause::GptUsable, "LastUsableLBA", place)
                    .found(last),
            );
        }
    }
}

/// How many whole sectors a disk has.
pub(super) fn sectors(disk: &dyn ReadAt, sector_size: u32) -> u64 {
    disk.len().checked_div(sector_size.into()).unwrap_or(0)
}

/// The checksum of a header: over `HeaderSize` bytes, its own four taken as zero.
fn checksum(raw: &RawHeader, bytes: &[u8]) -> u32 {
    let mut zeroed = *raw;
    zeroed.HeaderCRC32 = 0.into();
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(zeroed.as_bytes());
    hasher.update(bytes.get(size_of::<RawHeader>()..).unwrap_or_default());
    hasher.finalize()
}
