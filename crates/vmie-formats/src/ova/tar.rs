//! An index of a tar archive: where each member's bytes are. Nothing is unpacked.

use std::collections::BTreeSet;

use vmie_io::{Budget, Charge, LimitExceeded, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::format::{
    BLOCK, CHKSUM_AT, DIRECTORY, GNU_LONG_LINK, GNU_LONG_NAME, Header, MAX_EXTENDED,
    MAX_EXTENDED_IN_A_ROW, MAX_MEMBERS, PAX, PAX_GLOBAL, REGULAR, SIZE_AT, TYPEFLAG_AT,
};
use crate::{Cause, Error};

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Its name, with `/` between folders, never leading out of the archive.
    pub name: String,
    /// Byte offset of its data in the archive.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
    /// Byte offset of its header in the archive.
    pub header: u64,
}

/// A memory of what extended headers said of the next member.
#[derive(Debug, Default)]
struct Extended {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    in_a_row: u32,
}

/// The walk over the headers.
pub(super) struct Walk<'a> {
    source: &'a dyn ReadAt,
    budget: &'a Budget,
    at: u64,
    charges: Vec<Charge>,
}

/// All files of the archive, in order, with the charges for what their names take.
///
/// # Errors
/// What is wrong with the archive: a member that is no plain file or folder, a name that leads
/// out of the archive, two members of one name, data past the end.
pub(super) fn index(
    source: &dyn ReadAt,
    budget: &Budget,
) -> Result<(Vec<Member>, Vec<Charge>), Error> {
    let mut walk = Walk::new(source, budget);
    let mut members = Vec::new();
    let mut names = BTreeSet::new();
    while let Some(member) = walk.next()? {
        if members.len() >= MAX_MEMBERS {
            let limit = int::u64_of(MAX_MEMBERS);
            let error = LimitExceeded::new("archive", "members", limit.saturating_add(1), limit);
            return Err(error.into());
        }
        if !names.insert(member.name.clone()) {
            return Err(Error::new(Cause::DuplicateMember)
                .at("tar header", member.header)
                .field("name")
                .found(member.name.as_str()));
        }
        members.push(member);
    }
    Ok((members, walk.charges))
}

impl<'a> Walk<'a> {
    pub(super) fn new(source: &'a dyn ReadAt, budget: &'a Budget) -> Self {
        Self {
            source,
            budget,
            at: 0,
            charges: Vec::new(),
        }
    }

    /// The walk that goes on at a header.
    pub(super) fn at(source: &'a dyn ReadAt, budget: &'a Budget, at: u64) -> Self {
        Self {
            at,
            ..Self::new(source, budget)
        }
    }

    /// Where the next header is.
    pub(super) fn position(&self) -> u64 {
        self.at
    }

    /// The next file; folders are passed over.
    pub(super) fn next(&mut self) -> Result<Option<Member>, Error> {
        let mut extended = Extended::default();
        loop {
            self.budget.work("tar header", 1)?;
            let header_at = self.at;
            let Some(block) = self.block()? else {
                return Ok(None);
            };
            let header = Header::ref_from_bytes(&block)
                .map_err(|_| Error::new(Cause::TarChecksum).at("tar header", header_at))?;
            if !checksum_fits(&block, header) {
                return Err(Error::new(Cause::TarChecksum)
                    .at("tar header", header_at)
                    .field("chksum")
                    .found(&header.chksum[..]));
            }
            let kind = header.typeflag;
            let mut size = number(&header.size).ok_or_else(|| {
                Error::new(Cause::TarNumber)
                    .at("tar header", header_at.saturating_add(SIZE_AT))
                    .field("size")
                    .found(&header.size[..])
            })?;
            if matches!(kind, PAX | PAX_GLOBAL | GNU_LONG_NAME | GNU_LONG_LINK) {
                self.extended(kind, size, header_at, &mut extended)?;
                continue;
            }
            if let Some(pax_size) = extended.size {
                size = pax_size;
            }
            let folder = kind == DIRECTORY;
            if !folder && !REGULAR.contains(&kind) {
                return Err(Error::new(Cause::TarMemberKind)
                    .at("tar header", header_at.saturating_add(TYPEFLAG_AT))
                    .field("typeflag")
                    .found(&[kind][..]));
            }
            let start = header_at.saturating_add(BLOCK);
            // A folder has no data, whatever its header says.
            let len = if folder { 0 } else { size };
            self.skip(start, len, header_at)?;
            let raw = match extended.name.take() {
                Some(name) => name,
                None => name_of(header),
            };
            let name = safe_name(&raw, header_at)?;
            extended = Extended::default();
            // Before ustar, a folder was a file whose name ends in a slash.
            if folder || raw.ends_with(b"/") || is_apple_double(&name) || name.is_empty() {
                continue;
            }
            let cost = int::u64_of(name.len())
                .saturating_mul(2)
                .saturating_add(128);
            self.charges
                .push(self.budget.memory("archive index", cost)?);
            return Ok(Some(Member {
                name,
                start,
                len,
                header: header_at,
            }));
        }
    }

