//! A disk: its extents one after the other, over its parent.

use std::fmt;
use std::sync::Arc;

use vmie_io::{Budget, CancelToken, Extent, ExtentKind, ReadAt, ReadError, int};

use super::descriptor::Descriptor;
use super::shared::Shared;
use super::sparse::Sparse;
use crate::check::Check;
use crate::parent::Parent;
use crate::{DiskImage, Error, ImageInfo, error_of};

/// A disk out of a VMDK. Any number of threads may read at once; whole grains are inflated straight
/// into the reader's buffer, and stored grains that lie side by side are read there in one go.
pub struct Vmdk {
    info: ImageInfo,
    descriptor: Option<Descriptor>,
    /// In the order of the disk, without gaps.
    parts: Vec<Part>,
    parent: Option<Parent>,
    shared: Shared,
}

/// An extent: a part of the disk.
pub(super) struct Part {
    /// First byte of the disk, and how many there are; not zero.
    pub(super) start: u64,
    pub(super) len: u64,
    pub(super) content: Content,
}

/// Where an extent's bytes are.
pub(super) enum Content {
    /// Nowhere: they are zero.
    Zero,
    /// In a file as they are, from this byte on.
    Flat { source: Arc<dyn ReadAt>, at: u64 },
    /// In grains.
    Sparse(Sparse),
}

impl fmt::Debug for Vmdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vmdk")
            .field("info", &self.info)
            .field("descriptor", &self.descriptor)
            .finish_non_exhaustive()
    }
}

impl Vmdk {
    pub(super) fn new(
        info: ImageInfo,
        descriptor: Option<Descriptor>,
        parts: Vec<Part>,
        parent: Option<Parent>,
        budget: Budget,
    ) -> Self {
        let shapes = parts.iter().filter_map(|part| match &part.content {
            Content::Sparse(sparse) => Some(sparse.shape()),
            Content::Zero | Content::Flat { .. } => None,
        });
        let shared = Shared::new(shapes, budget);
        Self {
            info,
            descriptor,
            parts,
            parent,
            shared,
        }
    }

    /// Looks at the tables of each extent, and with `grains` at what lies in its file.
    pub(crate) fn check(
        &self,
        check: &mut Check,
        grains: bool,
        cancel: &CancelToken,
    ) -> Result<(), Error> {
        for part in &self.parts {
            if let Content::Sparse(sparse) = &part.content {
                sparse.check(&self.shared, check, (grains, cancel))?;
            }
        }
        Ok(())
    }

    /// The descriptor; `None` for an extent of an ESX host that is opened without one.
    #[must_use]
    pub fn descriptor(&self) -> Option<&Descriptor> {
        self.descriptor.as_ref()
    }

    /// Bytes of a grain, the unit in which the disk is stored: a power of two. `None` when it is
    /// stored as it is; where extents differ, that of the first one with grains.
    #[must_use]
    pub fn grain_size(&self) -> Option<u64> {
        self.info.block_size
    }

    /// Byte offset, in the file of its extent, of the grain that holds byte `offset` of the disk, or
    /// of that byte where there are no grains; `None` when it is not stored.
    ///
    /// # Errors
    /// When its grain table cannot be read.
    pub fn stored_at(&self, offset: u64) -> Result<Option<u64>, Error> {
        let Some((part, within)) = self.part(offset) else {
            return Ok(None);
        };
        match &part.content {
            Content::Zero => Ok(None),
            Content::Flat { at, .. } => Ok(at.checked_add(within)),
            Content::Sparse(sparse) => sparse.stored_at(&self.shared, within),
        }
    }

    /// The extent with a byte of the disk, and that byte's place in it.
    fn part(&self, offset: u64) -> Option<(&Part, u64)> {
        let after = self.parts.partition_point(|part| part.start <= offset);
        let part = self.parts.get(after.checked_sub(1)?)?;
        let within = offset.saturating_sub(part.start);
        (within < part.len).then_some((part, within))
    }

    /// Fills `buf` from a place within an extent that holds all of it.
    fn read_part(&self, part: &Part, buf: &mut [u8], within: u64) -> Result<(), Error> {
        match &part.content {
            Content::Zero => buf.fill(0),
            Content::Flat { source, at } => {
                let at = at.saturating_add(within);
                source.read_exact_at(buf, at).map_err(error_of)?;
            }
            Content::Sparse(sparse) => {
                let parent = self.parent.as_ref();
                sparse.read(&self.shared, buf, within, parent, part.start)?;
            }
        }
        Ok(())
    }

    fn extent_in(&self, part: &Part, offset: u64, within: u64) -> Result<Extent, Error> {
        let left = part.len.saturating_sub(within);
        let clip = |kind, len: u64| Extent::new(kind, offset, len.min(left));
        match &part.content {
            Content::Zero => Ok(clip(ExtentKind::Zero, left)),
            Content::Flat { source, at } => {
                let extent = source
                    .next_extent(at.saturating_add(within))
                    .map_err(error_of)?;
                // A hole of the file hides the parent: the file is there.
                let kind = match extent.kind {
                    ExtentKind::Hole if self.parent.is_some() => ExtentKind::Zero,
                    kind => kind,
                };
                Ok(clip(kind, extent.len))
            }
            Content::Sparse(sparse) => {
                let kind = sparse.kind(&self.shared, within)?;
                let Some(parent) = self.parent.as_ref().filter(|_| kind == ExtentKind::Hole) else {
                    let extent = sparse.extent_at(&self.shared, within, u64::MAX)?;
                    return Ok(clip(extent.kind, extent.len));
                };
                let below = parent.extent(offset, left).map_err(error_of)?;
                let limit = within.saturating_add(below.len);
                let own = sparse.extent_at(&self.shared, within, limit)?;
                Ok(clip(below.kind, own.len.min(below.len)))
            }
        }
    }
}

impl ReadAt for Vmdk {
    fn len(&self) -> u64 {
        self.info.virtual_size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let past = || ReadError::past_end("VMDK", offset, buf.len(), self.len());
        let end = offset.checked_add(int::u64_of(buf.len()));
        if end.is_none_or(|end| end > self.len()) {
            return Err(past());
        }
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let Some((part, within)) = self.part(at) else {
                return Err(ReadError::past_end("VMDK", at, rest.len(), self.len()));
            };
            let left = part.len.saturating_sub(within);
            let (head, tail) = rest.split_at_mut(int::min_usize(left, rest.len()));
            self.read_part(part, head, within)?;
            at = at.saturating_add(int::u64_of(head.len()));
            rest = tail;
        }
        Ok(())
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        match self.part(offset) {
            Some((part, within)) => Ok(self.extent_in(part, offset, within)?),
            None => Ok(Extent::new(ExtentKind::Hole, offset, 0)),
        }
    }
}

impl DiskImage for Vmdk {
    fn info(&self) -> &ImageInfo {
        &self.info
    }
}
