//! The task engine in a program of one's own: a call, and the work that follows from it.
//!
//! `cargo run -p vmie-examples --example embed_engine`
#![allow(clippy::print_stdout, reason = "an example prints")]

use vmie::now;
use vmie::rules::format::ImageFormat;
use vmie::tasks::{
    Action, ApiCall, Begin, Caller, Config, Converted, DiskContainer, DiskFacts, Engine,
    GuestFacts, ImportSnapshotRequest, Output, SourceUrl, Validated, Verdict, Work, WorkerEvent,
};

/// The work: here it is all made up.
fn work(begin: &Begin) -> WorkerEvent {
    match &begin.work {
        Work::Validate(_) => WorkerEvent::Validated(Validated {
            disks: vec![DiskFacts {
                container: 0,
                member: 0,
                format: ImageFormat::Vmdk,
                stored_size: 1 << 20,
                virtual_size: 1 << 30,
            }],
            guest: GuestFacts::default(),
            verdict: Verdict::Accepted,
        }),
        Work::Convert(work) => WorkerEvent::Converted(Converted {
            sha256: "00".repeat(32),
            virtual_size: work.disk.virtual_size,
            data_bytes: 4096,
        }),
        Work::Cleanup(_) => WorkerEvent::Cleaned,
        _ => WorkerEvent::Published,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut engine = Engine::new(Config::default(), 42);
    let caller = Caller {
        account: "111122223333".into(),
        region: "eu-central-1".into(),
    };
    let action = Action::ImportSnapshot(ImportSnapshotRequest {
        disk_container: Some(DiskContainer {
            format: Some("vmdk".into()),
            url: Some(SourceUrl::new("s3://images/disk.vmdk")),
            ..DiskContainer::default()
        }),
        ..ImportSnapshotRequest::default()
    });
    engine.request(now(), ApiCall { caller, action });
    loop {
        match engine.poll() {
            // A real host writes these to disk before it goes on.
            Output::Commit(commit) => println!("commit {} changes", commit.changes.len()),
            Output::Reply { reply, .. } => println!("reply {reply:?}"),
            Output::Begin(begin) => {
                println!("begin {}", begin.order);
                engine.report(now(), &begin.order, begin.attempt, work(&begin))?;
            }
            Output::Abort { order, .. } => println!("abort {order}"),
            Output::Event(event) => println!("{} {:?}", event.task, event.event),
            Output::Idle { .. } => return Ok(()),
        }
    }
}
