//! What firmware can start.

use vmie_fs::{FileKind, Filesystem, GuestPath};
use vmie_volumes::{BootCode, DiskLayout, TableKind, VolumeId};

use super::volumes::GuestVolume;
use crate::{Boot, BootMode, Disk, Esp, Evidence, Fact};

/// Folders of an EFI system partition, and programs in all of them, that are listed.
const MAX_FOLDERS: usize = 64;
const MAX_LOADERS: usize = 256;
/// The program that firmware starts when it was told nothing (SVC-BOOT-4), on x86_64
/// ([UEFI 2.10, 3.5.1.1](https://uefi.org/specs/UEFI/2.10/03_Boot_Manager.html#removable-media-boot-behavior)).
const FALLBACK: &str = "/EFI/BOOT/BOOTX64.EFI";
/// The folder of Windows, whose boot manager is in `Boot` below it.
const MICROSOFT: &str = "/EFI/Microsoft";

pub(super) fn boot(disks: &[Disk], volumes: &[GuestVolume<'_>]) -> Boot {
    let mut modes = Vec::new();
    let mut evidence = Vec::new();
    let mut unknown = Vec::new();
    let mut bios_disk = None;
    for disk in disks {
        match disk.layout.get() {
            Some(layout) => {
                let (startable, seen) = by_bios(disk.index, layout);
                evidence.extend(seen);
                if startable && bios_disk.is_none() {
                    bios_disk = Some(disk.index);
                    modes.push(BootMode::LegacyBios);
                }
            }
            None => unknown.extend(disk.layout.why().map(str::to_owned)),
        }
    }
    let esps: Vec<Esp> = volumes
        .iter()
        .filter(|volume| volume.partition.as_ref().is_some_and(|p| p.is_esp()))
        .map(esp)
        .collect();
    for esp in &esps {
        match esp.loaders.get() {
            Some(loaders) if loaders.is_empty() => {
                let says = "an EFI system partition without programs";
                evidence.push(Evidence::new(says).on(&esp.volume));
            }
            Some(_) => {
                evidence.extend(esp.loaders.evidence().iter().cloned());
                if !modes.contains(&BootMode::Uefi) {
                    modes.push(BootMode::Uefi);
                }
            }
            None => unknown.extend(esp.loaders.why().map(str::to_owned)),
        }
    }
    let modes = match unknown.into_iter().next() {
        Some(why) if modes.is_empty() => Fact::unknown(why, evidence),
        _ => Fact::known(modes, evidence),
    };
    Boot {
        modes,
        bios_disk,
        esps,
    }
}

/// Whether a BIOS would get anywhere with the disk's first sector.
fn by_bios(index: u32, layout: &DiskLayout) -> (bool, Option<Evidence>) {
    let disk = VolumeId::disk(index);
    let active = layout.partitions.iter().find(|p| p.bootable);
    let code = layout.boot_code;
    let says = match (code, active) {
        // A bootable partition is what the service asks for (SVC-BOOT-7); that the first sector would
        // not start it is for the judge to say.
        (BootCode::Empty, Some(partition)) => format!(
            "partition {} is active, and there is no boot code",
            partition.number
        ),
        (BootCode::Empty, None) => return (false, None),
        // These find their own way from the first sector on.
        (BootCode::Grub2 | BootCode::GrubLegacy | BootCode::Lilo, _) => {
            let place = if layout.table == TableKind::Gpt && layout.has_bios_boot_partition() {
                ", and a BIOS boot partition for its core"
            } else {
                ""
            };
            format!("boot code of {}{place}", code.name())
        }
        // A whole-disk filesystem's own boot sector.
        (BootCode::Syslinux, _) if layout.table == TableKind::None => {
            "boot code of syslinux".to_owned()
        }
        // These start the active partition.
        (_, Some(partition)) => format!(
            "boot code ({}), and partition {} is active",
            code.name(),
            partition.number
        ),
        (_, None) => {
            let says = format!("boot code ({}), and no partition is active", code.name());
            return (false, Some(Evidence::new(says).on(&disk).offset(0)));
        }
    };
    (true, Some(Evidence::new(says).on(&disk).offset(0)))
}

fn esp(volume: &GuestVolume<'_>) -> Esp {
    let unknown = |why: String| {
        let evidence = vec![Evidence::new(why.clone()).on(&volume.id)];
        Esp {
            volume: volume.id.clone(),
            loaders: Fact::unknown(why.clone(), evidence.clone()),
            fallback: Fact::unknown(why, evidence),
        }
    };
    if !volume.is_fat() {
        // Nothing known is on it: firmware finds nothing there, either.
        if matches!(volume.identity, Ok(None)) {
            return listed(volume, Vec::new());
        }
        return unknown(format!("the EFI system partition {} is not FAT", volume.id));
    }
    let files = match volume.files() {
        Ok(files) => files,
        Err(why) => {
            return unknown(format!(
                "the EFI system partition {} could not be read: {why}",
                volume.id
            ));
        }
    };
    match loaders(&*files) {
        Ok(found) => listed(volume, found),
        Err(error) => unknown(format!(
            "the EFI system partition {} could not be read: {}",
            volume.id,
            super::volumes::clause(&error)
        )),
    }
}

fn listed(volume: &GuestVolume<'_>, found: Vec<String>) -> Esp {
    let on = |path: &String| {
        Evidence::new("a program for UEFI")
            .on(&volume.id)
            .path(path.clone())
    };
    let fallback = found
        .iter()
        .find(|path| path.eq_ignore_ascii_case(FALLBACK));
    let evidence = match fallback {
        Some(path) => vec![on(path)],
        None => vec![
            Evidence::new("it is not there")
                .on(&volume.id)
                .path(FALLBACK),
        ],
    };
    Esp {
        volume: volume.id.clone(),
        fallback: Fact::known(fallback.is_some(), evidence),
        loaders: Fact::known(found.clone(), found.iter().map(on).collect()),
    }
}

/// The programs in the folders of `\EFI`.
fn loaders(files: &dyn Filesystem) -> Result<Vec<String>, vmie_fs::Error> {
    let mut found = Vec::new();
    for efi in folders(files, &GuestPath::root())? {
        if !efi.to_string_lossy().eq_ignore_ascii_case("/EFI") {
            continue;
        }
        let mut vendors = folders(files, &efi)?;
        vendors.truncate(MAX_FOLDERS);
        // Windows keeps its own one folder further down.
        let microsoft = |at: &GuestPath| at.to_string_lossy().eq_ignore_ascii_case(MICROSOFT);
        if let Some(microsoft) = vendors.iter().find(|at| microsoft(at)).cloned() {
            vendors.extend(folders(files, &microsoft)?.into_iter().take(MAX_FOLDERS));
        }
        for vendor in vendors {
            for entry in files.read_dir(&vendor)? {
                let name = entry.name.to_ascii_lowercase();
                if name.ends_with(b".efi") && found.len() < MAX_LOADERS {
                    found.push(vendor.join(&entry.name).to_string_lossy());
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

fn folders(files: &dyn Filesystem, at: &GuestPath) -> Result<Vec<GuestPath>, vmie_fs::Error> {
    let entries = files.read_dir(at)?;
    Ok(entries
        .into_iter()
        .filter(|entry| entry.kind == FileKind::Directory)
        .map(|entry| at.join(&entry.name))
        .collect())
}
