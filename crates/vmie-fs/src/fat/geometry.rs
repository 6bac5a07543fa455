//! The boot sector's numbers, checked once, and the places that follow from them.

use zerocopy::FromBytes;

use super::format::{
    BPB_LEN, BootEnd, Bpb, Bpb32, EXT_FLAGS_ACTIVE, EXT_FLAGS_ONE_FAT, FAT16_CLUSTERS,
    FIRST_CLUSTER, JUMPS, MAX_CLUSTERS_12, MAX_CLUSTERS_16, MAX_CLUSTERS_32, MEDIA_FIXED,
    MEDIA_REMOVABLE, SECTOR_SIZES, SIGNATURE, SIGNATURE_OFFSET,
};
use crate::{Cause, Error, FsKind};

/// Bytes of the boot sector that are looked at.
pub(super) const BOOT_LEN: usize = 512;

/// Where the root directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// In a place of its own: first byte and length.
    Fixed(u64, u64),
    /// In clusters like any other directory.
    Cluster(u32),
}

/// What the boot sector says, after it has been checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) kind: FsKind,
    /// Bytes of a cluster; a power of two of at most 512 KiB.
    pub(super) cluster_size: u32,
    /// Clusters that there are, the highest number being one more.
    pub(super) clusters: u32,
    /// First byte of the FAT that counts, which has an entry for each of the clusters.
    pub(super) fat: u64,
    pub(super) root: Root,
    /// First byte of cluster 2.
    pub(super) data: u64,
    /// Bytes of the whole filesystem.
    pub(super) size: u64,
    /// The first byte of `FSInfo`, when there is one.
    pub(super) fs_info: Option<u64>,
    pub(super) serial: u32,
    /// `BS_Reserved1`.
    pub(super) flags: u8,
}

fn field(cause: Cause, name: &'static str, offset: u64, value: u64) -> Error {
    Error::new(cause)
        .at("FAT boot sector", offset)
        .field(name)
        .found(value)
}

impl Geometry {
    /// Checks a boot sector, of which `bytes` are at least the first 512.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, Error> {
        let boot = Boot::parse(bytes)?;
        let sector = check_sizes(&boot.bpb)?;
        let layout = Layout::new(&boot, sector)?;
        let active = match boot.bpb32.ext_flags.get() {
            flags if boot.wide && flags & EXT_FLAGS_ONE_FAT != 0 => flags & EXT_FLAGS_ACTIVE,
            _ => 0,
        };
        if active >= boot.bpb.num_fats.into() {
            let flags = boot.bpb32.ext_flags.get().into();
            return Err(field(Cause::Value, "BPB_ExtFlags", 40, flags));
        }
        let bytes_at = |sectors: u64| sectors.saturating_mul(sector);
        let fat = u64::from(active)
            .saturating_mul(layout.fat_sectors)
            .saturating_add(boot.bpb.rsvd_sec_cnt.get().into());
        let cluster_size = sector.saturating_mul(boot.bpb.sec_per_clus.into());
        let fs_info = boot.bpb32.fs_info.get();
        Ok(Self {
            kind: layout.kind,
            cluster_size: u32::try_from(cluster_size).unwrap_or(u32::MAX),
            clusters: layout.clusters,
            fat: bytes_at(fat),
            root: if boot.wide {
                Root::Cluster(boot.bpb32.root_clus.get())
            } else {
                Root::Fixed(bytes_at(layout.root), layout.root_len)
            },
            data: bytes_at(layout.data),
            size: bytes_at(layout.total),
            fs_info: (boot.wide && !matches!(fs_info, 0 | 0xffff))
                .then(|| bytes_at(fs_info.into())),
            serial: boot.end.vol_id.get(),
            flags: boot.end.reserved1,
        })
    }

    /// A volume has at least the FATs and the root directory; some lack a part of the last clusters.
    pub(super) fn fits(&self, volume: u64) -> Result<(), Error> {
        if volume < self.data {
            return Err(Error::new(Cause::VolumeTooShort)
                .at("FAT", volume)
                .field("the file allocation tables and the root directory")
                .found(self.data));
        }
        Ok(())
    }

    /// Whether a cluster of this number exists.
    pub(super) fn has_cluster(&self, number: u32) -> bool {
        number
            .checked_sub(FIRST_CLUSTER)
            .is_some_and(|index| index < self.clusters)
    }

    /// The first byte of a cluster that exists.
    pub(super) fn byte_of(&self, cluster: u32) -> u64 {
        let index = u64::from(cluster.saturating_sub(FIRST_CLUSTER));
        let within = index.saturating_mul(self.cluster_size.into());
        self.data.saturating_add(within)
    }
}

/// The parts of a boot sector that has a mark of FAT.
struct Boot {
    bpb: Bpb,
    /// Means something only when `wide`.
    bpb32: Bpb32,
    end: BootEnd,
    /// Whether it is FAT32, where the old field for the size of a FAT is zero.
    wide: bool,
}

