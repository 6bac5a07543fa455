//! Recognising Linux swap space.

use vmie_io::int;

use super::format::{INFO_OFFSET, MAGIC_LEN, MAGIC_V0, MAGIC_V1, PAGE_SIZES, SUSPENDED, SwapInfo};
use crate::head::{Head, label, uuid};
use crate::{FsKind, Identity};

/// The magic at the end of the first page, whatever the page size; also while a sleeping machine
/// lies in it.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    PAGE_SIZES
        .into_iter()
        .find_map(|page| with_page(head, page))
}

fn with_page(head: &Head<'_>, page: usize) -> Option<Identity> {
    let magic = head.bytes(page.checked_sub(MAGIC_LEN)?, MAGIC_LEN)?;
    let mut identity = Identity::new(FsKind::Swap);
    identity.block_size = Some(int::u64_of(page));
    if magic == MAGIC_V0 {
        return Some(identity);
    }
    if magic != MAGIC_V1 && !SUSPENDED.contains(&magic) {
        return None;
    }
    let info: SwapInfo = head.get(INFO_OFFSET)?;
    let last_page = match (
        u32::from_le_bytes(info.version),
        u32::from_be_bytes(info.version),
    ) {
        (1, _) => u32::from_le_bytes(info.last_page),
        (_, 1) => u32::from_be_bytes(info.last_page),
        _ => return None,
    };
    identity.label = label(&info.sws_volume);
    identity.uuid = uuid(&info.sws_uuid);
    identity.size = u64::from(last_page)
        .checked_add(1)
        .and_then(|pages| pages.checked_mul(int::u64_of(page)));
    Some(identity)
}
