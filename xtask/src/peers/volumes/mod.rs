//! Volume groups and arrays made by their own tools (`cargo xtask peers volumes`).
//!
//! Without a device-mapper in the kernel lvm2 only writes metadata, and what a logical volume holds
//! follows from the places that it tells of. Where the kernel has one, and software RAID, volumes are filled
//! through it and compared byte by byte. LUKS is compared by what it says of itself.

mod luks;
mod lvm;
mod md;
mod places;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vmie::io::ReadAt;
use vmie::volumes::VolumeGraph;

use super::compare::{limits, volume};
use super::mount::{Loop, image};
use super::populate::Random;
use crate::Result;
use crate::run::Tally;

const MIB: u64 = 1 << 20;
/// Bytes that say where they are.
const BLOCK: usize = 4096;

/// How much was compared.
#[derive(Default)]
struct Counts {
    groups: u64,
    volumes: u64,
    bytes: u64,
}

/// Goes through what this kernel can do, which has to be everything when it must map devices.
pub(crate) fn run(mapped: bool) -> Result<()> {
    let mut tally = Tally::default();
    let kernel = [lvm::DEVICE_MAPPER, "/sys/module/md_mod"];
    let missing = kernel.iter().find(|part| !Path::new(part).exists());
    if let Some(part) = missing.filter(|_| mapped) {
        return Err(format!("this kernel has no {part}").into());
    }
    let mut counts = Counts::default();
    let outcome = lvm::run(&mut tally, &mut counts);
    tally.attempt("lvm", outcome);
    println!(
        "lvm: {} groups, {} volumes, {} bytes compared",
        counts.groups, counts.volumes, counts.bytes
    );
    let mut counts = Counts::default();
    if Path::new("/sys/module/md_mod").exists() {
        let outcome = md::run(&mut tally, &mut counts);
        tally.attempt("md", outcome);
    }
    println!(
        "md: {} arrays by this kernel, {} bytes compared",
        counts.groups, counts.bytes
    );
    let mut counts = Counts::default();
    let outcome = luks::run(&mut tally, &mut counts);
    tally.attempt("luks", outcome);
    println!("luks: {} volumes by cryptsetup", counts.volumes);
    tally.finish("peers volumes")
}

/// Disks as files, each block of which says where it is.
struct Disks {
    images: Vec<PathBuf>,
    loops: Vec<Loop>,
}

impl Disks {
    fn new(folder: &Path, count: usize, mebibytes: u64) -> Result<Self> {
        let mut images = Vec::new();
        let mut loops = Vec::new();
        for disk in 0..count {
            let path = folder.join(format!("disk{disk}.img"));
            image(&path, mebibytes * MIB)?;
            let file = File::options().write(true).open(&path)?;
            for block in 0..mebibytes * MIB / BLOCK as u64 {
                file.write_all_at(&pattern(disk, block), block * BLOCK as u64)?;
            }
            loops.push(Loop::new(&path)?);
            images.push(path);
        }
        Ok(Self { images, loops })
    }

    fn devices(&self) -> Vec<&str> {
        self.loops.iter().map(|one| one.device.as_str()).collect()
    }

    /// What is on the disks but for the ones that are lost.
    fn read(&self, lost: &[usize]) -> Result<VolumeGraph> {
        for device in self.devices() {
            // What was written to the device is then in the file.
            File::open(device)?.sync_all()?;
        }
        let left = self.images.iter().enumerate();
        let left = left.filter(|(disk, _)| !lost.contains(disk));
        let disks = left
            .map(|(_, path)| volume(path))
            .collect::<Result<Vec<Arc<dyn ReadAt>>>>()?;
        Ok(VolumeGraph::read(&disks, &limits()))
    }
}

/// The start of a block of a disk.
fn pattern(disk: usize, block: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(disk as u64 + 1).to_le_bytes());
    bytes[8..].copy_from_slice(&block.to_le_bytes());
    bytes
}

/// Fills a device with what is found nowhere else.
fn fill(device: &str, len: u64, seed: u64) -> Result<()> {
    let file = File::options().write(true).open(device)?;
    let mut random = Random::new(seed);
    let mut at = 0;
    while at < len {
        let n = (len - at).min(MIB);
        let bytes = noise(&mut random, n);
        file.write_all_at(&bytes, at)?;
        at += n;
    }
    file.sync_all()?;
    Ok(())
}

/// Where what was filled in reads otherwise.
fn differs(source: &dyn ReadAt, len: u64, seed: u64) -> Result<Option<u64>> {
    let mut random = Random::new(seed);
    let mut at = 0;
    let mut read = vec![0; MIB as usize];
    while at < len {
        let n = (len - at).min(MIB);
        let part = &mut read[..n as usize];
        source.read_exact_at(part, at)?;
        if *part != noise(&mut random, n) {
            return Ok(Some(at));
        }
        at += n;
    }
    Ok(None)
}

/// The numbers of the disks whose devices are named.
fn disk_of(disks: &Disks, device: &str) -> Option<usize> {
    disks.devices().iter().position(|known| *known == device)
}

/// So many bytes, which are a multiple of eight.
fn noise(random: &mut Random, len: u64) -> Vec<u8> {
    (0..len / 8)
        .flat_map(|_| random.next().to_le_bytes())
        .collect()
}
