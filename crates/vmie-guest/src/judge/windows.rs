//! A Windows against the matrix, and its settings.

use vmie_rules::matrix::{Weight, WindowsMiss, WindowsMissKind, WindowsQuery};
use vmie_rules::message::Message;
use vmie_rules::region::region;
use vmie_rules::{SvcId, guest, limits};

use super::{Draft, Judge, advise, change, finding, human, refuse, severity, undetermined};
use crate::windows::{Start, ToolKind, Windows};
use crate::{Arch, BootMode, Evidence, System};

impl Judge<'_> {
    pub(super) fn windows(&mut self, system: &System, windows: &Windows) {
        self.windows_matrix(system, windows);
        self.windows_boot(windows);
        self.windows_default(windows);
        self.windows_boot_manager(windows);
        self.windows_boot_ini(windows);
        self.windows_reach(windows);
        self.windows_settings(system, windows);
        self.windows_state(windows);
        self.windows_roles(windows);
        self.windows_power(windows);
    }

    fn windows_matrix(&mut self, system: &System, windows: &Windows) {
        let svc = [SvcId::Os3, SvcId::Err14];
        if !self.windows_hives(windows) {
            return;
        }
        let Some(product) = windows.product.get() else {
            let why = windows.product.why().unwrap_or_default();
            self.push(
                undetermined("undetermined-system", &svc, "Which Windows it is", why)
                    .evidence(&windows.problems),
            );
            return;
        };
        let arch = system.os.arch.get();
        let bits = match arch {
            Some(Arch::I386) => Some(32),
            Some(_) => Some(64),
            None => None,
        };
        let query = WindowsQuery {
            product,
            edition: windows.edition.get().map(String::as_str),
            installation: windows.installation.as_deref(),
            service_pack: windows.service_pack,
            bits,
            region: self.request.region.as_deref().and_then(region),
            uefi: self.starts_by_uefi(),
            as_of: self.as_of,
        };
        let matched = self.matrix.match_windows(&query, self.mode);
        let row = matched.row.cloned();
        self.row = row.as_ref().map(|row| row.label());
        for miss in &matched.misses {
            let draft = windows_miss(system, windows, product, miss);
            self.push(draft);
        }
        if let Some(other) = arch.filter(|arch| !matches!(arch, Arch::X86_64 | Arch::I386)) {
            self.push(
                refuse(
                    "architecture-unsupported",
                    &svc,
                    format!(
                        "The system is for {}, and Windows is imported for x86 only",
                        other.name()
                    ),
                )
                .message(&Message::UnknownOs)
                .evidence(system.os.arch.evidence())
                .remedy("Install the system for x86_64"),
            );
        }
        if row.is_some_and(|row| row.client) {
            self.client_language(windows);
        }
    }

    /// Client systems must be set to US English (SVC-OS-1).
    fn client_language(&mut self, windows: &Windows) {
        let Some(language) = windows.language.get() else {
            let why = windows.language.why().unwrap_or_default();
            self.push(
                undetermined("undetermined-language", &[SvcId::Os1], "The language", why)
                    .evidence(&windows.problems),
            );
            return;
        };
        if language != "en-US" {
            self.push(
                refuse(
                    "language-not-us-english",
                    &[SvcId::Os1],
                    format!("The system's language is {language}, and a client must be set to US English"),
                )
                .evidence(windows.language.evidence())
                .remedy("Set the system locale to English (United States): Set-WinSystemLocale en-US, and start again"),
            );
        }
    }

    /// Whether the machine will be started by UEFI, as far as the request and the disk say: what is
    /// asked for, else the one mode that is possible, else by SVC-BOOT-2.
    fn starts_by_uefi(&self) -> Option<bool> {
        match self.request.boot_mode {
            Some(guest::BootMode::LegacyBios) => return Some(false),
            Some(guest::BootMode::Uefi | guest::BootMode::UefiPreferred) => return Some(true),
            None => {}
        }
        let modes = self.inspection.boot.modes.get()?;
        match (
            modes.contains(&BootMode::LegacyBios),
            modes.contains(&BootMode::Uefi),
        ) {
            (_, false) => Some(false),
            (false, true) => Some(true),
            (true, true) => Some(!self.legacy_is_chosen()),
        }
    }

    fn windows_reach(&mut self, windows: &Windows) {
        if windows.remote_desktop == Some(false) || off(windows, "TermService") {
            self.push(
                advise("remote-desktop-off", &[SvcId::Cfg3], "Remote Desktop is off: the instance cannot be reached")
                    .evidence(&windows.seen("remote_desktop"))
                    .remedy("Set-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server' fDenyTSConnections 0"),
            );
        }
        let firewall = !windows.firewall.is_empty();
        if firewall && windows.remote_desktop_allowed == Some(false) {
            self.push(
                advise(
                    "firewall-blocks-remote-desktop",
                    &[SvcId::Cfg3],
                    "The firewall is on and does not let Remote Desktop in",
                )
                .evidence(&windows.seen("remote_desktop_allowed"))
                .remedy("Enable-NetFirewallRule -DisplayGroup 'Remote Desktop'"),
            );
        }
        if let Some(dhcp) = windows
            .service("Dhcp")
            .filter(|one| one.start == Start::Disabled)
        {
            self.push(
                advise(
                    "dhcp-client-off",
                    &[SvcId::Cfg1, SvcId::Err20],
                    "The DHCP client is switched off: the instance gets no address",
                )
                .message(&Message::FirstBootFailure)
                .evidence(std::slice::from_ref(&dhcp.evidence))
                .remedy("Set-Service Dhcp -StartupType Automatic"),
            );
        }
        let fixed: Vec<Evidence> = windows
            .interfaces
            .iter()
            .filter(|one| !one.dhcp && !one.addresses.is_empty())
            .map(|one| one.evidence.clone())
            .collect();
        if !fixed.is_empty() {
            self.push(
                advise("static-address", &[SvcId::Cfg1, SvcId::Lim5], "A network interface has a static address, and an instance gets its own by DHCP")
                    .evidence(&fixed)
                    .remedy("Set the interface to DHCP: netsh interface ip set address NAME dhcp"),
            );
        }
    }

    fn windows_settings(&mut self, system: &System, windows: &Windows) {
        if windows.autologon {
            self.push(
                advise("autologon", &[SvcId::Cfg3], "Somebody is logged on automatically")
                    .evidence(&windows.seen("autologon"))
                    .remedy("Set AutoAdminLogon to 0 in HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon"),
            );
        }
        if !windows.universal_time && windows.control_set.is_some() {
            self.push(
                advise("clock-is-local-time", &[SvcId::Cfg3], "RealTimeIsUniversal is not set: the clock is wrong in any time zone but UTC")
                    .evidence(&windows.seen("time_zone"))
                    .remedy("reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\TimeZoneInformation /v RealTimeIsUniversal /t REG_DWORD /d 1"),
            );
        }
        if windows.control_set.is_some() && !windows.page_files.iter().any(|file| file.is_fixed()) {
            self.push(
                advise("page-file-not-fixed", &[SvcId::Lim7, SvcId::Cfg3], "There is no page file of a fixed size; one that Windows manages may grow to 16 GB")
                    .evidence(&windows.seen("page_files"))
                    .remedy("Set one page file of a fixed size on C:"),
            );
        }
        if !windows.dot_net.is_3_5_sp1() {
            self.push(
                advise("no-dot-net", &[SvcId::Err19, SvcId::Cfg3], ".NET Framework 3.5 SP1 or later is not installed; the import may fail, or install it")
                    .message(&Message::BooterNetworking)
                    .evidence(&windows.seen("dot_net"))
                    .remedy("Install .NET Framework 4.5 or later"),
            );
        }
        self.windows_room(system);
        self.windows_additions(system, windows);
        self.windows_software(windows);
    }

    /// Room on the root volume.
    fn windows_room(&mut self, system: &System) {
        let facts = self
            .inspection
            .filesystems
            .iter()
            .find(|facts| facts.volume == system.root);
        if let Some(space) = facts
            .and_then(|facts| facts.space)
            .filter(|space| space.free < limits::WINDOWS_FREE_SPACE)
        {
            self.push(
                advise(
                    "little-free-space",
                    &[SvcId::Lim7],
                    format!(
                        "{} are free on the root volume, and 6 GiB are asked for",
                        human(space.free)
                    ),
                )
                .evidence(&[
                    Evidence::new(format!("{} bytes are free", space.free)).on(&system.root)
                ])
                .remedy("Make room, or a larger volume, before exporting the machine"),
            );
        }
    }

    /// Drivers that are not there, and language packs that are.
    fn windows_additions(&mut self, system: &System, windows: &Windows) {
        if !(windows.has("stornvme") || windows.has("nvme") || windows.has("AWSNVMe"))
            || !windows.has("ena")
        {
            self.push(
                advise("nitro-drivers-missing", &[SvcId::Lim8], "The drivers that instances of the Nitro kind need (NVMe and ENA) are not all there")
                    .evidence(system.drivers.evidence())
                    .remedy("Install the AWS NVMe and ENA drivers, or use instance types that do without"),
            );
        }
        let packs: Vec<&str> = windows
            .ui_languages
            .iter()
            .map(String::as_str)
            .filter(|name| !name.to_ascii_lowercase().starts_with("en"))
            .collect();
        if !packs.is_empty() {
            self.push(
                advise("language-packs", &[SvcId::Lim10], format!("There are language packs ({}); those with characters beyond ASCII are not supported", packs.join(", ")))
                    .evidence(&windows.seen("install_language"))
                    .remedy("Remove the language packs: lpksetup /u LANGUAGE"),
            );
        }
    }

    /// What is installed and gets in the way.
    fn windows_software(&mut self, windows: &Windows) {
        for (kind, code, svc, what, remedy) in [
            (
                ToolKind::GuestTools,
                "guest-tools",
                SvcId::Cfg1,
                "Tools of another hypervisor are installed",
                "Uninstall them before exporting the machine",
            ),
            (
                ToolKind::Security,
                "security-software",
                SvcId::Cfg1,
                "Security software may keep the import from installing drivers",
                "Switch it off, or uninstall it, before exporting the machine",
            ),
            (
                ToolKind::Converter,
                "physical-machine",
                SvcId::Lim1,
                "The machine seems to have been made from a physical one, which is not supported",
                "Install the system anew in a virtual machine",
            ),
        ] {
            let tools: Vec<_> = windows
                .tools
                .iter()
                .filter(|tool| tool.kind == kind)
                .collect();
            if tools.is_empty() {
                continue;
            }
            let names: Vec<&str> = tools.iter().map(|tool| tool.name).collect();
            let saw: Vec<Evidence> = tools.iter().map(|tool| tool.evidence.clone()).collect();
            self.push(
                advise(code, &[svc], format!("{what}: {}", names.join(", ")))
                    .evidence(&saw)
                    .remedy(remedy),
            );
        }
    }

    fn windows_state(&mut self, windows: &Windows) {
        if let Some(role) = windows
            .service("vmms")
            .filter(|one| one.start != Start::Disabled)
        {
            // A client has the service with its optional feature, which is no role of a server.
            let draft = match windows.server {
                Some(false) => advise(
                    "hyper-v",
                    &[SvcId::Lim10],
                    "Hyper-V is installed, which is not supported",
                ),
                _ => refuse(
                    "hyper-v-role",
                    &[SvcId::Lim10, SvcId::Err20],
                    "The Hyper-V role is installed, which is not supported",
                )
                .message(&Message::FirstBootFailure),
            };
            self.push(
                draft
                    .evidence(std::slice::from_ref(&role.evidence))
                    .remedy("Remove the role: Uninstall-WindowsFeature Hyper-V"),
            );
        }
        if !windows.pending.is_empty() {
            self.push(
                advise(
                    "updates-pending",
                    &[SvcId::Cfg3],
                    "Updates or renamed files wait for the next start",
                )
                .evidence(&windows.pending)
                .remedy("Start the machine again until nothing is pending, and shut it down"),
            );
        }
        let generalized = windows
            .image_state
            .as_deref()
            .is_some_and(|state| state.starts_with("IMAGE_STATE_GENERALIZE"));
        if generalized {
            let title = match &windows.answer_file {
                None => {
                    "Sysprep was run, and there is no answer file: the import adds one".to_owned()
                }
                Some(answers) if answers.missing.is_empty() => return,
                Some(answers) => format!(
                    "Sysprep was run, and the answer file has no {}",
                    answers.missing.join(", no ")
                ),
            };
            let mut saw = windows.seen("image_state");
            saw.extend(windows.seen("answer_file"));
            self.push(
                change("sysprep-answer-file", &[SvcId::Cfg4, SvcId::Mod2], title)
                    .evidence(&saw)
                    .remedy(
                        "Put an unattend.xml with the pass oobeSystem into C:\\Windows\\Panther",
                    ),
            );
        }
    }
}

