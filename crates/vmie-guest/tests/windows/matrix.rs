//! Every row of the matrix, and what is just beside it.

use vmie_guest::{Arch, Decision, Mode, Severity};
use vmie_rules::SvcId;
use vmie_rules::matrix::{Edition, Matrix};
use vmie_testkit::pe;
use vmie_testkit::windows::{Guest, PRODUCTS, of};

use super::{codes, look, say};

#[test]
fn svc_os_3_a_guest_of_every_row_edition_and_word_size_is_taken() {
    let mut guests = 0;
    for year in Edition::ALL {
        for row in &Matrix::edition(year).windows {
            for edition in &row.editions {
                for bits in &row.bits {
                    let mut guest = Guest::new(of(&row.product), edition);
                    guest.machine = if *bits == 32 { pe::I386 } else { pe::AMD64 };
                    let inspection = look(&guest);
                    let system = &inspection.systems[0];
                    assert_eq!(inspection.systems.len(), 1);
                    assert_eq!(system.os.id.get().unwrap(), "windows");
                    assert_eq!(system.os.name, row.product);
                    assert_eq!(system.os.edition.as_ref(), Some(edition));
                    let (major, minor, build) = guest.product.version;
                    let version = format!("{major}.{minor}.{build}");
                    assert_eq!(system.os.version.get(), Some(&version));
                    assert_eq!(system.kernels[0].release, format!("{version}.107"));
                    let verdict = say(&inspection, year, Mode::Practical);
                    assert_eq!(verdict.decision, Decision::Accepted, "{row} {verdict:#?}");
                    assert_eq!(verdict.row, Some(row.label()));
                    let strict = say(&inspection, year, Mode::Strict);
                    let old = row.deprecated(super::as_of()).is_some()
                        || (*bits == 32 && year == Edition::E2026);
                    let wanted = if old {
                        Decision::Refused
                    } else {
                        Decision::Accepted
                    };
                    assert_eq!(strict.decision, wanted, "{row}");
                    guests += 1;
                }
            }
        }
    }
    assert!(guests >= 90, "{guests}");
    assert_eq!(PRODUCTS.len(), 17);
}

fn refused(guest: &Guest, code: &str, svc: SvcId) -> String {
    let inspection = look(guest);
    let verdict = say(&inspection, Edition::E2026, Mode::Practical);
    assert_eq!(verdict.decision, Decision::Refused, "{:?}", codes(&verdict));
    let finding = verdict
        .finding(code)
        .unwrap_or_else(|| panic!("{:?}", codes(&verdict)));
    assert_eq!(finding.severity, Severity::Refuse);
    assert!(finding.svc.contains(&svc));
    finding.title.clone()
}

#[test]
fn svc_err_14_editions_beside_the_list_are_refused() {
    for (product, edition) in [
        ("Windows Server 2003", "Web"),
        ("Windows Server 2008", "Web Server"),
        ("Windows Server 2012", "ServerSolution"),
        ("Windows Server 2019", "ServerTurbine"),
        ("Windows 7", "Starter"),
        ("Windows 8.1", "Home"),
        ("Windows 8", "Education"),
        ("Windows 10", "ProfessionalWorkstation"),
        ("Windows 11", "ServerRdsh"),
    ] {
        let guest = Guest::new(of(product), edition);
        let title = refused(&guest, "edition-not-listed", SvcId::Os3);
        assert!(title.starts_with(product), "{title}");
        let verdict = say(&look(&guest), Edition::E2026, Mode::Practical);
        let text = verdict
            .finding("edition-not-listed")
            .unwrap()
            .service_message
            .clone();
        assert_eq!(text.unwrap(), "ClientError: Unknown OS / Missing OS files");
    }
}

#[test]
fn every_row_of_64_bits_alone_refuses_32_and_every_row_arm() {
    for row in &Matrix::edition(Edition::E2026).windows {
        let mut guest = Guest::new(of(&row.product), &row.editions[0]);
        guest.machine = pe::ARM64;
        refused(&guest, "architecture-unsupported", SvcId::Os3);
        assert_eq!(look(&guest).systems[0].os.arch.get(), Some(&Arch::Arm64));
        if row.bits == [64] {
            guest.machine = pe::I386;
            refused(&guest, "architecture-unsupported", SvcId::Os3);
        }
    }
}

#[test]
fn nano_server_is_refused_and_server_core_is_not() {
    let mut guest = Guest::new(of("Windows Server 2016"), "ServerDatacenterNano");
    guest.installation = Some("Nano Server");
    let title = refused(&guest, "installation-excluded", SvcId::Os3);
    assert!(title.contains("Nano Server"), "{title}");
    let mut core = Guest::new(of("Windows Server 2016"), "Datacenter");
    core.installation = Some("Server Core");
    let verdict = say(&look(&core), Edition::E2026, Mode::Strict);
    assert_eq!(verdict.decision, Decision::Accepted);
}

#[test]
fn svc_os_2_windows_11_needs_uefi() {
    let mut guest = Guest::new(of("Windows 11"), "Professional");
    guest.uefi = false;
    refused(&guest, "uefi-required", SvcId::Os2);
}

#[test]
fn server_2003_needs_a_service_pack() {
    let mut guest = Guest::new(of("Windows Server 2003"), "Standard");
    guest.service_pack = 0;
    refused(&guest, "service-pack-not-listed", SvcId::Os3);
}

#[test]
fn products_beside_the_list_are_refused() {
    for (name, version, server, edition) in [
        ("Windows Vista", (6, 0, 6002), false, "Ultimate"),
        ("Windows XP", (5, 1, 2600), false, "Professional"),
        ("Windows Server 20H2", (10, 0, 19042), true, "Datacenter"),
        (
            "Windows Server 1809",
            (10, 0, 17763),
            true,
            "ServerDatacenterACor",
        ),
    ] {
        let mut product = of("Windows Server 2019");
        product.version = version;
        product.server = server;
        product.says = name;
        let title = refused(
            &Guest::new(product, edition),
            "system-not-listed",
            SvcId::Os3,
        );
        assert!(title.starts_with(name), "{title}");
    }
}
