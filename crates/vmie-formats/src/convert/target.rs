//! What a conversion makes.

use std::fmt;
use std::hash::{BuildHasher, Hasher};

use crate::Format;

/// A kind of image that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Target {
    /// The disk's bytes and nothing else, zeroes left as holes.
    #[default]
    Raw,
    /// VHD: the disk's bytes and a footer.
    VhdFixed,
    /// VHD: blocks of 2 MiB that a table places.
    VhdDynamic,
    /// VHDX with all blocks allocated.
    VhdxFixed,
    /// VHDX: blocks that a table places.
    VhdxDynamic,
    /// VMDK: compressed grains in a stream, as ESX takes it.
    VmdkStreamOptimized,
    /// VMDK: one sparse file with its descriptor inside.
    VmdkMonolithicSparse,
    /// qcow2 of version 3.
    Qcow2,
    /// An appliance with the disk as a stream-optimized VMDK.
    Ova,
}

impl Target {
    /// All that are one disk; an appliance holds one.
    pub const ALL: [Self; 8] = [
        Self::Raw,
        Self::VhdFixed,
        Self::VhdDynamic,
        Self::VhdxFixed,
        Self::VhdxDynamic,
        Self::VmdkStreamOptimized,
        Self::VmdkMonolithicSparse,
        Self::Qcow2,
    ];

    /// The format.
    #[must_use]
    pub fn format(self) -> Format {
        match self {
            Self::Raw => Format::Raw,
            Self::VhdFixed | Self::VhdDynamic => Format::Vhd,
            Self::VhdxFixed | Self::VhdxDynamic => Format::Vhdx,
            Self::VmdkStreamOptimized | Self::VmdkMonolithicSparse => Format::Vmdk,
            Self::Qcow2 => Format::Qcow2,
            Self::Ova => Format::Ova,
        }
    }

    /// The name of the kind within its format, as the command line has it; empty where there is
    /// one only.
    #[must_use]
    pub fn subformat(self) -> &'static str {
        match self {
            Self::Raw | Self::Qcow2 | Self::Ova => "",
            Self::VhdFixed | Self::VhdxFixed => "fixed",
            Self::VhdDynamic | Self::VhdxDynamic => "dynamic",
            Self::VmdkStreamOptimized => "streamOptimized",
            Self::VmdkMonolithicSparse => "monolithicSparse",
        }
    }

    /// The target of a format and the name of a kind; without a kind, the one that the service
    /// takes and that is smallest.
    #[must_use]
    pub fn of(format: Format, subformat: Option<&str>) -> Option<Self> {
        match subformat {
            Some(name) => Self::ALL
                .into_iter()
                .find(|t| t.format() == format && t.subformat().eq_ignore_ascii_case(name)),
            None => match format {
                Format::Raw => Some(Self::Raw),
                Format::Vhd => Some(Self::VhdDynamic),
                Format::Vhdx => Some(Self::VhdxDynamic),
                Format::Vmdk => Some(Self::VmdkStreamOptimized),
                Format::Qcow2 => Some(Self::Qcow2),
                Format::Ova => Some(Self::Ova),
                _ => None,
            },
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subformat() {
            "" => write!(f, "{}", self.format()),
            name => write!(f, "{} {name}", self.format()),
        }
    }
}

/// What becomes of zeroes of the disk where the target has a place for each of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Zeroes {
    /// The sink is made empty, and zeroes are left out: holes in a file.
    #[default]
    Omit,
    /// They are written, so that the whole file has its place on the disk.
    Write,
    /// The sink is left as it is, and holes are made where zeroes go: for a device, or a file that
    /// keeps its place.
    Punch,
}

/// What is put into an image besides the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stamp {
    /// Identifies the image: its UUID or content id. Random by default.
    pub id: [u8; 16],
    /// When it was made: seconds since 1970. Zero by default: the library has no clock of its own.
    pub time: u64,
    /// The adapter that a VMDK says its disk hangs on: `lsilogic`, `ide`, `buslogic`, `pvscsi`.
    pub adapter: String,
    /// The version of VMware's virtual hardware that a VMDK is for.
    pub hardware_version: u32,
}

impl Default for Stamp {
    fn default() -> Self {
        // The standard library's seed for hash tables is random; two hashes of it are an id.
        let word = || {
            let state = std::collections::hash_map::RandomState::new();
            state.build_hasher().finish().to_be_bytes()
        };
        let mut id = [0; 16];
        let bytes = word().into_iter().chain(word());
        for (to, from) in id.iter_mut().zip(bytes) {
            *to = from;
        }
        Self {
            id,
            time: 0,
            adapter: "lsilogic".to_owned(),
            hardware_version: 10,
        }
    }
}
