//! The parts as the file that they were.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use vmie_io::{ErrorKind, ReadAt, ReadError, int};

use super::model::{ImportManifest, Part};
use crate::{Cause, Error, Reference, ReferenceKind, Resolver};

/// Parts that are kept open: readers on several threads are near each other.
const KEPT_OPEN: usize = 16;

/// Opens the parts of a manifest: local files, objects of a bucket, whatever their URLs name.
pub trait PartSource: Send + Sync {
    /// The bytes of a part; `index` is its number.
    ///
    /// # Errors
    /// When the part may not or cannot be opened.
    fn open(&self, index: usize, part: &Part) -> Result<Arc<dyn ReadAt>, Error>;
}

/// Parts that a [`Resolver`] finds by their keys.
pub struct ResolvedParts(pub Arc<dyn Resolver>);

impl fmt::Debug for ResolvedParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResolvedParts")
    }
}

impl PartSource for ResolvedParts {
    fn open(&self, _: usize, part: &Part) -> Result<Arc<dyn ReadAt>, Error> {
        let reference = Reference::new(ReferenceKind::Part, part.key.as_str());
        self.0.resolve(&reference)
    }
}

/// The file that a manifest's parts make together. A part is opened when it is first read.
struct Joined {
    parts: Vec<Part>,
    size: u64,
    from: Arc<dyn PartSource>,
    open: Mutex<VecDeque<(usize, Arc<dyn ReadAt>)>>,
}

impl ImportManifest {
    /// The file that the parts make together. Nothing is opened yet; give it to
    /// [`OpenOptions::open`](crate::OpenOptions::open) with the manifest's format.
    #[must_use]
    pub fn source(&self, from: Arc<dyn PartSource>) -> Arc<dyn ReadAt> {
        Arc::new(Joined {
            parts: self.parts.clone(),
            size: self.size,
            from,
            open: Mutex::default(),
        })
    }
}

impl Joined {
    fn part(&self, index: usize, part: &Part) -> Result<Arc<dyn ReadAt>, Error> {
        let lock = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, source)) = lock().iter().find(|(kept, _)| *kept == index) {
            return Ok(Arc::clone(source));
        }
        // The lock is not held while a part is opened, which may be a journey.
        let source = self.from.open(index, part)?;
        if source.len() != part.len {
            return Err(Error::new(Cause::ManifestPartLength)
                .at("import manifest", part.start)
                .field(ReferenceKind::Part.name())
                .found(source.len()));
        }
        let mut open = lock();
        if open.len() >= KEPT_OPEN {
            open.pop_front();
        }
        open.push_back((index, Arc::clone(&source)));
        Ok(source)
    }
}

impl ReadAt for Joined {
    fn len(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = offset.checked_add(int::u64_of(buf.len()));
        if end.is_none_or(|end| end > self.size) {
            return Err(ReadError::past_end("parts", offset, buf.len(), self.size));
        }
        let mut index = self.parts.partition_point(|part| part.end() <= offset);
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            // The parts tile the file, so there is one for each of its bytes.
            let part = self.parts.get(index);
            let part = part.ok_or_else(|| ReadError::new("parts", ErrorKind::Corrupt, at))?;
            let n = int::min_usize(part.end().saturating_sub(at), rest.len());
            let (head, tail) = rest.split_at_mut(n);
            let within = at.saturating_sub(part.start);
            self.part(index, part)?.read_exact_at(head, within)?;
            at = at.saturating_add(int::u64_of(n));
            index = index.saturating_add(1);
            rest = tail;
        }
        Ok(())
    }
}
