//! Images: what they are, and what they are written as.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{FormatName, Opening, Output};
use crate::size;

#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    /// The image; `-` is standard input, read once from end to end
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct MapArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Which disk of an appliance, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) disk: usize,
    /// The image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
}

/// How a disk is written to a file.
#[derive(Args, Debug)]
pub(crate) struct Written {
    /// The format to write
    #[arg(short = 'O', value_name = "FMT", ignore_case = true)]
    pub(crate) output_format: FormatName,
    /// Which kind of the format: fixed or dynamic (vhd, vhdx), streamOptimized or monolithicSparse
    /// (vmdk)
    #[arg(long, value_name = "S")]
    pub(crate) subformat: Option<String>,
    /// How hard to compress, from 1 (fastest) to 12 (smallest)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=12))]
    pub(crate) level: Option<u8>,
    /// End only when the file is on stable storage
    #[arg(long)]
    pub(crate) sync: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) written: Written,
    /// Which disk of an appliance, from 0
    #[arg(long, value_name = "N")]
    pub(crate) disk: Option<usize>,
    /// Tell the SHA-256 of the disk, and of the file where it is written from front to back
    #[arg(long)]
    pub(crate) digest: bool,
    /// Do not compare an appliance with the digests of its manifest
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// What the addresses in an import manifest (-O manifest) begin with; --subformat says of which
    /// format the parts are: raw, vhd, or vmdk, which they are if it is not given
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// What becomes of zeroes in a raw disk or fixed VHD
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = ZeroesName::Omit)]
    pub(crate) zeroes: ZeroesName,
    #[command(flatten)]
    pub(crate) made: Made,
    /// The image to read; `-` is standard input, of which a raw disk is made in one pass
    #[arg(value_name = "SRC")]
    pub(crate) source: PathBuf,
    /// The file to write, which must not exist, or a block device; `-` is standard output
    #[arg(value_name = "DST")]
    pub(crate) target: PathBuf,
}

/// What goes into the image besides the disk.
#[derive(Args, Debug)]
pub(crate) struct Made {
    /// The adapter that a VMDK or OVA says its disk hangs on
    #[arg(long, value_name = "NAME", value_parser = ["lsilogic", "buslogic", "ide", "pvscsi"])]
    pub(crate) adapter: Option<String>,
    /// The version of VMware's virtual hardware that a VMDK or OVA is for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(4..=99))]
    pub(crate) hardware_version: Option<u32>,
    /// The name of the machine in an OVA; that of the target if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The processors of the machine in an OVA
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) cpus: u32,
    /// The memory of the machine in an OVA, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(4..))]
    pub(crate) memory: u32,
    /// The machine in an OVA boots by UEFI
    #[arg(long)]
    pub(crate) uefi: bool,
}

/// What becomes of zeroes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ZeroesName {
    /// They are holes in the file
    Omit,
    /// They are written, so that the file has its place
    Write,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Look at tables and checksums only, and do not read what the disk holds
    #[arg(long)]
    pub(crate) quick: bool,
    /// The image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) output: Output,
    /// The folder of the image store
    #[arg(long, value_name = "DIR")]
    pub(crate) store: PathBuf,
    #[command(flatten)]
    pub(crate) written: Written,
    /// Which disk of the image, from 0; needed when it has several
    #[arg(long, value_name = "N")]
    pub(crate) disk: Option<usize>,
    #[command(flatten)]
    pub(crate) made: Made,
    /// The image or snapshot of the store: ami-… or snap-…
    #[arg(value_name = "IMAGE-ID")]
    pub(crate) image: String,
    /// The file to write, which must not exist
    #[arg(value_name = "DST")]
    pub(crate) target: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Disks of different lengths are different, even when the longer goes on with zeroes
    #[arg(short = 's', long)]
    pub(crate) strict: bool,
    /// Take the second image to be of this format; -f is then for the first alone
    #[arg(short = 'F', long, value_name = "FMT", ignore_case = true)]
    pub(crate) second_format: Option<FormatName>,
    /// An image
    #[arg(value_name = "A")]
    pub(crate) first: PathBuf,
    /// Another
    #[arg(value_name = "B")]
    pub(crate) second: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    pub(crate) output: Output,
    /// The format to write
    #[arg(short = 'O', value_name = "FMT", ignore_case = true)]
    pub(crate) output_format: FormatName,
    /// Which kind of the format
    #[arg(long, value_name = "S")]
    pub(crate) subformat: Option<String>,
    /// The file to write, which must not exist
    #[arg(value_name = "DST")]
    pub(crate) target: PathBuf,
    /// Bytes of the disk, with K, M, G or T
    #[arg(value_name = "SIZE", value_parser = size::parse)]
    pub(crate) size: u64,
}
