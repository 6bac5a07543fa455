//! The settings of a Windows that matter to an import.

use super::answers;
use super::facts::{
    AnswerFile, DotNet, Interface, PageFile, Service, SqlServer, Start, Tool, ToolKind, Windows,
};
use super::files::Files;
use super::hives::{At, Notes, read_file};
use super::read::language;
use crate::registry::Value;
use crate::{Drivers, Fact};

/// Interfaces, languages and instances that are listed.
const MAX_LISTED: usize = 64;
/// The longest answer file that is read.
const MAX_ANSWERS: u64 = 1 << 20;

/// Services and drivers that are looked for: storage, network and bus of clouds and hypervisors, and
/// what the findings need.
const SERVICES: &[&str] = &[
    "stornvme",
    "nvme",
    "AWSNVMe",
    "ena",
    "xenvbd",
    "xennet",
    "xenbus",
    "xenfilt",
    "xeniface",
    "AWSPV",
    "viostor",
    "vioscsi",
    "netkvm",
    "storahci",
    "msahci",
    "atapi",
    "intelide",
    "LSI_SAS",
    "LSI_SCSI",
    "pvscsi",
    "vmxnet3",
    "E1G60",
    "e1iexpress",
    "storvsc",
    "netvsc",
    "vmbus",
    "Dhcp",
    "Tcpip",
    "TermService",
    "MpsSvc",
    "vmms",
    "NTDS",
    "wuauserv",
    "hvservice",
    "vmicheartbeat",
];

/// Services of software that stands in an import's way (SVC-CFG-1, SVC-LIM-1).
const TOOLS: &[(&str, ToolKind, &str)] = &[
    ("VMTools", ToolKind::GuestTools, "VMware Tools"),
    (
        "VBoxService",
        ToolKind::GuestTools,
        "VirtualBox Guest Additions",
    ),
    ("prl_tools", ToolKind::GuestTools, "Parallels Tools"),
    ("xensvc", ToolKind::GuestTools, "Citrix VM Tools"),
    (
        "SepMasterService",
        ToolKind::Security,
        "Symantec Endpoint Protection",
    ),
    ("McShield", ToolKind::Security, "McAfee VirusScan"),
    ("mfemms", ToolKind::Security, "McAfee Endpoint Security"),
    ("avast! Antivirus", ToolKind::Security, "Avast"),
    ("AVP", ToolKind::Security, "Kaspersky"),
    ("ekrn", ToolKind::Security, "ESET"),
    ("CSFalconService", ToolKind::Security, "CrowdStrike Falcon"),
    ("SentinelAgent", ToolKind::Security, "SentinelOne"),
    ("SAVService", ToolKind::Security, "Sophos"),
    (
        "Sophos Endpoint Defense Service",
        ToolKind::Security,
        "Sophos",
    ),
    ("TmListen", ToolKind::Security, "Trend Micro"),
    ("ds_agent", ToolKind::Security, "Trend Micro Deep Security"),
    ("CylanceSvc", ToolKind::Security, "Cylance"),
    ("CbDefense", ToolKind::Security, "Carbon Black"),
    ("F-Secure Gatekeeper", ToolKind::Security, "F-Secure"),
    ("EPSecurityService", ToolKind::Security, "Bitdefender"),
    (
        "vmware-converter-agent",
        ToolKind::Converter,
        "VMware vCenter Converter",
    ),
    (
        "P2VAgent",
        ToolKind::Converter,
        "Virtual Machine Manager P2V agent",
    ),
];

