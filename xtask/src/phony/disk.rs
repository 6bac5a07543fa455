//! Disks with a partition table and filesystems that their own mkfs made and filled.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use vmie_testkit::linux::{Entry, Guest};
use vmie_testkit::table::{GptEntry, GptTable, MbrEntry, MbrTable, guid};
use vmie_testkit::windows;

use crate::Result;
use crate::run::{text, tool};

const MIB: u64 = 1 << 20;
const ESP: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
const DATA: &str = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7";

/// A Linux on a disk with an MBR, GRUB 2's boot code and one active partition.
pub(super) fn linux(guest: &Guest<'_>, folder: &Path, image: &Path) -> Result<()> {
    let tree = folder.join("tree");
    let volume = folder.join("volume");
    fs::create_dir(&tree)?;
    write_tree(&guest.entries(), &tree)?;
    let size = match guest.filesystem {
        "ext4" => 64 * MIB,
        "btrfs" => 256 * MIB,
        _ => 320 * MIB,
    };
    fs::File::create(&volume)?.set_len(size)?;
    let (at, from) = (text(&volume), text(&tree));
    match guest.filesystem {
        "ext4" => tool(
            "mke2fs",
            &["-q", "-t", "ext4", "-U", guest.uuid, "-d", from, at],
        ),
        "btrfs" => tool(
            "mkfs.btrfs",
            &["-q", "-f", "-U", guest.uuid, "--rootdir", from, at],
        ),
        "xfs" => {
            let prototype = folder.join("prototype");
            fs::write(&prototype, prototype_of(&tree)?)?;
            let uuid = format!("uuid={}", guest.uuid);
            tool(
                "mkfs.xfs",
                &["-q", "-f", "-m", &uuid, "-p", text(&prototype), at],
            )
        }
        other => return Err(format!("no way to make {other}").into()),
    }?;
    let mut code = vec![0; 0x18a];
    code[0] = 0xeb;
    code[0x180..].copy_from_slice(b"GRUB \0Geom");
    let mut table = MbrTable {
        signature: 0x1234_5678,
        code,
        ..MbrTable::default()
    };
    table.primary[0] = MbrEntry {
        flag: 0x80,
        ..MbrEntry::new(0x83, 2048, sectors(size))
    };
    let mut head = vec![0; 512];
    table.write(&mut head, 512);
    assemble(image, MIB + size + MIB, &[(0, head)], &[(MIB, &volume)])?;
    fs::remove_dir_all(&tree)?;
    Ok(())
}

/// A Windows: a boot volume and the system's, by an MBR for a BIOS or by a GPT for UEFI.
pub(crate) fn windows(guest: &windows::Guest, folder: &Path, image: &Path) -> Result<()> {
    let (first, second) = (folder.join("volume"), folder.join("volume2"));
    let sizes = [16 * MIB, 48 * MIB];
    let starts = [MIB, MIB + sizes[0]];
    let len = starts[1] + sizes[1] + MIB;
    fs::File::create(&first)?.set_len(sizes[0])?;
    fs::File::create(&second)?.set_len(sizes[1])?;
    if guest.uefi {
        tool("mkfs.vfat", &["-F", "16", text(&first)])?;
        fat(&guest.boot_files(), &first, folder)?;
    } else {
        ntfs(&guest.boot_files(), &first, folder)?;
    }
    ntfs(&guest.files(), &second, folder)?;
    let heads = if guest.uefi {
        gpt(len, starts, sizes)
    } else {
        mbr(starts, sizes)
    };
    assemble(
        image,
        len,
        &heads,
        &[(starts[0], &first), (starts[1], &second)],
    )
}

fn mbr(starts: [u64; 2], sizes: [u64; 2]) -> Vec<(u64, Vec<u8>)> {
    let mut table = MbrTable {
        signature: 0x1234_5678,
        code: vec![0x33, 0xc0, 0x8e, 0xd0],
        ..MbrTable::default()
    };
    for ((slot, start), size) in table.primary.iter_mut().zip(starts).zip(sizes) {
        *slot = MbrEntry::new(7, sectors(start), sectors(size));
    }
    table.primary[0].flag = 0x80;
    let mut head = vec![0; 512];
    table.write(&mut head, 512);
    vec![(0, head)]
}

