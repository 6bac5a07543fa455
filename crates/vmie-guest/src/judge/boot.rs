//! How the machine is to be started.

use vmie_rules::SvcId;
use vmie_rules::guest;
use vmie_rules::message::Message;
use vmie_rules::region::{UEFI_SINCE, region};
use vmie_volumes::BootCode;

use super::{Judge, advise, refuse, undetermined};
use crate::{BootMode, Evidence, Severity};

impl Judge<'_> {
    pub(super) fn boot(&mut self) {
        let boot = &self.inspection.boot;
        let Some(modes) = boot.modes.get() else {
            let why = boot.modes.why().unwrap_or_default();
            self.push(
                undetermined(
                    "undetermined-boot-mode",
                    &[SvcId::Boot7],
                    "How the machine boots",
                    why,
                )
                .evidence(boot.modes.evidence()),
            );
            return;
        };
        if modes.is_empty() {
            if !self.is_no_disk() {
                self.push(
                    refuse(
                        "no-bootable-partition",
                        &[SvcId::Boot7, SvcId::Err7],
                        "There is neither boot code for a BIOS nor an EFI system partition with a program",
                    )
                    .message(&Message::NoBootablePartition)
                    .evidence(boot.modes.evidence())
                    .remedy("Check that the disk that the machine boots from is among the disks, and first"),
                );
            }
            return;
        }
        self.asked(modes);
        self.uefi_in_region(modes);
        let by_uefi = modes.contains(&BootMode::Uefi);
        let by_bios = modes.contains(&BootMode::LegacyBios);
        let asked_uefi = matches!(
            self.request.boot_mode,
            Some(guest::BootMode::Uefi | guest::BootMode::UefiPreferred)
        );
        if by_uefi {
            // Windows is started by its own loader, which the service knows (SVC-BOOT-4 is about Linux).
            if self
                .main_system()
                .is_none_or(|system| system.windows.is_none())
            {
                self.fallback(!by_bios || asked_uefi);
            }
        }
        if by_bios && !by_uefi {
            self.boot_code();
        }
        if by_bios && by_uefi {
            self.hybrid();
        }
        if let (Some(disk), Some(system), false) = (boot.bios_disk, self.main_system(), asked_uefi)
            && !system.root_disks.iter().all(|own| *own == disk)
        {
            self.push(
                advise(
                    "root-not-on-boot-disk",
                    &[SvcId::Boot6],
                    format!(
                        "The root filesystem is on {}, and the boot code on disk {disk}",
                        system.root
                    ),
                )
                .evidence(boot.modes.evidence())
                .remedy("Put the root filesystem on the disk that is booted from"),
            );
        }
    }

    /// GRUB 2 for a BIOS and for UEFI on one disk imports, and cannot be exported (SVC-BOOT-8).
    fn hybrid(&mut self) {
        let boot = &self.inspection.boot;
        let in_first_sector = self.inspection.disks.iter().any(|disk| {
            Some(disk.index) == boot.bios_disk
                && disk
                    .layout
                    .get()
                    .is_some_and(|layout| layout.boot_code == BootCode::Grub2)
        });
        let is_grub = |path: &String| {
            let name = path.rsplit('/').next().unwrap_or_default();
            name.to_ascii_lowercase().starts_with("grub")
        };
        let programs: Vec<Evidence> = boot
            .esps
            .iter()
            .filter(|esp| {
                esp.loaders
                    .get()
                    .is_some_and(|found| found.iter().any(is_grub))
            })
            .flat_map(|esp| esp.loaders.evidence().iter().cloned())
            .collect();
        if !in_first_sector || programs.is_empty() {
            return;
        }
        self.push(
            advise(
                "hybrid-grub",
                &[SvcId::Boot8],
                "GRUB 2 is set up for a BIOS and for UEFI: once imported, the machine could not be exported again",
            )
            .evidence(boot.modes.evidence())
            .evidence(&programs)
            .remedy("Keep the one that the machine boots by: remove the packages of the other (apt-get purge grub-pc or grub-efi-amd64)"),
        );
    }

    /// A disk that boots by its active partition alone needs code in its first sector to get there.
    fn boot_code(&mut self) {
        let boot = &self.inspection.boot;
        let empty = self
            .inspection
            .disks
            .iter()
            .filter(|disk| Some(disk.index) == boot.bios_disk)
            .filter_map(|disk| disk.layout.get())
            .any(|layout| layout.boot_code == BootCode::Empty);
        if empty {
            self.push(
                advise(
                    "no-boot-code",
                    &[SvcId::Boot7],
                    "A partition is active, but the disk's first sector holds no code that would start it",
                )
                .evidence(boot.modes.evidence())
                .remedy("Write the system's boot code to the disk again before exporting it"),
            );
        }
    }

    fn asked(&mut self, modes: &[BootMode]) {
        let saw = self.inspection.boot.modes.evidence();
        let wanted = match self.request.boot_mode {
            Some(guest::BootMode::LegacyBios) => BootMode::LegacyBios,
            Some(guest::BootMode::Uefi) => BootMode::Uefi,
            Some(guest::BootMode::UefiPreferred) => return,
            None => {
                // Windows needs no parameter when one mode alone is possible (SVC-BOOT-2).
                let windows = self
                    .main_system()
                    .is_some_and(|system| system.windows.is_some());
                if modes == [BootMode::Uefi] && !windows {
                    self.push(
                        advise(
                            "boot-mode-not-asked-for",
                            &[SvcId::Boot1],
                            "The disk boots by UEFI only, and the request names no boot mode",
                        )
                        .evidence(saw)
                        .remedy("Ask for it: --boot-mode uefi"),
                    );
                }
                return;
            }
        };
        if modes.contains(&wanted) {
            return;
        }
        let can: Vec<&str> = modes.iter().map(|mode| mode.name()).collect();
        self.push(
            refuse(
                "boot-mode-not-possible",
                &[SvcId::Boot1],
                format!(
                    "The request asks for {}, and the disk boots by {}",
                    wanted.name(),
                    can.join(" and ")
                ),
            )
            .evidence(saw)
            .remedy(format!(
                "Ask for --boot-mode {}",
                can.first().unwrap_or(&"uefi")
            )),
        );
    }

    /// UEFI is said to be supported in commercial Regions, since a day (SVC-BOOT-9).
    fn uefi_in_region(&mut self, modes: &[BootMode]) {
        let uefi = match self.request.boot_mode {
            Some(guest::BootMode::Uefi) => true,
            Some(guest::BootMode::LegacyBios | guest::BootMode::UefiPreferred) => false,
            None => modes == [BootMode::Uefi],
        };
        let Some(region) = self.request.region.as_deref().and_then(region) else {
            return;
        };
        if !uefi || region.has_uefi(self.as_of) {
            return;
        }
        let title = if region.is_commercial() {
            format!(
                "UEFI is supported in {} since {UEFI_SINCE} only",
                region.name
            )
        } else {
            format!(
                "UEFI is said to be supported in commercial Regions, and {} is none",
                region.name
            )
        };
        self.push(
            advise("uefi-in-region", &[SvcId::Boot9], title)
                .evidence(self.inspection.boot.modes.evidence())
                .remedy(
                    "Import into a commercial Region, or export a machine that boots by a BIOS",
                ),
        );
    }

    /// Whether the program is there that firmware starts without being told (SVC-BOOT-4).
    fn fallback(&mut self, needed: bool) {
        let esps = &self.inspection.boot.esps;
        if esps.iter().any(|esp| esp.fallback.get() == Some(&true)) {
            return;
        }
        if let Some(why) = esps.iter().find_map(|esp| esp.fallback.why()) {
            if needed {
                self.push(undetermined(
                    "undetermined-fallback-binary",
                    &[SvcId::Boot4],
                    "Whether \\EFI\\BOOT\\BOOTX64.EFI is there",
                    why,
                ));
            }
            return;
        }
        let mut saw: Vec<Evidence> = Vec::new();
        for esp in esps {
            saw.extend_from_slice(esp.fallback.evidence());
            saw.extend_from_slice(esp.loaders.evidence());
        }
        let severity = if needed {
            Severity::Refuse
        } else {
            Severity::Advise
        };
        self.push(
            super::finding(
                "no-fallback-efi-binary",
                severity,
                &[SvcId::Boot4],
                "The EFI system partition has no \\EFI\\BOOT\\BOOTX64.EFI, which a UEFI machine starts when it knows no entry",
            )
            .evidence(&saw)
            .remedy("In the guest: grub-install --removable (Debian, Ubuntu), or copy shimx64.efi and grubx64.efi to \\EFI\\BOOT as BOOTX64.EFI and grubx64.efi"),
        );
    }
}
