//! What is known of a guest, as documents for programs.
//!
//! The keys are a promise; new ones may come, old ones stay. A fact that could not be established
//! is `null`, and `unknown` says why.

use serde_json::{Map, Value, json};
use vmie_guest::{
    Bootloader, Drivers, Evidence, Fact, FilesystemFacts, Finding, Inspection, MountOutcome,
    System, Unread, Verdict,
};

/// What was found in a guest: `systems`, `boot`, `filesystems`, `disks`, `unread`, `unknown`,
/// `evidence`.
#[must_use]
pub fn inspection(inspection: &Inspection) -> Map<String, Value> {
    let mut notes = Notes::default();
    let systems: Vec<Value> = inspection
        .systems
        .iter()
        .enumerate()
        .map(|(index, one)| system(one, &format!("systems[{index}]"), &mut notes))
        .collect();
    let modes = notes.fact("boot.modes", &inspection.boot.modes, |modes| {
        modes.iter().map(|mode| mode.name()).collect::<Vec<_>>()
    });
    let esps: Vec<Value> = inspection
        .boot
        .esps
        .iter()
        .map(|esp| {
            let at = format!("boot.esps.{}", esp.volume);
            json!({
                "volume": esp.volume.to_string(),
                "loaders": notes.fact(&format!("{at}.loaders"), &esp.loaders, Clone::clone),
                "fallback": notes.fact(&format!("{at}.fallback"), &esp.fallback, |there| *there),
            })
        })
        .collect();
    let disks: Vec<Value> = inspection
        .disks
        .iter()
        .map(|disk| {
            let at = format!("disks[{}].table", disk.index);
            json!({
                "index": disk.index,
                "size": disk.size,
                "table": notes.fact(&at, &disk.layout, |layout| layout.table.name()),
            })
        })
        .collect();
    let filesystems: Vec<Value> = inspection
        .filesystems
        .iter()
        .map(|one| filesystem(one, &mut notes))
        .collect();
    let mut document = Map::new();
    document.insert("systems".into(), systems.into());
    document.insert(
        "boot".into(),
        json!({"modes": modes, "bios_disk": inspection.boot.bios_disk, "esps": esps}),
    );
    document.insert("filesystems".into(), filesystems.into());
    document.insert("disks".into(), disks.into());
    let unread: Vec<Value> = inspection.unread.iter().map(unread_volume).collect();
    document.insert("unread".into(), unread.into());
    document.insert("unknown".into(), notes.unknown.into());
    document.insert("evidence".into(), notes.evidence.into());
    document
}

/// What was found in a guest and what was judged of it: the keys of [`inspection`], and `verdict`,
/// `mode`, `edition`, `as_of`, `row`, `findings`.
#[must_use]
pub fn preflight(facts: &Inspection, verdict: &Verdict) -> Map<String, Value> {
    let mut document = Map::new();
    document.insert("verdict".into(), verdict.decision.name().into());
    document.insert("mode".into(), verdict.mode.as_str().into());
    document.insert("edition".into(), verdict.edition.clone().into());
    document.insert("as_of".into(), verdict.as_of.to_string().into());
    document.insert("row".into(), verdict.row.clone().into());
    let findings: Vec<Value> = verdict.findings.iter().map(finding).collect();
    document.insert("findings".into(), findings.into());
    document.append(&mut inspection(facts));
    document
}

/// A finding: `code`, `svc`, `severity`, `title`, `service_message`, `evidence`, `remedy`.
#[must_use]
pub fn finding(finding: &Finding) -> Value {
    let svc: Vec<&str> = finding.svc.iter().map(|id| id.as_str()).collect();
    let seen: Vec<Value> = finding.evidence.iter().map(evidence).collect();
    json!({
        "code": finding.code,
        "svc": svc,
        "severity": finding.severity.name(),
        "title": finding.title,
        "service_message": finding.service_message,
        "evidence": seen,
        "remedy": finding.remedy,
    })
}

fn evidence(evidence: &Evidence) -> Value {
    json!({
        "volume": evidence.volume.map(|volume| volume.to_string()),
        "path": evidence.path,
        "line": evidence.line,
        "offset": evidence.offset,
        "says": evidence.says,
    })
}

/// What goes beside the facts: what they rest on, and why some are missing.
#[derive(Default)]
struct Notes {
    evidence: Vec<Value>,
    unknown: Vec<Value>,
}

impl Notes {
    /// The fact's value as `show` makes it, or null; what it rests on is noted under `name`.
    fn fact<T, V: Into<Value>>(
        &mut self,
        name: &str,
        fact: &Fact<T>,
        show: impl FnOnce(&T) -> V,
    ) -> Value {
        self.seen(name, fact.evidence());
        if let Some(why) = fact.why() {
            self.unknown.push(json!({"fact": name, "why": why}));
        }
        fact.get().map_or(Value::Null, |value| show(value).into())
    }

