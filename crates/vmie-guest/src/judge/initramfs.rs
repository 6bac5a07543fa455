//! What the kernel finds before it has a root, and the drivers that it needs for that.

use vmie_rules::SvcId;
use vmie_rules::message::Message;

use super::{Judge, advise, change, refuse, undetermined};
use crate::{Initramfs, System};

/// Drivers of the root's disk: on instances of the Nitro kind, and on those of Xen.
const NITRO_DISK: &str = "nvme";
const XEN_DISK: &str = "xen-blkfront";

impl Judge<'_> {
    pub(super) fn initramfs(&mut self, system: &System) {
        let rebuild = format!("In the guest: {}", rebuild(system, ""));
        let saw = system.initramfs.evidence();
        match (system.initramfs.get(), system.initramfs.why()) {
            (Some(Initramfs::Damaged { file, why }), _) => self.push(
                refuse(
                    "initramfs-unreadable",
                    &[SvcId::Err23],
                    format!("The initramfs {file} cannot be unpacked: {why}"),
                )
                .message(&Message::UnreadableInitramfs)
                .evidence(saw)
                .remedy(rebuild),
            ),
            // The service's text is about one that it cannot read; of one that is not there the
            // guide says nothing.
            (Some(Initramfs::Missing { file }), _) => self.push(
                advise(
                    "initramfs-missing",
                    &[SvcId::Err23],
                    format!(
                        "The default boot entry names the initramfs {file}, which is not there"
                    ),
                )
                .evidence(saw)
                .remedy(rebuild),
            ),
            // What is hidden with /boot is told as the kernel that could not be established.
            (None, Some(why)) if !saw.is_empty() && system.default_kernel.get().is_some() => self
                .push(
                    undetermined(
                        "undetermined-initramfs",
                        &[SvcId::Err23],
                        "What the initramfs holds",
                        why,
                    )
                    .evidence(saw),
                ),
            (Some(_), _) => self.disk_drivers(system),
            (None, _) => {}
        }
    }

    /// A driver that the kernel has, and that it cannot load before it has a root (SVC-LIM-8).
    fn disk_drivers(&mut self, system: &System) {
        let (Some(initramfs), Some(drivers)) = (system.initramfs.get(), system.drivers.get())
        else {
            return;
        };
        let lacks = |name: &str| {
            !initramfs.has(name)
                && drivers.modules.iter().any(|module| module == name)
                && !drivers.builtin.iter().any(|builtin| builtin == name)
        };
        let mut saw = system.initramfs.evidence().to_vec();
        saw.extend(system.drivers.evidence().iter().take(1).cloned());
        if lacks(NITRO_DISK) {
            self.push(
                advise(
                    "initramfs-lacks-nvme",
                    &[SvcId::Lim8],
                    "The initramfs has no driver nvme, so that the root is not found on instances of the Nitro kind",
                )
                .evidence(&saw)
                .remedy(format!("In the guest: {}", rebuild(system, NITRO_DISK))),
            );
        }
        if lacks(XEN_DISK) {
            self.push(
                change(
                    "initramfs-lacks-xen",
                    &[SvcId::Mod3],
                    "The initramfs has no driver xen-blkfront; the import adds it",
                )
                .evidence(&saw)
                .remedy(format!("In the guest: {}", rebuild(system, XEN_DISK))),
            );
        }
        let has_nvme = drivers.has(NITRO_DISK);
        // A file for modprobe counts for a module, and not for a driver that is built in.
        let is_module = !drivers.builtin.iter().any(|name| name == NITRO_DISK);
        let by_file = is_module && system.settings.nvme_timeout.is_some();
        let default = system.default_kernel.get();
        let without_timeout = default.filter(|kernel| {
            let by_kernel = ["nvme_core.io_timeout", "nvme.io_timeout"];
            kernel.cmdline.is_some() && by_kernel.iter().all(|name| kernel.option(name).is_none())
        });
        let without_timeout = without_timeout.filter(|_| !by_file);
        if has_nvme && without_timeout.is_some() {
            self.push(
                advise(
                    "nvme-timeout-default",
                    &[SvcId::Lim8],
                    "The kernel gives up on a disk that does not answer for 30 seconds: nvme_core.io_timeout is not set",
                )
                .evidence(system.default_kernel.evidence())
                .remedy("Add nvme_core.io_timeout=4294967295 to GRUB_CMDLINE_LINUX in /etc/default/grub, and write the menu again"),
            );
        }
    }
}

/// The command that builds the initramfs of the default kernel anew, with one more driver.
pub(super) fn rebuild(system: &System, driver: &str) -> String {
    let release = system
        .default_kernel
        .get()
        .map_or("$(uname -r)", |kernel| kernel.release.as_str());
    let id = system.os.id.get().map_or("", String::as_str);
    match (id, driver) {
        ("debian" | "ubuntu", "") => format!("update-initramfs -u -k {release}"),
        ("debian" | "ubuntu", driver) => format!(
            "echo {driver} >> /etc/initramfs-tools/modules && update-initramfs -u -k {release}"
        ),
        (_, "") => format!("dracut -f --kver {release}"),
        (_, driver) => format!("dracut -f --kver {release} --add-drivers {driver}"),
    }
}