/// A Windows of which nothing is known but its folder.
pub(super) fn empty(folder: &str) -> Windows {
    let unknown = || Fact::unknown("it was not looked for", Vec::new());
    Windows {
        folder: folder.to_owned(),
        product: unknown(),
        edition: unknown(),
        product_name: None,
        edition_id: None,
        installation: None,
        server: None,
        service_pack: 0,
        build: None,
        revision: None,
        release: None,
        kernel: unknown(),
        missing_files: Vec::new(),
        settings: Fact::unknown("it was not looked for", Vec::new()),
        control_set: None,
        computer_name: None,
        language: unknown(),
        install_language: None,
        ui_languages: Vec::new(),
        time_zone: None,
        universal_time: false,
        page_files: Vec::new(),
        autologon: false,
        remote_desktop: None,
        remote_desktop_allowed: None,
        firewall: Vec::new(),
        interfaces: Vec::new(),
        services: Vec::new(),
        dot_net: DotNet::default(),
        pending: Vec::new(),
        image_state: None,
        answer_file: None,
        sql_servers: Vec::new(),
        domain_controller: false,
        directory_database: None,
        fast_startup: None,
        tools: Vec::new(),
        boot: Fact::unknown("there is no boot configuration data", Vec::new()),
        boot_manager: None,
        boot_ini: None,
        evidence: Vec::new(),
        problems: Vec::new(),
    }
}

/// What the hive `SOFTWARE` says.
pub(super) fn software(at: At<'_>, windows: &mut Windows, notes: &mut Notes) {
    let logon = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon";
    let auto = at.value(logon, "AutoAdminLogon", "autologon", notes);
    windows.autologon =
        auto.is_some_and(|value| value.text().as_deref() == Some("1") || value.number() == Some(1));
    let frameworks = "Microsoft\\NET Framework Setup\\NDP";
    windows.dot_net = DotNet {
        release: at.number(
            &format!("{frameworks}\\v4\\Full"),
            "Release",
            "dot_net",
            notes,
        ),
        three_five: at
            .number(&format!("{frameworks}\\v3.5"), "Install", "dot_net", notes)
            .filter(|installed| *installed == 1)
            .map(|_| {
                at.number(&format!("{frameworks}\\v3.5"), "SP", "dot_net", notes)
                    .unwrap_or(0)
            }),
    };
    let current = "Microsoft\\Windows\\CurrentVersion";
    for path in [
        "Component Based Servicing\\RebootPending",
        "Component Based Servicing\\PackagesPending",
        "WindowsUpdate\\Auto Update\\RebootRequired",
    ] {
        let path = format!("{current}\\{path}");
        if let Some(key) = at.key(&path, notes) {
            windows.pending.push(at.saw_key(&key, &path));
        }
    }
    windows.image_state = at.text(
        &format!("{current}\\Setup\\State"),
        "ImageState",
        "image_state",
        notes,
    );
    sql_servers(at, windows, notes);
}

/// Where SQL Server keeps its list of instances: its own, and that of one of 32 bits on a system of 64.
const SQL_SERVERS: [&str; 2] = [
    "Microsoft\\Microsoft SQL Server",
    "Wow6432Node\\Microsoft\\Microsoft SQL Server",
];

fn sql_servers(at: At<'_>, windows: &mut Windows, notes: &mut Notes) {
    for base in SQL_SERVERS {
        let list = format!("{base}\\Instance Names\\SQL");
        let Some(key) = at.key(&list, notes) else {
            continue;
        };
        let values: Vec<Value> = key
            .values()
            .unwrap_or_default()
            .into_iter()
            .flatten()
            .collect();
        for value in values.into_iter().take(MAX_LISTED) {
            let Some(id) = value.text() else { continue };
            let known = windows.sql_servers.iter();
            if known
                .into_iter()
                .any(|one| one.instance.eq_ignore_ascii_case(value.name()))
            {
                continue;
            }
            let setup = format!("{base}\\{id}\\Setup");
            windows.sql_servers.push(SqlServer {
                edition: at.text(&setup, "Edition", "sql_servers", notes),
                version: at.text(&setup, "Version", "sql_servers", notes),
                evidence: at.saw(&list, &value),
                instance: value.name().to_owned(),
            });
        }
    }
}

