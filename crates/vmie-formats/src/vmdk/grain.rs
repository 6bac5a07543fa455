//! Compressed grains.

use vmie_io::int;

use super::format::{GRAIN_MARKER, SECTOR, longest_compressed};
use super::header::Grains;
use crate::inflate::{InflateError, inflate};
use crate::{Cause, Error};

/// Bytes of a buffer for the longest compressed grain, its marker, and the padding after it that
/// comes along when a grain is read up to the next.
pub(super) fn scratch_len(grain_bytes: u64) -> u64 {
    longest_compressed(grain_bytes).saturating_add(2 * SECTOR)
}

/// Where the compressed data of this length end, counted from the marker's start.
pub(super) fn check_size(grain_bytes: u64, size: u32, start: u64) -> Result<usize, Error> {
    if size == 0 || u64::from(size) > longest_compressed(grain_bytes) {
        return Err(Error::new(Cause::VmdkGrainSizeField)
            .at("grain marker", start.saturating_add(8))
            .field("size")
            .found(size));
    }
    Ok(int::usize_of(u64::from(size)).saturating_add(GRAIN_MARKER))
}

/// Inflates a grain into `out`, which is a grain long, and says how many bytes it had. `start` is
/// where its marker is.
pub(super) fn inflate_grain(
    grains: Grains,
    data: &[u8],
    disk_offset: u64,
    start: u64,
    out: &mut [u8],
) -> Result<usize, Error> {
    let fault = |cause| Error::new(cause).at("grain", start);
    let len = inflate(data, out).map_err(|error| match error {
        InflateError::Damaged => fault(Cause::VmdkGrainData),
        InflateError::TooLong => fault(Cause::VmdkGrainLength),
        InflateError::Unavailable => fault(Cause::NoInflate),
    })?;
    let n = int::u64_of(len);
    if n != grains.grain_bytes && n != grains.grain_len(disk_offset) {
        return Err(wrong_length(start, len));
    }
    Ok(len)
}

pub(super) fn wrong_length(start: u64, len: usize) -> Error {
    Error::new(Cause::VmdkGrainLength)
        .at("grain", start)
        .found(len)
}
