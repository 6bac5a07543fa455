//! From the files of a Windows to its facts.

use vmie_io::{Budget, Limits};
use vmie_volumes::VolumeId;

use super::bcd::{self, BootStore};
use super::files::Files;
use super::hives::{At, GuestHive, Notes, is_of_windows};
use super::product::{self, Signs};
use super::{Windows, boot_ini, locale, settings};
use crate::inspect::{GuestVolume, clause};
use crate::registry::Replayed;
use crate::{
    Arch, Bootloader, BootloaderKind, DefaultBy, DefaultKernel, Drivers, Evidence, Fact, Family,
    Kernel, KernelFlavour, KernelSource, MenuRelation, Os, pe,
};

/// Where boot configuration data are: on an EFI system partition, and on the partition that a BIOS
/// starts.
const STORES: &[&str] = &["/EFI/Microsoft/Boot/BCD", "/Boot/BCD"];

/// What the boot sector of the active partition starts.
const BOOT_MANAGER: &str = "/bootmgr";

/// What there is to say of a Windows in the terms of every system.
pub(crate) struct Found {
    pub(crate) os: Os,
    pub(crate) windows: Windows,
    pub(crate) kernels: Vec<Kernel>,
    pub(crate) default_kernel: Fact<DefaultKernel>,
    pub(crate) drivers: Fact<Drivers>,
    pub(crate) bootloaders: Vec<Bootloader>,
}

const CURRENT: &str = "Microsoft\\Windows NT\\CurrentVersion";

