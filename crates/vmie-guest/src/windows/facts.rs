//! The facts about a Windows.

use crate::windows::bcd::BootStore;
use crate::windows::boot_ini::BootIni;
use crate::{Evidence, Fact};

/// What a Windows says of itself. What could not be read is `None`, and the reason is in
/// [`problems`](Self::problems).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Windows {
    /// The folder of the system: `/Windows`.
    pub folder: String,
    /// The product as the guide names it, without its edition: `Windows Server 2019`.
    pub product: Fact<String>,
    /// The edition as the guide names it: `Standard`, `Home`.
    pub edition: Fact<String>,
    /// `ProductName` as it stands; Windows 11 still says Windows 10 there.
    pub product_name: Option<String>,
    /// `EditionID` as it stands: `ServerStandard`, `Core`.
    pub edition_id: Option<String>,
    /// `InstallationType`: `Client`, `Server`, `Server Core`, `Nano Server`.
    pub installation: Option<String>,
    /// Whether it is a server.
    pub server: Option<bool>,
    /// The number of the service pack, 0 for none.
    pub service_pack: u32,
    /// `CurrentBuild`: 17763.
    pub build: Option<u32>,
    /// `UBR`, the number of the last update.
    pub revision: Option<u32>,
    /// `DisplayVersion` or `ReleaseId`: `22H2`, `1809`.
    pub release: Option<String>,
    /// The version of `ntoskrnl.exe`.
    pub kernel: Fact<String>,
    /// Files of the system that are not there, though everything hangs on them: its hives.
    pub missing_files: Vec<Evidence>,
    /// Whether the settings could be read at all: the hive `SYSTEM` with the control set that starts. What
    /// follows is empty otherwise.
    pub settings: Fact<()>,
    /// The number of the control set that starts (`Select`).
    pub control_set: Option<u32>,
    /// The computer's name.
    pub computer_name: Option<String>,
    /// The language of the system, by name: `en-US`.
    pub language: Fact<String>,
    /// The language that it was installed in.
    pub install_language: Option<String>,
    /// The installed languages of the user interface.
    pub ui_languages: Vec<String>,
    /// The time zone: `UTC`, `W. Europe Standard Time`.
    pub time_zone: Option<String>,
    /// Whether the hardware clock is taken for universal time.
    pub universal_time: bool,
    /// The page files.
    pub page_files: Vec<PageFile>,
    /// Whether somebody is logged on automatically.
    pub autologon: bool,
    /// Whether Remote Desktop takes connections.
    pub remote_desktop: Option<bool>,
    /// Whether the firewall lets Remote Desktop in, when there are rules that tell.
    pub remote_desktop_allowed: Option<bool>,
    /// Profiles of the firewall that are switched on: `Domain`, `Standard`, `Public`.
    pub firewall: Vec<&'static str>,
    /// The network interfaces that were set up.
    pub interfaces: Vec<Interface>,
    /// Services and drivers that matter to an import, of those that are there.
    pub services: Vec<Service>,
    /// The versions of the .NET Framework.
    pub dot_net: DotNet,
    /// What waits for the next start: updates, files to be renamed.
    pub pending: Vec<Evidence>,
    /// `ImageState` of the setup: `IMAGE_STATE_COMPLETE`.
    pub image_state: Option<String>,
    /// The answer file in `Panther`.
    pub answer_file: Option<AnswerFile>,
    /// Instances of SQL Server.
    pub sql_servers: Vec<SqlServer>,
    /// Whether it is a domain controller.
    pub domain_controller: bool,
    /// Where the directory's database is: `C:\Windows\NTDS\ntds.dit`.
    pub directory_database: Option<String>,
    /// Whether a shutdown is a hibernation of the kernel.
    pub fast_startup: Option<bool>,
    /// Software that stands in an import's way.
    pub tools: Vec<Tool>,
    /// The boot configuration data.
    pub boot: Fact<BootStore>,
    /// The boot manager that a BIOS starts (`bootmgr`), on whichever volume it is.
    pub boot_manager: Option<Evidence>,
    /// The boot menu of systems before it: `boot.ini`.
    pub boot_ini: Option<BootIni>,
    /// What each fact was seen in, by the fact's name.
    pub evidence: Vec<(&'static str, Evidence)>,
    /// What could not be read.
    pub problems: Vec<Evidence>,
}

