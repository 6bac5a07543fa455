//! Where the files of an appliance are.

use std::collections::BTreeMap;
use std::sync::Arc;

use vmie_io::{Budget, ReadAt, ReadError, Window, int};

use super::gzip::Unpacked;
use super::tar::Member;
use crate::{Cause, Error};

/// The files of an appliance.
pub(super) enum Files {
    /// Members of an archive.
    Archive(Arc<dyn ReadAt>),
    /// Files beside the descriptor, by name.
    Beside(BTreeMap<String, Arc<dyn ReadAt>>),
}

impl Files {
    /// The bytes of a file.
    pub(super) fn open(&self, member: &Member) -> Result<Arc<dyn ReadAt>, Error> {
        match self {
            Self::Archive(source) => {
                let window = Window::new(Arc::clone(source), member.start, member.len)?;
                Ok(Arc::new(window))
            }
            Self::Beside(files) => {
                let file = files.get(&member.name).ok_or_else(|| {
                    Error::new(Cause::MemberMissing)
                        .in_structure("appliance")
                        .found(member.name.as_str())
                })?;
                Ok(Arc::clone(file))
            }
        }
    }
}

/// The name of a chunk of a file: the file's, a dot, and nine digits (DSP0243 section 7.1).
pub(super) fn chunk_name(file: &str, index: u32) -> String {
    format!("{file}.{index:09}")
}

/// The chunks of a file, one after the other.
pub(super) struct Chunks {
    /// Each with the byte after its last one.
    chunks: Vec<(u64, Arc<dyn ReadAt>)>,
}

impl Chunks {
    pub(super) fn new(files: Vec<Arc<dyn ReadAt>>) -> Self {
        let mut end = 0u64;
        let ends = files.into_iter().map(|file| {
            end = end.saturating_add(file.len());
            (end, file)
        });
        Self {
            chunks: ends.collect(),
        }
    }
}

impl ReadAt for Chunks {
    fn len(&self) -> u64 {
        self.chunks.last().map_or(0, |(end, _)| *end)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let end = offset.checked_add(int::u64_of(buf.len()));
        if end.is_none_or(|end| end > self.len()) {
            return Err(ReadError::past_end("chunks", offset, buf.len(), self.len()));
        }
        let first = self.chunks.partition_point(|(end, _)| *end <= offset);
        let (mut at, mut rest) = (offset, buf);
        for (end, chunk) in self.chunks.iter().skip(first) {
            if rest.is_empty() {
                break;
            }
            let n = int::min_usize(end.saturating_sub(at), rest.len());
            let (head, tail) = rest.split_at_mut(n);
            let start = end.saturating_sub(chunk.len());
            chunk.read_exact_at(head, at.saturating_sub(start))?;
            at = at.saturating_add(int::u64_of(n));
            rest = tail;
        }
        Ok(())
    }
}

/// Bytes that the file of a disk may unpack to: twice the disk and some for tables; where the disk's
/// size is not told, what DEFLATE can do at most with the bytes there are.
fn longest(capacity: Option<u64>, packed: u64) -> u64 {
    match capacity {
        Some(bytes) => bytes.saturating_mul(2).saturating_add(64 << 20),
        None => packed.saturating_mul(1032),
    }
}

/// A file as it was before it was compressed.
pub(super) fn unpack(
    file: Arc<dyn ReadAt>,
    compression: &str,
    capacity: Option<u64>,
    budget: &Budget,
) -> Result<Arc<dyn ReadAt>, Error> {
    if !compression.eq_ignore_ascii_case("gzip") {
        return Err(Error::new(Cause::MemberCompressed)
            .in_structure("File")
            .field("compression")
            .found(compression));
    }
    let longest = longest(capacity, file.len());
    Ok(Arc::new(Unpacked::open(file, longest, budget)?))
}
