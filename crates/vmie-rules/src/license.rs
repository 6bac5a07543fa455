//! Licensing (SVC-LIC): license types, their defaults, usage operations.

use core::fmt;
use core::str::FromStr;

use crate::guest::UnknownChoice;

/// Who provides the license of the operating system (SVC-LIC-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LicenseType {
    /// The service; the license is part of the price.
    #[cfg_attr(feature = "serde", serde(rename = "AWS"))]
    Aws,
    /// The user brings it.
    #[cfg_attr(feature = "serde", serde(rename = "BYOL"))]
    Byol,
}

impl LicenseType {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Byol => "BYOL",
        }
    }
}

impl fmt::Display for LicenseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LicenseType {
    type Err = UnknownChoice;

    /// Takes the word whatever its case (SVC-TASK-10).
    fn from_str(text: &str) -> Result<Self, UnknownChoice> {
        let found = [Self::Aws, Self::Byol]
            .into_iter()
            .find(|license| license.as_str().eq_ignore_ascii_case(text));
        found.ok_or(UnknownChoice {
            choices: "AWS or BYOL",
        })
    }
}

/// The systems that licensing tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum LicensedSystem {
    /// Linux or another UNIX.
    Linux,
    /// Windows 7 and its successors.
    WindowsClient,
    /// Windows Server.
    WindowsServer,
}

impl LicensedSystem {
    /// The license type where the request names none (SVC-LIC-2).
    #[must_use]
    pub const fn default_license(self) -> LicenseType {
        match self {
            Self::WindowsServer => LicenseType::Aws,
            Self::Linux | Self::WindowsClient => LicenseType::Byol,
        }
    }

    /// Whether the system can have the license type (SVC-LIC-2).
    #[must_use]
    pub const fn allows(self, license: LicenseType) -> bool {
        matches!(
            (self, license),
            (_, LicenseType::Byol) | (Self::WindowsServer, LicenseType::Aws)
        )
    }
}

impl LicensedSystem {
    /// What to know of the system with a license type: advice for a report, no check. Windows with
    /// the user's own license runs on Dedicated Hosts (SVC-LIC-5).
    #[must_use]
    pub const fn advice(self, license: LicenseType) -> Option<&'static str> {
        match (self, license) {
            (Self::WindowsClient | Self::WindowsServer, LicenseType::Byol) => Some(
                "Windows with your own license runs on Dedicated Hosts, from your own binaries, is \
                 activated with your key, and is priced as Linux",
            ),
            (Self::Linux, _) | (Self::WindowsClient | Self::WindowsServer, LicenseType::Aws) => {
                None
            }
        }
    }
}

/// The program that the subscription of a Linux system must be enrolled in to be brought along, by
/// the system's `ID` of os-release (SVC-LIC-3).
#[must_use]
pub fn subscription_program(id: &str) -> Option<&'static str> {
    match id {
        "rhel" => Some("Red Hat Cloud Access"),
        "sles" => Some("the SUSE public cloud program"),
        _ => None,
    }
}

/// SQL Server in the guest, and who provides its license.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SqlServer {
    /// None, or any edition with the user's license.
    NoneOrByol,
    /// Enterprise, license included.
    Enterprise,
    /// Standard, license included.
    Standard,
    /// Web, license included.
    Web,
}

/// What a usage operation stands for (SVC-LIC-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UsageOperation {
    /// The value: `RunInstances:0002`.
    pub value: &'static str,
    /// Windows or not.
    pub windows: bool,
    /// Who provides the license of the operating system.
    pub license: LicenseType,
    /// SQL Server.
    pub sql_server: SqlServer,
}

const fn usage(
    value: &'static str,
    windows: bool,
    license: LicenseType,
    sql_server: SqlServer,
) -> UsageOperation {
    UsageOperation {
        value,
        windows,
        license,
        sql_server,
    }
}

