//! Writing an appliance: descriptor, manifest, and a stream-optimized disk, in one tar
//! (DSP0243 1.1.0, sections 5.1 to 5.3; POSIX.1-2017, pax, "ustar Interchange Format").

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};
use vmie_io::{CancelToken, ReadAt, WriteAt, int};

use super::format::{BLOCK, CHKSUM_AT};
use crate::convert::{
    ConvertOptions, Hashing, Report, SinkWriter, Stamp, convert_grains, stream_error, write_error,
};
use crate::ovf::write::descriptor;
use crate::{Cause, Error, Progress};

/// Bytes that a tar is filled up to: a record of twenty blocks.
const RECORD: u64 = 20 * BLOCK;
/// The largest size that eleven octal digits tell; larger ones are in base 256, as GNU tar has it.
const OCTAL: u64 = (8 << 30) - 1;
/// Bytes that a descriptor is filled up to with line ends after its last element, so that its
/// length, and with it the place of the disk, is known before the length of the disk's file is.
const DESCRIPTOR: usize = 8 << 10;
/// Characters of the name of an appliance in the names of its files.
const NAME: usize = 60;

/// The machine that an appliance describes besides its disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Machine {
    /// Its name; files are named after it.
    pub name: String,
    /// Its processors.
    pub cpus: u32,
    /// Its memory in MiB.
    pub memory: u32,
    /// Whether its firmware is UEFI; else it is a BIOS.
    pub uefi: bool,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            name: "vm".to_owned(),
            cpus: 1,
            memory: 1024,
            uefi: false,
        }
    }
}

/// What goes around the disk.
struct Frame<'a> {
    size: u64,
    stamp: &'a Stamp,
    machine: &'a Machine,
    name: String,
}

impl<'a> Frame<'a> {
    fn new(size: u64, options: &'a ConvertOptions) -> Self {
        let machine = options.machine_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let name: String = machine
            .name
            .chars()
            .map(|c| if plain(c) { c } else { '_' })
            .collect();
        let name = name.trim_start_matches(['.', '-']);
        Self {
            size,
            stamp: options.stamp_ref(),
            machine,
            name: name.get(..NAME).unwrap_or(name).to_owned(),
        }
    }

    fn file(&self, suffix: &str) -> String {
        let name = if self.name.is_empty() {
            "vm"
        } else {
            &self.name
        };
        format!("{name}{suffix}")
    }

    /// All before the disk's first byte, for a disk file of so many bytes with this digest.
    fn head(&self, len: u64, digest: &[u8]) -> Result<Vec<u8>, Error> {
        let disk = self.file("-disk1.vmdk");
        let mut text = descriptor(self.machine, self.stamp, &disk, self.size, len).into_bytes();
        if text.len() > DESCRIPTOR {
            return Err(Error::new(Cause::OvfAttribute)
                .in_structure("OVF descriptor")
                .field("Name")
                .found(self.machine.name.as_str()));
        }
        text.resize(DESCRIPTOR, b'\n');
        let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
        let ovf = self.file(".ovf");
        let manifest = format!(
            "SHA256({ovf})= {}\nSHA256({disk})= {}\n",
            hex(&Sha256::digest(&text)),
            hex(digest)
        );
        let mut out = Vec::new();
        for (name, content) in [(ovf, text), (self.file(".mf"), manifest.into_bytes())] {
            out.extend_from_slice(&header(&name, int::u64_of(content.len()), self.stamp.time));
            out.extend_from_slice(&content);
            out.resize(out.len().next_multiple_of(int::usize_of(BLOCK)), 0);
        }
        out.extend_from_slice(&header(&disk, len, self.stamp.time));
        Ok(out)
    }

    /// All after the disk's last byte, which is so far from the start of the file: what fills its
    /// block, two blocks of zeroes, and what fills the record.
    fn tail(end: u64) -> Vec<u8> {
        let whole = end
            .next_multiple_of(BLOCK)
            .saturating_add(2 * BLOCK)
            .next_multiple_of(RECORD);
        vec![0; int::usize_of(whole.saturating_sub(end))]
    }
}

