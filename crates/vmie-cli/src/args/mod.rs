//! The command line.

mod guest;
mod image;
mod inside;
mod service;

pub(crate) use guest::*;
pub(crate) use image::*;
pub(crate) use inside::*;
pub(crate) use service::*;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Looks into virtual machine images, says whether they import and why not, and imports them.
#[derive(Debug, Parser)]
#[command(
    name = "vmie",
    version,
    max_term_width = 100,
    propagate_version = true,
    disable_help_subcommand = false,
    after_help = "Results go to standard output, notes and progress to standard error. With --json, the\n\
                  output is one JSON document. Exit codes: 0 done or accepted, 1 failed or refused,\n\
                  2 the image cannot be read, 3 undetermined, 64 the command line makes no sense."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Says what an image is: format, sizes, disks, and what the service would say of it
    #[command(after_help = "Example:\n  vmie info appliance.ova")]
    Info(InfoArgs),
    /// Says which parts of a disk hold data
    #[command(after_help = "Example:\n  vmie map --json disk.vmdk")]
    Map(MapArgs),
    /// Writes a disk as an image of another format
    #[command(
        after_help = "Examples:\n  vmie convert -O vmdk disk.raw disk.vmdk\n  vmie convert -O vhd --subformat fixed appliance.ova disk.vhd\n  vmie convert -O raw disk.vmdk - | sha256sum\n\n\
                      Exit codes: 0 done, 1 failed, 64 the command line makes no sense. The target appears when it is\n\
                      whole, or not at all; a block device is written in place. A conversion that was killed goes on\n\
                      when the same command is given again. The digests of an appliance are verified."
    )]
    Convert(ConvertArgs),
    //Check(CheckArgs),
    /// Looks for damage in an image: blocks that overlap or are lost, wrong checksums and counts
    #[command(
        after_help = "Exit codes, those of 'qemu-img check': 0 sound, 1 the check could not be completed, 2 damaged,\n3 sound, but parts of the file belong to nothing, 63 the format holds nothing to check."
    )]
    Check(CheckArgs),
    /// Compares what two images hold
    #[command(after_help = "Exit codes: 0 the same, 1 different, 2 unreadable.")]
    Compare(CompareArgs),
    /// Makes an image of an empty disk
    #[command(after_help = "Example:\n  vmie create -O vhdx disk.vhdx 20G")]
    Create(CreateArgs),
    /// Lists the partitions and filesystems of disks
    #[command(after_help = "Example:\n  vmie volumes appliance.ova")]
    Volumes(VolumesArgs),
    /// Lists files inside a guest
    #[command(
        after_help = "Examples:\n  vmie ls -l appliance.ova /boot\n  vmie ls --volume disk0p1 disk.raw /EFI"
    )]
    Ls(LsArgs),
    /// Writes files inside a guest to standard output
    #[command(after_help = "Example:\n  vmie cat appliance.ova /etc/os-release")]
    Cat(CatArgs),
    /// Lists the files below a folder of a guest
    #[command(
        after_help = "Examples:\n  vmie find appliance.ova /etc --name '*.conf'\n  vmie find --type f --volume vg0/home disk.raw"
    )]
    Find(FindArgs),
    /// Copies files out of a guest into a folder
    #[command(
        after_help = "Example:\n  vmie extract appliance.ova /etc --to /tmp/guest\n\nNothing is written outside of the \
                      folder, and no file that is there is overwritten."
    )]
    Extract(ExtractArgs),
    /// Says what the guest is: system, kernels, boot loader, mounts
    #[command(after_help = "Example:\n  vmie inspect root.vmdk data.vmdk")]
    Inspect(InspectArgs),
    /// Says whether a guest would import, and why not
    #[command(
        after_help = "Examples:\n  vmie preflight appliance.ova\n  vmie preflight --mode strict --edition 2025 disk.raw\n\n\
                      Exit codes: 0 accepted, 1 refused, 3 undetermined, 2 unreadable."
    )]
    Preflight(PreflightArgs),
    /// Imports a guest into an image store
    #[command(
        after_help = "Example:\n  vmie import --store /srv/images appliance.ova\n\n\
                      An import that was interrupted goes on when the same command is given again."
    )]
    Import(ImportArgs),
    /// Writes the disks of an image of a store as files of another format
    #[command(
        after_help = "Example:\n  vmie export --store /srv/images ami-0123456789abcdef0 -O ova web.ova\n\n\
                      What is written has been compared with the digest that the store keeps."
    )]
    Export(ExportArgs),
    /// Lists or cancels the tasks of an image store
    #[command(
        after_help = "Examples:\n  vmie tasks --store /srv/images\n  vmie tasks --store /srv/images cancel import-ami-0123456789abcdef0"
    )]
    Tasks(TasksArgs),
    /// Runs the service over HTTP: the AWS CLI and boto3 import and export with it
    #[command(
        after_help = "Example:\n  vmie serve --demo --data /tmp/vmie\n\nEverything that is kept is in the data folder. SIGTERM and \
                      SIGINT end it; tasks go on with the next start.\nExit codes: 0 stopped, 1 failed, 2 the state is damaged."
    )]
    Serve(ServeArgs),
    /// Does the work of servers that share a state
    #[command(
        after_help = "Example:\n  vmie worker --state postgres://vmie@db/vmie --data /mnt/vmie\n\nSIGTERM and SIGINT end it; \
                      other workers go on with what it was at.\nExit codes: 0 stopped, 1 failed."
    )]
    Worker(WorkerArgs),
    /// Prints the policies and the bucket ACL that imports and exports need
    #[command(
        after_help = "Examples:\n  vmie iam trust-policy > trust-policy.json\n  \
                      vmie iam role-policy --import-bucket images --export-bucket exports > role-policy.json"
    )]
    Iam(IamArgs),
}

/// What every command has that opens images.
#[derive(Args, Debug)]
pub(crate) struct Opening {
    /// Take the images to be of this format instead of finding out
    #[arg(short = 'f', long = "format", value_name = "FMT", ignore_case = true)]
    pub(crate) format: Option<FormatName>,
    /// Open the files that an image names (parents, extents) when they lie in this folder;
    /// without it, none is opened
    #[arg(long, value_name = "DIR")]
    pub(crate) allow_references: Option<PathBuf>,
}

/// Formats by the names that the command line knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    Raw,
    Vhd,
    Vhdx,
    Vmdk,
    Ova,
    Qcow2,
    Vdi,
    /// An import manifest and its parts
    Manifest,
}

/// How the result is written.
#[derive(Args, Debug)]
pub(crate) struct Output {
    /// Write the result as one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::service::tag;
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn tags_are_split_at_the_first_equals_sign() {
        assert_eq!(tag("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(tag("a="), Ok(("a".into(), String::new())));
        assert!(tag("=b").is_err() && tag("a").is_err());
    }
}
