//! Phony guests of every row of the matrix, written by the filesystems' own mkfs and looked at by the
//! command as anybody's disk.

pub(crate) mod disk;
mod pace;
mod report;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use vmie_rules::Date;
use vmie_rules::matrix::{Edition, LinuxRow, Matrix, WindowsRow};
use vmie_testkit::linux::{self, Machine, beside, guests_of};
use vmie_testkit::{pe, windows};

use crate::Result;
use crate::peers::python::python_with;
use crate::run::{Tally, build_vmie, json, text, tool};

/// Which guests, and what to do with them beside looking at them. As root: ntfs-3g mounts.
#[derive(Args)]
pub(crate) struct Phony {
    /// One guest of each row, and a near miss beside every third.
    #[arg(long)]
    quick: bool,
    /// A Python interpreter that has jsonschema; without it, one is made in target/.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Put every Linux on this filesystem (ext4, xfs, btrfs) in place of each in turn.
    #[arg(long, value_parser = KINDS)]
    filesystem: Option<String>,
    /// Read the disks with dissect.target, too, and write the differences to this file.
    #[arg(long)]
    dissect: Option<PathBuf>,
    /// Judge so many guests at the end, on the same disks again and again, and say how long it took.
    #[arg(long)]
    judge: Option<usize>,
}

/// The day that is judged for.
const AS_OF: &str = "2026-11-01";
const UUID: &str = "11111111-2222-4333-8444-555555555555";
/// Filesystems of Linux, in turn.
const KINDS: [&str; 3] = ["ext4", "xfs", "btrfs"];

