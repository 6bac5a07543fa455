//! The files that a descriptor names, opened one by one through the resolver.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use vmie_io::{Budget, LimitExceeded, ReadAt, ReadAtExt};

use super::descriptor::{Descriptor, ExtentLine};
use super::disk::{Content, Part};
use super::format::SECTOR;
use super::open::{Parts, hosted, hosted_header};
use super::probe::{Kind, kind};
use super::sparse::Sparse;
use super::tables::{DirectoryAt, Tables};
use super::{esx, esx::Esx};
use crate::{Cause, Error, ImageNote, NoteKind, OpenOptions, Reference, ReferenceKind};

/// How the bytes of an extent are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Storage {
    Zero,
    Flat,
    Grains(Kind),
}

/// A line that makes sense, and its place on the disk in bytes.
struct Planned<'a> {
    line: &'a ExtentLine,
    storage: Storage,
    start: u64,
    len: u64,
}

/// Opens the extents of a descriptor. All lines are checked before any file is asked for.
pub(super) fn open(
    descriptor: &Descriptor,
    options: &OpenOptions,
    budget: &Budget,
) -> Result<Parts, Error> {
    let planned = plan(&descriptor.extents, budget)?;
    let mut files: HashMap<&str, Arc<dyn ReadAt>> = HashMap::new();
    let mut opened = Parts::default();
    for (number, extent) in (0u64..).zip(&planned) {
        let content = match extent.storage {
            Storage::Zero => Content::Zero,
            storage => {
                let name = extent.line.file.as_deref().unwrap_or_default();
                let source = match files.entry(name) {
                    Entry::Occupied(there) => Arc::clone(there.get()),
                    Entry::Vacant(free) => {
                        let reference = Reference::new(ReferenceKind::Extent, name);
                        let source = options.reference(&reference)?;
                        opened.references.push(reference);
                        opened.file_size = opened.file_size.saturating_add(source.len());
                        Arc::clone(free.insert(source))
                    }
                };
                let notes = &mut opened.notes;
                content(extent, storage, source, number, budget, notes)
                    .map_err(|error| named(error, name))?
            }
        };
        if extent.line.access == "NOACCESS" {
            opened.notes.push(ImageNote::new(
                NoteKind::Quirk,
                Some(extent.line.at),
                "an extent may not be accessed; it is shown as zeroes",
            ));
        }
        if let Content::Sparse(sparse) = &content {
            let grain = sparse.shape().grains.grain_bytes;
            opened.block_size.get_or_insert(grain);
        }
        opened.parts.push(Part {
            start: extent.start,
            len: extent.len,
            content,
        });
        opened.bytes = extent.start.saturating_add(extent.len);
    }
    Ok(opened)
}

/// Says in which file of the disk something is wrong.
fn named(error: Error, name: &str) -> Error {
    match error.value() {
        Some(_) => error,
        None => error.found(name),
    }
}

fn fault(cause: Cause, line: &ExtentLine) -> Error {
    Error::new(cause).at("descriptor", line.at).field("extent")
}

/// Checks the lines and lays them out.
fn plan<'a>(lines: &'a [ExtentLine], budget: &Budget) -> Result<Vec<Planned<'a>>, Error> {
    let mut planned = Vec::with_capacity(lines.len());
    let mut end: u64 = 0;
    for line in lines {
        let storage = storage(line)?;
        let start = end;
        let len = line.sectors.checked_mul(SECTOR);
        let sum = len.and_then(|len| start.checked_add(len).map(|end| (len, end)));
        let (len, new_end) =
            sum.ok_or_else(|| fault(Cause::VmdkCapacity, line).found(line.sectors))?;
        end = new_end;
        planned.push(Planned {
            line,
            storage,
            start,
            len,
        });
    }
    if planned.is_empty() {
        return Err(Error::new(Cause::VmdkExtents)
            .at("descriptor", 0)
            .field("extent"));
    }
    let limit = budget.limits().virtual_size;
    if end > limit {
        return Err(LimitExceeded::new("virtual disk", "bytes", end, limit).into());
    }
    Ok(planned)
}

