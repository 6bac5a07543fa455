//! From facts to a verdict.

mod boot;
mod entry;
mod files;
mod initramfs;
mod reach;
mod settings;
mod system;
mod volumes;
mod windows;
mod windows_boot;
mod windows_roles;

use vmie_rules::matrix::{Matrix, Mode, Weight};
use vmie_rules::message::Message;
use vmie_rules::{Date, SvcId};

use crate::{
    Decision, Evidence, Finding, ImportRequest, Inspection, MountOutcome, Severity, System, Verdict,
};

/// Evidence that one finding carries at most.
const MAX_EVIDENCE: usize = 16;

/// Holds what a guest is and what is asked for against what the service says, for the day
/// `as_of`. Reads no disk.
///
/// The answer is *refused* when a finding refuses, else *undetermined* when a fact that decides
/// could not be established (a finding whose code starts with `undetermined-`), else *accepted*.
#[must_use]
pub fn judge(
    inspection: &Inspection,
    request: &ImportRequest,
    matrix: &Matrix,
    mode: Mode,
    as_of: Date,
) -> Verdict {
    let mut judge = Judge {
        inspection,
        request,
        matrix,
        mode,
        as_of,
        row: None,
        findings: Vec::new(),
    };
    judge.files();
    judge.volumes();
    judge.boot();
    let main = judge.main_system();
    if let Some((system, windows)) = main.and_then(|one| Some((one, one.windows.as_deref()?))) {
        judge.windows(system, windows);
    } else if let Some(system) = main {
        judge.system(system);
        judge.loader(system);
        judge.fstab(system);
        judge.initramfs(system);
        judge.settings(system);
        judge.reach(system);
    }
    let mut findings = judge.findings;
    findings.sort_by_key(
        |finding| match (finding.severity, finding.is_undetermined()) {
            (Severity::Refuse, _) => 0,
            (_, true) => 1,
            (Severity::Change, _) => 2,
            (Severity::Advise, _) => 3,
        },
    );
    let decision = if findings.iter().any(|f| f.severity == Severity::Refuse) {
        Decision::Refused
    } else if findings.iter().any(Finding::is_undetermined) {
        Decision::Undetermined
    } else {
        Decision::Accepted
    };
    Verdict {
        decision,
        mode,
        edition: matrix.name.clone(),
        as_of,
        row: judge.row,
        findings,
    }
}

struct Judge<'a> {
    inspection: &'a Inspection,
    request: &'a ImportRequest,
    matrix: &'a Matrix,
    mode: Mode,
    as_of: Date,
    row: Option<String>,
    findings: Vec<Finding>,
}

impl<'a> Judge<'a> {
    /// The system that is judged: the first that could start by itself, else the first.
    fn main_system(&self) -> Option<&'a System> {
        let systems = &self.inspection.systems;
        systems
            .iter()
            .find(|system| self.stands_alone(system))
            .or_else(|| systems.iter().find(|system| system.is_bootable()))
            .or_else(|| systems.first())
    }

    /// Whether a system could start by itself. A tree with a kernel and without a boot menu that another system
    /// mounts somewhere else than as its root is a part of that one: what it runs in a container or a `chroot`.
    fn stands_alone(&self, system: &System) -> bool {
        let is_part = || {
            let mut others = self.inspection.systems.iter();
            others.any(|other| {
                other.root != system.root
                    && !other.bootloaders.is_empty()
                    && other.mounts.iter().any(|mount| {
                        mount.target != "/"
                            && matches!(&mount.outcome, MountOutcome::Joined(id) if *id == system.root)
                    })
            })
        };
        system.is_bootable() && !(system.bootloaders.is_empty() && is_part())
    }

    fn push(&mut self, finding: Draft) {
        let mut finding = finding.0;
        finding.evidence.truncate(MAX_EVIDENCE);
        self.findings.push(finding);
    }
}

/// A finding that is being written.
struct Draft(Finding);

fn finding(
    code: &'static str,
    severity: Severity,
    svc: &[SvcId],
    title: impl Into<String>,
) -> Draft {
    Draft(Finding {
        code,
        svc: svc.to_vec(),
        severity,
        title: title.into(),
        service_message: None,
        evidence: Vec::new(),
        remedy: String::new(),
    })
}

fn refuse(code: &'static str, svc: &[SvcId], title: impl Into<String>) -> Draft {
    finding(code, Severity::Refuse, svc, title)
}

fn change(code: &'static str, svc: &[SvcId], title: impl Into<String>) -> Draft {
    finding(code, Severity::Change, svc, title)
}

fn advise(code: &'static str, svc: &[SvcId], title: impl Into<String>) -> Draft {
    finding(code, Severity::Advise, svc, title)
}

/// A fact that decides and could not be established.
fn undetermined(code: &'static str, svc: &[SvcId], what: &str, why: &str) -> Draft {
    finding(
        code,
        Severity::Advise,
        svc,
        format!("{what} could not be established, because {why}"),
    )
    .remedy(looking(code))
}

/// How to establish what could not be, by the code of the finding.
fn looking(code: &str) -> &'static str {
    match code {
        "undetermined-disk" => {
            "Check that the file is whole and a disk: vmie check IMAGE, vmie volumes IMAGE"
        }
        "undetermined-boot-mode" | "undetermined-fallback-binary" => {
            "Look at the partitions with vmie volumes IMAGE, and into the EFI system partition in the guest: ls /boot/efi/EFI"
        }
        "undetermined-system" | "undetermined-version" => {
            "In the guest: cat /etc/os-release (Linux), winver (Windows); give every disk of the machine"
        }
        "undetermined-architecture" => {
            "In the guest: uname -m (Linux), echo %PROCESSOR_ARCHITECTURE% (Windows)"
        }
        "undetermined-edition" => "In the guest: DISM /Online /Get-CurrentEdition",
        "undetermined-language" => "In the guest: Get-WinSystemLocale",
        "undetermined-kernel" => {
            "In the guest: uname -r, and grubby --default-kernel or grep default /boot/grub/grub.cfg"
        }
        "undetermined-boot-loader" => {
            "Give the disk with /boot, too; in the guest: ls /boot/grub /boot/grub2"
        }
        "undetermined-initramfs" => {
            "In the guest: lsinitramfs /boot/initrd.img-$(uname -r), or lsinitrd"
        }
        _ => "Give every disk of the machine, and look at what is named with another tool",
    }
}

impl Draft {
    /// The service's own words for it.
    fn message(mut self, message: &Message) -> Self {
        self.0.service_message = Some(message.to_string());
        self
    }

    fn evidence(mut self, evidence: &[Evidence]) -> Self {
        self.0.evidence.extend_from_slice(evidence);
        self
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = remedy.into();
        self
    }
}

/// The severity of a difference from the matrix that is established.
fn severity(weight: Weight) -> Severity {
    match weight {
        Weight::Refuses => Severity::Refuse,
        Weight::Advises | Weight::Undecided => Severity::Advise,
    }
}

/// A size for people, rounded down to whole units.
fn human(bytes: u64) -> String {
    for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB")] {
        let whole = bytes >> shift;
        if whole > 0 {
            return format!("{whole} {unit}");
        }
    }
    format!("{bytes} bytes")
}
