//! Windows in its many forms: what each says of itself, old and missing boot menus, word sizes.

use vmie_fs::FsKind;
use vmie_guest::windows::Windows;
use vmie_guest::{Arch, BootloaderKind, Decision, Inspection, Mode, Severity, Verdict};
use vmie_rules::SvcId;
use vmie_rules::matrix::Edition;
use vmie_testkit::hive::HiveBuilder;
use vmie_testkit::pe;
use vmie_testkit::windows::{CONTROL_SET, Guest, of, store};

use super::{codes, layout, look, look_at, say, volume};

pub(crate) fn control(path: &str) -> String {
    format!("{CONTROL_SET}\\{path}")
}

pub(crate) fn server() -> Guest {
    Guest::new(of("Windows Server 2019"), "Standard")
}

/// The guest with the files of its own volume changed.
pub(crate) fn changed(
    guest: &Guest,
    change: impl FnOnce(&mut Vec<(String, Vec<u8>)>),
) -> Inspection {
    let mut files = guest.files();
    change(&mut files);
    let boot = volume(FsKind::Ntfs, guest.boot_files());
    look_at(layout(), vec![boot, volume(FsKind::Ntfs, files)])
}

pub(crate) fn practical(found: &Inspection) -> Verdict {
    say(found, Edition::E2026, Mode::Practical)
}

pub(crate) fn windows(found: &Inspection) -> &Windows {
    assert_eq!(found.systems.len(), 1);
    found.systems[0].windows.as_deref().unwrap()
}

/// Product of the guide, build, `ProductName`, `EditionID`, edition of the guide, what becomes of it. A build of
/// 22000 or more is Windows 11, whatever it calls itself; editions without media player (N), for Korea (KN), for a
/// trial (Eval) or for long (S) are the same.
const NAMES: &str = "
    Windows 10 | 10240 | Windows 10 | Core | Home | taken
    Windows 10 | 19045 | Windows 10 | Professional | Professional | taken
    Windows 10 | 21996 | Windows 10 | Professional | Professional | taken
    Windows 11 | 22000 | Windows 10 | Professional | Professional | taken
    Windows 11 | 22621 | Windows 10 | Core | Home | taken
    Windows 11 | 22631 | Windows 10 | Education | Education | taken
    Windows 11 | 26100 | Windows 10 | Enterprise | Enterprise | taken
    Windows 11 | 26200 | Windows 10 | Professional | Professional | taken
    Windows 10 | 19045 | Windows 10 | ProfessionalN | Professional | taken
    Windows 10 | 19045 | Windows 10 | ProfessionalKN | Professional | taken
    Windows 10 | 19045 | Windows 10 | CoreN | Home | taken
    Windows 10 | 19045 | Windows 10 | CoreSingleLanguage | Home | taken
    Windows 10 | 19045 | Windows 10 | CoreCountrySpecific | Home | taken
    Windows 10 | 19045 | Windows 10 | EnterpriseEval | Enterprise | taken
    Windows 10 | 19045 | Windows 10 | EnterpriseNEval | Enterprise | taken
    Windows 10 | 17763 | Windows 10 | EnterpriseS | Enterprise | taken
    Windows 10 | 17763 | Windows 10 | EnterpriseSN | Enterprise | taken
    Windows 10 | 19045 | Windows 10 | EducationN | Education | taken
    Windows 10 | 19045 | Windows 10 | IoTEnterprise | IoT Enterprise | refused
    Windows 10 | 19045 | Windows 10 | Cloud | S | refused
    Windows 8.1 | 9600 | Windows 8.1 | ProfessionalWMC | Professional | taken
    Windows 7 | 7600 | Windows 7 | HomeBasicN | Home | taken
    Windows 7 | 7601 | Windows 7 | HomePremiumN | Home | taken
    Windows 7 | 7601 | Windows 7 | UltimateN | Ultimate | taken
    Windows Server 2008 | 6001 | Windows Server (R) 2008 | ServerStandardV | Standard | taken
    Windows Server 2008 | 6003 | Windows Server (R) 2008 | ServerEnterprise | Enterprise | taken
    Windows Server 2008 R2 | 7600 | Windows Server 2008 R2 | ServerWeb | Web Server | taken
    Windows Server 2008 R2 | 7601 | Windows Server 2008 R2 | ServerStandardCore | Standard | taken
    Windows Server 2012 R2 | 9600 | Windows Server 2012 R2 | ServerDatacenterEval | Datacenter | taken
    Windows Server 2012 R2 | 9600 | Windows Server 2012 R2 | ServerSolution | Essentials | refused
    Windows Server 2016 | 14393 | Windows Server 2016 | ServerStandardEval | Standard | taken
    Windows Server 1709 | 16299 | Windows Server | ServerStandardACor | Standard | taken
    Windows Server 1803 | 17134 | Windows Server | ServerDatacenterACor | Datacenter | taken
    Windows Server 2019 | 17763 | Windows Server 2019 | ServerDatacenterCor | Datacenter | taken
    Windows Server 2022 | 20348 | Windows Server 2022 | ServerStandardEval | Standard | taken
    Windows Server 2022 | 20348 | Windows Server 2022 | ServerTurbine | Datacenter: Azure Edition | refused
    Windows Server 2025 | 26100 | Windows Server 2025 | ServerDatacenter | Datacenter | taken
    Windows Server 2016 | 14393 | Hyper-V Server 2016 | ServerHyperCore | Hyper-V Server | refused
