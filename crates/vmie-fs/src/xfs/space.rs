//! How full the filesystem is.

use vmie_io::{Budget, ReadAt, ReadAtExt};
use zerocopy::FromBytes;

use super::format::{XFS_AGF_MAGIC, XFS_AGI_MAGIC, XfsAgf, XfsAgi, XfsDsb};
use super::geometry::Geometry;
use crate::{Cause, Error, Space};

/// The counts of the superblock; or those of the allocation groups, summed, where the superblock's
/// are written at unmounting only and it was not unmounted.
pub(super) fn space(
    volume: &dyn ReadAt,
    sb: &XfsDsb,
    geometry: &Geometry,
    clean: bool,
    budget: &Budget,
) -> Result<Space, Error> {
    let mut counts = Counts {
        free: sb.sb_fdblocks.get(),
        inodes: sb.sb_icount.get(),
        free_inodes: sb.sb_ifree.get(),
    };
    if !clean && geometry.lazy_counts {
        counts = Counts::sum(volume, geometry, budget)?;
    }
    // An internal log is no room for files.
    let log = match geometry.log_start {
        Some(_) => u64::from(geometry.log_blocks),
        None => 0,
    };
    let total = geometry.blocks.saturating_sub(log) << geometry.block_log;
    let free = counts.free.saturating_mul(geometry.block_size());
    Ok(Space::new(total, free.min(total)).with_inodes(counts.inodes, counts.free_inodes))
}

struct Counts {
    free: u64,
    inodes: u64,
    free_inodes: u64,
}

impl Counts {
    fn sum(volume: &dyn ReadAt, geometry: &Geometry, budget: &Budget) -> Result<Self, Error> {
        let mut counts = Self {
            free: 0,
            inodes: 0,
            free_inodes: 0,
        };
        for group in 0..geometry.ag_count {
            budget.work("allocation groups", 4)?;
            let at = geometry.header(group, 1);
            let bytes = volume.read_array::<{ size_of::<XfsAgf>() }>(at)?;
            let magic = |structure, found: u32| {
                Error::new(Cause::Magic)
                    .at(structure, at)
                    .field("magicnum")
                    .found(found)
            };
            let agf = XfsAgf::read_from_bytes(&bytes).map_err(|_| magic("XFS AGF", 0))?;
            if agf.agf_magicnum.get() != XFS_AGF_MAGIC {
                return Err(magic("XFS AGF", agf.agf_magicnum.get()));
            }
            // Blocks kept for the free space's own trees count as free.
            for blocks in [agf.agf_freeblks, agf.agf_flcount, agf.agf_btreeblks] {
                counts.free = counts.free.saturating_add(blocks.get().into());
            }
            let at = geometry.header(group, 2);
            let bytes = volume.read_array::<{ size_of::<XfsAgi>() }>(at)?;
            let agi = XfsAgi::read_from_bytes(&bytes).map_err(|_| magic("XFS AGI", 0))?;
            if agi.agi_magicnum.get() != XFS_AGI_MAGIC {
                return Err(magic("XFS AGI", agi.agi_magicnum.get()));
            }
            let (count, free) = (agi.agi_count.get(), agi.agi_freecount.get());
            counts.inodes = counts.inodes.saturating_add(count.into());
            counts.free_inodes = counts.free_inodes.saturating_add(free.into());
        }
        Ok(counts)
    }
}
