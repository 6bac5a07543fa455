//! How a Windows is started: the rules of the guide for disks that start both ways, and old menus.

use vmie_fs::FsKind;
use vmie_guest::{
    BootMode, Container, Decision, Disk, Fact, GuestVolume, ImportRequest, Inspection, Matrix,
    Mode, Verdict, inspect_volumes, judge,
};
use vmie_io::{Budget, Limits};
use vmie_rules::SvcId;
use vmie_rules::guest;
use vmie_rules::matrix::Edition;
use vmie_testkit::hive::HiveBuilder;
use vmie_testkit::table::{GptEntry, GptTable, guid};
use vmie_testkit::windows::{Guest, of};
use vmie_volumes::{VolumeId, read_layout};

use super::{as_of, codes, layout, look, look_at, say, volume};

const ESP: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
const DATA: &str = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7";
/// 2 TB, of which SVC-BOOT-2 speaks.
const TWO_TB: u64 = 2_000_000_000_000;

/// A GPT disk that starts both ways: boot code and a partition for a BIOS, an EFI system partition
/// for UEFI; said to be of `size` bytes, with so many partitions.
fn both_ways(product: &str, edition: &str, size: u64, partitions: u64) -> Inspection {
    let mut disk = vec![0u8; 16 << 20];
    let entries = (0..partitions).map(|number| GptEntry {
        kind: guid(if number == 0 { ESP } else { DATA }),
        guid: [u8::try_from(number).unwrap() + 1; 16],
        first: 2048 * (number + 1),
        last: 2048 * (number + 2) - 1,
        // Legacy BIOS bootable.
        attributes: if number == 1 { 4 } else { 0 },
        name: String::new(),
    });
    GptTable::new(512, entries.collect()).write(&mut disk);
    disk[..4].copy_from_slice(&[0x33, 0xc0, 0x8e, 0xd0]);
    let layout = read_layout(&disk, &Budget::default()).unwrap();
    let mut windows = Guest::new(of(product), edition);
    windows.uefi = true;
    let volumes: Vec<GuestVolume<'_>> = [
        volume(FsKind::Fat32, windows.boot_files()),
        volume(FsKind::Ntfs, windows.files()),
    ]
    .into_iter()
    .zip(1..)
    .map(|(files, number)| {
        let partition = layout.partition(number).cloned();
        GuestVolume::new(VolumeId::partition(0, number), 1 << 20, partition, files)
    })
    .collect();
    let disk = Disk::new(0, size, Fact::known(layout, Vec::new()));
    let found = inspect_volumes(vec![disk], &volumes, &Limits::default());
    let modes = [BootMode::LegacyBios, BootMode::Uefi];
    assert_eq!(found.boot.modes.get().unwrap(), &modes);
    found
}

fn judged(found: &Inspection, format: &str, mode: Option<guest::BootMode>) -> Verdict {
    let container = Container::new(format, "dynamic", 1 << 30);
    let mut request = ImportRequest::new().with_container(container);
    request.boot_mode = mode;
    let matrix = Matrix::edition(Edition::E2026);
    judge(found, &request, &matrix, Mode::Practical, as_of())
}

/// Windows 11 is refused exactly when it would be started by a BIOS.
#[test]
fn svc_boot_2_legacy_bios_is_chosen_for_a_small_plain_vhdx_alone() {
    let by_bios = |size, partitions, format, mode| {
        let found = both_ways("Windows 11", "Professional", size, partitions);
        codes(&judged(&found, format, mode)).contains(&"uefi-required")
    };
    assert!(by_bios(TWO_TB - 1, 4, "vhdx", None));
    assert!(!by_bios(TWO_TB, 4, "vhdx", None), "2 TB");
    assert!(!by_bios(TWO_TB - 1, 5, "vhdx", None), "five partitions");
    assert!(!by_bios(TWO_TB - 1, 4, "vhd", None), "a VHD");
    let uefi = Some(guest::BootMode::Uefi);
    assert!(!by_bios(TWO_TB - 1, 4, "vhdx", uefi), "asked for UEFI");
    let bios = Some(guest::BootMode::LegacyBios);
    assert!(by_bios(TWO_TB, 5, "raw", bios), "asked for a BIOS");
    let mut dynamic = both_ways("Windows 11", "Professional", 1 << 30, 2);
    dynamic.disks[0].dynamic = true;
    assert!(!codes(&judged(&dynamic, "vhdx", None)).contains(&"uefi-required"));
}

