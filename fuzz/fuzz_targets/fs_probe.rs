//! Recognising volumes.
//!
//! The first byte chooses where the rest stands: the places where filesystems have their
//! superblocks, or the end. The volume around it is zeroes.
//!
//! The oracle: the first of all candidates is the answer; asking again gives the same; no more is
//! read than is promised; texts are short.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vmie_fs::{probe, probe_all};
use vmie_io::{Meter, Metered, ReadAt, ReadError};

const PLACES: [u64; 8] = [0, 512, 1024, 3072, 4096, 32 << 10, 60 << 10, 64 << 10];

/// Zeroes with some bytes in them.
struct Volume<'a> {
    at: u64,
    bytes: &'a [u8],
    len: u64,
}

impl ReadAt for Volume<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        if offset
            .checked_add(buf.len() as u64)
            .is_none_or(|end| end > self.len)
        {
            return Err(ReadError::past_end("volume", offset, buf.len(), self.len));
        }
        buf.fill(0);
        let from = self.at.max(offset);
        let to = (self.at + self.bytes.len() as u64).min(offset + buf.len() as u64);
        if from < to {
            let part = &self.bytes[(from - self.at) as usize..(to - self.at) as usize];
            buf[(from - offset) as usize..][..part.len()].copy_from_slice(part);
        }
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let [place, bytes @ ..] = data else { return };
    let len = if place & 0x80 != 0 {
        bytes.len() as u64
    } else {
        1 << 20
    };
    let at = match place & 0x0f {
        n @ 0..8 if place & 0x80 == 0 => PLACES[usize::from(n)],
        _ if place & 0x80 == 0 => len - (bytes.len() as u64).min(len),
        _ => 0,
    };
    let volume = Volume { at, bytes, len };
    let meter = Meter::new();
    let metered = Metered::new(&volume, meter.clone());
    let first = probe(&metered).unwrap();
    assert!(meter.bytes() <= 90 << 10);
    let all = probe_all(&metered).unwrap();
    assert_eq!(first.as_ref(), all.first());
    for identity in all {
        assert!(
            identity
                .label
                .is_none_or(|label| !label.is_empty() && label.len() < 4096)
        );
        assert!(
            identity
                .uuid
                .is_none_or(|uuid| !uuid.is_empty() && uuid.len() < 200)
        );
        let _ = identity.kind.name();
    }
});
