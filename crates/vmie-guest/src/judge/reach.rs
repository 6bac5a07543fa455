//! Whether the imported machine can be reached, and what stands in the way of the import.

use vmie_rules::SvcId;

use super::{Judge, advise, change};
use crate::{Evidence, SoftwareKind, System};

/// Free bytes on the root that the import's drivers and agents need.
const FREE: u64 = 250 << 20;

impl Judge<'_> {
    pub(super) fn reach(&mut self, system: &System) {
        self.interfaces(system);
        self.ssh(system);
        self.software(system);
        self.fixed_devices(system);
        self.free_space(system);
    }

    fn interfaces(&mut self, system: &System) {
        let network = &system.network;
        let fixed: Vec<_> = network
            .interfaces
            .iter()
            .filter(|one| one.interface.is_static())
            .collect();
        if let Some(first) = fixed.first() {
            let name = match first.interface.name.as_str() {
                "" => "An interface",
                name => name,
            };
            let title = match fixed.len() {
                1 => format!(
                    "{} has the static address {}; the import sets it to DHCP",
                    name.escape_debug(),
                    first.interface.addresses.join(", ").escape_debug()
                ),
                n => format!("{n} interfaces have static addresses; the import sets them to DHCP"),
            };
            let saw: Vec<Evidence> = fixed.iter().map(|one| one.evidence.clone()).collect();
            self.push(
                change("static-address", &[SvcId::Mod4, SvcId::Lim5], title)
                    .evidence(&saw)
                    .remedy(dhcp_remedy(
                        first.stack,
                        &first.interface.name,
                        &first.evidence,
                    )),
            );
        }
        let names = network.names();
        if names.len() > 1 {
            let saw: Vec<Evidence> = network
                .interfaces
                .iter()
                .map(|one| one.evidence.clone())
                .collect();
            self.push(
                change(
                    "several-interfaces",
                    &[SvcId::Lim5],
                    format!(
                        "{} network interfaces are set up; after the import there is one",
                        names.len()
                    ),
                )
                .evidence(&saw)
                .remedy("Attach further network interfaces to the instance after the import"),
            );
        }
        let mut bound: Vec<Evidence> = network.persistent_rules.clone();
        bound.extend(network.interfaces.iter().filter_map(|one| {
            one.interface.mac.as_ref()?;
            Some(one.evidence.clone())
        }));
        if !bound.is_empty() {
            let remedy = if network.persistent_rules.is_empty() {
                "Remove the hardware address (HWADDR, mac-address, macaddress) from the file"
            } else {
                "In the guest: rm /etc/udev/rules.d/70-persistent-net.rules"
            };
            self.push(
                advise(
                    "interface-bound-to-mac",
                    &[SvcId::Lim5, SvcId::Cfg1],
                    "An interface is bound to the hardware address of a card that the imported machine does not have",
                )
                .evidence(&bound)
                .remedy(remedy),
            );
        }
        self.dhcp_client(system);
    }

    /// A working DHCP client, not disabled (SVC-CFG-1).
    fn dhcp_client(&mut self, system: &System) {
        let settings = &system.settings;
        if !settings.dhcp_clients.is_empty() || settings.ssh.installed.is_none() {
            return;
        }
        let off: Vec<Evidence> = settings.dhcp_off.iter().map(|one| one.1.clone()).collect();
        let is_off = |package: &str| {
            let client = match package {
                "systemd" | "systemd-networkd" => "systemd-networkd",
                "NetworkManager" | "network-manager" => "networkmanager",
                other => other,
            };
            settings.dhcp_off.iter().any(|(name, _)| *name == client)
        };
        // What a package brings counts, whatever became of its files, unless it is what is off.
        let by_package = system.packages.get().is_some_and(|packages| {
            let mut names = packages.reach.iter();
            names.any(|name| !name.contains("ssh") && !is_off(name))
        });
        if by_package {
            return;
        }
        match settings.dhcp_off.first() {
            Some((name, _)) => {
                let unit = match *name {
                    "networkmanager" => "NetworkManager",
                    other => other,
                };
                self.push(
                    advise(
                        "dhcp-client-off",
                        &[SvcId::Cfg1, SvcId::Err20],
                        format!("The DHCP client {unit} is not started with the system, and there is no other"),
                    )
                    .evidence(&off)
                    .remedy(format!("In the guest: systemctl enable {unit}")),
                );
            }
            None => self.push(
                advise(
                    "no-dhcp-client",
                    &[SvcId::Cfg1, SvcId::Err20],
                    "No DHCP client was found, and the imported machine gets its address by DHCP",
                )
                .remedy(install(system, "isc-dhcp-client", "dhcp-client")),
            ),
        }
    }

    fn ssh(&mut self, system: &System) {
        let ssh = &system.settings.ssh;
        if ssh.installed == Some(false) && !has(system, |name| name.contains("ssh")) {
            self.push(
                advise(
                    "no-ssh-server",
                    &[SvcId::Cfg2],
                    "There is no SSH server, by which the imported machine is reached",
                )
                .remedy(install(system, "openssh-server", "openssh-server")),
            );
            return;
        }
        if ssh.enabled == Some(false) {
            let unit = match system.os.id.get().map(String::as_str) {
                Some("debian" | "ubuntu") => "ssh",
                _ => "sshd",
            };
            self.push(
                advise(
                    "ssh-not-enabled",
                    &[SvcId::Cfg2],
                    "The SSH server is not started with the system",
                )
                .evidence(&ssh.evidence)
                .remedy(format!("In the guest: systemctl enable {unit}")),
            );
        }
        if let Some((port, saw)) = &ssh.other_port {
            self.push(
                advise(
                    "ssh-other-port",
                    &[SvcId::Cfg2],
                    format!("The SSH server listens on port {port}, and not on 22"),
                )
                .evidence(std::slice::from_ref(saw))
                .remedy(format!(
                    "Open port {port} in the instance's security group, or remove the line"
                )),
            );
        }
        if let Some(saw) = &ssh.keys_off {
            self.push(
                advise(
                    "ssh-keys-off",
                    &[SvcId::Cfg2],
                    "Logins by key are switched off",
                )
                .evidence(std::slice::from_ref(saw))
                .remedy("Set PubkeyAuthentication yes in /etc/ssh/sshd_config"),
            );
        }
        for firewall in &system.settings.firewalls {
            if firewall.lets_ssh_in == Some(false) {
                let remedy = match firewall.name {
                    "ufw" => "In the guest: ufw allow OpenSSH",
                    "firewalld" => "In the guest: firewall-cmd --permanent --add-service=ssh",
                    "SuSEfirewall2" => {
                        "Set FW_CONFIGURATIONS_EXT=\"sshd\" in /etc/sysconfig/SuSEfirewall2"
                    }
                    "nftables" => "Add a rule `tcp dport 22 accept` to the input chain",
                    _ => "Add -A INPUT -p tcp --dport 22 -j ACCEPT before the rule that rejects",
                };
                self.push(
                    advise(
                        "firewall-blocks-ssh",
                        &[SvcId::Cfg2],
                        format!("The firewall {} does not let SSH in", firewall.name),
                    )
                    .evidence(std::slice::from_ref(&firewall.evidence))
                    .remedy(remedy),
                );
            }
        }
    }

    fn software(&mut self, system: &System) {
        let of = |kind| {
            let all = system.settings.software.iter();
            all.filter(move |one| one.kind == kind && one.name != "qemu-guest-agent")
        };
        let names = |kind| -> Vec<&str> { of(kind).map(|one| one.name).collect() };
        let saw = |kind| -> Vec<Evidence> { of(kind).map(|one| one.evidence.clone()).collect() };
        let tools = names(SoftwareKind::HypervisorTools);
        if !tools.is_empty() {
            let remedy = match tools.as_slice() {
                ["VMware Tools", ..] => "In the guest: vmware-uninstall-tools.pl".to_owned(),
                ["open-vm-tools", ..] => remove(system, "open-vm-tools"),
                _ => format!("Uninstall {}", tools.join(" and ")),
            };
            self.push(
                advise(
                    "hypervisor-tools-installed",
                    &[SvcId::Cfg1],
                    format!("Tools of a hypervisor are installed: {}", tools.join(", ")),
                )
                .evidence(&saw(SoftwareKind::HypervisorTools))
                .remedy(remedy),
            );
        }
        let security = names(SoftwareKind::Security);
        if !security.is_empty() {
            self.push(
                advise(
                    "security-software",
                    &[SvcId::Cfg1, SvcId::Err20],
                    format!(
                        "Anti-virus or intrusion detection is installed: {}",
                        security.join(", ")
                    ),
                )
                .evidence(&saw(SoftwareKind::Security))
                .remedy("Switch it off before the export, and on again after the import"),
            );
        }
    }

    fn fixed_devices(&mut self, system: &System) {
        let saw: Vec<Evidence> = system
            .settings
            .fixed_devices
            .iter()
            .map(|(_, saw)| saw.clone())
            .collect();
        if !saw.is_empty() {
            self.push(
                advise(
                    "devices-by-name",
                    &[SvcId::Vol3, SvcId::Mod5],
                    "The storage's configuration names devices that have other names after the import",
                )
                .evidence(&saw)
                .remedy("Name the devices by UUID, or remove the filter (for LVM: rm /etc/lvm/devices/system.devices, and comment out filter in /etc/lvm/lvm.conf)"),
            );
        }
        let root = system.default_kernel.get().and_then(|kernel| kernel.root());
        let by_name = root.filter(|root| {
            ["/dev/sd", "/dev/vd", "/dev/hd", "/dev/xvd", "/dev/nvme"]
                .iter()
                .any(|name| root.starts_with(name))
        });
        if let Some(root) = by_name {
            self.push(
                advise(
                    "root-by-device-name",
                    &[SvcId::Mod6, SvcId::Mod5],
                    format!(
                        "The default boot entry finds the root by the device name {}, which is another after the import",
                        root.escape_debug()
                    ),
                )
                .evidence(system.default_kernel.evidence())
                .remedy("Remove GRUB_DISABLE_LINUX_UUID from /etc/default/grub and write the menu again, so that it says root=UUID=…"),
            );
        }
    }

    fn free_space(&mut self, system: &System) {
        let facts = self.inspection.filesystems.iter();
        let little = facts
            .filter(|facts| facts.volume == system.root)
            .find_map(|facts| facts.space.filter(|space| space.free < FREE));
        if let Some(space) = little {
            let saw = Evidence::new(format!("{} bytes are free", space.free)).on(&system.root);
            self.push(
                advise(
                    "little-free-space",
                    &[SvcId::Lim7],
                    format!(
                        "The root filesystem has {} free, and drivers and agents need 250 MiB",
                        super::human(space.free)
                    ),
                )
                .evidence(&[saw])
                .remedy("Remove what is not needed, or enlarge the filesystem"),
            );
        }
    }
}

