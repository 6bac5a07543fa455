//! The first bytes of a volume, where filesystems say who they are.

use std::cell::OnceCell;

use vmie_io::{ReadAt, ReadAtExt, int};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::Error;

/// Bytes that are read at the start of a volume: Btrfs has its superblock last, 4 KiB at 64 KiB.
pub(crate) const HEAD_LEN: usize = 68 << 10;

/// The start of a volume in memory, and the volume for the few things that lie elsewhere.
pub(crate) struct Head<'a> {
    bytes: Vec<u8>,
    volume: &'a dyn ReadAt,
    tail: OnceCell<Vec<u8>>,
}

impl<'a> Head<'a> {
    /// Reads the start of `volume`, as much as there is of it.
    pub(crate) fn read(volume: &'a dyn ReadAt) -> Result<Self, Error> {
        let mut bytes = vec![0; HEAD_LEN];
        let n = volume.read_up_to(&mut bytes, 0)?;
        bytes.truncate(n);
        Ok(Self {
            bytes,
            volume,
            tail: OnceCell::new(),
        })
    }

    /// Bytes of the whole volume.
    pub(crate) fn volume_len(&self) -> u64 {
        self.volume.len()
    }

    /// The bytes at `[offset, offset + len)` of the start; `None` when they are not all there.
    pub(crate) fn bytes(&self, offset: usize, len: usize) -> Option<&[u8]> {
        self.bytes.get(offset..offset.checked_add(len)?)
    }

    /// All of the start that there is.
    pub(crate) fn whole(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether `magic` stands at `offset`.
    pub(crate) fn has(&self, offset: usize, magic: &[u8]) -> bool {
        self.bytes(offset, magic.len()) == Some(magic)
    }

    /// The structure at `offset` of the start.
    pub(crate) fn get<T: FromBytes + KnownLayout + Immutable>(&self, offset: usize) -> Option<T> {
        let bytes = self.bytes(offset, size_of::<T>())?;
        T::read_from_bytes(bytes).ok()
    }

    /// Up to `len` bytes from anywhere on the volume: nothing when they cannot be read, since
    /// what is looked for there only adds to what is known already.
    pub(crate) fn elsewhere(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let n = self.volume.read_up_to(&mut bytes, offset).unwrap_or(0);
        bytes.truncate(n);
        bytes
    }

    /// The last `TAIL_LEN` bytes of the volume, with the offset of the first of them.
    pub(crate) fn tail(&self) -> (u64, &[u8]) {
        let start = self
            .volume_len()
            .saturating_sub(int::u64_of(crate::linux_raid::TAIL_LEN));
        let bytes = self
            .tail
            .get_or_init(|| self.elsewhere(start, crate::linux_raid::TAIL_LEN));
        (start, bytes)
    }
}

/// 16 bytes as a UUID is written: `96da6ae0-96ed-43a3-8fb5-1c6e10a6c2ac`; `None` when they are all
/// zero, which is how filesystems say that they have none.
pub(crate) fn uuid(bytes: &[u8; 16]) -> Option<String> {
    if bytes.iter().all(|b| *b == 0) {
        return None;
    }
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Some(text)
}

/// A label in a field of fixed length: up to the first NUL, without the spaces that pad it;
/// `None` when nothing is left. What is not UTF-8 is replaced.
pub(crate) fn label(field: &[u8]) -> Option<String> {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    let text = String::from_utf8_lossy(field.get(..end)?).into_owned();
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The serial number of FAT and exFAT as it is written: `F681-3013`.
pub(crate) fn dos_serial(serial: u32) -> Option<String> {
    let (high, low) = (serial >> 16, serial & 0xffff);
    (serial != 0).then(|| format!("{high:04X}-{low:04X}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_fstab_has_them() {
        let bytes: [u8; 16] = std::array::from_fn(|i| i as u8 * 16);
        assert_eq!(
            uuid(&bytes).unwrap(),
            "00102030-4050-6070-8090-a0b0c0d0e0f0"
        );
        assert_eq!(uuid(&[0; 16]), None);
        assert_eq!(label(b"root\0garbage"), Some("root".into()));
        assert_eq!(label(b"EFI        "), Some("EFI".into()));
        assert_eq!(label(b"\0\0\0"), None);
        assert_eq!(dos_serial(0xF681_3013), Some("F681-3013".into()));
    }

    #[test]
    fn a_short_volume_has_a_short_head() {
        let volume = vec![7u8; 1000];
        let head = Head::read(&volume).unwrap();
        assert!(head.has(999, &[7]) && !head.has(999, &[7, 7]));
        assert!(head.bytes(usize::MAX, 2).is_none());
        assert_eq!(head.tail(), (0, volume.as_slice()));
    }
}
