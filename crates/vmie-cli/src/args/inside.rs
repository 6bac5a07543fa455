//! What is inside: volumes, and the tree of the guest.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Opening, Output};

/// The images whose disks together are one guest.
#[derive(Args, Debug)]
pub(crate) struct Images {
    /// Images whose disks together are one guest, the disk it boots from first
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct VolumesArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) images: Images,
}

/// Where in the guest to look.
#[derive(Args, Debug)]
pub(crate) struct Inside {
    /// Look into one volume instead of the guest's own tree: disk0p1, vg0/root … (see 'vmie volumes')
    #[arg(long, value_name = "ID")]
    pub(crate) volume: Option<String>,
    /// Further disks of the same guest
    #[arg(long = "with", value_name = "IMAGE")]
    pub(crate) with: Vec<PathBuf>,
    /// The image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Show kind, permissions, owner, size and time of change
    #[arg(short = 'l', long)]
    pub(crate) long: bool,
    /// List the folders below, too
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) inside: Inside,
    /// The file or folder
    #[arg(value_name = "PATH", default_value = "/")]
    pub(crate) path: OsString,
}

#[derive(Args, Debug)]
pub(crate) struct CatArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) inside: Inside,
    /// The files
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(crate) struct FindArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Only files whose name matches: '*.conf', 'vmlinuz-?', '[a-c]*'
    #[arg(long, value_name = "PATTERN")]
    pub(crate) name: Option<OsString>,
    /// Only files of this kind: f file, d folder, l symbolic link
    #[arg(long = "type", value_name = "KIND")]
    pub(crate) kind: Option<KindName>,
    #[command(flatten)]
    pub(crate) inside: Inside,
    /// The folder
    #[arg(value_name = "PATH", default_value = "/")]
    pub(crate) path: OsString,
}

/// Kinds of files by the letters that `find` has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindName {
    F,
    D,
    L,
}

#[derive(Args, Debug)]
pub(crate) struct ExtractArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    /// The folder on this machine to write into; made when it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) inside: Inside,
    /// The file or folder in the guest
    #[arg(value_name = "PATH")]
    pub(crate) path: OsString,
}
