//! The command `vmie` against the peers that are installed, whole processes in one run.
//!
//! The image is `VMIE_BENCH_IMAGE` (a raw disk, a VMDK or an OVA) or the demo appliance. Peers:
//! `target-query` (dissect.target), `virt-inspector` (libguestfs), `qemu-img`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::path::Path;
use std::process::Command;

use vmie_benches::{image, pair};

fn main() {
    let vmie = build();
    let image = image();
    let scratch = tempfile::tempdir().unwrap();
    println!("image: {}", image.display());
    let preflight = || {
        let mut command = Command::new(&vmie);
        command.args(["preflight", "--json"]).arg(&image);
        command
    };
    let disk = unpacked(&image, scratch.path());
    pair(
        "preflight",
        &preflight,
        "target-query",
        &|| {
            let mut command = Command::new("target-query");
            command
                .args(["-q", "-f", "os,version,hostname,architecture"])
                .arg(&disk);
            command
        },
        5,
    );
    if std::env::var_os("VMIE_BENCH_INSPECTOR").is_some() {
        pair(
            "preflight",
            &preflight,
            "virt-inspector",
            &|| {
                let mut command = Command::new("virt-inspector");
                command.arg("--no-icon").arg("-a").arg(&disk);
                command
            },
            1,
        );
    }
    let store = scratch.path().join("store");
    let raw = scratch.path().join("peer.raw");
    pair(
        "import",
        &|| {
            let _ = std::fs::remove_dir_all(&store);
            let mut command = Command::new(&vmie);
            command
                .args(["import", "--json", "--store"])
                .arg(&store)
                .arg(&image);
            command
        },
        "qemu-img convert",
        &|| {
            let _ = std::fs::remove_file(&raw);
            let mut command = Command::new("qemu-img");
            command
                .args(["convert", "-m", "16", "-W", "-O", "raw"])
                .arg(&disk)
                .arg(&raw);
            command
        },
        5,
    );
}

fn build() -> std::path::PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "-q", "-p", "vmie-cli"])
        .status()
        .unwrap();
    assert!(status.success(), "vmie does not build");
    // This program is in target/release/deps.
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().join("vmie")
}

/// The disk inside an OVA, since the peers read disks: taken out once, outside of what is timed.
fn unpacked(image: &Path, scratch: &Path) -> std::path::PathBuf {
    if image.extension().is_none_or(|extension| extension != "ova") {
        return image.to_owned();
    }
    let list = Command::new("tar").arg("-tf").arg(image).output().unwrap();
    let names = String::from_utf8(list.stdout).unwrap();
    let name = names.lines().find(|name| name.ends_with(".vmdk")).unwrap();
    let status = Command::new("tar")
        .arg("-C")
        .arg(scratch)
        .arg("-xf")
        .arg(image)
        .arg(name)
        .status();
    assert!(status.unwrap().success(), "tar cannot unpack it");
    scratch.join(name)
}
