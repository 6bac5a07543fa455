//! What the disks hold.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::Result;

/// What a disk holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// Nothing.
    Empty,
    /// Zeroes that somebody wrote.
    Zeroes,
    /// Bytes that no one compresses.
    Random,
    /// Data, zeroes and holes in a pattern.
    Mixed,
    /// One byte at either end.
    Ends,
    /// Data here and there: at both ends, and around the borders of extents of 2 GiB.
    Islands,
}

impl Fill {
    /// The fills of disks of a size, in bytes.
    pub(super) fn of(size: u64, quick: bool) -> &'static [Self] {
        match size {
            0 => &[Self::Empty],
            _ if quick => &[Self::Mixed],
            1..=0x0fff_ffff => &[Self::Empty, Self::Zeroes, Self::Random, Self::Mixed],
            _ => &[Self::Empty, Self::Ends, Self::Islands],
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Zeroes => "zeroes",
            Self::Random => "random",
            Self::Mixed => "mixed",
            Self::Ends => "both ends",
            Self::Islands => "islands",
        }
    }

    /// Writes a raw disk with it.
    pub(super) fn write(self, path: &Path, size: u64) -> Result<()> {
        let file = File::create(path)?;
        file.set_len(size)?;
        match self {
            Self::Empty => {}
            Self::Zeroes => file.write_all_at(&vec![0; usize::try_from(size)?], 0)?,
            Self::Random => {
                let mut bytes = vec![0; usize::try_from(size)?];
                noise(&mut bytes, &mut (size | 1));
                file.write_all_at(&bytes, 0)?;
            }
            Self::Mixed => patterned(&file, size, size | 1)?,
            Self::Ends => {
                file.write_all_at(b"<", 0)?;
                file.write_all_at(b">", size - 1)?;
            }
            Self::Islands => {
                let borders = (1..size >> 31).step_by(97).map(|n| n << 31);
                let ends = [0, size / 3, size - (1 << 20)];
                for at in borders.flat_map(|at| [at - 70_000, at]).chain(ends) {
                    let byte = u8::try_from(at % 251)? + 1;
                    file.write_all_at(&vec![byte; 40_000], at)?;
                }
            }
        }
        Ok(())
    }
}

/// Data, zeroes and holes in a pattern that a seed decides.
pub(crate) fn patterned(file: &File, size: u64, seed: u64) -> Result<()> {
    let mut state = seed;
    let mut at = 0;
    while at < size {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let len = ((state >> 33) % 200_000 + 1).min(size - at);
        let mut bytes = vec![0u8; usize::try_from(len)?];
        match (state >> 20) % 4 {
            0 => {} // left as a hole
            1 => file.write_all_at(&bytes, at)?,
            2 => {
                bytes.fill(b'x');
                file.write_all_at(&bytes, at)?;
            }
            _ => {
                noise(&mut bytes, &mut state);
                file.write_all_at(&bytes, at)?;
            }
        }
        at += len;
    }
    Ok(())
}

/// Bytes of a generator (xorshift).
fn noise(bytes: &mut [u8], state: &mut u64) {
    for byte in bytes {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *byte = (*state & 0xff) as u8;
    }
}
