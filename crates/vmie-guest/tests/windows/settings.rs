//! Settings that get in the way, damage, and systems beside others.

use vmie_fs::{FsKind, MemoryFs};
use vmie_guest::{BootMode, Decision, ImportRequest, Matrix, Mode, judge};
use vmie_rules::license::LicenseType;
use vmie_rules::matrix::Edition;
use vmie_testkit::hive::HiveBuilder;
use vmie_testkit::windows::{CONTROL_SET, Guest, of, store};

use super::{as_of, codes, layout, look, look_at, say, volume};

fn server() -> Guest {
    Guest::new(of("Windows Server 2019"), "Standard")
}

fn found(guest: &Guest) -> Vec<&'static str> {
    codes(&say(&look(guest), Edition::E2026, Mode::Practical))
}

fn control(path: &str) -> String {
    format!("{CONTROL_SET}\\{path}")
}

#[test]
fn a_server_that_is_set_up_well_has_no_findings() {
    let mut guest = server();
    let service = |hive: HiveBuilder, name: &str, start: u32| {
        hive.number(&control(&format!("Services\\{name}")), "Start", start)
    };
    let mut system = HiveBuilder::new()
        .number(
            &control("Control\\TimeZoneInformation"),
            "RealTimeIsUniversal",
            1,
        )
        .texts(
            &control("Control\\Session Manager\\Memory Management"),
            "PagingFiles",
            &["c:\\page file.sys 4096 4096"],
        )
        .number(
            &control("Control\\Terminal Server"),
            "fDenyTSConnections",
            0,
        )
        .number(
            &control("Services\\Tcpip\\Parameters\\Interfaces\\{a}"),
            "EnableDHCP",
            1,
        );
    for (name, start) in [("stornvme", 0), ("ena", 3), ("Dhcp", 2), ("TermService", 3)] {
        system = service(system, name, start);
    }
    guest.system = system;
    guest.software = HiveBuilder::new().number(
        "Microsoft\\NET Framework Setup\\NDP\\v4\\Full",
        "Release",
        461_814,
    );
    assert_eq!(found(&guest), Vec::<&str>::new());
    let inspection = look(&guest);
    let windows = inspection.systems[0].windows.as_deref().unwrap();
    assert_eq!(windows.computer_name.as_deref(), Some("PHONY"));
    assert_eq!(windows.page_files[0].path, "c:\\page file.sys");
    assert!(windows.page_files[0].is_fixed() && windows.interfaces[0].dhcp);
    let seen = windows.product.evidence();
    assert!(
        seen[0]
            .says
            .contains("ProductName = Windows Server 2019 Standard")
    );
    assert!(seen[0].offset.is_some());
}

#[test]
fn svc_cfg_3_and_lim_10_what_gets_in_the_way_is_told() {
    let mut guest = server();
    let mut system = HiveBuilder::new()
        .number(
            &control("Control\\Terminal Server"),
            "fDenyTSConnections",
            1,
        )
        .number(
            &control("Services\\Tcpip\\Parameters\\Interfaces\\{a}"),
            "EnableDHCP",
            0,
        )
        .texts(
            &control("Services\\Tcpip\\Parameters\\Interfaces\\{a}"),
            "IPAddress",
            &["192.0.2.7"],
        )
        .key(&control("Control\\MUI\\UILanguages\\ja-JP"))
        .texts(
            &control("Control\\Session Manager"),
            "PendingFileRenameOperations",
            &["\\??\\C:\\x"],
        );
    for (name, start) in [("vmms", 2), ("Dhcp", 4), ("VMTools", 2), ("ekrn", 2)] {
        system = system.number(&control(&format!("Services\\{name}")), "Start", start);
    }
    guest.system = system;
    guest.software = HiveBuilder::new()
        .text(
            "Microsoft\\Windows NT\\CurrentVersion\\Winlogon",
            "AutoAdminLogon",
            "1",
        )
        .text(
            "Microsoft\\Windows\\CurrentVersion\\Setup\\State",
            "ImageState",
            "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE",
        );
    let found = found(&guest);
    for code in [
        "hyper-v-role",
        "remote-desktop-off",
        "dhcp-client-off",
        "static-address",
        "language-packs",
        "updates-pending",
        "autologon",
        "clock-is-local-time",
        "page-file-not-fixed",
        "no-dot-net",
        "nitro-drivers-missing",
        "guest-tools",
        "security-software",
        "sysprep-answer-file",
    ] {
        assert!(found.contains(&code), "{code} is not in {found:?}");
    }
}

