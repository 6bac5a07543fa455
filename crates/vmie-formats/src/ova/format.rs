//! The tar headers of an OVA, as in POSIX.1-2017 (pax, section "ustar Interchange Format") and the
//! GNU tar manual ("Basic Tar Format").

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Bytes of a header and the unit of everything in a tar.
pub(super) const BLOCK: u64 = 512;

/// Members of one archive. Real OVAs have under a hundred (a disk in chunks has one for each); the
/// headers of so many are 32 MiB to read at the worst.
pub(super) const MAX_MEMBERS: usize = 65_536;

/// Bytes of one extended header (pax records, a GNU long name). Names are limited to 4 KiB by
/// every file system, and pax adds some hundred bytes.
pub(super) const MAX_EXTENDED: u64 = 64 << 10;

/// Extended headers in a row before one member: pax and the two of GNU, and some more for tools
/// that repeat themselves. Bounds a chain that leads to no member.
pub(super) const MAX_EXTENDED_IN_A_ROW: u32 = 16;

/// A header block. All fields are text; the numbers are octal, or base 256 if the first byte's
/// highest bit is set (GNU).
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    pub(super) name: [u8; 100],
    pub(super) mode: [u8; 8],
    pub(super) uid: [u8; 8],
    pub(super) gid: [u8; 8],
    pub(super) size: [u8; 12],
    pub(super) mtime: [u8; 12],
    pub(super) chksum: [u8; 8],
    pub(super) typeflag: u8,
    pub(super) linkname: [u8; 100],
    /// `ustar` and NUL (POSIX) or a space (GNU); before 1988 there was none.
    pub(super) magic: [u8; 6],
    pub(super) version: [u8; 2],
    pub(super) uname: [u8; 32],
    pub(super) gname: [u8; 32],
    pub(super) devmajor: [u8; 8],
    pub(super) devminor: [u8; 8],
    /// What goes before the name and a slash. POSIX only: GNU has other fields there.
    pub(super) prefix: [u8; 155],
    pub(super) pad: [u8; 12],
}

/// Byte offset of `size` in the header.
pub(super) const SIZE_AT: u64 = 124;
/// Byte offset of `chksum` in the header.
pub(super) const CHKSUM_AT: usize = 148;
/// Byte offset of `typeflag` in the header.
pub(super) const TYPEFLAG_AT: u64 = 156;

/// A plain file: the second is from before 1988, the third asks for contiguous blocks.
pub(super) const REGULAR: [u8; 3] = [b'0', 0, b'7'];
/// A folder.
pub(super) const DIRECTORY: u8 = b'5';
/// Pax records for the next member.
pub(super) const PAX: u8 = b'x';
/// Pax records for all members that follow.
pub(super) const PAX_GLOBAL: u8 = b'g';
/// The next member's name (GNU).
pub(super) const GNU_LONG_NAME: u8 = b'L';
/// The next member's link target (GNU).
pub(super) const GNU_LONG_LINK: u8 = b'K';
