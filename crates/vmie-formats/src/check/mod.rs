//! Whether an image is consistent: its tables, checksums and counts, and all data that it holds.
//!
//! A check goes on after what is wrong: it lists what it finds, the worst first, where an error would
//! name the first thing only. What lies side by side is looked at by [`Claims`]; each format says what
//! of its file belongs to what.

mod claims;
mod data;

use std::sync::Arc;

use vmie_io::{CancelToken, ReadAt};

pub(crate) use self::claims::Claims;
use crate::{
    Appliance, Cause, DiskImage, Error, Format, ImageInfo, NoteKind, OpenOptions, Opened, Outcome,
    Progress, probe, vhd, vmdk,
};

/// Problems of one kind that are listed; more are counted.
const LISTED: usize = 100;

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ProblemKind {
    /// Two things lie over each other in the file.
    Overlap,
    /// Something lies outside of the file.
    OutsideFile,
    /// Data of the disk cannot be read: a wrong checksum, a wrong marker, data that do not inflate.
    Unreadable,
    /// A checksum of metadata is wrong, or a copy of metadata differs from what it is a copy of.
    Metadata,
    /// A count of references is too low, or a flag says something else than the count.
    Refcount,
    /// A part of the file belongs to nothing: nothing is wrong with the disk.
    Leak,
}

impl ProblemKind {
    /// The kind's name, as programs see it: `overlap`, `outside-file` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::OutsideFile => "outside-file",
            Self::Unreadable => "unreadable",
            Self::Metadata => "metadata",
            Self::Refcount => "refcount",
            Self::Leak => "leak",
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// What kind of thing.
    pub kind: ProblemKind,
    /// Where in the file, in bytes; of what is unreadable, where on the disk.
    pub offset: Option<u64>,
    /// What it is, as a sentence without its full stop.
    pub detail: String,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// The format.
    pub format: Format,
    /// What is wrong, at most 100 of each kind.
    pub problems: Vec<Problem>,
    /// How many problems there are that harm the disk.
    pub damaged: u64,
    /// How many parts of the file belong to nothing.
    pub leaked: u64,
    /// Bytes of the disk that were read.
    pub bytes_read: u64,
}

impl Check {
    fn new(format: Format) -> Self {
        Self {
            format,
            problems: Vec::new(),
            damaged: 0,
            leaked: 0,
            bytes_read: 0,
        }
    }

    /// One that nobody looks at.
    #[cfg(feature = "qcow2")]
    pub(crate) fn nothing() -> Self {
        Self::new(Format::Raw)
    }

    pub(crate) fn add(&mut self, kind: ProblemKind, offset: Option<u64>, detail: String) {
        let count = match kind {
            ProblemKind::Leak => &mut self.leaked,
            _ => &mut self.damaged,
        };
        *count = count.saturating_add(1);
        let same = self.problems.iter().filter(|p| p.kind == kind).count();
        if same < LISTED {
            self.problems.push(Problem {
                kind,
                offset,
                detail,
            });
        }
    }

    /// An error that was found, as a problem; limits and cancelling are none.
    pub(crate) fn error(&mut self, error: Error) -> Result<(), Error> {
        use vmie_io::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::Truncated => ProblemKind::OutsideFile,
            ErrorKind::Corrupt => ProblemKind::Metadata,
            _ => return Err(error),
        };
        let offset = error.offset();
        self.add(kind, offset, sentence(&error));
        Ok(())
    }

    /// What opening noted and is a defect.
    fn notes(&mut self, info: &ImageInfo) {
        for note in &info.notes {
            let bad = matches!(
                note.kind,
                NoteKind::SecondCopyUsed
                    | NoteKind::Checksum
                    | NoteKind::CutOff
                    | NoteKind::FootersDiffer
            );
            if bad {
                self.add(ProblemKind::Metadata, note.offset, note.detail.clone());
            }
        }
    }
}

/// An error as a sentence without its full stop and its advice.
fn sentence(error: &Error) -> String {
    let mut text = error.cause().to_string();
    if let Some(found) = error.value() {
        text.push_str(&format!(" ({found})"));
    }
    text
}

