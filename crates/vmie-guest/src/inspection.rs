//! What a guest is: the facts.

use vmie_fs::{FsKind, GuestPath, Space, State};
use vmie_volumes::{DiskLayout, Group, VolumeId};

use crate::fstab::FstabEntry;
use crate::initramfs::Contents;
use crate::network::Interface;
use crate::packages::Package;
use crate::windows::Windows;
use crate::{Evidence, Fact};

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

/// An operating system.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct System {
    /// The volume of its root filesystem.
    pub root: VolumeId,
    /// The path of the subvolume that its root is in, when it is in one.
    pub root_subvolume: Option<String>,
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
}

/// What became of a volume that fstab names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mount {
    /// The device as fstab writes it: `UUID=…`, `/dev/sda1`.
    pub source: String,
    /// Where it is mounted.
    pub target: String,
    /// What became of it.
    pub outcome: MountOutcome,
}

/// Why what is below `path` could not be looked at.
pub(crate) fn hidden(mounts: &[Mount], path: &str) -> Option<String> {
    let path = GuestPath::new(path);
    mounts.iter().find_map(|mount| {
        let target = GuestPath::new(&mount.target);
        let covers = path.strip_prefix(&target).is_some() && target != GuestPath::root();
        match (&mount.outcome, covers) {
            (MountOutcome::NotRead { volume, why }, true) => Some(format!(
                "{} ({volume}) could not be read: {why}",
                mount.target
            )),
            (MountOutcome::NotFound, true) => Some(format!(
                "{} is on {}, which is on none of the disks",
                mount.target, mount.source
            )),
            _ => None,
        }
    })
}

/// What became of a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MountOutcome {
    /// The volume is part of the guest's tree.
    Joined(VolumeId),
    /// The volume is there and could not be read.
    NotRead {
        /// Which volume.
        volume: VolumeId,
        /// Why not: a clause without capital or full stop.
        why: String,
    },
    /// No volume of these disks answers to the name.
    NotFound,
    /// It is none that a tree is made of: swap, a network share, a pseudo filesystem, a CD drive.
    Skipped,
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

/// How the network is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Network {
    /// The ways that are configured: `ifupdown`, `netplan`, `ifcfg`, `wicked`, `networkmanager`,
    /// `systemd-networkd`, `cloud-init`.
    pub stacks: Vec<&'static str>,
    /// The configuration files found.
    pub files: Vec<String>,
    /// The interfaces that they set up, the loopback not counted. One that several stacks set up is
    /// there several times.
    pub interfaces: Vec<ConfiguredInterface>,
    /// Rules of udev that give a network card a name for good.
    pub persistent_rules: Vec<Evidence>,
    /// Whether interfaces get predictable names (`ens3`) instead of `eth0`, when that is known.
    pub predictable_names: Option<bool>,
    /// What the above rests on.
    pub evidence: Vec<Evidence>,
}

impl Network {
    /// The names of the interfaces that are set up, each once.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for one in &self.interfaces {
            let name = one.interface.name.as_str();
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// An interface, and which way it is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfiguredInterface {
    /// What the file says.
    pub interface: Interface,
    /// The way: one of [`Network::stacks`].
    pub stack: &'static str,
    /// Where.
    pub evidence: Evidence,
}

/// Settings of a Linux that decide whether it can be reached, and software that stands in the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The DHCP clients that are there: `dhclient`, `networkmanager` …
    pub dhcp_clients: Vec<&'static str>,
    /// The SSH server.
    pub ssh: Ssh,
    /// Packet filters that are switched on.
    pub firewalls: Vec<Firewall>,
    /// The mode of SELinux that is set: `enforcing`, `permissive`, `disabled`.
    pub selinux: Option<String>,
    /// Software that matters to an import.
    pub software: Vec<Software>,
    /// Names of devices in the storage's configuration that are others after an import, by what
    /// they are in: `lvm-filter`, `lvm-devices`, `mdadm`, `crypttab`.
    pub fixed_devices: Vec<(&'static str, Evidence)>,
}

/// The database of installed packages, as far as it was looked into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packages {
    /// Its form: `dpkg`, or for rpm `bdb`, `ndb`, `sqlite`.
    pub form: &'static str,
    /// How many packages are installed.
    pub count: u32,
    /// Those that hold a kernel.
    pub kernels: Vec<Package>,
    /// Those that make a machine reachable: DHCP clients, SSH servers.
    pub reach: Vec<String>,
}

/// The SSH server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ssh {
    /// Whether its program is there; unknown when the folder of programs could not be looked into.
    pub installed: Option<bool>,
    /// Whether it is started with the system, when that is known.
    pub enabled: Option<bool>,
    /// The port, when it is set to another than 22.
    pub other_port: Option<(u16, Evidence)>,
    /// Where logins by key are switched off.
    pub keys_off: Option<Evidence>,
    /// Users other than root with keys of their own.
    pub users_with_keys: Vec<String>,
    /// What the above rests on.
    pub evidence: Vec<Evidence>,
}

/// A packet filter that is switched on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Firewall {
    /// Its name: `ufw`, `firewalld`, `iptables`, `nftables`.
    pub name: &'static str,
    /// Whether it lets SSH in, when that can be told.
    pub lets_ssh_in: Option<bool>,
    /// Where that was seen.
    pub evidence: Evidence,
}

/// Kinds of software that matter to an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SoftwareKind {
    /// It sets the system up on its first start in a cloud.
    CloudInit,
    /// Tools and drivers of a hypervisor.
    HypervisorTools,
    /// Anti-virus, intrusion detection.
    Security,
    /// An agent of a cloud.
    CloudAgent,
}

impl SoftwareKind {
    /// The kind's name, as programs see it: `cloud-init`, `hypervisor-tools`, `security`,
    /// `cloud-agent`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudInit => "cloud-init",
            Self::HypervisorTools => "hypervisor-tools",
            Self::Security => "security",
            Self::CloudAgent => "cloud-agent",
        }
    }
}

/// Software that matters to an import.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Software {
    /// What kind it is.
    pub kind: SoftwareKind,
    /// Its name.
    pub name: &'static str,
    /// Where it was seen.
    pub evidence: Evidence,
}

/// How firmware can start a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BootMode {
    /// By the BIOS, from the first sector.
    LegacyBios,
    /// By UEFI, from an EFI system partition.
    Uefi,
}

impl BootMode {
    /// The mode's name, as programs and the service write it: `legacy-bios` or `uefi`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LegacyBios => "legacy-bios",
            Self::Uefi => "uefi",
        }
    }
}

/// How firmware can start what is on the disks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Boot {
    /// The modes for which there is something to start, legacy BIOS first. Unknown when a part
    /// that would tell could not be read.
    pub modes: Fact<Vec<BootMode>>,
    /// The disk that a BIOS would start from.
    pub bios_disk: Option<u32>,
    /// The EFI system partitions.
    pub esps: Vec<Esp>,
}

/// An EFI system partition.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Esp {
    /// Which volume.
    pub volume: VolumeId,
    /// The programs in `\EFI`, by path (`/EFI/debian/grubx64.efi`).
    pub loaders: Fact<Vec<String>>,
    /// Whether the fallback binary `\EFI\BOOT\BOOTX64.EFI` is there.
    pub fallback: Fact<bool>,
}