#[test]
fn svc_lim_10_ems_is_told_with_its_place() {
    let guest = server();
    let boot = vec![("/Boot/BCD".to_owned(), store(false, &["260000b0"]).build())];
    let inspection = look_at(
        layout(),
        vec![
            volume(FsKind::Ntfs, boot),
            volume(FsKind::Ntfs, guest.files()),
        ],
    );
    let verdict = say(&inspection, Edition::E2026, Mode::Practical);
    let finding = verdict.finding("ems-enabled").unwrap();
    assert!(finding.evidence[0].offset.is_some());
    assert_eq!(finding.evidence[0].path.as_deref(), Some("/Boot/BCD"));
}

#[test]
fn svc_os_1_a_client_in_another_language_is_refused() {
    let mut guest = Guest::new(of("Windows 10"), "Professional");
    guest.more.push(("Language".to_owned(), Vec::new()));
    guest.system = HiveBuilder::new().text(&control("Control\\Nls\\Language"), "Default", "0407");
    let inspection = look(&guest);
    let verdict = say(&inspection, Edition::E2026, Mode::Practical);
    assert_eq!(verdict.decision, Decision::Refused);
    let finding = verdict.finding("language-not-us-english").unwrap();
    assert!(finding.title.contains("de-DE"), "{}", finding.title);
}

#[test]
fn svc_lim_2_linux_beside_windows_is_several_systems() {
    let linux = MemoryFs::new(FsKind::Ext4)
        .with_file("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .with_file("/etc/fstab", "UUID=ab / ext4 defaults 0 1\n")
        .with_file("/boot/vmlinuz-6.1.0-1-amd64", "x");
    let inspection = look_at(
        layout(),
        vec![linux, volume(FsKind::Ntfs, server().files())],
    );
    let families: Vec<_> = inspection
        .systems
        .iter()
        .map(|s| s.os.family.name())
        .collect();
    assert_eq!(families, ["linux", "windows"]);
    let verdict = say(&inspection, Edition::E2026, Mode::Practical);
    let finding = verdict.finding("several-systems").unwrap();
    assert!(
        finding.title.contains("Windows Server 2019"),
        "{}",
        finding.title
    );
}

#[test]
fn a_damaged_hive_leaves_the_verdict_open() {
    let guest = server();
    let mut files = guest.files();
    files[0].1 = b"regf and no more".to_vec();
    let boot = volume(FsKind::Ntfs, guest.boot_files());
    let inspection = look_at(layout(), vec![boot, volume(FsKind::Ntfs, files)]);
    let system = &inspection.systems[0];
    // The kernel's own program still tells the version.
    assert_eq!(system.os.version.get().unwrap(), "10.0.17763");
    let verdict = say(&inspection, Edition::E2026, Mode::Practical);
    assert_eq!(verdict.decision, Decision::Undetermined);
    let finding = verdict.finding("undetermined-system").unwrap();
    assert!(finding.title.contains("SOFTWARE"), "{}", finding.title);
}

#[test]
fn the_boot_manager_of_windows_is_a_program_for_uefi() {
    let guest = Guest::new(of("Windows 11"), "Professional");
    let inspection = look(&guest);
    assert_eq!(inspection.boot.modes.get().unwrap(), &[BootMode::Uefi]);
    let loader = &inspection.boot.esps[0].loaders.get().unwrap()[0];
    assert_eq!(loader, "/EFI/Microsoft/Boot/bootmgfw.efi");
    let windows = inspection.systems[0].windows.as_deref().unwrap();
    let entry = windows.boot.get().unwrap().default_entry().unwrap();
    assert_eq!(entry.is_uefi(), Some(true));
    assert!(inspection.systems[0].notes.is_empty());
}

#[test]
fn svc_lic_2_and_5_clients_bring_their_own_license_to_dedicated_hosts() {
    let judged = |product: &str, edition: &str, license: LicenseType| {
        let inspection = look(&Guest::new(of(product), edition));
        let request = ImportRequest::new().with_license_type(license);
        let matrix = Matrix::edition(Edition::E2026);
        let verdict = judge(&inspection, &request, &matrix, Mode::Practical, as_of());
        let named = |code: &str| verdict.finding(code).is_some();
        (
            named("license-type-not-allowed"),
            named("dedicated-host-needed"),
        )
    };
    let (client, server) = (
        ("Windows 10", "Professional"),
        ("Windows Server 2019", "Standard"),
    );
    assert_eq!(judged(client.0, client.1, LicenseType::Aws), (true, false));
    assert_eq!(judged(client.0, client.1, LicenseType::Byol), (false, true));
    assert_eq!(judged(server.0, server.1, LicenseType::Aws), (false, false));
    assert_eq!(judged(server.0, server.1, LicenseType::Byol), (false, true));
}
