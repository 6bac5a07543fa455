//! Drivers.

use super::tree::Tree;
use crate::{DefaultKernel, Drivers, Fact, Kernel, KernelFlavour};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_lists_name_drivers() {
        let list = b"kernel/drivers/nvme/host/nvme.ko.xz: kernel/drivers/nvme/host/nvme-core.ko.xz\n\
            kernel/net/ena/ena.ko:\nkernel/drivers/block/xen_blkfront.ko.zst:\nkernel/x/nvme-core.ko\n";
        assert_eq!(named(list), ["nvme", "ena", "xen-blkfront"]);
    }
}
