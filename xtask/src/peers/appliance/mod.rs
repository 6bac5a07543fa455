//! Checks that want another kernel's filesystems and volume managers (`cargo xtask peers appliance`).
//!
//! A libguestfs appliance is a small Linux under qemu with every filesystem, a device-mapper and software RAID,
//! and with jfsutils, lvm2, mdadm and ldmtool. This very program is carried into it on a disk and runs there as
//! root what it would run here: JFS filled and read beside the kernel, volume groups and arrays that the kernel
//! maps, dynamic disks beside ldmtool.

mod ldm;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::mount::image;
use crate::Result;
use crate::run::{Tally, text, tool};

pub(crate) use self::ldm::run as dynamic;

#[derive(clap::Args)]
pub(crate) struct Appliance {
    /// Which (jfs, volumes, ldm); all when none is named.
    only: Vec<String>,
    /// The command that starts guestfish. It may be a script that enters another root, if this program and
    /// the folder for temporary files are found there under the same paths.
    #[arg(long, default_value = "guestfish")]
    guestfish: String,
    /// A folder with images of dynamic disks (*.img, *.img.zst), which ldm wants.
    #[arg(long)]
    dynamic: Option<PathBuf>,
    /// Less of each.
    #[arg(long)]
    quick: bool,
    /// Of jfs, only parts whose name holds this word.
    #[arg(long)]
    part: Option<String>,
}

/// What is run inside: a name, and the arguments to this program; `DISKS` are the dynamic disks.
const PARTS: &[(&str, &str)] = &[
    ("jfs", "peers fs jfs"),
    ("volumes", "peers volumes --mapped"),
    ("ldm", "peers dynamic DISKS"),
];

/// MiB of the disk that all images inside are made on, sparse.
const SCRATCH: u64 = 16 << 10;
/// MiB of the appliance's memory.
const MEMORY: &str = "1536";

pub(crate) fn run(arguments: &Appliance) -> Result<()> {
    for name in &arguments.only {
        if !PARTS.iter().any(|(known, _)| known == name) {
            return Err(format!("there is no part {name}").into());
        }
    }
    let parts: Vec<_> = PARTS
        .iter()
        .filter(|(name, _)| arguments.only.is_empty() || arguments.only.iter().any(|n| n == name))
        .collect();
    let folder = tempfile::tempdir()?;
    let mut disks = Vec::new();
    if parts.iter().any(|(name, _)| *name == "ldm") {
        let from = arguments.dynamic.as_deref();
        disks = unpack(from.ok_or("ldm wants --dynamic FOLDER")?, folder.path())?;
    }
    let mut tally = Tally::default();
    for (name, command) in parts {
        let start = std::time::Instant::now();
        let mut command = (*command).to_owned();
        if arguments.quick && *name == "jfs" {
            command.push_str(" --quick");
        }
        if let Some(part) = arguments.part.as_ref().filter(|_| *name == "jfs") {
            command.push_str(&format!(" --part {part}"));
        }
        let outcome = inside(&arguments.guestfish, &command, &disks, folder.path());
        println!("{name}: {:.0?} in the appliance", start.elapsed());
        tally.attempt(name, outcome);
    }
    tally.finish("peers appliance")
}

/// The images of a folder, unpacked, in the order of their names.
fn unpack(from: &Path, to: &Path) -> Result<Vec<PathBuf>> {
    let mut images = Vec::new();
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(name) = name.strip_suffix(".zst").filter(|n| n.ends_with(".img")) {
            let target = to.join(name);
            tool(
                "zstd",
                &["-q", "-d", "--sparse", "-o", text(&target), text(&path)],
            )?;
            images.push(target);
        } else if name.ends_with(".img") {
            images.push(path);
        }
    }
    images.sort();
    if images.is_empty() {
        return Err(format!("{} has no images", from.display()).into());
    }
    Ok(images)
}

/// Runs one command of this program in an appliance of its own and prints what it says.
fn inside(guestfish: &str, command: &str, disks: &[PathBuf], folder: &Path) -> Result<()> {
    let (tools, scratch) = (folder.join("tools.tar"), folder.join("scratch.img"));
    let named = labels(disks.len());
    let devices: Vec<String> = named
        .iter()
        .map(|label| format!("/dev/disk/guestfs/{label}"))
        .collect();
    carry(
        &tools,
        &command.replace("DISKS", &devices.join(" ")),
        folder,
    )?;
    // A new one each time, so that nothing of the last is on it.
    image(&scratch, SCRATCH << 20)?;
    let mut lines = vec![
        format!(
            "add-drive {} readonly:true format:raw label:tools",
            text(&tools)
        ),
        format!("add-drive {} format:raw label:scratch", text(&scratch)),
    ];
    for (disk, label) in disks.iter().zip(&named) {
        lines.push(format!(
            "add-drive {} readonly:true format:raw label:{label}",
            text(disk)
        ));
    }
    lines.push("run".into());
    lines.push(
        "debug sh \"mkdir /tmp/tools; tar -xf /dev/disk/guestfs/tools -C /tmp/tools; \
         sh /tmp/tools/run.sh >/tmp/tools/log 2>&1; echo ended with $? >>/tmp/tools/log\""
            .into(),
    );
    // What it says has to fit into one message.
    lines.push("debug sh \"tail -c 3000000 /tmp/tools/log\"".into());
    let said = converse(guestfish, &lines.join("\n"))?;
    let said = said.trim_end();
    println!("{said}");
    fs::remove_file(&scratch)?;
    if said.lines().last() == Some("ended with 0") {
        Ok(())
    } else {
        Err("it did not end well in the appliance".into())
    }
}

/// Labels of letters only: dynamica, dynamicb …
fn labels(count: usize) -> Vec<String> {
    ('a'..='z')
        .take(count)
        .map(|letter| format!("dynamic{letter}"))
        .collect()
}

/// Puts this program, and the script that runs it, on a disk: an archive.
fn carry(archive: &Path, command: &str, folder: &Path) -> Result<()> {
    let carried = folder.join("carried");
    fs::create_dir_all(&carried)?;
    fs::copy(std::env::current_exe()?, carried.join("xtask"))?;
    // Without udev: what it did when a device appears, such as putting an array together, would come in
    // between.
    let script = format!(
        "set -e\nudevadm settle || true\nudevadm control --exit || true\n\
         modprobe -a loop dm_mod md_mod jfs btrfs\n\
         mkfs.ext4 -q -F /dev/disk/guestfs/scratch\nmkdir /scratch\n\
         mount /dev/disk/guestfs/scratch /scratch\n\
         export TMPDIR=/scratch DM_DISABLE_UDEV=1 LC_ALL=C.UTF-8 HOME=/scratch\n\
         cd /scratch\n/tmp/tools/xtask {command}\n"
    );
    fs::write(carried.join("run.sh"), script)?;
    tool("tar", &["-C", text(&carried), "-cf", text(archive), "."])?;
    Ok(())
}

/// What guestfish prints, told these commands.
fn converse(guestfish: &str, commands: &str) -> Result<String> {
    let mut start = Command::new(guestfish);
    if std::env::var_os("LIBGUESTFS_MEMSIZE").is_none() {
        start.env("LIBGUESTFS_MEMSIZE", MEMORY);
    }
    let mut child = start
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| {
            format!("{guestfish} cannot be run ({error}): install libguestfs-tools")
        })?;
    let mut stdin = child.stdin.take().ok_or("there is no pipe")?;
    stdin.write_all(commands.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        return Err(format!("{guestfish}: {}\n{said}", output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
