//! What a guest is: the facts.

mod boot;
mod kernel;
mod mount;
mod setup;
mod system;

use crate::Fact;
use vmie_fs::{FsKind, Space, State};
use vmie_volumes::{DiskLayout, Group, VolumeId};

pub use boot::{Boot, BootMode, Esp};
pub use kernel::{
    Bootloader, BootloaderKind, DefaultBy, DefaultEntry, DefaultKernel, Drivers, ImageFile,
    Initramfs, Kernel, KernelFlavour, KernelSource, MenuRelation,
};
pub(crate) use mount::hidden;
pub use mount::{Mount, MountOutcome};
pub use setup::{
    ConfiguredInterface, Firewall, Network, Packages, Settings, Software, SoftwareKind, Ssh,
};
pub use system::{Arch, Deployment, Family, Os, System};

/// What the disks of a machine hold, each fact with what it rests on. Nothing here is a judgement.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// The disks, in the order given.
    pub disks: Vec<Disk>,
    /// Volume groups, software RAIDs and groups of dynamic disks, with what keeps them from being
    /// put together.
    pub groups: Vec<Group>,
    /// What every volume that is formatted at all is formatted as, in disk order.
    pub filesystems: Vec<FilesystemFacts>,
    /// The operating systems: one for each root filesystem that was found.
    pub systems: Vec<System>,
    /// Volumes that may hold a system (or a part of one) and could not be looked into, and why.
    /// With one of these, "there is no other system" is not established.
    pub unread: Vec<Unread>,
    /// How firmware can start what is on the disks.
    pub boot: Boot,
}

/// A disk.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Disk {
    /// Its number, from 0.
    pub index: u32,
    /// Bytes.
    pub size: u64,
    /// Its partition table.
    pub layout: Fact<DiskLayout>,
    /// Whether it is a dynamic disk of Windows (SVC-BOOT-2, SVC-BOOT-3).
    pub dynamic: bool,
}

impl Disk {
    /// A disk of this number, length in bytes, and table.
    #[must_use]
    pub fn new(index: u32, size: u64, layout: Fact<DiskLayout>) -> Self {
        Self {
            index,
            size,
            layout,
            dynamic: false,
        }
    }
}

/// What a volume is formatted as.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilesystemFacts {
    /// Which volume.
    pub volume: VolumeId,
    /// What it is formatted as.
    pub kind: FsKind,
    /// The label.
    pub label: Option<String>,
    /// The UUID, as `/etc/fstab` writes it.
    pub uuid: Option<String>,
    /// Bytes of the volume.
    pub size: u64,
    /// Total and free bytes, when that is known.
    pub space: Option<Space>,
    /// In what state it was left.
    pub state: State,
    /// Where the guest's fstab (or its being a root) puts it: `/`, `/boot`, …
    pub mounted_on: Option<String>,
    /// Whether its files can be read here; why not, otherwise.
    pub readable: Fact<()>,
}

impl FilesystemFacts {
    /// Whether the volume is encrypted.
    #[must_use]
    pub fn encrypted(&self) -> bool {
        self.kind.is_encrypted()
    }
}

/// A volume that could not be looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unread {
    /// Which volume.
    pub volume: VolumeId,
    /// What it is formatted as, when even that is known.
    pub kind: Option<FsKind>,
    /// Why it could not be read: a clause without capital or full stop.
    pub why: String,
    /// Which part of an already found system it is (`/boot`), when an fstab says so.
    pub mounted_on: Option<String>,
}
