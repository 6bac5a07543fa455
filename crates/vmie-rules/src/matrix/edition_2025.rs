//! The tables of the 2025 edition (SVC-OS), row by row in its order.

use alloc::string::String;
use alloc::vec::Vec;

use super::kernel::{Flavour, Kernel};
use super::row::{LinuxRow, Versions, WindowsRow};
use super::version::Version;
use super::{Edition, Matrix};

/// Versions as the table's second column writes them.
#[derive(Clone, Copy)]
pub(super) enum V {
    /// One.
    One(&'static str),
    /// Several, with commas.
    List(&'static [&'static str]),
    /// From, to.
    To(&'static str, &'static str),
}

/// Kernels as the third column writes them.
#[derive(Clone, Copy)]
pub(super) enum K {
    /// Series of whatever flavour.
    Any(&'static [&'static str]),
    /// Series, without one release.
    Not(&'static str, &'static str),
    /// Oracle Linux: series of RHCK, then series of UEK, then the suffix of the latter.
    Oracle(
        &'static [&'static str],
        &'static [&'static str],
        Option<&'static str>,
    ),
}

/// A system: id, name, leading numbers of a release.
#[derive(Clone, Copy)]
pub(super) struct System(
    pub(super) &'static str,
    pub(super) &'static str,
    pub(super) u8,
);

pub(super) const AMAZON: System = System("amzn", "Amazon Linux", 1);
pub(super) const CENTOS: System = System("centos", "CentOS", 1);
pub(super) const DEBIAN: System = System("debian", "Debian", 1);
pub(super) const FEDORA: System = System("fedora", "Fedora", 1);
pub(super) const ORACLE: System = System("ol", "Oracle Linux", 1);
pub(super) const RHEL: System = System("rhel", "RHEL", 1);
pub(super) const ROCKY: System = System("rocky", "Rocky Linux", 1);
pub(super) const SLES: System = System("sles", "SLES", 1);
pub(super) const UBUNTU: System = System("ubuntu", "Ubuntu", 2);

