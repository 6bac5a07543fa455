//! Zstandard ([RFC 8878](https://www.rfc-editor.org/rfc/rfc8878)), one frame: by ruzstd, or by the
//! reference library where the feature `libzstd` is on.

use std::io::{self, Read};

use super::stream::Raw;

/// The largest window, as a power of two: 128 MiB, what the kernel itself allows.
const MAX_WINDOW_LOG: u32 = 27;

/// Decodes the frame that starts here, and reads nothing behind it.
#[cfg(not(feature = "libzstd"))]
pub(super) fn frame<'r, 's>(raw: &'r mut Raw<'s>) -> io::Result<impl Read + use<'r, 's>> {
    ruzstd::decoding::StreamingDecoder::new_with_max_window_size(raw, 1 << MAX_WINDOW_LOG)
        .map_err(io::Error::other)
}

/// Decodes the frame that starts here, and reads nothing behind it.
#[cfg(feature = "libzstd")]
pub(super) fn frame<'r, 's>(raw: &'r mut Raw<'s>) -> io::Result<impl Read + use<'r, 's>> {
    let mut decoder = ::zstd::stream::read::Decoder::with_buffer(raw)?.single_frame();
    decoder.window_log_max(MAX_WINDOW_LOG)?;
    Ok(decoder)
}
