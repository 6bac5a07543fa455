//! Directories.

use vmie_io::{Charge, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::chain::Chain;
use super::format::{ATTR_DIRECTORY, ATTR_VOLUME_ID, DirEntryRaw, ENTRY_LEN, NAME_FREE};
use super::name::{self, LongName};
use super::open::{Fat, Place};
use crate::{Cause, Error, FileKind, Metadata};

/// A file as its directory tells of it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// The name and the short name in capitals, by which it is found.
    folded: [String; 2],
    pub(super) metadata: Metadata,
    /// First cluster; zero when there is none.
    pub(super) cluster: u32,
    /// Where the entry is on the volume.
    pub(super) at: u64,
}

impl Entry {
    /// The file whose short entry is at byte `at` of the volume, without its long name.
    pub(super) fn at(fat: &Fat, at: u64) -> Result<Self, Error> {
        let bytes = fat.meta.read_array::<ENTRY_LEN>(at)?;
        let raw = DirEntryRaw::read_from_bytes(&bytes)
            .map_err(|_| Error::new(Cause::DirEntry).at("FAT directory entry", at))?;
        let short = name::short(&raw);
        Ok(Self {
            folded: [name::fold(&short), String::new()],
            name: short,
            metadata: metadata(&raw),
            cluster: cluster(&raw),
            at,
        })
    }
}

/// What an entry costs besides its names.
const ENTRY_COST: u64 = 256;

/// A directory as it was read, whole.
#[derive(Debug)]
pub(super) struct Dir {
    pub(super) entries: Vec<Entry>,
    _charge: Charge,
}

impl Dir {
    /// Reads the directory at `place`.
    pub(super) fn read(fat: &Fat, place: Place) -> Result<Self, Error> {
        let mut reader = Reader {
            entries: Vec::new(),
            long: LongName::default(),
            cost: 0,
        };
        match place {
            Place::Fixed(at, len) => {
                reader.part(fat, at, len)?;
            }
            Place::Chain(first) => {
                let cluster_size = u64::from(fat.geometry.cluster_size);
                let mut chain = Chain::new(fat, first)?;
                let mut index = 0;
                while let Some(run) = chain.run(fat, index)? {
                    let skip = index.saturating_sub(run.first);
                    let at = fat.geometry.byte_of(run.cluster.saturating_add(skip));
                    if !reader.part(fat, at, cluster_size)? {
                        break;
                    }
                    index = index.saturating_add(1);
                }
            }
        }
        Ok(Self {
            _charge: fat.budget.memory("directory", reader.cost)?,
            entries: reader.entries,
        })
    }

    /// The first entry of this name, whatever the case, long or short.
    pub(super) fn get(&self, name: &[u8]) -> Option<&Entry> {
        let name = name::fold(std::str::from_utf8(name).ok()?);
        self.entries
            .iter()
            .find(|entry| entry.folded.contains(&name))
    }
}

struct Reader {
    entries: Vec<Entry>,
    long: LongName,
    cost: u64,
}

impl Reader {
    /// Reads the entries in `len` bytes from `at` on; says whether there may be more after them.
    fn part(&mut self, fat: &Fat, at: u64, len: u64) -> Result<bool, Error> {
        let (bytes, _charge) = fat.budget.buffer("directory", len)?;
        let mut bytes = bytes;
        fat.meta.read_exact_at(&mut bytes, at)?;
        let (entries, _) = bytes.as_chunks::<ENTRY_LEN>();
        fat.budget
            .work("directory entry", int::u64_of(entries.len()))?;
        // What is kept so far must fit before more is taken.
        drop(fat.budget.memory("directory", self.cost)?);
        for (entry, number) in entries.iter().zip(0u64..) {
            if name::is_end(entry) {
                return Ok(false);
            }
            self.entry(entry, at.saturating_add(number.saturating_mul(32)))?;
        }
        Ok(true)
    }

