//! Our answer beside that of other readers.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use vmie::formats::DiskImage;
use vmie::io::{ExtentKind, ReadAt as _, ReadAtExt as _};

use super::Image;
use super::told::Reading;
use crate::Result;
use crate::differential::images::options;
use crate::run::{Tally, sha256_of_parts};

/// Bytes hashed at once.
const PIECE: u64 = 1 << 20;

/// A difference from one reader, where another agrees with us: which reader differs, in what, and what
/// the specification says.
struct Explained {
    reader: &'static str,
    when: fn(&Ours, &Reading) -> bool,
    section: &'static str,
}

/// The differences that are known, by what kind of image they arise from.
const EXPLAINED: &[Explained] = &[
    Explained {
        reader: "qemu-img",
        when: |ours, theirs| {
            ours.format == "vhd" && ours.variant == "differencing" && ours.size == theirs.size
        },
        section: "Virtual Hard Disk Image Format Specification 1.0, Implementing a Differencing Hard \
                  Disk: where a sector's bit is clear, the parent has the data; qemu-img opens no parent",
    },
    Explained {
        reader: "qemu-img",
        when: |ours, theirs| {
            let raw = theirs.format.as_deref() == Some("raw");
            let footer = theirs.size.and_then(|size| size.checked_sub(512));
            ours.format == "vhd" && ours.variant == "fixed" && raw && ours.size == footer
        },
        section: "Virtual Hard Disk Image Format Specification 1.0, Fixed Hard Disk Image: the footer \
                  stands at the end alone, where qemu-img does not look unless it is told the format",
    },
    Explained {
        reader: "libvhdi",
        when: |ours, theirs| {
            // Less than a cylinder of 16 heads and 255 sectors.
            let less = theirs
                .size
                .zip(ours.size)
                .and_then(|(theirs, ours)| theirs.checked_sub(ours));
            ours.format == "vhd" && less.is_some_and(|less| (1..16 * 255 * 512).contains(&less))
        },
        section: "Virtual Hard Disk Image Format Specification 1.0, Hard Disk Footer Format, Disk \
                  Geometry: Virtual PC shows its guests the disk that cylinders, heads and sectors make",
    },
    Explained {
        reader: "qemu-img",
        when: |ours, theirs| ours.variant == "seSparse" && theirs.format.as_deref() == Some("raw"),
        section: "the magic number 0xcafebabe of an extent of the type SESPARSE; qemu-img reads such \
                  extents by a descriptor only",
    },
];

/// Why a VHD is refused that another reads.
const CHECKSUM: &str = "Virtual Hard Disk Image Format Specification 1.0, Hard Disk Footer Format, \
                        Checksum: a footer whose checksum is wrong is looked for at the other end of the \
                        file, and there it is wrong, too";

/// What we say of an image.
struct Ours {
    format: String,
    variant: String,
    size: Option<u64>,
    digest: Option<String>,
}

/// How our answer compares.
pub(super) enum Outcome {
    /// The same as every reader's.
    Same,
    /// The same as one reader's; why another differs.
    Explained(String),
    /// No reader of images is known to have read it; the file's size is right.
    Unread,
    /// We refuse it, and so do they.
    Refused,
    /// Something else.
    Other(String),
}

/// How many answers compare how.
#[derive(Default)]
pub(super) struct Outcomes {
    same: usize,
    unread: usize,
    refused: usize,
    pub(super) explained: Vec<String>,
    other: usize,
}

impl Outcomes {
    /// Counts one.
    pub(super) fn take(&mut self, name: &str, outcome: Result<Outcome>, tally: &mut Tally) {
        let error = match outcome {
            Ok(Outcome::Same) => {
                self.same += 1;
                None
            }
            Ok(Outcome::Unread) => {
                self.unread += 1;
                None
            }
            Ok(Outcome::Refused) => {
                self.refused += 1;
                None
            }
            Ok(Outcome::Explained(why)) => {
                println!("EXPLAINED  {name}: {why}");
                self.explained.push(name.to_owned());
                None
            }
            Ok(Outcome::Other(what)) => Some(what),
            Err(error) => Some(error.to_string()),
        };
        self.other += usize::from(error.is_some());
        tally.attempt(name, error.map_or(Ok(()), |what| Err(what.into())));
    }

    /// Adds what another thread counted.
    pub(super) fn join(&mut self, other: Self) {
        self.same += other.same;
        self.unread += other.unread;
        self.refused += other.refused;
        self.explained.extend(other.explained);
        self.other += other.other;
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} as other readers say, {} explained, {} refused by all, {} of the size that the index has \
             (no image format), {} other",
            self.same,
            self.explained.len(),
            self.refused,
            self.unread,
            self.other
        )
    }
}

