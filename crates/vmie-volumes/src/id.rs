//! What volumes are called.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A volume's name within one set of disks: `disk0` for a whole disk, `disk0p1` for its first
/// partition (numbered as Linux numbers them: logical partitions from 5), `vg0/root` for a logical
/// volume, `md127` or `md/home` for a software RAID, `Group/Volume1` for a volume of Windows dynamic
/// disks.
///
/// ```
/// use vmie_volumes::VolumeId;
///
/// let id: VolumeId = "disk0p5".parse()?;
/// assert_eq!(id, VolumeId::partition(0, 5));
/// assert_eq!(VolumeId::disk(1).to_string(), "disk1");
/// let root: VolumeId = "vg0/root".parse()?;
/// assert_eq!(root.disk_index(), None);
/// # Ok::<(), vmie_volumes::NotAVolumeId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VolumeId(Name);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Name {
    Disk(u32),
    Partition { disk: u32, number: u32 },
    Assembled(Arc<str>),
}

impl VolumeId {
    /// The whole disk of this number, from 0.
    #[must_use]
    pub fn disk(disk: u32) -> Self {
        Self(Name::Disk(disk))
    }

    /// The partition of this number, from 1, of a disk.
    #[must_use]
    pub fn partition(disk: u32, number: u32) -> Self {
        Self(Name::Partition { disk, number })
    }

    /// The name of what is assembled of other volumes. What is not a visible ASCII character
    /// becomes `_`.
    pub(crate) fn assembled(name: &str) -> Self {
        let clean = |c: char| if c.is_ascii_graphic() { c } else { '_' };
        let name: String = name.chars().map(clean).collect();
        Self(Name::Assembled(name.into()))
    }

    /// The disk that it is, or is a partition of; `None` for what is assembled of other volumes.
    #[must_use]
    pub fn disk_index(&self) -> Option<u32> {
        match self.0 {
            Name::Disk(disk) | Name::Partition { disk, .. } => Some(disk),
            Name::Assembled(_) => None,
        }
    }

    /// The number of the partition of a disk that it is.
    #[must_use]
    pub fn partition_number(&self) -> Option<u32> {
        match self.0 {
            Name::Partition { number, .. } => Some(number),
            _ => None,
        }
    }

    /// The partition of this number of it, which need not be a disk: `md127p1`.
    pub(crate) fn partition_of(&self, number: u32) -> Self {
        match &self.0 {
            Name::Disk(disk) => Self::partition(*disk, number),
            _ => Self::assembled(&format!("{self}p{number}")),
        }
    }
}

impl fmt::Display for VolumeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Name::Disk(disk) => write!(f, "disk{disk}"),
            Name::Partition { disk, number } => write!(f, "disk{disk}p{number}"),
            Name::Assembled(name) => f.write_str(name),
        }
    }
}

/// A text that is not a volume's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a volume is named like disk0, disk0p1, vg0/root or md127")]
#[non_exhaustive]
pub struct NotAVolumeId;

impl FromStr for VolumeId {
    type Err = NotAVolumeId;

    /// Takes exactly what [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// When the text is anything else: signs, leading zeros and partition 0 are.
    fn from_str(text: &str) -> Result<Self, NotAVolumeId> {
        if text.contains('/') || text.starts_with("md") {
            let clean = text.chars().all(|c| c.is_ascii_graphic());
            return if clean {
                Ok(Self::assembled(text))
            } else {
                Err(NotAVolumeId)
            };
        }
        let rest = text.strip_prefix("disk").ok_or(NotAVolumeId)?;
        match rest.split_once('p') {
            Some((disk, partition)) => match number(partition)? {
                0 => Err(NotAVolumeId),
                partition => Ok(Self::partition(number(disk)?, partition)),
            },
            None => Ok(Self::disk(number(rest)?)),
        }
    }
}

fn number(digits: &str) -> Result<u32, NotAVolumeId> {
    let canonical = digits == "0" || !digits.starts_with(['0', '+']);
    match digits.parse() {
        Ok(n) if canonical => Ok(n),
        _ => Err(NotAVolumeId),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_volumes_are_read_as_they_are_written() {
        for (text, id) in [
            ("disk0", VolumeId::disk(0)),
            ("disk12p128", VolumeId::partition(12, 128)),
            ("disk4294967295p1", VolumeId::partition(u32::MAX, 1)),
            ("vg0/root", VolumeId::assembled("vg0/root")),
            ("md127p1", VolumeId::assembled("md127").partition_of(1)),
            ("md/home", VolumeId::assembled("md/home")),
        ] {
            assert_eq!(text.parse(), Ok(id.clone()));
            assert_eq!(id.to_string(), text);
        }
        for text in [
            "",
            "disk",
            "disk0p",
            "disk0p0",
            "disk00",
            "disk+1",
            "disk0p01",
            "disk0p1p2",
            "Disk0",
            "disk-1",
            "disk0 ",
            "disk4294967296",
            "vg0/ro ot",
            "md\u{e9}",
        ] {
            assert_eq!(text.parse::<VolumeId>(), Err(NotAVolumeId), "{text:?}");
        }
        assert_eq!(VolumeId::assembled("a b/\u{e9}\n").to_string(), "a_b/__");
    }
}
