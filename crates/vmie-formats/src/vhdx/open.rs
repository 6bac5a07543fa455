//! Opening a VHDX.

use std::sync::Arc;

use vmie_io::{Budget, ReadAt};

use super::bat::Blocks;
use super::format::{CREATOR, HEADER_SECTION_BYTES, MIB, RawHeader, guid_text, utf16};
use super::header;
use super::log;
use super::metadata::{self, Locator, Metadata};
use super::read::Vhdx;
use crate::parent::Parent;
use crate::{Cause, Error, Format, ImageInfo, OpenOptions, Reference, ReferenceKind, Variant};

/// Opens a VHDX. Headers, log, region tables and metadata are read and checked; the block
/// allocation table, sector bitmaps and blocks are read when they are needed. A log that waits to
/// be replayed is replayed in memory: the file is not written. The parent of a differencing disk is
/// opened through the resolver of `options`, and has to have the id that the child names.
///
/// ```
/// use std::sync::Arc;
/// use vmie_formats::{DiskImage as _, OpenOptions, ReadAt as _, Variant, vhdx};
/// # let file = vmie_testkit::vhdx::Builder::dynamic(&[7; 70_000]).build();
///
/// let disk = vhdx::open(Arc::new(file), &OpenOptions::new())?;
/// assert_eq!(disk.info().variant, Some(Variant::VhdxDynamic));
/// assert_eq!(disk.info().sector_size, Some(512));
/// let mut sector = [0; 512];
/// disk.read_exact_at(&mut sector, 512)?;
/// assert_eq!(sector, [7; 512]);
/// # Ok::<(), vmie_formats::Error>(())
/// ```
///
/// # Errors
/// [`Cause::ReferenceDenied`], [`Cause::ReferenceMissing`] or [`Cause::ParentMismatch`] for the
/// parent of a differencing disk; else what is wrong with the image.
pub fn open(source: Arc<dyn ReadAt>, options: &OpenOptions) -> Result<Vhdx, Error> {
    let budget = options.budget();
    let mut notes = Vec::new();
    let file_size = source.len();
    let _charge = budget.memory("header section", HEADER_SECTION_BYTES)?;
    let section = header::read_section(&source)?;
    let (header, header_at) = header::header(&section, &mut notes)?;
    let replayed = log::replay(&source, (&header, header_at), &budget, &mut notes)?;
    // A log may change the region tables, too.
    let section_counts = replayed.is_none();
    let view: Arc<dyn ReadAt> = match replayed {
        Some(replayed) => Arc::new(replayed),
        None => source,
    };
    let read = section_counts.then_some(section.as_slice());
    let regions = header::regions(&view, read, &mut notes)?;
    let metadata = metadata::read(&view, &regions.metadata, &budget)?;
    let room = regions.bat.end.saturating_sub(regions.bat.start) / 8;
    if room < metadata.entries() {
        return Err(Error::new(Cause::VhdxBat)
            .at("VHDX BAT", regions.bat.start)
            .found(room));
    }
    let mut info =
        ImageInfo::new(Format::Vhdx, metadata.disk_bytes, file_size).of(variant(&metadata));
    info.sector_size = Some(metadata.sector);
    info.block_size = Some(metadata.block_bytes);
    let creator = utf16(section.get(CREATOR).unwrap_or_default());
    info.creator = (!creator.is_empty()).then_some(creator);
    info.identity = Some(guid_text(&header.DataWriteGuid));
    let parent = match &metadata.locator {
        Some(locator) => {
            let names = locator.names.iter();
            let references = names.map(|name| Reference::new(ReferenceKind::Parent, name));
            info.references = references.collect();
            Some(parent(locator, &metadata, options, &budget)?)
        }
        None => None,
    };
    info.notes = notes;
    let mut reserved = vec![0..MIB, regions.bat.clone(), regions.metadata.clone()];
    reserved.extend(log_range(&header));
    let blocks = Blocks::new(view, metadata, regions.bat.start, reserved, parent, &budget);
    Ok(Vhdx::new(info, blocks))
}

fn variant(metadata: &Metadata) -> Variant {
    match (metadata.has_parent, metadata.leave_allocated) {
        (true, _) => Variant::VhdxDifferencing,
        (false, true) => Variant::VhdxFixed,
        (false, false) => Variant::VhdxDynamic,
    }
}

/// Where the log is, whether or not it waits to be replayed.
fn log_range(header: &RawHeader) -> Option<std::ops::Range<u64>> {
    let start = header.LogOffset.get();
    let end = start.checked_add(u64::from(header.LogLength.get()))?;
    Some(start..end)
}

/// The parent: the first of its names that the resolver opens. Its id has to be one that the child
/// names, and its sectors as large as the child's (2.6.2.6.3, 2.6.2.4).
fn parent(
    locator: &Locator,
    metadata: &Metadata,
    options: &OpenOptions,
    budget: &Budget,
) -> Result<Parent, Error> {
    let mismatch = |field| {
        let error = Error::new(Cause::ParentMismatch);
        error.at("VHDX parent locator", locator.at).field(field)
    };
    let mut first = None;
    for name in &locator.names {
        match options.parent(name, Some(Format::Vhdx), budget) {
            Ok(parent) => {
                let info = parent.disk().info();
                let found = info.identity.clone().unwrap_or_default();
                if !locator.linkages.contains(&found) {
                    return Err(mismatch("parent_linkage").found(found.as_str()));
                }
                if info.sector_size != Some(metadata.sector) {
                    let size = info.sector_size.unwrap_or(0);
                    return Err(mismatch("LogicalSectorSize").found(size));
                }
                return Ok(parent);
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
    Err(first
        .unwrap_or_else(none)
        .at("VHDX parent locator", locator.at))
}
