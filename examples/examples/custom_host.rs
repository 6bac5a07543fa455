//! A host with its own matrix of supported systems and its own quotas: it takes one guest system
//! that the service does not list, and lets an account have one import at a time.
//!
//! `cargo run -p vmie-examples --example custom_host`
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::borrow::Cow;

use vmie::rules::matrix::{Architecture, LinuxQuery, LoadError, Matrix, Mode, Outcome};
use vmie::tasks::{
    AccountRecord, Action, ApiCall, Begin, BucketRecord, Caller, Config, DiskContainer, Engine,
    Failure, GuestFacts, ImportImageRequest, KeyRecord, OpenWorld, Output, RoleRecord, SourceUrl,
    Validated, Verdict, Work, WorkerEvent, World,
};
use vmie::{now, today};

/// The world without limits, but for what accounts may have.
struct House;

impl World for House {
    fn account(&self, account: &str) -> Option<Cow<'_, AccountRecord>> {
        Some(Cow::Owned(AccountRecord {
            id: account.into(),
            export_tasks: Some(1),
            caller_policy: None,
        }))
    }

    fn bucket(&self, caller: &Caller, name: &str) -> Option<Cow<'_, BucketRecord>> {
        // Whatever a call names is there; names that begin with `no` are not.
        Some(OpenWorld.bucket(caller, name)?.into_owned())
            .filter(|bucket| !bucket.name.starts_with("no"))
            .map(Cow::Owned)
    }

    fn role(&self, account: &str, name: &str) -> Option<Cow<'_, RoleRecord>> {
        Some(Cow::Owned(OpenWorld.role(account, name)?.into_owned()))
    }

    fn key(&self, _caller: &Caller, _id: &str) -> Option<Cow<'_, KeyRecord>> {
        None
    }
}

/// The house's own matrix, from a document in TOML.
fn matrix() -> Result<Matrix, LoadError> {
    Matrix::from_toml(include_str!("../data/house-matrix.toml"))
}

/// Says whether a guest is taken; what the guest is, is made up here.
fn validate(matrix: &Matrix) -> WorkerEvent {
    let guest = LinuxQuery {
        id: "houselinux",
        version: Some("1.4"),
        service_pack: None,
        kernel: Some("6.12.1"),
        architecture: Some(Architecture::X86_64),
        as_of: today(),
    };
    let outcome = matrix.match_linux(&guest, Mode::Practical).outcome();
    println!("{}: {outcome:?}", matrix.name);
    let refused = |text: &str| {
        Verdict::Refused(Failure {
            code: "not-in-our-matrix".into(),
            message: text.into(),
            detail: "add a row for it".into(),
            svc: Vec::new(),
            retryable: false,
        })
    };
    WorkerEvent::Validated(Validated {
        disks: Vec::new(),
        guest: GuestFacts::default(),
        verdict: match outcome {
            Outcome::Refused => refused("we do not take this system"),
            _ => Verdict::Accepted,
        },
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config {
        import_tasks: 1,
        ..Config::default()
    };
    let mut engine = Engine::in_world(config, 42, House);
    let caller = Caller {
        account: "111122223333".into(),
        region: "eu-central-1".into(),
    };
    for url in [
        "s3://images/a.raw",
        "s3://images/b.raw",
        "s3://nowhere/c.raw",
    ] {
        let action = Action::ImportImage(ImportImageRequest {
            disk_containers: vec![DiskContainer {
                url: Some(SourceUrl::new(url)),
                ..DiskContainer::default()
            }],
            ..ImportImageRequest::default()
        });
        let caller = caller.clone();
        engine.request(now(), ApiCall { caller, action });
    }
    let matrix = matrix()?;
    let mut begun: Vec<Begin> = Vec::new();
    let mut taken: Vec<bool> = Vec::new();
    loop {
        match engine.poll() {
            Output::Reply { reply: Ok(_), .. } => {
                taken.push(true);
                println!("taken");
            }
            Output::Reply {
                reply: Err(error), ..
            } => {
                taken.push(false);
                println!("{error} ({})", error.cause_code().unwrap_or("-"));
            }
            Output::Begin(begin) => begun.push(begin),
            Output::Idle { .. } => break,
            _ => {}
        }
    }
    // One fits into the quota, the second is one too many, and the third has no bucket.
    if taken != [true, false, false] {
        return Err(format!("the requests were taken as {taken:?}").into());
    }
    for begin in begun {
        if let Work::Validate(_) = begin.work {
            engine.report(now(), &begin.order, begin.attempt, validate(&matrix))?;
        }
    }
    Ok(())
}