/// How an extent is stored, by its line.
fn storage(line: &ExtentLine) -> Result<Storage, Error> {
    let name = line.file.as_deref().unwrap_or_default();
    let kind = line.kind.as_str();
    if matches!(kind, "VMFSRDM" | "VMFSRAW") || is_device(name) || !line.device.is_empty() {
        let found = if name.is_empty() { kind } else { name };
        return Err(fault(Cause::VmdkRawDevice, line).found(found));
    }
    let storage = match kind {
        "ZERO" => Storage::Zero,
        "FLAT" | "VMFS" => Storage::Flat,
        "SPARSE" => Storage::Grains(Kind::Sparse),
        "VMFSSPARSE" => Storage::Grains(Kind::Cowd),
        "SESPARSE" => Storage::Grains(Kind::SeSparse),
        _ => return Err(fault(Cause::VmdkKind, line).found(kind)),
    };
    if line.access == "NOACCESS" {
        return Ok(Storage::Zero);
    }
    if storage != Storage::Zero && name.is_empty() {
        return Err(fault(Cause::VmdkExtents, line).found(kind));
    }
    if matches!(storage, Storage::Grains(_)) && line.offset.is_some_and(|offset| offset != 0) {
        let found = line.offset.unwrap_or(0);
        return Err(fault(Cause::VmdkExtents, line).found(found));
    }
    Ok(storage)
}

/// Whether a name is that of a device: `/dev/sda`, `\\.\PhysicalDrive0`, `\\?\Volume{…}`.
fn is_device(name: &str) -> bool {
    let name = name.replace('\\', "/").to_ascii_lowercase();
    let starts = ["/dev/", "//./", "//?/", "/vmfs/devices/"];
    starts.iter().any(|start| name.starts_with(start))
}

fn content(
    extent: &Planned<'_>,
    storage: Storage,
    source: Arc<dyn ReadAt>,
    number: u64,
    budget: &Budget,
    notes: &mut Vec<ImageNote>,
) -> Result<Content, Error> {
    let too_small = |has: u64| fault(Cause::VmdkExtentSize, extent.line).found(has);
    let wanted = match storage {
        Storage::Zero => return Ok(Content::Zero),
        Storage::Grains(kind) => kind,
        Storage::Flat => {
            let at = extent.line.offset.unwrap_or(0).checked_mul(SECTOR);
            let end = at.and_then(|at| at.checked_add(extent.len));
            return match (at, end) {
                (Some(at), Some(end)) if end <= source.len() => Ok(Content::Flat { source, at }),
                _ => Err(too_small(source.len())),
            };
        }
    };
    let mut first = [0; 512];
    let n = source.read_up_to(&mut first, 0)?;
    let first = first.get(..n).unwrap_or_default();
    if kind(first) != Some(wanted) {
        return Err(Error::new(Cause::WrongFormat)
            .at("extent", 0)
            .field("magicNumber")
            .found(first.get(..n.min(8)).unwrap_or_default()));
    }
    let sparse = match wanted {
        Kind::Cowd => esx_extent(
            Arc::clone(&source),
            esx::cowd(&source, budget.limits())?,
            number,
            budget,
            notes,
        )?,
        Kind::SeSparse => esx_extent(
            Arc::clone(&source),
            esx::sesparse(&source, budget.limits())?,
            number,
            budget,
            notes,
        )?,
        Kind::Sparse | Kind::Descriptor => {
            let headers = hosted_header(&source, budget)?;
            hosted(source, &headers, number, budget, notes)?
        }
    };
    if sparse.bytes() < extent.len {
        return Err(too_small(sparse.bytes()));
    }
    Ok(Content::Sparse(sparse))
}

/// An extent of an ESX host by its header.
pub(super) fn esx_extent(
    source: Arc<dyn ReadAt>,
    header: Esx,
    number: u64,
    budget: &Budget,
    notes: &mut Vec<ImageNote>,
) -> Result<Sparse, Error> {
    if header.unclean {
        notes.push(unclean());
    }
    let (start, field_at) = header.directory;
    let at = DirectoryAt {
        start: Some(start),
        ..DirectoryAt::sector(start / SECTOR, field_at, "gdOffset")
    };
    let tables = Tables::open(source, header.shape, number, at, budget, notes)?;
    Ok(Sparse::new(tables))
}

pub(super) fn unclean() -> ImageNote {
    let detail = "the extent was not closed cleanly: it was in use when it was copied, or its writer crashed";
    ImageNote::new(NoteKind::Dirty, None, detail)
}
