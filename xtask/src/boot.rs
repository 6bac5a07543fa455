//! From an OVA to a login prompt.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Result;
use crate::run::{build_vmie, json, sha256, text, tool};

pub(crate) fn run(ova: &Path, timeout: u64) -> Result<()> {
    let vmie = build_vmie()?;
    let scratch = tempfile::tempdir_in(ova.parent().unwrap_or(Path::new(".")))?;
    let store = scratch.path().join("store");
    let start = Instant::now();
    let (document, code) = json(
        &vmie,
        &["import", "--json", "--store", text(&store), text(ova)],
    )?;
    println!("import: exit {code} after {:?}", start.elapsed());
    let snapshot = &document["snapshots"][0];
    let disk = snapshot["path"]
        .as_str()
        .ok_or_else(|| format!("no snapshot: {document}"))?
        .to_owned();

    let members = tool("tar", &["-tf", text(ova)])?;
    let vmdk = members
        .lines()
        .find(|name| name.ends_with(".vmdk"))
        .ok_or("no VMDK in the OVA")?;
    tool("tar", &["-C", text(scratch.path()), "-xf", text(ova), vmdk])?;
    let reference = scratch.path().join("reference.raw");
    let vmdk = scratch.path().join(vmdk);
    tool(
        "qemu-img",
        &[
            "convert",
            "-f",
            "vmdk",
            "-O",
            "raw",
            text(&vmdk),
            text(&reference),
        ],
    )?;
    tool("cmp", &[&disk, text(&reference)])?;
    if snapshot["sha256"] != sha256(&reference)? {
        return Err("the digest in the document is not the disk's".into());
    }
    println!("identical to what qemu-img makes of the VMDK");
    fs::remove_file(&reference)?;
    let timeout = Duration::from_secs(timeout);
    login(Path::new(&disk), "raw", timeout)?;
    for (format, driver) in [("vmdk", "vmdk"), ("vhd", "vpc"), ("vhdx", "vhdx")] {
        let exported = scratch.path().join(format!("exported.{format}"));
        let to = ["convert", "-f", "raw", "-O", format];
        tool(text(&vmie), &[&to[..], &[&disk, text(&exported)]].concat())?;
        login(&exported, driver, timeout)?;
        fs::remove_file(&exported)?;
    }
    again(&vmie, Path::new(&disk), scratch.path(), snapshot)
}

/// Exports a disk as an OVA and imports that: it is the same disk.
fn again(vmie: &Path, disk: &Path, scratch: &Path, snapshot: &Value) -> Result<()> {
    let (ova, store) = (scratch.join("again.ova"), scratch.join("again"));
    let to = ["convert", "-f", "raw", "-O", "ova"];
    tool(text(vmie), &[&to[..], &[text(disk), text(&ova)]].concat())?;
    let import = ["import", "--json", "--store", text(&store), text(&ova)];
    let (document, code) = json(vmie, &import)?;
    let found = &document["snapshots"][0]["sha256"];
    if code != 0 || *found != snapshot["sha256"] || !found.is_string() {
        return Err(format!("the exported OVA: exit {code}: {document}").into());
    }
    println!("exported as an OVA and imported again: the same disk");
    Ok(())
}

/// Boots a disk, never writing to it, until its serial console asks for a login.
fn login(disk: &Path, driver: &str, timeout: Duration) -> Result<()> {
    let drive = format!("file={},format={driver},if=virtio,snapshot=on", text(disk));
    let mut child = Command::new("qemu-system-x86_64")
        .args([
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
            "-m",
            "1024",
            "-smp",
            "2",
        ])
        .args([
            "-display",
            "none",
            "-serial",
            "stdio",
            "-monitor",
            "none",
            "-no-reboot",
        ])
        .args(["-nic", "user,model=virtio,restrict=on", "-drive", &drive])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("qemu-system-x86_64 cannot be run ({error}): install it"))?;
    let mut console = child.stdout.take().ok_or("no console")?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buf = [0; 4096];
        while let Ok(n) = console.read(&mut buf) {
            if n == 0 || sender.send(buf[..n].to_vec()).is_err() {
                break;
            }
        }
    });
    let start = Instant::now();
    let mut log = Vec::new();
    let prompt = loop {
        let Some(left) = timeout.checked_sub(start.elapsed()) else {
            break false;
        };
        match receiver.recv_timeout(left) {
            Ok(bytes) => log.extend(bytes),
            Err(_) => break false,
        }
        if log.windows(7).any(|window| window == b" login:") {
            break true;
        }
    };
    child.kill()?;
    child.wait()?;
    if prompt {
        println!(
            "boot as {driver}: 1 passed, 0 failed; login prompt after {:?}",
            start.elapsed()
        );
        return Ok(());
    }
    let path = std::env::temp_dir().join("vmie-boot.log");
    File::create(&path)?.write_all(&log)?;
    Err(format!(
        "no login prompt in {timeout:?}; the console is in {}",
        path.display()
    )
    .into())
}
