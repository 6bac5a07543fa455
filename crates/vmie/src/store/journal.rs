//! What the store remembers: a file of lines that is only ever appended to.
//!
//! A line is the CRC-32C of its text as eight hexadecimal digits, a space, the text (one JSON
//! document) and a line feed. A line counts when it is whole; the last one may be torn by a crash
//! and is then dropped, since nothing was done yet on the strength of it. A bad line with a good
//! one after it was not made by a crash: that is damage, and it is an error.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use vmie_io::Fault;

use super::durable::{Durable, open_for_append};
use crate::{Cause, Error};

/// The CRC and the space.
const PREFIX: usize = 9;

/// The longest journal that is read, so that a wrong file under its name cannot take all memory. A
/// line of an import is some kilobytes, and the journal is rewritten long before.
const MAX_LEN: u64 = 256 << 20;

/// A journal that is open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    durable: Durable,
    path: PathBuf,
    file: File,
    len: u64,
    /// Whether a line may stand half written at the end, so that nothing can come after it.
    torn: bool,
}

impl Journal {
    /// Opens the journal at `path`, making an empty one when there is none, and returns the texts
    /// of its lines. A torn last line is cut off.
    pub(crate) fn open(durable: Durable, path: &Path) -> Result<(Self, Vec<Vec<u8>>), Error> {
        let bytes = read(path)?;
        let (lines, good) = parse(&bytes).map_err(|error| error.in_file(path))?;
        if good < bytes.len() {
            tracing::warn!(
                at = good,
                "the last line of the journal is torn; it is dropped"
            );
            durable.step("cut torn line", path)?;
            cut(path, vmie_io::int::u64_of(good)).map_err(|error| Error::write(path, error))?;
        }
        let journal = Self {
            file: open_for_append(path)?,
            len: vmie_io::int::u64_of(good),
            durable,
            path: path.to_owned(),
            torn: false,
        };
        Ok((journal, lines))
    }

    /// Length of the file in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Appends a line; when this returns, it is on stable storage. When it fails, the journal is
    /// as it was before.
    pub(crate) fn append(&mut self, text: &[u8]) -> Result<(), Error> {
        self.mend()?;
        let line = frame(text);
        let appended = self.durable.append(&mut self.file, &self.path, &line);
        if let Err(error) = appended {
            self.torn = true;
            // When even this fails, the next line or the next start tries it again.
            let _ = self.mend();
            return Err(error);
        }
        self.len = self.len.saturating_add(vmie_io::int::u64_of(line.len()));
        Ok(())
    }

    /// Cuts off what a failed append has left.
    fn mend(&mut self) -> Result<(), Error> {
        if self.torn {
            self.durable.step("cut torn line", &self.path)?;
            cut(&self.path, self.len).map_err(|error| Error::write(&self.path, error))?;
            self.torn = false;
        }
        Ok(())
    }

    /// Puts a journal of these lines in the place of this one, whole or not at all.
    pub(crate) fn rewrite(&mut self, texts: &[Vec<u8>]) -> Result<(), Error> {
        let bytes: Vec<u8> = texts.iter().flat_map(|text| frame(text)).collect();
        self.durable.replace(&self.path, &bytes)?;
        self.file = open_for_append(&self.path)?;
        self.len = vmie_io::int::u64_of(bytes.len());
        self.torn = false;
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_LEN => {
            let fault = Fault::new(Cause::Limit).in_structure("journal");
            Err(Error::from(fault.found(metadata.len())).in_file(path))
        }
        Ok(_) => fs::read(path).map_err(|error| Error::read(path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::read(path, error)),
    }
}

fn cut(path: &Path, len: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(len)?;
    file.sync_all()
}

fn frame(text: &[u8]) -> Vec<u8> {
    let mut line = format!("{:08x} ", crc32c::crc32c(text)).into_bytes();
    line.extend_from_slice(text);
    line.push(b'\n');
    line
}

/// The text of one line without its line feed, when the line is whole.
fn unframe(line: &[u8]) -> Option<&[u8]> {
    let (prefix, text) = line.split_at_checked(PREFIX)?;
    let told = std::str::from_utf8(prefix.strip_suffix(b" ")?).ok()?;
    let told = u32::from_str_radix(told, 16).ok()?;
    (crc32c::crc32c(text) == told).then_some(text)
}

/// The texts of the whole lines at the start, and how many bytes those lines take.
fn parse(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, usize), Error> {
    let mut lines = Vec::new();
    let mut good = 0usize;
    let mut bad = None;
    let mut at = 0usize;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").and_then(unframe);
        match (text, bad) {
            (Some(text), None) => {
                lines.push(text.to_vec());
                good = good.saturating_add(line.len());
            }
            (Some(_), Some(offset)) => {
                let fault = Fault::new(Cause::JournalDamaged).at("journal", offset);
                return Err(fault.into());
            }
            (None, None) => bad = Some(vmie_io::int::u64_of(at)),
            (None, Some(_)) => {}
        }
        at = at.saturating_add(line.len());
    }
    Ok((lines, good))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<u8> {
        [&b"{\"a\":1}"[..], b"{\"b\":2}", b"{\"c\":3}"]
            .iter()
            .flat_map(|text| frame(text))
            .collect()
    }

