//! The clients of DHCP, and whether they are started with the system (SVC-CFG-1).

use super::services::is_enabled;
use super::tree::Tree;
use crate::Evidence;

/// A client: its name, its programs, the service that it is, when it is one. The others are started by what
/// sets the network up.
type Client = (&'static str, &'static [&'static str], Option<&'static str>);

const CLIENTS: &[Client] = &[
    ("dhclient", &["/sbin/dhclient", "/usr/sbin/dhclient"], None),
    ("dhcpcd", &["/sbin/dhcpcd", "/usr/sbin/dhcpcd"], None),
    ("udhcpc", &["/sbin/udhcpc", "/usr/sbin/udhcpc"], None),
    (
        "wicked",
        &["/usr/sbin/wickedd", "/usr/libexec/wicked/bin/wickedd-dhcp4"],
        Some("wicked.service"),
    ),
    (
        "networkmanager",
        &["/usr/sbin/NetworkManager"],
        Some("NetworkManager.service"),
    ),
    (
        "systemd-networkd",
        &[
            "/usr/lib/systemd/systemd-networkd",
            "/lib/systemd/systemd-networkd",
        ],
        Some("systemd-networkd.service"),
    ),
    ("pump", &["/sbin/pump"], None),
];

/// The clients that are there, and those that are there and switched off.
pub(super) fn clients(tree: &Tree) -> (Vec<&'static str>, Vec<(&'static str, Evidence)>) {
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for (name, programs, service) in CLIENTS {
        let Some(program) = programs.iter().find(|path| tree.size(path).is_some()) else {
            continue;
        };
        match service.and_then(|service| switched_off(tree, service)) {
            None => on.push(*name),
            Some(says) => off.push((*name, tree.evidence(program, says))),
        }
    }
    (on, off)
}

/// Why a service does not start with the system; `None` when it does, or that cannot be told.
fn switched_off(tree: &Tree, service: &str) -> Option<String> {
    if tree
        .link(&format!("/etc/systemd/system/{service}"))
        .as_deref()
        == Some("/dev/null")
    {
        return Some(format!("{service} is masked"));
    }
    if is_enabled(tree, &[service], &[]) != Some(false) {
        return None;
    }
    // netplan switches systemd's on at every start (netplan-generate(8)), and leaves NetworkManager to itself.
    let by_netplan = service.starts_with("systemd-")
        && tree
            .names("/etc/netplan")
            .iter()
            .any(|name| name.ends_with(".yaml"));
    // SUSE's `network.service` is the name of whichever of the two is chosen.
    let alias = tree.link("/etc/systemd/system/network.service");
    let by_alias = alias.is_some_and(|target| target.ends_with(&format!("/{service}")));
    (!by_netplan && !by_alias).then(|| format!("{service} is not started with the system"))
}
