//! Registries that are damaged, half written or missing; what a registry tells of the machine; and what lies
//! beside a Windows without being another one.

use vmie_fs::{FsKind, MemoryFs};
use vmie_guest::{Decision, Inspection, Severity};
use vmie_rules::SvcId;
use vmie_testkit::hive::{HiveBuilder, in_use, new_log, old_log};
use vmie_testkit::windows::{Guest, of, store};

use super::variants::{changed, control, practical, server, windows};
use super::{codes, layout, look, look_at, volume};

const SYSTEM: &str = "/Windows/System32/config/SYSTEM";
const SOFTWARE: &str = "/Windows/System32/config/SOFTWARE";

/// A registry that was in use when the disk was copied: what counts is in its logs.
#[test]
fn a_registry_with_dirty_logs_is_read_with_them() {
    let old = server().files();
    let mut newer = server();
    newer.system = HiveBuilder::new()
        .number(
            &control("Control\\Terminal Server"),
            "fDenyTSConnections",
            1,
        )
        .number(
            &control("Control\\TimeZoneInformation"),
            "RealTimeIsUniversal",
            1,
        );
    let bytes = |files: &[(String, Vec<u8>)]| {
        let found = files.iter().find(|(path, _)| path == SYSTEM);
        found.unwrap().1.clone()
    };
    let (old, new) = (bytes(&old), bytes(&newer.files()));
    let with = |logs: &[(&str, Vec<u8>)]| {
        changed(&server(), |files| {
            for (path, content) in files.iter_mut() {
                if path == SYSTEM {
                    *content = in_use(&old);
                }
            }
            for (suffix, log) in logs {
                files.push((format!("{SYSTEM}.{suffix}"), log.clone()));
            }
        })
    };
    let of_log = |found: &Inspection| {
        let windows = windows(found);
        (windows.remote_desktop, windows.universal_time)
    };
    for logs in [
        vec![("LOG1", new_log(&[&old, &new], 1))],
        vec![("LOG2", new_log(&[&old, &new], 1)), ("LOG1", Vec::new())],
        vec![("LOG", old_log(&old, &new))],
    ] {
        let found = with(&logs);
        assert_eq!(of_log(&found), (Some(false), true));
        assert!(windows(&found).problems.is_empty());
        assert!(practical(&found).finding("remote-desktop-off").is_some());
    }
    // Without its logs it is read as it stands, and that is told.
    let found = with(&[]);
    assert_eq!(of_log(&found), (None, false));
    let problem = &windows(&found).problems[0];
    assert!(
        problem.says.contains("its logs are missing"),
        "{}",
        problem.says
    );
    assert_eq!(problem.path.as_deref(), Some(SYSTEM));
}

/// Hives that are not there are files that the service misses; hives that cannot be read leave it open.
#[test]
fn svc_err_14_a_hive_that_is_not_there_is_refused_and_a_damaged_one_is_not_judged() {
    for hive in [SYSTEM, SOFTWARE] {
        let found = changed(&server(), |files| files.retain(|(path, _)| path != hive));
        let verdict = practical(&found);
        assert_eq!(verdict.decision, Decision::Refused, "{hive}");
        let finding = verdict.finding("system-files-missing").unwrap();
        assert_eq!(finding.svc, [SvcId::Os3, SvcId::Err14]);
        assert_eq!(
            finding.service_message.as_deref(),
            Some("ClientError: Unknown OS / Missing OS files")
        );
        assert!(
            finding.title.ends_with(&format!("there is no {hive}")),
            "{}",
            finding.title
        );
        assert!(verdict.finding("undetermined-system").is_none());
    }
    let neither = changed(&server(), |files| {
        files.retain(|(path, _)| path != SYSTEM && path != SOFTWARE);
    });
    assert_eq!(neither.systems.len(), 0);
    assert!(practical(&neither).finding("no-operating-system").is_some());

    let damaged = |bytes: Vec<u8>| {
        let found = changed(&server(), |files| {
            for (path, content) in files.iter_mut() {
                if path == SYSTEM {
                    content.clone_from(&bytes);
                }
            }
        });
        let verdict = practical(&found);
        assert_eq!(
            verdict.decision,
            Decision::Undetermined,
            "{:?}",
            codes(&verdict)
        );
        verdict
            .finding("undetermined-settings")
            .unwrap()
            .title
            .clone()
    };
    let title = damaged(b"regf and no more".to_vec());
    assert!(title.contains("SYSTEM cannot be read"), "{title}");
    assert!(damaged(Vec::new()).contains("SYSTEM cannot be read"));
    // It can be read, and has no settings that start.
    let title = damaged(HiveBuilder::new().number("Select", "Default", 3).build());
    assert!(title.contains("no control set that starts"), "{title}");
    // A client's language is not known then, either.
    let client = Guest::new(of("Windows 10"), "Professional");
    let found = changed(&client, |files| {
        for (path, content) in files.iter_mut() {
            if path == SYSTEM {
                content.truncate(100);
            }
        }
    });
    let verdict = practical(&found);
    assert!(verdict.finding("undetermined-language").is_some());
}

