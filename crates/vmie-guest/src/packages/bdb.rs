//! rpm's database as a hash file of Berkeley DB, `Packages`: the key is a number, the data a
//! package's header, which is nearly always too long for its page and lies on overflow pages.
//!
//! The layout is that of Berkeley DB's page format, here in little-endian order, as x86 writes it.
//! The pages of the buckets alone are read, and of each header the first overflow page.

use zerocopy::FromBytes;
use zerocopy::little_endian::{U16, U32};

use super::{PREFIX, Sink, damaged, exact, limit};
use crate::{Error, Source};

const NAME: &str = "Packages";
const HASH_MAGIC: u32 = 0x0006_1561;
/// Versions of hash files that differ in nothing that is read here.
const VERSIONS: std::ops::RangeInclusive<u32> = 7..=10;
/// Bytes of the fixed part of a page.
const PAGE_HEAD: usize = 26;
/// Pages of buckets that are looked at: 64 MiB at the usual size.
const MAX_BUCKETS: u32 = 1 << 14;
/// Bytes of all pages that are read.
const MAX_BYTES: u64 = 512 << 20;
/// Types of pages: a hash bucket (unsorted, sorted), an overflow page.
const P_HASH_UNSORTED: u8 = 2;
const P_OVERFLOW: u8 = 7;
const P_HASH: u8 = 13;
/// Types of items: on the page, on overflow pages.
const H_KEYDATA: u8 = 1;
const H_OFFPAGE: u8 = 3;

#[derive(FromBytes, zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned)]
#[repr(C)]
struct Meta {
    lsn: [U32; 2],
    pgno: U32,
    magic: U32,
    version: U32,
    pagesize: U32,
    encrypt_alg: u8,
    kind: u8,
    metaflags: u8,
    unused1: u8,
    free: U32,
    last_pgno: U32,
    nparts: U32,
    key_count: U32,
    record_count: U32,
    flags: U32,
    uid: [u8; 20],
    max_bucket: U32,
    high_mask: U32,
    low_mask: U32,
    ffactor: U32,
    nelem: U32,
    h_charkey: U32,
    spares: [U32; 32],
}

#[derive(FromBytes, zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned)]
#[repr(C)]
struct PageHead {
    lsn: [U32; 2],
    pgno: U32,
    prev_pgno: U32,
    next_pgno: U32,
    entries: U16,
    hf_offset: U16,
    level: u8,
    kind: u8,
}

#[derive(FromBytes, zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned)]
#[repr(C)]
struct OffPage {
    kind: u8,
    unused: [u8; 3],
    pgno: U32,
    tlen: U32,
}

struct File<'s> {
    source: &'s mut dyn Source,
    page_size: usize,
    bytes_left: u64,
}

impl File<'_> {
    fn page(&mut self, number: u32) -> Result<(u64, Vec<u8>), Error> {
        let size = vmie_io::int::u64_of(self.page_size);
        self.bytes_left = self
            .bytes_left
            .checked_sub(size)
            .ok_or_else(|| limit(NAME))?;
        let at = u64::from(number).saturating_mul(size);
        Ok((at, exact(self.source, NAME, at, self.page_size)?))
    }
}

