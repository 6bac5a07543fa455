//! Recognising BitLocker.

use super::format::{
    BITLOCKER_GUID, BYTES_PER_SECTOR_OFFSET, JUMP_VISTA, METADATA_LEN, METADATA_OFFSETS,
    METADATA_SIGNATURE, METADATA_VERSION_OFFSET, METHOD_OFFSET, METHODS, OEM_FVE, OEM_OFFSET,
    OEM_TO_GO, SECTORS_PER_CLUSTER_OFFSET, TO_GO_GUID_OFFSET, TO_GO_METADATA_OFFSETS,
    VISTA_CLUSTER_OFFSET,
};
use crate::filesystem::Encryption;
use crate::head::Head;
use crate::{FsKind, Identity};

const VISTA: &str = "Windows Vista";

/// By the OEM name, or for To Go by the identifier inside what looks like FAT.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    let to_go = head.has(OEM_OFFSET, OEM_TO_GO) && head.has(TO_GO_GUID_OFFSET, BITLOCKER_GUID);
    if !to_go && !head.has(OEM_OFFSET, OEM_FVE) {
        return None;
    }
    let variant = match (to_go, head.has(0, JUMP_VISTA)) {
        (true, _) => "To Go",
        (false, true) => VISTA,
        (false, false) => "Windows 7",
    };
    let mut identity = Identity::new(FsKind::BitLocker);
    let block = places(head, variant)
        .into_iter()
        .find_map(|at| metadata(head, at));
    identity.encryption = Some(Encryption {
        variant,
        cipher: block.as_deref().and_then(method),
        by_second_header: false,
    });
    Some(identity)
}

/// Where the blocks of metadata are said to be.
fn places(head: &Head<'_>, variant: &str) -> Vec<u64> {
    if variant == VISTA {
        return vista_place(head).into_iter().collect();
    }
    let at = if variant == "To Go" {
        TO_GO_METADATA_OFFSETS
    } else {
        METADATA_OFFSETS
    };
    let (offsets, _) = head.bytes(at, 24).unwrap_or_default().as_chunks::<8>();
    offsets.iter().map(|at| u64::from_le_bytes(*at)).collect()
}

fn vista_place(head: &Head<'_>) -> Option<u64> {
    let cluster = head.bytes(VISTA_CLUSTER_OFFSET, 8)?.first_chunk()?;
    let sector = head.bytes(BYTES_PER_SECTOR_OFFSET, 2)?.first_chunk()?;
    let sectors = head.bytes(SECTORS_PER_CLUSTER_OFFSET, 1)?.first()?;
    u64::from_le_bytes(*cluster)
        .checked_mul(u16::from_le_bytes(*sector).into())?
        .checked_mul(u64::from(*sectors))
}

/// A block of metadata, when one is there.
fn metadata(head: &Head<'_>, at: u64) -> Option<Vec<u8>> {
    let bytes = head.elsewhere(at, METADATA_LEN);
    let version = bytes.get(METADATA_VERSION_OFFSET..)?.first_chunk()?;
    let known = matches!(u16::from_le_bytes(*version), 1 | 2);
    (bytes.starts_with(METADATA_SIGNATURE) && known).then_some(bytes)
}

fn method(block: &[u8]) -> Option<String> {
    let method = u16::from_le_bytes(*block.get(METHOD_OFFSET..)?.first_chunk()?);
    let found = METHODS.iter().find(|(number, _)| *number == method);
    Some(found.map_or_else(
        || format!("method {method:#x}"),
        |(_, name)| (*name).to_owned(),
    ))
}