/// The control set that starts is the one that `Select` names, and the settings are its.
#[test]
fn svc_cfg_3_the_control_set_that_starts_is_the_one_that_counts() {
    let set = |number: u32, name: &str, kind: &str| {
        let key = format!("ControlSet{number:03}\\Control");
        HiveBuilder::new()
            .text(
                &format!("{key}\\ComputerName\\ComputerName"),
                "ComputerName",
                name,
            )
            .text(&format!("{key}\\ProductOptions"), "ProductType", kind)
            .text(&format!("{key}\\Nls\\Language"), "Default", "0409")
            .text(&format!("{key}\\Nls\\Language"), "InstallLanguage", "0407")
            .text(
                &format!("{key}\\TimeZoneInformation"),
                "TimeZoneKeyName",
                "W. Europe Standard Time",
            )
            .key(&format!("{key}\\MUI\\UILanguages\\en-US"))
            .key(&format!("{key}\\MUI\\UILanguages\\de-DE"))
    };
    let hive = set(2, "SECOND", "ServerNT")
        .text(
            "ControlSet001\\Control\\ComputerName\\ComputerName",
            "ComputerName",
            "FIRST",
        )
        .number("Select", "Current", 1)
        .number("Select", "Default", 2)
        .number("Select", "LastKnownGood", 1);
    let found = changed(&server(), |files| {
        for (path, content) in files.iter_mut() {
            if path == SYSTEM {
                *content = hive.build();
            }
        }
    });
    let windows = windows(&found);
    assert_eq!(windows.control_set, Some(2));
    assert_eq!(windows.computer_name.as_deref(), Some("SECOND"));
    assert_eq!(
        windows.time_zone.as_deref(),
        Some("W. Europe Standard Time")
    );
    assert_eq!(windows.language.get().map(String::as_str), Some("en-US"));
    assert_eq!(windows.install_language.as_deref(), Some("de-DE"));
    assert_eq!(windows.ui_languages, ["de-DE", "en-US"]);
    let verdict = practical(&found);
    assert!(
        verdict
            .finding("language-packs")
            .unwrap()
            .title
            .contains("(de-DE)")
    );
}

/// Each way in which a restart is asked for is told, with its place.
#[test]
fn svc_cfg_3_every_sign_of_a_pending_restart_is_told() {
    let current = "Microsoft\\Windows\\CurrentVersion";
    let key = |path: &str| HiveBuilder::new().key(&format!("{current}\\{path}"));
    let mut guests = Vec::new();
    for path in [
        "Component Based Servicing\\RebootPending",
        "Component Based Servicing\\PackagesPending",
        "WindowsUpdate\\Auto Update\\RebootRequired",
    ] {
        let mut guest = server();
        guest.software = key(path);
        guests.push((path, guest));
    }
    let mut guest = server();
    guest.system = HiveBuilder::new().texts(
        &control("Control\\Session Manager"),
        "PendingFileRenameOperations",
        &["\\??\\C:\\a", ""],
    );
    guests.push(("PendingFileRenameOperations", guest));
    let mut guest = server();
    let pending = "/Windows/WinSxS/pending.xml";
    guest.more.push((pending.to_owned(), b"<x/>".to_vec()));
    guests.push((pending, guest));
    for (place, guest) in guests {
        let verdict = practical(&look(&guest));
        let finding = verdict.finding("updates-pending").unwrap();
        assert_eq!(finding.svc, [SvcId::Cfg3]);
        assert_eq!(finding.evidence.len(), 1, "{place}");
        let seen = finding.evidence[0].to_string();
        assert!(seen.contains(place), "{place}: {seen}");
    }
    assert!(
        practical(&look(&server()))
            .finding("updates-pending")
            .is_none()
    );
}