impl Windows {
    /// What a fact was seen in: `windows.seen("remote_desktop")`.
    #[must_use]
    pub fn seen(&self, fact: &str) -> Vec<Evidence> {
        let mine = self.evidence.iter().filter(|(name, _)| *name == fact);
        mine.map(|(_, evidence)| evidence.clone()).collect()
    }

    /// A service or driver, by its name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services
            .iter()
            .find(|service| service.name.eq_ignore_ascii_case(name))
    }

    /// Whether a service or driver is there and not switched off.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.service(name)
            .is_some_and(|service| service.start != Start::Disabled)
    }
}

/// When a service or driver starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Start {
    /// With the kernel.
    Boot,
    /// When the kernel is up.
    System,
    /// With the system.
    Automatic,
    /// When something asks for it.
    Demand,
    /// Never.
    Disabled,
    /// It is not told.
    Unknown,
}

impl Start {
    pub(crate) fn of(number: Option<u32>) -> Self {
        match number {
            Some(0) => Self::Boot,
            Some(1) => Self::System,
            Some(2) => Self::Automatic,
            Some(3) => Self::Demand,
            Some(4) => Self::Disabled,
            _ => Self::Unknown,
        }
    }

    /// The name, as programs see it: `boot`, `system`, `automatic`, `demand`, `disabled`, `unknown`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::System => "system",
            Self::Automatic => "automatic",
            Self::Demand => "demand",
            Self::Disabled => "disabled",
            Self::Unknown => "unknown",
        }
    }
}

/// A service or driver.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// Its name.
    pub name: String,
    /// When it starts.
    pub start: Start,
    /// Where it was seen.
    pub evidence: Evidence,
}

/// A page file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageFile {
    /// Its path; `?:` is a drive that Windows chooses.
    pub path: String,
    /// Its least and greatest size in MiB; both zero when Windows chooses.
    pub size: Option<(u32, u32)>,
}

impl PageFile {
    /// Whether it is always of one size on one drive.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        !self.path.starts_with('?')
            && self
                .size
                .is_some_and(|(least, most)| least > 0 && least == most)
    }
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interface {
    /// Its id.
    pub id: String,
    /// Whether it gets its address by DHCP.
    pub dhcp: bool,
    /// Its static addresses.
    pub addresses: Vec<String>,
    /// Where it was seen.
    pub evidence: Evidence,
}

/// The versions of the .NET Framework.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DotNet {
    /// `Release` of version 4.5 and later: 378389 is 4.5.
    pub release: Option<u32>,
    /// The service pack of version 3.5, when that is there.
    pub three_five: Option<u32>,
}

impl DotNet {
    /// Whether it is 4.5 or later (SVC-CFG-3).
    #[must_use]
    pub fn is_4_5(self) -> bool {
        self.release.is_some_and(|release| release >= 378_389)
    }

    /// Whether it is 3.5 SP1 or later (SVC-ERR-19).
    #[must_use]
    pub fn is_3_5_sp1(self) -> bool {
        self.is_4_5() || self.three_five.is_some_and(|pack| pack >= 1)
    }
}

/// An answer file of the setup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnswerFile {
    /// Its path.
    pub path: String,
    /// What SVC-CFG-4 asks for and it has not.
    pub missing: Vec<&'static str>,
}

/// An instance of SQL Server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqlServer {
    /// The instance's name.
    pub instance: String,
    /// `Standard Edition`, `Enterprise Edition` …
    pub edition: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Where it was seen.
    pub evidence: Evidence,
}

/// Kinds of software that stand in an import's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ToolKind {
    /// A virtual machine's tools of another hypervisor.
    GuestTools,
    /// Anti-virus or intrusion detection.
    Security,
    /// A converter of physical machines.
    Converter,
}

impl ToolKind {
    /// The name, as programs see it: `guest-tools`, `security`, `converter`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GuestTools => "guest-tools",
            Self::Security => "security",
            Self::Converter => "converter",
        }
    }
}

/// Software that stands in an import's way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tool {
    /// What kind it is of.
    pub kind: ToolKind,
    /// Its name.
    pub name: &'static str,
    /// Where it was seen.
    pub evidence: Evidence,
}
