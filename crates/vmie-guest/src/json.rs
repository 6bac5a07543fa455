//! Inspections and verdicts as documents for programs.
//!
//! The shapes are those of the command's JSON documents, without their `schema`. A fact that could
//! not be established is `null` (or an empty list), and stands in `unknown[]` with the reason.

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeStruct, Serializer};
use vmie_fs::State;

use crate::fstab::FstabEntry;
use crate::{
    Boot, Bootloader, ConfiguredInterface, DefaultEntry, DefaultKernel, Deployment, Disk, Drivers,
    Esp, Evidence, Fact, FilesystemFacts, Finding, Firewall, Initramfs, Inspection, Kernel, Mount,
    MountOutcome, Network, Os, Packages, Settings, Software, Ssh, System, Unread, Verdict,
};

/// An inspection and its verdict in one document: what is in the one, and what is in the other.
#[derive(Clone, Copy, Debug)]
pub struct Preflight<'a> {
    /// What the guest is.
    pub inspection: &'a Inspection,
    /// Whether it imports.
    pub verdict: &'a Verdict,
}

impl Serialize for Preflight<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        inspection_entries(self.inspection, &mut map)?;
        verdict_entries(self.verdict, &mut map)?;
        map.end()
    }
}

impl Serialize for Inspection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        inspection_entries(self, &mut map)?;
        map.end()
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        verdict_entries(self, &mut map)?;
        map.end()
    }
}

fn inspection_entries<M: SerializeMap>(all: &Inspection, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry("disks", &all.disks)?;
    let groups: Vec<GroupDocument<'_>> = all.groups.iter().map(GroupDocument).collect();
    map.serialize_entry("groups", &groups)?;
    map.serialize_entry("systems", &all.systems)?;
    map.serialize_entry("boot", &all.boot)?;
    map.serialize_entry("filesystems", &all.filesystems)?;
    map.serialize_entry("unread", &all.unread)?;
    map.serialize_entry("unknown", &unknown(all))?;
    map.serialize_entry("evidence", &evidence(all))
}

fn verdict_entries<M: SerializeMap>(verdict: &Verdict, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry("verdict", verdict.decision.name())?;
    map.serialize_entry("mode", verdict.mode.as_str())?;
    map.serialize_entry("edition", &verdict.edition)?;
    map.serialize_entry("as_of", &verdict.as_of.to_string())?;
    map.serialize_entry("row", &verdict.row)?;
    map.serialize_entry("findings", &verdict.findings)
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let svc: Vec<&str> = self.svc.iter().map(|id| id.as_str()).collect();
        let mut map = serializer.serialize_struct("Finding", 7)?;
        map.serialize_field("code", self.code)?;
        map.serialize_field("svc", &svc)?;
        map.serialize_field("severity", self.severity.name())?;
        map.serialize_field("title", &self.title)?;
        map.serialize_field("service_message", &self.service_message)?;
        map.serialize_field("evidence", &self.evidence)?;
        map.serialize_field("remedy", &self.remedy)?;
        map.end()
    }
}

impl Serialize for Evidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        evidence_entries(self, &mut map)?;
        map.end()
    }
}

fn evidence_entries<M: SerializeMap>(evidence: &Evidence, map: &mut M) -> Result<(), M::Error> {
    let volume = evidence.volume.as_ref().map(ToString::to_string);
    map.serialize_entry("volume", &volume)?;
    map.serialize_entry("path", &evidence.path)?;
    map.serialize_entry("line", &evidence.line)?;
    map.serialize_entry("offset", &evidence.offset)?;
    map.serialize_entry("says", &evidence.says)
}

/// Evidence with the fact that it is for: `systems[0].os.version`.
struct About<'a> {
    fact: String,
    evidence: &'a Evidence,
}

impl Serialize for About<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("fact", &self.fact)?;
        evidence_entries(self.evidence, &mut map)?;
        map.end()
    }
}

/// A fact that could not be established.
#[derive(Serialize)]
struct Missing<'a> {
    fact: String,
    why: &'a str,
}