    /// The block at the present place; `None` at the end: a block of zeroes, or none at all.
    fn block(&mut self) -> Result<Option<[u8; 512]>, Error> {
        let left = self.source.len().saturating_sub(self.at);
        if left == 0 {
            return Ok(None);
        }
        if left < BLOCK {
            return Err(Error::new(Cause::TarTruncated).at("tar header", self.at));
        }
        let block = self.source.read_array::<512>(self.at)?;
        if block.iter().all(|b| *b == 0) {
            return Ok(None);
        }
        Ok(Some(block))
    }

    /// Moves behind the data of a member.
    fn skip(&mut self, start: u64, len: u64, header_at: u64) -> Result<(), Error> {
        let end = start
            .checked_add(len)
            .filter(|end| *end <= self.source.len());
        let Some(end) = end else {
            return Err(Error::new(Cause::TarTruncated)
                .at("tar header", header_at.saturating_add(SIZE_AT))
                .field("size")
                .found(len));
        };
        // The padding of the last member may be missing.
        self.at = int::round_up(end, BLOCK)
            .unwrap_or(end)
            .min(self.source.len());
        Ok(())
    }

    fn extended(
        &mut self,
        kind: u8,
        size: u64,
        header_at: u64,
        extended: &mut Extended,
    ) -> Result<(), Error> {
        let malformed = || Error::new(Cause::TarExtended).at("tar header", header_at);
        extended.in_a_row = extended.in_a_row.saturating_add(1);
        if size > MAX_EXTENDED || extended.in_a_row > MAX_EXTENDED_IN_A_ROW {
            return Err(malformed().field("size").found(size));
        }
        let start = header_at.saturating_add(BLOCK);
        self.skip(start, size, header_at)?;
        let (mut data, _charge) = self.budget.buffer("tar extended header", size)?;
        self.source.read_exact_at(&mut data, start)?;
        match kind {
            GNU_LONG_NAME => extended.name = Some(until_nul(&data).to_vec()),
            PAX => pax(&data, extended).ok_or_else(malformed)?,
            // What holds for all members can be a comment or a time, and no name or size.
            PAX_GLOBAL => {
                let mut global = Extended::default();
                pax(&data, &mut global).ok_or_else(malformed)?;
                if global.name.is_some() || global.size.is_some() {
                    return Err(malformed());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Reads pax records, `length key=value\n`; `None` when one is malformed.
fn pax(mut data: &[u8], extended: &mut Extended) -> Option<()> {
    while !data.is_empty() {
        // Some writers pad with NULs.
        if data.iter().all(|b| *b == 0) {
            break;
        }
        let space = data.iter().position(|b| *b == b' ')?;
        let digits = std::str::from_utf8(data.get(..space)?).ok()?;
        let len: usize = digits.parse().ok()?;
        let record = data.get(space.checked_add(1)?..len.checked_sub(1)?)?;
        if data.get(len.checked_sub(1)?) != Some(&b'\n') {
            return None;
        }
        let equals = record.iter().position(|b| *b == b'=')?;
        let (key, value) = (record.get(..equals)?, record.get(equals.checked_add(1)?..)?);
        match key {
            b"path" => extended.name = Some(value.to_vec()),
            b"size" => {
                let text = std::str::from_utf8(value).ok()?;
                extended.size = Some(text.parse().ok()?);
            }
            // A file with holes that only GNU tar can put together again.
            _ if key.starts_with(b"GNU.sparse.") => return None,
            _ => {}
        }
        data = data.get(len..)?;
    }
    Some(())
}

/// Whether the sum of the header's bytes, its own field taken as spaces, is what the field says.
/// Some old writers summed signed bytes.
pub(super) fn checksum_fits(block: &[u8; 512], header: &Header) -> bool {
    let Some(expected) = number(&header.chksum) else {
        return false;
    };
    let field = CHKSUM_AT..CHKSUM_AT.saturating_add(header.chksum.len());
    let mut unsigned: u64 = 0;
    let mut signed: i64 = 0;
    for (index, byte) in block.iter().enumerate() {
        let byte = if field.contains(&index) { b' ' } else { *byte };
        unsigned = unsigned.saturating_add(u64::from(byte));
        signed = signed.saturating_add(i64::from(byte.cast_signed()));
    }
    expected == unsigned || i64::try_from(expected) == Ok(signed)
}

/// A number of a header: octal digits between spaces and NULs, or base 256.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // A negative number starts with 0xff; sizes are not negative.
        let start = u64::from(first & 0x7f);
        return rest.iter().try_fold(start, |n, byte| {
            n.checked_mul(256)?.checked_add(u64::from(*byte))
        });
    }
    let mut digits = until_nul(field).trim_ascii();
    if digits.is_empty() {
        return Some(0);
    }
    let mut n: u64 = 0;
    while let Some((digit, rest)) = digits.split_first() {
        let value = digit.checked_sub(b'0').filter(|value| *value < 8)?;
        n = n.checked_mul(8)?.checked_add(u64::from(value))?;
        digits = rest;
    }
    Some(n)
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or_default()
}

fn name_of(header: &Header) -> Vec<u8> {
    let name = until_nul(&header.name);
    let prefix = until_nul(&header.prefix);
    if header.magic == *b"ustar\0" && !prefix.is_empty() {
        return [prefix, b"/", name].concat();
    }
    name.to_vec()
}

/// A name as text, or the refusal of one that leads out of the archive on some system: an absolute
/// path, `..`, a backslash, a drive letter, a NUL.
pub(super) fn safe_name(raw: &[u8], header_at: u64) -> Result<String, Error> {
    let refuse = || {
        Error::new(Cause::NameEscapes)
            .at("tar header", header_at)
            .field("name")
    };
    let Ok(text) = std::str::from_utf8(raw) else {
        return Err(refuse().found(raw));
    };
    safe_path(text).ok_or_else(|| refuse().found(text))
}

/// The path without `.` and empty parts, or `None` when it leads out.
pub(super) fn safe_path(text: &str) -> Option<String> {
    let bad = |c: char| c == '\\' || c == '\0';
    let drive = text.as_bytes().get(1) == Some(&b':');
    if text.starts_with('/') || drive || text.contains(bad) {
        return None;
    }
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

/// The companion files that macOS's tar adds, `._name`.
fn is_apple_double(name: &str) -> bool {
    name.rsplit('/')
        .next()
        .is_some_and(|base| base.starts_with("._"))
}

/// Whether this block is the header of a tar; `Some(true)` if it carries the `ustar` magic.
pub(super) fn is_header(block: &[u8; 512]) -> Option<bool> {
    let header = Header::ref_from_bytes(block).ok()?;
    let zero = block.iter().all(|b| *b == 0);
    (!zero && checksum_fits(block, header)).then(|| header.magic.starts_with(b"ustar"))
}
