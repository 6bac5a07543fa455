//! Opening a VDI.

use std::sync::Arc;

use vmie_io::ReadAt;

use super::header::{Header, uuid_text};
use super::read::Vdi;
use crate::{Cause, Error, Format, ImageInfo, OpenOptions, Reference, ReferenceKind, Variant};

/// Opens a VDI. The header is read and checked; the block map is read when it is needed. A
/// differencing image names its parent by a UUID only; the resolver of `options` is asked for the
/// file of that UUID.
///
/// ```
/// use std::sync::Arc;
/// use vmie_formats::{DiskImage as _, OpenOptions, ReadAt as _, Variant, vdi};
/// # let file = vmie_testkit::vdi::Builder::new(3 << 20).block(2, &[7; 1 << 20]).build();
///
/// let disk = vdi::open(Arc::new(file), &OpenOptions::new())?;
/// assert_eq!(disk.info().variant, Some(Variant::VdiDynamic));
/// let mut sector = [0; 512];
/// disk.read_exact_at(&mut sector, 2 << 20)?;
/// assert_eq!(sector, [7; 512]);
/// # Ok::<(), vmie_formats::Error>(())
/// ```
///
/// # Errors
/// [`Cause::ReferenceDenied`] for a parent that may not be opened, [`Cause::ParentMismatch`] for
/// one that is another image; else what is wrong with the image.
pub fn open(source: Arc<dyn ReadAt>, options: &OpenOptions) -> Result<Vdi, Error> {
    let budget = options.budget();
    let header = Header::read(&*source, budget.limits())?;
    let mut info = ImageInfo::new(Format::Vdi, header.size, source.len()).of(header.variant);
    info.block_size = Some(header.block);
    info.creator = Some(header.creator.clone()).filter(|text| !text.is_empty());
    let mut parent = None;
    if header.variant == Variant::VdiDifferencing {
        let name = uuid_text(&header.parent);
        let reference = Reference::new(ReferenceKind::Parent, name.as_str());
        info.references.push(reference.clone());
        // Which parent it is can only be told by its header.
        let file = options.reference(&reference)?;
        let modified = Header::read(&*file, budget.limits())?.modified;
        if header.parent_modified != [0; 16] && modified != header.parent_modified {
            return Err(Error::new(Cause::ParentMismatch)
                .at("VDI header", 440)
                .field("uuidParentModify")
                .found(uuid_text(&modified).as_str()));
        }
        parent = Some(options.parent(&name, Some(Format::Vdi), &budget)?);
    }
    Ok(Vdi::new(source, header, info, parent, budget))
}