fn gpt(len: u64, starts: [u64; 2], sizes: [u64; 2]) -> Vec<(u64, Vec<u8>)> {
    let entry = |number: usize, kind: &str| GptEntry {
        kind: guid(kind),
        guid: [u8::try_from(number + 1).unwrap_or(9); 16],
        first: starts[number] / 512,
        last: (starts[number] + sizes[number]) / 512 - 1,
        attributes: 0,
        name: String::new(),
    };
    let mut disk = vec![0; usize::try_from(len).unwrap_or(0)];
    GptTable::new(512, vec![entry(0, ESP), entry(1, DATA)]).write(&mut disk);
    let tail = disk.split_off(disk.len() - 64 * 512);
    let end = len - 64 * 512;
    disk.truncate(64 * 512);
    vec![(0, disk), (end, tail)]
}

fn sectors(bytes: u64) -> u32 {
    u32::try_from(bytes / 512).unwrap_or(u32::MAX)
}

/// Puts tables and volumes into their places; the volumes' files are gone afterwards.
fn assemble(
    image: &Path,
    len: u64,
    heads: &[(u64, Vec<u8>)],
    volumes: &[(u64, &Path)],
) -> Result<()> {
    use std::os::unix::fs::FileExt as _;
    let disk = fs::File::create(image)?;
    disk.set_len(len)?;
    for (at, bytes) in heads {
        disk.write_all_at(bytes, *at)?;
    }
    for (at, volume) in volumes {
        let (from, to) = (
            format!("if={}", volume.display()),
            format!("of={}", image.display()),
        );
        let seek = format!("seek={}", at / MIB);
        tool(
            "dd",
            &[
                &from,
                &to,
                "bs=1M",
                &seek,
                "conv=sparse,notrunc",
                "status=none",
            ],
        )?;
        fs::remove_file(volume)?;
    }
    Ok(())
}

fn write_tree(entries: &[Entry], root: &Path) -> Result<()> {
    for entry in entries {
        match entry {
            Entry::Directory(path) => fs::create_dir_all(inside(root, path))?,
            Entry::File(path, content) => fs::write(inside(root, path), content)?,
            Entry::Link(path, target) => std::os::unix::fs::symlink(target, inside(root, path))?,
        }
    }
    Ok(())
}

fn inside(root: &Path, path: &str) -> std::path::PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// The tree as mkfs.xfs takes it (`mkfs.xfs(8)`, option `-p`).
fn prototype_of(tree: &Path) -> Result<String> {
    let mut text = String::from("/\n0 0\nd--755 0 0\n");
    prototype_folder(tree, &mut text)?;
    text.push_str("$\n");
    Ok(text)
}

fn prototype_folder(folder: &Path, out: &mut String) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            writeln!(out, "{name} d--755 0 0")?;
            prototype_folder(&path, out)?;
            out.push_str("$\n");
        } else if kind.is_symlink() {
            writeln!(out, "{name} l--777 0 0 {}", fs::read_link(&path)?.display())?;
        } else {
            writeln!(out, "{name} ---644 0 0 {}", path.display())?;
        }
    }
    Ok(())
}

fn ntfs(files: &[(String, Vec<u8>)], volume: &Path, folder: &Path) -> Result<()> {
    tool("mkntfs", &["-Q", "-q", "-F", text(volume)])?;
    if files.is_empty() {
        return Ok(());
    }
    let at = folder.join("mount");
    fs::create_dir_all(&at)?;
    tool("ntfs-3g", &[text(volume), text(&at)])?;
    let written = write_files(files, &at);
    tool("umount", &[text(&at)])?;
    written
}

fn fat(files: &[(String, Vec<u8>)], volume: &Path, folder: &Path) -> Result<()> {
    let tree = folder.join("esp");
    fs::create_dir(&tree)?;
    write_files(files, &tree)?;
    for entry in fs::read_dir(&tree)? {
        tool(
            "mcopy",
            &["-s", "-i", text(volume), text(&entry?.path()), "::/"],
        )?;
    }
    fs::remove_dir_all(&tree)?;
    Ok(())
}

fn write_files(files: &[(String, Vec<u8>)], root: &Path) -> Result<()> {
    for (path, content) in files {
        let path = inside(root, path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)?;
    }
    Ok(())
}