/// A row: system, versions, service packs (0 is none), kernels.
pub(super) type Row = (System, V, &'static [u32], K);

pub(super) const LINUX: &[Row] = &[
    (
        AMAZON,
        V::One("2"),
        &[],
        K::Any(&["4.14", "4.19", "5.4", "5.10"]),
    ),
    (CENTOS, V::To("5.1", "5.11"), &[], K::Any(&["2.6.18"])),
    (CENTOS, V::To("6.1", "6.8"), &[], K::Any(&["2.6.32"])),
    (CENTOS, V::To("7.0", "7.9"), &[], K::Any(&["3.10.0"])),
    (CENTOS, V::To("8.0", "8.2"), &[], K::Any(&["4.18.0"])),
    (CENTOS, V::One("9"), &[], K::Any(&["5.14.0"])),
    (DEBIAN, V::To("6.0.0", "6.0.8"), &[], K::Any(&["2.6.32"])),
    (DEBIAN, V::To("7.0.0", "7.8.0"), &[], K::Any(&["3.2.0"])),
    (DEBIAN, V::One("10"), &[], K::Any(&["4.19.0"])),
    (DEBIAN, V::One("11"), &[], K::Any(&["5.10.0"])),
    (DEBIAN, V::List(&["12.2", "12.4"]), &[], K::Any(&["6.1.0"])),
    (FEDORA, V::One("18"), &[], K::Any(&["3.2.5"])),
    (FEDORA, V::One("19"), &[], K::Any(&["3.9.5"])),
    (FEDORA, V::One("20"), &[], K::Any(&["3.11.10"])),
    (FEDORA, V::One("37"), &[], K::Any(&["6.0.7"])),
    (FEDORA, V::One("38"), &[], K::Any(&["6.2.9"])),
    (FEDORA, V::One("39"), &[], K::Any(&["6.5.6"])),
    (
        ORACLE,
        V::To("5.10", "5.11"),
        &[],
        K::Oracle(&[], &[], Some("el5uek")),
    ),
    (
        ORACLE,
        V::To("6.1", "6.10"),
        &[],
        K::Oracle(&["2.6.32", "2.6.39"], &["3.8.13", "4.1.12"], None),
    ),
    (
        ORACLE,
        V::To("7.0", "7.6"),
        &[],
        K::Oracle(
            &["3.10.0"],
            &["3.8.13", "4.1.12", "4.14.35", "5.4.17"],
            None,
        ),
    ),
    (
        ORACLE,
        V::To("8.0", "8.9"),
        &[],
        K::Oracle(&["4.18.0"], &["5.15.0"], Some("el8uek")),
    ),
    (
        ORACLE,
        V::To("9.0", "9.4"),
        &[],
        K::Oracle(&["5.14.0"], &["5.15.0"], Some("el9uek")),
    ),
    (RHEL, V::One("5"), &[], K::Any(&["2.6.18"])),
    (RHEL, V::One("6"), &[], K::Not("2.6.32", "2.6.32-71")),
    (RHEL, V::One("7"), &[], K::Any(&["3.10.0"])),
    (RHEL, V::To("8.0", "8.9"), &[], K::Any(&["4.18.0"])),
    (RHEL, V::To("9.0", "9.4"), &[], K::Any(&["5.14.0"])),
    (ROCKY, V::To("9.0", "9.4"), &[], K::Any(&["5.14.0"])),
    (SLES, V::One("11"), &[1], K::Any(&["2.6.32.12"])),
    (SLES, V::One("11"), &[2], K::Any(&["3.0.13"])),
    (SLES, V::One("11"), &[3], K::Any(&["3.0.76", "3.0.101"])),
    (SLES, V::One("11"), &[4], K::Any(&["3.0.101"])),
    (SLES, V::One("12"), &[0], K::Any(&["3.12.28"])),
    (SLES, V::One("12"), &[1], K::Any(&["3.12.49"])),
    (SLES, V::One("12"), &[2, 3], K::Any(&["4.4"])),
    (SLES, V::One("12"), &[4, 5], K::Any(&["4.12"])),
    (SLES, V::One("15"), &[0, 1], K::Any(&["4.12"])),
    (SLES, V::One("15"), &[2, 3], K::Any(&["5.3"])),
    (SLES, V::One("15"), &[4, 5], K::Any(&["5.14.21"])),
    (SLES, V::One("15"), &[6], K::Any(&["6.4"])),
    (UBUNTU, V::One("12.04"), &[], K::Any(&["3.2.0"])),
    (UBUNTU, V::One("12.10"), &[], K::Any(&["3.5.0"])),
    (UBUNTU, V::One("13.04"), &[], K::Any(&["3.8.0"])),
    (UBUNTU, V::One("13.10"), &[], K::Any(&["3.11"])),
    (
        UBUNTU,
        V::One("14.04"),
        &[],
        K::Any(&["3.13.0", "3.16.0", "3.19.0"]),
    ),
    (UBUNTU, V::One("14.10"), &[], K::Any(&["3.16"])),
    (UBUNTU, V::One("15.04"), &[], K::Any(&["3.19.0"])),
    (
        UBUNTU,
        V::One("16.04"),
        &[],
        K::Any(&["4.2.0", "4.4.0", "4.8.0", "4.10.0", "4.15.0"]),
    ),
    (UBUNTU, V::One("16.10"), &[], K::Any(&["4.8.0"])),
    (UBUNTU, V::One("17.04"), &[], K::Any(&["4.10.0"])),
    (UBUNTU, V::One("18.04"), &[], K::Any(&["4.15.0", "5.4.0"])),
    (UBUNTU, V::One("20.04"), &[], K::Any(&["5.4.0"])),
    (UBUNTU, V::One("22.04"), &[], K::Any(&["5.15.0"])),
    // 23.04 shipped 6.2; the guide says 5.15.0, and so does this row.
    (UBUNTU, V::One("23.04"), &[], K::Any(&["5.15.0"])),
];

pub(super) fn linux_row(row: &Row) -> LinuxRow {
    let (System(id, name, release_parts), versions, service_packs, kernels) = row;
    LinuxRow {
        id: String::from(*id),
        name: String::from(*name),
        versions: match versions {
            V::One(one) => Versions::one(one),
            V::List(list) => Versions::Listed(list.iter().map(|one| Version::new(*one)).collect()),
            V::To(first, last) => Versions::Range {
                first: Version::new(*first),
                last: Version::new(*last),
            },
        },
        release_parts: *release_parts,
        service_packs: service_packs.to_vec(),
        kernels: kernels_of(kernels),
        deprecated_from: None,
    }
}

fn kernels_of(kernels: &K) -> Vec<Kernel> {
    match kernels {
        K::Any(series) => series.iter().map(|series| Kernel::series(series)).collect(),
        K::Not(series, excluded) => [Kernel {
            excluded: [Version::new(*excluded)].into(),
            ..Kernel::series(series)
        }]
        .into(),
        K::Oracle(rhck, uek, suffix) => {
            let suffix = suffix.map(String::from);
            let mut kernels: Vec<Kernel> = rhck
                .iter()
                .map(|series| Kernel {
                    flavour: Flavour::Rhck,
                    ..Kernel::series(series)
                })
                .collect();
            kernels.extend(uek.iter().map(|series| Kernel {
                flavour: Flavour::Uek,
                suffix: suffix.clone(),
                ..Kernel::series(series)
            }));
            if uek.is_empty() && suffix.is_some() {
                let excluded = Vec::new();
                kernels.push(Kernel {
                    series: None,
                    flavour: Flavour::Uek,
                    suffix,
                    excluded,
                });
            }
            kernels
        }
    }
}

/// A Windows row: product, editions, word sizes, word sizes in opt-in Regions.
pub(super) type Windows = (
    &'static str,
    &'static [&'static str],
    &'static [u8],
    &'static [u8],
);

