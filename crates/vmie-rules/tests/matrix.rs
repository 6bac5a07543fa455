//! The matrix against tables that were copied from the guide by hand, and guests against it.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop where it fails"
)]

use vmie_rules::Date;
use vmie_rules::matrix::{
    Architecture, Edition, LinuxQuery, LinuxRow, Matrix, MissKind, Mode, Outcome, Weight,
    WindowsMissKind, WindowsQuery,
};
use vmie_rules::region::region;

/// The 2025 edition: id, system and versions (and service packs), kernels.
const LINUX_2025: &[(&str, &str, &str)] = &[
    ("amzn", "Amazon Linux 2", "4.14, 4.19, 5.4, 5.10"),
    ("centos", "CentOS 5.1–5.11", "2.6.18"),
    ("centos", "CentOS 6.1–6.8", "2.6.32"),
    ("centos", "CentOS 7.0–7.9", "3.10.0"),
    ("centos", "CentOS 8.0–8.2", "4.18.0"),
    ("centos", "CentOS 9", "5.14.0"),
    ("debian", "Debian 6.0.0–6.0.8", "2.6.32"),
    ("debian", "Debian 7.0.0–7.8.0", "3.2.0"),
    ("debian", "Debian 10", "4.19.0"),
    ("debian", "Debian 11", "5.10.0"),
    ("debian", "Debian 12.2, 12.4", "6.1.0"),
    ("fedora", "Fedora 18", "3.2.5"),
    ("fedora", "Fedora 19", "3.9.5"),
    ("fedora", "Fedora 20", "3.11.10"),
    ("fedora", "Fedora 37", "6.0.7"),
    ("fedora", "Fedora 38", "6.2.9"),
    ("fedora", "Fedora 39", "6.5.6"),
    ("ol", "Oracle Linux 5.10–5.11", "UEK (el5uek)"),
    (
        "ol",
        "Oracle Linux 6.1–6.10",
        "RHCK 2.6.32, RHCK 2.6.39, UEK 3.8.13, UEK 4.1.12",
    ),
    (
        "ol",
        "Oracle Linux 7.0–7.6",
        "RHCK 3.10.0, UEK 3.8.13, UEK 4.1.12, UEK 4.14.35, UEK 5.4.17",
    ),
    (
        "ol",
        "Oracle Linux 8.0–8.9",
        "RHCK 4.18.0, UEK 5.15.0 (el8uek)",
    ),
    (
        "ol",
        "Oracle Linux 9.0–9.4",
        "RHCK 5.14.0, UEK 5.15.0 (el9uek)",
    ),
    ("rhel", "RHEL 5", "2.6.18"),
    ("rhel", "RHEL 6", "2.6.32 (not 2.6.32-71)"),
    ("rhel", "RHEL 7", "3.10.0"),
    ("rhel", "RHEL 8.0–8.9", "4.18.0"),
    ("rhel", "RHEL 9.0–9.4", "5.14.0"),
    ("rocky", "Rocky Linux 9.0–9.4", "5.14.0"),
    ("sles", "SLES 11 SP1", "2.6.32.12"),
    ("sles", "SLES 11 SP2", "3.0.13"),
    ("sles", "SLES 11 SP3", "3.0.76, 3.0.101"),
    ("sles", "SLES 11 SP4", "3.0.101"),
    ("sles", "SLES 12 without SP", "3.12.28"),
    ("sles", "SLES 12 SP1", "3.12.49"),
    ("sles", "SLES 12 SP2, SP3", "4.4"),
    ("sles", "SLES 12 SP4, SP5", "4.12"),
    ("sles", "SLES 15 without SP, SP1", "4.12"),
    ("sles", "SLES 15 SP2, SP3", "5.3"),
    ("sles", "SLES 15 SP4, SP5", "5.14.21"),
    ("sles", "SLES 15 SP6", "6.4"),
    ("ubuntu", "Ubuntu 12.04", "3.2.0"),
    ("ubuntu", "Ubuntu 12.10", "3.5.0"),
    ("ubuntu", "Ubuntu 13.04", "3.8.0"),
    ("ubuntu", "Ubuntu 13.10", "3.11"),
    ("ubuntu", "Ubuntu 14.04", "3.13.0, 3.16.0, 3.19.0"),
    ("ubuntu", "Ubuntu 14.10", "3.16"),
    ("ubuntu", "Ubuntu 15.04", "3.19.0"),
    (
        "ubuntu",
        "Ubuntu 16.04",
        "4.2.0, 4.4.0, 4.8.0, 4.10.0, 4.15.0",
    ),
    ("ubuntu", "Ubuntu 16.10", "4.8.0"),
    ("ubuntu", "Ubuntu 17.04", "4.10.0"),
    ("ubuntu", "Ubuntu 18.04", "4.15.0, 5.4.0"),
    ("ubuntu", "Ubuntu 20.04", "5.4.0"),
    ("ubuntu", "Ubuntu 22.04", "5.15.0"),
    ("ubuntu", "Ubuntu 23.04", "5.15.0"),
];

