//! Kernels, what starts them, and their drivers.

use crate::Evidence;
use crate::initramfs::Contents;
use vmie_volumes::VolumeId;

/// A kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kernel {
    /// What `uname -r` would say: `6.1.0-56-cloud-amd64`.
    pub release: String,
    /// Whether it starts by default.
    pub default: bool,
    /// What kind of kernel it is.
    pub flavour: KernelFlavour,
    /// Path of its image in the guest.
    pub image: Option<String>,
    /// Where it was seen.
    pub sources: Vec<KernelSource>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// Kinds of kernels, told by their release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KernelFlavour {
    /// Nothing special.
    Stock,
    /// Oracle's Unbreakable Enterprise Kernel.
    Uek,
    /// Made for clouds and virtual machines.
    Cloud,
    /// With real-time patches.
    Realtime,
    /// For debugging.
    Debug,
    /// For mending a broken system; not a system of its own.
    Rescue,
    /// A kernel for Xen.
    Xen,
}

impl KernelFlavour {
    /// The flavour's name, as programs see it: `stock`, `uek`, `cloud`, `rt`, `debug`, `rescue`,
    /// `xen`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Uek => "uek",
            Self::Cloud => "cloud",
            Self::Realtime => "rt",
            Self::Debug => "debug",
            Self::Rescue => "rescue",
            Self::Xen => "xen",
        }
    }
}

/// Where a kernel can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KernelSource {
    /// An image in `/boot`.
    BootFile,
    /// A folder in `/lib/modules`.
    ModulesFolder,
    /// The version string inside an image.
    ImageString,
    /// An entry of a boot loader.
    BootEntry,
    /// A package of the distribution's.
    Package,
}

impl KernelSource {
    /// The source's name, as programs see it: `boot-file`, `modules-folder`, `image-string`,
    /// `boot-entry`, `package`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BootFile => "boot-file",
            Self::ModulesFolder => "modules-folder",
            Self::ImageString => "image-string",
            Self::BootEntry => "boot-entry",
            Self::Package => "package",
        }
    }
}

/// The kernel that starts when nobody touches the keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DefaultKernel {
    /// What `uname -r` will say.
    pub release: String,
    /// How that was determined.
    pub how: DefaultBy,
    /// The title of the boot entry.
    pub title: Option<String>,
    /// Path of the image, as the boot entry writes it.
    pub image: Option<String>,
    /// The command line.
    pub cmdline: Option<String>,
    /// The initial RAM disks, as the boot entry writes them.
    pub initrd: Vec<String>,
}

impl DefaultKernel {
    /// The value of `root=` on the command line.
    #[must_use]
    pub fn root(&self) -> Option<&str> {
        self.option("root")
    }

    /// The value of an option of the command line, the last where it stands several times.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.cmdline
            .as_deref()?
            .split_ascii_whitespace()
            .rev()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

/// How the default kernel was determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DefaultBy {
    /// The boot loader's configuration names the entry by its place in the menu.
    Index,
    /// It names the entry by title or id.
    Name,
    /// The loader's saved environment names the entry.
    SavedEntry,
    /// Nothing names an entry (or what is named is not there), so the loader takes the first.
    FirstEntry,
    /// No boot entry could be read, and there is one kernel only.
    OnlyKernel,
}

impl DefaultBy {
    /// The name, as programs see it: `index`, `name`, `saved-entry`, `first-entry`,
    /// `only-kernel`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Name => "name",
            Self::SavedEntry => "saved-entry",
            Self::FirstEntry => "first-entry",
            Self::OnlyKernel => "only-kernel",
        }
    }
}

/// Boot loaders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BootloaderKind {
    /// GRUB 2.
    Grub2,
    /// GRUB legacy (0.9x).
    GrubLegacy,
    /// systemd-boot.
    SystemdBoot,
    /// EXTLINUX or SYSLINUX.
    Extlinux,
    /// LILO.
    Lilo,
    /// The boot manager of Windows since Vista.
    Bootmgr,
    /// The loader of Windows before Vista.
    Ntldr,
}

