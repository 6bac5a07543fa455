//! What the boot menu starts by default, and whether that is there.

use vmie_rules::SvcId;
use vmie_rules::message::Message;

use super::{Judge, advise, refuse};
use crate::fstab::Device;
use crate::{Bootloader, DefaultEntry, Evidence, ImageFile, KernelFlavour, System};

/// What is wrong with the image that starts by default.
fn lacking(system: &System) -> Option<(&Bootloader, &DefaultEntry)> {
    let loader = system.bootloader()?;
    let entry = loader.default.as_ref()?;
    matches!(entry.file, ImageFile::Missing | ImageFile::Empty).then_some((loader, entry))
}

/// Whether the image that starts by default is known not to be there.
pub(super) fn lacks_its_kernel(system: &System) -> bool {
    lacking(system).is_some()
}

impl Judge<'_> {
    pub(super) fn default_entry(&mut self, system: &System) {
        self.image(system);
        self.wanted(system);
        self.root(system);
        self.devices(system);
    }

    /// A root that the kernel is told to mount and that is on none of the disks: it does not get further than
    /// its initramfs (SVC-ERR-20).
    fn root(&mut self, system: &System) {
        let Some(root) = system.default_kernel.get().and_then(|kernel| kernel.root()) else {
            return;
        };
        let all = self.inspection;
        let is_all_known =
            all.unread.is_empty() && all.disks.iter().all(|disk| disk.layout.get().is_some());
        let partitions = || {
            let layouts = all.disks.iter().filter_map(|disk| disk.layout.get());
            layouts.flat_map(|layout| &layout.partitions)
        };
        let same =
            |own: Option<&str>, named: &str| own.is_some_and(|own| own.eq_ignore_ascii_case(named));
        let is_there = match Device::of(root) {
            // A filesystem that does not tell its UUID may be the one.
            Device::Uuid(uuid) => all.filesystems.iter().any(|one| {
                same(one.uuid.as_deref(), uuid) || (one.volume == system.root && one.uuid.is_none())
            }),
            Device::Label(label) => all
                .filesystems
                .iter()
                .any(|one| one.label.as_deref() == Some(label)),
            // `PARTUUID=…/PARTNROFF=1` is a place beside another partition.
            Device::PartUuid(uuid) if !uuid.contains('/') => {
                partitions().any(|one| same(one.part_uuid.as_deref(), uuid))
            }
            Device::PartLabel(label) => partitions().any(|one| one.name == label),
            _ => true,
        };
        if is_there || !is_all_known {
            return;
        }
        self.push(
            refuse(
                "root-not-found",
                &[SvcId::Err20],
                format!(
                    "The default boot entry mounts {} as the root, which is on none of the disks",
                    root.escape_debug()
                ),
            )
            .message(&Message::FirstBootFailure)
            .evidence(system.default_kernel.evidence())
            .remedy("Give every disk of the machine; or write the menu again in the guest, so that it names the root that is there (blkid prints it)"),
        );
    }

    /// Disks that the command line names as the kernel of the old machine called them, but for the root.
    fn devices(&mut self, system: &System) {
        let default = system.default_kernel.get();
        let Some(line) = default.and_then(|kernel| kernel.cmdline.as_deref()) else {
            return;
        };
        let is_disk = |value: &str| matches!(Device::of(value), Device::Kernel { .. });
        let named: Vec<&str> = line
            .split_ascii_whitespace()
            .filter(|word| {
                word.split_once('=')
                    .is_some_and(|(name, value)| name != "root" && is_disk(value))
            })
            .take(8)
            .collect();
        if named.is_empty() {
            return;
        }
        self.push(
            advise(
                "command-line-names-disks",
                &[SvcId::Mod5, SvcId::Mod6],
                format!(
                    "The kernel's command line names disks that are called otherwise after the import: {}",
                    named.join(" ").escape_debug()
                ),
            )
            .evidence(system.default_kernel.evidence())
            .remedy("Write UUID=… for the devices in GRUB_CMDLINE_LINUX of /etc/default/grub, and write the menu again"),
        );
    }

    /// An entry whose kernel is not there starts nothing. Whoever goes by the default finds no kernel
    /// (SVC-ERR-22 of menus by entries, SVC-ERR-29 of others).
    fn image(&mut self, system: &System) {
        let Some((loader, entry)) = lacking(system) else {
            return;
        };
        let image = entry.image.as_deref().unwrap_or_default();
        let (says, what) = match entry.file {
            ImageFile::Empty => ("is empty", "the file is empty"),
            _ => ("is on none of the volumes", "there is no such file"),
        };
        let mut saw = Evidence::new(what).path(image);
        saw.volume.clone_from(&loader.volume);
        let (svc, message): (&[SvcId], _) = match loader.bls {
            true => (&[SvcId::Err22, SvcId::Err29], Message::BlsWithoutDefault),
            false => (&[SvcId::Err29], Message::KernelUndetermined),
        };
        let title = format!(
            "The default boot entry \"{}\" of {} starts {image}, which {says}",
            entry.title, loader.config
        );
        self.push(
            refuse("default-kernel-missing", svc, title)
                .message(&message)
                .evidence(&[entry.evidence.clone(), saw])
                .remedy(mend(system, loader)),
        );
    }

    /// A default that the menu does not have. GRUB takes the first entry; what the service takes is not
    /// said (SVC-MOD-6 has it write a default of its own). Of menus by entries SVC-ERR-22 speaks.
    fn wanted(&mut self, system: &System) {
        let Some(loader) = system.bootloader().filter(|loader| !loader.bls) else {
            return;
        };
        let Some(entry) = loader.default.as_ref().filter(|entry| !entry.found) else {
            return;
        };
        let wanted = entry.wanted.as_deref().unwrap_or_default();
        let mut saw = Evidence::new(format!("the default is \"{wanted}\"")).path(&loader.config);
        saw.volume.clone_from(&loader.volume);
        self.push(
            advise(
                "default-entry-missing",
                &[SvcId::Mod6, SvcId::Err29],
                format!(
                    "{} has no entry \"{wanted}\", which is to start by default: GRUB takes the first, \"{}\"",
                    loader.config, entry.title
                ),
            )
            .evidence(&[saw, entry.evidence.clone()])
            .remedy(match loader.config.contains("grub2") {
                true => "In the guest: grub2-set-default 0",
                false => "In the guest: grub-set-default 0, or GRUB_DEFAULT=0 in /etc/default/grub, then update-grub",
            }),
        );
    }
}

/// How the system gets a default entry whose kernel is there.
fn mend(system: &System, loader: &Bootloader) -> String {
    let default = system.default_kernel.get().map(|kernel| &kernel.release);
    let other = system.kernels.iter().find(|kernel| {
        kernel.image.is_some()
            && kernel.flavour != KernelFlavour::Rescue
            && Some(&kernel.release) != default
    });
    let write = match (loader.bls, loader.config.contains("grub2")) {
        (true, _) => "grubby --set-default=IMAGE",
        (false, true) => "grub2-mkconfig -o /boot/grub2/grub.cfg",
        (false, false) => "update-grub",
    };
    match other.and_then(|kernel| kernel.image.as_deref()) {
        Some(image) => format!(
            "Start the guest by the entry of {image} and make it the default: {}",
            write.replace("IMAGE", image)
        ),
        None => format!(
            "Install a kernel again and write the menu anew: {}",
            write.replace("IMAGE", "/boot/vmlinuz-RELEASE")
        ),
    }
}
