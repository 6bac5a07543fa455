//! `vmie preflight`

use vmie::guest::Decision;
use vmie::io::Limits;
use vmie::rules::matrix::{Edition, Mode};
use vmie::{ImageOptions, Judging};

use super::open;
use crate::args::{EditionName, ModeName, PreflightArgs, Request};
use crate::failure::{Exit, Failure};
use crate::json::Guest;
use crate::out::Out;
use crate::report;

pub(super) fn run(out: &Out, args: &PreflightArgs) -> Result<Exit, Failure> {
    let judging = judging(&args.request);
    let options = ImageOptions::new().with_format(open::format(&args.opening));
    let images = open::images_metered(out, &args.images.images, &options, Exit::Unreadable)?;
    let preflight = vmie::preflight(&images, &judging, &Limits::default())
        .map_err(|error| Failure::of(Exit::Unreadable, &error))?;
    let (reads, bytes) = (options.meter.reads(), options.meter.bytes());
    tracing::info!(reads, bytes, "read of the images");
    if out.is_json() {
        let document = Guest::new(&images, preflight.document());
        out.document("vmie.preflight", document)?;
    } else {
        let mut text = report::inspection(out, &preflight.inspection);
        text.push_str(&report::verdict(out, &preflight.verdict));
        out.text(&text)?;
    }
    Ok(match preflight.verdict.decision {
        Decision::Accepted => Exit::Done,
        Decision::Refused => Exit::Failed,
        Decision::Undetermined => Exit::Undetermined,
    })
}

/// How the command line wants it judged.
pub(super) fn judging(request: &Request) -> Judging {
    let mut judging = Judging::default();
    judging.mode = mode(request);
    judging.edition = edition(request);
    judging.as_of = request.as_of.unwrap_or(judging.as_of);
    judging.boot_mode = request.boot_mode;
    judging.license_type = request.license_type;
    judging.region.clone_from(&request.region);
    judging
}

pub(super) fn mode(request: &Request) -> Mode {
    match request.mode {
        ModeName::Strict => Mode::Strict,
        ModeName::Practical => Mode::Practical,
    }
}

pub(super) fn edition(request: &Request) -> Edition {
    match request.edition {
        EditionName::E2025 => Edition::E2025,
        EditionName::E2026 => Edition::E2026,
    }
}
