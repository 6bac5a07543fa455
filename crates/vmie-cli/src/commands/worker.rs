//! `vmie worker`

use std::thread;

use serde_json::json;
use vmie_serve::Error;
use vmie_serve::shared::{Worker, WorkerOptions};

use super::serve::{LOOK, failure, objects, shared, web};
use super::stop;
use crate::args::WorkerArgs;
use crate::failure::{Exit, Failure};
use crate::out::Out;

pub(super) fn run(out: &Out, args: &WorkerArgs) -> Result<Exit, Failure> {
    let stop = stop::on_signals();
    let options = options(args).map_err(|error| failure(&error))?;
    let Some(options) = options else {
        let text = "a worker shares the state of servers: name it with --state.";
        return Err(Failure::usage(text));
    };
    let worker = Worker::start(options).map_err(|error| failure(&error))?;
    if out.is_json() {
        let document = json!({"worker": worker.name(), "data": args.data});
        out.document("vmie.worker", document)?;
    } else {
        out.text(&format!("The worker {} waits for work.\n", worker.name()))?;
    }
    while !stop.is_cancelled() && worker.is_running() {
        thread::sleep(LOOK);
    }
    worker.stop();
    Ok(Exit::Done)
}

fn options(args: &WorkerArgs) -> Result<Option<WorkerOptions>, Error> {
    let Some(shared) = shared(&args.shared)? else {
        return Ok(None);
    };
    let mut options = WorkerOptions::new(shared, &args.data);
    options.buckets.clone_from(&args.buckets);
    options.objects = objects(&args.objects)?;
    options.conversions = args.conversions;
    options.encrypted_at_rest = args.encrypted_at_rest;
    options.web = web(&args.web)?;
    Ok(Some(options))
}
