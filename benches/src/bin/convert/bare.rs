//! The machine's limit: libdeflate and nothing else, on all cores, over grains in memory.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use crate::Result;

const GRAIN: usize = 64 << 10;

/// The grains of a disk that are not all zero, and the same compressed.
pub(crate) struct Bare {
    disk: Vec<u8>,
    grains: Vec<usize>,
    packed: Vec<Vec<u8>>,
}

impl Bare {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let disk = fs::read(path)?;
        let grains: Vec<usize> = (0..disk.len())
            .step_by(GRAIN)
            .filter(|at| grain(&disk, *at).iter().any(|byte| *byte != 0))
            .collect();
        let mut bare = Self {
            disk,
            grains,
            packed: Vec::new(),
        };
        let packed = Mutex::new(vec![Vec::new(); bare.grains.len()]);
        bare.each(|| {
            let mut compressor = Compressor::new(CompressionLvl::default());
            let (bare, packed) = (&bare, &packed);
            move |index| {
                let mut out = vec![0; GRAIN * 2];
                let input = grain(&bare.disk, bare.grains[index]);
                let n = compressor.zlib_compress(input, &mut out).unwrap_or(0);
                out.truncate(n);
                out.shrink_to_fit();
                packed
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)[index] = out;
            }
        });
        bare.packed = packed.into_inner()?;
        Ok(bare)
    }

    /// Runs over all grains on all cores.
    fn each<W: FnMut(usize)>(&self, worker: impl Fn() -> W + Sync) {
        let next = AtomicUsize::new(0);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let mut work = worker();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= self.grains.len() {
                            return;
                        }
                        work(index);
                    }
                });
            }
        });
    }

    /// How long compressing takes at a level.
    pub(crate) fn deflate(&self, level: i32) -> Duration {
        let start = Instant::now();
        self.each(|| {
            let level = CompressionLvl::new(level).unwrap_or_default();
            let mut compressor = Compressor::new(level);
            let mut out = vec![0; GRAIN * 2];
            move |index| {
                let _ = compressor.zlib_compress(grain(&self.disk, self.grains[index]), &mut out);
            }
        });
        start.elapsed()
    }

    /// How long inflating takes.
    pub(crate) fn inflate(&self) -> Duration {
        let start = Instant::now();
        self.each(|| {
            let mut decompressor = Decompressor::new();
            let mut out = vec![0; GRAIN];
            move |index| {
                let _ = decompressor.zlib_decompress(&self.packed[index], &mut out);
            }
        });
        start.elapsed()
    }
}

fn grain(disk: &[u8], at: usize) -> &[u8] {
    &disk[at..disk.len().min(at + GRAIN)]
}
