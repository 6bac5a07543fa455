//! Free memory that is as warm as that of a machine at work.
//!
//! The host of a virtual machine takes back memory that lies free in blocks of 2 MiB and more, and
//! gives it again at the first touch, which costs ten times as much as writing a page: whoever came
//! first would pay for it. So memory is touched, and of each piece of it one page is kept, which
//! leaves no block that is large enough to be taken.

use memmap2::MmapMut;

use crate::Result;

/// What is kept, while it lives.
pub(crate) struct Warm {
    _kept: Vec<MmapMut>,
}

/// Bytes that are touched and given back, and bytes that are kept between them.
const PIECE: usize = 508 << 10;
const KEPT: usize = 4 << 10;
/// Most memory that is touched. Each piece is a mapping of its own, of which Linux allows 65,530.
const MOST: usize = 12 << 30;

impl Warm {
    /// Touches memory that is free, all but a fourth.
    pub(crate) fn new() -> Result<Self> {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("MemFree:"));
        let free: usize = line
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .unwrap_or(0);
        let pieces = (free * 1024 / 4 * 3).min(MOST) / (PIECE + KEPT);
        let (mut kept, mut free) = (Vec::new(), Vec::new());
        for _ in 0..pieces {
            free.push(touched(PIECE)?);
            kept.push(touched(KEPT)?);
        }
        drop(free);
        Ok(Self { _kept: kept })
    }
}

fn touched(len: usize) -> Result<MmapMut> {
    let mut memory = MmapMut::map_anon(len)?;
    for page in memory.chunks_mut(4096) {
        page[0] = 1;
    }
    Ok(memory)
}
