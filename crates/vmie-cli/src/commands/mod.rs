//! The commands, one module each, and the way into them.

mod cat;
mod check;
mod compare;
mod convert;
mod create;
mod export;
mod extract;
mod find;
mod iam;
mod import;
mod info;
mod inside;
mod inspect;
mod ls;
mod map;
mod open;
mod passing;
mod preflight;
mod serve;
mod stop;
mod tasks;
mod volumes;
mod walk;
mod worker;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::args::{Cli, Command};
use crate::failure::{Exit, Failure};
use crate::out::{Out, write_out};

/// Runs the command that the arguments name.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    // When the command line makes no sense, it still tells whether a program asked.
    let json = args.iter().any(|arg| arg == "--json");
    let exit = match Cli::try_parse_from(args) {
        Ok(cli) => {
            log(&cli.command);
            dispatch(cli.command)
        }
        Err(error) => misuse(&error, json),
    };
    ExitCode::from(exit.code())
}

fn dispatch(command: Command) -> Exit {
    let out = Out::new(wants_json(&command));
    let done = match command {
        Command::Info(args) => info::run(&out, &args),
        Command::Map(args) => map::run(&out, &args),
        Command::Convert(args) => convert::run(&out, &args),
        Command::Check(args) => check::run(&out, &args),
        Command::Compare(args) => compare::run(&out, &args),
        Command::Export(args) => export::run(&out, &args),
        Command::Create(args) => create::run(&out, &args),
        Command::Volumes(args) => volumes::run(&out, &args),
        Command::Ls(args) => ls::run(&out, &args),
        Command::Cat(args) => cat::run(&out, &args),
        Command::Find(args) => find::run(&out, &args),
        Command::Extract(args) => extract::run(&out, &args),
        Command::Inspect(args) => inspect::run(&out, &args),
        Command::Preflight(args) => preflight::run(&out, &args),
        Command::Import(args) => import::run(&out, &args),
        Command::Tasks(args) => tasks::run(&out, &args),
        Command::Serve(args) => serve::run(&out, &args),
        Command::Worker(args) => worker::run(&out, &args),
        Command::Iam(args) => iam::run(&out, &args),
    };
    done.unwrap_or_else(|failure| {
        out.failure(&failure);
        failure.exit()
    })
}

fn wants_json(command: &Command) -> bool {
    match command {
        Command::Info(args) => args.output.json,
        Command::Map(args) => args.output.json,
        Command::Convert(args) => args.output.json,
        Command::Check(args) => args.output.json,
        Command::Compare(args) => args.output.json,
        Command::Export(args) => args.output.json,
        Command::Create(args) => args.output.json,
        Command::Volumes(args) => args.output.json,
        Command::Ls(args) => args.output.json,
        Command::Cat(_) | Command::Extract(_) | Command::Iam(_) => false,
        Command::Find(args) => args.output.json,
        Command::Inspect(args) => args.output.json,
        Command::Preflight(args) => args.output.json,
        Command::Import(args) => args.output.json,
        Command::Tasks(args) => args.output.json,
        Command::Serve(args) => args.output.json,
        Command::Worker(args) => args.output.json,
    }
}

/// Help and version are no errors; everything else that keeps the arguments from being understood
/// is a usage error.
fn misuse(error: &clap::Error, json: bool) -> Exit {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        let text = error.render().to_string();
        return match write_out(text.as_bytes()) {
            Ok(()) => Exit::Done,
            Err(failure) => failure.exit(),
        };
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    Out::new(json).failure(&Failure::usage(text));
    Exit::Usage
}

/// Diagnostics of the libraries: warnings, of a service also what it does, or what `VMIE_LOG` says.
fn log(command: &Command) {
    let usual = match command {
        Command::Serve(_) | Command::Worker(_) => tracing::Level::INFO,
        _ => tracing::Level::WARN,
    };
    let level = std::env::var("VMIE_LOG").ok();
    let level = level.and_then(|level| level.parse().ok());
    let format = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_max_level(level.unwrap_or(usual));
    // It can only be set once, and this is the only place that does.
    let _ = format.try_init();
}
