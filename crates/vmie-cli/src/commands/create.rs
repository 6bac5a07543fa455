//! `vmie create`

use serde_json::json;
use vmie::FileOptions;
use vmie::formats::{ConvertOptions, Stamp};
use vmie::io::{Extent, ExtentKind, ReadAt, ReadError};

use super::{convert, stop};
use crate::args::CreateArgs;
use crate::failure::{Exit, Failure};
use crate::out::Out;
use crate::size::Bytes;
use crate::text::Safe;

/// A disk that nobody wrote to.
struct Empty(u64);

impl ReadAt for Empty {
    fn len(&self) -> u64 {
        self.0
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let len = u64::try_from(buf.len()).unwrap_or(u64::MAX);
        match offset.checked_add(len).filter(|end| *end <= self.0) {
            Some(_) => buf.fill(0),
            None => return Err(ReadError::past_end("disk", offset, buf.len(), self.0)),
        }
        Ok(())
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        let len = self.0.saturating_sub(offset);
        Ok(Extent::new(ExtentKind::Hole, offset, len))
    }
}

pub(super) fn run(out: &Out, args: &CreateArgs) -> Result<Exit, Failure> {
    let target = convert::target(args.output_format, args.subformat.as_deref())?;
    let mut stamp = Stamp::default();
    stamp.time = u64::try_from(vmie::now().secs).unwrap_or(0);
    let options = ConvertOptions::new()
        .target(target)
        .digest(false)
        .stamp(stamp);
    let disk = Empty(args.size);
    let report = vmie::convert_to_file(
        &disk,
        &args.target,
        &options,
        &FileOptions::new(),
        &(),
        &stop::on_signals(),
    )
    .map_err(|error| Failure::of(Exit::Failed, &error))?;
    let path = args.target.to_string_lossy();
    if out.is_json() {
        let document = json!({
            "path": path,
            "format": target.format().name(),
            "variant": target.subformat(),
            "virtual_size": report.bytes,
            "file_size": report.file_bytes,
        });
        out.document("vmie.create", document)?;
    } else {
        out.text(&format!(
            "made {} ({target}, {})\n",
            Safe(&path),
            Bytes(args.size)
        ))?;
    }
    Ok(Exit::Done)
}
