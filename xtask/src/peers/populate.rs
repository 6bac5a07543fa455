//! Filling a mounted filesystem with everything that files can be.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FallocateFlags, FileType, Mode, XattrFlags};

use crate::Result;

/// Random numbers that are the same in every run (xorshift).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// Content of some length below `n`.
    pub(super) fn up_to(&mut self, n: u64) -> Vec<u8> {
        let len = self.below(n);
        self.content(len)
    }

    /// Bytes that compress well, badly or not at all.
    pub(super) fn content(&mut self, len: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len as usize);
        let kind = self.below(3);
        while (bytes.len() as u64) < len {
            let word = self.next();
            match kind {
                0 => bytes.extend_from_slice(format!("line {} of text\n", word % 100).as_bytes()),
                1 => bytes.extend_from_slice(&word.to_le_bytes()),
                _ => bytes.extend(std::iter::repeat_n(
                    word as u8,
                    (word >> 8) as usize % 900 + 1,
                )),
            }
        }
        bytes.truncate(len as usize);
        bytes
    }
}

/// How much to make.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// Regular files of random lengths.
    pub(super) files: u64,
    /// Entries of one directory.
    pub(super) many: u64,
    /// Directories inside of each other.
    pub(super) deep: u64,
    /// Whether the filesystem has extended attributes in the namespaces user, trusted, security.
    pub(super) attributes: bool,
    /// Whether to make a file of some TiB, all hole but for its ends.
    pub(super) huge: bool,
}

impl Plan {
    pub(super) fn small(seed: u64) -> Self {
        Self {
            seed,
            files: 250,
            many: 300,
            deep: 30,
            attributes: true,
            huge: true,
        }
    }

    /// More than twenty thousand files, most of them in one directory, and directories that are deep.
    pub(super) fn large() -> Self {
        Self {
            files: 5000,
            many: 100_000,
            deep: 400,
            ..Self::small(77)
        }
    }
}

/// Fills a folder.
pub(super) fn populate(root: &Path, plan: &Plan) -> Result<()> {
    let mut random = Random::new(plan.seed);
    files(root, plan, &mut random)?;
    many(root, plan)?;
    deep(root, plan)?;
    names(root)?;
    links(root)?;
    specials(root)?;
    sparse(root, plan, &mut random)?;
    if plan.attributes {
        attributes(root, &mut random)?;
    }
    churn(root, plan, &mut random)
}

fn files(root: &Path, plan: &Plan, random: &mut Random) -> Result<()> {
    let top = root.join("files");
    for i in 0..plan.files {
        let dir = top.join(format!("d{}", i % 23));
        fs::create_dir_all(&dir)?;
        let path = dir.join(format!("file {i}"));
        let len = match i % 5 {
            0 => random.below(200),
            1 => random.below(5000),
            2 => 4096 * random.below(5),
            3 => random.below(70_000),
            _ => random.below(400_000),
        };
        fs::write(&path, random.content(len))?;
        let mode = [0o644, 0o600, 0o755, 0o4755, 0o2750, 0o1777, 0o000][i as usize % 7];
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        let ids = [0, 1000, 65_534, 100_000, 4_000_000_000];
        let (uid, gid) = (ids[i as usize % 5], ids[i as usize % 3]);
        std::os::unix::fs::lchown(&path, Some(uid), Some(gid))?;
    }
    Ok(())
}

pub(super) fn many(root: &Path, plan: &Plan) -> Result<()> {
    let dir = root.join("many");
    fs::create_dir(&dir)?;
    for i in 0..plan.many {
        File::create(dir.join(format!("an entry among many, number {i}")))?;
    }
    // Holes in the order and in the blocks.
    for i in (0..plan.many).step_by(7) {
        fs::remove_file(dir.join(format!("an entry among many, number {i}")))?;
    }
    Ok(())
}

pub(super) fn deep(root: &Path, plan: &Plan) -> Result<()> {
    let mut dir = root.join("deep");
    for i in 0..plan.deep {
        fs::create_dir(&dir)?;
        fs::write(dir.join("here"), format!("{i}"))?;
        dir.push(format!("level{i}"));
    }
    Ok(())
}

