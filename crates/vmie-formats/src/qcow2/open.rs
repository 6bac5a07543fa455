//! Opening a qcow2.

use std::sync::Arc;

use vmie_io::{Budget, Charge, ReadAt, int};

use super::extension::{Extensions, text};
use super::format::Incompatible;
use super::header::Header;
use super::read::{Clusters, Qcow2};
use super::snapshot;
use crate::parent::Parent;
use crate::{
    Cause, Error, Format, ImageInfo, ImageNote, NoteKind, OpenOptions, Reference, ReferenceKind,
    Variant,
};

/// Opens a qcow2. Header, header extensions, snapshot table and L1 table are read and checked; L2
/// tables and clusters are when they are needed. The backing file and the external data file are
/// opened through the resolver of `options`.
///
/// ```
/// use std::sync::Arc;
/// use vmie_formats::{DiskImage as _, OpenOptions, ReadAt as _, Variant, qcow2};
/// # let file = vmie_testkit::qcow2::Builder::new(1 << 20).cluster(3, &[7; 65536]).build();
///
/// let disk = qcow2::open(Arc::new(file), &OpenOptions::new())?;
/// assert_eq!(disk.info().variant, Some(Variant::Qcow2V3));
/// let mut sector = [0; 512];
/// disk.read_exact_at(&mut sector, 3 * 65536)?;
/// assert_eq!(sector, [7; 512]);
/// assert!(disk.snapshots().is_empty());
/// # Ok::<(), vmie_formats::Error>(())
/// ```
///
/// # Errors
/// [`Cause::Qcow2Encrypted`]; [`Cause::Qcow2Feature`] for a feature that nobody specified;
/// [`Cause::ReferenceDenied`] for a backing or data file that may not be opened; else what is
/// wrong with the image.
pub fn open(source: Arc<dyn ReadAt>, options: &OpenOptions) -> Result<Qcow2, Error> {
    let budget = options.budget();
    let header = Header::read(&*source, budget.limits())?;
    let extensions = Extensions::read(&*source, &header, &budget)?;
    let snapshots = snapshot::list(&*source, &header, &budget)?;
    let mut info = info(&source, &header);
    if !snapshots.is_empty() {
        info.notes.push(ImageNote::new(
            NoteKind::Snapshots,
            Some(header.snapshots.0),
            format!(
                "{} internal snapshots; the current state is read",
                snapshots.len()
            ),
        ));
    }
    let clusters = data_file(&source, &header, &extensions, options, &mut info)?;
    let parent = backing(&source, &header, &extensions, options, &budget, &mut info)?;
    let (l1, charge) = read_l1(&*source, &header, &budget)?;
    Ok(Qcow2::new(
        (source, clusters),
        header,
        info,
        snapshots,
        parent,
        (l1, charge),
        budget,
    ))
}

fn info(source: &dyn ReadAt, header: &Header) -> ImageInfo {
    let variant = match header.version {
        2 => Variant::Qcow2V2,
        _ => Variant::Qcow2V3,
    };
    let mut info = ImageInfo::new(Format::Qcow2, header.size, source.len()).of(variant);
    info.block_size = Some(header.cluster());
    if header.features.contains(Incompatible::DIRTY) {
        let detail = "the image was not closed properly: its reference counts may be wrong";
        info.notes
            .push(ImageNote::new(NoteKind::Dirty, Some(72), detail));
    }
    if header.features.contains(Incompatible::CORRUPT) {
        let detail = "the image is marked as corrupt by the program that wrote it last";
        info.notes
            .push(ImageNote::new(NoteKind::Dirty, Some(72), detail));
    }
    info
}

/// The file that the clusters are in.
fn data_file(
    source: &Arc<dyn ReadAt>,
    header: &Header,
    extensions: &Extensions,
    options: &OpenOptions,
    info: &mut ImageInfo,
) -> Result<Clusters, Error> {
    if !header.features.contains(Incompatible::EXTERNAL_DATA) {
        return Ok(Clusters::Own(Arc::clone(source)));
    }
    let name = extensions.data_file.as_deref().ok_or_else(|| {
        Error::new(Cause::Qcow2Name)
            .at("qcow2 header extension", header.length.into())
            .field("external data file name")
    })?;
    let reference = Reference::new(ReferenceKind::DataFile, name);
    info.references.push(reference.clone());
    let file = options.reference(&reference)?;
    Ok(if header.raw_external {
        Clusters::RawExternal(file)
    } else {
        Clusters::External(file)
    })
}

fn backing(
    source: &Arc<dyn ReadAt>,
    header: &Header,
    extensions: &Extensions,
    options: &OpenOptions,
    budget: &Budget,
    info: &mut ImageInfo,
) -> Result<Option<Parent>, Error> {
    let (at, len) = header.backing;
    if at == 0 || len == 0 {
        return Ok(None);
    }
    let name = text(&**source, at, len)?;
    info.references
        .push(Reference::new(ReferenceKind::Parent, name.as_str()));
    let format = match extensions.backing_format.as_deref() {
        None | Some("") => None,
        Some("raw" | "file" | "host_device") => Some(Format::Raw),
        Some("qcow2") => Some(Format::Qcow2),
        Some("vmdk") => Some(Format::Vmdk),
        Some("vpc") => Some(Format::Vhd),
        Some("vhdx") => Some(Format::Vhdx),
        Some("vdi") => Some(Format::Vdi),
        Some(other) => {
            return Err(Error::new(Cause::FormatNotRead)
                .in_structure("qcow2 header extension")
                .field("backing file format name")
                .found(other));
        }
    };
    options.parent(&name, format, budget).map(Some)
}

fn read_l1(
    source: &dyn ReadAt,
    header: &Header,
    budget: &Budget,
) -> Result<(Box<[u64]>, Charge), Error> {
    // More entries than the disk needs are there when snapshots were larger; they are not read.
    let needed = header.size.div_ceil(header.l2_span());
    let (bytes, charge) = budget.buffer("L1 table", needed.saturating_mul(8))?;
    let mut bytes = bytes;
    source.read_exact_at(&mut bytes, header.l1.0)?;
    let (words, _) = bytes.as_chunks::<8>();
    let l1: Box<[u64]> = words.iter().map(|word| u64::from_be_bytes(*word)).collect();
    debug_assert_eq!(int::u64_of(l1.len()), needed);
    Ok((l1, charge))
}