/// What the control set of the hive `SYSTEM` says.
pub(super) fn system(at: At<'_>, windows: &mut Windows, notes: &mut Notes) {
    let options = "Control\\ProductOptions";
    if let Some(kind) = at.text(options, "ProductType", "server", notes) {
        windows.server = Some(!kind.eq_ignore_ascii_case("WinNT"));
        windows.domain_controller = kind.eq_ignore_ascii_case("LanmanNT");
    }
    let name = "Control\\ComputerName\\ComputerName";
    windows.computer_name = at.text(name, "ComputerName", "computer_name", notes);
    let language_of = language(at, "Default", "language", notes);
    windows.language = match language_of {
        Some(name) => Fact::known(name, notes.of("language")),
        None => Fact::unknown(
            "the registry does not say which language it is set to",
            Vec::new(),
        ),
    };
    windows.install_language = language(at, "InstallLanguage", "install_language", notes);
    windows.ui_languages = at.names("Control\\MUI\\UILanguages", notes);
    windows.ui_languages.truncate(MAX_LISTED);
    let zone = "Control\\TimeZoneInformation";
    windows.time_zone = at
        .text(zone, "TimeZoneKeyName", "time_zone", notes)
        .or_else(|| at.text(zone, "StandardName", "time_zone", notes));
    windows.universal_time = at
        .number(zone, "RealTimeIsUniversal", "universal_time", notes)
        .is_some_and(|number| number != 0);
    let manager = "Control\\Session Manager";
    let memory = format!("{manager}\\Memory Management");
    if let Some(value) = at.value(&memory, "PagingFiles", "page_files", notes) {
        windows.page_files = value.texts().iter().map(|line| page_file(line)).collect();
        windows.page_files.truncate(MAX_LISTED);
    }
    let renames = at.value(manager, "PendingFileRenameOperations", "renames", notes);
    if let Some(value) = renames.filter(|value| !value.texts().is_empty()) {
        windows.pending.push(at.saw(manager, &value));
    }
    windows.fast_startup = at
        .number(
            &format!("{manager}\\Power"),
            "HiberbootEnabled",
            "fast_startup",
            notes,
        )
        .map(|number| number != 0);
    windows.directory_database = at.text(
        "Services\\NTDS\\Parameters",
        "DSA Database file",
        "directory_database",
        notes,
    );
    services(at, windows, notes);
    remote_desktop(at, windows, notes);
    interfaces(at, windows, notes);
}

fn page_file(line: &str) -> PageFile {
    let mut words = line.rsplitn(3, ' ');
    let most = words.next().and_then(|word| word.parse().ok());
    let least = words.next().and_then(|word| word.parse().ok());
    match (words.next(), least, most) {
        (Some(path), Some(least), Some(most)) => PageFile {
            path: path.to_owned(),
            size: Some((least, most)),
        },
        _ => PageFile {
            path: line.to_owned(),
            size: None,
        },
    }
}

fn services(at: At<'_>, windows: &mut Windows, notes: &mut Notes) {
    let Some(all) = at.key("Services", notes) else {
        return;
    };
    let look = |name: &str| {
        let key = all.subkey(name).ok().flatten()?;
        let start = key.value("Start").ok().flatten();
        let path = format!("Services\\{}", key.name());
        let evidence = match &start {
            Some(value) => at.saw(&path, value),
            None => at.saw_key(&key, &path),
        };
        Some(Service {
            name: key.name().to_owned(),
            start: Start::of(start.and_then(|value| value.number())),
            evidence,
        })
    };
    windows.services = SERVICES.iter().filter_map(|name| look(name)).collect();
    for (name, kind, title) in TOOLS {
        if let Some(service) = look(name).filter(|service| service.start != Start::Disabled) {
            windows.tools.push(Tool {
                kind: *kind,
                name: title,
                evidence: service.evidence,
            });
        }
    }
}

