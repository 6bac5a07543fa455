//! How a Linux is set up: network, logins, packages, software.

use crate::Evidence;
use crate::network::Interface;
use crate::packages::Package;

/// How the network is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Network {
    /// The ways that are configured: `ifupdown`, `netplan`, `ifcfg`, `wicked`, `networkmanager`,
    /// `systemd-networkd`, `cloud-init`.
    pub stacks: Vec<&'static str>,
    /// The configuration files found.
    pub files: Vec<String>,
    /// The interfaces that they set up, the loopback not counted. One that several stacks set up is
    /// there several times.
    pub interfaces: Vec<ConfiguredInterface>,
    /// Rules of udev that give a network card a name for good.
    pub persistent_rules: Vec<Evidence>,
    /// Whether interfaces get predictable names (`ens3`) instead of `eth0`, when that is known.
    pub predictable_names: Option<bool>,
    /// What the above rests on.
    pub evidence: Vec<Evidence>,
}

impl Network {
    /// The names of the interfaces that are set up, each once.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for one in &self.interfaces {
            let name = one.interface.name.as_str();
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// An interface, and which way it is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfiguredInterface {
    /// What the file says.
    pub interface: Interface,
    /// The way: one of [`Network::stacks`].
    pub stack: &'static str,
    /// Where.
    pub evidence: Evidence,
}

/// Settings of a Linux that decide whether it can be reached, and software that stands in the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The DHCP clients that are there and not switched off: `dhclient`, `networkmanager` …
    pub dhcp_clients: Vec<&'static str>,
    /// DHCP clients that are there and are not started with the system.
    pub dhcp_off: Vec<(&'static str, Evidence)>,
    /// The longest time that the kernel waits for an NVMe disk, as a file for `modprobe` sets it: the value of
    /// `io_timeout`, in seconds. It counts for a driver that is a module.
    pub nvme_timeout: Option<(String, Evidence)>,
    /// The SSH server.
    pub ssh: Ssh,
    /// Packet filters that are switched on.
    pub firewalls: Vec<Firewall>,
    /// The mode of SELinux that is set: `enforcing`, `permissive`, `disabled`.
    pub selinux: Option<String>,
    /// Software that matters to an import.
    pub software: Vec<Software>,
    /// Names of devices in the storage's configuration that are others after an import, by what
    /// they are in: `lvm-filter`, `lvm-devices`, `mdadm`, `crypttab`.
    pub fixed_devices: Vec<(&'static str, Evidence)>,
}

/// The database of installed packages, as far as it was looked into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packages {
    /// Its form: `dpkg`, or for rpm `bdb`, `ndb`, `sqlite`.
    pub form: &'static str,
    /// How many packages are installed.
    pub count: u32,
    /// Those that hold a kernel.
    pub kernels: Vec<Package>,
    /// Those that make a machine reachable: DHCP clients, SSH servers.
    pub reach: Vec<String>,
}

/// The SSH server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ssh {
    /// Whether its program is there; unknown when the folder of programs could not be looked into.
    pub installed: Option<bool>,
    /// Whether it is started with the system, when that is known.
    pub enabled: Option<bool>,
    /// The port, when it is set to another than 22.
    pub other_port: Option<(u16, Evidence)>,
    /// Where logins by key are switched off.
    pub keys_off: Option<Evidence>,
    /// Users other than root with keys of their own.
    pub users_with_keys: Vec<String>,
    /// What the above rests on.
    pub evidence: Vec<Evidence>,
}

/// A packet filter that is switched on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Firewall {
    /// Its name: `ufw`, `firewalld`, `SuSEfirewall2`, `iptables`, `nftables`.
    pub name: &'static str,
    /// Whether it lets SSH in, when that can be told.
    pub lets_ssh_in: Option<bool>,
    /// Where that was seen.
    pub evidence: Evidence,
}

/// Kinds of software that matter to an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SoftwareKind {
    /// It sets the system up on its first start in a cloud.
    CloudInit,
    /// Tools and drivers of a hypervisor.
    HypervisorTools,
    /// Anti-virus, intrusion detection.
    Security,
    /// An agent of a cloud.
    CloudAgent,
}

impl SoftwareKind {
    /// The kind's name, as programs see it: `cloud-init`, `hypervisor-tools`, `security`,
    /// `cloud-agent`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudInit => "cloud-init",
            Self::HypervisorTools => "hypervisor-tools",
            Self::Security => "security",
            Self::CloudAgent => "cloud-agent",
        }
    }
}

/// Software that matters to an import.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Software {
    /// What kind it is.
    pub kind: SoftwareKind,
    /// Its name.
    pub name: &'static str,
    /// Where it was seen.
    pub evidence: Evidence,
}
