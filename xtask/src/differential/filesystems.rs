//! Filesystems by mkfs.*, probed and read by us.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::run::{Tally, json, sha256_of, text, tool};

/// Kinds of ext filesystems: options of mke2fs.
const EXT: [(&str, &[&str]); 9] = [
    ("ext2-1k", &["-t", "ext2", "-b", "1024"]),
    ("ext2-4k", &["-t", "ext2", "-b", "4096"]),
    ("ext3-1k", &["-t", "ext3", "-b", "1024"]),
    ("ext4-1k", &["-t", "ext4", "-b", "1024"]),
    ("ext4-4k", &["-t", "ext4", "-b", "4096"]),
    (
        "ext4-no-csum",
        &["-t", "ext4", "-O", "^metadata_csum,^64bit"],
    ),
    ("ext4-no-extents", &["-t", "ext4", "-O", "^extent,^64bit"]),
    (
        "ext4-small-inodes",
        &["-t", "ext4", "-I", "128", "-O", "^extra_isize"],
    ),
    ("ext4-no-journal", &["-t", "ext4", "-O", "^has_journal"]),
];

/// Filesystems that are only probed: the command that makes one, without the path.
const PROBED: [(&str, &[&str]); 7] = [
    ("xfs", &["mkfs.xfs", "-q", "-f", "-L", "label"]),
    ("btrfs", &["mkfs.btrfs", "-q", "-f", "-L", "label"]),
    ("jfs", &["mkfs.jfs", "-q", "-L", "label"]),
    ("ntfs", &["mkfs.ntfs", "-q", "-F", "-f", "-L", "label"]),
    ("swap", &["mkswap", "-q", "-L", "label"]),
    (
        "luks1",
        &[
            "cryptsetup",
            "luksFormat",
            "-q",
            "--type",
            "luks1",
            "--pbkdf-force-iterations",
            "1000",
            "--key-file",
            "/dev/zero",
            "--keyfile-size",
            "32",
        ],
    ),
    (
        "luks2",
        &[
            "cryptsetup",
            "luksFormat",
            "-q",
            "--type",
            "luks2",
            "--pbkdf",
            "pbkdf2",
            "--pbkdf-force-iterations",
            "1000",
            "--key-file",
            "/dev/zero",
            "--keyfile-size",
            "32",
        ],
    ),
];

pub(super) fn run(vmie: &Path, folder: &Path, tally: &mut Tally) -> Result<()> {
    let tree = folder.join("tree");
    grow_tree(&tree)?;
    for (name, options) in EXT {
        let image = folder.join(name);
        File::create(&image)?.set_len(96 << 20)?;
        let mut arguments = vec!["-q", "-F", "-L", "label", "-d", text(&tree)];
        arguments.extend_from_slice(options);
        arguments.push(text(&image));
        tool("mke2fs", &arguments)?;
        probe(vmie, &image, name, tally)?;
        compare_tree(vmie, &image, &tree, name, tally)?;
        fs::remove_file(&image)?;
    }
    for bits in ["12", "16", "32"] {
        let image = folder.join(format!("fat{bits}"));
        let size: u64 = if bits == "12" { 4 << 20 } else { 64 << 20 };
        File::create(&image)?.set_len(size)?;
        tool("mkfs.vfat", &["-F", bits, "-n", "LABEL", text(&image)])?;
        fat_files(&image, folder)?;
        probe(vmie, &image, &format!("fat{bits}"), tally)?;
        compare_fat(vmie, &image, &format!("fat{bits}"), tally)?;
    }
    for (name, command) in PROBED {
        let image = folder.join(name);
        File::create(&image)?.set_len(320 << 20)?;
        let mut arguments = command[1..].to_vec();
        arguments.push(text(&image));
        tool(command[0], &arguments)?;
        probe(vmie, &image, name, tally)?;
        fs::remove_file(&image)?;
    }
    Ok(())
}

/// Type, UUID and label as blkid sees them.
fn probe(vmie: &Path, image: &Path, what: &str, tally: &mut Tally) -> Result<()> {
    let theirs: BTreeMap<String, String> = tool("blkid", &["-p", "-o", "export", text(image)])?
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.replace('\\', "")))
        .collect();
    let (document, _) = json(vmie, &["volumes", "--json", "-f", "raw", text(image)])?;
    let volume = &document["disks"][0]["volumes"][0];
    for (key, other) in [("filesystem", "TYPE"), ("uuid", "UUID"), ("label", "LABEL")] {
        tally.same(
            &format!("{what}: {key}"),
            volume[key].as_str().unwrap_or_default(),
            theirs.get(other).map_or("", String::as_str),
        );
    }
    Ok(())
}

