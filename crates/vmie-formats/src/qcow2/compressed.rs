//! Compressed clusters.

use std::io::Read;

use super::header::Compression;
use crate::inflate::{InflateError, inflate_raw};
use crate::{Cause, Error};

/// Unpacks a cluster into `out`, which is a cluster long. `data` is padded with whatever follows
/// it; `start` is where it is in the file, for errors.
pub(super) fn unpack(
    how: Compression,
    data: &[u8],
    out: &mut [u8],
    start: u64,
) -> Result<(), Error> {
    let fault = |cause| Error::new(cause).at("qcow2 compressed cluster", start);
    let len = match how {
        Compression::Deflate => inflate_raw(data, out).map_err(|error| {
            fault(match error {
                InflateError::Damaged => Cause::Qcow2CompressedData,
                InflateError::TooLong => Cause::Qcow2CompressedLength,
                InflateError::Unavailable => Cause::NoInflate,
            })
        })?,
        Compression::Zstd => zstd(data, out).ok_or_else(|| fault(Cause::Qcow2CompressedData))?,
    };
    if len != out.len() {
        return Err(fault(Cause::Qcow2CompressedLength).found(len));
    }
    Ok(())
}

/// Fills `out` from the zstd frame at the start of `data`; what the frame holds beyond that is
/// never unpacked. `None` when it is damaged.
fn zstd(mut data: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(&mut data).ok()?;
    let mut done = 0usize;
    while let Some(rest) = out.get_mut(done..)
        && !rest.is_empty()
    {
        match decoder.read(rest).ok()? {
            0 => break,
            n => done = done.saturating_add(n),
        }
    }
    Some(done)
}