    fn entry(&mut self, bytes: &[u8; ENTRY_LEN], at: u64) -> Result<(), Error> {
        let Ok(raw) = DirEntryRaw::read_from_bytes(bytes) else {
            return Ok(());
        };
        if raw.name.first() == Some(&NAME_FREE) {
            self.long = LongName::default();
            return Ok(());
        }
        if name::is_long(&raw) {
            self.long.push(bytes);
            return Ok(());
        }
        let long = self.long.take(&raw);
        let dots = raw.name.trim_ascii_end();
        if raw.attr & ATTR_VOLUME_ID != 0 || dots == b"." || dots == b".." {
            return Ok(());
        }
        let short = name::short(&raw);
        if short.is_empty() || short.contains(['/', '\0']) {
            return Err(Error::new(Cause::DirEntry)
                .at("FAT directory entry", at)
                .field("DIR_Name")
                .found(&raw.name[..]));
        }
        let shown = long.unwrap_or_else(|| short.clone());
        if shown == "." || shown == ".." {
            return Ok(());
        }
        self.cost = self
            .cost
            .saturating_add(ENTRY_COST)
            .saturating_add(int::u64_of(shown.len()).saturating_mul(2));
        self.entries.push(Entry {
            folded: [name::fold(&shown), name::fold(&short)],
            name: shown,
            metadata: metadata(&raw),
            cluster: cluster(&raw),
            at,
        });
        Ok(())
    }
}

/// The first cluster.
fn cluster(raw: &DirEntryRaw) -> u32 {
    (u32::from(raw.fst_clus_hi.get()) << 16) | u32::from(raw.fst_clus_lo.get())
}

fn metadata(raw: &DirEntryRaw) -> Metadata {
    let mut metadata = if raw.attr & ATTR_DIRECTORY != 0 {
        Metadata::new(FileKind::Directory, 0)
    } else {
        Metadata::new(FileKind::File, raw.file_size.get().into())
    };
    metadata.mtime = timestamp(raw.wrt_date.get(), raw.wrt_time.get()).map(|s| (s, 0));
    metadata.dos_attributes = Some(raw.attr.into());
    metadata
}

/// Seconds since 1970 of a date and time as FAT has them: local time of nobody knows where, taken
/// as UTC. `None` for a date that is not one.
fn timestamp(date: u16, time: u16) -> Option<i64> {
    let (year, month, day) = (date >> 9, (date >> 5) & 0xf, date & 0x1f);
    let (hour, minute, second) = (time >> 11, (time >> 5) & 0x3f, (time & 0x1f) << 1);
    if !(1..=12).contains(&month) || day == 0 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days from 1970 to the first of March of year 0 and on, counting years from March.
    let shifted = i64::from(year).checked_add(1980)?;
    let (year, month) = match i64::from(month) {
        m @ 3.. => (shifted, m.checked_sub(3)?),
        m => (shifted.checked_sub(1)?, m.checked_add(9)?),
    };
    let leap = (year / 4)
        .checked_sub(year / 100)?
        .checked_add(year / 400)?;
    let months = month.checked_mul(153)?.checked_add(2)? / 5;
    let days = year
        .checked_mul(365)?
        .checked_add(leap)?
        .checked_add(months)?
        .checked_add(i64::from(day))?
        .checked_sub(719_469)?;
    days.checked_mul(86_400)?
        .checked_add(i64::from(hour).checked_mul(3600)?)?
        .checked_add(i64::from(minute).checked_mul(60)?)?
        .checked_add(i64::from(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_right() {
        let date = |y: u16, m: u16, d: u16| ((y - 1980) << 9) | (m << 5) | d;
        // Each from `date -u -d … +%s`.
        for (y, m, d, seconds) in [
            (1980, 1, 1, 315_532_800),
            (2000, 2, 29, 951_782_400),
            (2000, 3, 1, 951_868_800),
            (2024, 12, 31, 1_735_603_200),
            (2107, 12, 31, 4_354_732_800),
        ] {
            assert_eq!(timestamp(date(y, m, d), 0), Some(seconds), "{y}-{m}-{d}");
        }
        let time = (23 << 11) | (59 << 5) | 29;
        assert_eq!(timestamp(date(2000, 1, 1), time), Some(946_771_198));
        assert_eq!(timestamp(0, 0), None);
        assert_eq!(timestamp(date(2000, 13, 1), 0), None);
    }
}