/// Reads the Windows in `folder`.
pub(crate) fn read(
    files: Files<'_>,
    folder: &str,
    volumes: &[GuestVolume<'_>],
    limits: &Limits,
) -> Found {
    let budget = Budget::new(*limits);
    let mut notes = Notes::default();
    let config = format!("{folder}/System32/config");
    let open = |name: &str| GuestHive::open(files, &format!("{config}/{name}"), &budget);
    let software = open("SOFTWARE");
    let system = open("SYSTEM");
    let mut windows = settings::empty(folder);
    for hive in [&software, &system] {
        match hive {
            Ok(hive) => notes.problems.extend(unreplayed(hive)),
            Err(unopened) => {
                let saw = Evidence::new(unopened.why.clone()).on(files.volume);
                if unopened.missing {
                    windows.missing_files.push(saw.clone());
                }
                notes.problems.push(saw);
            }
        }
    }
    let software = software.map_err(|unopened| unopened.why);
    let system = system.map_err(|unopened| unopened.why);
    let control = system
        .as_ref()
        .ok()
        .and_then(|hive| control_set(hive, &mut windows, &mut notes));
    windows.settings = match (&system, &control) {
        (Err(why), _) => Fact::unknown(why.clone(), Vec::new()),
        (Ok(_), None) => {
            let why = "the hive SYSTEM has no control set that starts";
            Fact::unknown(why, notes.of("control_set"))
        }
        (Ok(_), Some(_)) => Fact::known((), notes.of("control_set")),
    };
    let machine = At {
        base: control.as_deref().unwrap_or_default(),
        hive: match &system {
            Ok(hive) => hive,
            // Without it there is nothing to look up; the arms below do not run.
            Err(_) => match &software {
                Ok(hive) => hive,
                Err(_) => return nothing(files, windows, notes, &software, volumes, &budget),
            },
        },
    };
    let system_at = control.as_ref().map(|_| machine);
    let software_at = software.as_ref().ok().map(|hive| At { hive, base: "" });
    if let Some(at) = software_at {
        current_version(at, &mut windows, &mut notes);
        settings::software(at, &mut windows, &mut notes);
    }
    if let Some(at) = system_at {
        settings::system(at, &mut windows, &mut notes);
    }
    if let Ok(hive) = &system {
        settings::setup(At { hive, base: "" }, &mut windows, &mut notes);
    }
    let suites = system_at
        .and_then(|at| {
            at.value(
                "Control\\ProductOptions",
                "ProductSuite",
                "suites",
                &mut notes,
            )
        })
        .map(|value| value.texts())
        .unwrap_or_default();
    let version = version(software_at, &windows, &mut notes);
    name_product(
        &mut windows,
        version,
        &suites,
        software.as_ref().err(),
        &notes,
    );
    settings::files(files, &mut windows, &mut notes);
    finish(files, windows, version, notes, system_at, volumes, &budget)
}

/// That what was written last into a hive is nowhere: it was in use, and no log of it helps.
fn unreplayed(hive: &GuestHive<'_>) -> Option<Evidence> {
    (hive.hive.replayed() == Replayed::Missing).then(|| {
        hive.evidence(
            0,
            "it was in use, and its logs are missing: what was written last is not known"
                .to_owned(),
        )
    })
}

/// What is left to say when neither hive can be read.
fn nothing(
    files: Files<'_>,
    mut windows: Windows,
    notes: Notes,
    software: &Result<GuestHive<'_>, String>,
    volumes: &[GuestVolume<'_>],
    budget: &Budget,
) -> Found {
    name_product(&mut windows, None, &[], software.as_ref().err(), &notes);
    finish(files, windows, None, notes, None, volumes, budget)
}

/// The key of the control set that starts: `Select` names its number.
fn control_set(hive: &GuestHive<'_>, windows: &mut Windows, notes: &mut Notes) -> Option<String> {
    let root = At { hive, base: "" };
    let number = ["Default", "Current"]
        .into_iter()
        .find_map(|name| root.number("Select", name, "control_set", notes))
        .unwrap_or(1);
    let key = format!("ControlSet{number:03}");
    root.key(&key, notes)?;
    windows.control_set = Some(number);
    Some(key)
}

fn current_version(at: At<'_>, windows: &mut Windows, notes: &mut Notes) {
    let mut text = |name: &str, fact| at.text(CURRENT, name, fact, notes);
    windows.product_name = text("ProductName", "product");
    windows.edition_id = text("EditionID", "edition");
    windows.installation = text("InstallationType", "installation");
    windows.build = text("CurrentBuildNumber", "build")
        .or_else(|| text("CurrentBuild", "build"))
        .and_then(|build| build.parse().ok());
    windows.release = text("DisplayVersion", "release").or_else(|| text("ReleaseId", "release"));
    windows.service_pack =
        text("CSDVersion", "service_pack").map_or(0, |text| product::service_pack(&text));
    windows.revision = at.number(CURRENT, "UBR", "build", notes);
}

/// Major and minor number of the system's version.
fn version(at: Option<At<'_>>, windows: &Windows, notes: &mut Notes) -> Option<(u32, u32)> {
    let at = at?;
    // What says 6.3 in CurrentVersion may be 10.0.
    let major = at.number(CURRENT, "CurrentMajorVersionNumber", "version", notes);
    let minor = at.number(CURRENT, "CurrentMinorVersionNumber", "version", notes);
    if let Some(major) = major {
        return Some((major, minor.unwrap_or(0)));
    }
    let text = at.text(CURRENT, "CurrentVersion", "version", notes)?;
    let (major, minor) = text.split_once('.')?;
    let pair = (major.parse().ok()?, minor.parse().ok()?);
    match (pair, windows.build) {
        ((6, 3), Some(build)) if build >= 10240 => Some((10, 0)),
        (pair, _) => Some(pair),
    }
}

fn name_product(
    windows: &mut Windows,
    version: Option<(u32, u32)>,
    suites: &[String],
    why: Option<&String>,
    notes: &Notes,
) {
    let by_name = windows.product_name.as_deref().unwrap_or_default();
    let by_installation = windows.installation.as_deref();
    let server = windows
        .server
        .or_else(|| by_installation.map(|kind| kind != "Client"))
        .or_else(|| {
            windows
                .product_name
                .as_ref()
                .map(|name| name.contains("Server"))
        });
    windows.server = server;
    let signs = Signs {
        version: version.unwrap_or_default(),
        build: windows.build.unwrap_or_default(),
        server: server.unwrap_or_default(),
        product_name: by_name,
        edition_id: windows.edition_id.as_deref().unwrap_or_default(),
        suites,
    };
    let mut saw = notes.of("product");
    saw.extend(notes.of("version"));
    saw.extend(notes.of("build"));
    let problem = notes.problems.first().map(|problem| problem.says.clone());
    let why = |what: &str| {
        why.cloned()
            .or(problem.clone())
            .unwrap_or_else(|| format!("the registry does not say {what}"))
    };
    let product = match (version, server) {
        (Some((10, 0)), _) if windows.build.is_none() => {
            Fact::unknown(why("which build it is"), saw)
        }
        (Some(_), Some(_)) => Fact::known(product::product(&signs), saw),
        _ => Fact::unknown(why("which version it is"), saw),
    };
    let mut saw = notes.of("edition");
    saw.extend(notes.of("suites"));
    let edition = match product::edition(&signs).filter(|_| version.is_some()) {
        Some(edition) => Fact::known(edition, saw),
        None => Fact::unknown(why("which edition it is"), saw),
    };
    windows.product = product;
    windows.edition = edition;
}

fn finish(
    files: Files<'_>,
    mut windows: Windows,
    version: Option<(u32, u32)>,
    mut notes: Notes,
    system: Option<At<'_>>,
    volumes: &[GuestVolume<'_>],
    budget: &Budget,
) -> Found {
    let (arch, kernel) = kernel_program(files, &windows.folder, system, &mut notes);
    let bootloaders = boot_store(&mut windows, volumes, budget);
    let mut saw = notes.of("version");
    saw.extend(notes.of("build"));
    let text = match (version, windows.build) {
        (Some((major, minor)), Some(build)) => Some(format!("{major}.{minor}.{build}")),
        _ => None,
    };
    windows.kernel = match &kernel {
        Some((version, evidence)) => Fact::known(version.clone(), vec![evidence.clone()]),
        None => Fact::unknown("ntoskrnl.exe has no version that could be read", Vec::new()),
    };
    // The program's version stands in when the registry says nothing.
    let os_version = match (text, &kernel) {
        (Some(text), _) => Fact::known(text, saw),
        (None, Some((version, evidence))) => {
            let three: Vec<&str> = version.split('.').take(3).collect();
            Fact::known(three.join("."), vec![evidence.clone()])
        }
        (None, None) => Fact::unknown(
            "neither the registry nor the kernel's program tells it",
            saw,
        ),
    };
    let name = windows
        .product
        .get()
        .cloned()
        .unwrap_or_else(|| "Windows".to_owned());
    let edition = windows.edition.get().cloned();
    let folder = windows.folder.clone();
    let id_seen = vec![files.evidence(
        &format!("{folder}/System32/config"),
        "the folder of the registry",
    )];
    let os = Os {
        family: Family::Windows,
        id: Fact::known("windows".to_owned(), id_seen),
        pretty_name: match &edition {
            Some(edition) => format!("{name} {edition}"),
            None => name.clone(),
        },
        name,
        version: os_version,
        arch,
        edition,
        build: windows.build.map(|build| match windows.revision {
            Some(revision) => format!("{build}.{revision}"),
            None => build.to_string(),
        }),
    };
    let kernels: Vec<Kernel> = kernel
        .iter()
        .map(|(version, evidence)| Kernel {
            release: version.clone(),
            default: true,
            flavour: KernelFlavour::Stock,
            image: evidence.path.clone(),
            sources: vec![KernelSource::ImageString],
            evidence: vec![evidence.clone()],
        })
        .collect();
    let default_kernel = default_kernel(&windows, kernel);
    windows.evidence = notes.evidence;
    windows.problems = notes.problems;
    Found {
        drivers: settings::drivers(&windows),
        os,
        windows,
        kernels,
        default_kernel,
        bootloaders,
    }
}

fn default_kernel(windows: &Windows, kernel: Option<(String, Evidence)>) -> Fact<DefaultKernel> {
    let Some((release, evidence)) = kernel else {
        return Fact::unknown("ntoskrnl.exe has no version that could be read", Vec::new());
    };
    let entry = windows.boot.get().and_then(BootStore::default_entry);
    Fact::known(
        DefaultKernel {
            release,
            how: match entry {
                Some(_) => DefaultBy::Name,
                None => DefaultBy::OnlyKernel,
            },
            title: entry.and_then(|entry| entry.description.clone()),
            image: entry.and_then(|entry| entry.path.clone()),
            cmdline: None,
            initrd: Vec::new(),
        },
        vec![evidence],
    )
}

/// What the kernel's program is made for, and its version.
fn kernel_program(
    files: Files<'_>,
    folder: &str,
    system: Option<At<'_>>,
    notes: &mut Notes,
) -> (Fact<Arch>, Option<(String, Evidence)>) {
    let path = format!("{folder}/System32/ntoskrnl.exe");
    let program = match files.open(&path) {
        Ok(Some(file)) => pe::read(&file).map_err(|error| clause(&error)),
        Ok(None) => Err(format!("there is no {path}")),
        Err(error) => Err(format!("{path} cannot be read: {}", clause(&error))),
    };
    let known = match &program {
        Ok(program) => {
            let arch = match program.machine {
                pe::AMD64 => Arch::X86_64,
                pe::I386 => Arch::I386,
                pe::ARM64 => Arch::Arm64,
                pe::IA64 => Arch::Other("ia64".to_owned()),
                other => Arch::Other(format!("machine {other:#x}")),
            };
            let says = format!("a program for {}", arch.name());
            Some((arch, vec![files.evidence(&path, says)]))
        }
        Err(why) => {
            notes.problems.push(files.evidence(&path, why.clone()));
            None
        }
    };
    let arch = match known.or_else(|| environment_arch(system, notes)) {
        Some((arch, evidence)) => Fact::known(arch, evidence),
        None => Fact::unknown(
            program.as_ref().err().cloned().unwrap_or_default(),
            Vec::new(),
        ),
    };
    let version = program.ok().and_then(|program| program.version);
    let version = version.map(|[a, b, c, d]| {
        let text = format!("{a}.{b}.{c}.{d}");
        let evidence = files.evidence(&path, format!("version {text}"));
        (text, evidence)
    });
    (arch, version)
}

fn environment_arch(system: Option<At<'_>>, notes: &mut Notes) -> Option<(Arch, Vec<Evidence>)> {
    let key = "Control\\Session Manager\\Environment";
    let text = system?.text(key, "PROCESSOR_ARCHITECTURE", "arch", notes)?;
    let arch = match text.to_ascii_lowercase().as_str() {
        "amd64" => Arch::X86_64,
        "x86" => Arch::I386,
        "arm64" => Arch::Arm64,
        other => Arch::Other(other.to_owned()),
    };
    Some((arch, notes.of("arch")))
}

/// Finds the boot configuration data on the volumes, or the boot menu of systems before it.
fn boot_store(
    windows: &mut Windows,
    volumes: &[GuestVolume<'_>],
    budget: &Budget,
) -> Vec<Bootloader> {
    let mut found = Vec::new();
    let mut why = "there is no boot configuration data on any volume".to_owned();
    for volume in volumes {
        let Ok(files) = volume.files() else { continue };
        if !is_of_windows(&*files) {
            continue;
        }
        let files = Files {
            files: &*files,
            volume: &volume.id,
        };
        for path in STORES {
            if !files.has(path) {
                continue;
            }
            let read = GuestHive::open(files, path, budget)
                .map_err(|unopened| unopened.why)
                .and_then(|hive| bcd::read(&hive.hive).map_err(|error| clause(&error)));
            match read {
                Ok(store) => found.push((volume.id.clone(), *path, store)),
                Err(problem) => why = problem,
            }
        }
        if windows.boot_ini.is_none() {
            windows.boot_ini = boot_ini::read(files);
        }
        if windows.boot_manager.is_none() && files.has(BOOT_MANAGER) {
            windows.boot_manager = Some(files.evidence(BOOT_MANAGER, "what a BIOS starts"));
        }
    }
    if !found.is_empty() {
        // A leftover of the system that was here before an upgrade.
        windows.boot_ini = None;
    }
    if let Some(menu) = &windows.boot_ini {
        let entries = menu.systems.len();
        return vec![loader(
            BootloaderKind::Ntldr,
            boot_ini::PATH,
            &menu.volume,
            entries,
        )];
    }
    let loaders = found
        .iter()
        .map(|(id, path, store)| loader(BootloaderKind::Bootmgr, path, id, store.entries.len()))
        .collect();
    windows.boot = match found.into_iter().next() {
        Some((volume, path, store)) => {
            let says = format!("{} entries that start Windows", store.entries.len());
            Fact::known(store, vec![Evidence::new(says).on(&volume).path(path)])
        }
        None => Fact::unknown(why, Vec::new()),
    };
    loaders
}

fn loader(kind: BootloaderKind, path: &str, volume: &VolumeId, entries: usize) -> Bootloader {
    Bootloader {
        kind,
        config: path.to_owned(),
        volume: Some(volume.clone()),
        bls: false,
        entries,
        relation: MenuRelation::Same,
        default: None,
    }
}

/// The language of a number, noted.
pub(super) fn language(
    at: At<'_>,
    name: &str,
    fact: &'static str,
    notes: &mut Notes,
) -> Option<String> {
    let digits = at.text("Control\\Nls\\Language", name, fact, notes)?;
    Some(locale::name(&digits))
}
