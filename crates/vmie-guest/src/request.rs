//! What is asked for: the files to import and the options of the import.

use vmie_rules::guest::BootMode;
use vmie_rules::license::LicenseType;
use vmie_rules::stated::StatedSystem;

use crate::Evidence;

/// An import as it would be asked for. The default asks for nothing in particular: everything that
/// is not told is not judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportRequest {
    /// The disks' files, in the order of the disks that were inspected. May be shorter or empty.
    pub containers: Vec<Container>,
    /// What the descriptor of an OVA says of the machine.
    pub machine: Option<Machine>,
    /// The boot mode asked for (SVC-BOOT-1).
    pub boot_mode: Option<BootMode>,
    /// The license type asked for (SVC-LIC-1).
    pub license_type: Option<LicenseType>,
    /// The code of the Region of the import: `eu-central-1`.
    pub region: Option<String>,
}

/// The file that a disk comes from, as the reader of formats found it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Container {
    /// The format's name: `raw`, `vmdk`, `vhd`, `vhdx`, `qcow2` …; for a disk inside an OVA the
    /// disk's own.
    pub format: String,
    /// The variant's name: `streamOptimized`, `dynamic` …; empty when the format has none.
    pub variant: String,
    /// Whether the disk lies inside an OVA.
    pub in_ova: bool,
    /// Whether the disk is split over several files.
    pub chunked: bool,
    /// Whether the file needs others beside itself: a parent, or extents of their own.
    pub needs_others: bool,
    /// Where the footer of a VHD and its copy are not the same, or only one of them is whole (SVC-ERR-8).
    pub footers_differ: Option<Evidence>,
    /// Bytes of the virtual disk.
    pub virtual_size: u64,
    /// What to call the file in the report: its name without folders.
    pub name: String,
}

impl Container {
    /// A disk file of this format and size.
    #[must_use]
    pub fn new(format: impl Into<String>, variant: impl Into<String>, virtual_size: u64) -> Self {
        Self {
            format: format.into(),
            variant: variant.into(),
            virtual_size,
            ..Self::default()
        }
    }

    /// The disk lies inside an OVA.
    #[must_use]
    pub fn inside_ova(mut self) -> Self {
        self.in_ova = true;
        self
    }

    /// The disk is split over several files.
    #[must_use]
    pub fn in_chunks(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// The file needs others beside itself.
    #[must_use]
    pub fn beside_others(mut self) -> Self {
        self.needs_others = true;
        self
    }

    /// The footer of the VHD and its copy are not the same, as was seen there.
    #[must_use]
    pub fn with_footers_that_differ(mut self, saw: Evidence) -> Self {
        self.footers_differ = Some(saw);
        self
    }

    /// The file's name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

/// What the descriptor of an OVA says of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Machine {
    /// The operating system's number in CIM's list (`OperatingSystemSection`), and its
    /// description; not believed, only compared.
    pub os: Option<String>,
    /// The same as a system that the matrix may list.
    pub stated: Option<StatedSystem>,
    /// The firmware: `bios` or `efi`.
    pub firmware: Option<String>,
    /// How many CD drives are connected to something.
    pub cd_drives: u32,
    /// How many network cards there are; `None` when the descriptor was not read for it.
    pub network_cards: Option<u32>,
}

impl Machine {
    /// A machine of which nothing is told.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl ImportRequest {
    /// A request that asks for nothing in particular.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The request for one more disk file.
    #[must_use]
    pub fn with_container(mut self, container: Container) -> Self {
        self.containers.push(container);
        self
    }

    /// The request with the machine that an OVA's descriptor tells of.
    #[must_use]
    pub fn with_machine(mut self, machine: Machine) -> Self {
        self.machine = Some(machine);
        self
    }

    /// The request with a boot mode.
    #[must_use]
    pub fn with_boot_mode(mut self, mode: BootMode) -> Self {
        self.boot_mode = Some(mode);
        self
    }

    /// The request with a license type.
    #[must_use]
    pub fn with_license_type(mut self, license: LicenseType) -> Self {
        self.license_type = Some(license);
        self
    }

    /// The request with a Region.
    #[must_use]
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }
}
