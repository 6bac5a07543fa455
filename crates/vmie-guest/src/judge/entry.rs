//! What the boot menu starts by default, and whether that is there.

use vmie_rules::SvcId;
use vmie_rules::message::Message;

use super::{Judge, advise, refuse};
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
