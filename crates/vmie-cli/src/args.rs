//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use vmie::rules::Date;
use vmie::rules::guest::{BootMode, Platform};
use vmie::rules::license::LicenseType;

use crate::size;

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

#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) images: Images,
}

/// What an import request may say.
#[derive(Args, Debug)]
pub(crate) struct Request {
    /// How closely the guest has to match the list of supported systems
    #[arg(long, value_enum, default_value_t = ModeName::Practical)]
    pub(crate) mode: ModeName,
    /// Which edition of the list of supported systems
    #[arg(long, value_enum, default_value_t = EditionName::E2026)]
    pub(crate) edition: EditionName,
    /// Judge as of this day instead of today
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) as_of: Option<Date>,
    /// The Region to judge for: eu-central-1
    #[arg(long, value_name = "REGION", value_parser = region)]
    pub(crate) region: Option<String>,
    /// Whose license the guest runs on: AWS or BYOL
    #[arg(long, value_name = "TYPE")]
    pub(crate) license_type: Option<LicenseType>,
    /// The firmware to boot with: legacy-bios, uefi or uefi-preferred
    #[arg(long, value_name = "MODE")]
    pub(crate) boot_mode: Option<BootMode>,
}

fn region(text: &str) -> Result<String, String> {
    match vmie::rules::region::region(text) {
        Some(region) => Ok(region.code.to_owned()),
        None => Err("there is no such Region".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeName {
    /// The list to the letter
    Strict,
    /// The same system and major release, the same kernel series
    Practical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EditionName {
    /// The edition of 2025
    #[value(name = "2025")]
    E2025,
    /// The edition of 2026
    #[value(name = "2026")]
    E2026,
}

#[derive(Args, Debug)]
pub(crate) struct PreflightArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) request: Request,
    /// Write the report to a file, too, as one page of HTML with the disks drawn
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) images: Images,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    /// The folder of the image store; made when it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) store: PathBuf,
    #[command(flatten)]
    pub(crate) request: Request,
    /// The usage operation, in place of the license type: RunInstances
    #[arg(long, value_name = "OPERATION", conflicts_with = "license_type")]
    pub(crate) usage_operation: Option<String>,
    /// The platform: Windows or Linux
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<Platform>,
    /// The architecture: x86_64 or i386
    #[arg(long, value_name = "ARCH", value_parser = ["x86_64", "i386"])]
    pub(crate) architecture: Option<String>,
    /// A description of the image
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// A tag of the task and its image
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    pub(crate) tags: Vec<(String, String)>,
    /// Import a guest, too, of which it cannot be found out whether it is supported
    #[arg(long)]
    pub(crate) allow_undetermined: bool,
    /// Make a snapshot of one disk as it is, without looking for a guest in it
    #[arg(long, conflicts_with_all = ["allow_undetermined", "platform", "architecture"])]
    pub(crate) snapshot: bool,
    /// Read the images no faster than this, for a disk or network that others need, too: 20M
    #[arg(long, value_name = "BYTES/S", value_parser = size::parse)]
    pub(crate) read_rate: Option<u64>,
    #[command(flatten)]
    pub(crate) images: Images,
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a tag is written KEY=VALUE".to_owned()),
    }
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = false)]
pub(crate) struct TasksArgs {
    /// The folder of the image store
    #[arg(long, value_name = "DIR")]
    pub(crate) store: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(subcommand)]
    pub(crate) action: Option<TaskAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TaskAction {
    /// Lists the tasks
    List,
    /// Cancels a task that has not ended
    Cancel {
        /// The task
        #[arg(value_name = "TASK-ID")]
        task: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// The folder of everything that is kept
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8774")]
    pub(crate) listen: std::net::SocketAddr,
    /// The folder whose folders are the buckets; without it, `buckets` in the data folder
    #[arg(long, value_name = "DIR")]
    pub(crate) buckets: Option<PathBuf>,
    /// The world that requests are judged in; without it, every bucket, role and key that is named
    /// is there
    #[arg(long, value_name = "FILE", conflicts_with = "demo")]
    pub(crate) world: Option<PathBuf>,
    /// The access keys that may sign; without it, `access-keys.toml` in the data folder, which is
    /// made when it is not there
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// The account of the access key that is made
    #[arg(long, value_name = "ACCOUNT", default_value = "111122223333")]
    pub(crate) account: String,
    /// A world, buckets and a small guest to try the service with
    #[arg(long)]
    pub(crate) demo: bool,
    /// The certificate chain to speak TLS with, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Another name by which the page is asked for
    #[arg(long = "name", value_name = "HOST")]
    pub(crate) names: Vec<String>,
    /// How many disks are converted at a time
    #[arg(long, value_name = "N", default_value = "2")]
    pub(crate) conversions: std::num::NonZeroUsize,
    /// Import guests of which it could not be found out whether they are supported
    #[arg(long)]
    pub(crate) allow_undetermined: bool,
    /// The data folder is encrypted by what is below it: encrypted imports are taken
    #[arg(long)]
    pub(crate) encrypted_at_rest: bool,
    /// Seconds between two looks at the upload of a conversion task
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    pub(crate) upload_poll: u64,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
pub(crate) struct IamArgs {
    #[command(subcommand)]
    pub(crate) document: IamDocument,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IamDocument {
    /// Who may take the service role on: the service, with its external id
    TrustPolicy {
        /// Only for tasks of this account
        #[arg(long, value_name = "ACCOUNT", value_parser = account)]
        source_account: Option<String>,
        /// Only for tasks whose ARN fits this pattern; with an account, all of its tasks if not given
        #[arg(long, value_name = "ARN")]
        source_arn: Option<String>,
    },
    /// What the service role may do
    RolePolicy {
        /// A bucket to import from
        #[arg(long = "import-bucket", value_name = "BUCKET", value_parser = bucket)]
        import_buckets: Vec<String>,
        /// A bucket to export to
        #[arg(long = "export-bucket", value_name = "BUCKET", value_parser = bucket)]
        export_buckets: Vec<String>,
        /// A key for encrypted imports: its ARN, or *
        #[arg(long = "kms-key", value_name = "ARN")]
        keys: Vec<String>,
        /// Allow license configurations, too
        #[arg(long)]
        licenses: bool,
    },
    /// What whoever calls for imports and exports may do
    UserPolicy {
        /// A bucket to import from or to export to
        #[arg(long = "bucket", value_name = "BUCKET", value_parser = bucket)]
        buckets: Vec<String>,
    },
    /// The statement to add to the policy of a key that sources are encrypted with
    KeyPolicy {
        /// The account of the role
        #[arg(long, value_name = "ACCOUNT", value_parser = account)]
        account: String,
        /// The role
        #[arg(long, value_name = "NAME", default_value = "vmimport")]
        role: String,
    },
    /// The access control list of a bucket for instance exports
    BucketAcl {
        /// The Region of the bucket
        #[arg(long, value_name = "REGION", value_parser = region)]
        region: String,
        /// The canonical id of the bucket's owner, who keeps full control
        #[arg(long, value_name = "ID")]
        owner: Option<String>,
    },
    /// The policy of a bucket for instance exports, in place of the list
    BucketPolicy {
        /// The Region of the bucket
        #[arg(long, value_name = "REGION", value_parser = region)]
        region: String,
        /// The bucket
        #[arg(long, value_name = "BUCKET", value_parser = bucket)]
        bucket: String,
    },
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account has 12 digits".to_owned())
    }
}

fn bucket(text: &str) -> Result<String, String> {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if (3..=255).contains(&text.len()) && text.bytes().all(name) {
        Ok(text.to_owned())
    } else {
        Err("a bucket's name has letters, digits, '.', '-' and '_', at least 3".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

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
