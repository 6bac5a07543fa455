//! Checks that need outside tools or folders of images: `cargo xtask <command>`.
//!
//! They run the command `vmie` as a stranger would and compare what it says with the reference
//! tool. Each fails when a tool or a folder that it needs is missing; none skips anything.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a developer's tool, run on its own checkout"
)]

mod boot;
mod convert;
mod corpus;
mod differential;
mod guests;
mod kill;
mod peers;
mod phony;
mod points;
mod rules;
mod run;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(
    name = "xtask",
    about = "Checks of vmie against other tools and real images"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make images with the reference tools (qemu-img, sfdisk, mkfs.*) and compare what vmie reads.
    Differential,
    /// Read every image of a corpus (a folder with INDEX.tsv) within bounds of time and memory, and
    /// compare disks with qemu-img where it can read them.
    Corpus {
        /// The folder that holds INDEX.tsv.
        folder: PathBuf,
    },
    /// Compare what vmie says of guests (a folder with MANIFEST.tsv and *.raw or *.raw.zst) with
    /// the manifest; on the OVA and the stream-optimized VMDK of the same disk it must say the same.
    Guests(guests::Guests),
    /// Phony guests of every row of the matrix as disks made by mkfs: recognised, judged in both modes, and
    /// each report as its published schema says.
    Phony(phony::Phony),
    /// Compare what vmie reads with a second reader of the same.
    Peers {
        #[command(subcommand)]
        what: Peers,
    },
    /// Compare the data of vmie-rules with the text of the guide's digest.
    Rules {
        /// The digest, in Markdown.
        file: PathBuf,
    },
    /// Write docs/points.md: each point of the service, its tests and its code. Fails when a point
    /// of systems, boot modes, volumes, limits, configuration, tasks, permissions, licensing, errors,
    /// manifests or observed behaviour has no test of its name, or no code.
    Points {
        /// Write nothing; say what the file names that is there no more.
        #[arg(long)]
        check: bool,
    },
    /// Kill an import with SIGKILL at random moments, start it again, and compare what it ends with.
    Kill {
        /// The image to import, a large one.
        image: PathBuf,
        /// How many times to kill.
        #[arg(long, default_value_t = 10)]
        times: u32,
        /// The seed of the random moments.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Make conversions go wrong (full disk, no permission, closed pipe, signals, kills): each says what
    /// it is, leaves nothing, and goes on after a kill. As root: a tmpfs is mounted.
    Faults(convert::faults::Faults),
    /// Import an OVA, compare the disk with what qemu-img makes of the same VMDK, and boot it under
    /// qemu to a login prompt.
    Boot {
        /// The appliance to import.
        ova: PathBuf,
        /// Seconds that the boot may take.
        #[arg(long, default_value_t = 600)]
        timeout: u64,
    },
}

#[derive(Subcommand)]
enum Peers {
    /// Conversions from every kind of image to every other, beside qemu-img, dissect.hypervisor, tar and
    /// an XML parser.
    Convert(convert::pairs::Pairs),
    /// Disks in every variant of every format that qemu-img writes: kind, size, bytes and extents as it
    /// reads them.
    Formats(peers::formats::Formats),
    /// Requests that botocore serializes, read by vmie-ec2, and replies of vmie-ec2, parsed by botocore.
    Ec2(peers::ec2::Ec2),
    /// The service over HTTP, driven through the guide's examples by boto3 and the AWS CLI; then it is
    /// killed under work.
    Serve(peers::serve::Serve),
    /// The state that servers and workers share, in a PostgreSQL that is started for it: its tests, then
    /// two servers and three workers that are killed and paused under tasks.
    Shared(peers::shared::Shared),
    /// The service's page in a headless Chromium: a task watched to its end, a refused image's findings read.
    Page(peers::page::Page),
    /// The official SDK for Rust as a client of the service: imports, pages, a cancel, an export, errors. Heavy to build.
    Sdk(peers::sdk::Sdk),
    /// Imports from and exports to buckets at an endpoint that speaks S3, kills in the middle, requests counted.
    Stores(peers::stores::Stores),
    /// What this machine's kernel cannot mount or map, in a libguestfs appliance: JFS beside the kernel, LVM2
    /// and software RAID by their bytes, dynamic disks beside ldmtool. As root.
    Appliance(peers::appliance::Appliance),
    /// Dynamic disks beside ldmtool and the device-mapper; run in the appliance.
    #[command(hide = true)]
    Dynamic {
        /// The disks of the groups.
        disks: Vec<PathBuf>,
    },
    /// Every filesystem on the images of folders, walked twice and compared with the kernel, ntfs-3g and
    /// mtools. As root.
    Walks(peers::walks::Walks),
    /// Filesystems made by their own mkfs and filled through the kernel, path by path, attribute by
    /// attribute and byte by byte. As root: images are loop-mounted.
    Fs {
        /// Which (btrfs, ext, fat, jfs, ntfs, xfs); all but jfs when none is named.
        only: Vec<String>,
        /// Only the first two ways to make each, and nothing large, full or crashed.
        #[arg(long)]
        quick: bool,
        /// Only parts whose name holds this text.
        #[arg(long)]
        part: Option<String>,
    },
    /// Registry hives of a folder, plain or packed, with their transaction logs: every key and value as
    /// dissect.regf, regipy and hivexget read them, and the system that they tell of.
    Hives(peers::hives::Hives),
    /// Volume groups and arrays made by lvm2 and mdadm: what they are, where their bytes are, and, where
    /// the kernel has a device-mapper and software RAID, the bytes. As root: loop devices are used.
    Volumes {
        /// Fail when the kernel has no device-mapper or no software RAID.
        #[arg(long)]
        mapped: bool,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Differential => differential::run(),
        Command::Corpus { folder } => corpus::run(&folder),
        Command::Guests(arguments) => guests::run(&arguments),
        Command::Phony(arguments) => phony::run(&arguments),
        Command::Faults(arguments) => convert::faults::run(&arguments),
        Command::Peers {
            what: Peers::Convert(arguments),
        } => convert::pairs::run(&arguments),
        Command::Peers {
            what: Peers::Formats(arguments),
        } => peers::formats::run(&arguments),
        Command::Peers {
            what: Peers::Ec2(arguments),
        } => peers::ec2::run(&arguments),
        Command::Peers {
            what: Peers::Serve(arguments),
        } => peers::serve::run(&arguments),
        Command::Peers {
            what: Peers::Shared(arguments),
        } => peers::shared::run(&arguments),
        Command::Peers {
            what: Peers::Page(arguments),
        } => peers::page::run(&arguments),
        Command::Peers {
            what: Peers::Sdk(arguments),
        } => peers::sdk::run(&arguments),
        Command::Peers {
            what: Peers::Stores(arguments),
        } => peers::stores::run(&arguments),
        Command::Peers {
            what: Peers::Hives(arguments),
        } => peers::hives::run(&arguments),
        Command::Peers {
            what: Peers::Fs { only, quick, part },
        } => peers::fs(&only, quick, part.as_deref()),
        Command::Peers {
            what: Peers::Volumes { mapped },
        } => peers::volumes::run(mapped),
        Command::Peers {
            what: Peers::Appliance(arguments),
        } => peers::appliance::run(&arguments),
        Command::Peers {
            what: Peers::Dynamic { disks },
        } => peers::appliance::dynamic(&disks),
        Command::Peers {
            what: Peers::Walks(arguments),
        } => peers::walks::run(&arguments),
        Command::Rules { file } => rules::run(&file),
        Command::Points { check } => points::run(check),
        Command::Kill { image, times, seed } => kill::run(&image, times, seed),
        Command::Boot { ova, timeout } => boot::run(&ova, timeout),
    }
}
