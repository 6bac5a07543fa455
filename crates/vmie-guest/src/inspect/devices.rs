//! Drivers and the network.

use super::tree::Tree;
use crate::{DefaultKernel, Drivers, Fact, Kernel, KernelFlavour, Network};

/// Drivers that tell whether a system can run where it is going, or shows where it comes from.
pub(super) const DRIVERS: &[&str] = &[
    "nvme",
    "ena",
    "xen-blkfront",
    "xen-netfront",
    "virtio_blk",
    "virtio_net",
    "virtio_pci",
    "virtio_scsi",
    "ixgbevf",
    "ahci",
    "ata_piix",
    "mptspi",
    "mptsas",
    "mpt3sas",
    "vmw_pvscsi",
    "hv_storvsc",
];

/// The drivers of the default kernel, or of the newest one.
pub(super) fn drivers(
    tree: &Tree,
    kernels: &[Kernel],
    default: Option<&DefaultKernel>,
) -> Fact<Drivers> {
    let Some(release) = default
        .map(|kernel| kernel.release.as_str())
        .or_else(|| newest(kernels))
    else {
        return Fact::unknown("no kernel was found", Vec::new());
    };
    let folder = format!("/lib/modules/{release}");
    let mut drivers = Drivers {
        kernel: release.to_owned(),
        ..Drivers::default()
    };
    let mut evidence = Vec::new();
    for (file, list) in [
        ("modules.dep", &mut drivers.modules),
        ("modules.builtin", &mut drivers.builtin),
    ] {
        let path = format!("{folder}/{file}");
        match tree.read(&path) {
            Ok(Some(bytes)) => {
                *list = named(&bytes);
                evidence.push(tree.evidence(&path, format!("lists {}", list.join(", "))));
            }
            Ok(None) => {}
            Err(why) => return Fact::unknown(why, evidence),
        }
    }
    if evidence.is_empty() {
        let why = tree
            .hidden(&folder)
            .unwrap_or_else(|| format!("there is no list of modules in {folder}"));
        return Fact::unknown(why, evidence);
    }
    Fact::known(drivers, evidence)
}

/// The newest kernel that is no rescue kernel.
pub(super) fn newest(kernels: &[Kernel]) -> Option<&str> {
    let mut systems = kernels
        .iter()
        .filter(|kernel| kernel.flavour != KernelFlavour::Rescue);
    systems.next().map(|kernel| kernel.release.as_str())
}

/// Which of [`DRIVERS`] a list of module files names: lines of `kernel/…/nvme.ko.xz: …`.
fn named(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for line in bytes.split(|b| *b == b'\n') {
        let path = line.split(|b| *b == b':').next().unwrap_or_default();
        let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
        let name = name.split(|b| *b == b'.').next().unwrap_or_default();
        for driver in DRIVERS {
            let same = name.len() == driver.len()
                && name
                    .iter()
                    .zip(driver.bytes())
                    .all(|(a, b)| *a == b || matches!((*a, b), (b'-', b'_') | (b'_', b'-')));
            if same && !found.iter().any(|known| known == driver) {
                found.push((*driver).to_owned());
            }
        }
    }
    found
}

/// How the network is set up: which stacks, and whether interfaces get predictable names.
pub(super) fn network(tree: &Tree, default: Option<&DefaultKernel>) -> Network {
    let mut network = Network::default();
    let mut stack = |name: &'static str, files: Vec<String>| {
        if !files.is_empty() {
            network.stacks.push(name);
            network.files.extend(files.into_iter().take(32));
        }
    };
    let listed = |folder: &str, wanted: fn(&str) -> bool| -> Vec<String> {
        let names = tree.names(folder).into_iter();
        names
            .filter(|name| wanted(name))
            .map(|name| format!("{folder}/{name}"))
            .collect()
    };
    let one = |path: &str| -> Vec<String> {
        tree.size(path)
            .map(|_| path.to_owned())
            .into_iter()
            .collect()
    };
    stack("ifupdown", one("/etc/network/interfaces"));
    stack(
        "netplan",
        listed("/etc/netplan", |name| name.ends_with(".yaml")),
    );
    stack(
        "ifcfg",
        ["/etc/sysconfig/network-scripts", "/etc/sysconfig/network"]
            .iter()
            .flat_map(|folder| {
                listed(folder, |name| {
                    name.starts_with("ifcfg-") && name != "ifcfg-lo"
                })
            })
            .collect(),
    );
    stack(
        "networkmanager",
        listed("/etc/NetworkManager/system-connections", |_| true),
    );
    stack(
        "systemd-networkd",
        listed("/etc/systemd/network", |name| name.ends_with(".network")),
    );
    predictable(tree, default, &mut network);
    network
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
    fn module_lists_name_drivers() {
        let list = b"kernel/drivers/nvme/host/nvme.ko.xz: kernel/drivers/nvme/host/nvme-core.ko.xz\n\
            kernel/net/ena/ena.ko:\nkernel/drivers/block/xen_blkfront.ko.zst:\nkernel/x/nvme-core.ko\n";
        assert_eq!(named(list), ["nvme", "ena", "xen-blkfront"]);
    }

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
