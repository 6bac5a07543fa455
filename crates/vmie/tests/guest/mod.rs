//! A small guest as an appliance: two disks, the first of which boots and holds a filesystem whose
//! files cannot be read, so that what the guest is stays undetermined.
#![allow(dead_code, reason = "not every test uses all of it")]

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use vmie::ImportSpec;
use vmie_testkit::table::{MbrEntry, MbrTable};
use vmie_testkit::{ova, vmdk};

pub(crate) struct Guest {
    pub(crate) path: PathBuf,
    pub(crate) disks: Vec<Vec<u8>>,
    /// Where in the file the last disk's file ends.
    pub(crate) last_member_end: usize,
}

impl Guest {
    /// Makes the appliance in `folder`.
    pub(crate) fn appliance(folder: &Path) -> Self {
        let disks = vec![boot_disk(), data_disk()];
        let files: Vec<(Vec<u8>, usize)> = disks
            .iter()
            .map(|disk| (vmdk::Builder::stream(disk).build().bytes, disk.len()))
            .collect();
        let bytes = ova::ova(&files, None);
        let last = &files[1].0;
        let start = bytes
            .windows(last.len())
            .rposition(|window| window == last.as_slice())
            .unwrap();
        let path = folder.join("guest.ova");
        fs::write(&path, &bytes).unwrap();
        Self {
            path,
            disks,
            last_member_end: start + last.len(),
        }
    }

    pub(crate) fn spec(&self) -> ImportSpec {
        ImportSpec::new(vec![self.path.clone()])
    }

    pub(crate) fn digests(&self) -> Vec<String> {
        let digest = |disk: &Vec<u8>| ova::hex(&Sha256::digest(disk));
        self.disks.iter().map(digest).collect()
    }
}

fn boot_disk() -> Vec<u8> {
    let mut disk = vec![0; 5 << 20];
    let mut root = MbrEntry::new(0x83, 2048, 8192);
    root.flag = 0x80;
    let table = MbrTable {
        signature: 0x1234_5678,
        code: b"\xeb\x63\x90 GRUB \0Geom\0Hard Disk\0Read\0 Error".to_vec(),
        primary: [
            root,
            MbrEntry::default(),
            MbrEntry::default(),
            MbrEntry::default(),
        ],
        logical: Vec::new(),
    };
    table.write(&mut disk, 512);
    let volume = &mut disk[2048 * 512..];
    // The superblock of an XFS of 4 MiB, and nothing behind it.
    volume[..4].copy_from_slice(b"XFSB");
    volume[4..8].copy_from_slice(&4096u32.to_be_bytes());
    volume[8..16].copy_from_slice(&1024u64.to_be_bytes());
    volume[84..88].copy_from_slice(&1024u32.to_be_bytes());
    volume[88..92].copy_from_slice(&1u32.to_be_bytes());
    volume[120] = 12;
    let noise = vmdk::sample_disk(300_000);
    volume[1 << 20..(1 << 20) + 300_000].copy_from_slice(&noise);
    disk
}

fn data_disk() -> Vec<u8> {
    let mut disk = vec![0; 2 << 20];
    let noise = vmdk::sample_disk(100_000);
    disk[1_000_000..1_100_000].copy_from_slice(&noise);
    disk
}

/// All files below a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        let Ok(read) = fs::read_dir(&at) else {
            continue;
        };
        for entry in read {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let name = entry.path().strip_prefix(folder).unwrap().to_owned();
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    names
}

/// The one image of a store.
pub(crate) fn only_image(store: &Path) -> String {
    let images: Vec<String> = fs::read_dir(store)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("ami-"))
        .collect();
    assert_eq!(images.len(), 1, "{images:?}");
    images.into_iter().next().unwrap()
}