/// The usage operations; each value once, the guide's two lines for 0002 being one here.
pub const USAGE_OPERATIONS: &[UsageOperation] = &[
    usage(
        "RunInstances:0002",
        true,
        LicenseType::Aws,
        SqlServer::NoneOrByol,
    ),
    usage(
        "RunInstances:0006",
        true,
        LicenseType::Aws,
        SqlServer::Standard,
    ),
    usage(
        "RunInstances:0102",
        true,
        LicenseType::Aws,
        SqlServer::Enterprise,
    ),
    usage("RunInstances:0202", true, LicenseType::Aws, SqlServer::Web),
    usage(
        "RunInstances:0800",
        true,
        LicenseType::Byol,
        SqlServer::NoneOrByol,
    ),
    usage(
        "RunInstances",
        false,
        LicenseType::Byol,
        SqlServer::NoneOrByol,
    ),
    usage(
        "RunInstances:0100",
        false,
        LicenseType::Byol,
        SqlServer::Enterprise,
    ),
    usage(
        "RunInstances:0004",
        false,
        LicenseType::Byol,
        SqlServer::Standard,
    ),
    usage(
        "RunInstances:0200",
        false,
        LicenseType::Byol,
        SqlServer::Web,
    ),
];

impl UsageOperation {
    /// The usage operation of a value, whatever its case (SVC-TASK-10).
    #[must_use]
    pub fn from_value(value: &str) -> Option<&'static Self> {
        USAGE_OPERATIONS
            .iter()
            .find(|usage| usage.value.eq_ignore_ascii_case(value))
    }

    /// Whether a guest of the kind can have it.
    #[must_use]
    pub const fn allowed_for(&self, system: LicensedSystem) -> bool {
        let windows = !matches!(system, LicensedSystem::Linux);
        self.windows == windows && system.allows(self.license)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn svc_lic_2_only_windows_server_has_the_license_included() {
        use LicensedSystem::{Linux, WindowsClient, WindowsServer};
        assert_eq!(WindowsServer.default_license(), LicenseType::Aws);
        assert_eq!(WindowsClient.default_license(), LicenseType::Byol);
        assert_eq!(Linux.default_license(), LicenseType::Byol);
        assert!(WindowsServer.allows(LicenseType::Aws) && WindowsServer.allows(LicenseType::Byol));
        assert!(!WindowsClient.allows(LicenseType::Aws) && !Linux.allows(LicenseType::Aws));
    }

    #[test]
    fn svc_lic_3_two_systems_bring_their_subscription() {
        assert_eq!(subscription_program("rhel"), Some("Red Hat Cloud Access"));
        let suse = subscription_program("sles");
        assert_eq!(suse, Some("the SUSE public cloud program"));
        for free in ["debian", "opensuse-leap", "centos", "rocky", ""] {
            assert_eq!(subscription_program(free), None, "{free}");
        }
    }

    #[test]
    fn svc_lic_5_windows_with_ones_own_license_runs_on_dedicated_hosts() {
        for system in [LicensedSystem::WindowsClient, LicensedSystem::WindowsServer] {
            let advice = system.advice(LicenseType::Byol).unwrap();
            assert!(advice.contains("Dedicated Hosts") && advice.contains("priced as Linux"));
            assert_eq!(system.advice(LicenseType::Aws), None);
        }
        assert_eq!(LicensedSystem::Linux.advice(LicenseType::Byol), None);
    }

    #[test]
    fn svc_lic_4_usage_operations_go_with_their_systems() {
        let included = UsageOperation::from_value("runinstances:0006");
        assert!(included.is_some_and(|usage| usage.allowed_for(LicensedSystem::WindowsServer)));
        assert!(included.is_some_and(|usage| !usage.allowed_for(LicensedSystem::WindowsClient)));
        assert!(included.is_some_and(|usage| !usage.allowed_for(LicensedSystem::Linux)));
        let plain = UsageOperation::from_value("RunInstances");
        assert!(plain.is_some_and(|usage| usage.allowed_for(LicensedSystem::Linux)));
        assert_eq!(UsageOperation::from_value("RunInstances:0003"), None);
    }
}