/// What must be said of a guest.
struct Wanted {
    /// Which guest, for people.
    name: String,
    id: String,
    /// Without what a row does not tell.
    version: Option<String>,
    edition: Option<String>,
    kernel: Option<String>,
    /// The verdicts to the letter and in practice.
    verdicts: [&'static str; 2],
    row: Option<String>,
    /// The code of the refusal, and the service's text.
    refusal: Option<(&'static str, String)>,
}

pub(crate) fn run(arguments: &Phony) -> Result<()> {
    let vmie = build_vmie()?;
    let scratch = tempfile::tempdir()?;
    let mut checks = Checks {
        vmie,
        folder: scratch.path().to_owned(),
        kinds: match &arguments.filesystem {
            Some(one) => KINDS.into_iter().filter(|kind| kind == one).collect(),
            None => KINDS.to_vec(),
        },
        keep: arguments.dissect.is_some() || arguments.judge.is_some(),
        quick: arguments.quick,
        done: 0,
        tally: Tally::default(),
        kept: Vec::new(),
    };
    let matrix = Matrix::edition(Edition::E2026);
    for (at, row) in matrix.linux.iter().enumerate() {
        checks.linux(at, row)?;
    }
    for (at, row) in matrix.windows.iter().enumerate() {
        checks.windows(at, row)?;
    }
    let python = python_with(&arguments.python, &["jsonschema"])?;
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/preflight-1.json");
    let script = include_str!("schema.py");
    let reports = checks.folder.join("reports");
    let said = tool(
        text(&python),
        &["-c", script, text(&schema), text(&reports)],
    );
    checks
        .tally
        .attempt("the schema of the reports", said.map(drop));
    println!("{} disks", checks.done);
    if let Some(page) = &arguments.dissect {
        report::differences(&arguments.python, &checks.kept, page)?;
    }
    if let Some(count) = arguments.judge {
        let images: Vec<_> = checks.kept.iter().map(|read| read.image.clone()).collect();
        pace::judge(&checks.vmie, &images, count)?;
    }
    checks.tally.finish("phony")
}

struct Checks {
    vmie: PathBuf,
    folder: PathBuf,
    /// Filesystems of Linux, in turn.
    kinds: Vec<&'static str>,
    keep: bool,
    quick: bool,
    done: usize,
    tally: Tally,
    /// Disks with what we said of them.
    kept: Vec<report::Read>,
}

impl Checks {
    fn linux(&mut self, at: usize, row: &LinuxRow) -> Result<()> {
        let mut guests = guests_of(row);
        guests.truncate(if self.quick { 1 } else { usize::MAX });
        let old = is_old(row.deprecated_from);
        for (number, (version, pack, kernel)) in guests.iter().enumerate() {
            let kind = self.kinds[(at + number) % self.kinds.len()];
            let guest = linux_guest(row, version, *pack, kernel, kind);
            let wanted = Wanted {
                name: format!("{row}: {version} SP{pack} {kernel} on {kind}"),
                id: row.id.clone(),
                version: Some(version.clone()),
                edition: None,
                kernel: Some((*kernel).to_owned()),
                verdicts: [if old { "refused" } else { "accepted" }, "accepted"],
                row: Some(row.label()),
                refusal: None,
            };
            self.one_linux(&guest, &wanted)?;
        }
        if self.quick && !at.is_multiple_of(3) {
            return Ok(());
        }
        let (version, pack, kernel) = &guests[0];
        let other = beside(kernel);
        let near = Wanted {
            name: format!("beside {row}"),
            id: row.id.clone(),
            version: Some(version.clone()),
            edition: None,
            kernel: None,
            verdicts: ["refused", "refused"],
            row: None,
            refusal: None,
        };
        // Oracle Linux 5 lists whatever kernel has its suffix.
        if row.kernels.iter().all(|listed| listed.series.is_some()) {
            let guest = linux_guest(
                row,
                version,
                *pack,
                &other,
                self.kinds[at % self.kinds.len()],
            );
            let message = format!("ClientError: Unsupported kernel version {other}");
            let wanted = Wanted {
                name: format!("{}: {other}", near.name),
                kernel: Some(other.clone()),
                refusal: Some(("kernel-not-listed", message)),
                ..near
            };
            return self.one_linux(&guest, &wanted);
        }
        let mut guest = linux_guest(row, version, *pack, kernel, "ext4");
        guest.machine = Machine::Arm64;
        let wanted = Wanted {
            refusal: Some(("architecture-unsupported", String::new())),
            ..near
        };
        self.one_linux(&guest, &wanted)
    }

    fn windows(&mut self, at: usize, row: &WindowsRow) -> Result<()> {
        let old = is_old(row.deprecated_from);
        let editions = if self.quick { 1 } else { row.editions.len() };
        for edition in row.editions.iter().take(editions) {
            let mut guest = windows::Guest::new(windows::of(&row.product), edition);
            // A BIOS and UEFI in turn, for those that can do both.
            guest.uefi |= at % 2 == 1 && guest.product.version.0 >= 6;
            let (major, minor, build) = guest.product.version;
            let wanted = Wanted {
                name: format!("{row}: {edition}"),
                id: "windows".to_owned(),
                version: Some(format!("{major}.{minor}.{build}")),
                edition: Some(edition.clone()),
                kernel: None,
                verdicts: [if old { "refused" } else { "accepted" }, "accepted"],
                row: Some(row.label()),
                refusal: None,
            };
            self.one_windows(&guest, &wanted)?;
        }
        let mut guest = windows::Guest::new(windows::of(&row.product), &row.editions[0]);
        guest.machine = pe::ARM64;
        let wanted = Wanted {
            name: format!("beside {row}: ARM64"),
            id: "windows".to_owned(),
            version: None,
            edition: None,
            kernel: None,
            verdicts: ["refused", "refused"],
            row: None,
            refusal: Some(("architecture-unsupported", String::new())),
        };
        self.one_windows(&guest, &wanted)
    }

    fn one_linux(&mut self, guest: &linux::Guest<'_>, wanted: &Wanted) -> Result<()> {
        let image = self.image();
        disk::linux(guest, &self.folder, &image)?;
        self.look(&image, wanted)
    }

    fn one_windows(&mut self, guest: &windows::Guest, wanted: &Wanted) -> Result<()> {
        let image = self.image();
        disk::windows(guest, &self.folder, &image)?;
        self.look(&image, wanted)
    }

    fn image(&mut self) -> PathBuf {
        self.done += 1;
        self.folder.join(format!("{:03}.raw", self.done))
    }

    fn look(&mut self, image: &Path, wanted: &Wanted) -> Result<()> {
        let reports = self.folder.join("reports");
        fs::create_dir_all(&reports)?;
        for (mode, verdict) in ["strict", "practical"].into_iter().zip(wanted.verdicts) {
            let arguments = [
                "preflight",
                "--json",
                "-f",
                "raw",
                "--mode",
                mode,
                "--as-of",
                AS_OF,
            ];
            let arguments = [&arguments[..], &[text(image)]].concat();
            let (document, _) = json(&self.vmie, &arguments)?;
            let name = format!("{}-{mode}.json", self.done);
            fs::write(reports.join(name), document.to_string())?;
            let what = format!("{} ({mode})", wanted.name);
            compare(&mut self.tally, &what, &document, wanted, verdict);
            if mode == "practical" && self.keep && wanted.refusal.is_none() {
                self.kept
                    .push(report::Read::new(image, &wanted.name, &document));
            }
        }
        if !self.keep || wanted.refusal.is_some() {
            fs::remove_file(image)?;
        }
        Ok(())
    }
}

fn compare(tally: &mut Tally, what: &str, document: &Value, wanted: &Wanted, verdict: &str) {
    let system = &document["systems"][0];
    let told = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    tally.same(
        &format!("{what}: os"),
        told(&system["os"]["id"]),
        wanted.id.clone(),
    );
    if let Some(version) = &wanted.version {
        // The version of SLES has its service pack behind it.
        let ours = told(&system["os"]["version"]);
        let fits = ours == *version || ours.starts_with(&format!("{version}."));
        tally.check(fits, || {
            format!("{what}: version {ours}, and not {version}")
        });
    }
    if let Some(edition) = &wanted.edition {
        tally.same(
            &format!("{what}: edition"),
            told(&system["os"]["edition"]),
            edition.clone(),
        );
    }
    if let Some(kernel) = &wanted.kernel {
        let ours = told(&system["default_kernel"]["release"]);
        tally.same(&format!("{what}: kernel"), ours, kernel.clone());
    }
    let said = told(&document["verdict"]);
    tally.check(said == verdict, || {
        format!(
            "{what}: {said}, and not {verdict}: {}",
            document["findings"]
        )
    });
    if let Some(row) = &wanted.row {
        tally.same(&format!("{what}: row"), told(&document["row"]), row.clone());
    }
    if let Some((code, message)) = &wanted.refusal {
        let mut findings = document["findings"].as_array().into_iter().flatten();
        let finding = findings.find(|finding| finding["code"] == *code);
        let fits = finding.is_some_and(|finding| {
            finding["severity"] == "refuse"
                && (message.is_empty() || finding["service_message"] == *message)
        });
        tally.check(fits, || {
            format!("{what}: no {code}: {}", document["findings"])
        });
    }
}

fn is_old(from: Option<Date>) -> bool {
    let as_of: Option<Date> = AS_OF.parse().ok();
    from.is_some() && from <= as_of
}

fn linux_guest<'a>(
    row: &'a LinuxRow,
    version: &'a str,
    service_pack: u32,
    kernel: &'a str,
    filesystem: &'a str,
) -> linux::Guest<'a> {
    linux::Guest {
        id: &row.id,
        version,
        service_pack,
        kernel,
        machine: Machine::X86_64,
        uuid: UUID,
        filesystem,
    }
}
