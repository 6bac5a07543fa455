//! The tables are the guide's, row for row.

use super::*;

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