fn names(root: &Path) -> Result<()> {
    let dir = root.join("names");
    fs::create_dir(&dir)?;
    let names: [&[u8]; 12] = [
        b"caf\xe9 \xff\xfe",
        "Grüße 日本語 🦀".as_bytes(),
        b"\x01\x02\n\t\x7f",
        b" leading and trailing ",
        b"-dash",
        b"back\\slash",
        b"quote'\"",
        b"...",
        b"a",
        b"\xf0\x28\x8c\x28",
        &[b'n'; 255],
        &[0xc3; 255],
    ];
    for (i, name) in names.into_iter().enumerate() {
        fs::write(dir.join(std::ffi::OsStr::from_bytes(name)), format!("{i}"))?;
    }
    Ok(())
}

fn links(root: &Path) -> Result<()> {
    let dir = root.join("links");
    fs::create_dir(&dir)?;
    fs::write(dir.join("one"), b"linked")?;
    for i in 0..120 {
        fs::hard_link(
            dir.join("one"),
            dir.join(format!("another name, and a long one, {i}")),
        )?;
    }
    for len in [1, 10, 59, 60, 61, 100, 150, 255, 1000, 1020] {
        symlink("t".repeat(len), dir.join(format!("symlink{len}")))?;
    }
    symlink("../../../../../etc/passwd", dir.join("escape"))?;
    symlink("loop", dir.join("loop"))?;
    Ok(())
}

fn specials(root: &Path) -> Result<()> {
    let dir = root.join("specials");
    fs::create_dir(&dir)?;
    for (name, kind, device) in [
        ("fifo", FileType::Fifo, 0),
        ("socket", FileType::Socket, 0),
        ("char", FileType::CharacterDevice, rustix::fs::makedev(1, 3)),
        (
            "block",
            FileType::BlockDevice,
            rustix::fs::makedev(259, 70_000),
        ),
    ] {
        rustix::fs::mknodat(
            CWD,
            dir.join(name),
            kind,
            Mode::from_raw_mode(0o640),
            device,
        )?;
    }
    let old = dir.join("old");
    File::create(&old)?;
    for (name, seconds) in [
        ("before 1970", -100_000_000_i64),
        ("2037", 2_140_000_000),
        ("past 31 bits", 3_000_000_000),
    ] {
        let path = dir.join(name);
        let file = File::create(&path)?;
        let at = std::time::UNIX_EPOCH;
        let time = if seconds < 0 {
            at - std::time::Duration::new(seconds.unsigned_abs(), 0)
        } else {
            at + std::time::Duration::new(seconds.unsigned_abs(), 123_456_789)
        };
        file.set_modified(time)?;
    }
    Ok(())
}

fn sparse(root: &Path, plan: &Plan, random: &mut Random) -> Result<()> {
    let dir = root.join("sparse");
    fs::create_dir(&dir)?;
    for i in 0..12u64 {
        let file = File::create(dir.join(format!("sparse{i}")))?;
        for _ in 0..random.below(20) {
            let len = 1 + random.below(9000);
            file.write_all_at(&random.content(len), random.below(3_000_000))?;
        }
        if i % 3 == 0 {
            file.set_len(5_000_000 + i)?;
        }
    }
    let file = File::create(dir.join("only a hole"))?;
    file.set_len(1_000_001)?;
    for i in 0..4u64 {
        let file = File::create(dir.join(format!("preallocated{i}")))?;
        let flags = [FallocateFlags::empty(), FallocateFlags::KEEP_SIZE][i as usize % 2];
        // Not every filesystem can.
        if rustix::fs::fallocate(&file, flags, 0, 300_000).is_ok() && i > 1 {
            file.write_all_at(&random.content(5000), 100_000)?;
        }
    }
    let punched = dir.join("punched");
    fs::write(&punched, random.content(500_000))?;
    let file = OpenOptions::new().write(true).open(&punched)?;
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    let _ = rustix::fs::fallocate(&file, punch, 100_000, 200_000);
    if plan.huge {
        let file = File::create(dir.join("huge"))?;
        file.write_all_at(b"start", 0)?;
        for shift in [31, 32, 35, 40] {
            if file.write_all_at(b"somewhere", (1 << shift) - 3).is_err() {
                break;
            }
        }
    }
    Ok(())
}

