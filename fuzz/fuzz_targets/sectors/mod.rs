//! Small sound images with patches to sectors that hold something.
//!
//! The first byte chooses an image; the rest are patches to it of nine bytes each: two that choose a sector
//! that holds something, two for the place in it, one that says how many of the last four to write.

use std::sync::Arc;

use vmie_io::Limits;
use vmie_testkit::fsimage::Patched;

use crate::walked::walk;

/// An image and where its sectors are that hold something.
pub struct Image {
    bytes: Arc<Vec<u8>>,
    used: Vec<u64>,
}

impl Image {
    pub fn new(bytes: Vec<u8>) -> Self {
        let used = (bytes.chunks(512).zip(0u64..))
            .filter(|(sector, _)| sector.iter().any(|b| *b != 0))
            .map(|(_, i)| i * 512)
            .collect();
        Self {
            bytes: Arc::new(bytes),
            used,
        }
    }
}

/// Patches one of the images and walks it.
pub fn run(images: &[Image], data: &[u8]) {
    let [which, patches @ ..] = data else { return };
    let image = &images[usize::from(*which) % images.len()];
    let mut volume = Patched::new(Arc::clone(&image.bytes));
    for patch in patches.chunks_exact(9).take(32) {
        let sector = usize::from(u16::from_le_bytes([patch[0], patch[1]])) % image.used.len();
        let within = u64::from(u16::from_le_bytes([patch[2], patch[3]])) % 512;
        let len = usize::from(patch[4] % 4) + 1;
        volume = volume.with(image.used[sector] + within, &patch[5..5 + len]);
    }
    let limits = Limits::default().with_work(60_000).with_memory(16 << 20);
    if let Ok(fs) = vmie_fs::open(Arc::new(volume), &limits) {
        let _ = fs.space();
        walk(&*fs, 11_000, true);
    }
}
