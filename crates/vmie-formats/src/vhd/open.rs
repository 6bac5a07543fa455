//! Opening a VHD.

use std::sync::Arc;

use vmie_io::{Budget, ReadAt};

use super::blocks::Blocks;
use super::footer::{Ends, Footer, guid};
use super::format::footer_at;
use super::header::Header;
use super::read::{Layout, Vhd};
use crate::parent::Parent;
use crate::{Cause, Error, Format, ImageInfo, OpenOptions, Reference, ReferenceKind, Variant};

/// Opens a VHD. Footer and header are read and checked; the block allocation table, sector bitmaps
/// and blocks are read when they are needed. The parent of a differencing disk is opened through
/// the resolver of `options`, and has to have the id that the child names.
///
/// ```
/// use std::sync::Arc;
/// use vmie_formats::{DiskImage as _, OpenOptions, ReadAt as _, Variant, vhd};
/// # let file = vmie_testkit::vhd::Builder::dynamic(&[7; 70_000]).build().bytes;
///
/// let disk = vhd::open(Arc::new(file), &OpenOptions::new())?;
/// assert_eq!(disk.info().variant, Some(Variant::VhdDynamic));
/// let mut sector = [0; 512];
/// disk.read_exact_at(&mut sector, 512)?;
/// assert_eq!(sector, [7; 512]);
/// # Ok::<(), vmie_formats::Error>(())
/// ```
///
/// # Errors
/// [`Cause::ReferenceDenied`], [`Cause::ReferenceMissing`] or [`Cause::ParentMismatch`] for the
/// parent of a differencing disk; else what is wrong with the image.
pub fn open(source: Arc<dyn ReadAt>, options: &OpenOptions) -> Result<Vhd, Error> {
    let ends = Ends::read(&source)?;
    open_ends(source, &ends, options)
}

/// Opens a VHD by what its ends hold.
pub(super) fn open_ends(
    source: Arc<dyn ReadAt>,
    ends: &Ends,
    options: &OpenOptions,
) -> Result<Vhd, Error> {
    let budget = options.budget();
    let mut notes = Vec::new();
    let footer = ends.choose(&mut notes)?;
    let variant = footer.variant()?;
    let disk_bytes = footer.disk_bytes(budget.limits(), &mut notes)?;
    footer.notes(&mut notes);
    let mut info = ImageInfo::new(Format::Vhd, disk_bytes, source.len()).of(variant);
    info.creator = footer.creator();
    info.identity = Some(footer.identity());
    info.sector_size = Some(512);
    let layout = if variant == Variant::VhdFixed {
        fixed(&footer, disk_bytes)?;
        Layout::Fixed
    } else {
        let at = footer.raw.data_offset.get();
        let bytes = ends.header(&source, at)?;
        let header = Header::parse(&bytes, at, disk_bytes, source.len(), &mut notes)?;
        info.block_size = Some(header.block_bytes);
        let parent = match variant {
            Variant::VhdDifferencing => {
                let names = header.parent_names(&source, &budget)?;
                let references = names
                    .iter()
                    .map(|n| Reference::new(ReferenceKind::Parent, n));
                info.references = references.collect();
                Some(parent(&names, &header, options, &budget)?)
            }
            _ => None,
        };
        let blocks = Blocks::new(Arc::clone(&source), &header, disk_bytes, parent, &budget);
        Layout::Blocks(Box::new(blocks))
    };
    info.notes = notes;
    Ok(Vhd::new(source, info, layout))
}

/// A fixed disk lies before its footer.
pub(super) fn fixed(footer: &Footer, disk_bytes: u64) -> Result<(), Error> {
    if disk_bytes <= footer.at {
        return Ok(());
    }
    Err(Error::new(Cause::VhdOffset)
        .at(
            "VHD footer",
            footer.at.saturating_add(footer_at::CURRENT_SIZE),
        )
        .field("Current Size")
        .found(disk_bytes))
}

/// The parent: the first of its names that the resolver opens. The id has to be the one that the
/// child names.
fn parent(
    names: &[String],
    header: &Header,
    options: &OpenOptions,
    budget: &Budget,
) -> Result<Parent, Error> {
    let mut first = None;
    for name in names {
        match options.parent(name, Some(Format::Vhd), budget) {
            Ok(parent) => {
                let wanted = guid(&header.raw.parent_unique_id);
                let found = parent.disk().info().identity.as_deref().unwrap_or("");
                if found == wanted {
                    return Ok(parent);
                }
                return Err(header.mismatch(found));
            }
            Err(error) => match error.cause() {
                Cause::ReferenceDenied | Cause::ReferenceMissing => {
                    first.get_or_insert(error);
                }
                _ => return Err(error),
            },
        }
    }
    let none = || Error::new(Cause::ReferenceMissing).found("");
    let error = first.unwrap_or_else(none);
    Err(error.at("VHD parent locator", header.locators_at()))
}
