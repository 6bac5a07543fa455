//! What the guide calls a Windows, by what its registry says.
//!
//! Product by version and build
//! ([operating system versions](https://learn.microsoft.com/windows/win32/sysinfo/operating-system-version),
//! [releases of Windows Server](https://learn.microsoft.com/windows-server/get-started/windows-server-release-info),
//! [of Windows 11](https://learn.microsoft.com/windows/release-health/windows11-release-information)),
//! edition by `EditionID` ([product types](https://learn.microsoft.com/windows/win32/api/sysinfoapi/nf-sysinfoapi-getproductinfo)).

/// The version numbers and strings that tell a product.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signs<'a> {
    /// The version of the system: 10.0, 6.3 …
    pub version: (u32, u32),
    /// The build.
    pub build: u32,
    /// Whether it is a server.
    pub server: bool,
    /// `ProductName`.
    pub product_name: &'a str,
    /// `EditionID`.
    pub edition_id: &'a str,
    /// `ProductSuite` of the control set: what Server 2003 has in place of `EditionID`.
    pub suites: &'a [String],
}

/// The first build of Windows 11.
const WINDOWS_11: u32 = 22000;

/// Builds of Windows Server 10.0 and what they are called.
const SERVERS: &[(u32, &str)] = &[
    (14393, "Windows Server 2016"),
    (16299, "Windows Server 1709"),
    (17134, "Windows Server 1803"),
    (17763, "Windows Server 2019"),
    (18362, "Windows Server 1903"),
    (18363, "Windows Server 1909"),
    (19041, "Windows Server 2004"),
    (19042, "Windows Server 20H2"),
    (20348, "Windows Server 2022"),
    (25398, "Windows Server 23H2"),
    (26100, "Windows Server 2025"),
];

/// The product as the guide names it, without its edition.
#[must_use]
pub fn product(signs: &Signs<'_>) -> String {
    let r2 = signs.product_name.contains("R2");
    let name = match (signs.version, signs.server) {
        ((5, 0), true) => "Windows 2000 Server",
        ((5, 0), false) => "Windows 2000",
        ((5, 2), true) if r2 => "Windows Server 2003 R2",
        ((5, 2), true) => "Windows Server 2003",
        ((5, 1 | 2), false) => "Windows XP",
        ((6, 0), true) => "Windows Server 2008",
        ((6, 0), false) => "Windows Vista",
        ((6, 1), true) => "Windows Server 2008 R2",
        ((6, 1), false) => "Windows 7",
        ((6, 2), true) => "Windows Server 2012",
        ((6, 2), false) => "Windows 8",
        ((6, 3), true) => "Windows Server 2012 R2",
        ((6, 3), false) => "Windows 8.1",
        ((10, 0), true) => return server(signs),
        ((10, 0), false) if signs.build >= WINDOWS_11 => "Windows 11",
        ((10, 0), false) => "Windows 10",
        ((major, minor), _) => return format!("Windows NT {major}.{minor}"),
    };
    name.to_owned()
}

fn server(signs: &Signs<'_>) -> String {
    // The half-yearly release of the same build: its editions end in ACor, its name has no year.
    if signs.build == 17763 && signs.edition_id.to_ascii_lowercase().ends_with("acor") {
        return "Windows Server 1809".to_owned();
    }
    match SERVERS.iter().find(|(build, _)| *build == signs.build) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("Windows Server of build {}", signs.build),
    }
}

/// Editions of servers by the start of `EditionID` behind `Server`, in the guide's words where it has
/// one. What starts alike stands before what is shorter.
const SERVER_EDITIONS: &[(&str, &str)] = &[
    ("datacenternano", "Datacenter"),
    ("standardnano", "Standard"),
    ("datacenterazure", "Datacenter: Azure Edition"),
    ("datacenter", "Datacenter"),
    ("standard", "Standard"),
    ("enterprise", "Enterprise"),
    ("webserver", "Web Server"),
    ("web", "Web Server"),
    ("turbine", "Datacenter: Azure Edition"),
    ("azure", "Datacenter: Azure Edition"),
    ("solution", "Essentials"),
    ("foundation", "Foundation"),
    ("hyper", "Hyper-V Server"),
    ("storage", "Storage Server"),
    ("sbs", "Small Business Server"),
    ("homepremium", "Home Server"),
    ("homestandard", "Home Server"),
];

/// Editions of clients by `EditionID`, the suffixes for markets and evaluation taken off.
const CLIENT_EDITIONS: &[(&str, &str)] = &[
    ("core", "Home"),
    ("coresinglelanguage", "Home"),
    ("corecountryspecific", "Home"),
    ("homebasic", "Home"),
    ("homepremium", "Home"),
    ("professional", "Professional"),
    ("professionalwmc", "Professional"),
    ("enterprise", "Enterprise"),
    ("enterprises", "Enterprise"),
    ("ultimate", "Ultimate"),
    ("education", "Education"),
    ("starter", "Starter"),
    ("professionalworkstation", "Pro for Workstations"),
    ("professionaleducation", "Pro Education"),
    ("serverrdsh", "Enterprise multi-session"),
    ("iotenterprise", "IoT Enterprise"),
    ("iotenterprises", "IoT Enterprise"),
    ("cloud", "S"),
];

