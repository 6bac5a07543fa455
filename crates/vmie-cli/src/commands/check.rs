//! `vmie check`

use std::fmt::Write as _;

use serde_json::{Value, json};
use vmie::formats::{Cause, Check, Problem};

use super::{open, stop};
use crate::args::CheckArgs;
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::progress::Bar;
use crate::text::Safe;

pub(super) fn run(out: &Out, args: &CheckArgs) -> Result<Exit, Failure> {
    let bar = Bar::new(out, "checking");
    let cancel = stop::on_signals();
    let options = open::options(&args.opening);
    let check = vmie::check_image(&args.image, &options, args.quick, &bar, &cancel);
    bar.end();
    let check = check.map_err(|error| {
        let nothing = error.formats_cause() == Some(Cause::NothingToCheck);
        let exit = if nothing {
            Exit::NothingToCheck
        } else {
            Exit::Failed
        };
        Failure::of(exit, &error)
    })?;
    if out.is_json() {
        let problems: Vec<Value> = check.problems.iter().map(problem).collect();
        let document = json!({
            "path": args.image.to_string_lossy(),
            "format": check.format.name(),
            "damaged": check.damaged,
            "leaked": check.leaked,
            "bytes_read": check.bytes_read,
            "problems": problems,
        });
        out.document("vmie.check", document)?;
    } else {
        out.text(&text(out, &check))?;
    }
    Ok(match (check.damaged, check.leaked) {
        (0, 0) => Exit::Done,
        // As numbers, those of `qemu-img check`.
        (0, _) => Exit::Undetermined,
        _ => Exit::Unreadable,
    })
}

fn problem(problem: &Problem) -> Value {
    json!({
        "kind": problem.kind.name(),
        "offset": problem.offset,
        "detail": problem.detail,
    })
}

fn text(out: &Out, check: &Check) -> String {
    let mut text = String::new();
    for problem in &check.problems {
        let at = match problem.offset {
            Some(at) => format!(" at byte {at}"),
            None => String::new(),
        };
        let detail = Safe(&problem.detail);
        let _ = writeln!(text, "{}{at}: {detail}", problem.kind.name());
    }
    let said = match (check.damaged, check.leaked) {
        (0, 0) => out.paint(Tone::Good, "sound"),
        (0, leaks) => format!("sound; {leaks} parts of the file belong to nothing"),
        (bad, _) => out.paint(Tone::Bad, &format!("damaged: {bad} problems")),
    };
    let _ = writeln!(text, "{said}");
    text
}