/// Checks an image. With `quick`, what the disk holds is not read, only the tables that place it.
///
/// # Errors
/// When it cannot be told whether the image is consistent: it cannot be read or opened, is of a
/// format that holds nothing to check (raw: [`Cause::NothingToCheck`]), a limit was hit, or the work
/// was cancelled.
pub fn check(
    source: Arc<dyn ReadAt>,
    options: &OpenOptions,
    quick: bool,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Check, Error> {
    let format = match options.format_ref() {
        Some(format) => format,
        None => probe(&source)?
            .first()
            .map_or(Format::Raw, |candidate| candidate.format),
    };
    let mut check = Check::new(format);
    let source = &source;
    let options = options.clone().format(Some(format));
    let disk: Box<dyn DiskImage> = match format {
        Format::Raw => {
            return Err(Error::new(Cause::NothingToCheck)
                .in_structure("file")
                .found(format.name()));
        }
        Format::Vhd => {
            let disk = vhd::open(Arc::clone(source), &options)?;
            let mut claims = Claims::new(source.len(), cancel);
            disk.claims(&mut claims, &mut check)?;
            claims.finish(&mut check)?;
            Box::new(disk)
        }
        #[cfg(feature = "vhdx")]
        Format::Vhdx => {
            let disk = crate::vhdx::open(Arc::clone(source), &options)?;
            let mut claims = Claims::new(source.len(), cancel);
            disk.claims(&mut claims, &mut check)?;
            claims.finish(&mut check)?;
            Box::new(disk)
        }
        Format::Vmdk => {
            let disk = vmdk::open(Arc::clone(source), &options)?;
            disk.check(&mut check, !quick, cancel)?;
            Box::new(disk)
        }
        #[cfg(feature = "qcow2")]
        Format::Qcow2 => {
            let disk = crate::qcow2::open(Arc::clone(source), &options)?;
            disk.check(&mut check, cancel)?;
            Box::new(disk)
        }
        #[cfg(feature = "vdi")]
        Format::Vdi => {
            let disk = crate::vdi::open(Arc::clone(source), &options)?;
            let mut claims = Claims::new(source.len(), cancel);
            disk.claims(&mut claims, &mut check)?;
            claims.finish(&mut check)?;
            Box::new(disk)
        }
        _ => match options.open(Arc::clone(source))? {
            Opened::Disk(disk) => disk,
            Opened::Appliance(appliance) => {
                return of_appliance(&appliance, &options, check, quick, progress, cancel);
            }
        },
    };
    check.notes(disk.info());
    if !quick {
        data::read(&*disk, &mut check, progress, cancel)?;
    }
    check.problems.sort_by_key(|problem| problem.kind);
    Ok(check)
}

/// Checks the files of an appliance against its manifest, and its disks.
fn of_appliance(
    appliance: &Appliance,
    options: &OpenOptions,
    mut check: Check,
    quick: bool,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Check, Error> {
    if !quick {
        for member in appliance.verify(progress, cancel)?.checks {
            if member.outcome != Outcome::Match {
                let detail = format!("{}: {:?}", member.name, member.outcome);
                check.add(ProblemKind::Metadata, None, detail);
            }
        }
    }
    for (index, disk) in appliance.disks().iter().enumerate() {
        let (Some(member), None) = (&disk.member, &disk.compression) else {
            continue;
        };
        let file = appliance.open_member(member)?;
        // An appliance within an appliance could go on for ever.
        let format = probe(&file)?.first().map(|candidate| candidate.format);
        if format == Some(Format::Ova) {
            let detail = format!("disk {index}: it is an appliance itself");
            check.add(ProblemKind::Metadata, None, detail);
            continue;
        }
        let options = options.clone().format(format);
        match self::check(file, &options, quick, progress, cancel) {
            Ok(of_disk) => {
                for problem in of_disk.problems {
                    let detail = format!("disk {index}: {}", problem.detail);
                    check.problems.push(Problem { detail, ..problem });
                }
                check.damaged = check.damaged.saturating_add(of_disk.damaged);
                check.leaked = check.leaked.saturating_add(of_disk.leaked);
                check.bytes_read = check.bytes_read.saturating_add(of_disk.bytes_read);
            }
            Err(error) if error.cause() == Cause::NothingToCheck => {}
            Err(error) => check.error(error)?,
        }
    }
    check.problems.sort_by_key(|problem| problem.kind);
    Ok(check)
}
