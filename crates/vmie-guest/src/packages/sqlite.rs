//! rpm's database in SQLite, `rpmdb.sqlite`: the table `Packages` has a number and a header in each
//! row ([file format](https://www.sqlite.org/fileformat2.html); numbers in brackets are its
//! sections). Changes that lie in a write-ahead log beside it are not seen.

use zerocopy::FromBytes;
use zerocopy::big_endian::{U16, U32};

use super::{PREFIX, Sink, damaged, exact, limit};
use crate::{Error, Source};

const NAME: &str = "rpmdb.sqlite";
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes of the file's header, in front of the first page's own.
const FILE_HEAD: usize = 100;
/// How deep a tree may be: each level has at least two pages.
const MAX_DEPTH: u32 = 24;
/// Pages of a tree that are read: 512 MiB at the usual size.
const MAX_PAGES: u32 = 1 << 17;
/// Overflow pages that are read of one row: enough for what is wanted at the smallest page size.
const MAX_OVERFLOW: usize = 16;

/// A table's pages are inner ones and leaves [1.6].
const INNER: u8 = 5;
const LEAF: u8 = 13;

struct File<'s> {
    source: &'s mut dyn Source,
    page_size: usize,
    /// Bytes of a page without what is reserved at its end.
    usable: usize,
    pages_left: u32,
}

/// A variable-length integer [1.6], and how long it is.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        let len = index.saturating_add(1);
        if index == 8 {
            return Some(((value << 8) | u64::from(*byte), len));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, len));
        }
    }
    None
}

impl File<'_> {
    fn page(&mut self, number: u32) -> Result<(u64, Vec<u8>), Error> {
        self.pages_left = self.pages_left.checked_sub(1).ok_or_else(|| limit(NAME))?;
        let index = number
            .checked_sub(1)
            .ok_or_else(|| damaged(NAME, 0, "page number"))?;
        let at = u64::from(index).saturating_mul(vmie_io::int::u64_of(self.page_size));
        Ok((at, exact(self.source, NAME, at, self.page_size)?))
    }

    /// Calls `each` with the start of every row of a table, at most `PREFIX` bytes of it.
    fn rows(
        &mut self,
        root: u32,
        depth: u32,
        each: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let depth = depth.checked_sub(1).ok_or_else(|| limit(NAME))?;
        let (at, page) = self.page(root)?;
        let bad = |field| damaged(NAME, at, field);
        let head = if root == 1 { FILE_HEAD } else { 0 };
        let own = page.get(head..).ok_or_else(|| bad("length"))?;
        let kind = own.first().copied().unwrap_or_default();
        let count = own.get(3..5).and_then(|two| U16::read_from_bytes(two).ok());
        let count = usize::from(count.ok_or_else(|| bad("cells"))?.get());
        let places_at = if kind == INNER { 12 } else { 8 };
        let places = own.get(places_at..).ok_or_else(|| bad("cells"))?;
        let (places, _) =
            <[U16]>::ref_from_prefix_with_elems(places, count).map_err(|_| bad("cells"))?;
        for place in places {
            let cell = page
                .get(usize::from(place.get())..)
                .ok_or_else(|| bad("cell"))?;
            match kind {
                INNER => {
                    let (child, _) = U32::ref_from_prefix(cell).map_err(|_| bad("child"))?;
                    self.rows(child.get(), depth, each)?;
                }
                LEAF => {
                    let row = self.row(cell).map_err(|field| match field {
                        Ok(field) => bad(field),
                        Err(error) => error,
                    })?;
                    each(&row)?;
                }
                _ => return Err(bad("page type").found(u32::from(kind))),
            }
        }
        match kind {
            INNER => {
                let last = own
                    .get(8..12)
                    .and_then(|four| U32::read_from_bytes(four).ok());
                let last = last.ok_or_else(|| bad("right-most child"))?;
                self.rows(last.get(), depth, each)
            }
            LEAF => Ok(()),
            _ => Err(bad("page type").found(u32::from(kind))),
        }
    }

    /// The start of a leaf's cell's content, on its page and on overflow pages [1.6].
    fn row(&mut self, cell: &[u8]) -> Result<Vec<u8>, Result<&'static str, Error>> {
        let bad = |field| Ok(field);
        let (total, first) = varint(cell).ok_or_else(|| bad("payload length"))?;
        let rest = cell.get(first..).unwrap_or_default();
        let (_, second) = varint(rest).ok_or_else(|| bad("row number"))?;
        let rest = rest.get(second..).unwrap_or_default();
        let total = usize::try_from(total).map_err(|_| bad("payload length"))?;
        let local = self.local(total);
        let here = rest.get(..local).ok_or_else(|| bad("payload"))?;
        let mut row = here.get(..PREFIX).unwrap_or(here).to_vec();
        if local < total {
            let next = rest
                .get(local..)
                .and_then(|rest| U32::ref_from_prefix(rest).ok());
            let mut next = next.ok_or_else(|| bad("overflow page"))?.0.get();
            let mut pages = 0usize;
            while row.len() < PREFIX && next != 0 && pages < MAX_OVERFLOW {
                pages = pages.saturating_add(1);
                let (_, page) = self.page(next).map_err(Err)?;
                let (number, data) =
                    U32::ref_from_prefix(&page).map_err(|_| bad("overflow page"))?;
                let left = total.saturating_sub(row.len());
                let data = data.get(..self.usable.saturating_sub(4).min(left));
                row.extend_from_slice(data.unwrap_or_default());
                next = number.get();
            }
        }
        Ok(row)
    }

    /// How much of a payload of this length stays on a leaf's page.
    fn local(&self, total: usize) -> usize {
        let most = self.usable.saturating_sub(35);
        if total <= most {
            return total;
        }
        let least = self.usable.saturating_sub(12).saturating_mul(32) / 255;
        let least = least.saturating_sub(23);
        let step = self.usable.saturating_sub(4).max(1);
        let more = total.saturating_sub(least).checked_rem(step).unwrap_or(0);
        let wanted = least.saturating_add(more);
        if wanted <= most { wanted } else { least }
    }
}

