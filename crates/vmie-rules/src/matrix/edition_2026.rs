//! The tables of the 2026 edition: those of 2025 with what its notes change (M26).
//!
//! Where the notes are silent (the editions of Windows Server 2025, its word size), the row is
//! like its predecessor's.

use alloc::string::String;
use alloc::vec::Vec;

use super::edition_2025::{
    self, AMAZON, K, ORACLE, RHEL, ROCKY, Row, UBUNTU, V, WINDOWS_2025, linux_row, windows_row,
};
use super::row::LinuxRow;
use super::version::numbers;
use super::{Edition, Matrix};
use crate::Date;

/// Rows of 2025 that a later one takes the place of: id, first version of the old row.
const REPLACED: &[(&str, &str)] = &[("ol", "9.0"), ("rhel", "9.0"), ("rocky", "9.0")];

/// The new rows.
const ADDED: &[Row] = &[
    (AMAZON, V::One("2023"), &[], K::Any(&["6.1"])),
    (
        ORACLE,
        V::To("9.0", "9.5"),
        &[],
        K::Oracle(&["5.14.0", "5.15.0"], &["5.15.0"], Some("el9uek")),
    ),
    (
        ORACLE,
        V::One("9.6"),
        &[],
        K::Oracle(&["6.12.0"], &["6.12.0"], None),
    ),
    (
        ORACLE,
        V::One("10.0"),
        &[],
        K::Oracle(&[], &["6.12.0"], Some("el10uek")),
    ),
    (RHEL, V::To("9.0", "9.6"), &[], K::Any(&["5.14.0"])),
    (RHEL, V::One("10"), &[], K::Any(&["6.12.0"])),
    (ROCKY, V::To("9.0", "9.6"), &[], K::Any(&["5.14.0"])),
    (ROCKY, V::One("10"), &[], K::Any(&["6.12.0"])),
    (UBUNTU, V::One("24.04"), &[], K::Any(&["6.8.0", "6.11.0"])),
];

/// Deprecated from [`Date::DEPRECATION_2026`]: id, first and last release.
const DEPRECATED: &[(&str, &str, &str)] = &[
    ("centos", "5", "8"),
    ("debian", "6", "7"),
    ("debian", "10", "10"),
    ("fedora", "18", "20"),
    ("fedora", "37", "39"),
    ("ol", "5", "6"),
    ("rhel", "5", "6"),
    ("sles", "11", "11"),
    ("ubuntu", "12.04", "15.04"),
];

const DEPRECATED_WINDOWS: &[&str] = &[
    "Windows Server 2003",
    "Windows Server 2003 R2",
    "Windows Server 2008",
    "Windows 7",
    "Windows 8",
    "Windows 8.1",
];

pub(super) fn matrix() -> Matrix {
    let mut base = edition_2025::matrix();
    base.name = String::from(Edition::E2026.as_str());
    base.linux.retain(|row| {
        !REPLACED
            .iter()
            .any(|(id, version)| row.id == *id && first_version(row) == *version)
    });
    for added in ADDED {
        insert_beside_its_like(&mut base.linux, linux_row(added));
    }
    for row in &mut base.linux {
        if is_deprecated(row) {
            row.deprecated_from = Some(Date::DEPRECATION_2026);
        }
    }
    let client = base
        .windows
        .iter()
        .position(|row| row.client)
        .unwrap_or(base.windows.len());
    base.windows.insert(client, windows_row(&WINDOWS_2025));
    for row in &mut base.windows {
        if DEPRECATED_WINDOWS.contains(&row.product.as_str()) {
            row.deprecated_from = Some(Date::DEPRECATION_2026);
        }
    }
    base.i386_deprecated_from = Some(Date::DEPRECATION_2026);
    base
}

/// After the last row of the same system, so that the table stays in the guide's order.
fn insert_beside_its_like(rows: &mut Vec<LinuxRow>, row: LinuxRow) {
    let last = rows.iter().rposition(|other| other.id == row.id);
    let place = last
        .and_then(|last| last.checked_add(1))
        .unwrap_or(rows.len());
    rows.insert(place, row);
}

fn first_version(row: &LinuxRow) -> &str {
    use super::row::Versions;
    match &row.versions {
        Versions::Any => "",
        Versions::Listed(listed) => listed.first().map_or("", |first| first.as_str()),
        Versions::Range { first, .. } => first.as_str(),
    }
}

/// Whether the release of a row lies within a deprecated span.
fn is_deprecated(row: &LinuxRow) -> bool {
    let parts = usize::from(row.release_parts);
    let release: Vec<u64> = numbers(first_version(row)).take(parts).collect();
    DEPRECATED.iter().any(|(id, first, last)| {
        row.id == *id && numbers(first).le(release.clone()) && numbers(last).ge(release.clone())
    })
}
