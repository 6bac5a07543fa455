//! Points of the service's guide about Windows guests, each with what is just inside of it.

use vmie_fs::{FsKind, Identity, MemoryFs, Space, State};
use vmie_guest::{Decision, ImportRequest, Inspection, Matrix, Mode, Severity, Verdict, judge};
use vmie_rules::matrix::Edition;
use vmie_rules::{SvcId, limits, region};
use vmie_testkit::hive::HiveBuilder;
use vmie_testkit::pe;
use vmie_testkit::windows::{CONTROL_SET, Guest, of};

use super::{as_of, codes, layout, look, look_at, say, volume};

fn into_region(guest: &Guest, region: &str) -> Verdict {
    let request = ImportRequest::new().with_region(region);
    let matrix = Matrix::edition(Edition::E2026);
    judge(&look(guest), &request, &matrix, Mode::Practical, as_of())
}

#[test]
fn svc_os_4_opt_in_regions_take_what_the_column_says() {
    let said = |product: &str, bits: u8, region: &str| {
        let row = Matrix::edition(Edition::E2026);
        let row = row.windows.iter().find(|row| row.product == product);
        let mut guest = Guest::new(of(product), &row.unwrap().editions[0]);
        guest.machine = if bits == 32 { pe::I386 } else { pe::AMD64 };
        let verdict = into_region(&guest, region);
        let refusals: Vec<&str> = verdict
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Refuse)
            .map(|finding| finding.code)
            .collect();
        refusals.join(" ")
    };
    // Once a Region is enabled the row holds there as elsewhere.
    for region in ["us-east-1", "eu-central-1", "af-south-1", "il-central-1"] {
        for product in [
            "Windows Server 2008 R2",
            "Windows Server 2019",
            "Windows 10",
        ] {
            assert_eq!(said(product, 64, region), "", "{product} {region}");
        }
    }
    // These never do.
    for product in [
        "Windows Server 2003",
        "Windows Server 2003 R2",
        "Windows Server 2008",
    ] {
        assert_eq!(said(product, 64, "us-east-1"), "", "{product}");
        assert_eq!(said(product, 64, "af-south-1"), "region-not-supported");
    }
    // With 64 bits only.
    for product in ["Windows 7", "Windows 8"] {
        assert_eq!(said(product, 32, "us-east-1"), "", "{product}");
        assert_eq!(said(product, 64, "af-south-1"), "", "{product}");
        assert_eq!(said(product, 32, "af-south-1"), "architecture-unsupported");
    }
    // Not in some Regions, opt-in or not.
    assert_eq!(
        said("Windows Server 2022", 64, "cn-north-1"),
        "region-not-supported"
    );
    for region in [
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "cn-north-1",
        "cn-northwest-1",
        "eu-south-2",
        "eu-central-2",
        "me-central-1",
    ] {
        let refused = said("Windows 11", 64, region);
        assert!(
            refused.contains("region-not-supported"),
            "{region}: {refused}"
        );
    }
    assert_eq!(said("Windows 11", 64, "af-south-1"), "");
    let guest = Guest::new(of("Windows Server 2008"), "Standard");
    let verdict = into_region(&guest, "af-south-1");
    let finding = verdict.finding("region-not-supported").unwrap();
    assert_eq!(finding.svc, [SvcId::Os4]);
    assert!(region::region("af-south-1").unwrap().opt_in);
}

fn on(kind: FsKind) -> Verdict {
    let guest = Guest::new(of("Windows Server 2019"), "Standard");
    let boot = volume(FsKind::Ntfs, guest.boot_files());
    let root = volume(kind, guest.files()).with_identity(Identity::new(kind));
    say(
        &look_at(layout(), vec![boot, root]),
        Edition::E2026,
        Mode::Practical,
    )
}

#[test]
fn svc_vol_2_windows_is_taken_on_ntfs_alone() {
    assert_eq!(on(FsKind::Ntfs).decision, Decision::Accepted);
    for kind in [FsKind::Fat32, FsKind::ExFat] {
        let verdict = on(kind);
        assert_eq!(verdict.decision, Decision::Refused, "{kind:?}");
        let finding = verdict.finding("root-filesystem-unsupported").unwrap();
        assert_eq!(finding.svc, [SvcId::Vol2]);
        assert!(finding.remedy.contains("ntfs"), "{}", finding.remedy);
    }
}

/// A server with something in its hives and this much room.
fn server(system: HiveBuilder, software: HiveBuilder, free: u64) -> Inspection {
    let mut guest = Guest::new(of("Windows Server 2019"), "Standard");
    guest.system = system;
    guest.software = software;
    let root: MemoryFs = volume(FsKind::Ntfs, guest.files());
    let root = root.with_space(Space::new(64 << 30, free));
    let boot = volume(FsKind::Ntfs, guest.boot_files());
    look_at(layout(), vec![boot, root])
}

fn said(inspection: &Inspection, code: &str) -> Option<(Vec<SvcId>, String)> {
    let verdict = say(inspection, Edition::E2026, Mode::Practical);
    let finding = verdict.finding(code)?;
    assert!(!finding.remedy.is_empty());
    Some((finding.svc.clone(), finding.title.clone()))
}

