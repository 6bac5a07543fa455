//! The system against the matrix, and its boot loader.

use vmie_rules::SvcId;
use vmie_rules::matrix::{Architecture, LinuxQuery, Miss, MissKind, Weight};
use vmie_rules::message::Message;

use super::entry::lacks_its_kernel;
use super::volumes::label;
use super::{Draft, Judge, advise, finding, refuse, severity, undetermined};
use crate::inspect::NO_RELEASE_FILE;
use crate::{
    Arch, Deployment, Evidence, KernelFlavour, KernelSource, MenuRelation, Severity, System,
};

impl Judge<'_> {
    pub(super) fn system(&mut self, system: &System) {
        let Some(id) = system.os.id.get() else {
            self.unknown_system(system);
            return;
        };
        if let Some(deployment) = &system.deployment {
            self.deployed(system, deployment);
            return;
        }
        let query = LinuxQuery {
            id: row_id(id, &system.os.name),
            version: system.os.version.get().map(String::as_str),
            service_pack: None,
            kernel: system
                .default_kernel
                .get()
                .map(|kernel| kernel.release.as_str()),
            architecture: system.os.arch.get().map(architecture),
            as_of: self.as_of,
        };
        let matched = self.matrix.match_linux(&query, self.mode);
        let row = matched.row.map(|row| row.label());
        // The guide's name for the system where it has one, and the system's own elsewhere.
        let what = match (matched.row, system.os.version.get()) {
            (Some(row), Some(version)) => format!("{} {version}", row.name),
            _ => label(system),
        };
        let misses = matched.misses;
        self.row.clone_from(&row);
        for miss in &misses {
            self.miss(system, &what, miss, row.as_deref());
        }
        // Without a row the matrix has nothing to hold a kernel against; that there is none is
        // told all the same.
        if row.is_none() && system.kernels.is_empty() && system.default_kernel.get().is_none() {
            self.kernel_unknown(system);
        }
    }

    fn unknown_system(&mut self, system: &System) {
        let svc = [SvcId::Os3, SvcId::Err14];
        let why = system.os.id.why().unwrap_or_default();
        let draft = if why != NO_RELEASE_FILE {
            undetermined("undetermined-system", &svc, "Which system it is", why)
        } else {
            refuse(
                "unknown-system",
                &svc,
                format!(
                    "The root filesystem on {} does not say which system it is: {why}",
                    system.root
                ),
            )
            .message(&Message::UnknownOs)
            .remedy("Check that /etc/os-release is there and readable")
        };
        self.push(draft.evidence(system.os.id.evidence()));
    }

    /// A system whose root is one of OSTree's trees: whatever it is called, it has no `/etc` and no kernel where
    /// the service looks for them, and the matrix means the systems that are installed by packages.
    fn deployed(&mut self, system: &System, deployment: &Deployment) {
        let saw = Evidence::new(format!(
            "a deployment of OSTree, of {}",
            deployment.deployments
        ))
        .on(&system.root)
        .path(deployment.path.clone());
        let what = match system.os.pretty_name.as_str() {
            "" => label(system),
            name => name.to_owned(),
        };
        self.push(
            refuse(
                "system-not-listed",
                &[SvcId::Os3, SvcId::Err14],
                format!("{what} is deployed by OSTree, and no such system is supported"),
            )
            .message(&Message::UnknownOs)
            .evidence(system.os.id.evidence())
            .evidence(&[saw])
            .remedy("Move the workload to a supported system that is installed by packages; the matrix names them"),
        );
    }

    fn miss(&mut self, system: &System, what: &str, miss: &Miss, row: Option<&str>) {
        let svc = miss.kind.svc();
        let row = row.map_or_else(String::new, |row| format!(": the row is {row}"));
        let refuses = miss.weight == Weight::Refuses;
        let with = |code, title: String| finding(code, severity(miss.weight), svc, title);
        let draft = match &miss.kind {
            MissKind::SystemUnlisted { .. } => {
                let draft = with(
                    "system-not-listed",
                    format!("{what} is not a supported system"),
                )
                .remedy("Move the workload to a supported system; the matrix names them");
                os_evidence(draft, system, refuses)
            }
            MissKind::VersionUnknown => undetermined(
                "undetermined-version",
                svc,
                &format!("The version of {what}"),
                system.os.version.why().unwrap_or("nothing names it"),
            )
            .evidence(system.os.version.evidence()),
            MissKind::VersionImprecise { .. } if miss.weight == Weight::Undecided => undetermined(
                "undetermined-version",
                svc,
                &format!("Whether {what} is listed"),
                &miss.kind.to_string(),
            )
            .evidence(system.os.version.evidence()),
            MissKind::VersionImprecise { .. } | MissKind::VersionUnlisted { .. } => {
                let row = if row.is_empty() {
                    format!(": {}", miss.kind)
                } else {
                    row
                };
                let draft = with("version-not-listed", format!("{what} is not listed{row}"))
                    .remedy("Bring the system to a listed version");
                os_evidence(draft, system, refuses)
            }
            MissKind::ServicePackUnlisted { .. } => {
                let draft = with(
                    "service-pack-not-listed",
                    format!("{what} is not listed: {}", miss.kind),
                )
                .remedy("Install a listed service pack");
                os_evidence(draft, system, refuses)
            }
            MissKind::KernelUnknown => return self.kernel_unknown(system),
            MissKind::KernelUnlisted { found, .. } | MissKind::KernelExcluded { found, .. } => {
                kernel_not_listed(
                    system,
                    miss,
                    format!("Kernel {found} of {what} is not listed{row}"),
                )
            }
            MissKind::Deprecated { since } => with(
                "row-deprecated",
                format!("Support for {what} is deprecated since {since}{row}"),
            )
            .evidence(system.os.version.evidence())
            .remedy("Bring the system to a newer release"),
            MissKind::ArchitectureUnknown => undetermined(
                "undetermined-architecture",
                svc,
                "The architecture",
                system.os.arch.why().unwrap_or("nothing tells it"),
            )
            .evidence(system.os.arch.evidence()),
            MissKind::ArchitectureUnsupported { .. } => with(
                "architecture-unsupported",
                format!(
                    "The system is for {}, and Linux is imported for x86_64 only",
                    system.os.arch.get().map_or("another machine", Arch::name)
                ),
            )
            .evidence(system.os.arch.evidence())
            .remedy("Install the system for x86_64"),
            // Kinds that a later edition of the rules adds.
            other if miss.weight == Weight::Undecided => undetermined(
                "undetermined-matrix",
                svc,
                "Whether it is listed",
                &other.to_string(),
            ),
            other => with("not-listed", format!("{what} is not listed: {other}")),
        };
        self.push(draft);
    }

    fn kernel_unknown(&mut self, system: &System) {
        // Told with its place as the entry's own fault.
        if lacks_its_kernel(system) {
            return;
        }
        let why = system.default_kernel.why().unwrap_or_default();
        let bls = system
            .bootloader()
            .is_some_and(|loader| loader.bls && loader.kind.is_grub());
        let saw = system.default_kernel.evidence();
        let draft = if bls {
            refuse(
                "bls-default-not-determined",
                &[SvcId::Err22],
                format!("The default kernel cannot be detected: {why}"),
            )
            .message(&Message::BlsWithoutDefault)
            .remedy("In the guest: set GRUB_DEFAULT=saved in /etc/default/grub, then grubby --set-default=/boot/vmlinuz-RELEASE")
        } else if system.kernels.is_empty() && system.hidden("/boot/grub").is_none() {
            refuse(
                "no-kernel",
                &[SvcId::Err29],
                "No kernel is installed: neither /boot nor /lib/modules names one",
            )
            .message(&Message::KernelUndetermined)
            .remedy("Check that the volume of /boot is among the disks")
        } else {
            undetermined(
                "undetermined-kernel",
                &[SvcId::Os3, SvcId::Err29],
                "The kernel that starts by default",
                why,
            )
        };
        self.push(draft.evidence(saw));
    }

    pub(super) fn loader(&mut self, system: &System) {
        let default = system.default_kernel.get();
        let rescue = default.and_then(|default| {
            let mut kernels = system.kernels.iter();
            kernels.find(|kernel| {
                kernel.release == default.release && kernel.flavour == KernelFlavour::Rescue
            })
        });
        if let Some(kernel) = rescue {
            self.push(
                advise(
                    "default-is-rescue-kernel",
                    &[SvcId::Lim6],
                    format!("The rescue kernel {} starts by default", kernel.release),
                )
                .evidence(system.default_kernel.evidence())
                .remedy("Make the system's usual kernel the default"),
            );
        }
        self.default_entry(system);
        self.custom(system);
        self.menus(system);
        if system
            .bootloaders
            .iter()
            .any(|loader| loader.kind.is_grub())
        {
            return;
        }
        let svc = [SvcId::Cfg2];
        if let Some(other) = system.bootloaders.first() {
            let mut saw = Evidence::new("its configuration").path(other.config.clone());
            saw.volume.clone_from(&other.volume);
            self.push(
                refuse(
                    "boot-loader-not-grub",
                    &svc,
                    format!(
                        "The boot loader is {}, and only GRUB is supported",
                        other.kind.name()
                    ),
                )
                .evidence(&[saw])
                .remedy("Install GRUB 2 as the boot loader"),
            );
            return;
        }
        let hidden = ["/boot/grub", "/boot/grub2", "/boot/efi/EFI"]
            .iter()
            .find_map(|path| system.hidden(path));
        match hidden {
            Some(why) => self.push(undetermined(
                "undetermined-boot-loader",
                &svc,
                "Which boot loader starts the system",
                &why,
            )),
            None => self.push(
                refuse(
                    "no-grub",
                    &svc,
                    "No boot menu of GRUB was found in /boot/grub, /boot/grub2 or on an EFI system partition",
                )
                .remedy("Install GRUB 2 and write its menu (grub-mkconfig -o /boot/grub/grub.cfg)"),
            ),
        }
    }
}

