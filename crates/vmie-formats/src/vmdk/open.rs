//! Opening a VMDK.

use std::sync::Arc;

use vmie_io::{BlockCache, Budget, ReadAt, ReadAtExt, int};

use super::descriptor::Descriptor;
use super::disk::{Content, Part, Vmdk};
use super::format::{GD_AT_END, SECTOR};
use super::header::{self, Header};
use super::probe::{Kind, kind};
use super::shape::Shape;
use super::sparse::Sparse;
use super::tables::{DirectoryAt, Tables};
use super::{esx, extents, kind as kinds};
use crate::parent::Parent;
use crate::{
    Cause, Error, Format, ImageInfo, ImageNote, NoteKind, OpenOptions, Reference, ReferenceKind,
    Variant,
};

/// Bytes of the longest descriptor file that is read: the most extents there may be, with names of
/// 200 bytes. A file that is longer and begins like a descriptor is something else.
const DESCRIPTOR_FILE: u64 = 1 << 20;
/// Bytes that are read at once around headers, and kept while an image is opened: header and
/// descriptor are close together, and so are a stream's footer and its marker.
const BLOCK: u32 = 64 << 10;
const BLOCKS: usize = 256 << 10;

/// What the extents of a disk came to.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) parts: Vec<Part>,
    /// Bytes of the disk.
    pub(super) bytes: u64,
    /// Bytes of the files.
    pub(super) file_size: u64,
    pub(super) block_size: Option<u64>,
    pub(super) references: Vec<Reference>,
    pub(super) notes: Vec<ImageNote>,
}

/// Opens a VMDK. Headers, footer, descriptor and grain directories are read and checked; grain tables
/// and grains are when they are needed. Memory is bounded by the limits of `options`, and extents and
/// parents are opened by its resolver or not at all.
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
/// [`Cause::VmdkKind`] for a kind that is not read, with its name; [`Cause::VmdkRawDevice`] for a
/// disk that is on a device; [`Cause::VmdkExtentAlone`] for one extent of a disk of several;
/// [`Cause::ReferenceDenied`] when an extent or the parent may not be opened; else what is wrong with
/// the image.
pub fn open(source: Arc<dyn ReadAt>, options: &OpenOptions) -> Result<Vmdk, Error> {
    let budget = &options.budget();
    let head = BlockCache::new(Arc::clone(&source), BLOCK, BLOCKS);
    let mut first = [0; 512];
    let n = head.read_up_to(&mut first, 0)?;
    match kind(first.get(..n).unwrap_or_default()) {
        None => Err(Error::new(Cause::WrongFormat)
            .at("header", 0)
            .field("magicNumber")
            .found(first.get(..n.min(4)).unwrap_or_default())),
        Some(Kind::Sparse) => alone(source, &head, options, budget),
        Some(Kind::Descriptor) => described(&source, options, budget),
        Some(Kind::Cowd) => {
            let header = esx::cowd(&head, budget.limits())?;
            without_descriptor(source, header, Variant::VmdkCowd, budget)
        }
        Some(Kind::SeSparse) => {
            let header = esx::sesparse(&head, budget.limits())?;
            without_descriptor(source, header, Variant::VmdkSeSparse, budget)
        }
    }
}

/// The header of a hosted sparse extent, the one that counts for its tables (the footer's, when
/// there is one: it is written last), and where that is.
pub(super) struct Headers {
    pub(super) first: Header,
    last: Header,
    last_at: u64,
}

/// Reads header and footer.
pub(super) fn hosted_header(source: &dyn ReadAt, budget: &Budget) -> Result<Headers, Error> {
    // Fails where the file ends within the header.
    let bytes = source.read_array::<512>(0)?;
    let first = Header::parse(&bytes, 0, budget.limits())?;
    let (last, last_at) = if first.gd_sector == GD_AT_END {
        header::footer(source, &first, budget.limits())?
    } else {
        (first, 0)
    };
    Ok(Headers {
        first,
        last,
        last_at,
    })
}

/// A hosted sparse extent by its headers.
pub(super) fn hosted(
    source: Arc<dyn ReadAt>,
    headers: &Headers,
    number: u64,
    budget: &Budget,
    notes: &mut Vec<ImageNote>,
) -> Result<Sparse, Error> {
    let header = &headers.last;
    if headers.first.unclean {
        notes.push(extents::unclean());
    }
    let field_at = headers.last_at.saturating_add(56);
    let at = DirectoryAt {
        redundant: header
            .redundant
            .and_then(|sector| sector.checked_mul(SECTOR)),
        ..DirectoryAt::sector(header.gd_sector, field_at, "gdOffset")
    };
    let tables = Tables::open(source, Shape::hosted(header), number, at, budget, notes)?;
    Ok(Sparse::new(tables))
}

