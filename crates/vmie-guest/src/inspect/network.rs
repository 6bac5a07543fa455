//! How the network is set up.

use super::tree::Tree;
use crate::network::{self, Interface};
use crate::{ConfiguredInterface, DefaultKernel, Network};

/// Files of one folder that are read.
const MAX_FILES: usize = 64;

/// How the network is set up: which stacks, which interfaces, and by what names.
pub(super) fn network(tree: &Tree, default: Option<&DefaultKernel>) -> Network {
    let mut found = Network::default();
    ifupdown(tree, &mut found);
    for (stack, folder, wanted, read) in STACKS {
        for name in tree.names(folder) {
            if wanted(&name) && found.files.len() < MAX_FILES {
                let path = format!("{folder}/{name}");
                if let Some(bytes) = tree.text(&path) {
                    add(tree, &mut found, stack, &path, read(&name, &bytes));
                }
            }
        }
    }
    persistent_names(tree, &mut found);
    predictable(tree, default, &mut found);
    found
}

/// What reads a file of a folder: its name and bytes to interfaces; `None` when it is none of the
/// stack's.
type Read = fn(&str, &[u8]) -> Option<Vec<Interface>>;

fn ifcfg(name: &str, bytes: &[u8]) -> Option<Vec<Interface>> {
    network::ifcfg(name, bytes).map(|one| vec![one])
}

fn is_ifcfg(name: &str) -> bool {
    let is_copy = [".bak", ".old", ".orig", ".rpmsave", ".rpmnew", "~"];
    name.starts_with("ifcfg-")
        && name != "ifcfg-lo"
        && name != "ifcfg-template"
        && !is_copy.iter().any(|end| name.ends_with(end))
}

type Stack = (&'static str, &'static str, fn(&str) -> bool, Read);

const STACKS: &[Stack] = &[
    (
        "netplan",
        "/etc/netplan",
        |name| name.ends_with(".yaml"),
        |_, bytes| Some(network::netplan(bytes)),
    ),
    ("ifcfg", "/etc/sysconfig/network-scripts", is_ifcfg, ifcfg),
    ("wicked", "/etc/sysconfig/network", is_ifcfg, ifcfg),
    (
        "networkmanager",
        "/etc/NetworkManager/system-connections",
        |_| true,
        |_, bytes| network::network_manager(bytes).map(|one| vec![one]),
    ),
    (
        "systemd-networkd",
        "/etc/systemd/network",
        |name| name.ends_with(".network"),
        |_, bytes| network::networkd(bytes).map(|one| vec![one]),
    ),
    (
        "cloud-init",
        "/etc/cloud/cloud.cfg.d",
        |name| name.ends_with(".cfg"),
        |_, bytes| network::cloud_init(bytes),
    ),
];

fn add(
    tree: &Tree,
    found: &mut Network,
    stack: &'static str,
    path: &str,
    interfaces: Option<Vec<Interface>>,
) {
    let Some(interfaces) = interfaces else {
        return;
    };
    if !found.stacks.contains(&stack) {
        found.stacks.push(stack);
    }
    found.files.push(path.to_owned());
    for interface in interfaces {
        let says = match (interface.addresses.as_slice(), interface.dhcp) {
            (_, true) => "asks for an address (DHCP)".to_owned(),
            ([], false) => "no address is set".to_owned(),
            (addresses, false) => format!("has the address {}", addresses.join(", ")),
        };
        let name = match interface.name.as_str() {
            "" => "an interface",
            name => name,
        };
        let evidence = tree
            .evidence(path, format!("{name} {says}"))
            .line(interface.line);
        found.interfaces.push(ConfiguredInterface {
            interface,
            stack,
            evidence,
        });
    }
}