/// The rows that only the 2026 edition has.
const NEW_IN_2026: &[(&str, &str, &str)] = &[
    ("amzn", "Amazon Linux 2023", "6.1"),
    (
        "ol",
        "Oracle Linux 9.0–9.5",
        "RHCK 5.14.0, RHCK 5.15.0, UEK 5.15.0 (el9uek)",
    ),
    ("ol", "Oracle Linux 9.6", "RHCK 6.12.0, UEK 6.12.0"),
    ("ol", "Oracle Linux 10.0", "UEK 6.12.0 (el10uek)"),
    ("rhel", "RHEL 9.0–9.6", "5.14.0"),
    ("rhel", "RHEL 10", "6.12.0"),
    ("rocky", "Rocky Linux 9.0–9.6", "5.14.0"),
    ("rocky", "Rocky Linux 10", "6.12.0"),
    ("ubuntu", "Ubuntu 24.04", "6.8.0, 6.11.0"),
];

/// The 2025 rows that the 2026 edition replaces.
const REPLACED_IN_2026: &[&str] = &[
    "Oracle Linux 9.0–9.4",
    "RHEL 9.0–9.4",
    "Rocky Linux 9.0–9.4",
];

fn columns(row: &LinuxRow) -> (String, String, String) {
    (row.id.clone(), row.system(), row.kernel_list())
}

fn owned(row: &(&str, &str, &str)) -> (String, String, String) {
    (row.0.into(), row.1.into(), row.2.into())
}

#[test]
fn the_2025_table_is_the_guides_row_for_row() {
    let ours: Vec<_> = Matrix::edition(Edition::E2025)
        .linux
        .iter()
        .map(columns)
        .collect();
    let theirs: Vec<_> = LINUX_2025.iter().map(owned).collect();
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 54);
}

#[test]
fn the_2026_table_is_that_of_2025_with_its_changes() {
    let mut ours: Vec<_> = Matrix::edition(Edition::E2026)
        .linux
        .iter()
        .map(columns)
        .collect();
    let kept = LINUX_2025
        .iter()
        .filter(|row| !REPLACED_IN_2026.contains(&row.1));
    let mut theirs: Vec<_> = kept.chain(NEW_IN_2026).map(owned).collect();
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 60);
}

#[test]
fn exactly_the_named_rows_are_deprecated_in_2026() {
    let matrix = Matrix::edition(Edition::E2026);
    let prefixes = [
        "CentOS 5",
        "CentOS 6",
        "CentOS 7",
        "CentOS 8",
        "Debian 6",
        "Debian 7",
        "Debian 10",
        "Fedora 18",
        "Fedora 19",
        "Fedora 20",
        "Fedora 37",
        "Fedora 38",
        "Fedora 39",
        "Oracle Linux 5",
        "Oracle Linux 6",
        "RHEL 5",
        "RHEL 6",
        "SLES 11",
        "Ubuntu 12.04",
        "Ubuntu 12.10",
        "Ubuntu 13.04",
        "Ubuntu 13.10",
        "Ubuntu 14.04",
        "Ubuntu 14.10",
        "Ubuntu 15.04",
    ];
    for row in &matrix.linux {
        let named = prefixes
            .iter()
            .any(|prefix| row.system().starts_with(prefix));
        let expected = named.then_some(Date::DEPRECATION_2026);
        assert_eq!(row.deprecated_from, expected, "{row}");
    }
    let windows: Vec<_> = matrix
        .windows
        .iter()
        .filter(|row| row.deprecated_from.is_some())
        .map(|row| row.product.as_str())
        .collect();
    assert_eq!(
        windows,
        [
            "Windows Server 2003",
            "Windows Server 2003 R2",
            "Windows Server 2008",
            "Windows 7",
            "Windows 8",
            "Windows 8.1"
        ]
    );
    let old = Matrix::edition(Edition::E2025);
    assert!(old.linux.iter().all(|row| row.deprecated_from.is_none()));
    assert!(old.windows.iter().all(|row| row.deprecated_from.is_none()));
}