/// Calls `each` with every fact's name, its reason if it is missing, and its evidence.
fn facts<'a>(all: &'a Inspection, each: &mut dyn FnMut(String, Option<&'a str>, &'a [Evidence])) {
    fn tell<'a, T>(
        name: String,
        fact: &'a Fact<T>,
        each: &mut dyn FnMut(String, Option<&'a str>, &'a [Evidence]),
    ) {
        each(name, fact.why(), fact.evidence());
    }
    for (at, disk) in all.disks.iter().enumerate() {
        tell(format!("disks[{at}].table"), &disk.layout, each);
    }
    for (at, system) in all.systems.iter().enumerate() {
        let name = |what: &str| format!("systems[{at}].{what}");
        tell(name("os.id"), &system.os.id, each);
        tell(name("os.version"), &system.os.version, each);
        tell(name("os.arch"), &system.os.arch, each);
        for (number, kernel) in system.kernels.iter().enumerate() {
            each(name(&format!("kernels[{number}]")), None, &kernel.evidence);
        }
        tell(name("default_kernel"), &system.default_kernel, each);
        tell(name("drivers"), &system.drivers, each);
        match system.windows.as_deref() {
            Some(windows) => {
                tell(name("windows.product"), &windows.product, each);
                tell(name("windows.edition"), &windows.edition, each);
                tell(name("windows.kernel"), &windows.kernel, each);
                tell(name("windows.settings"), &windows.settings, each);
                tell(name("windows.language"), &windows.language, each);
                tell(name("windows.boot"), &windows.boot, each);
                for (fact, seen) in &windows.evidence {
                    let fact = name(&format!("windows.{fact}"));
                    each(fact, None, std::slice::from_ref(seen));
                }
            }
            // What only other systems have.
            None => {
                tell(name("fstab"), &system.fstab, each);
                tell(name("initramfs"), &system.initramfs, each);
                tell(name("packages"), &system.packages, each);
                each(name("network"), None, &system.network.evidence);
                each(name("settings.ssh"), None, &system.settings.ssh.evidence);
            }
        }
        each(name("notes"), None, &system.notes);
    }
    tell("boot.modes".to_owned(), &all.boot.modes, each);
    for (at, esp) in all.boot.esps.iter().enumerate() {
        tell(format!("boot.esps[{at}].loaders"), &esp.loaders, each);
        tell(format!("boot.esps[{at}].fallback"), &esp.fallback, each);
    }
    for (at, facts) in all.filesystems.iter().enumerate() {
        tell(format!("filesystems[{at}].readable"), &facts.readable, each);
    }
}

fn unknown(all: &Inspection) -> Vec<Missing<'_>> {
    let mut list = Vec::new();
    facts(all, &mut |fact, why, _| {
        list.extend(why.map(|why| Missing { fact, why }));
    });
    list
}

fn evidence(all: &Inspection) -> Vec<About<'_>> {
    let mut list = Vec::new();
    facts(all, &mut |fact, _, evidence| {
        for evidence in evidence {
            list.push(About {
                fact: fact.clone(),
                evidence,
            });
        }
    });
    list
}

/// Writes a struct of the fields given.
macro_rules! document {
    ($type:ty, |$self:ident| { $($name:literal: $value:expr,)+ }) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $self = self;
                let mut map = serializer.serialize_map(None)?;
                $(map.serialize_entry($name, &$value)?;)+
                map.end()
            }
        }
    };
}

document!(Disk, |disk| {
    "index": disk.index,
    "size": disk.size,
    "table": disk.layout.get().map(|layout| layout.table.name()),
    "sector_size": disk.layout.get().map(|layout| layout.sector_size),
    "partitions": disk.layout.get().map(|layout| layout.partitions.len()),
    "primary_partitions": disk.layout.get().map(|layout| layout.primary_count()),
    "dynamic": disk.dynamic,
    "boot_code": disk.layout.get().map(|layout| layout.boot_code.name()),
});

/// A group of another crate.
struct GroupDocument<'a>(&'a vmie_volumes::Group);