fn grow_tree(root: &Path) -> Result<()> {
    for folder in [
        "etc",
        "boot/grub",
        "usr/lib/deep/er/and/deep/er",
        "many",
        "names",
    ] {
        fs::create_dir_all(root.join(folder))?;
    }
    for (i, size) in [
        0usize, 1, 59, 60, 61, 1023, 1024, 4097, 65_536, 300_001, 5_000_000,
    ]
    .iter()
    .enumerate()
    {
        let bytes: Vec<u8> = (0..*size).map(|n| ((n * 7 + i) % 251) as u8).collect();
        fs::write(root.join(format!("boot/file{i}")), bytes)?;
    }
    let sparse = File::create(root.join("usr/lib/sparse"))?;
    sparse.set_len(20 << 20)?;
    sparse.write_all_at(b"in the middle", 9 << 20)?;
    for i in 0..700 {
        fs::write(
            root.join(format!("many/a-rather-long-name-of-a-small-file-{i}")),
            [b'x'; 3],
        )?;
    }
    fs::write(root.join("usr/lib/deep/er/and/deep/er/leaf"), "leaf")?;
    fs::write(root.join("names/ünïcödé"), "u")?;
    symlink("../usr/lib/deep", root.join("etc/short"))?;
    symlink(
        "/usr/lib/".to_owned() + &"x".repeat(100),
        root.join("etc/long"),
    )?;
    Ok(())
}

fn compare_tree(
    vmie: &Path,
    image: &Path,
    tree: &Path,
    what: &str,
    tally: &mut Tally,
) -> Result<()> {
    let (document, code) = json(
        vmie,
        &[
            "ls",
            "--json",
            "-lR",
            "-f",
            "raw",
            "--volume",
            "disk0",
            text(image),
            "/",
        ],
    )?;
    tally.same(&format!("{what}: ls exit"), code, 0);
    let mut ours = BTreeMap::new();
    for entry in document["entries"].as_array().into_iter().flatten() {
        let path = entry["path"].as_str().unwrap_or_default().to_owned();
        if path != "/" && !path.starts_with("/lost+found") {
            ours.insert(path, entry.clone());
        }
    }
    let mut theirs = BTreeMap::new();
    walk(tree, tree, &mut theirs)?;
    let (mine, other): (Vec<_>, Vec<_>) = (ours.keys().collect(), theirs.keys().collect());
    tally.same(&format!("{what}: names"), mine, other);
    for (path, metadata) in &theirs {
        let Some(entry) = ours.get(path) else {
            continue;
        };
        if metadata.is_symlink() {
            let target = fs::read_link(tree.join(&path[1..]))?;
            tally.same(
                &format!("{what}: {path} target"),
                entry["target"].as_str(),
                target.to_str(),
            );
            continue;
        }
        let mode = u64::from(metadata.mode() & 0o7777);
        tally.same(
            &format!("{what}: {path} mode"),
            entry["mode"].as_u64(),
            Some(mode),
        );
        if metadata.is_file() {
            tally.same(
                &format!("{what}: {path} size"),
                entry["size"].as_u64(),
                Some(metadata.len()),
            );
            if !path.starts_with("/many/") || path.ends_with('7') {
                let bytes = cat(vmie, image, path)?;
                let reference = fs::read(tree.join(&path[1..]))?;
                tally.same(
                    &format!("{what}: {path}"),
                    sha256_of(&bytes),
                    sha256_of(&reference),
                );
            }
        }
    }
    Ok(())
}

fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, fs::Metadata>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let metadata = path.symlink_metadata()?;
        let name = format!("/{}", text(path.strip_prefix(root)?));
        if metadata.is_dir() {
            walk(root, &path, found)?;
        }
        found.insert(name, metadata);
    }
    Ok(())
}

fn cat(vmie: &Path, image: &Path, path: &str) -> Result<Vec<u8>> {
    let output = Command::new(vmie)
        .args(["cat", "-f", "raw", "--volume", "disk0", text(image), path])
        .output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!("cat {path}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Names and contents that go into the FAT images.
fn fat_content() -> Vec<(&'static str, Vec<u8>)> {
    let long = (0..700_000u32).map(|n| (n % 253) as u8).collect();
    vec![
        ("EFI/BOOT/BOOTX64.EFI", b"MZ fallback".to_vec()),
        ("EFI/debian/grubx64.efi", long),
        (
            "A Long Name with Spaces and.many.dots.txt",
            b"long".to_vec(),
        ),
        ("lower.txt", b"lower".to_vec()),
        ("empty", Vec::new()),
    ]
}

fn fat_files(image: &Path, folder: &Path) -> Result<()> {
    for path in ["::/EFI", "::/EFI/BOOT", "::/EFI/debian"] {
        tool("mmd", &["-i", text(image), path])?;
    }
    for (name, bytes) in fat_content() {
        let file = folder.join("fat-content");
        fs::write(&file, bytes)?;
        tool(
            "mcopy",
            &["-i", text(image), text(&file), &format!("::/{name}")],
        )?;
    }
    Ok(())
}

fn compare_fat(vmie: &Path, image: &Path, what: &str, tally: &mut Tally) -> Result<()> {
    let (document, _) = json(
        vmie,
        &[
            "ls",
            "--json",
            "-lR",
            "-f",
            "raw",
            "--volume",
            "disk0",
            text(image),
            "/",
        ],
    )?;
    let entries = document["entries"].as_array().cloned().unwrap_or_default();
    for (name, bytes) in fat_content() {
        let path = format!("/{name}");
        let entry = entries.iter().find(|entry| entry["path"] == path.as_str());
        let size = entry.and_then(|entry| entry["size"].as_u64());
        tally.same(
            &format!("{what}: {path} size"),
            size,
            Some(bytes.len() as u64),
        );
        let ours = cat(vmie, image, &path.to_lowercase())?;
        tally.same(
            &format!("{what}: {path}"),
            sha256_of(&ours),
            sha256_of(&bytes),
        );
    }
    Ok(())
}