#[test]
fn the_windows_tables_are_the_guides() {
    let labels: Vec<_> = Matrix::edition(Edition::E2025)
        .windows
        .iter()
        .map(|row| row.label())
        .collect();
    assert_eq!(
        labels,
        [
            "Windows Server 2003 SP1 or later (Standard, Datacenter, Enterprise; 32, 64-bit)",
            "Windows Server 2003 R2 (Standard, Datacenter, Enterprise; 32, 64-bit)",
            "Windows Server 2008 (Standard, Datacenter, Enterprise; 32, 64-bit)",
            "Windows Server 2008 R2 (Standard, Web Server, Datacenter, Enterprise; 64-bit)",
            "Windows Server 2012 (Standard, Datacenter; 64-bit)",
            "Windows Server 2012 R2 (Standard, Datacenter; 64-bit)",
            "Windows Server 2016 (Standard, Datacenter; 64-bit)",
            "Windows Server 1709 (Standard, Datacenter; 64-bit)",
            "Windows Server 1803 (Standard, Datacenter; 64-bit)",
            "Windows Server 2019 (Standard, Datacenter; 64-bit)",
            "Windows Server 2022 (Standard, Datacenter; 64-bit)",
            "Windows 7 (Home, Professional, Enterprise, Ultimate; 32, 64-bit)",
            "Windows 8 (Home, Professional, Enterprise; 32, 64-bit)",
            "Windows 8.1 (Professional, Enterprise; 64-bit)",
            "Windows 10 (Home, Professional, Enterprise, Education; 64-bit)",
            "Windows 11 (Home, Professional, Enterprise, Education; 64-bit)",
        ]
    );
    assert_eq!(Matrix::edition(Edition::E2026).windows.len(), 17);
}

fn guest<'a>(id: &'a str, version: &'a str, kernel: &'a str) -> LinuxQuery<'a> {
    LinuxQuery {
        id,
        version: Some(version),
        service_pack: None,
        kernel: Some(kernel),
        architecture: Some(Architecture::X86_64),
        as_of: Date::new(2026, 11, 23).unwrap(),
    }
}

/// Outcome in strict and in practical mode, and the row.
fn judged(query: &LinuxQuery<'_>) -> (Outcome, Outcome, String) {
    let matrix = Matrix::edition(Edition::E2026);
    let strict = matrix.match_linux(query, Mode::Strict);
    let practical = matrix.match_linux(query, Mode::Practical);
    let row = practical.row.map(|row| row.label()).unwrap_or_default();
    (strict.outcome(), practical.outcome(), row)
}