/// Whether a package is installed that makes the machine reachable in this way, whatever became of
/// its files.
fn has(system: &System, of: fn(&str) -> bool) -> bool {
    let packages = system.packages.get();
    packages.is_some_and(|packages| packages.reach.iter().any(|name| of(name)))
}

fn install(system: &System, debian: &str, other: &str) -> String {
    match system.os.id.get().map(String::as_str) {
        Some("debian" | "ubuntu") => format!("In the guest: apt-get install {debian}"),
        Some("sles") => format!("In the guest: zypper install {other}"),
        _ => format!("In the guest: yum install {other}"),
    }
}

fn remove(system: &System, package: &str) -> String {
    match system.os.id.get().map(String::as_str) {
        Some("debian" | "ubuntu") => format!("In the guest: apt-get purge {package}"),
        Some("sles") => format!("In the guest: zypper remove {package}"),
        _ => format!("In the guest: yum remove {package}"),
    }
}

/// How to set an interface to DHCP, by what sets it up.
fn dhcp_remedy(stack: &str, name: &str, saw: &Evidence) -> String {
    let file = saw.path.as_deref().unwrap_or_default();
    let name = if name.is_empty() { "eth0" } else { name };
    let name = name.escape_debug();
    match stack {
        "ifupdown" => format!("In {file} write: iface {name} inet dhcp, without address lines"),
        "netplan" => format!("In {file} set dhcp4: true for {name}, and remove its addresses"),
        "networkmanager" => {
            format!("In {file} set method=auto in [ipv4], and remove its addresses")
        }
        "systemd-networkd" => format!("In {file} set DHCP=yes in [Network], and remove Address="),
        "cloud-init" => format!("In {file} give {name} a subnet of type: dhcp"),
        _ => format!("In {file} set BOOTPROTO=dhcp, and remove IPADDR, NETMASK and GATEWAY"),
    }
}