#[test]
fn svc_err_19_dot_net_is_told_below_3_5_sp1() {
    let with = |three: Option<u32>, four: Option<u32>| {
        let base = "Microsoft\\NET Framework Setup\\NDP";
        let mut hive = HiveBuilder::new();
        if let Some(pack) = three {
            let key = format!("{base}\\v3.5");
            hive = hive.number(&key, "Install", 1).number(&key, "SP", pack);
        }
        if let Some(release) = four {
            hive = hive.number(&format!("{base}\\v4\\Full"), "Release", release);
        }
        let mut guest = server();
        guest.software = hive;
        let verdict = practical(&look(&guest));
        verdict.finding("no-dot-net").map(|finding| {
            assert_eq!(finding.svc, [SvcId::Err19, SvcId::Cfg3]);
            finding.severity
        })
    };
    assert_eq!(with(None, None), Some(Severity::Advise));
    assert_eq!(with(Some(0), None), Some(Severity::Advise));
    assert_eq!(with(Some(1), None), None);
    assert_eq!(with(None, Some(378_388)), Some(Severity::Advise));
    assert_eq!(with(None, Some(378_389)), None);
}

#[test]
fn svc_cfg_3_a_firewall_that_blocks_remote_desktop_is_told() {
    let with = |on: u32, rule: &str| {
        let policy = "Services\\SharedAccess\\Parameters\\FirewallPolicy";
        let mut guest = server();
        guest.system = HiveBuilder::new()
            .number(
                &control(&format!("{policy}\\PublicProfile")),
                "EnableFirewall",
                on,
            )
            .text(
                &control(&format!("{policy}\\FirewallRules")),
                "RemoteDesktop-UserMode-In-TCP",
                rule,
            );
        let found = look(&guest);
        practical(&found)
            .finding("firewall-blocks-remote-desktop")
            .map(|finding| finding.svc.clone())
    };
    let rule = |action: &str, active: &str| {
        format!("v2.30|Action={action}|Active={active}|Dir=In|Protocol=6|LPort=3389|")
    };
    assert_eq!(with(1, &rule("Allow", "TRUE")), None);
    assert_eq!(with(1, &rule("Allow", "FALSE")), Some(vec![SvcId::Cfg3]));
    assert_eq!(with(1, &rule("Block", "TRUE")), Some(vec![SvcId::Cfg3]));
    assert_eq!(with(0, &rule("Allow", "FALSE")), None);
}

/// The role of a server keeps it from starting; the feature of a client is told.
#[test]
fn svc_lim_10_hyper_v_is_refused_of_a_server_and_told_of_a_client() {
    let with = |product: &str, edition: &str, start: u32| {
        let mut guest = Guest::new(of(product), edition);
        guest.system = HiveBuilder::new().number(&control("Services\\vmms"), "Start", start);
        let verdict = practical(&look(&guest));
        let role = verdict.finding("hyper-v-role").is_some();
        (role, verdict.finding("hyper-v").is_some())
    };
    assert_eq!(with("Windows Server 2019", "Standard", 2), (true, false));
    assert_eq!(with("Windows Server 2019", "Standard", 4), (false, false));
    assert_eq!(with("Windows 10", "Professional", 2), (false, true));
}