/// A header block.
fn header(name: &str, size: u64, time: u64) -> Vec<u8> {
    let mut block = vec![0u8; int::usize_of(BLOCK)];
    let mut put = |at: usize, bytes: &[u8]| {
        let end = at.saturating_add(bytes.len());
        if let Some(place) = block.get_mut(at..end) {
            place.copy_from_slice(bytes);
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if size <= OCTAL {
        put(124, format!("{size:011o}\0").as_bytes());
    } else {
        put(124, &[0x80, 0, 0, 0]);
        put(128, &size.to_be_bytes());
    }
    put(136, format!("{:011o}\0", time.min(OCTAL)).as_bytes());
    put(CHKSUM_AT, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    if let Some(place) = block.get_mut(CHKSUM_AT..CHKSUM_AT.saturating_add(8)) {
        place.copy_from_slice(sum.as_bytes());
    }
    block
}

/// Writes the appliance to a sink that can seek, in one pass.
pub(crate) fn to_sink(
    source: &dyn ReadAt,
    sink: &dyn WriteAt,
    options: &ConvertOptions,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let frame = Frame::new(source.len(), options);
    let start = int::u64_of(frame.head(0, &[0; 32])?.len());
    let out = Hashing::new(SinkWriter::at(sink, start), true);
    let (report, out) = convert_grains(source, out, options, progress, cancel)?;
    let (len, digest) = (out.len(), out.digest().unwrap_or_default());
    let end = start.saturating_add(len);
    let tail = Frame::tail(end);
    sink.write_all_at(&tail, end).map_err(write_error)?;
    // The first header last: before it is there, the file is no appliance.
    let head = frame.head(len, &digest)?;
    sink.write_all_at(&head, 0).map_err(write_error)?;
    Ok(Report {
        file_bytes: end.saturating_add(int::u64_of(tail.len())),
        file_sha256: None,
        ..report
    })
}

/// Writes the appliance to a sink that cannot seek. The length and the digest of the disk's file go
/// before it, so the disk is compressed twice: first for those, then to be written.
pub(crate) fn to_stream(
    source: &dyn ReadAt,
    out: impl Write + Send,
    options: &ConvertOptions,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let frame = Frame::new(source.len(), options);
    let counted = Hashing::new(io::sink(), true);
    let first = options.clone().digest(false);
    let half = Half(progress, false);
    let (_, counted) = convert_grains(source, counted, &first, &half, cancel)?;
    let (len, digest) = (counted.len(), counted.digest().unwrap_or_default());
    let mut whole = Hashing::new(out, options.wants_file_digest());
    let head = frame.head(len, &digest)?;
    put(&mut whole, &head)?;
    let again = Hashing::new(&mut whole, true);
    let half = Half(progress, true);
    let (report, again) = convert_grains(source, again, options, &half, cancel)?;
    if again.digest() != Some(digest) {
        // Something wrote to the source in the meantime.
        return Err(Error::new(Cause::SourceChanged).in_structure("source"));
    }
    drop(again);
    let end = int::u64_of(head.len()).saturating_add(len);
    put(&mut whole, &Frame::tail(end))?;
    whole
        .flush()
        .map_err(|error| stream_error(error, whole.len()))?;
    Ok(Report {
        file_bytes: whole.len(),
        file_sha256: whole.digest(),
        ..report
    })
}

fn put(out: &mut Hashing<impl Write>, bytes: &[u8]) -> Result<(), Error> {
    let at = out.len();
    out.write_all(bytes)
        .map_err(|error| stream_error(error, at))
}

/// The progress of one of two passes.
struct Half<'a>(&'a dyn Progress, bool);

impl Progress for Half<'_> {
    fn update(&self, done: u64, total: u64) {
        let before = if self.1 { total } else { 0 };
        let whole = total.saturating_mul(2);
        self.0.update(before.saturating_add(done), whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_past_eight_gigabytes_are_in_base_256() {
        let block = header("disk.vmdk", 9 << 30, 1_700_000_000);
        assert_eq!(block[124], 0x80);
        assert_eq!(
            u64::from_be_bytes(block[128..136].try_into().unwrap()),
            9 << 30
        );
        let block = header("disk.vmdk", OCTAL, 0);
        assert_eq!(&block[124..136], b"77777777777\0");
    }

    #[test]
    fn names_of_files_are_plain_whatever_the_machine_is_called() {
        let name = |text: &str| {
            let machine = Machine {
                name: text.to_owned(),
                ..Machine::default()
            };
            let options = ConvertOptions::new().machine(machine);
            Frame::new(0, &options).file(".ovf")
        };
        assert_eq!(name("web 1/../\u{fc}"), "web_1_..__.ovf");
        assert_eq!(name("../x"), "_x.ovf");
        assert_eq!(name(""), "vm.ovf");
        assert_eq!(name(&"a".repeat(200)).len(), NAME + 4);
    }
}