document!(GroupDocument<'_>, |group| {
    "kind": group.0.kind.name(),
    "name": group.0.name,
    "uuid": group.0.uuid,
    "version": group.0.version,
    "members": group.0.members.iter().map(ToString::to_string).collect::<Vec<_>>(),
    "volumes": group.0.volumes.iter().map(ToString::to_string).collect::<Vec<_>>(),
    "faults": group.0.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
});

document!(System, |system| {
    "root": system.root.to_string(),
    "root_subvolume": system.root_subvolume,
    "deployment": system.deployment,
    "os": system.os,
    "kernels": system.kernels,
    "default_kernel": system.default_kernel.get(),
    "bootloader": system.bootloader().map(|loader| loader.kind.name()),
    "bootloaders": system.bootloaders,
    "fstab": system.fstab.get().map(Vec::as_slice).unwrap_or_default(),
    "mounts": system.mounts,
    "drivers": system.drivers.get(),
    "initramfs": system.initramfs.get(),
    "network": system.network,
    "packages": system.packages.get(),
    "settings": system.settings,
    "windows": system.windows,
});

document!(Deployment, |deployment| {
    "group": deployment.group,
    "path": deployment.path,
    "by_boot_entry": deployment.by_boot_entry,
    "deployments": deployment.deployments,
});

document!(Os, |os| {
    "family": os.family.name(),
    "id": os.id.get(),
    "name": os.name,
    "pretty_name": os.pretty_name,
    "version": os.version.get(),
    "arch": os.arch.get().map(crate::Arch::name),
    "edition": os.edition,
    "build": os.build,
});

document!(Kernel, |kernel| {
    "release": kernel.release,
    "default": kernel.default,
    "flavour": kernel.flavour.name(),
    "image": kernel.image,
    "sources": kernel.sources.iter().map(|source| source.name()).collect::<Vec<_>>(),
});

document!(DefaultKernel, |kernel| {
    "release": kernel.release,
    "how": kernel.how.name(),
    "title": kernel.title,
    "image": kernel.image,
    "cmdline": kernel.cmdline,
    "initrd": kernel.initrd,
});

document!(Bootloader, |loader| {
    "kind": loader.kind.name(),
    "config": loader.config,
    "volume": loader.volume.as_ref().map(ToString::to_string),
    "bls": loader.bls,
    "entries": loader.entries,
    "relation": loader.relation.name(),
    "default": loader.default,
});

document!(DefaultEntry, |entry| {
    "title": entry.title,
    "wanted": entry.wanted,
    "found": entry.found,
    "image": entry.image,
    "file": entry.file.name(),
    "line": entry.evidence.line,
});

document!(FstabEntry, |entry| {
    "source": entry.source,
    "target": entry.target,
    "type": entry.fstype,
    "options": entry.options,
    "freq": entry.freq,
    "passno": entry.passno,
    "line": entry.line,
});

document!(Mount, |mount| {
    "source": mount.source,
    "target": mount.target,
    "outcome": match &mount.outcome {
        MountOutcome::Joined(_) => "joined",
        MountOutcome::NotRead { .. } => "not-read",
        MountOutcome::NotFound => "not-found",
        MountOutcome::Skipped => "skipped",
    },
    "volume": match &mount.outcome {
        MountOutcome::Joined(volume) | MountOutcome::NotRead { volume, .. } => {
            Some(volume.to_string())
        }
        MountOutcome::NotFound | MountOutcome::Skipped => None,
    },
    "why": match &mount.outcome {
        MountOutcome::NotRead { why, .. } => Some(why),
        _ => None,
    },
});

document!(Drivers, |drivers| {
    "kernel": drivers.kernel,
    "modules": drivers.modules,
    "builtin": drivers.builtin,
});