/// What is beside a Windows on its volume, or on others, and is no other system.
#[test]
fn svc_lim_2_leftovers_and_recovery_partitions_are_no_systems() {
    let guest = server();
    let more = guest.files();
    let beneath = |folder: &str| -> Vec<(String, Vec<u8>)> {
        let moved = more
            .iter()
            .map(|(path, bytes)| (format!("{folder}{path}"), bytes.clone()));
        moved.collect()
    };
    // The system before an upgrade, and a copy of another machine.
    let found = changed(&guest, |files| {
        files.extend(beneath("/Windows.old"));
        files.extend(beneath("/Backup/pc1"));
        files.push(("/$WINDOWS.~BT/Sources/setup.exe".to_owned(), vec![0]));
    });
    assert_eq!(found.systems.len(), 1);
    assert_eq!(windows(&found).folder, "/Windows");
    assert!(practical(&found).finding("several-systems").is_none());

    // Windows' own recovery partition, that of a maker, and a disk of data, each as a third volume; the
    // boot menu has the recovery environment, which is not shown.
    let recovery = vec![
        (
            "/Recovery/WindowsRE/Winre.wim".to_owned(),
            b"MSWIM".to_vec(),
        ),
        ("/Recovery/WindowsRE/boot.sdi".to_owned(), vec![0]),
        (
            "/Recovery/WindowsRE/ReAgent.xml".to_owned(),
            b"<x/>".to_vec(),
        ),
    ];
    let maker = vec![
        ("/sources/boot.wim".to_owned(), b"MSWIM".to_vec()),
        ("/sources/install.wim".to_owned(), b"MSWIM".to_vec()),
        ("/bootmgr".to_owned(), vec![0xeb]),
    ];
    let data = beneath("/Windows.old");
    let environment = "Objects\\{22222222-2222-3333-4444-555555555555}";
    let element = |name: &str| format!("{environment}\\Elements\\{name}");
    let menu = store(false, &[])
        .number(&format!("{environment}\\Description"), "Type", 0x1020_0003)
        .text(
            &element("12000002"),
            "Element",
            "\\windows\\system32\\winload.exe",
        )
        .text(
            &element("12000004"),
            "Element",
            "Windows Recovery Environment",
        );
    for third in [recovery, maker, data] {
        let boot = vec![
            ("/Boot/BCD".to_owned(), menu.build()),
            ("/bootmgr".to_owned(), vec![0xeb]),
        ];
        let found = look_at(
            layout(),
            vec![
                volume(FsKind::Ntfs, boot),
                volume(FsKind::Ntfs, guest.files()),
                volume(FsKind::Ntfs, third),
            ],
        );
        assert_eq!(found.systems.len(), 1);
        let verdict = practical(&found);
        assert_eq!(verdict.decision, Decision::Accepted);
        for code in ["several-systems", "several-boot-entries"] {
            assert!(verdict.finding(code).is_none(), "{code}");
        }
    }
    // Two that start are two.
    let two = look_at(
        layout(),
        vec![
            volume(FsKind::Ntfs, guest.files()),
            volume(FsKind::Ntfs, guest.files()),
        ],
    );
    assert_eq!(two.systems.len(), 2);
    assert!(practical(&two).finding("several-systems").is_some());
}

/// A volume that is not read may hold another one: nothing is said of it but that.
#[test]
fn a_data_volume_of_linux_beside_windows_is_no_system() {
    let data = MemoryFs::new(FsKind::Ext4).with_file("/backup/a.tar", "x");
    let found = look_at(layout(), vec![data, volume(FsKind::Ntfs, server().files())]);
    assert_eq!(found.systems.len(), 1);
    assert!(practical(&found).finding("several-systems").is_none());
}

/// Drivers with the time at which they start: what is switched off is not there.
#[test]
fn svc_lim_8_drivers_count_unless_they_are_switched_off() {
    let with = |nvme: u32, ena: u32| {
        let mut guest = server();
        guest.system = HiveBuilder::new()
            .number(&control("Services\\stornvme"), "Start", nvme)
            .number(&control("Services\\ena"), "Start", ena)
            .number(&control("Services\\xenvbd"), "Start", 0)
            .number(&control("Services\\viostor"), "Start", 0);
        let found = look(&guest);
        let missing = practical(&found).finding("nitro-drivers-missing").is_some();
        let names = found.systems[0].drivers.get().unwrap().modules.clone();
        (missing, names)
    };
    let (missing, names) = with(0, 3);
    assert!(!missing);
    assert_eq!(names, ["stornvme", "ena", "xenvbd", "viostor"]);
    let (missing, names) = with(4, 3);
    assert!(missing && !names.contains(&"stornvme".to_owned()));
    assert!(with(0, 4).0);
}

