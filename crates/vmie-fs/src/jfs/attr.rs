//! Extended attributes: a list in the inode or in an extent of its own.

use vmie_io::{ReadAt, int};

use super::format::{DxdFlags, INLINEEA_OFFSET, MAX_EA};
use super::inode::Inode;
use super::open::Jfs;
use crate::{Cause, Error, Xattr};

/// All extended attributes of a file.
pub(super) fn read(jfs: &Jfs, inode: &Inode) -> Result<Vec<Xattr>, Error> {
    let dxd = inode.raw.di_ea;
    let flags = DxdFlags::from_bits_retain(dxd.flag);
    let size = u64::from(dxd.size.get());
    if !flags.intersects(DxdFlags::INLINE | DxdFlags::EXTENT) || size == 0 {
        return Ok(Vec::new());
    }
    let wrong = |found: u64| inode.error(Cause::Value, "di_ea", found);
    let len = int::usize_of(size);
    let bytes = if flags.contains(DxdFlags::INLINE) {
        let list = inode.raw.di_data.get(INLINEEA_OFFSET..).unwrap_or_default();
        list.get(..len).ok_or_else(|| wrong(size))?.to_vec()
    } else {
        if size > MAX_EA || size > dxd.loc.len() << jfs.block_log {
            return Err(wrong(size));
        }
        let at = jfs.byte_of(dxd.loc, "JFS inode", inode.at)?;
        jfs.budget.work("extended attributes", (size >> 9).max(1))?;
        let mut bytes = vec![0; len];
        jfs.meta.read_exact_at(&mut bytes, at)?;
        bytes
    };
    list(&bytes).ok_or_else(|| wrong(size))
}

/// The whole length, then of each: flags, lengths of name and value, the name and a NUL, the value.
fn list(bytes: &[u8]) -> Option<Vec<Xattr>> {
    let (len, _) = bytes.split_first_chunk::<4>()?;
    let len = int::usize_of(u32::from_le_bytes(*len).into());
    let mut rest = bytes.get(4..len)?;
    let mut found = Vec::new();
    while let [_, name_len, low, high, after @ ..] = rest {
        let (name, after) = after.split_at_checked(usize::from(*name_len))?;
        let (_, after) = after.split_first()?;
        let value_len = usize::from(u16::from_le_bytes([*low, *high]));
        let (value, after) = after.split_at_checked(value_len)?;
        found.push((full_name(name), value.to_vec()));
        rest = after;
    }
    Some(found)
}

/// What does not start with a namespace of Linux is from OS/2.
fn full_name(name: &[u8]) -> Vec<u8> {
    let known: [&[u8]; 4] = [b"user.", b"security.", b"trusted.", b"system."];
    if known.iter().any(|prefix| name.starts_with(prefix)) {
        name.to_vec()
    } else {
        [b"os2.", name].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_taken_apart_and_never_read_past_its_end() {
        let mut bytes = vec![0; 4];
        bytes.extend_from_slice(b"\0\x06\x02\0user.a\0xy\0\x01\0\0Z\0");
        let len = bytes.len() as u32;
        bytes[..4].copy_from_slice(&len.to_le_bytes());
        let found = list(&bytes).unwrap();
        assert_eq!(found[0], (b"user.a".to_vec(), b"xy".to_vec()));
        assert_eq!(found[1], (b"os2.Z".to_vec(), Vec::new()));
        for end in 0..bytes.len() {
            assert_eq!(list(&bytes[..end]), None, "{end}");
        }
    }
}