/// Compares what we say of an image with what the index does.
pub(super) fn compare(image: &Image<'_>, info: &Value, code: i32) -> Result<Outcome> {
    let told = &image.told;
    let file_size = std::fs::metadata(image.path)?.len();
    if let Some(size) = told.file_size.filter(|size| *size != file_size) {
        return Ok(Outcome::Other(format!(
            "the file has {file_size} bytes, and not {size}"
        )));
    }
    let readers: Vec<&Reading> = told.readings.iter().filter(|r| !r.refuses).collect();
    if code != 0 {
        let refused = readers.is_empty() && told.readings.len() + told.capacities.len() > 0;
        let message = &info["error"]["message"];
        let second = told.readings.iter().find(|reading| reading.refuses);
        let checksum = message
            .as_str()
            .is_some_and(|text| text.contains("VHD") && text.contains("checksum"));
        return Ok(match (readers.first(), second) {
            (Some(reader), Some(second)) if checksum => Outcome::Explained(format!(
                "{} refuses it, too; {} reads it: {CHECKSUM}",
                second.reader, reader.reader
            )),
            (Some(reader), _) => Outcome::Other(format!(
                "{} reads it, and we do not: {message}",
                reader.reader
            )),
            (None, _) => {
                if !refused {
                    println!("refused  {}: {message}", image.name);
                }
                Outcome::Refused
            }
        });
    }
    let ours = ours(image, info, &readers)?;
    if !told.capacities.is_empty() && !is_capacities(image, &told.capacities)? {
        return Ok(Outcome::Other(format!(
            "not disks of {:?} bytes: {info}",
            told.capacities
        )));
    }
    if readers.is_empty() {
        if told.readings.iter().any(|reading| reading.refuses) {
            println!("nobody else reads {}, and we do", image.name);
        }
        let whole = ours.format != "raw" || ours.size == Some(file_size);
        return Ok(match whole {
            _ if !told.capacities.is_empty() => Outcome::Same,
            true => Outcome::Unread,
            false => Outcome::Other(format!("raw of {:?} bytes, and not {file_size}", ours.size)),
        });
    }
    Ok(verdict(&ours, &readers))
}

fn verdict(ours: &Ours, readers: &[&Reading]) -> Outcome {
    let (agree, differ): (Vec<&Reading>, Vec<&Reading>) =
        readers.iter().partition(|r| agrees(ours, r));
    let said = |reader: &Reading| {
        format!(
            "{} {:?} {:?} {:?}",
            reader.reader, reader.format, reader.size, reader.digest
        )
    };
    let Some(first) = differ.first() else {
        return Outcome::Same;
    };
    let found = format!(
        "{} {} {:?} {:?}",
        ours.format, ours.variant, ours.size, ours.digest
    );
    let mut reasons = Vec::new();
    for reader in &differ {
        let known = EXPLAINED
            .iter()
            .find(|e| e.reader == reader.reader && (e.when)(ours, reader));
        match known {
            Some(known) => reasons.push(format!("{} differs: {}", reader.reader, known.section)),
            None => return Outcome::Other(format!("{found}, and {}", said(reader))),
        }
    }
    match agree.first() {
        Some(second) => {
            Outcome::Explained(format!("{} agrees; {}", second.reader, reasons.join("; ")))
        }
        None => Outcome::Other(format!("{found}, and {}; nobody agrees", said(first))),
    }
}

fn agrees(ours: &Ours, theirs: &Reading) -> bool {
    let format = theirs
        .format
        .as_ref()
        .is_none_or(|format| *format == ours.format);
    let size = theirs.size.is_none() || theirs.size == ours.size;
    let digest = theirs.digest.is_none() || theirs.digest == ours.digest;
    format && size && digest
}

/// Our answer; the disk is read whole only if somebody says what it holds.
fn ours(image: &Image<'_>, info: &Value, readers: &[&Reading]) -> Result<Ours> {
    let word = |key: &str| info[key].as_str().unwrap_or_default().to_owned();
    let is_appliance = info["disks"].is_array();
    let size = match is_appliance {
        true => info["disks"][0]["virtual_size"].as_u64(),
        false => info["virtual_size"].as_u64(),
    };
    let digest = match readers.iter().any(|reading| reading.digest.is_some()) {
        true => {
            let opened = vmie::Image::open(image.path, &options(image.beside))?;
            Some(sha256_of_disk(&opened.disk(0)?)?)
        }
        false => None,
    };
    Ok(Ours {
        format: word("format"),
        variant: word("variant"),
        size,
        digest,
    })
}

/// Whether the disks of a descriptor have these sizes.
fn is_capacities(image: &Image<'_>, capacities: &[u64]) -> Result<bool> {
    let opened = vmie::Image::open(image.path, &options(image.beside))?;
    let descriptor = opened.appliance().ok_or("no appliance")?.descriptor();
    let ours = descriptor.disks.iter().filter_map(|disk| disk.capacity);
    Ok(ours.eq(capacities.iter().copied()))
}

/// SHA-256 of a disk, in hexadecimal; what reads as zeroes is not read.
fn sha256_of_disk(disk: &Arc<dyn DiskImage>) -> Result<String> {
    let mut buf = vec![0; usize::try_from(PIECE)?];
    let zeroes = buf.clone();
    sha256_of_parts(|hash| {
        for extent in disk.extents(0..disk.len()) {
            let extent = extent?;
            let mut at = extent.start;
            while at < extent.end() {
                let len = usize::try_from(PIECE.min(extent.end() - at))?;
                if extent.kind == ExtentKind::Data {
                    disk.read_exact_at(&mut buf[..len], at)?;
                    hash(&buf[..len]);
                } else {
                    hash(&zeroes[..len]);
                }
                at += PIECE.min(extent.end() - at);
            }
        }
        Ok(())
    })
}