/// The edition as the guide names it; `EditionID` itself when it is none that is known. `None` when
/// nothing tells it.
#[must_use]
pub fn edition(signs: &Signs<'_>) -> Option<String> {
    let id = signs.edition_id.to_ascii_lowercase();
    if id.is_empty() {
        return older_edition(signs);
    }
    if signs.server {
        let rest = id.strip_prefix("server").unwrap_or(&id);
        let known = SERVER_EDITIONS
            .iter()
            .find(|(start, _)| rest.starts_with(start));
        return Some(known.map_or(signs.edition_id, |(_, name)| name).to_owned());
    }
    let base = id.strip_suffix("eval").unwrap_or(&id);
    // Editions without media player (N) or for Korea (KN) are the same otherwise.
    let forms = [Some(base), base.strip_suffix("kn"), base.strip_suffix('n')];
    let known = forms
        .into_iter()
        .flatten()
        .find_map(|form| CLIENT_EDITIONS.iter().find(|(one, _)| *one == form));
    Some(known.map_or(signs.edition_id, |(_, name)| name).to_owned())
}

/// Before Vista there is no `EditionID`: servers have a list of suites, and none is Standard.
fn older_edition(signs: &Signs<'_>) -> Option<String> {
    if !signs.server || signs.version >= (6, 0) {
        return None;
    }
    let has = |name: &str| {
        signs
            .suites
            .iter()
            .any(|one| one.eq_ignore_ascii_case(name))
    };
    let name = if has("DataCenter") {
        "Datacenter"
    } else if has("Enterprise") {
        "Enterprise"
    } else if has("Blade") {
        "Web"
    } else if has("Storage Server") {
        "Storage Server"
    } else if has("Small Business") || has("Small Business(Restricted)") {
        "Small Business Server"
    } else if has("Compute Server") {
        "Compute Cluster"
    } else {
        "Standard"
    };
    Some(name.to_owned())
}

/// The number in `Service Pack 1`; 0 when there is none.
#[must_use]
pub fn service_pack(text: &str) -> u32 {
    let digits = text
        .trim()
        .strip_prefix("Service Pack ")
        .unwrap_or_default();
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits
        .get(..end)
        .unwrap_or_default()
        .parse()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs<'a>(version: (u32, u32), build: u32, server: bool, id: &'a str) -> Signs<'a> {
        Signs {
            version,
            build,
            server,
            edition_id: id,
            ..Signs::default()
        }
    }

    #[test]
    fn windows_11_calls_itself_10_and_is_told_by_its_build() {
        assert_eq!(product(&signs((10, 0), 19045, false, "Core")), "Windows 10");
        assert_eq!(product(&signs((10, 0), 22000, false, "Core")), "Windows 11");
        assert_eq!(
            product(&signs((10, 0), 17763, true, "ServerStandardACor")),
            "Windows Server 1809"
        );
        assert_eq!(
            product(&signs((10, 0), 17763, true, "ServerStandard")),
            "Windows Server 2019"
        );
        assert_eq!(
            product(&signs((10, 0), 99999, true, "ServerStandard")),
            "Windows Server of build 99999"
        );
    }

    #[test]
    fn editions_are_named_as_the_guide_names_them() {
        let server = |id| edition(&signs((10, 0), 17763, true, id)).unwrap();
        assert_eq!(server("ServerStandardEval"), "Standard");
        assert_eq!(server("ServerDatacenterCore"), "Datacenter");
        assert_eq!(server("ServerStorageStandard"), "Storage Server");
        assert_eq!(server("ServerTurbine"), "Datacenter: Azure Edition");
        assert_eq!(server("ServerUnheardOf"), "ServerUnheardOf");
        let client = |id| edition(&signs((10, 0), 19045, false, id)).unwrap();
        assert_eq!(client("ProfessionalN"), "Professional");
        assert_eq!(client("EnterpriseSEval"), "Enterprise");
        assert_eq!(client("CoreSingleLanguage"), "Home");
        assert_eq!(client("ProfessionalWorkstation"), "Pro for Workstations");
        assert_eq!(edition(&signs((10, 0), 19045, false, "")), None);
    }

    #[test]
    fn server_2003_has_suites() {
        let suites = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let of = |list: &[&str]| {
            let suites = suites(list);
            edition(&Signs {
                suites: &suites,
                ..signs((5, 2), 3790, true, "")
            })
        };
        assert_eq!(of(&["Terminal Server"]).unwrap(), "Standard");
        assert_eq!(
            of(&["Enterprise", "Terminal Server"]).unwrap(),
            "Enterprise"
        );
        assert_eq!(of(&["DataCenter"]).unwrap(), "Datacenter");
        assert_eq!(of(&["Blade"]).unwrap(), "Web");
    }

    #[test]
    fn service_packs_are_numbers() {
        assert_eq!(service_pack("Service Pack 2"), 2);
        assert_eq!(service_pack("Service Pack 1, v.721"), 1);
        assert_eq!(service_pack("Dodatek Service Pack 2"), 0);
        assert_eq!(service_pack(""), 0);
    }
}
