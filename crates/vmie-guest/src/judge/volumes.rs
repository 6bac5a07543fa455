//! What is on the volumes, and how many systems that is.

use vmie_fs::{FsKind, State};
use vmie_rules::SvcId;
use vmie_rules::guest::Platform;
use vmie_rules::message::Message;

use vmie_volumes::GroupKind;

use super::{Judge, advise, refuse, undetermined};
use crate::inspect::clause;
use crate::{Evidence, Family, System, Unread};

impl Judge<'_> {
    pub(super) fn volumes(&mut self) {
        self.encrypted();
        self.groups();
        self.unread();
        self.systems();
        self.roots();
    }

    fn encrypted(&mut self) {
        for facts in &self.inspection.filesystems {
            if !facts.encrypted() {
                continue;
            }
            let title = format!(
                "The volume {} is encrypted ({})",
                facts.volume,
                facts.kind.title()
            );
            let saw = Evidence::new(facts.kind.title()).on(&facts.volume);
            self.push(
                refuse("encrypted-volume", &[SvcId::Vol4], title)
                    .evidence(&[saw])
                    .remedy("Decrypt the volume, or move the system to one that is not encrypted, and export the machine again"),
            );
        }
    }

    /// A volume group that cannot be activated (SVC-VOL-3, SVC-ERR-24).
    fn groups(&mut self) {
        for group in &self.inspection.groups {
            let Some(fault) = group
                .faults
                .first()
                .filter(|_| group.kind == GroupKind::Lvm)
            else {
                continue;
            };
            let on = |text: String| match group.members.first() {
                Some(member) => Evidence::new(text).on(member),
                None => Evidence::new(text),
            };
            let saw: Vec<Evidence> = group.faults.iter().map(|f| on(clause(f))).collect();
            let title = match group.name.as_str() {
                "" => "A volume group cannot be activated: its metadata is damaged".to_owned(),
                name => format!(
                    "The volume group {} cannot be activated: {}",
                    name.escape_debug(),
                    fault.cause()
                ),
            };
            self.push(
                refuse(
                    "volume-group-not-activated",
                    &[SvcId::Vol3, SvcId::Err24],
                    title,
                )
                .message(&Message::VolumeGroupActivation)
                .evidence(&saw)
                .remedy(fault.advice()),
            );
        }
    }

    /// Nothing that a system could be on, as far as every disk tells.
    pub(super) fn is_no_disk(&self) -> bool {
        self.inspection.filesystems.is_empty()
            && self.inspection.unread.is_empty()
            && self.inspection.disks.iter().all(|disk| {
                disk.layout
                    .get()
                    .is_some_and(|layout| layout.partitions.is_empty())
            })
    }

    fn unread(&mut self) {
        let has_system = self.main_system().is_some();
        for disk in &self.inspection.disks {
            if let Some(why) = disk.layout.why() {
                let what = format!("What is on disk {}", disk.index);
                self.push(
                    undetermined("undetermined-disk", &[SvcId::Err28], &what, why)
                        .evidence(disk.layout.evidence()),
                );
            }
        }
        for unread in &self.inspection.unread {
            let encrypted = unread.kind.is_some_and(FsKind::is_encrypted);
            // What a system mounts is no other system; whether it is needed, its own facts say.
            if encrypted || (has_system && unread.mounted_on.is_some()) {
                continue;
            }
            self.unread_volume(unread, has_system);
        }
    }

    fn unread_volume(&mut self, unread: &Unread, has_system: bool) {
        let saw = Evidence::new(match unread.kind {
            Some(kind) => kind.title().to_owned(),
            None => unread.why.clone(),
        })
        .on(&unread.volume);
        let (code, what): (_, _) = match (unread.kind, has_system) {
            (Some(FsKind::Lvm2Pv), _) => (
                "undetermined-volume-group",
                format!("What is in the volume group on {}", unread.volume),
            ),
            (_, false) => (
                "undetermined-root-filesystem",
                format!("Which system is on {}", unread.volume),
            ),
            (_, true) => (
                "undetermined-other-system",
                format!("Whether there is another system on {}", unread.volume),
            ),
        };
        let svc: &[SvcId] = match (unread.kind, has_system) {
            (Some(FsKind::Lvm2Pv), _) => &[SvcId::Vol3],
            (Some(FsKind::Ntfs), false) => &[SvcId::Vol2],
            (_, false) => &[SvcId::Vol1],
            (_, true) => &[SvcId::Lim2],
        };
        self.push(
            undetermined(code, svc, &what, &unread.why)
                .evidence(&[saw])
                .remedy("Look at the volume with another tool before importing it"),
        );
    }

    fn systems(&mut self) {
        let systems = &self.inspection.systems;
        if systems.is_empty() {
            if self.is_no_disk() {
                self.push(
                    refuse(
                        "no-valid-partitions",
                        &[SvcId::Err28],
                        "There is neither a partition nor a filesystem on the disks",
                    )
                    .message(&Message::NoValidPartitions)
                    .remedy("Check that the file is the machine's disk, whole and in a format that is imported"),
                );
            } else if self.inspection.unread.is_empty()
                && self
                    .inspection
                    .disks
                    .iter()
                    .all(|disk| disk.layout.get().is_some())
            {
                self.push(
                    refuse(
                        "no-operating-system",
                        &[SvcId::Os3, SvcId::Err14],
                        "No volume holds an operating system",
                    )
                    .message(&Message::UnknownOs)
                    .remedy("Check that the disk with the root filesystem is among the disks"),
                );
            }
            return;
        }
        let bootable: Vec<&System> = systems.iter().filter(|s| self.stands_alone(s)).collect();
        if bootable.len() < 2 {
            return;
        }
        let menus = bootable
            .iter()
            .filter(|s| !s.bootloaders.is_empty())
            .count();
        let message = if menus > 1 {
            Message::SeveralGrubMenus
        } else {
            Message::SeveralDirectories
        };
        let names: Vec<String> = bootable
            .iter()
            .map(|system| format!("{} on {}", label(system), system.root))
            .collect();
        let mut saw: Vec<Evidence> = Vec::new();
        for system in &bootable {
            saw.extend(system.os.id.evidence().iter().take(1).cloned());
            saw.extend(system.bootloaders.first().map(|loader| {
                let mut evidence = Evidence::new("a boot menu").path(loader.config.clone());
                evidence.volume.clone_from(&loader.volume);
                evidence
            }));
        }
        let svc = [SvcId::Lim2, SvcId::Err5, SvcId::Err25];
        self.push(
            refuse(
                "several-systems",
                &svc,
                format!("There is more than one system: {}", names.join(", ")),
            )
            .message(&message)
            .evidence(&saw)
            .remedy("Keep one system on the disks; import the others from disks of their own"),
        );
    }

    fn roots(&mut self) {
        for system in self.inspection.systems.iter().filter(|s| s.is_bootable()) {
            let facts = self
                .inspection
                .filesystems
                .iter()
                .find(|facts| facts.volume == system.root);
            let Some(facts) = facts else {
                continue;
            };
            let saw = [Evidence::new(facts.kind.title()).on(&facts.volume)];
            let (platform, svc) = match system.os.family {
                Family::Windows => (Platform::Windows, SvcId::Vol2),
                Family::Linux => (Platform::Linux, SvcId::Vol1),
            };
            let supported = platform.filesystems();
            if !supported.contains(&facts.kind.name()) {
                self.push(
                    refuse(
                        "root-filesystem-unsupported",
                        &[svc],
                        format!(
                            "The root filesystem on {} is {}",
                            facts.volume,
                            facts.kind.title()
                        ),
                    )
                    .evidence(&saw)
                    .remedy(format!(
                        "Move the system to one of {}",
                        supported.join(", ")
                    )),
                );
            }
            if let Some(subvolume) = &system.root_subvolume {
                let saw = Evidence::new("a subvolume")
                    .on(&facts.volume)
                    .path(subvolume.clone());
                self.push(
                    refuse(
                        "root-in-subvolume",
                        &[SvcId::Vol1],
                        format!(
                            "The root filesystem is the subvolume {} of {}",
                            subvolume.escape_debug(),
                            facts.volume
                        ),
                    )
                    .evidence(&[saw])
                    .remedy("Move the system to the top level of its filesystem, and make that the default subvolume"),
                );
            }
            if facts.state == State::Hibernated {
                self.push(
                    advise(
                        "filesystem-hibernated",
                        &[SvcId::Cfg3],
                        format!(
                            "The system on {} was hibernated, and not shut down: what it had in memory is not on the disk",
                            facts.volume
                        ),
                    )
                    .evidence(&saw)
                    .remedy("Start it, then: powercfg /h off & shutdown /s /t 0"),
                );
            }
            if matches!(facts.state, State::Dirty | State::Errors) {
                self.push(
                    advise(
                        "filesystem-not-clean",
                        &[SvcId::Cfg2],
                        format!(
                            "The root filesystem on {} was not unmounted cleanly",
                            facts.volume
                        ),
                    )
                    .evidence(&saw)
                    .remedy("Shut the machine down before exporting it"),
                );
            }
        }
    }
}

/// What to call a system in a sentence.
pub(super) fn label(system: &System) -> String {
    let name = match system.os.name.as_str() {
        "" => "an unknown system",
        name => name,
    };
    match system.os.version.get() {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    }
}
