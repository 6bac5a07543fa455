//! The service: imports, tasks, the server, policies.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use vmie::rules::guest::Platform;

use super::{Images, Opening, Output, Request};
use crate::size;

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

pub(super) fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a tag is written KEY=VALUE".to_owned()),
    }
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = false)]
pub(crate) struct TasksArgs {
    /// The folder of the image store
    #[arg(long, value_name = "DIR", required_unless_present = "endpoint")]
    pub(crate) store: Option<PathBuf>,
    /// A service in place of a store: http://HOST:PORT or https://HOST. Its keys are in the environment:
    /// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
    #[arg(long, value_name = "URL", value_parser = endpoint, conflicts_with = "store")]
    pub(crate) endpoint: Option<String>,
    /// The Region that the service is called in
    #[arg(
        long,
        value_name = "REGION",
        default_value = "us-east-1",
        env = "AWS_DEFAULT_REGION"
    )]
    pub(crate) region: String,
    /// The certificates that the service has to show, in PEM, in place of those that browsers trust
    #[arg(long, value_name = "FILE", requires = "endpoint")]
    pub(crate) ca: Option<PathBuf>,
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
    pub(crate) objects: ObjectArgs,
    #[command(flatten)]
    pub(crate) shared: SharedArgs,
    /// Leave all work to `vmie worker` processes on the same state
    #[arg(long, requires = "state")]
    pub(crate) no_work: bool,
    #[command(flatten)]
    pub(crate) web: WebArgs,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A state that several servers and workers share.
#[derive(Args, Debug)]
pub(crate) struct SharedArgs {
    /// Keep the state in this PostgreSQL database (14 or later), which several servers and workers share, in place of a
    /// file: postgres://USER:PASSWORD@HOST/DATABASE. With a password in it, better in the environment
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "VMIE_STATE",
        hide_env_values = true
    )]
    pub(crate) state: Option<String>,
    /// The certificates of the authority that the database's certificate is of, in PEM: speak TLS with it
    #[arg(long, value_name = "FILE", requires = "state")]
    pub(crate) state_ca: Option<PathBuf>,
    /// How long a server or a worker may be silent before others take over what it had
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) lease: u64,
}

#[derive(Args, Debug)]
pub(crate) struct WorkerArgs {
    /// The data folder of the servers, as it is seen here
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The folder whose folders are the buckets; without it, `buckets` in the data folder
    #[arg(long, value_name = "DIR")]
    pub(crate) buckets: Option<PathBuf>,
    /// How many disks are converted at a time
    #[arg(long, value_name = "N", default_value = "2")]
    pub(crate) conversions: std::num::NonZeroUsize,
    /// The data folder is encrypted by what is below it
    #[arg(long)]
    pub(crate) encrypted_at_rest: bool,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
    #[command(flatten)]
    pub(crate) shared: SharedArgs,
    #[command(flatten)]
    pub(crate) web: WebArgs,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Buckets at an endpoint that speaks S3. Its keys are in the environment, as for the AWS CLI:
/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, for temporary keys, `AWS_SESSION_TOKEN`.
#[derive(Args, Debug)]
pub(crate) struct ObjectArgs {
    /// Take the buckets from this endpoint that speaks S3, in place of folders: https://HOST or http://HOST:PORT. Its keys
    /// are in the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
    #[arg(long, value_name = "URL", value_parser = endpoint, conflicts_with = "buckets")]
    pub(crate) s3_endpoint: Option<String>,
    /// The Region that requests to the endpoint are signed for
    #[arg(
        long,
        value_name = "REGION",
        default_value = "us-east-1",
        requires = "s3_endpoint"
    )]
    pub(crate) s3_region: String,
    /// A bucket is a part of the endpoint's host name, and not of the path
    #[arg(long, requires = "s3_endpoint")]
    pub(crate) s3_virtual_hosted: bool,
    /// The certificates that the endpoint has to show, in PEM, in place of those that browsers trust
    #[arg(long, value_name = "FILE", requires = "s3_endpoint")]
    pub(crate) s3_ca: Option<PathBuf>,
}

fn endpoint(text: &str) -> Result<String, String> {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['?', '#', '@', ' ']) => {
            Ok(text.to_owned())
        }
        _ => Err("an endpoint is written https://HOST or http://HOST:PORT".to_owned()),
    }
}

/// Where signed addresses may lead to.
#[derive(Args, Debug)]
pub(crate) struct WebArgs {
    /// A host that signed addresses may lead to: HOST or *.DOMAIN, with :PORT where it is not 443, and
    /// with http:// before it where there is no TLS. Without any, no such address is followed
    #[arg(long = "allow-url", value_name = "HOST")]
    pub(crate) allow_url: Vec<vmie_serve::AllowedHost>,
    /// Names of such hosts may lead to private addresses
    #[arg(long)]
    pub(crate) allow_private_urls: bool,
    /// The certificates that such hosts have to show, in PEM, in place of those that browsers trust
    #[arg(long, value_name = "FILE")]
    pub(crate) url_ca: Option<PathBuf>,
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
        #[arg(long, value_name = "REGION", value_parser = super::guest::region)]
        region: String,
        /// The canonical id of the bucket's owner, who keeps full control
        #[arg(long, value_name = "ID")]
        owner: Option<String>,
    },
    /// The policy of a bucket for instance exports, in place of the list
    BucketPolicy {
        /// The Region of the bucket
        #[arg(long, value_name = "REGION", value_parser = super::guest::region)]
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
