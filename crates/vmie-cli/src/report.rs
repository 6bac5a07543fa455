//! What a guest is and what is said of it, as text for people.

use std::fmt::Write as _;

use vmie::guest::{
    Bootloader, Decision, Fact, Finding, Inspection, MountOutcome, Severity, System, Verdict,
};

use crate::out::{Out, Tone};
use crate::size::Bytes;
use crate::text::{Safe, count};

/// How wide the names of facts are.
const NAME: usize = 14;

/// Most pieces of evidence that are shown of one finding.
const EVIDENCE: usize = 4;

/// What the guest is.
pub(crate) fn inspection(out: &Out, inspection: &Inspection) -> String {
    let mut text = String::new();
    if inspection.systems.is_empty() {
        let head = out.paint(Tone::Strong, "No operating system was found");
        let _ = writeln!(text, "{head}");
    }
    for system in &inspection.systems {
        self::system(&mut text, out, system);
    }
    let modes: Vec<&str> = match inspection.boot.modes.get() {
        Some(modes) => modes.iter().map(|mode| mode.name()).collect(),
        None => Vec::new(),
    };
    let modes = match inspection.boot.modes.why() {
        Some(why) => format!("unknown: {}", Safe(why)),
        None if modes.is_empty() => "nothing: no firmware would start it".to_owned(),
        None => modes.join(", "),
    };
    line(&mut text, "boots by", &modes);
    for one in &inspection.filesystems {
        let mounted = one
            .mounted_on
            .as_deref()
            .map_or_else(String::new, |at| format!(" on {}", Safe(at)));
        let free = one
            .space
            .map_or_else(String::new, |space| format!(", {} free", Bytes(space.free)));
        let value = format!(
            "{} {}, {}{free}{mounted}",
            one.volume,
            one.kind.name(),
            Bytes(one.size)
        );
        line(&mut text, "filesystem", &value);
    }
    for unread in &inspection.unread {
        let value = format!("{}: {}", unread.volume, Safe(&unread.why));
        line(&mut text, "not read", &value);
    }
    text
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "  {name:<NAME$}{value}");
}

fn shown<T>(fact: &Fact<T>, show: impl FnOnce(&T) -> String) -> String {
    match (fact.get(), fact.why()) {
        (Some(value), _) => Safe(&show(value)).to_string(),
        (None, why) => format!("unknown: {}", Safe(why.unwrap_or("nothing tells"))),
    }
}

fn system(text: &mut String, out: &Out, system: &System) {
    let os = &system.os;
    let head = Safe(&os.pretty_name).to_string();
    let _ = writeln!(text, "{}", out.paint(Tone::Strong, &head));
    let id = shown(&os.id, Clone::clone);
    let version = shown(&os.version, Clone::clone);
    line(
        text,
        "system",
        &format!("{} {id} {version}", os.family.name()),
    );
    line(
        text,
        "architecture",
        &shown(&os.arch, |arch| arch.name().to_owned()),
    );
    line(text, "root", &system.root.to_string());
    if let Some(deployment) = &system.deployment {
        line(text, "deployment", &Safe(&deployment.path).to_string());
    }
    for kernel in &system.kernels {
        let default = if kernel.default { " (default)" } else { "" };
        let value = format!("{}{default}", Safe(&kernel.release));
        line(text, "kernel", &value);
    }
    if let Some(why) = system.default_kernel.why() {
        line(text, "default kernel", &format!("unknown: {}", Safe(why)));
    }
    let loader = system
        .bootloader()
        .map_or_else(|| "none found".to_owned(), bootloader);
    line(text, "boot loader", &loader);
    for mount in &system.mounts {
        let volume = match &mount.outcome {
            MountOutcome::Joined(volume) => volume.to_string(),
            MountOutcome::NotRead { volume, why } => format!("{volume}, not read: {}", Safe(why)),
            MountOutcome::NotFound => "not found".to_owned(),
            _ => continue,
        };
        let value = format!(
            "{} from {} ({volume})",
            Safe(&mount.target),
            Safe(&mount.source)
        );
        line(text, "mounts", &value);
    }
    if !system.network.stacks.is_empty() {
        line(text, "network", &system.network.stacks.join(", "));
    }
}

fn bootloader(loader: &Bootloader) -> String {
    format!(
        "{}, {} ({})",
        loader.kind.name(),
        Safe(&loader.config),
        count(loader.entries, "entry", "entries")
    )
}

/// What is said of it.
pub(crate) fn verdict(out: &Out, verdict: &Verdict) -> String {
    let (tone, word) = match verdict.decision {
        Decision::Accepted => (Tone::Good, "accepted"),
        Decision::Refused => (Tone::Bad, "refused"),
        Decision::Undetermined => (Tone::Warn, "undetermined"),
    };
    let mut text = format!(
        "Verdict: {} ({}, edition {}, as of {})\n",
        out.paint(tone, word),
        verdict.mode.as_str(),
        Safe(&verdict.edition),
        verdict.as_of,
    );
    match &verdict.row {
        Some(row) => line(&mut text, "matrix row", &Safe(row).to_string()),
        None => line(&mut text, "matrix row", "none"),
    }
    for finding in &verdict.findings {
        self::finding(&mut text, out, finding);
    }
    text
}

fn finding(text: &mut String, out: &Out, finding: &Finding) {
    let (tone, word) = match finding.severity {
        _ if finding.is_undetermined() => (Tone::Warn, "unknown"),
        Severity::Refuse => (Tone::Bad, "refuses"),
        Severity::Change => (Tone::Warn, "change"),
        Severity::Advise => (Tone::Dim, "advice"),
    };
    let svc: Vec<&str> = finding.svc.iter().map(|id| id.as_str()).collect();
    let svc = if svc.is_empty() {
        String::new()
    } else {
        format!(" [{}]", svc.join(", "))
    };
    let word = out.paint(tone, &format!("{word:<8}"));
    let _ = writeln!(text, "  {word} {}{svc}", Safe(&finding.title));
    if let Some(message) = &finding.service_message {
        let _ = writeln!(text, "           the service says: {}", Safe(message));
    }
    for evidence in finding.evidence.iter().take(EVIDENCE) {
        let _ = writeln!(text, "           seen: {}", Safe(&evidence.to_string()));
    }
    let more = finding.evidence.len().saturating_sub(EVIDENCE);
    if more > 0 {
        let _ = writeln!(text, "           and {more} more");
    }
    if !finding.remedy.is_empty() {
        let _ = writeln!(text, "           {}.", Safe(&finding.remedy));
    }
}
