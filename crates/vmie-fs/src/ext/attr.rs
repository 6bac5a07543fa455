//! Extended attributes: beside the inode, in a block of their own, and long values in inodes of
//! their own (<https://docs.kernel.org/filesystems/ext4/attributes.html>).

use vmie_io::{Charge, ReadAt, int};
use zerocopy::FromBytes;

use super::checksum;
use super::file::ExtFile;
use super::format::{
    InodeFlags, XATTR_HEADER, XATTR_INDEX_SYSTEM, XATTR_MAGIC, XATTR_SIZE_MAX, XattrEntry,
    XattrHeader,
};
use super::inode::Inode;
use super::open::Ext;
use crate::{Cause, Error, FileRead, Xattr};

const STRUCTURE: &str = "ext attribute block";

/// All extended attributes of a file, as Linux shows them to the superuser.
pub(super) fn read(ext: &Ext, inode: &Inode) -> Result<Vec<Xattr>, Error> {
    let mut reader = Reader {
        ext,
        inode,
        found: Vec::new(),
        charges: Vec::new(),
    };
    if let Some(entries) = inode.attribute_area() {
        let area = Area {
            bytes: entries,
            first: 0,
            at: inode.at,
        };
        reader.area(&area)?;
    }
    if inode.attribute_block != 0 {
        reader.block(inode.attribute_block)?;
    }
    Ok(reader.found)
}

/// The entries that stand one after the other, up to an empty one or to the end.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl<'a> Iterator for Entries<'a> {
    /// An entry and its name; `None` for one whose name is cut off, after which nothing comes.
    type Item = Option<(XattrEntry, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        let (entry, after) = XattrEntry::read_from_prefix(rest).ok()?;
        let name_len = usize::from(entry.e_name_len);
        if name_len == 0 && entry.e_name_index == 0 {
            return None;
        }
        let name = after.get(..name_len);
        self.rest = after
            .get(name_len.next_multiple_of(4)..)
            .unwrap_or_default();
        Some(name.map(|name| (entry, name)))
    }
}

/// Where attributes stand: in an inode, or in a block.
struct Area<'a> {
    /// What offsets of values count from the start of.
    bytes: &'a [u8],
    /// Where the entries start in it.
    first: usize,
    /// Where on the volume this is, for errors.
    at: u64,
}

struct Reader<'a> {
    ext: &'a Ext,
    inode: &'a Inode,
    found: Vec<Xattr>,
    charges: Vec<Charge>,
}

impl Reader<'_> {
    fn block(&mut self, number: u64) -> Result<(), Error> {
        let at = self.ext.geometry.byte_of(number, STRUCTURE)?;
        let mut bytes = vec![0; self.ext.geometry.block_len()];
        self.ext.meta.read_exact_at(&mut bytes, at)?;
        let error = |cause, field, found: u32| {
            Error::new(cause)
                .at(STRUCTURE, at)
                .field(field)
                .found(found)
        };
        let (header, _) =
            XattrHeader::read_from_prefix(&bytes).map_err(|_| error(Cause::Value, "h_magic", 0))?;
        if header.h_magic.get() != XATTR_MAGIC {
            return Err(error(Cause::Magic, "h_magic", header.h_magic.get()));
        }
        if header.h_blocks.get() != 1 {
            return Err(error(Cause::Value, "h_blocks", header.h_blocks.get()));
        }
        if let Some(seed) = self.ext.geometry.seed {
            let found = header.h_checksum.get();
            if block_checksum(seed, number, &bytes) != Some(found) {
                return Err(error(Cause::Checksum, "h_checksum", found));
            }
        }
        self.area(&Area {
            bytes: &bytes,
            first: XATTR_HEADER,
            at,
        })
    }

    fn area(&mut self, area: &Area<'_>) -> Result<(), Error> {
        // Values that stand here do not overlap, so all of them together are not longer than it.
        let mut room = area.bytes.len();
        let entries = area.bytes.get(area.first..).unwrap_or_default();
        for entry in Entries::new(entries) {
            self.ext.budget.work("extended attributes", 1)?;
            let error = |field, found: u64| {
                Error::new(Cause::Attribute)
                    .at(STRUCTURE, area.at)
                    .field(field)
                    .found(found)
            };
            let Some((entry, name)) = entry else {
                return Err(error("e_name_len", 0));
            };
            let Some(prefix) = prefix(entry.e_name_index) else {
                continue;
            };
            let size = entry.e_value_size.get();
            if size > XATTR_SIZE_MAX {
                return Err(error("e_value_size", size.into()));
            }
            let value = match entry.e_value_inum.get() {
                0 => {
                    let size = int::usize_of(size.into());
                    let start = usize::from(entry.e_value_offs.get());
                    let start = if size == 0 { 0 } else { start };
                    let value = area.bytes.get(start..start.saturating_add(size));
                    room = match room.checked_sub(size) {
                        Some(room) => room,
                        None => return Err(error("e_value_size", entry.e_value_size.get().into())),
                    };
                    value
                        .ok_or_else(|| error("e_value_offs", entry.e_value_offs.get().into()))?
                        .to_vec()
                }
                inode => self.long_value(inode, size)?,
            };
            let value = match prefix {
                ACL_ACCESS | ACL_DEFAULT => {
                    posix_acl(&value).ok_or_else(|| error("a_version", int::u64_of(value.len())))?
                }
                _ => value,
            };
            let cost = int::u64_of(name.len().saturating_add(value.len()));
            self.charges
                .push(self.ext.budget.memory("extended attributes", cost)?);
            self.found.push(([prefix, name].concat(), value));
        }
        Ok(())
    }

    /// A value that is the content of an inode.
    fn long_value(&self, number: u32, size: u32) -> Result<Vec<u8>, Error> {
        let inode = Inode::read(self.ext, number)?;
        if !inode.flags.contains(InodeFlags::EA_INODE) || number == self.inode.number {
            let found = u64::from(inode.flags.bits());
            return Err(inode.error(Cause::Attribute, "i_flags", found));
        }
        if inode.metadata.size != u64::from(size) {
            return Err(inode.error(Cause::Attribute, "i_size", inode.metadata.size));
        }
        self.ext
            .budget
            .work("extended attributes", u64::from(size) / 512)?;
        let mut value = vec![0; int::usize_of(size.into())];
        ExtFile::new(self.ext, inode)?.read_at(&mut value, 0)?;
        Ok(value)
    }
}

