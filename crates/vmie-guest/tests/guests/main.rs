//! Whole guests in memory: what is found in them, and what is said of them.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod boot;
mod findings;
mod points;
mod systems;
mod unknown;

use std::sync::Arc;

use vmie_fs::{FsKind, Identity, MemoryFs, Space};
use vmie_guest::{
    Arch, BootMode, Container, Date, Decision, DefaultBy, Disk, Evidence, Fact, GuestVolume,
    ImportRequest, Inspection, KernelFlavour, Matrix, Mode, MountOutcome, Severity, Verdict,
    inspect, inspect_volumes, judge,
};
use vmie_io::{Budget, Limits, ReadAt};
use vmie_rules::SvcId;
use vmie_rules::matrix::Edition;
use vmie_volumes::{DiskLayout, VolumeId, read_layout};

/// A disk with an MBR: GRUB 2's marks when `grub`, and partitions of these types.
fn layout(grub: bool, types: &[u8]) -> DiskLayout {
    let mut disk = vec![0u8; 8 << 20];
    if grub {
        disk[0] = 0xeb;
        disk[0x180..0x18a].copy_from_slice(b"GRUB \0Geom");
    }
    for (at, kind) in types.iter().enumerate() {
        let entry = 446 + 16 * at;
        disk[entry + 4] = *kind;
        let start = 2048 * (at as u32 + 1);
        disk[entry + 8..entry + 12].copy_from_slice(&start.to_le_bytes());
        disk[entry + 12..entry + 16].copy_from_slice(&2048u32.to_le_bytes());
    }
    disk[440..444].copy_from_slice(&0x12ab_0001u32.to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    read_layout(&disk, &Budget::default()).unwrap()
}

fn id(partition: u32) -> VolumeId {
    VolumeId::partition(0, partition)
}

fn named(kind: FsKind, uuid: &str) -> Identity {
    let mut identity = Identity::new(kind);
    identity.uuid = Some(uuid.to_owned());
    identity
}

fn look(layout: DiskLayout, filesystems: Vec<MemoryFs>) -> Inspection {
    let volumes: Vec<GuestVolume<'_>> = (1..)
        .zip(filesystems)
        .map(|(number, files)| {
            let partition = layout.partition(number).cloned();
            GuestVolume::new(id(number), 1 << 20, partition, files)
        })
        .collect();
    let disk = Disk::new(0, 8 << 20, Fact::known(layout, Vec::new()));
    inspect_volumes(vec![disk], &volumes, &Limits::default())
}

fn verdict(inspection: &Inspection, mode: Mode) -> Verdict {
    asked(inspection, mode, &ImportRequest::new())
}

fn asked(inspection: &Inspection, mode: Mode, request: &ImportRequest) -> Verdict {
    let matrix = Matrix::edition(Edition::E2026);
    let as_of = Date::new(2026, 11, 1).unwrap();
    judge(inspection, request, &matrix, mode, as_of)
}

fn codes(verdict: &Verdict) -> Vec<&'static str> {
    verdict
        .findings
        .iter()
        .map(|finding| finding.code)
        .collect()
}

fn elf(machine: u8, class: u8) -> Vec<u8> {
    let mut head = vec![0u8; 64];
    head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1]);
    head[18] = machine;
    head
}

fn kernel(release: &str) -> Vec<u8> {
    let mut image = vec![0u8; 2048];
    image[0x1f1] = 3;
    image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    image[0x202..0x208].copy_from_slice(b"HdrS\x0f\x02");
    image[0x20e..0x210].copy_from_slice(&[0x00, 0x02]);
    image[0x236] = 1;
    let text = format!("{release} (builder@host) #1 SMP\0");
    image[0x400..0x400 + text.len()].copy_from_slice(text.as_bytes());
    image
}

/// An initramfs with nvme, ena, xen-blkfront and virtio_blk.
const INITRAMFS: &[u8] = include_bytes!("../../fixtures/initramfs/zstd");

const MODULES: &str = "kernel/drivers/nvme/host/nvme.ko:\nkernel/drivers/net/ena.ko:\n";

fn system(os_release: &str, release: &str) -> MemoryFs {
    MemoryFs::new(FsKind::Ext4)
        .with_identity(named(FsKind::Ext4, "11111111-2222"))
        .with_file("/usr/lib/os-release", os_release)
        .with_symlink("/etc/os-release", "../usr/lib/os-release")
        .with_file("/etc/fstab", "UUID=11111111-2222 / ext4 defaults 0 1\n")
        .with_file("/usr/bin/sh", elf(62, 2))
        .with_symlink("/bin", "usr/bin")
        .with_symlink("/lib", "usr/lib")
        .with_file(format!("/usr/lib/modules/{release}/modules.dep"), MODULES)
        .with_file(format!("/boot/vmlinuz-{release}"), kernel(release))
        .with_file("/boot/initrd", INITRAMFS)
}

fn menu_of(release: &str) -> String {
    format!(
        "set default=\"0\"\nmenuentry 'Linux' --id a {{\n linux /boot/vmlinuz-{release} root=UUID=11111111-2222 ro nvme_core.io_timeout=4294967295\n initrd /boot/initrd\n}}\n"
    )
}

fn debian(version: &str, release: &str) -> MemoryFs {
    let major = version.split('.').next().unwrap();
    let os = format!(
        "PRETTY_NAME=\"Debian GNU/Linux {major}\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"{major}\"\nID=debian\n"
    );
    system(&os, release)
        .with_file("/etc/debian_version", format!("{version}\n"))
        .with_file("/boot/grub/grub.cfg", menu_of(release))
}

const DEB12: &str = "6.1.0-56-cloud-amd64";
