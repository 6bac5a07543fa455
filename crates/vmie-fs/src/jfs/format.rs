//! What JFS has on disk ("JFS Layout" by Steve Best and Dave Kleikamp,
//! <https://jfs.sourceforge.net/project/pub/jfslayout.pdf>; names as there). Everything is
//! little-endian.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// `SUPER1_OFF`.
pub(super) const SUPER1_OFF: usize = 0x8000;
pub(super) const JFS_MAGIC: &[u8] = b"JFS1";
/// Block sizes are 512 to 4096 bytes.
pub(super) const BLOCK_LOG: std::ops::RangeInclusive<u16> = 9..=12;
/// Newest `s_version`.
pub(super) const JFS_VERSION: u32 = 2;
/// `AITBL_OFF`: the table of the aggregate's own inodes.
pub(super) const AITBL_OFF: u64 = 0xb000;
/// The aggregate's inodes for the map of free blocks and for the fileset.
pub(super) const BMAP_I: u64 = 2;
pub(super) const FILESYSTEM_I: u64 = 16;
/// `ROOT_I` of a fileset.
pub(super) const ROOT_I: u32 = 2;
/// `DISIZE`.
pub(super) const INODE_LEN: usize = 512;
/// `PSIZE`: pages of trees and maps.
pub(super) const PAGE: usize = 4096;
/// Inodes of an extent of inodes, and of an inode allocation group, as powers of two.
pub(super) const INODES_PER_EXTENT_LOG: u32 = 5;
pub(super) const INODES_PER_IAG_LOG: u32 = 12;
/// `inoext` of an inode allocation group.
pub(super) const IAG_EXTENTS_OFFSET: u64 = 3072;
/// Block numbers have 40 bits.
pub(super) const MAX_BLOCKS: u64 = 1 << 40;
/// Deepest tree that is followed: 256 entries a page and offsets of 40 bits need six levels.
pub(super) const MAX_DEPTH: u32 = 8;

bitflags::bitflags! {
    /// `s_flag`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Flags: u32 {
        /// Numbers in the journal and elsewhere are of the other byte order.
        const SWAP_BYTES = 0x0010_0000;
        /// Directory entries have a place in an index besides.
        const DIR_INDEX = 0x0020_0000;
        /// Names are compared without regard to case.
        const OS2 = 0x4000_0000;
        const _ = !0;
    }

    /// `flag` of a page of a tree.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct PageFlags: u8 {
        const LEAF = 0x02;
        const INTERNAL = 0x04;
        const _ = !0;
    }

    /// `flag` of an extent.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct XadFlags: u8 {
        /// Allocated and never written.
        const NOTRECORDED = 0x08;
        const _ = !0;
    }

    /// `flag` of a descriptor of data outside of the tree.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct DxdFlags: u8 {
        const EXTENT = 0x20;
        const INLINE = 0x40;
        const _ = !0;
    }
}

/// `s_state` of a filesystem that was unmounted.
pub(super) const FM_CLEAN: u32 = 0;
/// `s_state` of one that was found damaged.
pub(super) const FM_DIRTY: u32 = 2;

/// `struct jfs_superblock`, up to the label.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct JfsSuperblock {
    pub(super) s_magic: [u8; 4],
    pub(super) s_version: U32,
    /// In blocks of `s_pbsize`.
    pub(super) s_size: U64,
    pub(super) s_bsize: U32,
    pub(super) s_l2bsize: U16,
    pub(super) s_l2bfactor: U16,
    pub(super) s_pbsize: U32,
    pub(super) s_l2pbsize: U16,
    pub(super) pad: U16,
    pub(super) s_agsize: U32,
    pub(super) s_flag: U32,
    pub(super) s_state: U32,
    pub(super) rest: [u8; 57],
    pub(super) s_fpack: [u8; 11],
    pub(super) fsck: [u8; 24],
    pub(super) s_uuid: [u8; 16],
    pub(super) s_label: [u8; 16],
}

const _: () = assert!(size_of::<JfsSuperblock>() == 168);

/// `pxd_t`: 24 bits of length and 40 bits of a block's number.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Pxd {
    len_addr: U32,
    addr2: U32,
}