/// One mode alone needs no parameter.
#[test]
fn svc_boot_2_one_mode_alone_needs_no_parameter() {
    for product in ["Windows 11", "Windows Server 2019"] {
        let edition = if product == "Windows 11" {
            "Professional"
        } else {
            "Standard"
        };
        let mut windows = Guest::new(of(product), edition);
        windows.uefi = true;
        let found = look(&windows);
        assert_eq!(found.boot.modes.get().unwrap(), &[BootMode::Uefi]);
        let verdict = judged(&found, "vhdx", None);
        assert_eq!(verdict.decision, Decision::Accepted);
        for code in ["gpt-converted-to-mbr", "boot-mode-not-asked-for"] {
            assert!(verdict.finding(code).is_none(), "{product} {code}");
        }
    }
}

#[test]
fn svc_boot_3_a_gpt_that_starts_both_ways_is_converted() {
    let said = |size, partitions, format| {
        let found = both_ways("Windows Server 2019", "Standard", size, partitions);
        let verdict = judged(&found, format, None);
        let finding = verdict.finding("gpt-converted-to-mbr").unwrap();
        assert_eq!(finding.svc, [SvcId::Boot2, SvcId::Boot3]);
        finding.title.contains("is converted")
    };
    // Both rules agree.
    assert!(said(1 << 40, 3, "vhdx"));
    // The one speaks of four partitions, the other of three.
    assert!(!said(1 << 40, 4, "vhdx"));
    assert!(!said(TWO_TB, 3, "vhdx"));
    assert!(!said(1 << 40, 3, "raw"));
    let found = both_ways("Windows Server 2019", "Standard", 1 << 40, 3);
    let asked = judged(&found, "vhdx", Some(guest::BootMode::Uefi));
    assert!(asked.finding("gpt-converted-to-mbr").is_none());
}

