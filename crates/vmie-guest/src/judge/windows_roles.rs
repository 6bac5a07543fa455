//! What a Windows is for, and the boot menu of old ones.

use vmie_rules::SvcId;
use vmie_rules::message::Message;
use vmie_volumes::{DiskLayout, TableKind};

use super::{Judge, advise, change, refuse, undetermined};
use crate::windows::{Windows, boot_ini};
use crate::{BootMode, Evidence};

/// The primary partitions of a disk; all those of a GPT are.
pub(super) fn primaries(layout: &DiskLayout) -> usize {
    match layout.table {
        TableKind::Gpt => layout.partitions.len(),
        _ => layout.primary_count(),
    }
}

impl Judge<'_> {
    /// Whether the files are there that say which system it is and how it is set up. One that is not there is
    /// refused in the service's own words; one that cannot be read leaves open what is in it.
    pub(super) fn windows_hives(&mut self, windows: &Windows) -> bool {
        if let Some(first) = windows.missing_files.first() {
            self.push(
                refuse(
                    "system-files-missing",
                    &[SvcId::Os3, SvcId::Err14],
                    format!("Windows does not start without its registry: {}", first.says),
                )
                .message(&Message::UnknownOs)
                .evidence(&windows.missing_files)
                .remedy("Check that the disk is the machine's own and whole; on it, copy the hive back from a backup or restore point"),
            );
            return false;
        }
        if let Some(why) = windows.settings.why() {
            self.push(
                undetermined(
                    "undetermined-settings",
                    &[SvcId::Os3],
                    "How Windows is set up",
                    why,
                )
                .evidence(&windows.problems)
                .remedy("Start the machine, so that Windows mends its registry, and shut it down before exporting it"),
            );
        }
        true
    }

    /// A BIOS gets from the active partition to `bootmgr`, and without it no further (SVC-BOOT-7, SVC-ERR-20).
    pub(super) fn windows_boot_manager(&mut self, windows: &Windows) {
        let by_bios = self
            .inspection
            .boot
            .modes
            .get()
            .is_some_and(|modes| modes.as_slice() == [BootMode::LegacyBios]);
        let is_told = windows.boot.get().is_some() && self.inspection.unread.is_empty();
        if by_bios && is_told && windows.boot_manager.is_none() {
            self.push(
                advise(
                    "no-boot-manager",
                    &[SvcId::Boot7, SvcId::Err20],
                    "The disk boots by a BIOS, and no volume has the boot manager that it starts (bootmgr)",
                )
                .message(&Message::FirstBootFailure)
                .evidence(windows.boot.evidence())
                .remedy("Write the boot files again: bcdboot C:\\Windows /f BIOS"),
            );
        }
    }

    /// A default of the boot menu that is none of its systems: what starts is not known.
    pub(super) fn windows_default(&mut self, windows: &Windows) {
        let Some(store) = windows.boot.get() else {
            return;
        };
        let Some(wanted) = store
            .default
            .as_ref()
            .filter(|_| !store.entries.is_empty() && store.default_entry().is_none())
        else {
            return;
        };
        self.push(
            advise(
                "default-entry-missing",
                &[SvcId::Boot7, SvcId::Err20],
                format!("The boot menu's default {wanted} is no entry that starts a Windows"),
            )
            .message(&Message::FirstBootFailure)
            .evidence(windows.boot.evidence())
            .remedy("Make an entry the default: bcdedit /default {current}"),
        );
    }

    /// What `boot.ini` says of several systems and of the serial console.
    pub(super) fn windows_boot_ini(&mut self, windows: &Windows) {
        let Some(menu) = &windows.boot_ini else {
            return;
        };
        let at = |line: u32, says: String| {
            let mut evidence = Evidence::new(says).path(boot_ini::PATH).line(line);
            evidence.volume = Some(menu.volume.clone());
            evidence
        };
        if menu.systems.len() > 1 {
            let saw: Vec<Evidence> = menu
                .systems
                .iter()
                .map(|system| at(system.line, format!("{} \"{}\"", system.path, system.title)))
                .collect();
            self.push(
                advise(
                    "several-boot-entries",
                    &[SvcId::Lim2],
                    format!(
                        "The boot menu starts {} systems, and dual boot is not supported",
                        saw.len()
                    ),
                )
                .evidence(&saw)
                .remedy("Remove the other lines of [operating systems] from C:\\boot.ini"),
            );
        }
        // NTLDR takes the first entry then.
        let wanted = menu.default.as_deref().filter(|wanted| {
            !menu.systems.is_empty()
                && !menu
                    .systems
                    .iter()
                    .any(|system| system.path.eq_ignore_ascii_case(wanted))
        });
        if let (Some(wanted), Some(first)) = (wanted, menu.systems.first()) {
            self.push(
                advise(
                    "default-entry-missing",
                    &[SvcId::Boot7, SvcId::Err20],
                    format!("The boot menu's default {} is none of its systems", wanted.escape_debug()),
                )
                .evidence(&[at(first.line, format!("{} \"{}\"", first.path, first.title))])
                .remedy("Write the path of an entry of [operating systems] behind default= in C:\\boot.ini"),
            );
        }
        let redirected = menu.systems.iter().find(|system| system.has("redirect"));
        if let Some(system) = redirected {
            self.push(
                change(
                    "ems-enabled",
                    &[SvcId::Lim10, SvcId::Mod2],
                    "Emergency management services are on; the import switches them off",
                )
                .evidence(&[at(system.line, "the option /redirect".to_owned())])
                .remedy("bootcfg /ems OFF /ID 1"),
            );
        }
    }

    /// A client whose shutdown is a hibernation of its kernel. Servers have the value, and not the feature.
    pub(super) fn windows_power(&mut self, windows: &Windows) {
        if windows.server == Some(false) && windows.fast_startup == Some(true) {
            self.push(
                advise(
                    "fast-startup",
                    &[SvcId::Cfg3],
                    "Fast startup is on: a shutdown leaves the kernel hibernated, and the disk as if it were in use",
                )
                .evidence(&windows.seen("fast_startup"))
                .remedy("powercfg /h off & shutdown /s /t 0"),
            );
        }
    }

    /// Roles whose license or data an import has to know of.
    pub(super) fn windows_roles(&mut self, windows: &Windows) {
        if !windows.sql_servers.is_empty() {
            let named: Vec<String> = windows
                .sql_servers
                .iter()
                .map(|server| match &server.edition {
                    Some(edition) => format!("{} ({edition})", server.instance),
                    None => server.instance.clone(),
                })
                .collect();
            let saw: Vec<Evidence> = windows
                .sql_servers
                .iter()
                .map(|server| server.evidence.clone())
                .collect();
            self.push(
                advise(
                    "sql-server-installed",
                    &[SvcId::Lic4],
                    format!(
                        "SQL Server is installed: {}; its license is your own unless the request asks for another usage operation",
                        named.join(", ")
                    ),
                )
                .evidence(&saw)
                .remedy("For an edition with the license included, name its usage operation: RunInstances:0006 (Standard), RunInstances:0102 (Enterprise), RunInstances:0202 (Web)"),
            );
        }
        if windows.domain_controller {
            let database = windows.directory_database.as_deref();
            let elsewhere = database.filter(|path| !on_system_drive(path));
            let title = match elsewhere {
                Some(path) => format!(
                    "It is a domain controller whose database is on another drive: {path}; without that volume it does not start"
                ),
                None => "It is a domain controller: a second one of the same name must not come up beside it".to_owned(),
            };
            let mut saw = windows.seen("server");
            saw.extend(windows.seen("directory_database"));
            self.push(
                advise("domain-controller", &[SvcId::Err20], title)
                    .evidence(&saw)
                    .remedy("Import every disk of the machine, and keep the original off the network; or demote it before the export: Uninstall-ADDSDomainController"),
            );
        }
    }
}

/// Whether a path is on the drive that Windows calls its own.
fn on_system_drive(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    lower.starts_with("c:") || lower.starts_with('%') || lower.starts_with('\\')
}