/// A disk in one file with its descriptor inside.
fn alone(
    source: Arc<dyn ReadAt>,
    head: &dyn ReadAt,
    options: &OpenOptions,
    budget: &Budget,
) -> Result<Vmdk, Error> {
    let headers = hosted_header(head, budget)?;
    let header = headers.first;
    let descriptor = embedded(head, &header, budget)?;
    let place = header.descriptor.0;
    let mut parts = Parts {
        bytes: header.disk_bytes,
        file_size: source.len(),
        block_size: Some(header.grain_bytes),
        ..Parts::default()
    };
    let variant = match &descriptor {
        None if header.compressed => {
            return Err(Error::new(Cause::VmdkDescriptor)
                .at("descriptor", place)
                .field("createType"));
        }
        None => {
            return Err(Error::new(Cause::VmdkExtentAlone)
                .at("header", 28)
                .field("descriptorOffset"));
        }
        Some(descriptor) => {
            let variant = kinds::readable(descriptor, place)?;
            itself(descriptor, header.disk_bytes, place, &mut parts.notes)?;
            alone_variant(&header, descriptor, variant, place, &mut parts.notes)?
        }
    };
    let sparse = hosted(source, &headers, 0, budget, &mut parts.notes)?;
    parts.parts.push(Part {
        start: 0,
        len: header.disk_bytes,
        content: Content::Sparse(sparse),
    });
    finish(parts, variant, descriptor, place, options, budget)
}

/// The kind by what the header promises and the descriptor says.
fn alone_variant(
    header: &Header,
    descriptor: &Descriptor,
    said: Variant,
    place: u64,
    notes: &mut Vec<ImageNote>,
) -> Result<Variant, Error> {
    // The grains' form counts: tools have written other names over compressed grains.
    let is = match said {
        _ if header.compressed => Variant::VmdkStreamOptimized,
        Variant::VmdkMonolithicSparse | Variant::VmdkStreamOptimized => {
            Variant::VmdkMonolithicSparse
        }
        _ => {
            return Err(Error::new(Cause::VmdkKind)
                .at("descriptor", place)
                .field("createType")
                .found(descriptor.create_type.as_deref().unwrap_or_default()));
        }
    };
    if is != said {
        let detail = format!(
            "the descriptor says {}, and the grains are stored as in {}",
            said.name(),
            is.name()
        );
        notes.push(ImageNote::new(NoteKind::Disagreement, Some(place), detail));
    }
    Ok(is)
}

/// A disk in one file names that file as its only extent, by whatever name it had. Anything else
/// would be data that this file does not have, and is not opened.
fn itself(
    descriptor: &Descriptor,
    disk_bytes: u64,
    place: u64,
    notes: &mut Vec<ImageNote>,
) -> Result<(), Error> {
    let line = match descriptor.extents.as_slice() {
        [] => return Ok(()),
        [line] if line.kind == "SPARSE" => line,
        [.., line] => {
            return Err(Error::new(Cause::VmdkExtents)
                .at("descriptor", line.at)
                .field("extent")
                .found(line.kind.as_str()));
        }
    };
    if line.sectors.checked_mul(SECTOR) != Some(disk_bytes) {
        let detail = format!(
            "the descriptor says {} sectors and the header {}, which is taken",
            line.sectors,
            disk_bytes / SECTOR
        );
        notes.push(ImageNote::new(NoteKind::Disagreement, Some(place), detail));
    }
    Ok(())
}

