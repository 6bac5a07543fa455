//! Going through every path of a filesystem, and reading every file, beside the kernel and
//! dissect.target, whole processes in turn in one run. As root: images are loop-mounted.
//!
//! ```sh
//! cargo run --release -p vmie-benches --bin walk -- FOLDER --make       # ext4, XFS and Btrfs of this system's files
//! cargo run --release -p vmie-benches --bin walk -- FOLDER --dissect target-fs
//! cargo run --release -p vmie-benches --bin walk -- FOLDER --write docs/benchmarks.md
//! ```
//!
//! The page cache of the image is warm for everybody. The kernel mounts it anew before each run, so that it
//! has neither dentries nor inodes nor pages of its files.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark, run on its own machine's data"
)]

mod cost;
mod make;
mod read;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Parser, ValueEnum};

use cost::{Cost, Pair};
use make::{KINDS, Mounted};
use table::Line;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(about = "Walks by vmie, the kernel and dissect.target, in turn")]
struct Arguments {
    /// The folder with the images ext4.img, xfs.img and btrfs.img.
    folder: PathBuf,
    /// Make the images first.
    #[arg(long)]
    make: bool,
    /// How many pairs of each line.
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// The command target-fs of dissect.target, to compare with it, too.
    #[arg(long)]
    dissect: Option<PathBuf>,
    /// A program `vmie` that is built already; beside this one if not given.
    #[arg(long)]
    vmie: Option<PathBuf>,
    /// Judge by CPU seconds: for a machine that is busy with something else.
    #[arg(long)]
    cpu: bool,
    /// Put the table into this file, between its two marks.
    #[arg(long)]
    write: Option<PathBuf>,
    /// What a child of this program does.
    #[arg(long, hide = true)]
    child: Option<Child>,
}

/// What is measured in a process of its own.
#[derive(Clone, Copy, ValueEnum)]
enum Child {
    List,
    ReadImage,
    ReadFolder,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.child {
        Some(Child::List) => return read::list(&arguments.folder),
        Some(Child::ReadImage) => return read::image(&arguments.folder),
        Some(Child::ReadFolder) => return read::folder(&arguments.folder),
        None => {}
    }
    if arguments.make {
        return make::all(&arguments.folder);
    }
    let bench = Bench::new(&arguments)?;
    let mut lines = Vec::new();
    for kind in KINDS {
        lines.extend(bench.filesystem(kind)?);
    }
    let table = table::show(&lines, arguments.cpu, &bench.head()?)?;
    println!("\n{table}");
    if let Some(file) = &arguments.write {
        table::put(file, &table)?;
    }
    Ok(())
}

struct Bench<'a> {
    arguments: &'a Arguments,
    vmie: PathBuf,
    own: PathBuf,
}

impl<'a> Bench<'a> {
    fn new(arguments: &'a Arguments) -> Result<Self> {
        let own = std::env::current_exe()?;
        let beside = own.parent().ok_or("this program is in no folder")?;
        let vmie = arguments
            .vmie
            .clone()
            .unwrap_or_else(|| beside.join("vmie"));
        Ok(Self {
            arguments,
            vmie,
            own,
        })
    }

    fn head(&self) -> Result<String> {
        let date = Command::new("date").arg("+%F").output()?;
        let kernel = Command::new("uname").arg("-r").output()?;
        Ok(format!(
            "{}, {} cores, Linux {}, {} pairs; `vmie volumes` once.",
            String::from_utf8(date.stdout)?.trim(),
            std::thread::available_parallelism().map_or(1, usize::from),
            String::from_utf8(kernel.stdout)?.trim(),
            self.arguments.pairs
        ))
    }

    /// The lines of one filesystem.
    fn filesystem(&self, kind: &str) -> Result<Vec<Line>> {
        let image = self.arguments.folder.join(format!("{kind}.img"));
        let mount = Mounted::new(&image, kind, &self.arguments.folder.join("mnt"))?;
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let (image_text, at) = (path(&image), path(&mount.at));
        let child =
            |what: &str, on: &str| vec![path(&self.own), "--child".into(), what.into(), on.into()];
        let find = ["find", &at, "-xdev", "-printf", "%s %p\\n"]
            .map(str::to_owned)
            .to_vec();
        let ls = [
            &*path(&self.vmie),
            "ls",
            "-lR",
            "--volume",
            "disk0",
            "-f",
            "raw",
            &image_text,
            "/",
        ];
        let ls = ls.map(str::to_owned).to_vec();
        let volumes = [&*path(&self.vmie), "volumes", "-f", "raw", &image_text]
            .map(str::to_owned)
            .to_vec();
        let nothing = || Ok(());
        let anew = || mount.again(&image, kind);
        let run = |ours: &[String], peer: &[String], before: &dyn Fn() -> Result<()>| {
            Pair::run(self.arguments.pairs, ours, peer, &nothing, before)
        };
        make::warm(&image)?;
        let mut lines = vec![
            line(
                kind,
                "every path with its size, library",
                "find",
                0.5,
                run(&child("list", &image_text), &find, &anew)?,
            ),
            line(
                kind,
                "the same, `vmie ls -lR`",
                "find",
                0.5,
                run(&ls, &find, &anew)?,
            ),
            line(
                kind,
                "every file, library",
                "the kernel",
                0.7,
                run(
                    &child("read-image", &image_text),
                    &child("read-folder", &at),
                    &anew,
                )?,
            ),
        ];
        drop(mount);
        if let Some(dissect) = &self.arguments.dissect {
            let walk = [&*path(dissect), "-q", &image_text, "walk", "/*"]
                .map(str::to_owned)
                .to_vec();
            // Once is long enough.
            let pair = Pair {
                ours: vec![Cost::of(&ls)?],
                peer: vec![Cost::of(&walk)?],
            };
            lines.push(line(
                kind,
                "every path, `vmie ls -lR`",
                "`target-fs walk`",
                50.0,
                pair,
            ));
        }
        let once = Cost::of(&volumes)?;
        let pair = Pair {
            ours: vec![once; 1],
            peer: Vec::new(),
        };
        lines.push(line(kind, "`vmie volumes`", "10 ms", 1.0, pair));
        Ok(lines)
    }
}

fn line(kind: &str, work: &str, peer: &str, wanted: f64, pair: Pair) -> Line {
    let line = Line {
        kind: kind.to_owned(),
        work: work.to_owned(),
        peer: peer.to_owned(),
        wanted,
        pair,
    };
    println!("{line:?}");
    line
}