impl Boot {
    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let short = || field(Cause::VolumeTooShort, "BS_jmpBoot", 0, 0);
        let bytes = bytes.get(..BOOT_LEN).ok_or_else(short)?;
        let (bpb, after) = Bpb::read_from_prefix(bytes).map_err(|_| short())?;
        let (bpb32, after32) = Bpb32::read_from_prefix(after).map_err(|_| short())?;
        let wide = bpb.fat_sz16.get() == 0;
        let end = if wide { after32 } else { after };
        let (end, _) = BootEnd::read_from_prefix(end).map_err(|_| short())?;
        let names_itself = end.fil_sys_type.starts_with(b"FAT");
        let jumps = bpb.jmp_boot.first().is_some_and(|b| JUMPS.contains(b));
        let signed = bytes.get(SIGNATURE_OFFSET..) == Some(SIGNATURE);
        let has_mark = names_itself || (signed && jumps);
        if !has_mark {
            return Err(field(Cause::Magic, "BS_FilSysType", 54, 0).found(&end.fil_sys_type[..]));
        }
        Ok(Self {
            bpb,
            bpb32,
            end,
            wide,
        })
    }
}

/// What stands where, in sectors, and how many clusters there are. All of it is below 2^40, so
/// nothing saturates.
struct Layout {
    kind: FsKind,
    clusters: u32,
    fat_sectors: u64,
    /// First sector of the root directory of FAT12 and FAT16, and its length in bytes.
    root: u64,
    root_len: u64,
    /// First sector of the clusters.
    data: u64,
    total: u64,
}

impl Layout {
    fn new(boot: &Boot, sector: u64) -> Result<Self, Error> {
        let bpb = &boot.bpb;
        let fat_sectors = if boot.wide {
            boot.bpb32.fat_sz32.get()
        } else {
            bpb.fat_sz16.get().into()
        };
        if fat_sectors == 0 {
            return Err(field(Cause::Value, "BPB_FATSz32", 36, 0));
        }
        let fat_sectors = u64::from(fat_sectors);
        let total = match bpb.tot_sec16.get() {
            0 => bpb.tot_sec32.get(),
            n => n.into(),
        };
        let fats = fat_sectors.saturating_mul(bpb.num_fats.into());
        let root_len = u64::from(bpb.root_ent_cnt.get()).saturating_mul(32);
        let root = fats.saturating_add(bpb.rsvd_sec_cnt.get().into());
        let data = root.saturating_add(root_len.div_ceil(sector));
        let clusters = u64::from(total)
            .saturating_sub(data)
            .checked_div(bpb.sec_per_clus.into())
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(0);
        if clusters == 0 {
            return Err(field(Cause::Value, "BPB_TotSec32", 32, total.into()));
        }
        // The kind is told by the number of clusters, except that a FAT32 may be small.
        let (kind, bits, most) = match clusters {
            _ if boot.wide => (FsKind::Fat32, 32u64, MAX_CLUSTERS_32),
            0..FAT16_CLUSTERS => (FsKind::Fat12, 12, MAX_CLUSTERS_12),
            _ => (FsKind::Fat16, 16, MAX_CLUSTERS_16),
        };
        // Clusters that the FAT has no entry for cannot be in use.
        let fat_bits = fat_sectors.saturating_mul(sector).saturating_mul(8);
        let entries = fat_bits.checked_div(bits).unwrap_or(0);
        let known = entries.saturating_sub(FIRST_CLUSTER.into());
        let clusters = u64::from(clusters.min(most)).min(known);
        Ok(Self {
            kind,
            clusters: u32::try_from(clusters).unwrap_or(most),
            fat_sectors,
            root,
            root_len,
            data,
            total: total.into(),
        })
    }
}

/// The sizes that everything else rests on; gives the sector's.
fn check_sizes(bpb: &Bpb) -> Result<u64, Error> {
    let sector = bpb.byts_per_sec.get();
    if !SECTOR_SIZES.contains(&sector) || !sector.is_power_of_two() {
        return Err(field(Cause::Value, "BPB_BytsPerSec", 11, sector.into()));
    }
    if !bpb.sec_per_clus.is_power_of_two() {
        let found = bpb.sec_per_clus.into();
        return Err(field(Cause::Value, "BPB_SecPerClus", 13, found));
    }
    if bpb.rsvd_sec_cnt.get() == 0 {
        return Err(field(Cause::Value, "BPB_RsvdSecCnt", 14, 0));
    }
    if bpb.num_fats == 0 {
        return Err(field(Cause::Value, "BPB_NumFATs", 16, 0));
    }
    if bpb.media != MEDIA_REMOVABLE && bpb.media < MEDIA_FIXED {
        return Err(field(Cause::Value, "BPB_Media", 21, bpb.media.into()));
    }
    Ok(sector.into())
}

const _: () = assert!(BPB_LEN < BOOT_LEN);
