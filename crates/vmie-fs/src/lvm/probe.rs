//! Recognising physical volumes of LVM2.

use vmie_io::int;

use super::format::{
    CRC_POLYNOMIAL, CRC_START, INITIAL_CRC, LABEL_ID, LABEL_SECTORS, LVM2_TYPE, LabelHeader,
    PvHeader, SECTOR, UUID_GROUPS,
};
use crate::head::Head;
use crate::{FsKind, Identity};

/// A label that says in which sector it stands and whose checksum is right.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    LABEL_SECTORS
        .into_iter()
        .find_map(|sector| in_sector(head, sector))
}

fn in_sector(head: &Head<'_>, sector: usize) -> Option<Identity> {
    let start = sector.checked_mul(SECTOR)?;
    let bytes = head.bytes(start, SECTOR)?;
    let label: LabelHeader = head.get(start)?;
    let fits = label.id == LABEL_ID
        && label.kind == LVM2_TYPE
        && label.sector_xl.get() == int::u64_of(sector)
        && crc(bytes.get(CRC_START..)?) == label.crc_xl.get();
    let offset = usize::try_from(label.offset_xl.get()).ok()?;
    if !fits || offset.checked_add(size_of::<PvHeader>())? > SECTOR {
        return None;
    }
    let pv: PvHeader = head.get(start.checked_add(offset)?)?;
    let mut identity = Identity::new(FsKind::Lvm2Pv);
    let mut rest: &[u8] = &pv.pv_uuid;
    let mut groups = Vec::new();
    for len in UUID_GROUPS {
        let (group, after) = rest.split_at_checked(len)?;
        groups.push(String::from_utf8_lossy(group));
        rest = after;
    }
    identity.uuid = Some(groups.join("-"));
    identity.size = Some(pv.device_size_xl.get());
    Some(identity)
}

fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(INITIAL_CRC, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let carry = (crc & 1).wrapping_neg();
            (crc >> 1) ^ (CRC_POLYNOMIAL & carry)
        })
    })
}
