//! Settings inside the guest that the import changes or trips over.

use vmie_rules::SvcId;
use vmie_rules::message::Message;

use super::{Judge, advise, change, refuse};
use crate::fstab::{Device, FstabEntry};
use crate::{Evidence, MountOutcome, System};

impl Judge<'_> {
    pub(super) fn fstab(&mut self, system: &System) {
        let Some(entries) = system.fstab.get() else {
            // A tree of OSTree's finds its filesystems by their labels.
            if system.deployment.is_some() {
                return;
            }
            let why = system.fstab.why().unwrap_or_default();
            self.push(
                refuse(
                    "fstab-unreadable",
                    &[SvcId::Err21, SvcId::Lim2],
                    format!("The table of filesystems could not be read: {why}"),
                )
                .message(&Message::UnreadableFstab)
                .evidence(system.fstab.evidence())
                .remedy("Write an /etc/fstab that names the root filesystem"),
            );
            return;
        };
        let at = |entry: &FstabEntry| {
            Evidence::new(format!("{} on {}", entry.source, entry.target))
                .on(&system.root)
                .path("/etc/fstab")
                .line(entry.line)
        };
        let by_name: Vec<Evidence> = entries
            .iter()
            .filter(|entry| !entry.is_shared() && !entry.is_pseudo())
            .filter(|entry| matches!(entry.device(), Device::Kernel { .. }))
            .map(at)
            .collect();
        if !by_name.is_empty() {
            self.push(
                change(
                    "fstab-device-names",
                    &[SvcId::Mod5],
                    "fstab names devices by the kernel's names, which the import replaces by UUIDs",
                )
                .evidence(&by_name)
                .remedy("Write UUID=… (blkid prints them) in the first field"),
            );
        }
        let missing: Vec<Evidence> = entries
            .iter()
            .filter(|entry| is_missing(system, entry))
            .map(at)
            .collect();
        if !missing.is_empty() {
            self.push(
                change(
                    "fstab-missing-devices",
                    &[SvcId::Mod5],
                    "fstab names devices that are on none of the disks; the import adds nofail to them",
                )
                .evidence(&missing)
                .remedy("Remove the entries, or import the disks with those filesystems, too"),
            );
        }
        let shared: Vec<Evidence> = entries.iter().filter(|e| e.is_shared()).map(at).collect();
        if !shared.is_empty() {
            self.push(
                change(
                    "fstab-shares",
                    &[SvcId::Mod5],
                    "fstab mounts shares of other machines or of the hypervisor, which the import disables",
                )
                .evidence(&shared)
                .remedy("Turn the entries on again after the import, where the share can be reached"),
            );
        }
        if !system.notes.is_empty() {
            self.push(
                change(
                    "fstab-invalid-entries",
                    &[SvcId::Mod5],
                    "fstab has lines that are no entries, which the import comments out",
                )
                .evidence(&system.notes)
                .remedy("Mend or remove the lines"),
            );
        }
    }

    pub(super) fn settings(&mut self, system: &System) {
        if system.network.predictable_names == Some(true) {
            self.push(
                advise(
                    "predictable-interface-names",
                    &[SvcId::Lim9, SvcId::Cfg2],
                    "Network interfaces get predictable names, which are not supported",
                )
                .evidence(&system.network.evidence)
                .remedy("Add net.ifnames=0 to GRUB_CMDLINE_LINUX in /etc/default/grub, write the menu again, and set the network up for eth0"),
            );
        }
        if let Some(drivers) = system.drivers.get() {
            let missing: Vec<&str> = ["nvme", "ena"]
                .into_iter()
                .filter(|name| !drivers.has(name))
                .collect();
            if !missing.is_empty() {
                self.push(
                    advise(
                        "nitro-drivers-missing",
                        &[SvcId::Lim8],
                        format!(
                            "Kernel {} has no driver {}, which instances of the Nitro kind need",
                            drivers.kernel,
                            missing.join(" and no driver ")
                        ),
                    )
                    .evidence(system.drivers.evidence())
                    .remedy("Install a kernel that has the drivers, or use instance types that do without"),
                );
            }
        }
    }
}

fn is_missing(system: &System, entry: &FstabEntry) -> bool {
    system.mounts.iter().any(|mount| {
        mount.outcome == MountOutcome::NotFound
            && mount.source == entry.source
            && mount.target == entry.target
    })
}