#[test]
fn guests_against_the_2026_table() {
    use Outcome::{Accepted, Refused, Undetermined};
    for (id, version, kernel, strict, practical, row) in [
        (
            "debian",
            "12.15",
            "6.1.0-56-cloud-amd64",
            Refused,
            Accepted,
            "Debian 12.2, 12.4 (6.1.0)",
        ),
        (
            "debian",
            "12.4",
            "6.1.0-17-amd64",
            Accepted,
            Accepted,
            "Debian 12.2, 12.4 (6.1.0)",
        ),
        (
            "debian",
            "12",
            "6.1.0-17-amd64",
            Undetermined,
            Accepted,
            "Debian 12.2, 12.4 (6.1.0)",
        ),
        (
            "debian",
            "12.4",
            "6.1.174",
            Refused,
            Accepted,
            "Debian 12.2, 12.4 (6.1.0)",
        ),
        (
            "debian",
            "12.4",
            "6.12.9-amd64",
            Refused,
            Refused,
            "Debian 12.2, 12.4 (6.1.0)",
        ),
        ("debian", "13.1", "6.12.43-amd64", Refused, Refused, ""),
        (
            "debian",
            "trixie/sid",
            "6.12.43-amd64",
            Undetermined,
            Undetermined,
            "",
        ),
        (
            "debian",
            "10.13",
            "4.19.0-27-amd64",
            Refused,
            Accepted,
            "Debian 10 (4.19.0)",
        ),
        (
            "ubuntu",
            "22.04.3",
            "5.15.0-88-generic",
            Accepted,
            Accepted,
            "Ubuntu 22.04 (5.15.0)",
        ),
        (
            "ubuntu",
            "22.04",
            "6.8.0-40-generic",
            Refused,
            Refused,
            "Ubuntu 22.04 (5.15.0)",
        ),
        ("ubuntu", "22.10", "5.19.0-21-generic", Refused, Refused, ""),
        (
            "ubuntu",
            "24.04",
            "6.8.0-31-generic",
            Accepted,
            Accepted,
            "Ubuntu 24.04 (6.8.0, 6.11.0)",
        ),
        (
            "ubuntu",
            "20.04",
            "5.8.0-59-generic",
            Refused,
            Refused,
            "Ubuntu 20.04 (5.4.0)",
        ),
        (
            "sles",
            "12.3",
            "4.4.21-69-default",
            Accepted,
            Accepted,
            "SLES 12 SP2, SP3 (4.4)",
        ),
        (
            "sles",
            "15.4",
            "5.14.21-150400.24.100-default",
            Accepted,
            Accepted,
            "SLES 15 SP4, SP5 (5.14.21)",
        ),
        (
            "sles",
            "15",
            "4.12.14-25-default",
            Accepted,
            Accepted,
            "SLES 15 without SP, SP1 (4.12)",
        ),
        (
            "sles",
            "15.7",
            "6.4.0-150700.51-default",
            Refused,
            Refused,
            "",
        ),
        (
            "centos",
            "7.9.2009",
            "3.10.0-1160.el7.x86_64",
            Refused,
            Accepted,
            "CentOS 7.0–7.9 (3.10.0)",
        ),
        (
            "centos",
            "8.5",
            "4.18.0-348.el8.x86_64",
            Refused,
            Accepted,
            "CentOS 8.0–8.2 (4.18.0)",
        ),
        (
            "rhel",
            "6.10",
            "2.6.32-754.el6.x86_64",
            Refused,
            Accepted,
            "RHEL 6 (2.6.32 (not 2.6.32-71))",
        ),
        (
            "rhel",
            "6.0",
            "2.6.32-71.el6.x86_64",
            Refused,
            Refused,
            "RHEL 6 (2.6.32 (not 2.6.32-71))",
        ),
        (
            "rhel",
            "9.6",
            "5.14.0-570.el9.x86_64",
            Accepted,
            Accepted,
            "RHEL 9.0–9.6 (5.14.0)",
        ),
        (
            "rhel",
            "9.7",
            "5.14.0-611.el9.x86_64",
            Refused,
            Accepted,
            "RHEL 9.0–9.6 (5.14.0)",
        ),
        (
            "rocky",
            "8.10",
            "4.18.0-553.el8.x86_64",
            Refused,
            Refused,
            "",
        ),
        (
            "ol",
            "9.6",
            "6.12.0-100.28.2.el9uek.x86_64",
            Accepted,
            Accepted,
            "Oracle Linux 9.6 (RHCK 6.12.0, UEK 6.12.0)",
        ),
        (
            "ol",
            "9.7",
            "5.15.0-307.el9uek.x86_64",
            Refused,
            Accepted,
            "Oracle Linux 9.0–9.5 (RHCK 5.14.0, RHCK 5.15.0, UEK 5.15.0 (el9uek))",
        ),
        (
            "amzn",
            "2023",
            "6.1.79-99.167.amzn2023.x86_64",
            Accepted,
            Accepted,
            "Amazon Linux 2023 (6.1)",
        ),
        (
            "amzn",
            "2",
            "5.10.210-201.855.amzn2.x86_64",
            Accepted,
            Accepted,
            "Amazon Linux 2 (4.14, 4.19, 5.4, 5.10)",
        ),
        (
            "fedora",
            "39",
            "6.5.8-300.fc39.x86_64",
            Refused,
            Accepted,
            "Fedora 39 (6.5.6)",
        ),
        ("arch", "1", "6.9.1-arch1-1", Refused, Refused, ""),
    ] {
        let expected = (strict, practical, String::from(row));
        assert_eq!(
            judged(&guest(id, version, kernel)),
            expected,
            "{id} {version} {kernel}"
        );
    }
}

