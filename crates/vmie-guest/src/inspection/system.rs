//! An operating system, as a whole.

use super::{
    Bootloader, DefaultKernel, Drivers, Initramfs, Kernel, Mount, MountOutcome, Network, Packages,
    Settings, hidden,
};
use crate::fstab::FstabEntry;
use crate::windows::Windows;
use crate::{Evidence, Fact};
use vmie_volumes::VolumeId;

/// An operating system.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct System {
    /// The volume of its root filesystem.
    pub root: VolumeId,
    /// The path of the subvolume that its root is in, when it is in one.
    pub root_subvolume: Option<String>,
    /// Which of OSTree's trees its root is, when OSTree deployed it.
    pub deployment: Option<Deployment>,
    /// The numbers of the disks that it lies on.
    pub root_disks: Vec<u32>,
    /// Which system it is.
    pub os: Os,
    /// The kernels found, newest first.
    pub kernels: Vec<Kernel>,
    /// The kernel that starts when nobody touches the keyboard.
    pub default_kernel: Fact<DefaultKernel>,
    /// The boot loaders whose configuration was found, the one that the default was taken from
    /// first.
    pub bootloaders: Vec<Bootloader>,
    /// `/etc/fstab`, in its order.
    pub fstab: Fact<Vec<FstabEntry>>,
    /// What became of the volumes that fstab names.
    pub mounts: Vec<Mount>,
    /// Device drivers of the default kernel (or the newest one).
    pub drivers: Fact<Drivers>,
    /// What the default kernel (or the newest one) finds before it has a root.
    pub initramfs: Fact<Initramfs>,
    /// How the network is set up.
    pub network: Network,
    /// The database of installed packages.
    pub packages: Fact<Packages>,
    /// Whether it can be reached, and what stands in the way of an import.
    pub settings: Settings,
    /// What a Windows says of itself; `None` for another system.
    pub windows: Option<Box<Windows>>,
    /// What became of things of lesser weight that could not be established.
    pub notes: Vec<Evidence>,
}

impl System {
    /// Whether this could start by itself: it has a kernel, or a boot loader's configuration, or
    /// its `/boot` could not be looked into. A root filesystem without all that is a copy or a
    /// container's.
    #[must_use]
    pub fn is_bootable(&self) -> bool {
        !self.kernels.is_empty()
            || !self.bootloaders.is_empty()
            || self.mounts.iter().any(|mount| {
                mount.target == "/boot"
                    && matches!(
                        mount.outcome,
                        MountOutcome::NotRead { .. } | MountOutcome::NotFound
                    )
            })
    }

    /// Why what is below `path` could not be looked at, when the volume that belongs there could
    /// not be read, or is on none of the disks.
    #[must_use]
    pub fn hidden(&self, path: &str) -> Option<String> {
        hidden(&self.mounts, path)
    }

    /// The boot loader that the default was taken from.
    #[must_use]
    pub fn bootloader(&self) -> Option<&Bootloader> {
        self.bootloaders.first()
    }
}

/// A tree that OSTree deployed as a system's root.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deployment {
    /// The name of the group of deployments that share a `/var`: `fedora-coreos`, `rhcos`, `default`.
    pub group: String,
    /// Its path on the volume of the root: `/ostree/deploy/fedora-coreos/deploy/….0`.
    pub path: String,
    /// Whether the first boot entry names it. Without such an entry the first deployment is taken.
    pub by_boot_entry: bool,
    /// How many deployments there are, this one among them: older ones to go back to are no systems of their own.
    pub deployments: u32,
}

/// Families of operating systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}

impl Family {
    /// The family's name, as programs see it: `linux` or `windows`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Windows => "windows",
        }
    }
}

/// Which operating system.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Os {
    /// Its family.
    pub family: Family,
    /// The `ID` of os-release, or what older release files say in its words: `debian`, `rhel`,
    /// `ol`, `sles`, `amzn` …
    pub id: Fact<String>,
    /// The name as the system prints it, without the version: `Debian GNU/Linux`.
    pub name: String,
    /// Name and version as the system prints them: `Debian GNU/Linux 12 (bookworm)`.
    pub pretty_name: String,
    /// The most precise version known: `12.15`, `7.9.2009`, `15.4`.
    pub version: Fact<String>,
    /// What its programs are made for.
    pub arch: Fact<Arch>,
    /// The edition or variant, where there is such a thing: `Server`, `Workstation`.
    pub edition: Option<String>,
    /// The build, where there is such a thing.
    pub build: Option<String>,
}

/// What programs are made for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Arch {
    /// x86, 64-bit.
    X86_64,
    /// x86, 32-bit.
    I386,
    /// 64-bit programs in the x32 form: 64-bit instructions, 32-bit pointers.
    X32,
    /// ARM, 64-bit.
    Arm64,
    /// ARM, 32-bit.
    Arm,
    /// Another one, by the name that Linux has for it.
    Other(String),
}

impl Arch {
    /// The name, as `uname -m` and the service write it: `x86_64`, `i386`, `arm64` …
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I386 => "i386",
            Self::X32 => "x32",
            Self::Arm64 => "arm64",
            Self::Arm => "arm",
            Self::Other(name) => name,
        }
    }
}