impl Judge<'_> {
    /// Several menus of GRUB that are not the same (SVC-LIM-2). Two that start the same system are a
    /// leftover; two that start different ones leave open which the machine really boots.
    fn menus(&mut self, system: &System) {
        let Some(first) = system.bootloaders.first() else {
            return;
        };
        let others: Vec<_> = system
            .bootloaders
            .iter()
            .filter(|loader| loader.kind.is_grub() && loader.relation != MenuRelation::Same)
            .collect();
        if others.is_empty() {
            return;
        }
        let saw: Vec<Evidence> = std::iter::once(&first)
            .chain(&others)
            .map(|loader| {
                let says = format!("a boot menu of {} entries", loader.entries);
                let mut evidence = Evidence::new(says).path(loader.config.clone());
                evidence.volume.clone_from(&loader.volume);
                evidence
            })
            .collect();
        let paths: Vec<&str> = others.iter().map(|loader| loader.config.as_str()).collect();
        let apart = others
            .iter()
            .any(|loader| loader.relation == MenuRelation::OtherDefault);
        let (severity, says) = match apart {
            true => (Severity::Refuse, "starts another kernel or root than"),
            false => (Severity::Advise, "has other entries than"),
        };
        let title = format!("{} {says} {}", paths.join(", "), first.config);
        self.push(
            super::finding(
                "several-grub-menus",
                severity,
                &[SvcId::Lim2, SvcId::Err5],
                title,
            )
            .message(&Message::SeveralGrubMenus)
            .evidence(&saw)
            .remedy(format!(
                "Remove the menus that the machine does not boot by: rm {}",
                paths.join(" ")
            )),
        );
    }

    /// A kernel that none of the distribution's packages holds, where they hold others.
    fn custom(&mut self, system: &System) {
        let (Some(default), Some(packages)) = (system.default_kernel.get(), system.packages.get())
        else {
            return;
        };
        let own = system
            .kernels
            .iter()
            .find(|kernel| kernel.release == default.release);
        let is_custom = own.is_some_and(|kernel| {
            kernel.flavour != KernelFlavour::Rescue
                && !kernel.sources.contains(&KernelSource::Package)
        });
        if is_custom && !packages.kernels.is_empty() {
            let mut saw = system.default_kernel.evidence().to_vec();
            saw.extend_from_slice(system.packages.evidence());
            self.push(
                advise(
                    "custom-kernel",
                    &[SvcId::Lim6],
                    format!(
                        "Kernel {} is from none of the installed packages; custom kernels may not be imported",
                        default.release
                    ),
                )
                .evidence(&saw)
                .remedy("Make a kernel of the distribution the default"),
            );
        }
    }
}