#[test]
fn a_practical_match_says_what_strict_mode_misses() {
    let matrix = Matrix::edition(Edition::E2026);
    let query = guest("debian", "12.15", "6.1.0-56-cloud-amd64");
    let found = matrix.match_linux(&query, Mode::Practical);
    assert_eq!(found.misses.len(), 1);
    assert_eq!(found.misses[0].weight, Weight::Advises);
    assert_eq!(
        found.misses[0].kind,
        MissKind::VersionUnlisted {
            found: "12.15".into(),
            listed: "12.2, 12.4".into()
        }
    );
    let old = matrix.match_linux(&guest("centos", "6.5", "2.6.32-431.el6"), Mode::Practical);
    assert_eq!(
        old.misses[0].kind,
        MissKind::Deprecated {
            since: Date::DEPRECATION_2026
        }
    );
    assert_eq!(old.misses[0].weight, Weight::Advises);
}

#[test]
fn a_row_is_deprecated_from_its_day_on() {
    let matrix = Matrix::edition(Edition::E2026);
    let mut query = guest("centos", "6.5", "2.6.32-431.el6.x86_64");
    query.as_of = Date::new(2026, 1, 31).unwrap();
    assert!(matrix.match_linux(&query, Mode::Strict).accepted());
    query.as_of = Date::DEPRECATION_2026;
    assert!(!matrix.match_linux(&query, Mode::Strict).accepted());
}

#[test]
fn missing_facts_leave_it_open_and_known_refusals_stand() {
    let matrix = Matrix::edition(Edition::E2026);
    let mut query = guest("debian", "12.4", "6.1.0");
    query.kernel = None;
    let found = matrix.match_linux(&query, Mode::Practical);
    assert_eq!(found.outcome(), Outcome::Undetermined);
    assert_eq!(found.misses[0].kind, MissKind::KernelUnknown);
    query.architecture = Some(Architecture::Arm64);
    let found = matrix.match_linux(&query, Mode::Practical);
    assert_eq!(found.outcome(), Outcome::Refused);
    query.version = None;
    query.architecture = None;
    let found = matrix.match_linux(&query, Mode::Strict);
    assert_eq!(found.row, None);
    assert_eq!(found.outcome(), Outcome::Undetermined);
}

#[test]
fn windows_by_region_edition_and_boot() {
    let matrix = Matrix::edition(Edition::E2026);
    let eleven = WindowsQuery {
        product: "Windows 11",
        edition: Some("Professional"),
        installation: None,
        service_pack: 0,
        bits: Some(64),
        region: region("us-east-1"),
        uefi: Some(true),
        as_of: Date::DEPRECATION_2026,
    };
    assert!(matrix.match_windows(&eleven, Mode::Strict).accepted());
    for (query, kind) in [
        (
            WindowsQuery {
                uefi: Some(false),
                ..eleven
            },
            WindowsMissKind::UefiRequired,
        ),
        (
            WindowsQuery {
                uefi: None,
                ..eleven
            },
            WindowsMissKind::BootUnknown,
        ),
        (
            WindowsQuery {
                region: region("eu-central-2"),
                ..eleven
            },
            WindowsMissKind::RegionExcluded {
                region: "eu-central-2".into(),
            },
        ),
        (
            WindowsQuery {
                product: "Windows Server 2008",
                region: region("eu-south-1"),
                edition: Some("Standard"),
                ..eleven
            },
            WindowsMissKind::RegionExcluded {
                region: "eu-south-1".into(),
            },
        ),
        (
            WindowsQuery {
                product: "Windows 7",
                region: region("eu-south-1"),
                bits: Some(32),
                ..eleven
            },
            WindowsMissKind::BitsUnlisted {
                found: 32,
                listed: vec![64],
            },
        ),
        (
            WindowsQuery {
                product: "Windows Server 2003",
                edition: Some("Standard"),
                bits: Some(32),
                ..eleven
            },
            WindowsMissKind::ServicePackTooLow {
                found: 0,
                lowest: 1,
            },
        ),
        (
            WindowsQuery {
                product: "Windows Server 2016",
                edition: Some("Datacenter"),
                installation: Some("Nano Server"),
                ..eleven
            },
            WindowsMissKind::InstallationExcluded {
                found: "Nano Server".into(),
            },
        ),
        (
            WindowsQuery {
                product: "Windows Server 2025",
                edition: Some("Standard"),
                region: region("cn-north-1"),
                ..eleven
            },
            WindowsMissKind::RegionExcluded {
                region: "cn-north-1".into(),
            },
        ),
        (
            WindowsQuery {
                product: "Windows Vista",
                ..eleven
            },
            WindowsMissKind::ProductUnlisted {
                found: "Windows Vista".into(),
            },
        ),
    ] {
        let found = matrix.match_windows(&query, Mode::Practical);
        assert_eq!(
            found.misses.first().map(|miss| &miss.kind),
            Some(&kind),
            "{query:?}"
        );
        assert!(!found.accepted());
    }
    let seven = WindowsQuery {
        product: "Windows 7",
        bits: Some(32),
        ..eleven
    };
    assert!(matrix.match_windows(&seven, Mode::Practical).accepted());
    assert!(!matrix.match_windows(&seven, Mode::Strict).accepted());
}

