//! The headers of the extents of ESX hosts, checked once: copy-on-write (COWD) and SEsparse.

use vmie_io::{LimitExceeded, Limits, ReadAt, ReadAtExt};
use zerocopy::FromBytes;

use super::format::{
    COWD_ENTRIES, COWD_HEADER, COWD_MAGIC, COWD_VERSION, CowdHeader, MAX_GRAIN, MAX_TABLE_ENTRIES,
    MIN_GRAIN, SECTOR, SESPARSE_ENTRIES, SESPARSE_MAGIC, SESPARSE_VERSION, SESPARSE_VOLATILE_MAGIC,
    SeSparseHeader, SeSparseVolatile,
};
use super::header::Grains;
use super::shape::{Coding, Shape, sesparse_entries};
use crate::{Cause, Error};

/// What a header says.
#[derive(Clone, Debug)]
pub(super) struct Esx {
    pub(super) shape: Shape,
    /// Byte offset of the grain directory, and where the field is that says so.
    pub(super) directory: (u64, u64),
    /// Whether the writer crashed or had the extent open.
    pub(super) unclean: bool,
    /// The file that the header calls the parent; empty when it names none.
    pub(super) parent: String,
}

/// Capacity in bytes, not zero and within the limit.
fn capacity(sectors: u64, field: &'static str, at: u64, limits: &Limits) -> Result<u64, Error> {
    let Some(bytes) = sectors.checked_mul(SECTOR).filter(|bytes| *bytes > 0) else {
        return Err(Error::new(Cause::VmdkCapacity)
            .at("header", at)
            .field(field)
            .found(sectors));
    };
    if bytes > limits.virtual_size {
        let limit = limits.virtual_size;
        return Err(LimitExceeded::new("virtual disk", "bytes", bytes, limit).into());
    }
    Ok(bytes)
}

/// Reads the header of a copy-on-write extent.
pub(super) fn cowd(source: &dyn ReadAt, limits: &Limits) -> Result<Esx, Error> {
    let bytes: [u8; COWD_HEADER] = source.read_array(0)?;
    let wrong = || Error::new(Cause::WrongFormat).at("header", 0);
    let raw = CowdHeader::ref_from_bytes(&bytes).map_err(|_| wrong())?;
    if raw.magicNumber != COWD_MAGIC {
        return Err(wrong().field("magicNumber").found(&raw.magicNumber[..]));
    }
    let fault = |cause, field, at: u64, found: u32| {
        Error::new(cause).at("header", at).field(field).found(found)
    };
    let version = raw.version.get();
    if version != COWD_VERSION {
        return Err(fault(Cause::VmdkVersion, "version", 4, version));
    }
    let grain = raw.grainSize.get();
    if !grain.is_power_of_two() || u64::from(grain) > MAX_GRAIN {
        return Err(fault(Cause::VmdkGrainSize, "grainSize", 16, grain));
    }
    let disk_bytes = capacity(u64::from(raw.numSectors.get()), "numSectors", 12, limits)?;
    let shape = Shape {
        grains: Grains {
            disk_bytes,
            grain_bytes: u64::from(grain).saturating_mul(SECTOR),
        },
        entries: COWD_ENTRIES,
        coding: Coding::Sectors { zeroed: false },
        compressed: false,
    };
    let entries = raw.numGDEntries.get();
    if u64::from(entries) < shape.tables() {
        return Err(fault(Cause::VmdkTableSize, "numGDEntries", 24, entries));
    }
    // A root disk has its geometry in the place of the name: numbers, of which the first byte of a
    // name is none. Names of files are text.
    let name = raw.parentFileName.split(|byte| *byte == 0).next();
    let name = name.and_then(|name| std::str::from_utf8(name).ok());
    let is_name = |name: &&str| name.len() > 4 && !name.chars().any(char::is_control);
    Ok(Esx {
        shape,
        directory: (u64::from(raw.gdOffset.get()).saturating_mul(SECTOR), 20),
        unclean: raw.uncleanShutdown.get() != 0,
        parent: name.filter(is_name).unwrap_or_default().to_owned(),
    })
}

