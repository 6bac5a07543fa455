//! The import manifest of import-instance and import-volume (SVC-MAN), as far as it can be right
//! or wrong: its addresses are the business of whoever reads and writes it.
//!
//! The document itself, its XML and its addresses, is in `vmie-formats` (`ImportManifest`), which
//! knows nothing of the service and checks what a reader must be able to rely on. Here stands what
//! the task engine judges a report of an upload by; it sees no document.

use alloc::vec::Vec;
use core::fmt;

use crate::format::ImageFormat;
use crate::limits::{MANIFEST_PART_SIZE, MIN_VOLUME_SIZE};

/// The only version there is.
pub const VERSION: &str = "2010-11-15";

/// The bytes of a part, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PartRange {
    /// The first byte.
    pub start: u64,
    /// The last byte. An official example gives the file's size for the last part: it is taken.
    pub end: u64,
}

/// What a manifest says of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Manifest {
    /// The format of the file: raw, VHD or VMDK.
    pub file_format: ImageFormat,
    /// The exact size of the file, in bytes.
    pub size: u64,
    /// The size of the volume, in GB, rounded up.
    pub volume_size: u64,
    /// The parts, in the order of their indexes.
    pub parts: Vec<PartRange>,
}

/// What is wrong with a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestFault {
    /// The format is none that these imports take (SVC-FMT-5).
    Format(ImageFormat),
    /// The file is empty.
    Empty,
    /// There is no part.
    NoParts,
    /// A part ends before it starts.
    Reversed {
        /// Its index.
        index: usize,
    },
    /// A part does not start where the one before it ended: bytes are missing.
    Gap {
        /// Its index.
        index: usize,
        /// Where it should start.
        expected: u64,
        /// Where it starts.
        start: u64,
    },
    /// A part starts before the one before it ended.
    Overlap {
        /// Its index.
        index: usize,
        /// Where it should start.
        expected: u64,
        /// Where it starts.
        start: u64,
    },
    /// The last part does not end with the file.
    End {
        /// Where it ends.
        end: u64,
        /// The size of the file.
        size: u64,
    },
    /// The volume is too small for the file's disk (a raw file is its disk).
    Volume {
        /// Its size, in GB.
        volume_size: u64,
    },
}

impl fmt::Display for ManifestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(format) => write!(f, "the format {format} is not RAW, VHD or VMDK"),
            Self::Empty => f.write_str("the size of the file is 0"),
            Self::NoParts => f.write_str("there is no part"),
            Self::Reversed { index } => write!(f, "part {index} ends before it starts"),
            Self::Gap {
                index,
                expected,
                start,
            } => write!(
                f,
                "part {index} starts at {start}: the bytes from {expected} are in no part"
            ),
            Self::Overlap {
                index,
                expected,
                start,
            } => write!(
                f,
                "part {index} starts at {start}, inside the part before it, which ends before {expected}"
            ),
            Self::End { end, size } => write!(
                f,
                "the last part ends at {end}, which is not the end of a file of {size} bytes"
            ),
            Self::Volume { volume_size } => {
                write!(f, "a volume of {volume_size} GB is too small for the disk")
            }
        }
    }
}

impl core::error::Error for ManifestFault {}

impl Manifest {
    /// A manifest for a file of a size, with parts of the usual size (SVC-MAN-1, SVC-MAN-2).
    /// `volume_size` is the one that was asked for, in GB.
    #[must_use]
    pub fn plan(file_format: ImageFormat, size: u64, volume_size: Option<u64>) -> Self {
        let mut parts = Vec::new();
        let mut start = 0_u64;
        while start < size {
            let next = start.saturating_add(MANIFEST_PART_SIZE).min(size);
            parts.push(PartRange {
                start,
                end: next.saturating_sub(1),
            });
            start = next;
        }
        Self {
            file_format,
            size,
            volume_size: volume_size.unwrap_or_else(|| default_volume_size(size)),
            parts,
        }
    }