#[test]
fn an_embedder_builds_a_table_of_their_own() {
    let mut matrix = Matrix::edition(Edition::E2026);
    let mut row = matrix
        .linux
        .iter()
        .find(|row| row.id == "rocky")
        .cloned()
        .unwrap();
    row.id = "almalinux".into();
    row.name = "AlmaLinux".into();
    matrix.name = "ours".into();
    matrix.linux.push(row);
    let query = guest("almalinux", "9.4", "5.14.0-427.el9.x86_64");
    assert!(matrix.match_linux(&query, Mode::Strict).accepted());
}

/// The tables of both editions as Markdown.
fn page() -> String {
    let mut page = String::from(
        "# The matrix of supported systems\n\n\
         Written by the tests of `vmie-rules` from its data; `UPDATE_DOCS=1 cargo test -p vmie-rules --test matrix` writes it \
         anew.\n\n\
         To the letter (`--mode strict`) a guest must be as a row lists it: the version, the service pack, and a kernel whose \
         release starts with a listed one; a deprecated row refuses. In practice (the default) system and major release must \
         be a row's, and the first two numbers of the kernel; a deprecated row advises.\n",
    );
    for edition in [Edition::E2025, Edition::E2026] {
        let matrix = Matrix::edition(edition);
        let since = |date: Option<Date>| date.map_or(String::new(), |date| date.to_string());
        page += &format!(
            "\n## Edition {edition}: Linux\n\n| system | kernels | deprecated from |\n|---|---|---|\n"
        );
        for row in &matrix.linux {
            let deprecated = since(row.deprecated_from);
            page += &format!(
                "| {} | {} | {deprecated} |\n",
                row.system(),
                row.kernel_list()
            );
        }
        page += &format!(
            "\n## Edition {edition}: Windows\n\n| system | editions | bits | bits in opt-in Regions | not in | deprecated from |\n|---|---|---|---|---|---|\n"
        );
        for row in &matrix.windows {
            let bits = |bits: &[u8]| {
                let all: Vec<String> = bits.iter().map(ToString::to_string).collect();
                all.join(", ")
            };
            let pack = match row.min_service_pack {
                0 => String::new(),
                pack => format!(" SP{pack} or later"),
            };
            let uefi = if row.uefi_only { " (UEFI only)" } else { "" };
            page += &format!(
                "| {}{pack}{uefi} | {} | {} | {} | {} | {} |\n",
                row.product,
                row.editions.join(", "),
                bits(&row.bits),
                bits(&row.opt_in_bits),
                row.not_in.join(", "),
                since(row.deprecated_from),
            );
        }
    }
    page
}

#[test]
fn the_page_of_the_matrix_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/matrix.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap();
    assert!(there == page(), "UPDATE_DOCS=1 writes it anew");
}