/// The columns of a record [2.1]: types and where each begins, as far as the start goes.
fn columns(row: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let (head, mut at) = varint(row)?;
    let head = usize::try_from(head).ok()?;
    let mut data = row.get(head..)?;
    let mut found = Vec::new();
    while at < head && found.len() < 8 {
        let (kind, len) = varint(row.get(at..)?)?;
        at = at.checked_add(len)?;
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            kind => kind.saturating_sub(12) / 2,
        };
        let size = usize::try_from(size).ok()?;
        let (column, rest) = data.split_at_checked(size).unwrap_or((data, &[]));
        found.push((kind, column));
        data = rest;
    }
    Some(found)
}

fn number(column: &[u8]) -> Option<u32> {
    let value = column.iter().try_fold(0u64, |value, byte| {
        Some(value.checked_mul(256)? | u64::from(*byte))
    })?;
    u32::try_from(value).ok()
}

pub(super) fn packages(source: &mut dyn Source, sink: &mut Sink<'_>) -> Result<(), Error> {
    let head = exact(source, NAME, 0, FILE_HEAD)?;
    if !head.starts_with(MAGIC) {
        return Err(damaged(NAME, 0, "magic").found(head.as_slice()));
    }
    let page_size = match head.get(16..18) {
        Some([0, 1]) => 65536,
        Some([high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    let reserved = usize::from(head.get(20).copied().unwrap_or_default());
    if !page_size.is_power_of_two() || page_size < 512 || page_size.saturating_sub(reserved) < 480 {
        return Err(damaged(NAME, 16, "page size").found(vmie_io::int::u64_of(page_size)));
    }
    let mut file = File {
        source,
        page_size,
        usable: page_size.saturating_sub(reserved),
        pages_left: MAX_PAGES,
    };
    // The schema's columns: type, name, table, root page, text [2.6].
    let mut root = None;
    file.rows(1, MAX_DEPTH, &mut |row| {
        if let Some([(_, b"table"), (_, b"Packages"), _, (1..=6, page), ..]) =
            columns(row).as_deref()
        {
            root = number(page);
        }
        Ok(())
    })?;
    let root = root.ok_or_else(|| damaged(NAME, 0, "table Packages"))?;
    file.rows(root, MAX_DEPTH, &mut |row| match columns(row).as_deref() {
        // A blob's type is even.
        Some([_, (kind, header), ..]) if *kind >= 12 && kind & 1 == 0 => {
            sink(header).ok_or_else(|| limit(NAME))
        }
        _ => Ok(()),
    })
}