/// A descriptor file, and the extents that it names.
fn described(source: &dyn ReadAt, options: &OpenOptions, budget: &Budget) -> Result<Vmdk, Error> {
    let len = source.len();
    if len > DESCRIPTOR_FILE {
        return Err(
            vmie_io::LimitExceeded::new("descriptor", "bytes", len, DESCRIPTOR_FILE).into(),
        );
    }
    budget.text("descriptor", len)?;
    let (mut text, _charge) = budget.buffer("descriptor", len)?;
    source.read_exact_at(&mut text, 0)?;
    // A disk whose first sector was made to look like a descriptor has something after it.
    let end = text.iter().position(|byte| *byte == 0);
    let rest = end.and_then(|end| Some((end, text.get(end..)?)));
    if let Some((end, rest)) = rest
        && let Some(more) = rest.iter().position(|byte| *byte != 0)
    {
        let at = int::u64_of(end.saturating_add(more));
        return Err(Error::new(Cause::VmdkDescriptor)
            .at("descriptor", at)
            .field("end"));
    }
    let descriptor = Descriptor::parse(&text, 0)?;
    let variant = kinds::readable(&descriptor, 0)?;
    let mut parts = extents::open(&descriptor, options, budget)?;
    parts.file_size = parts.file_size.saturating_add(len);
    finish(parts, variant, Some(descriptor), 0, options, budget)
}

/// An extent of an ESX host that is opened by itself.
fn without_descriptor(
    source: Arc<dyn ReadAt>,
    header: esx::Esx,
    variant: Variant,
    budget: &Budget,
) -> Result<Vmdk, Error> {
    let grains = header.shape.grains;
    let detail = match header.parent.as_str() {
        "" => "an extent without its descriptor: what it holds is shown, and zeroes where a parent may have data".to_owned(),
        parent => format!("an extent without its descriptor: what it holds is shown, and zeroes where its parent `{parent}` has data"),
    };
    let mut parts = Parts {
        bytes: grains.disk_bytes,
        file_size: source.len(),
        block_size: Some(grains.grain_bytes),
        notes: vec![ImageNote::new(NoteKind::PartOfDisk, None, detail)],
        ..Parts::default()
    };
    let sparse = extents::esx_extent(source, header, 0, budget, &mut parts.notes)?;
    parts.parts.push(Part {
        start: 0,
        len: grains.disk_bytes,
        content: Content::Sparse(sparse),
    });
    Ok(disk(parts, variant, None, None, budget))
}

/// Opens the parent, if the disk has one, and puts the disk together.
fn finish(
    mut parts: Parts,
    variant: Variant,
    descriptor: Option<Descriptor>,
    place: u64,
    options: &OpenOptions,
    budget: &Budget,
) -> Result<Vmdk, Error> {
    let below = descriptor
        .as_ref()
        .filter(|descriptor| descriptor.has_parent());
    let parent = match below {
        None => None,
        Some(descriptor) => {
            let (parent, name) = parent(descriptor, place, options, budget)?;
            let reference = Reference::new(ReferenceKind::Parent, name);
            parts.references.push(reference);
            Some(parent)
        }
    };
    Ok(disk(parts, variant, descriptor, parent, budget))
}

/// The parent, which has to be the one that the child was made from.
fn parent(
    descriptor: &Descriptor,
    place: u64,
    options: &OpenOptions,
    budget: &Budget,
) -> Result<(Parent, String), Error> {
    let fault = |cause, field| Error::new(cause).at("descriptor", place).field(field);
    let Some(name) = descriptor.parent_file_name_hint.as_deref() else {
        return Err(fault(Cause::ParentImage, "parentFileNameHint"));
    };
    let (source, below) = options.below(name, budget)?;
    let parent = open(source, &below)?;
    let cid = parent.descriptor().and_then(|parent| parent.cid);
    if cid != descriptor.parent_cid {
        let error = fault(Cause::ParentMismatch, "parentCID");
        return Err(match cid {
            Some(cid) => error.found(format!("{cid:08x}").as_str()),
            None => error.found("no CID"),
        });
    }
    Ok((Parent::new(Box::new(parent)), name.to_owned()))
}

fn disk(
    parts: Parts,
    variant: Variant,
    descriptor: Option<Descriptor>,
    parent: Option<Parent>,
    budget: &Budget,
) -> Vmdk {
    let mut info = ImageInfo::new(Format::Vmdk, parts.bytes, parts.file_size).of(variant);
    info.block_size = parts.block_size;
    info.references = parts.references;
    info.notes = parts.notes;
    // Nothing says who made a VMDK, but one program leaves keys that no other writes.
    let by_virtualbox = |descriptor: &Descriptor| descriptor.setting("ddb.uuid.image").is_some();
    if descriptor.as_ref().is_some_and(by_virtualbox) {
        info.creator = Some("VirtualBox".to_owned());
    }
    Vmdk::new(info, descriptor, parts.parts, parent, budget.clone())
}

fn embedded(
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