#[test]
fn svc_boot_7_without_a_bootable_partition_nothing_is_imported() {
    let windows = Guest::new(of("Windows Server 2019"), "Standard");
    let mut disk = vec![0u8; 8 << 20];
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    for (at, start) in [(446, 2048u32), (462, 4096)] {
        disk[at + 4] = 7;
        disk[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
        disk[at + 12..at + 16].copy_from_slice(&2048u32.to_le_bytes());
    }
    let layout = read_layout(&disk, &Budget::default()).unwrap();
    let files = vec![
        volume(FsKind::Ntfs, windows.boot_files()),
        volume(FsKind::Ntfs, windows.files()),
    ];
    let verdict = say(&look_at(layout, files), Edition::E2026, Mode::Practical);
    assert_eq!(verdict.decision, Decision::Refused);
    let finding = verdict.finding("no-bootable-partition").unwrap();
    assert_eq!(finding.svc, [SvcId::Boot7, SvcId::Err7]);
    let text = finding.service_message.as_deref().unwrap();
    assert!(text.contains("No bootable partition found"), "{text}");
}

#[test]
fn svc_lim_2_and_10_boot_ini_is_read() {
    let said = |menu: &str| {
        let mut windows = Guest::new(of("Windows Server 2003"), "Standard");
        windows
            .more
            .push(("/boot.ini".to_owned(), menu.as_bytes().to_vec()));
        let mut files = windows.files();
        // The plain one of the testkit.
        files.retain(|(path, bytes)| path != "/boot.ini" || bytes == menu.as_bytes());
        let volumes = vec![volume(FsKind::Ntfs, files)];
        say(&look_at(layout(), volumes), Edition::E2025, Mode::Practical)
    };
    let one = "[boot loader]\r\ndefault=multi(0)disk(0)rdisk(0)partition(1)\\WINDOWS\r\n[operating systems]\r\n\
        multi(0)disk(0)rdisk(0)partition(1)\\WINDOWS=\"Windows Server 2003\" /fastdetect\r\n\
        C:\\CMDCONS\\BOOTSECT.DAT=\"Recovery Console\" /cmdcons\r\n";
    let plain = codes(&said(one));
    for code in [
        "several-boot-entries",
        "ems-enabled",
        "no-boot-configuration",
    ] {
        assert!(!plain.contains(&code), "{code}");
    }
    let two = format!("{one}multi(0)disk(0)rdisk(0)partition(2)\\WINNT=\"Other\" /redirect\r\n");
    let verdict = said(&two);
    let finding = verdict.finding("several-boot-entries").unwrap();
    assert_eq!(finding.evidence[1].line, Some(6));
    assert_eq!(finding.evidence[1].path.as_deref(), Some("/boot.ini"));
    let ems = verdict.finding("ems-enabled").unwrap();
    assert_eq!(ems.svc, [SvcId::Lim10, SvcId::Mod2]);
}

#[test]
fn svc_lic_4_sql_server_is_told_with_its_edition() {
    let mut windows = Guest::new(of("Windows Server 2019"), "Standard");
    let base = "Microsoft\\Microsoft SQL Server";
    windows.software = HiveBuilder::new()
        .text(
            &format!("{base}\\Instance Names\\SQL"),
            "MSSQLSERVER",
            "MSSQL15.MSSQLSERVER",
        )
        .text(
            &format!("{base}\\MSSQL15.MSSQLSERVER\\Setup"),
            "Edition",
            "Standard Edition",
        )
        .text(
            &format!("{base}\\MSSQL15.MSSQLSERVER\\Setup"),
            "Version",
            "15.0.2000.5",
        );
    let found = look(&windows);
    let servers = &found.systems[0].windows.as_deref().unwrap().sql_servers;
    assert_eq!(servers[0].version.as_deref(), Some("15.0.2000.5"));
    let verdict = say(&found, Edition::E2026, Mode::Practical);
    assert_eq!(verdict.decision, Decision::Accepted);
    let finding = verdict.finding("sql-server-installed").unwrap();
    assert_eq!(finding.svc, [SvcId::Lic4]);
    assert!(
        finding.title.contains("MSSQLSERVER (Standard Edition)"),
        "{}",
        finding.title
    );
    assert!(finding.remedy.contains("RunInstances:0006"));
}

#[test]
fn svc_err_20_a_domain_controllers_database_must_come_along() {
    let said = |database: &str| {
        let control = |path: &str| format!("{}\\{path}", vmie_testkit::windows::CONTROL_SET);
        let mut windows = Guest::new(of("Windows Server 2016"), "Datacenter");
        windows.more.push(("ProductType".to_owned(), Vec::new()));
        windows.system = HiveBuilder::new()
            .text(
                &control("Control\\ProductOptions"),
                "ProductType",
                "LanmanNT",
            )
            .text(
                &control("Services\\NTDS\\Parameters"),
                "DSA Database file",
                database,
            );
        let found = look(&windows);
        assert!(
            found.systems[0]
                .windows
                .as_deref()
                .unwrap()
                .domain_controller
        );
        let verdict = say(&found, Edition::E2026, Mode::Practical);
        verdict.finding("domain-controller").unwrap().clone()
    };
    let elsewhere = said("D:\\NTDS\\ntds.dit");
    assert!(
        elsewhere.title.contains("D:\\NTDS\\ntds.dit"),
        "{}",
        elsewhere.title
    );
    assert_eq!(elsewhere.svc, [SvcId::Err20]);
    assert!(
        !said("C:\\Windows\\NTDS\\ntds.dit")
            .title
            .contains("another drive")
    );
}