impl Serialize for Initramfs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::None => map.serialize_entry("state", "none")?,
            Self::Missing { file } => {
                map.serialize_entry("state", "missing")?;
                map.serialize_entry("files", &[file])?;
            }
            Self::Damaged { file, why } => {
                map.serialize_entry("state", "damaged")?;
                map.serialize_entry("files", &[file])?;
                map.serialize_entry("why", why)?;
            }
            Self::Listed { files, contents } => {
                let compressions = contents.compressions.iter().map(|one| one.name());
                map.serialize_entry("state", "listed")?;
                map.serialize_entry("files", files)?;
                map.serialize_entry("compressions", &compressions.collect::<Vec<_>>())?;
                map.serialize_entry("drivers", &contents.drivers)?;
                map.serialize_entry("releases", &contents.releases)?;
                map.serialize_entry("complete", &contents.complete)?;
            }
        }
        map.end()
    }
}

document!(Network, |network| {
    "stacks": network.stacks,
    "files": network.files,
    "interfaces": network.interfaces.iter().map(InterfaceDocument).collect::<Vec<_>>(),
    "persistent_rules": network.persistent_rules.len(),
    "predictable_names": network.predictable_names,
});

/// An interface of another module.
struct InterfaceDocument<'a>(&'a ConfiguredInterface);

document!(InterfaceDocument<'_>, |one| {
    "name": one.0.interface.name,
    "stack": one.0.stack,
    "dhcp": one.0.interface.dhcp,
    "addresses": one.0.interface.addresses,
    "mac": one.0.interface.mac,
    "path": one.0.evidence.path,
    "line": one.0.evidence.line,
});

document!(Packages, |packages| {
    "form": packages.form,
    "count": packages.count,
    "kernels": packages.kernels.iter().map(|one| match one.release.as_str() {
        "" => format!("{} {}", one.name, one.version),
        release => format!("{} {}-{release}", one.name, one.version),
    }).collect::<Vec<_>>(),
});

document!(Settings, |settings| {
    "dhcp_clients": settings.dhcp_clients,
    "dhcp_off": settings.dhcp_off.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
    "nvme_timeout": settings.nvme_timeout.as_ref().map(|(value, _)| value),
    "ssh": settings.ssh,
    "firewalls": settings.firewalls,
    "selinux": settings.selinux,
    "software": settings.software,
    "fixed_devices": settings.fixed_devices.iter().map(|(what, _)| *what).collect::<Vec<_>>(),
});

document!(Ssh, |ssh| {
    "installed": ssh.installed,
    "enabled": ssh.enabled,
    "port": ssh.other_port.as_ref().map_or(22, |(port, _)| *port),
    "keys": ssh.keys_off.is_none(),
    "users_with_keys": ssh.users_with_keys,
});

document!(Firewall, |firewall| {
    "name": firewall.name,
    "lets_ssh_in": firewall.lets_ssh_in,
});

document!(Software, |software| {
    "kind": software.kind.name(),
    "name": software.name,
});

document!(Boot, |boot| {
    "modes": boot.modes.get().map(|modes| {
        modes.iter().map(|mode| mode.name()).collect::<Vec<_>>()
    }).unwrap_or_default(),
    "bios_disk": boot.bios_disk,
    "esps": boot.esps,
});

document!(Esp, |esp| {
    "volume": esp.volume.to_string(),
    "loaders": esp.loaders.get(),
    "fallback": esp.fallback.get(),
});

document!(FilesystemFacts, |facts| {
    "id": facts.volume.to_string(),
    "kind": facts.kind.name(),
    "label": facts.label,
    "uuid": facts.uuid,
    "size": facts.size,
    "free": facts.space.map(|space| space.free),
    "state": match facts.state {
        State::Clean => "clean",
        State::Dirty => "dirty",
        State::Hibernated => "hibernated",
        State::Errors => "errors",
        _ => "unknown",
    },
    "encrypted": facts.encrypted(),
    "mounted_on": facts.mounted_on,
    "readable": facts.readable.get().is_some(),
});

document!(Unread, |unread| {
    "volume": unread.volume.to_string(),
    "kind": unread.kind.map(vmie_fs::FsKind::name),
    "why": unread.why,
    "mounted_on": unread.mounted_on,
});
