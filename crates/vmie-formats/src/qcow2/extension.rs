//! Header extensions.

use vmie_io::{Budget, ReadAt, ReadAtExt, int};

use super::format::{EXT_BACKING_FORMAT, EXT_DATA_FILE, EXT_END, MAX_NAME};
use super::header::Header;
use crate::{Cause, Error};

/// What header extensions say that matters for reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    /// The format of the backing file, by QEMU's name of it.
    pub(super) backing_format: Option<String>,
    /// The name of the external data file.
    pub(super) data_file: Option<String>,
}

impl Extensions {
    /// Reads the extensions, which end with the first cluster or where the backing file's name
    /// begins. In version 2 there may be none, so what is no extension ends them there.
    pub(super) fn read(
        source: &dyn ReadAt,
        header: &Header,
        budget: &Budget,
    ) -> Result<Self, Error> {
        let mut found = Self::default();
        let cluster = header.cluster().min(source.len());
        let end = match header.backing {
            (0, _) => cluster,
            (name, _) => name.min(cluster),
        };
        let mut at = u64::from(header.length);
        while at.saturating_add(8) <= end {
            budget.work("header extension", 1)?;
            let head = source.read_array::<8>(at)?;
            let [a, b, c, d, e, f, g, h] = head;
            let kind = u32::from_be_bytes([a, b, c, d]);
            let len = u32::from_be_bytes([e, f, g, h]);
            if kind == EXT_END {
                break;
            }
            let data = at.saturating_add(8);
            if data.saturating_add(len.into()) > end {
                if header.version == 2 {
                    break;
                }
                return Err(Error::new(Cause::Qcow2Extension)
                    .at("qcow2 header extension", at)
                    .field("length")
                    .found(len));
            }
            let field = match kind {
                EXT_BACKING_FORMAT => Some(&mut found.backing_format),
                EXT_DATA_FILE => Some(&mut found.data_file),
                _ => None,
            };
            if let Some(field) = field {
                *field = Some(text(source, data, len)?);
            }
            at = data.saturating_add(u64::from(len).next_multiple_of(8));
        }
        Ok(found)
    }
}

/// A name in the header's cluster.
pub(super) fn text(source: &dyn ReadAt, at: u64, len: u32) -> Result<String, Error> {
    let fault = || Error::new(Cause::Qcow2Name).at("qcow2 name", at);
    if len > MAX_NAME {
        return Err(fault().field("length").found(len));
    }
    let mut bytes = vec![0; int::usize_of(len.into())];
    source.read_exact_at(&mut bytes, at)?;
    String::from_utf8(bytes).map_err(|error| fault().found(error.as_bytes()))
}