fn attributes(root: &Path, random: &mut Random) -> Result<()> {
    let dir = root.join("attributes");
    fs::create_dir(&dir)?;
    let set = |path: &Path, name: &str, value: &[u8]| {
        rustix::fs::lsetxattr(path, name, value, XattrFlags::empty())
    };
    for i in 0..30u64 {
        let path = dir.join(format!("file{i}"));
        fs::write(&path, random.up_to(100))?;
        for j in 0..i % 6 {
            let value = random.up_to(60);
            set(&path, &format!("user.number{j}"), &value)?;
        }
        if i % 4 == 0 {
            set(&path, "trusted.overlay.opaque", b"y")?;
            set(&path, "security.selinux", b"system_u:object_r:etc_t:s0\0")?;
        }
        if i % 9 == 0 {
            // Past what fits beside the inode.
            set(&path, "user.long", &random.content(700))?;
        }
    }
    set(&dir, "user.directory", b"")?;
    let link = dir.join("link");
    symlink("nowhere", &link)?;
    set(&link, "trusted.link", b"value")?;
    // An access list: user 1000 may read (version 2; entries of tag, permissions, id).
    let mut list = 2u32.to_le_bytes().to_vec();
    let nobody = u32::MAX;
    for (tag, permissions, id) in [
        (1u16, 6u16, nobody),
        (2, 4, 1000),
        (4, 4, nobody),
        (8, 5, 77),
        (0x10, 7, nobody),
        (0x20, 0, nobody),
    ] {
        list.extend_from_slice(&tag.to_le_bytes());
        list.extend_from_slice(&permissions.to_le_bytes());
        list.extend_from_slice(&id.to_le_bytes());
    }
    set(&dir.join("file1"), "system.posix_acl_access", &list)?;
    set(&dir, "system.posix_acl_default", &list)?;
    Ok(())
}

/// Files made, rewritten, shortened, renamed and removed in turn.
pub(super) fn churn(root: &Path, plan: &Plan, random: &mut Random) -> Result<()> {
    let dir = root.join("churn");
    fs::create_dir(&dir)?;
    let path = |i: u64| -> PathBuf { dir.join(format!("c{i}")) };
    for _ in 0..plan.files * 4 {
        let (one, other) = (path(random.below(97)), path(random.below(97)));
        match random.below(6) {
            0 | 1 => fs::write(&one, random.up_to(60_000))?,
            2 => {
                let mut file = OpenOptions::new().append(true).create(true).open(&one)?;
                file.write_all(&random.up_to(9000))?;
            }
            3 if one.exists() => {
                let file = OpenOptions::new().write(true).open(&one)?;
                file.set_len(random.below(50_000))?;
            }
            4 if one.exists() && one != other => fs::rename(&one, &other)?,
            5 if one.exists() => {
                let file = OpenOptions::new().write(true).open(&one)?;
                file.write_all_at(&random.up_to(5000), random.below(40_000))?;
                if random.below(3) == 0 {
                    file.sync_all()?;
                }
            }
            _ if one.exists() => fs::remove_file(&one)?,
            _ => {}
        }
    }
    Ok(())
}

/// Writes until the filesystem has no room.
pub(super) fn fill(root: &Path, random: &mut Random) -> Result<()> {
    let dir = root.join("full");
    fs::create_dir(&dir)?;
    for i in 0..100_000 {
        let len = 1000 + random.below(300_000);
        if fs::write(dir.join(format!("f{i}")), random.content(len)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Makes and changes files, with many calls of fsync, until told to stop: for crash images.
pub(super) fn busy(root: &Path, stop: &std::sync::atomic::AtomicBool, seed: u64) {
    let mut random = Random::new(seed);
    let dir = root.join(format!("busy{seed}"));
    let _ = fs::create_dir(&dir);
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        let path = dir.join(format!("b{}", random.below(300)));
        match random.below(8) {
            0..=3 => {
                if let Ok(mut file) = File::create(&path) {
                    let _ = file.write_all(&random.up_to(30_000));
                    if random.below(4) == 0 {
                        let _ = file.sync_all();
                    }
                }
            }
            4 => drop(fs::remove_file(&path)),
            5 => drop(fs::rename(
                &path,
                dir.join(format!("b{}", random.below(300))),
            )),
            6 => drop(fs::hard_link(
                &path,
                dir.join(format!("l{}", random.below(300))),
            )),
            _ => {
                let sub = dir.join(format!("d{}", random.below(30)));
                let _ = fs::create_dir(&sub);
                let _ = fs::write(sub.join("f"), random.content(300));
            }
        }
    }
}
