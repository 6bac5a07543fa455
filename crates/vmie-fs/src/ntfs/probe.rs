//! Recognising NTFS.

use vmie_io::int;
use zerocopy::FromBytes;

use super::format::{
    ATTR_END, ATTR_VOLUME_NAME, AttrRecord, BootSector, FIXUP_STRIDE, MftRecord, OEM_NTFS,
    OEM_OFFSET, RECORD_SIZES, SECTOR_SIZES, VOLUME_RECORD,
};
use crate::head::Head;
use crate::{FsKind, Identity};

/// A boot sector with the OEM name and sizes that are possible. The label is in the master file
/// table; when it cannot be read there, there is none.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    if !head.has(OEM_OFFSET, OEM_NTFS) {
        return None;
    }
    let boot: BootSector = head.get(0)?;
    let sector = boot.bytes_per_sector.get();
    if !SECTOR_SIZES.contains(&sector) || !sector.is_power_of_two() {
        return None;
    }
    let per_cluster = match boot.sectors_per_cluster {
        n if n.is_power_of_two() => u64::from(n),
        // Minus the logarithm, in two's complement: down to 2^12 sectors.
        n @ 0xf4..=0xff => 1u64.checked_shl(256u32.checked_sub(u32::from(n))?)?,
        _ => return None,
    };
    let cluster = u64::from(sector).checked_mul(per_cluster)?;
    let mut identity = Identity::new(FsKind::Ntfs);
    let serial = boot.volume_serial_number.get();
    identity.uuid = Some(format!("{serial:016X}"));
    identity.block_size = Some(cluster);
    identity.size = boot.number_of_sectors.get().checked_mul(u64::from(sector));
    identity.label = volume_name(head, &boot, cluster);
    Some(identity)
}

fn volume_name(head: &Head<'_>, boot: &BootSector, cluster: u64) -> Option<String> {
    let record_size = match boot.clusters_per_mft_record {
        n @ 1.. => u64::try_from(n).ok()?.checked_mul(cluster)?,
        n => 1u64.checked_shl(u32::from(n.unsigned_abs()))?,
    };
    if !RECORD_SIZES.contains(&record_size) {
        return None;
    }
    let mft = boot.mft_lcn.get().checked_mul(cluster)?;
    let at = mft.checked_add(VOLUME_RECORD.checked_mul(record_size)?)?;
    let mut record = head.elsewhere(at, int::usize_of(record_size));
    let (header, _) = MftRecord::read_from_prefix(&record).ok()?;
    if &header.magic != b"FILE" {
        return None;
    }
    fix_up(&mut record, &header)?;
    let mut rest = record.get(usize::from(header.attrs_offset.get())..)?;
    // Each attribute takes at least its header of the record, so the walk ends.
    while let Ok((attr, _)) = AttrRecord::read_from_prefix(rest) {
        let kind = attr.attr_type.get();
        let len = usize::try_from(attr.length.get()).ok()?;
        if kind == ATTR_END || len < size_of::<AttrRecord>() {
            return None;
        }
        if kind == ATTR_VOLUME_NAME && attr.non_resident == 0 {
            let start = usize::from(attr.value_offset.get());
            let end = start.checked_add(usize::try_from(attr.value_length.get()).ok()?)?;
            let (pairs, _) = rest.get(start..end)?.as_chunks::<2>();
            let name = String::from_utf16_lossy(
                &pairs
                    .iter()
                    .map(|p| u16::from_le_bytes(*p))
                    .collect::<Vec<_>>(),
            );
            return (!name.is_empty()).then_some(name);
        }
        rest = rest.get(len..)?;
    }
    None
}

/// Puts back the bytes that the update sequence took from the end of each 512 bytes.
fn fix_up(record: &mut [u8], header: &MftRecord) -> Option<()> {
    let start = usize::from(header.usa_ofs.get());
    let count = usize::from(header.usa_count.get());
    let array = record
        .get(start..start.checked_add(count.checked_mul(2)?)?)?
        .to_vec();
    let (words, _) = array.as_chunks::<2>();
    let (number, saved) = words.split_first()?;
    for (part, old) in record.chunks_mut(FIXUP_STRIDE).zip(saved) {
        let end = part.last_chunk_mut::<2>()?;
        if end != number {
            return None;
        }
        *end = *old;
    }
    Some(())
}