/// The checksum of a block of attributes: over its number, then itself with the checksum zero.
fn block_checksum(seed: u32, number: u64, bytes: &[u8]) -> Option<u32> {
    const FIELD: usize = std::mem::offset_of!(XattrHeader, h_checksum);
    let sum = checksum::append(seed, &number.to_le_bytes());
    let sum = checksum::append(sum, bytes.get(..FIELD)?);
    let sum = checksum::append(sum, &[0; 4]);
    Some(checksum::append(sum, bytes.get(FIELD.saturating_add(4)..)?))
}

const ACL_ACCESS: &[u8] = b"system.posix_acl_access";
const ACL_DEFAULT: &[u8] = b"system.posix_acl_default";

/// What `e_name_index` stands for; `None` for what is the filesystem's own (a part of inline data,
/// the context of encryption), and for what Linux does not show.
fn prefix(index: u8) -> Option<&'static [u8]> {
    Some(match index {
        1 => b"user.",
        2 => ACL_ACCESS,
        3 => ACL_DEFAULT,
        4 => b"trusted.",
        6 => b"security.",
        XATTR_INDEX_SYSTEM..=u8::MAX | 0 | 5 => return None,
    })
}

/// An access control list as the kernel hands it out: version 2, then of each entry tag, permissions
/// and id. On disk: version 1, and an id only where it is about a named user (2) or group (8).
fn posix_acl(value: &[u8]) -> Option<Vec<u8>> {
    let (version, mut rest) = value.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != 1 {
        return None;
    }
    let mut acl = 2u32.to_le_bytes().to_vec();
    while !rest.is_empty() {
        let (entry, after) = rest.split_first_chunk::<4>()?;
        acl.extend_from_slice(entry);
        rest = after;
        let [t0, t1, ..] = *entry;
        if matches!(u16::from_le_bytes([t0, t1]), 2 | 8) {
            let (id, after) = rest.split_first_chunk::<4>()?;
            acl.extend_from_slice(id);
            rest = after;
        } else {
            acl.extend_from_slice(&u32::MAX.to_le_bytes());
        }
    }
    Some(acl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_lists_are_shown_as_the_kernel_does() {
        // u::rw-, u:1000:r--, o::r--.
        let disk = b"\x01\0\0\0\x01\0\x06\0\x02\0\x04\0\xe8\x03\0\0\x20\0\x04\0";
        let shown = b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\xe8\x03\0\0\
                      \x20\0\x04\0\xff\xff\xff\xff";
        assert_eq!(posix_acl(disk).unwrap(), shown);
        for end in 0..disk.len() {
            let whole_entries = [4, 8, 16].contains(&end);
            assert_eq!(posix_acl(&disk[..end]).is_some(), whole_entries, "{end}");
        }
        assert_eq!(posix_acl(b"\x02\0\0\0"), None);
    }

    #[test]
    fn entries_end_at_an_empty_one_and_where_a_name_is_cut_off() {
        let mut area = vec![
            2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'a', b'b', 0, 0,
        ];
        let names = |area: &[u8]| -> Vec<Option<Vec<u8>>> {
            Entries::new(area)
                .map(|entry| entry.map(|(_, name)| name.to_vec()))
                .collect()
        };
        assert_eq!(names(&area), [Some(b"ab".to_vec())]);
        assert_eq!(names(&area[..17]), [None]);
        area.extend([0; 16]);
        area.extend([1; 30]);
        assert_eq!(names(&area), [Some(b"ab".to_vec())]);
    }
}