impl BootloaderKind {
    /// The loader's name, as programs see it: `grub2`, `grub-legacy`, `systemd-boot`, `extlinux`,
    /// `lilo`, `bootmgr`, `ntldr`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Grub2 => "grub2",
            Self::GrubLegacy => "grub-legacy",
            Self::SystemdBoot => "systemd-boot",
            Self::Extlinux => "extlinux",
            Self::Lilo => "lilo",
            Self::Bootmgr => "bootmgr",
            Self::Ntldr => "ntldr",
        }
    }

    /// Whether it is one of the two GRUBs.
    #[must_use]
    pub fn is_grub(self) -> bool {
        matches!(self, Self::Grub2 | Self::GrubLegacy)
    }
}

/// A boot loader whose configuration was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bootloader {
    /// Which one.
    pub kind: BootloaderKind,
    /// Path of its configuration in the guest.
    pub config: String,
    /// On which volume that is.
    pub volume: Option<VolumeId>,
    /// Whether its menu comes from boot loader specification entries (`/boot/loader/entries`).
    pub bls: bool,
    /// How many entries its menu has, those of submenus not counted.
    pub entries: usize,
    /// How its menu stands to that of the system's first loader.
    pub relation: MenuRelation,
    /// What its menu starts by default, when its menu is read here and has an entry.
    pub default: Option<DefaultEntry>,
}

/// The entry of a menu that starts by default.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DefaultEntry {
    /// Its title.
    pub title: String,
    /// What the menu says is the default, when it says anything: a place, a title, an id.
    pub wanted: Option<String>,
    /// Whether the menu has what is wanted; the loader takes the first entry otherwise.
    pub found: bool,
    /// The kernel's image as the entry writes it; `None` when it starts no Linux.
    pub image: Option<String>,
    /// What is there of the image. Looked for in the menu of the system's first loader alone.
    pub file: ImageFile,
    /// Where the menu names it.
    pub evidence: Evidence,
}

/// What is there of the image that a boot entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ImageFile {
    /// It was not looked for, or a place where it may be could not be looked at.
    #[default]
    Unknown,
    /// The file.
    There,
    /// The file, without a byte in it.
    Empty,
    /// Nothing, on any volume.
    Missing,
}

impl ImageFile {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::There => "there",
            Self::Empty => "empty",
            Self::Missing => "missing",
        }
    }
}

/// How a menu stands to that of the loader that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum MenuRelation {
    /// It is that menu, leads to it, is like it, or starts nothing.
    #[default]
    Same,
    /// It has other entries, and starts the same kernel with the same root by default.
    OtherEntries,
    /// It starts another kernel, or another root, by default.
    OtherDefault,
}

impl MenuRelation {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::OtherEntries => "other-entries",
            Self::OtherDefault => "other-default",
        }
    }
}

/// Device drivers that an instance needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drivers {
    /// The kernel they belong to.
    pub kernel: String,
    /// Names of drivers that are modules on the disk.
    pub modules: Vec<String>,
    /// Names of drivers that are built into the kernel.
    pub builtin: Vec<String>,
}

impl Drivers {
    /// Whether the driver is there, as a module or built in.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.modules.iter().chain(&self.builtin).any(|n| n == name)
    }
}

/// The initial RAM filesystem of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Initramfs {
    /// The kernel is started without one.
    None,
    /// It was listed: the paths of its files, and what they hold together.
    Listed {
        /// The paths in the guest.
        files: Vec<String>,
        /// What they hold.
        contents: Contents,
    },
    /// A file that the boot entry names is not there.
    Missing {
        /// Its path, as the boot entry writes it.
        file: String,
    },
    /// A file is there and cannot be unpacked.
    Damaged {
        /// Its path in the guest.
        file: String,
        /// What is wrong with it: a clause without capital or full stop.
        why: String,
    },
}

impl Initramfs {
    /// Whether the driver is in it.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Listed { contents, .. } => contents.drivers.iter().any(|n| n == name),
            _ => false,
        }
    }
}