/// ifupdown's file, and those that it takes in.
fn ifupdown(tree: &Tree, found: &mut Network) {
    let main = "/etc/network/interfaces";
    let Some(bytes) = tree.text(main) else {
        return;
    };
    let read = network::ifupdown(&bytes);
    add(tree, found, "ifupdown", main, Some(read.interfaces));
    let mut more = Vec::new();
    for source in read.sources {
        // A pattern is taken for its folder, as it is nearly always `interfaces.d/*`.
        let folder = match source.rsplit_once('/') {
            Some((folder, last)) if last.contains(['*', '?', '[']) => folder.to_owned(),
            _ => source.clone(),
        };
        let folder = if folder.starts_with('/') {
            folder
        } else {
            format!("/etc/network/{folder}")
        };
        if tree.is_dir(&folder) {
            let names = tree.names(&folder).into_iter();
            more.extend(names.take(MAX_FILES).map(|name| format!("{folder}/{name}")));
        } else {
            more.push(folder);
        }
    }
    for path in more.into_iter().take(MAX_FILES) {
        if let Some(bytes) = tree.text(&path) {
            let read = network::ifupdown(&bytes).interfaces;
            add(tree, found, "ifupdown", &path, Some(read));
        }
    }
}

/// udev's rules that give a card, told by its hardware address, a name for good: the card of the
/// imported machine is another, and gets the next name.
fn persistent_names(tree: &Tree, found: &mut Network) {
    let path = "/etc/udev/rules.d/70-persistent-net.rules";
    let Some(bytes) = tree.text(path) else {
        return;
    };
    for (number, line) in crate::text::Lines::new(&bytes) {
        let line = line.trim();
        if !line.starts_with('#') && line.contains("address") && line.contains("NAME=") {
            found.persistent_rules.push(
                tree.evidence(path, "a name for a card by its hardware address")
                    .line(number),
            );
        }
    }
    found.persistent_rules.truncate(16);
}

/// systemd and udev name interfaces by their place in the machine unless they are told not to
/// (<https://systemd.io/PREDICTABLE_INTERFACE_NAMES/>).
fn predictable(tree: &Tree, default: Option<&DefaultKernel>, network: &mut Network) {
    let cmdline = default.and_then(|kernel| kernel.cmdline.as_deref());
    if cmdline.is_some_and(|line| line.split(' ').any(|word| word == "net.ifnames=0")) {
        network.predictable_names = Some(false);
        return;
    }
    let named = network.files.iter().find(|path| {
        path.rsplit("ifcfg-")
            .next()
            .filter(|_| path.contains("ifcfg-"))
            .is_some_and(is_predictable)
    });
    if let Some(path) = named {
        network.predictable_names = Some(true);
        network
            .evidence
            .push(tree.evidence(path, "an interface with a predictable name"));
        return;
    }
    for path in [
        "/etc/udev/rules.d/80-net-setup-link.rules",
        "/etc/udev/rules.d/80-net-name-slot.rules",
        "/etc/systemd/network/99-default.link",
    ] {
        if tree.link(path).as_deref() == Some("/dev/null") {
            network.predictable_names = Some(false);
            network
                .evidence
                .push(tree.evidence(path, "turned off by a link to /dev/null"));
            return;
        }
    }
    for path in [
        "/usr/lib/systemd/network/99-default.link",
        "/lib/systemd/network/99-default.link",
        "/usr/lib/udev/rules.d/80-net-setup-link.rules",
        "/lib/udev/rules.d/80-net-setup-link.rules",
        "/lib/udev/rules.d/80-net-name-slot.rules",
    ] {
        if tree.size(path).is_some() {
            network.predictable_names = Some(true);
            network.evidence.push(tree.evidence(
                path,
                "names interfaces by their place, and nothing turns it off",
            ));
            return;
        }
    }
}

/// `ens3`, `enp0s3`, `eno1`, `enx…`, `wlp2s0`.
fn is_predictable(name: &str) -> bool {
    let rest = ["en", "wl", "ww"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix));
    rest.is_some_and(|rest| {
        rest.starts_with(['o', 's', 'p', 'x']) && rest.bytes().any(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictable_names_are_known() {
        for (name, yes) in [
            ("ens3", true),
            ("enp0s3", true),
            ("eno1", true),
            ("wlp2s0", true),
            ("eth0", false),
            ("lo", false),
            ("env", false),
            ("bond0", false),
        ] {
            assert_eq!(is_predictable(name), yes, "{name}");
        }
    }
}