";

/// `ProductName`, build and `EditionID` as the systems have them, and what the guide calls that.
#[test]
fn svc_os_3_every_form_of_a_name_is_the_guides_product_and_edition() {
    let mut guests = 0;
    for row in NAMES.lines().filter(|row| !row.trim().is_empty()) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [product, build, says, id, edition, decision] = cells[..] else {
            panic!("{row}");
        };
        let (build, accepted) = (build.parse::<u16>().unwrap(), decision == "taken");
        guests += 1;
        let mut guest = Guest::new(of(product), id);
        guest.product.version.2 = build;
        guest.product.says = says;
        let found = look(&guest);
        let system = &found.systems[0];
        assert_eq!(system.os.name, product, "{build} {id}");
        assert_eq!(
            system.os.edition.as_deref(),
            Some(edition),
            "{product} {id}"
        );
        assert_eq!(
            system.os.build.as_deref().unwrap().split('.').next(),
            Some(build.to_string().as_str())
        );
        let verdict = practical(&found);
        let refused = verdict.finding("edition-not-listed").is_some();
        assert_eq!(
            (verdict.decision == Decision::Accepted, refused),
            (accepted, !accepted),
            "{product} {id}: {:?}",
            codes(&verdict)
        );
    }
    assert_eq!(guests, 38);
}

/// Server 2003 says `R2` in its name alone, and its edition by a list of suites.
#[test]
fn svc_os_3_r2_of_2003_is_told_by_its_name() {
    for (name, wanted) in [
        ("Microsoft Windows Server 2003 R2", "Windows Server 2003 R2"),
        ("Microsoft Windows Server 2003", "Windows Server 2003"),
    ] {
        let mut guest = Guest::new(of("Windows Server 2003"), "Enterprise");
        guest.product.says = name;
        guest.machine = pe::AMD64;
        let found = look(&guest);
        let os = &found.systems[0].os;
        assert_eq!(
            (os.name.as_str(), os.edition.as_deref()),
            (wanted, Some("Enterprise"))
        );
        let verdict = say(&found, Edition::E2025, Mode::Strict);
        assert_eq!(
            verdict.decision,
            Decision::Accepted,
            "{:?}",
            codes(&verdict)
        );
    }
}

const BOOT_INI: &str = "[boot loader]\r\ntimeout=30\r\ndefault=multi(0)disk(0)rdisk(0)partition(1)\\WINDOWS\r\n\
    [operating systems]\r\nmulti(0)disk(0)rdisk(0)partition(1)\\WINDOWS=\"Microsoft Windows\" /noexecute=optin /fastdetect\r\n";

