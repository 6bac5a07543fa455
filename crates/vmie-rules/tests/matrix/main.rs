//! The matrix against tables that were copied from the guide by hand, and guests against it.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop where it fails"
)]

mod judging;
mod load;
mod page;
mod tables;

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