    #[test]
    fn cut_at_any_byte_it_keeps_the_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let bytes = three();
        let line = bytes.len() / 3;
        for len in 0..=bytes.len() {
            fs::write(&path, &bytes[..len]).unwrap();
            let (mut journal, lines) = Journal::open(Durable::default(), &path).unwrap();
            assert_eq!(lines.len(), len / line, "cut at {len}");
            journal.append(b"{\"d\":4}").unwrap();
            drop(journal);
            let (_, again) = Journal::open(Durable::default(), &path).unwrap();
            assert_eq!(again.len(), len / line + 1);
            assert_eq!(again.last().unwrap(), b"{\"d\":4}");
        }
    }

    #[test]
    fn damage_in_the_middle_is_an_error_with_its_place() {
        let good = three();
        let line = good.len() / 3;
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x41;
            match parse(&bytes) {
                Ok((lines, len)) => {
                    // Only the last line can be taken for a torn one, or one whose line feed went.
                    assert!(at >= 2 * line || at == 2 * line - 1, "flipped at {at}");
                    assert_eq!(len, lines.len() * line);
                }
                Err(error) => {
                    assert_eq!(error.cause(), Some(Cause::JournalDamaged));
                    let expected = at / line * line;
                    assert_eq!(error.offset(), Some(expected as u64), "flipped at {at}");
                }
            }
        }
    }

    #[test]
    fn a_failed_append_leaves_no_torn_line() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let flushes = AtomicUsize::new(0);
        let hook = move |name: &'static str| match name {
            "flush" if flushes.fetch_add(1, Ordering::SeqCst) == 1 => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        };
        let durable = Durable::with_hook(Arc::new(hook));
        let (mut journal, _) = Journal::open(durable, &path).unwrap();
        journal.append(b"{\"n\":1}").unwrap();
        let error = journal.append(b"{\"n\":2}").unwrap_err();
        assert_eq!(error.cause(), Some(Cause::DiskFull));
        assert_eq!(journal.len(), fs::metadata(&path).unwrap().len());
        journal.append(b"{\"n\":3}").unwrap();
        let (_, lines) = Journal::open(Durable::default(), &path).unwrap();
        assert_eq!(lines, [b"{\"n\":1}".to_vec(), b"{\"n\":3}".to_vec()]);
    }

    #[test]
    fn a_rewritten_journal_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, _) = Journal::open(Durable::default(), &path).unwrap();
        for _ in 0..9 {
            journal.append(b"{}").unwrap();
        }
        let before = journal.len();
        journal.rewrite(&[b"{\"all\":9}".to_vec()]).unwrap();
        assert!(journal.len() < before);
        journal.append(b"{\"then\":1}").unwrap();
        assert_eq!(journal.len(), fs::metadata(&path).unwrap().len());
        let (_, lines) = Journal::open(Durable::default(), &path).unwrap();
        assert_eq!(lines, [b"{\"all\":9}".to_vec(), b"{\"then\":1}".to_vec()]);
    }
}
