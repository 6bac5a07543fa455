//! dpkg's list, `/var/lib/dpkg/status`: paragraphs of fields
//! ([deb-status(5)](https://manpages.debian.org/deb-status.5)).

use std::io::{self, BufRead, BufReader, Read};

use super::{MAX_PACKAGES, Package};
use crate::{Cause, Error, Source};

/// The most that is read; a full system's list has some 5 MiB.
const MAX_LEN: u64 = 32 << 20;
/// The longest line that is looked at.
const MAX_LINE: u64 = 4096;

struct Reading<'s> {
    source: &'s mut dyn Source,
    offset: u64,
}

impl Read for Reading<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read_at(buf, self.offset)?;
        self.offset = self.offset.saturating_add(vmie_io::int::u64_of(read));
        Ok(read)
    }
}

/// Lists the packages that are installed.
///
/// # Errors
/// [`Cause::Limit`] when the list is longer than is looked at, [`Cause::Read`] when it cannot be
/// read. Whatever else is in it names no package.
pub fn dpkg(source: &mut dyn Source, each: &mut dyn FnMut(Package)) -> Result<(), Error> {
    let fault = |error: &io::Error| {
        Error::new(Cause::Read)
            .in_structure("dpkg status")
            .found(error.to_string().as_str())
    };
    let limit = || Error::new(Cause::Limit).in_structure("dpkg status");
    let reading = Reading { source, offset: 0 };
    let mut reader = BufReader::with_capacity(128 << 10, reading.take(MAX_LEN));
    let mut now = Package::default();
    let mut installed = false;
    let mut left = MAX_PACKAGES;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|error| fault(&error))?;
        let is_end = read == 0;
        let text = line.trim_ascii_end();
        if text.is_empty() {
            if installed && !now.name.is_empty() {
                left = left.checked_sub(1).ok_or_else(limit)?;
                each(std::mem::take(&mut now));
            }
            now = Package::default();
            installed = false;
        }
        if is_end {
            break;
        }
        let mut parts = text.splitn(2, |b| *b == b':');
        let (Some(key), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        let value = || String::from_utf8_lossy(value.trim_ascii()).into_owned();
        match key {
            b"Package" => now.name = value(),
            b"Version" => now.version = value(),
            b"Architecture" => now.arch = value(),
            // What is wanted, whether there were errors, and the state.
            b"Status" => installed = value().ends_with(" installed"),
            _ => {}
        }
    }
    if reader.get_ref().limit() == 0 {
        return Err(limit());
    }
    Ok(())
}