fn remote_desktop(at: At<'_>, windows: &mut Windows, notes: &mut Notes) {
    let server = "Control\\Terminal Server";
    windows.remote_desktop = at
        .number(server, "fDenyTSConnections", "remote_desktop", notes)
        .map(|deny| deny == 0);
    let policy = "Services\\SharedAccess\\Parameters\\FirewallPolicy";
    for (key, name) in [
        ("DomainProfile", "Domain"),
        ("StandardProfile", "Standard"),
        ("PublicProfile", "Public"),
    ] {
        let on = at.number(
            &format!("{policy}\\{key}"),
            "EnableFirewall",
            "firewall",
            notes,
        );
        if on == Some(1) {
            windows.firewall.push(name);
        }
    }
    let rules = format!("{policy}\\FirewallRules");
    for name in ["RemoteDesktop-UserMode-In-TCP", "RemoteDesktop-In-TCP"] {
        let rule = at.text(&rules, name, "remote_desktop_allowed", notes);
        if let Some(rule) = rule {
            let allows = rule.contains("Active=TRUE") && !rule.contains("Action=Block");
            let before = windows.remote_desktop_allowed.unwrap_or(false);
            windows.remote_desktop_allowed = Some(before || allows);
        }
    }
}

fn interfaces(at: At<'_>, windows: &mut Windows, notes: &mut Notes) {
    let base = "Services\\Tcpip\\Parameters\\Interfaces";
    for id in at.names(base, notes).into_iter().take(MAX_LISTED) {
        let path = format!("{base}\\{id}");
        let Some(value) = at.value(&path, "EnableDHCP", "interfaces", notes) else {
            continue;
        };
        let addresses = at
            .value(&path, "IPAddress", "interfaces", notes)
            .map(|value| value.texts())
            .unwrap_or_default()
            .into_iter()
            .filter(|address| address != "0.0.0.0")
            .collect();
        windows.interfaces.push(Interface {
            dhcp: value.number() == Some(1),
            addresses,
            evidence: at.saw(&path, &value),
            id,
        });
    }
}

/// What `Setup` of the hive `SYSTEM` says, which belongs to no control set.
pub(super) fn setup(at: At<'_>, windows: &mut Windows, notes: &mut Notes) {
    let running = at.number("Setup", "SystemSetupInProgress", "setup", notes);
    if windows.image_state.is_none() && running == Some(1) {
        windows.image_state = Some("IMAGE_STATE_UNDEPLOYABLE".to_owned());
    }
}

/// What files say: the answer file, and updates that are half installed.
pub(super) fn files(files: Files<'_>, windows: &mut Windows, notes: &mut Notes) {
    let folder = windows.folder.clone();
    let pending = format!("{folder}/WinSxS/pending.xml");
    if files.has(&pending) {
        let evidence = files.evidence(&pending, "updates that are half installed");
        windows.pending.push(evidence);
    }
    for name in ["unattend.xml", "Unattend/unattend.xml"] {
        let path = format!("{folder}/Panther/{name}");
        let Some(bytes) = read_file(&files, &path, MAX_ANSWERS) else {
            continue;
        };
        let missing = answers::missing(&decoded(&bytes));
        let says = match missing.as_slice() {
            [] => "an answer file".to_owned(),
            missing => format!("an answer file without {}", missing.join(", ")),
        };
        notes.saw("answer_file", files.evidence(&path, says));
        windows.answer_file = Some(AnswerFile { path, missing });
        return;
    }
}

fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => crate::registry::utf16(rest),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The drivers in the terms of every system.
pub(super) fn drivers(windows: &Windows) -> Fact<Drivers> {
    if windows.services.is_empty() {
        return Fact::unknown("the registry names no driver", Vec::new());
    }
    let modules: Vec<String> = windows
        .services
        .iter()
        .filter(|service| service.start != Start::Disabled)
        .map(|service| service.name.clone())
        .collect();
    let saw = windows.services.iter().take(16);
    let saw = saw.map(|service| service.evidence.clone()).collect();
    let drivers = Drivers {
        kernel: windows.kernel.get().cloned().unwrap_or_default(),
        modules,
        builtin: Vec::new(),
    };
    Fact::known(drivers, saw)
}