    /// Whether it makes sense: parts tile the file with no gap and no overlap (SVC-MAN-1).
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ManifestFault> {
        if !ImageFormat::IMPORT_INSTANCE.contains(&self.file_format) {
            return Err(ManifestFault::Format(self.file_format));
        }
        if self.size == 0 {
            return Err(ManifestFault::Empty);
        }
        let mut expected = 0_u64;
        for (index, part) in self.parts.iter().enumerate() {
            let start = part.start;
            if start > expected {
                return Err(ManifestFault::Gap {
                    index,
                    expected,
                    start,
                });
            }
            if start < expected {
                return Err(ManifestFault::Overlap {
                    index,
                    expected,
                    start,
                });
            }
            if part.end < start {
                return Err(ManifestFault::Reversed { index });
            }
            expected = part.end.saturating_add(1);
        }
        let end = self.parts.last().ok_or(ManifestFault::NoParts)?.end;
        if end != self.size && expected != self.size {
            return Err(ManifestFault::End {
                end,
                size: self.size,
            });
        }
        let room = self.volume_size.saturating_mul(1 << 30);
        if self.volume_size == 0 || self.file_format == ImageFormat::Raw && room < self.size {
            return Err(ManifestFault::Volume {
                volume_size: self.volume_size,
            });
        }
        Ok(())
    }
}

/// The size of a volume for a file, in GB, where none was asked for (SVC-MAN-2).
#[must_use]
pub fn default_volume_size(size: u64) -> u64 {
    size.max(MIN_VOLUME_SIZE).div_ceil(1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn of(parts: &[(u64, u64)], size: u64) -> Manifest {
        Manifest {
            file_format: ImageFormat::Raw,
            size,
            volume_size: 8,
            parts: parts
                .iter()
                .map(|(start, end)| PartRange {
                    start: *start,
                    end: *end,
                })
                .collect(),
        }
    }

    #[test]
    fn svc_man_1_parts_of_10_mib_tile_the_file() {
        for size in [1, (10 << 20) - 1, 10 << 20, (10 << 20) + 1, 12_345_678_901] {
            let manifest = Manifest::plan(ImageFormat::Vmdk, size, None);
            assert_eq!(manifest.check(), Ok(()), "{size}");
            let parts = u64::try_from(manifest.parts.len()).unwrap();
            assert_eq!(parts, size.div_ceil(10 << 20));
        }
    }

    #[test]
    fn svc_man_1_an_end_at_the_size_is_taken_on_the_last_part_only() {
        assert_eq!(of(&[(0, 9), (10, 19)], 20).check(), Ok(()));
        assert_eq!(of(&[(0, 9), (10, 20)], 20).check(), Ok(()));
        assert!(of(&[(0, 10), (10, 19)], 20).check().is_err());
    }

    #[test]
    fn svc_man_1_gaps_overlaps_and_wrong_ends_are_named() {
        let fault = |parts: &[(u64, u64)]| of(parts, 20).check().unwrap_err();
        assert_eq!(fault(&[]), ManifestFault::NoParts);
        assert_eq!(
            fault(&[(0, 9), (11, 19)]),
            ManifestFault::Gap {
                index: 1,
                expected: 10,
                start: 11
            }
        );
        assert_eq!(
            fault(&[(0, 9), (9, 19)]),
            ManifestFault::Overlap {
                index: 1,
                expected: 10,
                start: 9
            }
        );
        assert_eq!(
            fault(&[(0, 9), (10, 5)]),
            ManifestFault::Reversed { index: 1 }
        );
        assert_eq!(
            fault(&[(0, 9), (10, 21)]),
            ManifestFault::End { end: 21, size: 20 }
        );
        assert!(!fault(&[(0, u64::MAX)]).to_string().is_empty());
        let mut appliance = of(&[(0, 19)], 20);
        appliance.file_format = ImageFormat::Ova;
        assert_eq!(
            appliance.check(),
            Err(ManifestFault::Format(ImageFormat::Ova))
        );
    }

    #[test]
    fn svc_man_2_a_volume_has_8_gb_at_least_when_no_size_is_given() {
        assert_eq!(default_volume_size(1), 8);
        assert_eq!(default_volume_size(8 << 30), 8);
        assert_eq!(default_volume_size((8 << 30) + 1), 9);
        assert_eq!(Manifest::plan(ImageFormat::Raw, 5, Some(3)).volume_size, 3);
    }
}