fn off(windows: &Windows, service: &str) -> bool {
    windows
        .service(service)
        .is_some_and(|service| service.start == Start::Disabled)
}

fn windows_miss(system: &System, windows: &Windows, product: &str, miss: &WindowsMiss) -> Draft {
    let svc = miss.kind.svc();
    let with = |code, title: String| finding(code, severity(miss.weight), svc, title);
    let unknown_os = |draft: Draft| match miss.weight {
        Weight::Refuses => draft.message(&Message::UnknownOs),
        _ => draft,
    };
    match &miss.kind {
        WindowsMissKind::ProductUnlisted { .. } => unknown_os(
            with(
                "system-not-listed",
                format!("{product} is not a supported system"),
            )
            .evidence(windows.product.evidence())
            .remedy("Move the workload to a supported system; the matrix names them"),
        ),
        WindowsMissKind::EditionUnknown => undetermined(
            "undetermined-edition",
            svc,
            &format!("The edition of {product}"),
            windows.edition.why().unwrap_or("nothing names it"),
        )
        .evidence(windows.edition.evidence()),
        WindowsMissKind::EditionUnlisted { .. } => unknown_os(
            with(
                "edition-not-listed",
                format!("{product} is not listed so: {}", miss.kind),
            )
            .evidence(windows.edition.evidence())
            .remedy("Bring the system to a listed edition"),
        ),
        WindowsMissKind::InstallationExcluded { .. } => unknown_os(
            with(
                "installation-excluded",
                format!("{product} is not supported so: {}", miss.kind),
            )
            .evidence(&windows.seen("installation"))
            .remedy("Install Windows Server with or without Desktop Experience"),
        ),
        WindowsMissKind::ServicePackTooLow { lowest, .. } => unknown_os(
            with(
                "service-pack-not-listed",
                format!("{product} is not listed so: {}", miss.kind),
            )
            .evidence(&windows.seen("service_pack"))
            .remedy(format!("Install service pack {lowest}")),
        ),
        WindowsMissKind::BitsUnknown => undetermined(
            "undetermined-architecture",
            svc,
            "The architecture",
            system.os.arch.why().unwrap_or("nothing tells it"),
        )
        .evidence(system.os.arch.evidence()),
        WindowsMissKind::BitsUnlisted { .. } => unknown_os(
            with(
                "architecture-unsupported",
                format!("{product} is not listed so: {}", miss.kind),
            )
            .evidence(system.os.arch.evidence())
            .remedy("Install the system for x86_64"),
        ),
        WindowsMissKind::RegionExcluded { .. } => with(
            "region-not-supported",
            format!("{product} is {}", miss.kind),
        )
        .evidence(windows.product.evidence())
        .remedy("Import into another Region"),
        WindowsMissKind::UefiRequired => with(
            "uefi-required",
            format!("{product} must be imported with the boot mode uefi"),
        )
        .evidence(windows.product.evidence())
        .remedy("Export a machine that boots by UEFI from GPT, and ask for it: --boot-mode uefi"),
        WindowsMissKind::BootUnknown => undetermined(
            "undetermined-boot-mode",
            svc,
            &format!("Whether {product} boots by UEFI"),
            "how the machine boots is not known",
        ),
        WindowsMissKind::Deprecated { since } => with(
            "row-deprecated",
            format!("Support for {product} is deprecated since {since}"),
        )
        .evidence(windows.product.evidence())
        .remedy("Bring the system to a newer release"),
        other if miss.weight == Weight::Undecided => undetermined(
            "undetermined-matrix",
            svc,
            "Whether it is listed",
            &other.to_string(),
        ),
        other => with("not-listed", format!("{product} is not listed: {other}")),
    }
}
