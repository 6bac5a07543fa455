//! A VHD of which only the beginning is there, as it comes by in one pass.

use std::sync::Arc;

use vmie_io::{Budget, ReadAt};

use super::footer::{Ends, Footer, end_footer};
use super::format::{TYPE_FIXED, footer_at};
use super::open::{fixed, open_ends};
use super::read::Vhd;
use crate::{Cause, Error, OpenOptions};

/// The copy of the footer at the start, which was taken for the footer.
#[derive(Debug)]
pub(crate) struct StartFooter(Footer);

/// Opens a dynamic VHD by the copy of its footer at the start.
pub(crate) fn open_start(
    source: Arc<dyn ReadAt>,
    options: &OpenOptions,
) -> Result<(Vhd, StartFooter), Error> {
    let ends = Ends::start(&source)?;
    let footer = StartFooter(ends.choose(&mut Vec::new())?);
    Ok((open_ends(source, &ends, options)?, footer))
}

/// Whether a beginning is that of a VHD in blocks: a fixed one has nothing of its own there.
pub(crate) fn is_start_of_blocks(head: &[u8]) -> bool {
    let kind = head
        .get(footer_at::DISK_TYPE_BYTES)
        .and_then(<[u8]>::first_chunk::<4>);
    kind.is_some_and(|kind| u32::from_be_bytes(*kind) != TYPE_FIXED)
}

impl StartFooter {
    /// Whether the footer at the end of the file, by its last bytes, says what the copy at the start
    /// said. The one at the end counts, unless it is damaged or missing.
    pub(crate) fn agrees(&self, last: &[u8], file_size: u64) -> Result<(), Error> {
        let Some(Ok(end)) = end_footer(last, file_size) else {
            return Ok(());
        };
        let what = |footer: &Footer| {
            let raw = &footer.raw;
            let geometry = (raw.cylinders, raw.heads, raw.sectors_per_track);
            let kind = (raw.disk_type, raw.creator_application);
            (raw.current_size, raw.data_offset, kind, geometry)
        };
        if what(&end) == what(&self.0) {
            return Ok(());
        }
        Err(Error::new(Cause::NotStreamable)
            .at("VHD footer", end.at)
            .found("not what its copy at the start says"))
    }
}

/// Size of the disk and byte offset of the footer when these last bytes of a file hold the footer of
/// a fixed VHD; `None` when there is no footer.
pub(crate) fn end_of_plain(
    last: &[u8],
    file_size: u64,
    budget: &Budget,
) -> Result<Option<(u64, u64)>, Error> {
    let Some(footer) = end_footer(last, file_size) else {
        return Ok(None);
    };
    let footer = footer?;
    if footer.variant()? != crate::Variant::VhdFixed {
        return Err(Error::new(Cause::NotStreamable)
            .at("VHD footer", footer.at.saturating_add(footer_at::DISK_TYPE))
            .field("Disk Type")
            .found(footer.raw.disk_type.get()));
    }
    let bytes = footer.disk_bytes(budget.limits(), &mut Vec::new())?;
    fixed(&footer, bytes)?;
    Ok(Some((bytes, footer.at)))
}
