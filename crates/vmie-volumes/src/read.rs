//! Which table a disk has, and what it says.

use vmie_io::{Budget, ReadAt, ReadAtExt, Window};

use crate::mbr::Verdict;
use crate::notes::Notes;
use crate::{BootCode, Cause, DiskLayout, Error, Partition, TableKind};
use crate::{boot_code, content, gpt, listed, mbr};

/// Reads a disk's partition table.
///
/// Three reads are made of an ordinary disk: its first 8 KiB, the array of a GPT's entries and the
/// header of its backup; each logical partition of an MBR takes one more of 512 bytes.
///
/// # Which table counts
///
/// - An MBR with an entry of type 0xEE promises a GPT: the primary one, or the backup when the
///   primary is bad. When there is neither, the MBR's entries are what is left, and are listed.
/// - An MBR with partitions and no such entry counts, even when a GPT is there too: every system
///   has it so, and the GPT is the older one.
/// - Without partitions in sector 0, a GPT that passes its checks counts, with a note that its
///   protective MBR is missing (the backup only when no known filesystem spans the disk).
/// - Otherwise there is no table, or an empty one.
///
/// A table that is wrong in part is read as far as it is right, and the [`Note`](crate::Note)s say
/// what is wrong with it, where.
///
/// # Errors
/// [`Cause::Read`] when the disk's first bytes cannot be read, and [`Cause::Limit`] when the
/// budget is used up.
pub fn read_layout(disk: &dyn ReadAt, budget: &Budget) -> Result<DiskLayout, Error> {
    let mut buffer = [0u8; content::HEAD_LEN];
    let len = disk.read_up_to(&mut buffer, 0)?;
    let head = buffer.get(..len).unwrap_or_default();
    let mut reader = Reader {
        disk,
        budget,
        head,
        boot_code: boot_code::identify(head.get(..512).unwrap_or_default()),
        notes: Notes::default(),
    };
    let Some(sector) = head.first_chunk() else {
        return Ok(reader.no_table());
    };
    match mbr::probe(sector, disk.len(), &mut reader.notes) {
        Verdict::Protective { hybrid } => reader.protective(sector, hybrid),
        Verdict::Table => {
            if gpt::has_primary(head) {
                reader.notes.push(Error::new(Cause::StaleGpt).at("MBR", 0));
            }
            reader.mbr(sector)
        }
        verdict => reader.no_partitions(sector, verdict),
    }
}

/// The bytes of a partition, as a source of their own.
///
/// # Errors
/// [`Cause::Read`] of the kind [`Truncated`](vmie_io::ErrorKind::Truncated) when the partition does
/// not lie within `disk`: it was read from another one.
pub fn open_partition<R: ReadAt>(disk: R, partition: &Partition) -> Result<Window<R>, Error> {
    let place = partition.place;
    Ok(Window::new(disk, place.start, place.len)?)
}

struct Reader<'a> {
    disk: &'a dyn ReadAt,
    budget: &'a Budget,
    head: &'a [u8],
    boot_code: BootCode,
    notes: Notes,
}

impl Reader<'_> {
    fn protective(mut self, sector: &[u8; 512], hybrid: bool) -> Result<DiskLayout, Error> {
        if let Some(gpt) = self.gpt(true)? {
            if hybrid {
                self.notes.push(Error::new(Cause::HybridMbr).at("MBR", 446));
            }
            return Ok(self.layout(TableKind::Gpt, gpt.sector_size, gpt.disk_id, gpt.partitions));
        }
        self.notes.push(Error::new(Cause::GptLost).at("MBR", 446));
        self.mbr(sector)
    }

    /// Sector 0 lists no partitions: a GPT that lost its MBR, a filesystem, or nothing.
    fn no_partitions(mut self, sector: &[u8; 512], verdict: Verdict) -> Result<DiskLayout, Error> {
        let spanned = content::spans(self.disk, self.head);
        if (gpt::has_primary(self.head) || !spanned)
            && let Some(gpt) = self.gpt(false)?
        {
            let note = Error::new(Cause::ProtectiveMissing).at("MBR", 446);
            self.notes.push(note);
            return Ok(self.layout(TableKind::Gpt, gpt.sector_size, gpt.disk_id, gpt.partitions));
        }
        if verdict == Verdict::EmptyTable && !spanned {
            return self.mbr(sector);
        }
        Ok(self.no_table())
    }

    fn gpt(&mut self, expected: bool) -> Result<Option<gpt::Gpt>, Error> {
        let table = gpt::find(self.disk, self.head, expected, self.budget, &mut self.notes)?;
        Ok(table.and_then(|table| gpt::read(self.disk, &table, &mut self.notes)))
    }

    fn mbr(mut self, sector: &[u8; 512]) -> Result<DiskLayout, Error> {
        let mbr = mbr::read(self.disk, sector, self.budget, &mut self.notes)?;
        Ok(self.layout(TableKind::Mbr, mbr.sector_size, mbr.disk_id, mbr.partitions))
    }

    fn no_table(self) -> DiskLayout {
        self.layout(TableKind::None, 512, None, Vec::new())
    }

    fn layout(
        mut self,
        table: TableKind,
        sector_size: u32,
        disk_id: Option<String>,
        partitions: Vec<listed::Listed>,
    ) -> DiskLayout {
        listed::check(&partitions, &mut self.notes);
        DiskLayout {
            table,
            sector_size,
            disk_id,
            partitions: partitions.into_iter().map(|p| p.partition).collect(),
            boot_code: self.boot_code,
            notes: self.notes.into_vec(),
        }
    }
}
