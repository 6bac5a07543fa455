//! `vmie preflight`

use std::path::{Path, PathBuf};

use serde_json::json;
use vmie::Judging;
use vmie::guest::{Decision, FileReport, Severity, html_of_file};
use vmie::io::Limits;
use vmie::rules::matrix::{Edition, Matrix, Mode};
use vmie::service::{FileFinding, of_error, refusal};

use super::open;
use crate::args::{EditionName, ModeName, PreflightArgs, Request};
use crate::failure::{Exit, Failure};
use crate::json::Guest;
use crate::out::{Out, Tone};
use crate::report;

pub(super) fn run(out: &Out, args: &PreflightArgs) -> Result<Exit, Failure> {
    let mut judging = judging(&args.request);
    judging.matrix = args.matrix.as_deref().map(matrix).transpose()?;
    let options = open::options(&args.opening);
    let looked = open::try_images(out, &args.images.images, &options).and_then(|images| {
        let limits = match args.no_initramfs {
            true => Limits::default().with_unpacked(0),
            false => Limits::default(),
        };
        let preflight = vmie::preflight(&images, &judging, &limits)?;
        Ok((images, preflight))
    });
    let (images, preflight) = match looked {
        Ok(looked) => looked,
        Err(error) => {
            let finding = refusal(&error);
            if let Some(path) = &args.html {
                write(
                    path,
                    &page_of_file(args, &judging, &error, finding.as_ref()),
                )?;
            }
            return match finding {
                Some(finding) => refused(out, &judging, &error, &finding),
                None => Err(Failure::of(Exit::Unreadable, &error)),
            };
        }
    };
    let (reads, bytes) = (options.meter.reads(), options.meter.bytes());
    tracing::info!(reads, bytes, "read of the images");
    if let Some(path) = &args.html {
        let title = title(args);
        let page = vmie::guest::html(&title, &preflight.inspection, &preflight.verdict);
        write(path, &page)?;
    }
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

/// What the page is called: the names of the images.
fn title(args: &PreflightArgs) -> String {
    let name = |image: &PathBuf| {
        let name = image.file_name().unwrap_or(image.as_os_str());
        name.to_string_lossy().into_owned()
    };
    let names: Vec<String> = args.images.images.iter().map(name).collect();
    names.join(", ")
}

fn write(path: &Path, page: &str) -> Result<(), Failure> {
    // Not the code of a refusal: nothing was said of the guest.
    std::fs::write(path, page).map_err(|error| {
        let message = format!("the report cannot be written: {error}.");
        let advice = "Check where the output goes";
        Failure::plain(Exit::Unreadable, "io", message, advice).in_file(&path.to_string_lossy())
    })
}

/// The page of a file that is refused for what it is, or that cannot be read.
fn page_of_file(
    args: &PreflightArgs,
    judging: &Judging,
    error: &vmie::Error,
    refusal: Option<&FileFinding>,
) -> String {
    let told = of_error(error, None);
    let report = FileReport {
        refused: refusal.is_some(),
        mode: judging.mode,
        edition: edition_of(judging),
        as_of: judging.as_of,
        code: &told.code,
        svc: &told.svc,
        title: &error.to_string(),
        service_message: told.service_message.as_deref(),
        remedy: &told.remedy,
    };
    html_of_file(&title(args), &report)
}

/// The name of the matrix that is judged by.
fn edition_of(judging: &Judging) -> &str {
    let own = judging.matrix.as_ref().map(|own| own.name.as_str());
    own.unwrap_or(judging.edition.as_str())
}

/// The verdict over a file that the service does not take, whatever is inside.
fn refused(
    out: &Out,
    judging: &Judging,
    error: &vmie::Error,
    finding: &FileFinding,
) -> Result<Exit, Failure> {
    if out.is_json() {
        let document = json!({
            "format_assumed": false,
            "verdict": Decision::Refused.name(),
            "mode": judging.mode.as_str(),
            "edition": edition_of(judging),
            "as_of": judging.as_of.to_string(),
            "row": null,
            "findings": [{
                "code": finding.code,
                "svc": finding.svc.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
                "severity": Severity::Refuse.name(),
                "title": finding.title,
                "service_message": finding.service_message,
                "evidence": [{
                    "volume": null,
                    "path": error.path().map(|path| path.to_string_lossy()),
                    "line": null,
                    "offset": finding.offset,
                    "says": error.value().map(ToString::to_string),
                }],
                "remedy": finding.remedy,
            }],
            "systems": [],
            "boot": { "modes": [] },
            "filesystems": [],
            "evidence": [],
        });
        out.document("vmie.preflight", document)?;
    } else {
        let bad = out.paint(Tone::Bad, "refused");
        let mut text = format!("Verdict: {bad}: {error}\n");
        if let Some(message) = &finding.service_message {
            text.push_str("         the service says: ");
            text.push_str(message);
            text.push('\n');
        }
        out.text(&text)?;
    }
    Ok(Exit::Failed)
}

/// The list of supported systems in a file.
fn matrix(path: &Path) -> Result<Matrix, Failure> {
    let name = path.to_string_lossy();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("the list of supported systems cannot be read: {error}.");
        Failure::plain(Exit::Usage, "io", message, "Check the path").in_file(&name)
    })?;
    Matrix::from_toml(&text).map_err(|error| {
        let message = format!("this is no list of supported systems: {error}.");
        let advice = "See docs/matrix-format.md";
        Failure::plain(Exit::Usage, "invalid", message, advice).in_file(&name)
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
