//! The header of Linux swap space (`union swap_header`, described in mkswap(8) and
//! <https://github.com/torvalds/linux/blob/master/include/linux/swap.h>).

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Page sizes of the architectures that Linux runs on: the magic ends the first page.
pub(super) const PAGE_SIZES: [usize; 5] = [4096, 8192, 16384, 32768, 65536];
pub(super) const MAGIC_LEN: usize = 10;
pub(super) const MAGIC_V1: &[u8] = b"SWAPSPACE2";
pub(super) const MAGIC_V0: &[u8] = b"SWAP-SPACE";
/// What replaces the magic while the machine sleeps on disk.
pub(super) const SUSPENDED: [&[u8]; 3] = [b"S1SUSPEND\0", b"S2SUSPEND\0", b"ULSUSPEND\0"];
/// Where `info` starts, after the boot bits.
pub(super) const INFO_OFFSET: usize = 1024;

/// `info` of `union swap_header`: written in the byte order of the machine, which the version, 1,
/// tells.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct SwapInfo {
    pub(super) version: [u8; 4],
    pub(super) last_page: [u8; 4],
    pub(super) nr_badpages: [u8; 4],
    pub(super) sws_uuid: [u8; 16],
    pub(super) sws_volume: [u8; 16],
}