/// XP and 2003 have no boot configuration data: `boot.ini` is theirs, and nothing is missing.
#[test]
fn svc_os_3_systems_of_before_vista_start_by_boot_ini() {
    let mut xp = of("Windows Server 2003");
    (xp.version, xp.says, xp.server) = ((5, 1, 2600), "Microsoft Windows XP", false);
    for (product, edition, machine, name, decision) in [
        (
            xp,
            "Professional",
            pe::I386,
            "Windows XP",
            Decision::Refused,
        ),
        (
            of("Windows Server 2003"),
            "Standard",
            pe::I386,
            "Windows Server 2003",
            Decision::Accepted,
        ),
        (
            of("Windows Server 2003"),
            "Standard",
            pe::AMD64,
            "Windows Server 2003",
            Decision::Accepted,
        ),
    ] {
        let mut guest = Guest::new(product, edition);
        guest.machine = machine;
        guest.service_pack = 2;
        let mut files = guest.files();
        files.retain(|(path, _)| path != "/boot.ini");
        files.push(("/boot.ini".to_owned(), BOOT_INI.as_bytes().to_vec()));
        // Everything is on one volume.
        let found = look_at(layout(), vec![volume(FsKind::Ntfs, files)]);
        let system = &found.systems[0];
        assert_eq!(system.os.name, name);
        let bits = system.os.arch.get().unwrap() == &Arch::X86_64;
        assert_eq!(bits, machine == pe::AMD64);
        assert_eq!(system.bootloaders[0].kind, BootloaderKind::Ntldr);
        assert_eq!(system.bootloaders[0].entries, 1);
        let menu = windows(&found).boot_ini.as_ref().unwrap();
        assert_eq!(
            menu.default.as_deref(),
            Some("multi(0)disk(0)rdisk(0)partition(1)\\WINDOWS")
        );
        let verdict = say(&found, Edition::E2025, Mode::Practical);
        assert_eq!(verdict.decision, decision, "{name}: {:?}", codes(&verdict));
        for code in [
            "no-boot-configuration",
            "several-boot-entries",
            "ems-enabled",
        ] {
            assert!(verdict.finding(code).is_none(), "{code}");
        }
    }
}

/// An upgrade of Windows 2000 keeps its folder.
#[test]
fn svc_os_3_a_system_in_winnt_is_found() {
    let guest = Guest::new(of("Windows Server 2003"), "Standard");
    let found = changed(&guest, |files| {
        for (path, _) in files {
            *path = path.replace("/Windows/", "/WINNT/");
        }
    });
    assert_eq!(windows(&found).folder, "/WINNT");
    assert_eq!(found.systems[0].os.name, "Windows Server 2003");
}

/// Without boot configuration data, or with damaged ones, the machine does not start.
#[test]
fn svc_err_20_boot_configuration_data_that_are_missing_or_damaged_are_told() {
    let said = |boot: Vec<(String, Vec<u8>)>| {
        let found = look_at(
            layout(),
            vec![
                volume(FsKind::Ntfs, boot),
                volume(FsKind::Ntfs, server().files()),
            ],
        );
        practical(&found)
    };
    let gone = said(Vec::new());
    let finding = gone.finding("no-boot-configuration").unwrap();
    assert_eq!(finding.svc, [SvcId::Boot7, SvcId::Err20]);
    assert!(finding.title.contains("on any volume"), "{}", finding.title);
    assert!(finding.remedy.contains("bcdboot C:\\Windows"));
    let damaged = said(vec![("/Boot/BCD".to_owned(), b"regf but no more".to_vec())]);
    let finding = damaged.finding("no-boot-configuration").unwrap();
    assert!(
        finding.title.contains("/Boot/BCD cannot be read"),
        "{}",
        finding.title
    );

    let whole = |store: HiveBuilder| said(vec![("/Boot/BCD".to_owned(), store.build())]);
    let manager = "Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\\Elements\\23000003";
    let other = "{99999999-2222-3333-4444-555555555555}";
    assert!(
        whole(store(false, &[]))
            .finding("default-entry-missing")
            .is_none()
    );
    let verdict = whole(store(false, &[]).text(manager, "Element", other));
    let finding = verdict.finding("default-entry-missing").unwrap();
    assert!(finding.title.contains(other), "{}", finding.title);
    assert_eq!(finding.severity, Severity::Advise);
    // The loader for UEFI on a disk that a BIOS starts.
    let verdict = whole(store(true, &[]));
    let finding = verdict.finding("loader-of-other-firmware").unwrap();
    assert!(
        finding.title.ends_with("UEFI, and the disk boots by BIOS"),
        "{}",
        finding.title
    );
}