/// Reads the headers of an SEsparse extent.
pub(super) fn sesparse(source: &dyn ReadAt, limits: &Limits) -> Result<Esx, Error> {
    let bytes: [u8; 512] = source.read_array(0)?;
    let wrong = || Error::new(Cause::WrongFormat).at("header", 0);
    let raw = SeSparseHeader::ref_from_bytes(&bytes).map_err(|_| wrong())?;
    if raw.magic != SESPARSE_MAGIC {
        return Err(wrong().field("constantHeader.magic").found(&raw.magic[..]));
    }
    let fault = |cause, field, at: u64, found: u64| {
        Error::new(cause).at("header", at).field(field).found(found)
    };
    let version = raw.version.get();
    if version != SESPARSE_VERSION {
        return Err(fault(Cause::VmdkVersion, "version", 8, version));
    }
    let flags = raw.flags.get();
    if flags != 0 {
        return Err(fault(Cause::VmdkFlags, "flags", 40, flags));
    }
    let grain = raw.grain_size.get();
    if !grain.is_power_of_two() || !(MIN_GRAIN..=MAX_GRAIN).contains(&grain) {
        return Err(fault(Cause::VmdkGrainSize, "grainSize", 24, grain));
    }
    let table = raw.grain_table_size.get();
    let entries = sesparse_entries(table);
    if !(1..=u64::from(MAX_TABLE_ENTRIES)).contains(&entries) {
        return Err(fault(Cause::VmdkTableSize, "grainTableSize", 32, table));
    }
    let disk_bytes = capacity(raw.capacity.get(), "capacity", 16, limits)?;
    let region = |sector: u64, field, at| {
        let start = sector.checked_mul(SECTOR).filter(|start| *start > 0);
        start.ok_or_else(|| fault(Cause::VmdkOffset, field, at, sector))
    };
    let tables_at = region(raw.grain_tables_offset.get(), "grainTables.offset", 144)?;
    let grains_at = region(raw.grains_offset.get(), "grains.offset", 192)?;
    let directory = region(raw.grain_dir_offset.get(), "grainDir.offset", 128)?;
    let shape = Shape {
        grains: Grains {
            disk_bytes,
            grain_bytes: grain.saturating_mul(SECTOR),
        },
        entries,
        coding: Coding::SeSparse {
            tables_at,
            tables: raw.grain_tables_size.get().checked_div(table).unwrap_or(0),
            grains_at,
        },
        compressed: false,
    };
    let room = raw.grain_dir_size.get();
    if room.saturating_mul(SESPARSE_ENTRIES) < shape.tables() {
        return Err(fault(Cause::VmdkTableSize, "grainDir.size", 136, room));
    }
    journal(source, raw.volatile_header_offset.get())?;
    Ok(Esx {
        shape,
        directory: (directory, 128),
        unclean: false,
        parent: String::new(),
    })
}

/// Refuses an extent whose tables are behind its journal: its form is told nowhere.
fn journal(source: &dyn ReadAt, sector: u64) -> Result<(), Error> {
    let at = sector.checked_mul(SECTOR).ok_or_else(|| {
        Error::new(Cause::VmdkOffset)
            .at("header", 80)
            .field("volatileHeader.offset")
            .found(sector)
    })?;
    let bytes: [u8; 32] = source.read_array(at)?;
    let fault = |cause, field, within: u64, found: u64| {
        Error::new(cause)
            .at("volatile header", at.saturating_add(within))
            .field(field)
            .found(found)
    };
    let Ok(raw) = SeSparseVolatile::ref_from_bytes(&bytes) else {
        return Err(Error::new(Cause::WrongFormat).at("volatile header", at));
    };
    if raw.magic.get() != SESPARSE_VOLATILE_MAGIC {
        return Err(fault(Cause::WrongFormat, "magic", 0, raw.magic.get()));
    }
    if raw.replay_journal.get() != 0 {
        let found = raw.replay_journal.get();
        return Err(fault(Cause::VmdkJournal, "replayJournal", 24, found));
    }
    Ok(())
}
