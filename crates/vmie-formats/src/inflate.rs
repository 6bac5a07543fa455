//! Inflating zlib streams into buffers of a known size: the only module that sees an inflater.
//! libdeflate when the feature is on, else zlib-rs.

/// Why a stream did not inflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InflateError {
    /// It is no valid zlib stream, or its checksum is wrong.
    #[cfg_attr(
        not(any(feature = "libdeflate", feature = "zlib-rs")),
        allow(dead_code)
    )]
    Damaged,
    /// It holds more than fits in the buffer.
    #[cfg_attr(
        not(any(feature = "libdeflate", feature = "zlib-rs")),
        allow(dead_code)
    )]
    TooLong,
    /// The crate was built without an inflater.
    #[cfg_attr(any(feature = "libdeflate", feature = "zlib-rs"), allow(dead_code))]
    Unavailable,
}

/// Inflates the zlib stream (RFC 1950) at the start of `input` into `output` and says how many
/// bytes it held. What follows the stream is ignored. Every thread keeps one inflater.
pub(crate) fn inflate(input: &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
    backend::inflate(input, output)
}

/// As [`inflate`], of a raw DEFLATE stream (RFC 1951).
#[cfg(feature = "qcow2")]
pub(crate) fn inflate_raw(input: &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
    backend::inflate_raw(input, output)
}

#[cfg(feature = "libdeflate")]
mod backend {
    use std::cell::RefCell;

    use libdeflater::{DecompressionError, Decompressor};

    use super::InflateError;

    thread_local! {
        static INFLATER: RefCell<Decompressor> = RefCell::new(Decompressor::new());
    }

    pub(super) fn inflate(input: &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
        INFLATER.with_borrow_mut(|inflater| inflater.zlib_decompress(input, output).map_err(why))
    }

    #[cfg(feature = "qcow2")]
    pub(super) fn inflate_raw(input: &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
        INFLATER.with_borrow_mut(|inflater| inflater.deflate_decompress(input, output).map_err(why))
    }

    fn why(error: DecompressionError) -> InflateError {
        match error {
            DecompressionError::BadData => InflateError::Damaged,
            DecompressionError::InsufficientSpace => InflateError::TooLong,
        }
    }
}

#[cfg(all(feature = "zlib-rs", not(feature = "libdeflate")))]
mod backend {
    use std::cell::RefCell;

    use vmie_io::int;
    use zlib_rs::{Inflate, InflateFlush, Status};

    use super::InflateError;

    /// The window that every zlib stream fits in, as a power of two: 32 KiB.
    const WINDOW_BITS: u8 = 15;

    thread_local! {
        static INFLATER: RefCell<Inflate> = RefCell::new(Inflate::new(true, WINDOW_BITS));
    }

    pub(super) fn inflate(input: &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
        inflate_as(true, input, output)
    }

    #[cfg(feature = "qcow2")]
    pub(super) fn inflate_raw(input: &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
        inflate_as(false, input, output)
    }

    fn inflate_as(zlib: bool, input: &[u8], output: &mut [u8]) -> Result<usize, InflateError> {
        INFLATER.with_borrow_mut(|inflater| {
            inflater.reset(zlib);
            match inflater.decompress(input, output, InflateFlush::Finish) {
                Ok(Status::StreamEnd) => Ok(int::usize_of(inflater.total_out())),
                // Either there is more to come out, or nothing more came in.
                Ok(Status::Ok | Status::BufError) => {
                    let taken = int::usize_of(inflater.total_in());
                    let rest = input.get(taken..).unwrap_or_default();
                    let before = inflater.total_out();
                    let more = inflater.decompress(rest, &mut [0], InflateFlush::Finish);
                    if more.is_ok() && inflater.total_out() > before {
                        Err(InflateError::TooLong)
                    } else {
                        Err(InflateError::Damaged)
                    }
                }
                Err(_) => Err(InflateError::Damaged),
            }
        })
    }
}

#[cfg(not(any(feature = "libdeflate", feature = "zlib-rs")))]
mod backend {
    use super::InflateError;

    pub(super) fn inflate(_: &[u8], _: &mut [u8]) -> Result<usize, InflateError> {
        Err(InflateError::Unavailable)
    }

    #[cfg(feature = "qcow2")]
    pub(super) fn inflate_raw(_: &[u8], _: &mut [u8]) -> Result<usize, InflateError> {
        Err(InflateError::Unavailable)
    }
}

#[cfg(all(test, any(feature = "libdeflate", feature = "zlib-rs")))]
mod tests {
    use super::*;

    /// "hello" in a stored block.
    const STORED: &[u8] = &[
        0x78, 0x01, 0x01, 5, 0, 0xfa, 0xff, b'h', b'e', b'l', b'l', b'o', 0x06, 0x2c, 0x02, 0x15,
    ];

    #[test]
    fn a_stream_comes_out_and_what_follows_is_ignored() {
        let mut out = [0; 8];
        assert_eq!(inflate(STORED, &mut out), Ok(5));
        assert_eq!(&out[..5], b"hello");
        let padded = [STORED, &[0; 100]].concat();
        assert_eq!(inflate(&padded, &mut out), Ok(5));
        assert_eq!(inflate(&padded, &mut out[..5]), Ok(5));
    }

    #[test]
    fn a_raw_stream_has_no_header_and_no_checksum() {
        let mut out = [0; 8];
        assert_eq!(inflate_raw(&STORED[2..12], &mut out), Ok(5));
        assert_eq!(&out[..5], b"hello");
        assert_eq!(inflate_raw(&STORED[2..], &mut out), Ok(5));
        assert_eq!(
            inflate_raw(&STORED[2..11], &mut out),
            Err(InflateError::Damaged)
        );
        // The inflater takes zlib streams after it, too.
        assert_eq!(inflate(STORED, &mut out), Ok(5));
    }

    #[test]
    fn too_little_room_is_told_from_damage() {
        let mut out = [0; 8];
        assert_eq!(inflate(STORED, &mut out[..4]), Err(InflateError::TooLong));
        assert_eq!(inflate(STORED, &mut []), Err(InflateError::TooLong));
        for cut in 0..STORED.len() {
            assert_eq!(
                inflate(&STORED[..cut], &mut out),
                Err(InflateError::Damaged),
                "{cut}"
            );
        }
        for at in [0, 2, 4, 7, 15] {
            let mut bad = STORED.to_vec();
            bad[at] ^= 0x55;
            assert_eq!(inflate(&bad, &mut out), Err(InflateError::Damaged), "{at}");
        }
        // An inflater that failed is as good as new.
        assert_eq!(inflate(STORED, &mut out), Ok(5));
    }
}
