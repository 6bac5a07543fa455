//! Linux software RAID.

mod format;
mod open;
mod probe;

pub(crate) use open::assemble;
pub(crate) use probe::probe;

/// What a member's superblock says.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The superblock's version: `0.90`, `1.0` …
    pub(crate) version: &'static str,
    pub(crate) uuid: [u8; 16],
    /// The array's name without the host; empty for version 0.90.
    pub(crate) name: String,
    /// The number of its device, which only version 0.90 has.
    pub(crate) minor: Option<u32>,
    pub(crate) level: Level,
    /// How a RAID0 of unequal members is laid out, when it says so.
    pub(crate) layout: Option<u32>,
    /// Bytes of a chunk.
    pub(crate) chunk: u64,
    pub(crate) raid_disks: u32,
    /// The place in the array; at or past `raid_disks` for spares and the like.
    pub(crate) role: u32,
    pub(crate) in_sync: bool,
    pub(crate) reshaping: bool,
    pub(crate) events: u64,
    /// Bytes of each member that are used, for levels where all are alike.
    pub(crate) size: u64,
    /// Where the data starts on the member, and its length, in bytes.
    pub(crate) data_offset: u64,
    pub(crate) data_size: u64,
    /// Where the superblock stands.
    pub(crate) offset: u64,
}

/// How members are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Linear,
    Raid0,
    Raid1,
    /// Another one, by its number.
    Other(u32),
}

impl Level {
    fn of(number: u32) -> Self {
        match number {
            0xffff_ffff => Self::Linear,
            0 => Self::Raid0,
            1 => Self::Raid1,
            other => Self::Other(other),
        }
    }

    /// What `mdadm` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Raid0 => "raid0",
            Self::Raid1 => "raid1",
            Self::Other(4) => "raid4",
            Self::Other(5) => "raid5",
            Self::Other(6) => "raid6",
            Self::Other(10) => "raid10",
            Self::Other(0xffff_fffc) => "multipath",
            Self::Other(_) => "unknown",
        }
    }
}
