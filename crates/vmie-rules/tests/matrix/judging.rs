//! Guests against the tables.

use super::*;

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
