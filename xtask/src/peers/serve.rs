//! The service over HTTP, driven by boto3 and the AWS CLI as they come from the package index.

use std::fs;
use std::path::{Path, PathBuf};

use vmie_testkit::hive::HiveBuilder;
use vmie_testkit::lvm::{PvImage, group, striped, volume};
use vmie_testkit::table::{MbrEntry, MbrTable};
use vmie_testkit::windows;

use super::python::{drive, python_with};
use crate::Result;
use crate::phony::disk;
use crate::run::{Program, demo_guest, text};

/// What the service is driven with. As root: ntfs-3g mounts.
#[derive(clap::Args)]
pub(crate) struct Serve {
    /// The Python interpreter; without boto3 and awscli it makes an environment with them in target/.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Small disks, and the AWS CLI in the script's own process.
    #[arg(long)]
    quick: bool,
    /// How many times the server is killed at a random moment while tasks come in.
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// A folder with the guide's digest (service.md, examples.md): the tables of its examples and
    /// errors are compared with it.
    #[arg(long)]
    digest: Option<PathBuf>,
    #[command(flatten)]
    program: Program,
}

pub(crate) fn run(arguments: &Serve) -> Result<()> {
    let python = python_with(&arguments.python, &["boto3", "awscli"])?;
    let vmie = arguments.program.path()?;
    let folder = tempfile::tempdir()?;
    guests(folder.path())?;
    let (guest, kills) = (demo_guest(), arguments.kills.to_string());
    let mode = if arguments.quick { "quick" } else { "all" };
    let mut given = vec![text(&vmie), text(&guest), text(folder.path()), mode, &kills];
    given.extend(arguments.digest.as_deref().map(text));
    drive(&python, "serve.py", &given)
}

/// Guests that only the testkit makes: a Windows Server, one that is a Hyper-V host, and a disk that
/// is half of a volume group.
fn guests(folder: &Path) -> Result<()> {
    let server = windows::Guest::new(windows::of("Windows Server 2019"), "Standard");
    disk::windows(&server, folder, &folder.join("windows-server.raw"))?;
    let mut host = server;
    let service = format!("{}\\Services\\vmms", windows::CONTROL_SET);
    host.system = HiveBuilder::new().number(&service, "Start", 2);
    disk::windows(&host, folder, &folder.join("windows-hyper-v.raw"))?;
    fs::write(folder.join("half-a-group.raw"), half_a_group())?;
    Ok(())
}

/// A physical volume in a partition to boot from, whose group has another one elsewhere.
fn half_a_group() -> Vec<u8> {
    const START: usize = 1 << 20;
    const EXTENTS: u32 = 32;
    let uuids = ["A".repeat(32), "B".repeat(32)];
    let uuids = [uuids[0].as_str(), uuids[1].as_str()];
    let root = volume("root", &[striped(0, 8, 0, &[("pv0", 0), ("pv1", 0)])]);
    let text = group("system", 3, &uuids, EXTENTS, &root);
    let mut disk = vec![0; START + (1 << 20)];
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
        ..MbrEntry::new(0x8e, 2048, 2048)
    };
    table.write(&mut disk, 512);
    PvImage::new(uuids[0], &text).write(&mut disk[START..]);
    disk
}
