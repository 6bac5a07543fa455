//! Raw: the disk's bytes and nothing else.

use std::ops::Range;
use std::sync::Arc;

use vmie_io::{Extent, ReadAt, ReadError};

use crate::{DiskImage, Format, ImageInfo};

/// A raw disk: the file as it is, with the holes that its filesystem knows of.
#[derive(Clone)]
pub(crate) struct Raw {
    source: Arc<dyn ReadAt>,
    info: ImageInfo,
}

/// Any file is a raw disk; `assumed` when no magic number said otherwise and nobody said so.
pub(crate) fn open(source: Arc<dyn ReadAt>, assumed: bool) -> Raw {
    let len = source.len();
    Raw {
        source,
        info: ImageInfo {
            format_assumed: assumed,
            ..ImageInfo::new(Format::Raw, len, len)
        },
    }
}

impl ReadAt for Raw {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        self.source.read_exact_at(buf, offset)
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        self.source.next_extent(offset)
    }

    fn prefetch(&self, ranges: &[Range<u64>]) {
        self.source.prefetch(ranges);
    }
}

impl DiskImage for Raw {
    fn info(&self) -> &ImageInfo {
        &self.info
    }
}
