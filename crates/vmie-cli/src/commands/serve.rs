//! `vmie serve`

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::json;
use vmie_serve::shared::Shared;
use vmie_serve::sigv4::{AccessKey, Keys, Secret};
use vmie_serve::{Error, ObjectEndpoint, Options, Scene, Server, Tls, WebOptions, demo, own_keys};

use super::stop;
use crate::args::{ObjectArgs, ServeArgs, SharedArgs, WebArgs};
use crate::failure::{Exit, Failure};
use crate::out::Out;

/// How often it is looked whether to stop.
pub(super) const LOOK: Duration = Duration::from_millis(50);

pub(super) fn run(out: &Out, args: &ServeArgs) -> Result<Exit, Failure> {
    let stop = stop::on_signals();
    let options = options(args).map_err(|error| failure(&error))?;
    let key = shown_key(&options.keys, args);
    let server = Server::start(options).map_err(|error| failure(&error))?;
    if out.is_json() {
        let document = json!({
            "url": server.url(),
            "page": server.page_url(),
            "data": args.data,
            "access_key_id": key.as_ref().map(|key| &key.id),
        });
        out.document("vmie.serve", document)?;
    } else {
        out.text(&greeting(&server, args, key.as_ref()))?;
    }
    while !stop.is_cancelled() && server.is_running() {
        thread::sleep(LOOK);
    }
    server.stop().map_err(|error| failure(&error))?;
    Ok(Exit::Done)
}

fn options(args: &ServeArgs) -> Result<Options, Error> {
    let keys = match &args.keys {
        Some(file) => Keys::read(file)?,
        None => own_keys(&args.data, &args.account)?,
    };
    let mut options = Options::new(&args.data, keys);
    options.listen = args.listen;
    options.buckets.clone_from(&args.buckets);
    options.names.clone_from(&args.names);
    options.conversions = args.conversions;
    options.encrypted_at_rest = args.encrypted_at_rest;
    options.config.allow_undetermined = args.allow_undetermined;
    options.config.upload_poll = args.upload_poll.max(1);
    options.demo = args.demo;
    if args.demo {
        options.scene = demo::scene()?;
    }
    if let Some(file) = &args.world {
        options.scene = Scene::Listed(Box::new(vmie::read_world(file)?));
    }
    if let (Some(chain), Some(key)) = (&args.tls_cert, &args.tls_key) {
        options.tls = Some(Tls::read(chain, key)?);
    }
    options.objects = objects(&args.objects)?;
    options.web = web(&args.web)?;
    options.shared = shared(&args.shared)?;
    options.works = !args.no_work;
    Ok(options)
}

/// Where signed addresses may lead to.
pub(super) fn web(args: &WebArgs) -> Result<WebOptions, Error> {
    Ok(WebOptions {
        hosts: args.allow_url.clone(),
        private: args.allow_private_urls,
        roots: match &args.url_ca {
            Some(file) => Some(read(file)?),
            None => None,
        },
    })
}

/// The endpoint that has the buckets, if one has.
pub(super) fn objects(args: &ObjectArgs) -> Result<Option<ObjectEndpoint>, Error> {
    let Some(url) = &args.s3_endpoint else {
        return Ok(None);
    };
    let key = key_of_environment("--s3-endpoint")?;
    Ok(Some(ObjectEndpoint {
        url: url.clone(),
        region: args.s3_region.clone(),
        access_key_id: key.id,
        secret_access_key: key.secret,
        session_token: key.session_token,
        virtual_hosted: args.s3_virtual_hosted,
        roots: match &args.s3_ca {
            Some(file) => Some(read(file)?),
            None => None,
        },
    }))
}

/// The key that the environment has, as for the AWS CLI; `option` is what it goes with.
pub(super) fn key_of_environment(option: &str) -> Result<AccessKey, Error> {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let needed = |name: &str| {
        let path = "the environment".into();
        let what = format!("there is no {name}, which goes with {option}");
        variable(name).ok_or(Error::Configuration { path, what })
    };
    Ok(AccessKey {
        id: needed("AWS_ACCESS_KEY_ID")?,
        secret: Secret::new(needed("AWS_SECRET_ACCESS_KEY")?),
        account: String::new(),
        session_token: variable("AWS_SESSION_TOKEN").map(Secret::new),
        expires: None,
    })
}

/// The state that is shared, if one is.
pub(super) fn shared(args: &SharedArgs) -> Result<Option<Shared>, Error> {
    let Some(address) = &args.state else {
        return Ok(None);
    };
    let shared = Shared::new(address)?.with_lease(Duration::from_secs(args.lease));
    Ok(Some(match &args.state_ca {
        Some(file) => shared.with_authorities(&read(file)?)?,
        None => shared,
    }))
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>, vmie::Error> {
    fs::read(file).map_err(|error| vmie::Error::read(file, error))
}

/// The key to show how the service is called with; one from a file of the user's own is not shown.
fn shown_key(keys: &Keys, args: &ServeArgs) -> Option<AccessKey> {
    let is_ours = args.keys.is_none();
    keys.first().filter(|_| is_ours).cloned()
}

fn greeting(server: &Server, args: &ServeArgs, key: Option<&AccessKey>) -> String {
    let url = server.url();
    let mut text = format!(
        "The service listens on {url}\nThe page:  {}\n\n",
        server.page_url()
    );
    if let Some(key) = key {
        let file = args.data.join("access-keys.toml");
        let _ = writeln!(
            text,
            "export AWS_ACCESS_KEY_ID={} AWS_DEFAULT_REGION={}",
            key.id,
            demo::REGION
        );
        let _ = if args.demo {
            writeln!(text, "export AWS_SECRET_ACCESS_KEY={}", key.secret.reveal())
        } else {
            writeln!(text, "# The secret access key is in {}", file.display())
        };
    }
    if args.demo {
        let (bucket, guest) = (demo::IMPORT_BUCKET, demo::GUEST);
        let _ = writeln!(
            text,
            "aws --endpoint-url {url} ec2 import-image --disk-containers Format=ova,Url=s3://{bucket}/{guest}"
        );
    }
    let _ = writeln!(
        text,
        "aws --endpoint-url {url} ec2 describe-import-image-tasks"
    );
    text
}

pub(super) fn failure(error: &Error) -> Failure {
    if let Error::Work(error) = error {
        return Failure::of(Exit::Failed, error);
    }
    let (exit, kind) = match error {
        Error::Corrupt { .. } => (Exit::Unreadable, "corrupt"),
        Error::Database { .. } => (Exit::Failed, "database"),
        Error::Busy { .. } => (Exit::Failed, "busy"),
        Error::Configuration { .. } => (Exit::Failed, "configuration"),
        _ => (Exit::Failed, "io"),
    };
    Failure::plain(exit, kind, format!("{error}."), "See 'vmie serve --help'")
}
