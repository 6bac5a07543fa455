//! Files that are being written.

use std::path::Path;

use vmie_io::{FileSink, ReadError, WriteAt};

use crate::Error;
use crate::store::Durable;

/// A sink whose every write is a step that tests can stop at.
pub(super) struct Stepped<'a> {
    sink: FileSink,
    durable: &'a Durable,
    part: &'a Path,
}

impl<'a> Stepped<'a> {
    /// Makes the file `part`, in place of what an earlier try has left.
    pub(super) fn create(durable: &'a Durable, part: &'a Path) -> Result<Self, Error> {
        durable.remove(part)?;
        durable.step("write disk", part)?;
        let sink = FileSink::create_new(part).map_err(|error| Error::sink(part, error))?;
        Ok(Self {
            sink,
            durable,
            part,
        })
    }

    fn step(&self, name: &'static str, offset: u64) -> Result<(), ReadError> {
        self.durable
            .step(name, self.part)
            .map_err(|error| ReadError::new("file", error.kind(), offset).with_source(error))
    }
}

impl WriteAt for Stepped<'_> {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
        self.step("write disk", offset)?;
        self.sink.write_all_at(buf, offset)
    }
    fn set_len(&self, len: u64) -> Result<(), ReadError> {
        self.step("size disk", len)?;
        self.sink.set_len(len)
    }
    fn write_zeroes_at(&self, offset: u64, len: u64) -> Result<(), ReadError> {
        self.step("write disk", offset)?;
        self.sink.write_zeroes_at(offset, len)
    }
    fn sync(&self) -> Result<(), ReadError> {
        self.step("flush disk", 0)?;
        self.sink.sync()
    }
}

/// A conversion's error with the file whose fault it is.
pub(crate) fn placed(error: vmie_formats::Error, source: &Path, part: &Path) -> Error {
    if error.cause() == vmie_formats::Cause::Write {
        let kind = error.kind();
        let at = ReadError::new("target", kind, error.offset().unwrap_or(0));
        return Error::sink(part, at.with_source(error));
    }
    Error::from(error).in_file(source)
}
