//! What is where in a hive and its logs
//! ([regf](https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md)).

use zerocopy::little_endian::{I32, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Bytes before the first bin; offsets of cells count from here ("Base block").
pub(super) const BINS: u64 = 4096;
/// The unit of the logs: sectors of 512 bytes, whatever the disk has.
pub(super) const SECTOR: u64 = 512;
/// The base block's part that the checksum covers, the checksum behind it.
pub(super) const CHECKED: usize = 508;
/// An offset that points nowhere.
pub(super) const NOWHERE: u32 = u32::MAX;
/// The longest name of a key is 255 characters, of a value 16383; in bytes of UTF-16.
pub(super) const MAX_NAME: usize = 2 * 16383;
/// Bytes of data in one segment of big data ("Big data").
pub(super) const SEGMENT: usize = 16344;
/// The largest hive: Windows keeps them below 2 GiB.
pub(super) const MAX_BINS: u64 = 2 << 30;
/// The largest log that is replayed, in bytes. Windows turns to the other one at some megabytes.
pub(super) const MAX_LOG: u64 = 64 << 20;
/// The longest value that is taken. Windows allows 1 MiB for most; what is asked for here is short.
pub(super) const MAX_VALUE: usize = 4 << 20;
/// Subkeys or values of one key that are listed.
pub(super) const MAX_LISTED: usize = 1 << 16;

/// The first 512 bytes of a hive or log ("Base block").
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone)]
#[repr(C)]
pub(super) struct BaseBlock {
    pub(super) signature: [u8; 4],
    pub(super) primary_sequence: U32,
    pub(super) secondary_sequence: U32,
    pub(super) last_written: U64,
    pub(super) major: U32,
    pub(super) minor: U32,
    /// 0 a hive, 1 or 2 a log of the old form, 6 one of the new form.
    pub(super) file_type: U32,
    /// 1, loaded into memory as it is.
    pub(super) file_format: U32,
    pub(super) root: U32,
    pub(super) bins_size: U32,
    /// Sector size of the disk in 512 bytes.
    pub(super) clustering: U32,
    pub(super) file_name: [u8; 64],
    pub(super) reserved: [u8; 396],
    pub(super) checksum: U32,
}

pub(super) const SIGNATURE: [u8; 4] = *b"regf";

/// A key ("Key node"); its name follows.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone)]
#[repr(C)]
pub(super) struct KeyNode {
    pub(super) signature: [u8; 2],
    pub(super) flags: U16,
    pub(super) last_written: U64,
    pub(super) access: U32,
    pub(super) parent: U32,
    pub(super) subkeys: U32,
    pub(super) volatile_subkeys: U32,
    pub(super) subkeys_list: U32,
    pub(super) volatile_list: U32,
    pub(super) values: U32,
    pub(super) values_list: U32,
    pub(super) security: U32,
    pub(super) class: U32,
    pub(super) largest: [U32; 4],
    pub(super) work: U32,
    pub(super) name_len: U16,
    pub(super) class_len: U16,
}

pub(super) const KEY: [u8; 2] = *b"nk";
/// The key is a symbolic link; its value `SymbolicLinkValue` says where to.
pub(super) const KEY_LINK: u16 = 0x0010;
/// The name is of one byte a character (Latin-1).
pub(super) const KEY_LATIN: u16 = 0x0020;

/// A value ("Key value"); its name follows.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone)]
#[repr(C)]
pub(super) struct KeyValue {
    pub(super) signature: [u8; 2],
    pub(super) name_len: U16,
    /// The high bit: the data is in `data` itself.
    pub(super) data_size: U32,
    pub(super) data: U32,
    pub(super) kind: U32,
    pub(super) flags: U16,
    pub(super) spare: U16,
}

pub(super) const VALUE: [u8; 2] = *b"vk";
pub(super) const VALUE_LATIN: u16 = 0x0001;
pub(super) const RESIDENT: u32 = 1 << 31;

/// Data in several cells ("Big data").
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone)]
#[repr(C)]
pub(super) struct BigData {
    pub(super) signature: [u8; 2],
    pub(super) segments: U16,
    pub(super) list: U32,
}

pub(super) const BIG: [u8; 2] = *b"db";

/// The head of every list of subkeys.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone)]
#[repr(C)]
pub(super) struct ListHead {
    pub(super) signature: [u8; 2],
    pub(super) count: U16,
}

/// The size before a cell, negative when it is in use.
pub(super) type CellSize = I32;

/// The head of an entry of a log of the new form ("Log entries").
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone)]
#[repr(C)]
pub(super) struct LogEntry {
    pub(super) signature: [u8; 4],
    pub(super) size: U32,
    pub(super) flags: U32,
    pub(super) sequence: U32,
    pub(super) bins_size: U32,
    pub(super) pages: U32,
    pub(super) hash1: U64,
    pub(super) hash2: U64,
}

pub(super) const LOG_ENTRY: [u8; 4] = *b"HvLE";
pub(super) const DIRTY_VECTOR: [u8; 4] = *b"DIRT";

/// A page of an entry.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone)]
#[repr(C)]
pub(super) struct PageRef {
    /// From the first bin.
    pub(super) offset: U32,
    pub(super) size: U32,
}

impl BaseBlock {
    /// The exclusive or of all words before the checksum; 0 and all ones are kept free.
    pub(super) fn sum(bytes: &[u8]) -> u32 {
        let words = bytes.get(..CHECKED).unwrap_or_default().chunks_exact(4);
        let sum = words.fold(0, |sum, word| {
            sum ^ word
                .first_chunk::<4>()
                .map_or(0, |word| u32::from_le_bytes(*word))
        });
        match sum {
            0 => 1,
            u32::MAX => u32::MAX ^ 1,
            sum => sum,
        }
    }
}