/// Word size: the kernel's program tells it, and the environment where there is none.
#[test]
fn svc_os_3_word_size_is_that_of_the_kernel() {
    let kernel = "/Windows/System32/ntoskrnl.exe";
    let mut guest = Guest::new(of("Windows 7"), "Professional");
    guest.machine = pe::I386;
    // A system of 32 bits on a machine of 64 is one of 32 bits.
    guest.system = HiveBuilder::new().text(
        &control("Control\\Session Manager\\Environment"),
        "PROCESSOR_IDENTIFIER",
        "Intel64 Family 6 Model 85",
    );
    assert_eq!(look(&guest).systems[0].os.arch.get(), Some(&Arch::I386));
    // Programs of 32 bits on a system of 64 say nothing.
    let mut guest = server();
    let program = pe::program(pe::I386, [10, 0, 17763, 1]);
    guest
        .more
        .push(("/Windows/SysWOW64/kernel32.dll".to_owned(), program));
    assert_eq!(look(&guest).systems[0].os.arch.get(), Some(&Arch::X86_64));
    for (says, arch) in [
        ("AMD64", Some(Arch::X86_64)),
        ("x86", Some(Arch::I386)),
        ("ARM64", Some(Arch::Arm64)),
    ] {
        let mut guest = server();
        guest.system = HiveBuilder::new().text(
            &control("Control\\Session Manager\\Environment"),
            "PROCESSOR_ARCHITECTURE",
            says,
        );
        let found = changed(&guest, |files| files.retain(|(path, _)| path != kernel));
        assert_eq!(found.systems[0].os.arch.get(), arch.as_ref(), "{says}");
    }
    let found = changed(&server(), |files| files.retain(|(path, _)| path != kernel));
    assert_eq!(found.systems[0].os.arch.get(), None);
    let verdict = practical(&found);
    assert_eq!(verdict.decision, Decision::Undetermined);
    assert!(verdict.finding("undetermined-architecture").is_some());
}

/// A BIOS needs the boot manager; UEFI has its own.
#[test]
fn svc_boot_7_a_bios_needs_the_boot_manager() {
    let said = |guest: &Guest, manager: bool| {
        let mut boot = guest.boot_files();
        boot.retain(|(path, _)| manager || path != "/bootmgr");
        let (layout, kind) = match guest.uefi {
            true => (super::uefi_layout(), FsKind::Fat32),
            false => (layout(), FsKind::Ntfs),
        };
        let root = volume(FsKind::Ntfs, guest.files());
        let verdict = practical(&look_at(layout, vec![volume(kind, boot), root]));
        verdict
            .finding("no-boot-manager")
            .map(|finding| finding.svc.clone())
    };
    assert_eq!(said(&server(), true), None);
    let svc = vec![SvcId::Boot7, SvcId::Err20];
    assert_eq!(said(&server(), false), Some(svc));
    let mut uefi = server();
    uefi.uefi = true;
    assert_eq!(said(&uefi, false), None);
    assert_eq!(
        said(&Guest::new(of("Windows Server 2003"), "Standard"), false),
        None
    );
}

#[test]
fn svc_boot_7_a_default_of_boot_ini_that_is_none_of_its_systems_is_told() {
    let said = |menu: String| {
        let guest = Guest::new(of("Windows Server 2003"), "Standard");
        let mut files = guest.files();
        files.retain(|(path, _)| path != "/boot.ini");
        files.push(("/boot.ini".to_owned(), menu.into_bytes()));
        let found = look_at(layout(), vec![volume(FsKind::Ntfs, files)]);
        let verdict = say(&found, Edition::E2025, Mode::Practical);
        verdict
            .finding("default-entry-missing")
            .map(|finding| (finding.title.clone(), finding.evidence[0].line))
    };
    assert_eq!(said(BOOT_INI.to_owned()), None);
    assert_eq!(
        said(BOOT_INI.replace("partition(1)\\WINDOWS\r\n", "PARTITION(1)\\windows\r\n")),
        None
    );
    let (title, line) =
        said(BOOT_INI.replace("partition(1)\\WINDOWS\r\n", "partition(2)\\WINNT\r\n")).unwrap();
    assert!(title.contains("partition(2)"), "{title}");
    assert_eq!(line, Some(5));
}