/// A registry without the edition, and one without any name of it.
#[test]
fn svc_os_3_an_edition_that_nothing_names_is_left_open() {
    let current = "Microsoft\\Windows NT\\CurrentVersion";
    let hive = HiveBuilder::new()
        .text(current, "CurrentBuildNumber", "17763")
        .text(current, "ProductName", "Windows Server 2019 Standard")
        .text(current, "InstallationType", "Server")
        .number(current, "CurrentMajorVersionNumber", 10)
        .number(current, "CurrentMinorVersionNumber", 0);
    let found = changed(&server(), |files| {
        for (path, content) in files.iter_mut() {
            if path == SOFTWARE {
                *content = hive.build();
            }
        }
    });
    assert_eq!(found.systems[0].os.name, "Windows Server 2019");
    let verdict = practical(&found);
    assert_eq!(verdict.decision, Decision::Undetermined);
    let finding = verdict.finding("undetermined-edition").unwrap();
    assert!(finding.remedy.contains("DISM"), "{}", finding.remedy);
}

/// Instances of both word sizes, each once, with their editions.
#[test]
fn svc_lic_4_every_instance_of_sql_server_is_told() {
    let own = "Microsoft\\Microsoft SQL Server";
    let other = format!("Wow6432Node\\{own}");
    let instance = |hive: HiveBuilder, base: &str, name: &str, id: &str, edition: &str| {
        hive.text(&format!("{base}\\Instance Names\\SQL"), name, id)
            .text(&format!("{base}\\{id}\\Setup"), "Edition", edition)
    };
    let hive = instance(
        HiveBuilder::new(),
        own,
        "MSSQLSERVER",
        "MSSQL15.MSSQLSERVER",
        "Enterprise Edition: Core-based Licensing",
    );
    let hive = instance(hive, own, "WEB", "MSSQL15.WEB", "Web Edition");
    let hive = instance(hive, &other, "OLD", "MSSQL.1", "Express Edition");
    let hive = instance(hive, &other, "mssqlserver", "MSSQL.2", "Standard Edition");
    let mut guest = server();
    guest.software = hive;
    let verdict = practical(&look(&guest));
    let finding = verdict.finding("sql-server-installed").unwrap();
    assert_eq!(finding.svc, [SvcId::Lic4]);
    assert!(
        finding.title.contains(
            "MSSQLSERVER (Enterprise Edition: Core-based Licensing), WEB (Web Edition), OLD (Express Edition);"
        ),
        "{}",
        finding.title
    );
    assert_eq!(finding.evidence.len(), 3);
}

/// Paths of a directory's database that are on the system's own drive, however they are written.
#[test]
fn svc_err_20_a_database_on_the_systems_drive_is_not_elsewhere() {
    let elsewhere = |path: &str| {
        let mut guest = server();
        guest.more.push(("ProductType".to_owned(), Vec::new()));
        guest.system = HiveBuilder::new()
            .text(
                &control("Control\\ProductOptions"),
                "ProductType",
                "LanmanNT",
            )
            .text(
                &control("Services\\NTDS\\Parameters"),
                "DSA Database file",
                path,
            );
        let verdict = practical(&look(&guest));
        let title = &verdict.finding("domain-controller").unwrap().title;
        title.contains("another drive")
    };
    for own in [
        "C:\\Windows\\NTDS\\ntds.dit",
        "c:\\NTDS\\ntds.dit",
        "%SystemRoot%\\NTDS\\ntds.dit",
    ] {
        assert!(!elsewhere(own), "{own}");
    }
    for other in ["D:\\NTDS\\ntds.dit", "e:\\ntds.dit"] {
        assert!(elsewhere(other), "{other}");
    }
}
