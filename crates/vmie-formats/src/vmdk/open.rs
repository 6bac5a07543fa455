//! Opening a VMDK.

use std::sync::Arc;

use vmie_io::{Budget, Charge, ReadAt, ReadAtExt, int};

use super::descriptor::Descriptor;
use super::format::{GD_AT_END, SECTOR};
use super::header::{self, Header};
use super::probe::{Kind, kind};
use super::read::Vmdk;
use crate::{Cause, Error, Format, ImageInfo, OpenOptions, Reference, ReferenceKind, Variant};

/// Bytes of a descriptor file that are read to tell its kind.
const DESCRIPTOR_FILE: u64 = 64 << 10;

/// Opens a VMDK. Header, footer, descriptor and grain directory are read and checked; grain tables
/// and grains are when they are needed. Memory is bounded by the limits of `options`.
///
/// ```
/// use std::sync::Arc;
/// use vmie_formats::{DiskImage as _, OpenOptions, Variant, vmdk};
/// # let file = vmie_testkit::vmdk::Builder::stream(&[7; 70_000]).build().bytes;
///
/// let disk = vmdk::open(Arc::new(file), &OpenOptions::new())?;
/// assert_eq!(disk.info().variant, Some(Variant::VmdkStreamOptimized));
/// assert_eq!(disk.descriptor().and_then(|d| d.adapter_type()), Some("lsilogic"));
/// # Ok::<(), vmie_formats::Error>(())
/// ```
///
/// # Errors
/// [`Cause::VmdkKind`] for a kind that is not read, with its name; [`Cause::ReferenceDenied`] or
/// [`Cause::ParentImage`] for the differences to a parent; else what is wrong with the image.
pub fn open(source: Arc<dyn ReadAt>, options: &OpenOptions) -> Result<Vmdk, Error> {
    let budget = &options.budget();
    let mut first = [0; 512];
    let n = source.read_up_to(&mut first, 0)?;
    match kind(first.get(..n).unwrap_or_default()) {
        None => {
            return Err(Error::new(Cause::WrongFormat)
                .at("header", 0)
                .field("magicNumber")
                .found(first.get(..n.min(4)).unwrap_or_default()));
        }
        Some(Kind::Cowd) => return Err(wrong_kind(Variant::VmdkCowd.name())),
        Some(Kind::SeSparse) => return Err(wrong_kind(Variant::VmdkSeSparse.name())),
        Some(Kind::Descriptor) => return Err(descriptor_file(&source, budget)?),
        Some(Kind::Sparse) => {}
    }
    // Fails where the file ends within the header.
    let first = source.read_array::<512>(0)?;
    let header = Header::parse(&first, 0, budget.limits())?;
    let (gd_header, gd_field) = if header.gd_sector == GD_AT_END {
        header::footer(&source, &header, budget.limits())?
    } else {
        (header, 0)
    };
    let descriptor = read_descriptor(&source, &header, budget)?;
    let variant = variant(&header, descriptor.as_ref())?;
    if let Some(descriptor) = &descriptor
        && descriptor.has_parent()
    {
        let name = descriptor.parent_file_name_hint.as_deref().unwrap_or("");
        options.reference(&Reference::new(ReferenceKind::Parent, name))?;
        return Err(Error::new(Cause::ParentImage)
            .at("descriptor", header.descriptor.0)
            .field("parentCID")
            .found(name));
    }
    let (directory, charge) = read_directory(&source, &gd_header, gd_field, budget)?;
    let info = ImageInfo::new(Format::Vmdk, header.disk_bytes, source.len()).of(variant);
    let gd_at = gd_header.gd_sector.saturating_mul(SECTOR);
    Ok(Vmdk::new(
        source,
        // The footer's flags count where both are there: it is written last.
        gd_header,
        descriptor,
        info,
        (directory, gd_at, charge),
        budget.clone(),
    ))
}

/// The kind by what the header promises and the descriptor says. A whole disk has a descriptor
/// with its kind inside; an extent that is part of a disk has none.
fn variant(header: &Header, descriptor: Option<&Descriptor>) -> Result<Variant, Error> {
    let no_kind = || {
        Error::new(Cause::VmdkDescriptor)
            .at("descriptor", header.descriptor.0)
            .field("createType")
    };
    let create_type = match descriptor {
        Some(descriptor) => descriptor.create_type.as_deref().ok_or_else(no_kind)?,
        None if header.compressed => return Err(no_kind()),
        None => return Err(wrong_kind("sparse extent without a descriptor")),
    };
    if header.compressed {
        // The grains' form counts: tools have written other names over compressed grains.
        Ok(Variant::VmdkStreamOptimized)
    } else if create_type.eq_ignore_ascii_case("monolithicSparse") {
        Ok(Variant::VmdkMonolithicSparse)
    } else {
        Err(wrong_kind(create_type))
    }
}

fn wrong_kind(kind: &str) -> Error {
    Error::new(Cause::VmdkKind)
        .at("header", 0)
        .field("createType")
        .found(kind)
}

/// The refusal of a descriptor file, by the kind that it states.
fn descriptor_file(source: &dyn ReadAt, budget: &Budget) -> Result<Error, Error> {
    let len = source.len().min(DESCRIPTOR_FILE);
    let (mut text, _charge) = budget.buffer("descriptor", len)?;
    source.read_exact_at(&mut text, 0)?;
    let descriptor = Descriptor::parse(&text, 0)?;
    let kind = descriptor.create_type.as_deref().unwrap_or("descriptor");
    Ok(wrong_kind(kind))
}

fn read_descriptor(
    source: &dyn ReadAt,
    header: &Header,
    budget: &Budget,
) -> Result<Option<Descriptor>, Error> {
    let (start, len) = header.descriptor;
    if len == 0 {
        return Ok(None);
    }
    let end = start.checked_add(len).filter(|end| *end <= source.len());
    if end.is_none() {
        return Err(Error::new(Cause::VmdkOffset)
            .at("header", 28)
            .field("descriptorOffset")
            .found(start / SECTOR));
    }
    budget.text("descriptor", len)?;
    let (mut text, _charge) = budget.buffer("descriptor", len)?;
    source.read_exact_at(&mut text, start)?;
    Descriptor::parse(&text, start).map(Some)
}

/// The grain directory: the sector of each grain table. `base` is where the header is that tells
/// its place.
fn read_directory(
    source: &dyn ReadAt,
    header: &Header,
    base: u64,
    budget: &Budget,
) -> Result<(Box<[u32]>, Charge), Error> {
    let bytes = header.tables().saturating_mul(4);
    let start = header.gd_sector.checked_mul(SECTOR);
    let start = start.filter(|start| {
        let end = start.checked_add(bytes);
        *start > 0 && end.is_some_and(|end| end <= source.len())
    });
    let Some(start) = start else {
        return Err(Error::new(Cause::VmdkOffset)
            .at("header", base.saturating_add(56))
            .field("gdOffset")
            .found(header.gd_sector));
    };
    let charge = budget.memory("grain directory", bytes)?;
    Ok((read_table(source, start, bytes)?, charge))
}

/// A table of sector numbers; the caller has charged the bytes, which lie within the file.
pub(super) fn read_table(source: &dyn ReadAt, start: u64, bytes: u64) -> Result<Box<[u32]>, Error> {
    let mut raw = vec![0; int::usize_of(bytes)];
    source.read_exact_at(&mut raw, start)?;
    let (entries, _) = raw.as_chunks::<4>();
    Ok(entries
        .iter()
        .map(|entry| u32::from_le_bytes(*entry))
        .collect())
}
