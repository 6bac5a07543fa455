//! What an inspection says, in the few words that a task carries.

use vmie_guest::{BootMode as Found, Family, Inspection, System};
use vmie_rules::guest::{BootMode, Platform};
use vmie_rules::license::LicensedSystem;
use vmie_tasks::GuestFacts;

/// Nobody looked.
pub(crate) fn unknown() -> GuestFacts {
    GuestFacts::default()
}

/// What the guest is. A guest that can boot in both modes boots in the one asked for; when none is
/// asked for, by the BIOS.
pub(crate) fn of(inspection: &Inspection, asked: Option<BootMode>) -> GuestFacts {
    let systems = &inspection.systems;
    let system = systems
        .iter()
        .find(|system| system.is_bootable())
        .or_else(|| systems.first());
    GuestFacts {
        platform: system.and_then(platform),
        system: system.and_then(licensed),
        architecture: system
            .and_then(|system| system.os.arch.get())
            .map(|arch| arch.name().to_owned()),
        boot_mode: boot_mode(inspection, asked),
        ena_support: system
            .and_then(|system| system.drivers.get())
            .map(|drivers| drivers.has("ena")),
    }
}

fn platform(system: &System) -> Option<Platform> {
    match system.os.family {
        Family::Linux => Some(Platform::Linux),
        Family::Windows => Some(Platform::Windows),
        _ => None,
    }
}

fn licensed(system: &System) -> Option<LicensedSystem> {
    match system.os.family {
        Family::Linux => Some(LicensedSystem::Linux),
        Family::Windows if system.os.name.contains("Server") => Some(LicensedSystem::WindowsServer),
        Family::Windows => Some(LicensedSystem::WindowsClient),
        _ => None,
    }
}

fn boot_mode(inspection: &Inspection, asked: Option<BootMode>) -> Option<BootMode> {
    let modes = inspection.boot.modes.get()?;
    let can = |mode: Found| modes.contains(&mode);
    match asked {
        Some(BootMode::Uefi) if can(Found::Uefi) => Some(BootMode::Uefi),
        Some(BootMode::UefiPreferred) if can(Found::Uefi) => Some(BootMode::UefiPreferred),
        _ if can(Found::LegacyBios) => Some(BootMode::LegacyBios),
        _ if can(Found::Uefi) => Some(BootMode::Uefi),
        _ => None,
    }
}
