//! rpm's own database, `Packages.db`: slots that say where each package's header lies
//! ([description](https://github.com/rpm-software-management/rpm/blob/master/lib/backend/ndb/rpmpkg.c)
//! is all there is: the layout is that of its constants). All numbers are little-endian.

use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use super::{PREFIX, Sink, damaged, exact, limit, some};
use crate::{Error, Source};

const NAME: &str = "Packages.db";
/// Bytes of a page of slots; the first holds the header in the place of its first two slots.
const PAGE: u64 = 4096;
/// Bytes of a slot, of the unit of offsets, and of what stands before a package's header.
const UNIT: u64 = 16;
/// The most pages of slots that are read.
const MAX_PAGES: u32 = 4096;

#[derive(FromBytes, zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned)]
#[repr(C)]
struct Head {
    magic: [u8; 4],
    version: U32,
    generation: U32,
    slot_pages: U32,
    next_index: U32,
}

#[derive(FromBytes, zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned)]
#[repr(C)]
struct Slot {
    magic: [u8; 4],
    index: U32,
    offset: U32,
    count: U32,
}

#[derive(FromBytes, zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned)]
#[repr(C)]
struct Blob {
    magic: [u8; 4],
    index: U32,
    generation: U32,
    length: U32,
}

pub(super) fn packages(source: &mut dyn Source, sink: &mut Sink<'_>) -> Result<(), Error> {
    let first = exact(source, NAME, 0, 32)?;
    let (head, _) = Head::ref_from_prefix(&first).map_err(|_| damaged(NAME, 0, "length"))?;
    if &head.magic != b"RpmP" {
        return Err(damaged(NAME, 0, "magic").found(first.as_slice()));
    }
    if head.version.get() != 0 {
        return Err(damaged(NAME, 4, "version").found(head.version.get()));
    }
    let pages = head.slot_pages.get();
    if pages > MAX_PAGES {
        return Err(limit(NAME));
    }
    for page in 0..pages {
        let at = u64::from(page).saturating_mul(PAGE);
        let bytes = exact(source, NAME, at, vmie_io::int::usize_of(PAGE))?;
        let skip = if page == 0 { 2 } else { 0 };
        let slots = <[Slot]>::ref_from_bytes(&bytes).map_err(|_| damaged(NAME, at, "slots"))?;
        for slot in slots.iter().skip(skip) {
            if &slot.magic != b"Slot" {
                return Err(damaged(NAME, at, "slot").found(slot.magic.as_slice()));
            }
            if slot.index.get() == 0 {
                continue;
            }
            package(source, slot, sink)?;
        }
    }
    Ok(())
}

fn package(source: &mut dyn Source, slot: &Slot, sink: &mut Sink<'_>) -> Result<(), Error> {
    let at = u64::from(slot.offset.get()).saturating_mul(UNIT);
    let bytes = some(source, NAME, at, PREFIX)?;
    let (blob, start) = Blob::ref_from_prefix(&bytes).map_err(|_| damaged(NAME, at, "blob"))?;
    if &blob.magic != b"BlbS" || blob.index.get() != slot.index.get() {
        return Err(damaged(NAME, at, "blob").found(blob.magic.as_slice()));
    }
    let len = usize::try_from(blob.length.get()).unwrap_or(usize::MAX);
    sink(start.get(..len).unwrap_or(start)).ok_or_else(|| limit(NAME))
}
