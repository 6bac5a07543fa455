//! The boot sector, checked.

use zerocopy::FromBytes;

use super::format::{BOOT_LEN, BootSector, MAX_CLUSTER_SIZE, OEM_NTFS, RECORD_SIZES, SECTOR_SIZES};
use crate::{Cause, Error};

const STRUCTURE: &str = "NTFS boot sector";

/// Sizes and places that the boot sector tells, all of them possible: every cluster below
/// `clusters` starts and ends at a byte number that does not overflow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// Bytes, a power of two.
    pub(super) cluster_size: u64,
    /// The same as a logarithm.
    pub(super) cluster_shift: u32,
    /// Whole clusters of the volume.
    pub(super) clusters: u64,
    /// Bytes of a record of the MFT, a power of two.
    pub(super) record_size: u64,
    /// Bytes that the filesystem says it has.
    pub(super) size: u64,
    /// First byte of the MFT and of its mirror.
    pub(super) mft: u64,
    pub(super) mirror: u64,
    pub(super) serial: u64,
}

/// What is enough to know that the boot sector is one of NTFS.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Bytes of a cluster, a power of two.
    pub(super) cluster_size: u64,
    /// Bytes that the filesystem says it has.
    pub(super) size: u64,
    pub(super) serial: u64,
}

impl Sizes {
    fn new(boot: &BootSector) -> Result<Self, Error> {
        if boot.oem_id != *OEM_NTFS {
            return Err(fault(Cause::Magic, "oem_id", 3).found(&boot.oem_id[..]));
        }
        let sector = boot.bytes_per_sector.get();
        if !SECTOR_SIZES.contains(&sector) || !sector.is_power_of_two() {
            return Err(fault(Cause::Value, "bytes_per_sector", 11).found(sector));
        }
        let sector = u64::from(sector);
        let cluster_size = match boot.sectors_per_cluster {
            n @ 0xf4..=0xff => 1u64.checked_shl(256u32.saturating_sub(n.into())),
            n if n.is_power_of_two() => Some(n.into()),
            _ => None,
        }
        .and_then(|n| n.checked_mul(sector))
        .filter(|size| *size <= MAX_CLUSTER_SIZE)
        .ok_or_else(|| {
            fault(Cause::Value, "sectors_per_cluster", 13).found(boot.sectors_per_cluster)
        })?;
        let sectors = boot.number_of_sectors.get();
        let size = sectors
            .checked_mul(sector)
            .filter(|size| *size >= cluster_size && i64::try_from(*size).is_ok())
            .ok_or_else(|| fault(Cause::Value, "number_of_sectors", 40).found(sectors))?;
        Ok(Self {
            cluster_size,
            size,
            serial: boot.volume_serial_number.get(),
        })
    }

    /// The sizes, when the boot sector is one of NTFS.
    pub(super) fn probe(bytes: &[u8; BOOT_LEN]) -> Option<Self> {
        Self::new(&BootSector::read_from_bytes(bytes).ok()?).ok()
    }
}

fn fault(cause: Cause, field: &'static str, at: u64) -> Error {
    Error::new(cause).at(STRUCTURE, at).field(field)
}

impl Geometry {
    /// What the boot sector says, when it can be.
    pub(super) fn new(bytes: &[u8; BOOT_LEN]) -> Result<Self, Error> {
        let Ok(boot) = BootSector::read_from_bytes(bytes) else {
            return Err(fault(Cause::Magic, "oem_id", 3));
        };
        let Sizes {
            cluster_size,
            size,
            serial,
        } = Sizes::new(&boot)?;
        let cluster_shift = cluster_size.trailing_zeros();
        let clusters = size.checked_shr(cluster_shift).unwrap_or(0);
        let place = |field, at, lcn: u64| {
            Some(lcn)
                .filter(|lcn| *lcn < clusters)
                .and_then(|lcn| lcn.checked_mul(cluster_size))
                .ok_or_else(|| fault(Cause::OutOfRange, field, at).found(lcn))
        };
        let per_record = boot.clusters_per_mft_record;
        let record_size = block_size(per_record, cluster_size)
            .filter(|size| RECORD_SIZES.contains(size))
            .ok_or_else(|| {
                fault(Cause::Value, "clusters_per_mft_record", 64).found(per_record.cast_unsigned())
            })?;
        Ok(Self {
            cluster_size,
            cluster_shift,
            clusters,
            record_size,
            size,
            mft: place("mft_lcn", 48, boot.mft_lcn.get())?,
            mirror: place("mftmirr_lcn", 56, boot.mftmirr_lcn.get())?,
            serial,
        })
    }