    fn seen(&mut self, name: &str, seen: &[Evidence]) {
        for one in seen {
            let mut value = evidence(one);
            if let Some(object) = value.as_object_mut() {
                object.insert("fact".into(), name.into());
            }
            self.evidence.push(value);
        }
    }
}

fn system(system: &System, at: &str, notes: &mut Notes) -> Value {
    let default = notes.fact(
        &format!("{at}.default_kernel"),
        &system.default_kernel,
        |kernel| {
            json!({
                "release": kernel.release,
                "how": kernel.how.name(),
                "title": kernel.title,
                "image": kernel.image,
                "cmdline": kernel.cmdline,
                "initrd": kernel.initrd,
            })
        },
    );
    let kernels: Vec<Value> = system
        .kernels
        .iter()
        .map(|kernel| {
            notes.seen(
                &format!("{at}.kernels.{}", kernel.release),
                &kernel.evidence,
            );
            let sources: Vec<&str> = kernel.sources.iter().map(|s| s.name()).collect();
            json!({
                "release": kernel.release,
                "default": kernel.default,
                "flavour": kernel.flavour.name(),
                "image": kernel.image,
                "sources": sources,
            })
        })
        .collect();
    notes.seen(&format!("{at}.notes"), &system.notes);
    notes.seen(&format!("{at}.network"), &system.network.evidence);
    let fstab = notes.fact(&format!("{at}.fstab"), &system.fstab, |entries| {
        entries.iter().map(fstab_entry).collect::<Vec<Value>>()
    });
    let others: Vec<Value> = system.bootloaders.iter().map(bootloader).collect();
    json!({
        "root": system.root.to_string(),
        "os": os(system, at, notes),
        "kernels": kernels,
        "default_kernel": default,
        "bootloader": system.bootloader().map(bootloader),
        "bootloaders": others,
        "fstab": fstab,
        "mounts": system.mounts.iter().map(mount).collect::<Vec<_>>(),
        "drivers": notes.fact(&format!("{at}.drivers"), &system.drivers, drivers),
        "network": {
            "stacks": system.network.stacks,
            "files": system.network.files,
            "predictable_names": system.network.predictable_names,
        },
    })
}

fn os(system: &System, at: &str, notes: &mut Notes) -> Value {
    let os = &system.os;
    json!({
        "family": os.family.name(),
        "id": notes.fact(&format!("{at}.os.id"), &os.id, Clone::clone),
        "name": os.name,
        "pretty_name": os.pretty_name,
        "version": notes.fact(&format!("{at}.os.version"), &os.version, Clone::clone),
        "arch": notes.fact(&format!("{at}.os.arch"), &os.arch, |arch| arch.name().to_owned()),
        "edition": os.edition,
        "build": os.build,
    })
}

fn bootloader(loader: &Bootloader) -> Value {
    json!({
        "kind": loader.kind.name(),
        "config": loader.config,
        "volume": loader.volume.map(|volume| volume.to_string()),
        "bls": loader.bls,
        "entries": loader.entries,
    })
}

fn fstab_entry(entry: &vmie_guest::fstab::FstabEntry) -> Value {
    json!({
        "source": entry.source,
        "target": entry.target,
        "type": entry.fstype,
        "options": entry.options,
        "freq": entry.freq,
        "passno": entry.passno,
        "line": entry.line,
    })
}

fn mount(mount: &vmie_guest::Mount) -> Value {
    let (outcome, volume, why) = match &mount.outcome {
        MountOutcome::Joined(volume) => ("joined", Some(*volume), None),
        MountOutcome::NotRead { volume, why } => ("not-read", Some(*volume), Some(why.as_str())),
        MountOutcome::NotFound => ("not-found", None, None),
        _ => ("skipped", None, None),
    };
    json!({
        "source": mount.source,
        "target": mount.target,
        "outcome": outcome,
        "volume": volume.map(|volume| volume.to_string()),
        "why": why,
    })
}

fn drivers(drivers: &Drivers) -> Value {
    json!({
        "kernel": drivers.kernel,
        "modules": drivers.modules,
        "builtin": drivers.builtin,
    })
}

fn filesystem(one: &FilesystemFacts, notes: &mut Notes) -> Value {
    let at = format!("filesystems.{}", one.volume);
    let readable = notes.fact(&at, &one.readable, |()| true);
    json!({
        "volume": one.volume.to_string(),
        "kind": one.kind.name(),
        "label": one.label,
        "uuid": one.uuid,
        "size": one.size,
        "total": one.space.map(|space| space.total),
        "free": one.space.map(|space| space.free),
        "encrypted": one.encrypted(),
        "readable": readable == Value::Bool(true),
        "mounted_on": one.mounted_on,
    })
}

fn unread_volume(unread: &Unread) -> Value {
    json!({
        "volume": unread.volume.to_string(),
        "kind": unread.kind.map(|kind| kind.name()),
        "why": unread.why,
        "mounted_on": unread.mounted_on,
    })
}
