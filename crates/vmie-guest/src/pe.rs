//! Windows programs: the machine they are made for, and the version in their resources.
//!
//! Facts: the [PE format](https://learn.microsoft.com/windows/win32/debug/pe-format) and
//! [VS_VERSIONINFO](https://learn.microsoft.com/windows/win32/menurc/vs-versioninfo).

use vmie_io::{ReadAt, ReadAtExt, int};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::{Cause, Error};

/// Sections that are looked at; the loader itself takes 96.
const MAX_SECTIONS: u16 = 96;
/// Entries of a directory of resources that are looked at.
const MAX_ENTRIES: u16 = 256;
/// `RT_VERSION`.
const VERSION: u32 = 16;
/// The high bit of an entry's place: it is a directory.
const DIRECTORY: u32 = 1 << 31;
/// `VS_FIXEDFILEINFO`'s signature.
const FIXED: u32 = 0xfeef_04bd;

/// x86, 64-bit.
pub const AMD64: u16 = 0x8664;
/// x86, 32-bit.
pub const I386: u16 = 0x014c;
/// ARM, 64-bit.
pub const ARM64: u16 = 0xaa64;
/// Itanium.
pub const IA64: u16 = 0x0200;

/// What a program says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// The machine it is made for: [`AMD64`], [`I386`], [`ARM64`] …
    pub machine: u16,
    /// The version of the file, when it has one: `10.0.17763.1`.
    pub version: Option<[u16; 4]>,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct CoffHeader {
    signature: [u8; 4],
    machine: U16,
    sections: U16,
    time: U32,
    symbols: U32,
    symbol_count: U32,
    optional_size: U16,
    characteristics: U16,
    magic: U16,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Section {
    name: [u8; 8],
    virtual_size: U32,
    virtual_address: U32,
    raw_size: U32,
    raw_offset: U32,
    rest: [u8; 16],
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Entry {
    id: U32,
    to: U32,
}

fn fault(structure: &'static str, at: u64) -> Error {
    Error::new(Cause::NotAProgram).at(structure, at)
}

fn take<T: FromBytes + KnownLayout + Immutable, const N: usize>(
    file: &dyn ReadAt,
    at: u64,
    what: &'static str,
) -> Result<T, Error> {
    if at
        .checked_add(int::u64_of(N))
        .is_none_or(|end| end > file.len())
    {
        return Err(fault(what, at));
    }
    let bytes = file.read_array::<N>(at)?;
    T::read_from_prefix(&bytes)
        .map(|(value, _)| value)
        .map_err(|_| fault(what, at))
}

/// Reads a program's headers and its version.
///
/// # Errors
/// [`Cause::NotAProgram`] when the headers are none; a file that cannot be read. Resources that make
/// no sense are a version that is not there.
pub fn read(file: &dyn ReadAt) -> Result<Program, Error> {
    let magic: [u8; 2] = take::<_, 2>(file, 0, "DOS header")?;
    if &magic != b"MZ" {
        return Err(fault("DOS header", 0)
            .field("e_magic")
            .found(magic.as_slice()));
    }
    let at = u64::from(take::<U32, 4>(file, 0x3c, "DOS header")?.get());
    let head: CoffHeader = take::<_, 26>(file, at, "COFF header")?;
    if &head.signature != b"PE\0\0" {
        return Err(fault("COFF header", at)
            .field("signature")
            .found(head.signature.as_slice()));
    }
    Ok(Program {
        machine: head.machine.get(),
        version: version(file, at.saturating_add(24), &head),
    })
}

fn version(file: &dyn ReadAt, optional: u64, head: &CoffHeader) -> Option<[u16; 4]> {
    let directories = match head.magic.get() {
        0x10b => 96,
        0x20b => 112,
        _ => return None,
    };
    // The third directory is that of the resources.
    let place = optional.checked_add(directories)?.checked_add(16)?;
    let rva = take::<U32, 4>(file, place, "data directory").ok()?.get();
    let table = optional.checked_add(u64::from(head.optional_size.get()))?;
    let offset = |rva: u32| file_offset(file, table, head.sections.get(), rva);
    let base = offset(rva)?;
    // Three levels: type, name, language.
    let mut at = base;
    for level in 0..3 {
        let wanted = (level == 0).then_some(VERSION);
        let to = entry(file, at, wanted)?;
        let is_directory = to & DIRECTORY != 0;
        at = base.checked_add(u64::from(to & !DIRECTORY))?;
        if is_directory != (level < 2) {
            return None;
        }
    }
    let data: Entry = take::<_, 8>(file, at, "resource data").ok()?;
    fixed(file, offset(data.id.get())?)
}

/// Where an entry of a directory of resources leads: that of the id, or the first.
fn entry(file: &dyn ReadAt, at: u64, wanted: Option<u32>) -> Option<u32> {
    let counts: [U16; 2] = take::<_, 4>(file, at.checked_add(12)?, "resource directory").ok()?;
    let [named, ids] = counts;
    let count = named.get().saturating_add(ids.get()).min(MAX_ENTRIES);
    for number in 0..count {
        let place = at
            .checked_add(16)?
            .checked_add(u64::from(number).saturating_mul(8))?;
        let entry: Entry = take::<_, 8>(file, place, "resource directory").ok()?;
        if wanted.is_none_or(|wanted| wanted == entry.id.get()) {
            return Some(entry.to.get());
        }
    }
    None
}

fn file_offset(file: &dyn ReadAt, table: u64, sections: u16, rva: u32) -> Option<u64> {
    for number in 0..sections.min(MAX_SECTIONS) {
        let at = table.checked_add(u64::from(number).saturating_mul(40))?;
        let section: Section = take::<_, 40>(file, at, "section header").ok()?;
        let within = rva.checked_sub(section.virtual_address.get());
        if let Some(within) = within.filter(|within| *within < section.raw_size.get()) {
            return u64::from(section.raw_offset.get()).checked_add(u64::from(within));
        }
    }
    None
}

/// The version in a `VS_VERSIONINFO`: the fixed part follows the key, on a multiple of four.
fn fixed(file: &dyn ReadAt, at: u64) -> Option<[u16; 4]> {
    let key = "VS_VERSION_INFO\0";
    let start = u64::try_from(key.len().checked_mul(2)?.checked_add(6)?).ok()?;
    let at = at.checked_add(start.checked_next_multiple_of(4)?)?;
    let words: [U32; 4] = take::<_, 16>(file, at, "fixed file information").ok()?;
    let [signature, _, high, low] = words;
    let part = |word: U32, shift: u32| u16::try_from(word.get() >> shift & 0xffff).ok();
    (signature.get() == FIXED)
        .then(|| {
            Some([
                part(high, 16)?,
                part(high, 0)?,
                part(low, 16)?,
                part(low, 0)?,
            ])
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmie_testkit::pe::program;

    #[test]
    fn machine_and_version_are_read() {
        for machine in [AMD64, I386, ARM64] {
            let file = program(machine, [10, 0, 17763, 1]);
            let read = read(&file).unwrap();
            assert_eq!(read.machine, machine);
            assert_eq!(read.version, Some([10, 0, 17763, 1]));
        }
    }

    #[test]
    fn a_program_that_is_cut_off_is_told_or_has_no_version() {
        let file = program(AMD64, [6, 3, 9600, 17031]);
        for len in 0..file.len() {
            let cut = file[..len].to_vec();
            match read(&cut) {
                Ok(program) => assert!(len >= 0x9a && program.machine == AMD64),
                Err(error) => assert_eq!(error.cause(), Cause::NotAProgram),
            }
        }
        assert_eq!(read(&b"ZM".to_vec()).unwrap_err().field_name(), "e_magic");
    }
}