const SERVER: &[&str] = &["Standard", "Datacenter"];
const OLD_SERVER: &[&str] = &["Standard", "Datacenter", "Enterprise"];
const PLAIN_CLIENT: &[&str] = &["Professional", "Enterprise"];
const NEW_CLIENT: &[&str] = &["Home", "Professional", "Enterprise", "Education"];

const WINDOWS: &[Windows] = &[
    ("Windows Server 2003", OLD_SERVER, &[32, 64], &[]),
    ("Windows Server 2003 R2", OLD_SERVER, &[32, 64], &[]),
    ("Windows Server 2008", OLD_SERVER, &[32, 64], &[]),
    (
        "Windows Server 2008 R2",
        &["Standard", "Web Server", "Datacenter", "Enterprise"],
        &[64],
        &[64],
    ),
    ("Windows Server 2012", SERVER, &[64], &[64]),
    ("Windows Server 2012 R2", SERVER, &[64], &[64]),
    ("Windows Server 2016", SERVER, &[64], &[64]),
    ("Windows Server 1709", SERVER, &[64], &[64]),
    ("Windows Server 1803", SERVER, &[64], &[64]),
    ("Windows Server 2019", SERVER, &[64], &[64]),
    ("Windows Server 2022", SERVER, &[64], &[64]),
    (
        "Windows 7",
        &["Home", "Professional", "Enterprise", "Ultimate"],
        &[32, 64],
        &[64],
    ),
    (
        "Windows 8",
        &["Home", "Professional", "Enterprise"],
        &[32, 64],
        &[64],
    ),
    ("Windows 8.1", PLAIN_CLIENT, &[64], &[64]),
    ("Windows 10", NEW_CLIENT, &[64], &[64]),
    ("Windows 11", NEW_CLIENT, &[64], &[64]),
];

/// The two Regions of the China partition.
const CHINA: &[&str] = &["cn-north-1", "cn-northwest-1"];

/// Where Windows 11 is not supported: Hyderabad, Jakarta, Melbourne, Beijing, Ningxia, Spain,
/// Zurich, UAE.
const NOT_WINDOWS_11: &[&str] = &[
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "cn-north-1",
    "cn-northwest-1",
    "eu-south-2",
    "eu-central-2",
    "me-central-1",
];

pub(super) fn windows_row(row: &Windows) -> WindowsRow {
    let (product, editions, bits, opt_in_bits) = row;
    let not_in = match *product {
        "Windows Server 2022" | "Windows Server 2025" => CHINA,
        "Windows 11" => NOT_WINDOWS_11,
        _ => &[],
    };
    let excluded: &[&str] = match *product {
        "Windows Server 2016" => &["Nano Server"],
        _ => &[],
    };
    let owned = |list: &[&str]| {
        list.iter()
            .map(|one| String::from(*one))
            .collect::<Vec<_>>()
    };
    WindowsRow {
        product: String::from(*product),
        min_service_pack: u32::from(*product == "Windows Server 2003"),
        client: !product.starts_with("Windows Server"),
        editions: owned(editions),
        excluded: owned(excluded),
        bits: bits.to_vec(),
        opt_in_bits: opt_in_bits.to_vec(),
        not_in: owned(not_in),
        uefi_only: *product == "Windows 11",
        deprecated_from: None,
    }
}

/// Windows Server 2025, which the next edition adds like its predecessor.
pub(super) const WINDOWS_2025: Windows = ("Windows Server 2025", SERVER, &[64], &[64]);

pub(super) fn matrix() -> Matrix {
    Matrix {
        name: String::from(Edition::E2025.as_str()),
        linux: LINUX.iter().map(linux_row).collect(),
        windows: WINDOWS.iter().map(windows_row).collect(),
        i386_deprecated_from: None,
    }
}
