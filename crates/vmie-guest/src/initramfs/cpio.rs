//! The archives: cpio in its "new ASCII" forms.
//!
//! A header of six digits of magic and thirteen numbers of eight hexadecimal digits, the name, and
//! the content, each padded to four bytes
//! ([buffer format](https://docs.kernel.org/driver-api/early-userspace/buffer-format.html)).

use std::io::{self, Read};

use super::stream::{Skip, damaged, too_much};
use super::{Bounds, Compression, Contents};

/// Bytes of a header.
const HEADER: usize = 110;
/// The longest name, with its final zero: the kernel's `PATH_MAX`.
const MAX_NAME: u64 = 4096;
/// The longest list of modules that is taken: that of a full system is about 1 MiB.
const MAX_LIST: u64 = 4 << 20;
/// Kernels that are named at most.
const MAX_RELEASES: usize = 8;

/// Why an archive was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It is over.
    Trailer,
    /// What follows cannot change what is asked.
    Enough,
}

struct Header {
    is_file: bool,
    size: u64,
    name_size: u64,
}

/// The value of field `number`, from 0.
fn field(header: &[u8], number: usize) -> Option<u64> {
    let from = number.checked_mul(8)?.checked_add(6)?;
    let digits = header.get(from..from.checked_add(8)?)?;
    let text = std::str::from_utf8(digits).ok()?;
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

fn header(bytes: &[u8]) -> io::Result<Header> {
    // 070701 has no sums, 070702 has one over each content; 070707 is another form, which the
    // kernel does not take.
    if !matches!(bytes.get(..6), Some(b"070701" | b"070702")) {
        return Err(damaged(
            "a member that does not start with 070701 or 070702",
        ));
    }
    let number = |at| field(bytes, at).ok_or_else(|| damaged("a header that is no number"));
    let header = Header {
        is_file: number(1)? & 0o170_000 == 0o100_000,
        size: number(6)?,
        name_size: number(11)?,
    };
    if header.name_size == 0 || header.name_size > MAX_NAME {
        return Err(damaged("a name that is empty or too long"));
    }
    Ok(header)
}

/// How far it is from `n` to the next multiple of four.
fn padding(n: u64) -> u64 {
    n.wrapping_neg() & 3
}

/// What has been seen of all archives so far.
pub(super) struct Listing<'w> {
    wanted: &'w [&'w str],
    seen: Vec<bool>,
    releases: Vec<String>,
    entries: u64,
    unpacked: u64,
    bounds: Bounds,
    /// Of the drivers wanted, those that the archive's own list of modules names.
    listed: Option<Vec<bool>>,
}

impl<'w> Listing<'w> {
    pub(super) fn new(wanted: &'w [&'w str], bounds: Bounds) -> Self {
        Self {
            wanted,
            seen: vec![false; wanted.len()],
            releases: Vec::new(),
            entries: 0,
            unpacked: 0,
            bounds,
            listed: None,
        }
    }

    pub(super) fn unpacked(&self) -> u64 {
        self.unpacked
    }

    pub(super) fn has_any(&self) -> bool {
        self.entries > 0
    }

    pub(super) fn contents(self, compressions: Vec<Compression>, complete: bool) -> Contents {
        let seen = self.wanted.iter().zip(&self.seen);
        Contents {
            compressions,
            drivers: seen
                .filter(|(_, seen)| **seen)
                .map(|(name, _)| (*name).to_owned())
                .collect(),
            releases: self.releases,
            entries: self.entries,
            unpacked: self.unpacked,
            complete,
        }
    }

    /// Lists one archive, to the end of its trailer.
    pub(super) fn archive<S: Skip>(&mut self, stream: &mut S) -> io::Result<Ended> {
        let mut bytes = [0u8; HEADER];
        let mut name = Vec::new();
        loop {
            stream.read_exact(&mut bytes)?;
            let header = header(&bytes)?;
            name.clear();
            let read = (&mut *stream)
                .take(header.name_size)
                .read_to_end(&mut name)?;
            if vmie_io::int::u64_of(read) < header.name_size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let head = vmie_io::int::u64_of(HEADER).saturating_add(header.name_size);
            stream.skip(padding(head))?;
            self.entries = self.entries.saturating_add(1);
            self.unpacked = self
                .unpacked
                .saturating_add(head)
                .saturating_add(header.size);
            if self.entries > self.bounds.entries {
                return Err(too_much());
            }
            let path = name.split(|b| *b == 0).next().unwrap_or_default();
            if path == b"TRAILER!!!" {
                stream.skip(header.size)?;
                return Ok(Ended::Trailer);
            }
            let rest = self.member(stream, path, &header)?;
            stream.skip(rest.saturating_add(padding(header.size)))?;
            if self.is_enough() {
                return Ok(Ended::Enough);
            }
        }
    }

    /// Takes note of a member; says how much of its content has not been read.
    fn member<S: Skip>(&mut self, stream: &mut S, path: &[u8], header: &Header) -> io::Result<u64> {
        let Some((release, below)) = below_modules(path) else {
            return Ok(header.size);
        };
        if self.releases.len() < MAX_RELEASES
            && let Ok(release) = std::str::from_utf8(release)
            && !release.is_empty()
            && !self.releases.iter().any(|known| known == release)
        {
            self.releases.push(release.to_owned());
        }
        if !header.is_file {
            return Ok(header.size);
        }
        if below == b"modules.dep" && header.size <= MAX_LIST && header.size > 0 {
            let mut list = Vec::new();
            (&mut *stream).take(header.size).read_to_end(&mut list)?;
            let mut listed = vec![false; self.wanted.len()];
            for line in list.split(|b| *b == b'\n') {
                let file = line.split(|b| *b == b':').next().unwrap_or_default();
                note(self.wanted, &mut listed, file);
            }
            self.listed = Some(listed);
            let read = vmie_io::int::u64_of(list.len());
            return Ok(header.size.saturating_sub(read));
        }
        note(self.wanted, &mut self.seen, path);
        Ok(header.size)
    }

    /// Whether the archive's own list was met, and all that it names, and something in it at all.
    fn is_enough(&self) -> bool {
        self.listed.as_ref().is_some_and(|listed| {
            listed
                .iter()
                .zip(&self.seen)
                .all(|(listed, seen)| !listed || *seen)
        })
    }
}

/// The release and the rest of a path below `lib/modules`.
fn below_modules(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let path = path.strip_prefix(b"usr/").unwrap_or(path);
    let rest = path.strip_prefix(b"lib/modules/")?;
    let slash = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
    let (release, below) = rest.split_at_checked(slash)?;
    Some((release, below.get(1..).unwrap_or_default()))
}

/// Marks the driver that a module's file is: `…/nvme.ko.xz`.
fn note(wanted: &[&str], marks: &mut [bool], path: &[u8]) {
    let file = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let mut parts = file.split(|b| *b == b'.');
    let name = parts.next().unwrap_or_default();
    if parts.next() != Some(b"ko") {
        return;
    }
    for (driver, mark) in wanted.iter().zip(marks) {
        if same_module(driver.as_bytes(), name) {
            *mark = true;
        }
    }
}

/// Whether two names are the same module's: `-` and `_` are one.
fn same_module(left: &[u8], right: &[u8]) -> bool {
    let plain = |b: &u8| if *b == b'-' { b'_' } else { *b };
    left.len() == right.len() && left.iter().map(plain).eq(right.iter().map(plain))
}