/// The id by which the matrix knows a system: CentOS Stream says `centos`, as CentOS Linux did.
fn row_id<'a>(id: &'a str, name: &str) -> &'a str {
    if id == "centos" && name.starts_with("CentOS Stream") {
        "centos-stream"
    } else {
        id
    }
}

fn kernel_not_listed(system: &System, miss: &Miss, title: String) -> Draft {
    let (code, release) = match &miss.kind {
        MissKind::KernelExcluded { found, .. } => ("kernel-excluded", Some(found)),
        MissKind::KernelUnlisted { found, .. } => ("kernel-not-listed", Some(found)),
        _ => ("kernel-not-listed", None),
    };
    let draft = finding(code, severity(miss.weight), miss.kind.svc(), title)
        .evidence(system.default_kernel.evidence())
        .remedy("Install a listed kernel and make it the default");
    match release.filter(|_| miss.weight == Weight::Refuses) {
        Some(release) => draft.message(&Message::UnsupportedKernel {
            release: release.clone(),
        }),
        None => draft,
    }
}

fn os_evidence(draft: Draft, system: &System, refuses: bool) -> Draft {
    let draft = draft.evidence(match system.os.version.get() {
        Some(_) => system.os.version.evidence(),
        None => system.os.id.evidence(),
    });
    if refuses {
        draft.message(&Message::UnknownOs)
    } else {
        draft
    }
}

fn architecture(arch: &Arch) -> Architecture {
    match arch {
        Arch::X86_64 => Architecture::X86_64,
        Arch::I386 => Architecture::I386,
        Arch::Arm64 => Architecture::Arm64,
        Arch::X32 | Arch::Arm | Arch::Other(_) => Architecture::Other,
    }
}
