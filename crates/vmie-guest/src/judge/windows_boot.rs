//! How Windows is started: by which firmware, and by what its boot configuration says.

use vmie_rules::{SvcId, limits};
use vmie_volumes::TableKind;

use super::windows_roles::primaries;
use super::{Judge, advise, change};
use crate::windows::Windows;
use crate::windows::bcd::BootStore;
use crate::{BootMode, Evidence};

impl Judge<'_> {
    pub(super) fn windows_boot(&mut self, windows: &Windows) {
        self.windows_conversion();
        if let Some(store) = windows.boot.get() {
            return self.windows_menu(windows, store);
        }
        if self
            .inspection
            .boot
            .modes
            .get()
            .is_some_and(|modes| !modes.is_empty())
            && self
                .main_system()
                .is_some_and(|system| system.bootloaders.is_empty())
        {
            self.push(
                advise(
                    "no-boot-configuration",
                    &[SvcId::Boot7, SvcId::Err20],
                    format!("The boot configuration data could not be read: {}", windows.boot.why().unwrap_or_default()),
                )
                .remedy("Check that the system partition is among the disks; write the boot files again: bcdboot C:\\Windows"),
            );
        }
    }

    /// SVC-BOOT-2: of both modes legacy BIOS is chosen for a VHDX with a small, plain disk.
    pub(super) fn legacy_is_chosen(&self) -> bool {
        let is_vhdx = self
            .request
            .containers
            .first()
            .is_some_and(|container| container.format == "vhdx");
        is_vhdx
            && self.inspection.disks.first().is_some_and(|disk| {
                let few = disk.layout.get().is_some_and(|layout| {
                    primaries(layout) <= limits::WINDOWS_BIOS_PRIMARY_PARTITIONS
                });
                disk.size < limits::WINDOWS_BIOS_DISK_SIZE_BOUND && few && !disk.dynamic
            })
    }

    /// A disk that starts both ways, of which the import makes one that starts by BIOS.
    fn windows_conversion(&mut self) {
        let both = self
            .inspection
            .boot
            .modes
            .get()
            .is_some_and(|modes| modes.len() > 1);
        if both && self.request.boot_mode.is_none() {
            let gpt = self.inspection.disks.iter().find(|disk| {
                disk.layout
                    .get()
                    .is_some_and(|layout| layout.table == TableKind::Gpt)
            });
            if let Some(disk) = gpt {
                // By the other rule the service converts a VHDX of at most 2 TiB and three
                // partitions only.
                let few = disk.layout.get().is_some_and(|layout| {
                    primaries(layout) <= limits::WINDOWS_MBR_PRIMARY_PARTITIONS
                });
                let small = disk.size <= limits::WINDOWS_MBR_DISK_SIZE;
                let by_both = self.legacy_is_chosen() && few && small;
                let title = if by_both {
                    "The disk boots by BIOS and by UEFI and the request names no boot mode: its GPT is converted to an MBR"
                } else {
                    "The disk boots by BIOS and by UEFI and the request names no boot mode: its GPT may be converted to an MBR"
                };
                self.push(
                    change("gpt-converted-to-mbr", &[SvcId::Boot2, SvcId::Boot3], title)
                        .evidence(self.inspection.boot.modes.evidence())
                        .remedy("Ask for the mode that the machine uses: --boot-mode uefi"),
                );
            }
        }
    }

    /// What the boot configuration data say.
    fn windows_menu(&mut self, windows: &Windows, store: &BootStore) {
        if store.ems {
            let mut saw: Vec<Evidence> = windows.boot.evidence().to_vec();
            if let Some(first) = saw.first_mut() {
                first.says = "emergency management services are on".to_owned();
                first.offset = store.ems_offset;
            }
            self.push(
                change(
                    "ems-enabled",
                    &[SvcId::Lim10, SvcId::Mod2],
                    "Emergency management services are on; the import switches them off",
                )
                .evidence(&saw)
                .remedy("bcdedit /ems off & bcdedit /bootems off"),
            );
        }
        let in_menu = store.entries.iter().filter(|entry| entry.in_menu).count();
        if in_menu > 1 {
            self.push(
                advise(
                    "several-boot-entries",
                    &[SvcId::Lim2],
                    format!(
                        "The boot menu starts {in_menu} systems, and dual boot is not supported"
                    ),
                )
                .evidence(windows.boot.evidence())
                .remedy("Remove the other entries: bcdedit /delete {identifier}"),
            );
        }
        let modes = self.inspection.boot.modes.get();
        let uefi_loader = store.default_entry().and_then(|entry| entry.is_uefi());
        let wrong = match (uefi_loader, modes.map(Vec::as_slice)) {
            (Some(true), Some([BootMode::LegacyBios])) => Some("UEFI, and the disk boots by BIOS"),
            (Some(false), Some([BootMode::Uefi])) => Some("a BIOS, and the disk boots by UEFI"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.push(
                advise(
                    "loader-of-other-firmware",
                    &[SvcId::Boot7],
                    format!("The default boot entry's loader is that for {wrong}"),
                )
                .evidence(windows.boot.evidence())
                .remedy("Write the boot files again: bcdboot C:\\Windows"),
            );
        }
    }
}