pub(super) fn packages(source: &mut dyn Source, sink: &mut Sink<'_>) -> Result<(), Error> {
    let bytes = exact(source, NAME, 0, size_of::<Meta>())?;
    let meta = Meta::ref_from_bytes(&bytes).map_err(|_| damaged(NAME, 0, "length"))?;
    if meta.magic.get() != HASH_MAGIC {
        return Err(damaged(NAME, 12, "magic").found(meta.magic.get()));
    }
    if !VERSIONS.contains(&meta.version.get()) {
        return Err(damaged(NAME, 16, "version").found(meta.version.get()));
    }
    let page_size = meta.pagesize.get();
    if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
        return Err(damaged(NAME, 20, "pagesize").found(page_size));
    }
    if meta.encrypt_alg != 0 {
        return Err(damaged(NAME, 24, "encrypt_alg").found(u32::from(meta.encrypt_alg)));
    }
    let buckets = meta.max_bucket.get();
    if buckets >= MAX_BUCKETS {
        return Err(limit(NAME));
    }
    let mut file = File {
        source,
        page_size: usize::try_from(page_size).unwrap_or(4096),
        bytes_left: MAX_BYTES,
    };
    for bucket in 0..=buckets {
        // The pages of buckets were taken in doubling runs: `spares` says what came between.
        let run = u32::BITS.saturating_sub(bucket.leading_zeros());
        let spare = usize::try_from(run)
            .ok()
            .and_then(|run| meta.spares.get(run));
        let spare = spare.map_or(0, |spare| spare.get());
        let mut page = bucket.saturating_add(spare);
        while page != 0 {
            page = self::bucket(&mut file, page, sink)?;
        }
    }
    Ok(())
}

/// Reads one page of a bucket; gives the number of the next.
fn bucket(file: &mut File<'_>, number: u32, sink: &mut Sink<'_>) -> Result<u32, Error> {
    let (at, bytes) = file.page(number)?;
    let (head, rest) =
        PageHead::ref_from_prefix(&bytes).map_err(|_| damaged(NAME, at, "length"))?;
    match head.kind {
        P_HASH | P_HASH_UNSORTED => {}
        // A bucket that was never used.
        0 if head.entries.get() == 0 => return Ok(0),
        kind => return Err(damaged(NAME, at, "type").found(u32::from(kind))),
    }
    let count = usize::from(head.entries.get());
    let (places, _) = <[U16]>::ref_from_prefix_with_elems(rest, count)
        .map_err(|_| damaged(NAME, at, "entries"))?;
    // Items go from the page's end to its front: each ends where the one before it starts.
    let mut end = bytes.len();
    for (index, place) in places.iter().enumerate() {
        let start = usize::from(place.get());
        let item = bytes
            .get(start..end)
            .filter(|item| !item.is_empty() && start >= PAGE_HEAD)
            .ok_or_else(|| damaged(NAME, at, "inp"))?;
        end = start;
        let is_data = index & 1 == 1;
        match (item.first().copied(), is_data) {
            (Some(H_OFFPAGE), true) => {
                let (off, _) =
                    OffPage::ref_from_prefix(item).map_err(|_| damaged(NAME, at, "item"))?;
                overflow(file, off, sink)?;
            }
            // The number of the last package is kept as one, too.
            (Some(H_KEYDATA), true) if item.len() > 16 => {
                let data = item.get(1..).unwrap_or_default();
                sink(data).ok_or_else(|| limit(NAME))?;
            }
            _ => {}
        }
    }
    Ok(head.next_pgno.get())
}

/// The start of an item on overflow pages.
fn overflow(file: &mut File<'_>, off: &OffPage, sink: &mut Sink<'_>) -> Result<(), Error> {
    let mut data = Vec::new();
    let mut number = off.pgno.get();
    let wanted = usize::try_from(off.tlen.get())
        .unwrap_or(usize::MAX)
        .min(PREFIX);
    // A small page holds less than is wanted.
    while data.len() < wanted && number != 0 {
        let (at, bytes) = file.page(number)?;
        let (head, rest) =
            PageHead::ref_from_prefix(&bytes).map_err(|_| damaged(NAME, at, "length"))?;
        let len = usize::from(head.hf_offset.get());
        let here = rest.get(..len).filter(|here| !here.is_empty());
        let (P_OVERFLOW, Some(here)) = (head.kind, here) else {
            return Err(damaged(NAME, at, "overflow page").found(u32::from(head.kind)));
        };
        data.extend_from_slice(here);
        // At the usual size the first page has all that is wanted.
        if data.len() >= PREFIX.saturating_sub(PAGE_HEAD) {
            break;
        }
        number = head.next_pgno.get();
    }
    sink(&data).ok_or_else(|| limit(NAME))
}