    /// The sizes alone.
    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            cluster_size: self.cluster_size,
            size: self.size,
            serial: self.serial,
        }
    }

    /// First byte of a cluster that is known to be one.
    pub(super) fn byte_of(&self, lcn: u64) -> u64 {
        lcn.saturating_mul(self.cluster_size)
    }
}

/// Clusters, or minus the logarithm of bytes.
fn block_size(raw: i8, cluster_size: u64) -> Option<u64> {
    match raw {
        0 => None,
        1.. => u64::try_from(raw).ok()?.checked_mul(cluster_size),
        ..0 => 1u64.checked_shl(raw.unsigned_abs().into()),
    }
    .filter(|size| size.is_power_of_two())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot() -> [u8; BOOT_LEN] {
        let mut boot = [0; BOOT_LEN];
        boot[3..11].copy_from_slice(OEM_NTFS);
        boot[11..13].copy_from_slice(&512u16.to_le_bytes());
        boot[13] = 8;
        boot[40..48].copy_from_slice(&80_000u64.to_le_bytes());
        boot[48] = 4;
        boot[56] = 2;
        boot[64] = 0xf6;
        boot[68] = 1;
        boot
    }

    #[test]
    fn sizes_are_logarithms_when_they_are_negative() {
        let geometry = Geometry::new(&boot()).unwrap();
        assert_eq!((geometry.cluster_size, geometry.record_size), (4096, 1024));
        assert_eq!(
            (geometry.clusters, geometry.mft, geometry.mirror),
            (10_000, 16384, 8192)
        );
        for (raw, size) in [(1, 512), (0x80, 65536), (0xf8, 131_072), (0xf4, 2 << 20)] {
            let mut boot = boot();
            (boot[13], boot[68]) = (raw, 0xf4);
            assert_eq!(Geometry::new(&boot).unwrap().cluster_size, size, "{raw}");
        }
    }

    #[test]
    fn boot_sectors_that_cannot_be() {
        let cases: [(usize, &[u8], Cause, &str); 12] = [
            (3, b"X", Cause::Magic, "oem_id"),
            (11, &[0, 0], Cause::Value, "bytes_per_sector"),
            (11, &[0, 3], Cause::Value, "bytes_per_sector"),
            (13, &[0], Cause::Value, "sectors_per_cluster"),
            (13, &[3], Cause::Value, "sectors_per_cluster"),
            (13, &[0xf3], Cause::Value, "sectors_per_cluster"),
            (40, &[0; 8], Cause::Value, "number_of_sectors"),
            (40, &[0xff; 8], Cause::Value, "number_of_sectors"),
            (48, &10_000u64.to_le_bytes(), Cause::OutOfRange, "mft_lcn"),
            (56, &[0xff; 8], Cause::OutOfRange, "mftmirr_lcn"),
            (64, &[0], Cause::Value, "clusters_per_mft_record"),
            (64, &[0xf0], Cause::Value, "clusters_per_mft_record"),
        ];
        for (at, bytes, cause, field) in cases {
            let mut boot = boot();
            boot[at..at + bytes.len()].copy_from_slice(bytes);
            let error = Geometry::new(&boot).unwrap_err();
            assert_eq!(
                (error.cause(), error.field_name()),
                (cause, field),
                "{error}"
            );
            assert_eq!(error.offset(), Some(at as u64));
        }
    }
}
