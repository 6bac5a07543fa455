//! What comes by in one pass is what reading at offsets gives.

use std::io::Read;

use vmie_formats::stream::{self, Event};
use vmie_formats::{DiskImage, ExtentKind, OpenOptions, ReadAt};

/// Bytes of the largest file that is read in one pass.
const LONGEST: u64 = 16 << 20;

/// A source as a reader.
struct Forward<S>(S, u64);

impl<S: ReadAt> Read for Forward<S> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let left = self.0.len() - self.1;
        let n = (buf.len() as u64).min(left) as usize;
        self.0.read_exact_at(&mut buf[..n], self.1)?;
        self.1 += n as u64;
        Ok(n)
    }
}

/// Compares the disks of an image; `open` opens one of them by its number. An image that cannot be
/// read in one pass, or is broken, is compared as far as its disks came by whole. Returns the byte of a
/// disk from which on a piece of it differs.
pub fn difference(
    source: impl ReadAt + 'static,
    options: &OpenOptions,
    open: impl Fn(usize) -> Option<Box<dyn DiskImage>>,
) -> Option<u64> {
    if source.len() > LONGEST {
        return None;
    }
    let Ok(mut stream) = stream::open(Forward(source, 0), options) else {
        return None;
    };
    let mut number = 0;
    let mut pieces: Vec<(u64, u64, Vec<u8>)> = Vec::new();
    let mut held = 0;
    while let Ok(Some(event)) = stream.next_event() {
        match event {
            Event::Start(start) => {
                number = start.number;
                pieces.clear();
                held = 0;
            }
            Event::Piece(piece) => {
                held += piece.data.len();
                if held as u64 > LONGEST || pieces.len() > 4096 {
                    return None;
                }
                if piece.kind == ExtentKind::Data {
                    assert_eq!(piece.len, piece.data.len() as u64);
                } else {
                    assert!(piece.data.is_empty());
                }
                pieces.push((piece.offset, piece.len, piece.data.to_vec()));
            }
            Event::End(end) if end.fault.is_none() => {
                let Some(disk) = open(number) else { continue };
                assert_eq!(
                    (end.format, end.virtual_size),
                    (disk.info().format, disk.len())
                );
                if let Some(at) = compare(&*disk, &mut pieces) {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn compare(disk: &dyn DiskImage, pieces: &mut [(u64, u64, Vec<u8>)]) -> Option<u64> {
    pieces.sort();
    let mut end = 0;
    for (offset, len, data) in &*pieces {
        assert!(*offset >= end, "pieces overlap at {offset}");
        end = offset + len;
        let on_disk = disk.len().saturating_sub(*offset).min(data.len() as u64) as usize;
        let mut copy = vec![0xa5; on_disk];
        if disk.read_exact_at(&mut copy, *offset).is_ok() && copy != data[..on_disk] {
            return Some(*offset);
        }
    }
    None
}