impl Pxd {
    pub(super) fn len(self) -> u64 {
        u64::from(self.len_addr.get() & 0x00ff_ffff)
    }

    pub(super) fn addr(self) -> u64 {
        (u64::from(self.len_addr.get() >> 24) << 32) | u64::from(self.addr2.get())
    }
}

/// `dxd_t`.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Dxd {
    pub(super) flag: u8,
    pub(super) rsrvd: [u8; 3],
    pub(super) size: U32,
    pub(super) loc: Pxd,
}

/// `xad_t`: an extent of a file.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Xad {
    pub(super) flag: u8,
    pub(super) rsvrd: [u8; 2],
    pub(super) off1: u8,
    pub(super) off2: U32,
    pub(super) loc: Pxd,
}

impl Xad {
    /// First block within the file.
    pub(super) fn offset(self) -> u64 {
        (u64::from(self.off1) << 32) | u64::from(self.off2.get())
    }
}

/// Header of a page of a tree of extents, which takes the place of two of them.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct XtHeader {
    pub(super) next: U64,
    pub(super) prev: U64,
    pub(super) flag: u8,
    pub(super) rsrvd1: u8,
    pub(super) nextindex: U16,
    pub(super) maxentry: U16,
    pub(super) rsrvd2: U16,
    pub(super) pxd: Pxd,
}

/// The first entry after the header (`XTENTRYSTART`).
pub(super) const XT_ENTRY_START: usize = 2;
pub(super) const XAD_LEN: usize = 16;

/// `struct dinode`, the part before the tree.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Dinode {
    pub(super) di_inostamp: U32,
    pub(super) di_fileset: U32,
    pub(super) di_number: U32,
    pub(super) di_gen: U32,
    pub(super) di_ixpxd: Pxd,
    pub(super) di_size: U64,
    pub(super) di_nblocks: U64,
    pub(super) di_nlink: U32,
    pub(super) di_uid: U32,
    pub(super) di_gid: U32,
    pub(super) di_mode: U32,
    pub(super) di_atime: [U32; 2],
    pub(super) di_ctime: [U32; 2],
    pub(super) di_mtime: [U32; 2],
    pub(super) di_otime: [U32; 2],
    pub(super) di_acl: Dxd,
    pub(super) di_ea: Dxd,
    pub(super) di_next_index: U32,
    pub(super) di_acltype: U32,
    pub(super) di_dirtable: [u8; 96],
    /// The root of the tree; or a short link's target, and short attributes.
    pub(super) di_data: [u8; 288],
}

const _: () = assert!(size_of::<Dinode>() == INODE_LEN);

/// Where in `di_data` the target of a short link is (`di_fastsymlink`), and its longest length.
pub(super) const FASTSYMLINK_OFFSET: usize = 32;
pub(super) const IDATASIZE: u64 = 256;
/// Where in `di_data` short attributes are (`di_inlineea`), to its end.
pub(super) const INLINEEA_OFFSET: usize = 160;
/// Longest target of a link, `PATH_MAX`.
pub(super) const MAX_SYMLINK: u64 = 4096;
/// Most bytes of attributes (`MAXEASIZE`).
pub(super) const MAX_EA: u64 = 65535;

/// Slots of a directory's pages; the first is the header.
pub(super) const SLOT: usize = 32;
/// `stbl` of the root: in its header.
pub(super) const ROOT_STBL: std::ops::Range<usize> = 24..32;
/// `stblindex` of a page's header: the slot that its `stbl` starts in. Before it are the flag, the number of
/// entries, the free slots with the first of them, and `maxslot`.
pub(super) const STBLINDEX: usize = 21;
/// Characters of a name in its first slot, with and without an index; in a leaf they start at 6.
pub(super) const LEAF_NAME: usize = 11;
pub(super) const LEAF_NAME_LEGACY: usize = 13;
pub(super) const LEAF_NAME_OFFSET: usize = 6;
/// Characters of a name in a further slot, which start at 2.
pub(super) const SLOT_NAME: usize = 15;
pub(super) const SLOT_NAME_OFFSET: usize = 2;