#[test]
fn svc_lim_7_windows_needs_6_gib_and_a_fixed_page_file() {
    let room = |free| {
        let found = server(HiveBuilder::new(), HiveBuilder::new(), free);
        said(&found, "little-free-space")
    };
    assert_eq!(limits::WINDOWS_FREE_SPACE, 6 << 30);
    assert_eq!(room(6 << 30), None);
    let (svc, title) = room((6 << 30) - 1).unwrap();
    assert_eq!(svc, [SvcId::Lim7]);
    assert!(title.starts_with("5 GiB"), "{title}");
    let paging = |line: &str| {
        let key = format!("{CONTROL_SET}\\Control\\Session Manager\\Memory Management");
        let hive = HiveBuilder::new().texts(&key, "PagingFiles", &[line]);
        said(
            &server(hive, HiveBuilder::new(), 8 << 30),
            "page-file-not-fixed",
        )
    };
    assert_eq!(paging("C:\\pagefile.sys 4096 4096"), None);
    for managed in [
        "?:\\pagefile.sys",
        "C:\\pagefile.sys",
        "C:\\pagefile.sys 0 0",
        "C:\\pagefile.sys 1024 4096",
    ] {
        let (svc, _) = paging(managed).unwrap_or_else(|| panic!("{managed}"));
        assert!(svc.contains(&SvcId::Lim7));
    }
}

#[test]
fn svc_lim_1_a_machine_that_was_a_physical_one_is_told() {
    for (service, name) in [
        ("vmware-converter-agent", "VMware vCenter Converter"),
        ("P2VAgent", "Virtual Machine Manager P2V agent"),
    ] {
        let with = |start| {
            let key = format!("{CONTROL_SET}\\Services\\{service}");
            let hive = HiveBuilder::new().number(&key, "Start", start);
            said(
                &server(hive, HiveBuilder::new(), 8 << 30),
                "physical-machine",
            )
        };
        let (svc, title) = with(2).unwrap();
        assert_eq!(svc, [SvcId::Lim1]);
        assert!(title.ends_with(name), "{title}");
        assert_eq!(with(4), None, "switched off");
    }
    let none = server(HiveBuilder::new(), HiveBuilder::new(), 8 << 30);
    assert_eq!(said(&none, "physical-machine"), None);
}

#[test]
fn svc_cfg_4_a_generalized_system_needs_its_answer_file() {
    let with = |state: &str, answers: Option<&str>| {
        let mut guest = Guest::new(of("Windows Server 2019"), "Standard");
        guest.software = HiveBuilder::new().text(
            "Microsoft\\Windows\\CurrentVersion\\Setup\\State",
            "ImageState",
            state,
        );
        if let Some(answers) = answers {
            let path = "/Windows/Panther/unattend.xml".to_owned();
            guest.more.push((path, answers.as_bytes().to_vec()));
        }
        said(&look(&guest), "sysprep-answer-file")
    };
    let good = include_str!("../../fixtures/windows/unattend.xml");
    let generalized = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE";
    let (svc, title) = with(generalized, None).unwrap();
    assert!(svc.contains(&SvcId::Cfg4) && svc.contains(&SvcId::Mod2));
    assert!(title.contains("there is no answer file"), "{title}");
    assert_eq!(with(generalized, Some(good)), None);
    assert_eq!(with("IMAGE_STATE_COMPLETE", None), None);
    let german = good.replace("<UILanguage>en-US", "<UILanguage>de-DE");
    let (_, title) = with(generalized, Some(&german)).unwrap();
    assert!(title.ends_with("no UILanguage en-US"), "{title}");
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(good.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let mut guest = Guest::new(of("Windows Server 2019"), "Standard");
    guest
        .more
        .push(("/Windows/Panther/unattend.xml".to_owned(), wide));
    let inspection = look(&guest);
    let windows = inspection.systems[0].windows.as_deref().unwrap();
    assert_eq!(windows.answer_file.as_ref().unwrap().missing, [""; 0]);
    assert!(!codes(&say(&inspection, Edition::E2026, Mode::Practical)).is_empty());
}

#[test]
fn svc_cfg_3_a_client_that_hibernates_in_place_of_shutting_down_is_told() {
    let with = |product: &str, edition: &str, on: u32| {
        let mut guest = Guest::new(of(product), edition);
        let key = format!("{CONTROL_SET}\\Control\\Session Manager\\Power");
        guest.system = HiveBuilder::new().number(&key, "HiberbootEnabled", on);
        said(&look(&guest), "fast-startup")
    };
    let (svc, title) = with("Windows 10", "Professional", 1).unwrap();
    assert_eq!(svc, [SvcId::Cfg3]);
    assert!(title.starts_with("Fast startup is on"), "{title}");
    assert_eq!(with("Windows 10", "Professional", 0), None);
    assert_eq!(with("Windows Server 2019", "Standard", 1), None);
    let state = |state| {
        let guest = Guest::new(of("Windows 10"), "Professional");
        let boot = volume(FsKind::Ntfs, guest.boot_files());
        let root = volume(FsKind::Ntfs, guest.files()).with_state(state);
        let found = look_at(layout(), vec![boot, root]);
        ["filesystem-hibernated", "filesystem-not-clean"].map(|code| said(&found, code).is_some())
    };
    assert_eq!(state(State::Hibernated), [true, false]);
    assert_eq!(state(State::Dirty), [false, true]);
    assert_eq!(state(State::Clean), [false, false]);
}
