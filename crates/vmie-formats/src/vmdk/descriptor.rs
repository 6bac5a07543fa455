//! Descriptors: the text that says what a VMDK is (technical note, "The Descriptor File").

use std::borrow::Cow;

use encoding_rs::Encoding;
use vmie_io::{LimitExceeded, int};

use crate::{Cause, Error};

/// Lines of one descriptor. Real ones have some tens, with many extents some hundreds; so many
/// settings take some megabytes at most.
const MAX_LINES: u64 = 16_384;
/// Extents of one disk: with the usual 2 GiB each, far more than the largest disk has.
const MAX_EXTENTS: u64 = 4096;

/// A descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Descriptor {
    /// The kind: `streamOptimized`, `monolithicSparse`, `vmfs` …
    pub create_type: Option<String>,
    /// The content id, which changes when the disk is first written to.
    pub cid: Option<u32>,
    /// The content id of the parent; [`Descriptor::NO_PARENT`] when there is none.
    pub parent_cid: Option<u32>,
    /// The parent's file name.
    pub parent_file_name_hint: Option<String>,
    /// The extents that make up the disk.
    pub extents: Vec<ExtentLine>,
    /// The other settings, keys as they are written, without the quotes around their values:
    /// `ddb.adapterType`, `ddb.virtualHWVersion`, `encoding` …
    pub settings: Vec<(String, String)>,
}

/// An extent: a part of the disk, and the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtentLine {
    /// `RW`, `RDONLY` or `NOACCESS`.
    pub access: String,
    /// Length in sectors of 512 bytes; not zero.
    pub sectors: u64,
    /// `SPARSE`, `FLAT`, `ZERO`, `VMFS` …
    pub kind: String,
    /// The file's name.
    pub file: Option<String>,
    /// Where in the file the extent starts, in sectors.
    pub offset: Option<u64>,
    /// What follows the offset for an extent on a physical disk: a partition's id, and the
    /// device's.
    pub device: Vec<String>,
    /// Byte offset of the line in the file.
    pub(super) at: u64,
}

impl Descriptor {
    /// The parent's content id that means that there is no parent.
    pub const NO_PARENT: u32 = u32::MAX;

    /// The value of a setting, without regard to the key's case.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, value)| value.as_str())
    }

    /// The disk controller that the disk was made for: `lsilogic`, `buslogic`, `ide` …
    #[must_use]
    pub fn adapter_type(&self) -> Option<&str> {
        self.setting("ddb.adapterType")
    }

    /// The version of VMware's virtual hardware that the disk was made for.
    #[must_use]
    pub fn hardware_version(&self) -> Option<&str> {
        self.setting("ddb.virtualHWVersion")
    }

    /// Whether the disk holds the differences to a parent.
    #[must_use]
    pub fn has_parent(&self) -> bool {
        self.parent_cid.is_some_and(|cid| cid != Self::NO_PARENT)
    }

    /// Whether the disk is encrypted: VMware Workstation keeps the keys in the descriptor, ESXi
    /// names the filter that encrypts.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        let filters = self.setting("ddb.iofilters").unwrap_or_default();
        filters.contains("vmwarevmcrypt")
            || self.settings.iter().any(|(key, _)| {
                let key = key.to_ascii_lowercase();
                key.starts_with("encryption.") || key == "encryptionkeys"
            })
    }

    /// The kind that the beginning of a descriptor states, when it does.
    pub(super) fn create_type_of(bytes: &[u8]) -> Option<String> {
        bytes.split(|b| *b == b'\n').find_map(|line| {
            let line = String::from_utf8_lossy(line);
            let (key, value) = line.split_once('=')?;
            let is_it = key.trim().eq_ignore_ascii_case("createType");
            is_it.then(|| unquote(value.trim()).to_owned())
        })
    }

    /// Reads the text that was found at byte `base`, up to the first NUL. It is in the encoding that
    /// it names, UTF-8 by default; what cannot be decoded becomes replacement characters.
    pub(super) fn parse(bytes: &[u8], base: u64) -> Result<Self, Error> {
        let bytes = bytes.split(|b| *b == 0).next().unwrap_or_default();
        let encoding = encoding(bytes);
        let mut out = Self::default();
        let mut at = base;
        for (lines, raw) in (1u64..).zip(bytes.split(|b| *b == b'\n')) {
            if lines > MAX_LINES {
                return Err(LimitExceeded::new("descriptor", "lines", lines, MAX_LINES).into());
            }
            let here = at;
            at = at.saturating_add(int::u64_of(raw.len())).saturating_add(1);
            let text = decode(raw, encoding);
            let line = text.trim_start_matches('\u{feff}').trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = || {
                Error::new(Cause::VmdkDescriptor)
                    .at("descriptor", here)
                    .found(line)
            };
            out.line(line, here).ok_or_else(bad)?;
            let extents = int::u64_of(out.extents.len());
            if extents > MAX_EXTENTS {
                return Err(LimitExceeded::new("disk", "extents", extents, MAX_EXTENTS).into());
            }
        }
        Ok(out)
    }

    fn line(&mut self, line: &str, at: u64) -> Option<()> {
        let first = line.split_ascii_whitespace().next()?;
        let is_extent = ["RW", "RDONLY", "NOACCESS"]
            .iter()
            .any(|access| first.eq_ignore_ascii_case(access));
        if is_extent {
            self.extents.push(extent(line, at)?);
            return Some(());
        }
        let (key, value) = line.split_once('=')?;
        let (key, value) = (key.trim(), unquote(value.trim()));
        match key.to_ascii_lowercase().as_str() {
            "createtype" => once(&mut self.create_type, value.to_owned()),
            "cid" => once(&mut self.cid, hex(value)?),
            "parentcid" => once(&mut self.parent_cid, hex(value)?),
            "parentfilenamehint" => once(&mut self.parent_file_name_hint, value.to_owned()),
            _ => {
                self.settings.push((key.to_owned(), value.to_owned()));
                Some(())
            }
        }
    }
}

/// A setting that decides what the disk is may be repeated, but not contradict itself: readers that
/// take the first and readers that take the last would see different disks.
fn once<T: PartialEq>(slot: &mut Option<T>, value: T) -> Option<()> {
    if slot.as_ref().is_some_and(|there| *there != value) {
        return None;
    }
    *slot = Some(value);
    Some(())
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

fn unquote(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value)
}

/// The encoding that the text names, one in which ASCII stays ASCII: that is how its own name is
/// found, and lines.
fn encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    let label = bytes.split(|b| *b == b'\n').find_map(|line| {
        let line = line.trim_ascii();
        let key = line.get(..8)?.eq_ignore_ascii_case(b"encoding");
        let rest = line.get(8..)?.trim_ascii_start();
        rest.strip_prefix(b"=").filter(|_| key)
    })?;
    let label = std::str::from_utf8(label.trim_ascii()).ok()?;
    Encoding::for_label(unquote(label).as_bytes()).filter(|encoding| encoding.is_ascii_compatible())
}

fn decode<'a>(raw: &'a [u8], encoding: Option<&'static Encoding>) -> Cow<'a, str> {
    match (std::str::from_utf8(raw), encoding) {
        // Whatever it claims: text of other encodings is hardly ever valid as UTF-8, and what
        // writes UTF-8 does not always say so.
        (Ok(text), _) => Cow::Borrowed(text),
        (Err(_), Some(encoding)) => encoding.decode_without_bom_handling(raw).0,
        (Err(_), None) => String::from_utf8_lossy(raw),
    }
}

/// `RW 20480 SPARSE "name" 0`; the name may have spaces, and `ZERO` extents have neither name nor
/// offset. Extents on physical disks have two more fields.
fn extent(line: &str, at: u64) -> Option<ExtentLine> {
    let mut rest = line;
    let (access, sectors, kind) = (word(&mut rest)?, word(&mut rest)?, word(&mut rest)?);
    let sectors = sectors.parse().ok().filter(|sectors: &u64| *sectors > 0)?;
    let file = match rest.strip_prefix('"') {
        Some(quoted) => {
            let (name, after) = quoted.split_once('"')?;
            rest = after.trim_start();
            Some(name.to_owned())
        }
        None => None,
    };
    let mut offset = None;
    if file.is_some() && rest.starts_with(|c: char| c.is_ascii_digit()) {
        offset = Some(word(&mut rest)?.parse().ok()?);
    }
    let mut device = Vec::new();
    while file.is_some() && device.len() < 2 && !rest.is_empty() {
        device.push(match rest.strip_prefix('"') {
            Some(quoted) => {
                let (name, after) = quoted.split_once('"')?;
                rest = after.trim_start();
                name.to_owned()
            }
            None => word(&mut rest)?.to_owned(),
        });
    }
    if !rest.is_empty() {
        return None;
    }
    Some(ExtentLine {
        access: access.to_ascii_uppercase(),
        sectors,
        kind: kind.to_ascii_uppercase(),
        file,
        offset,
        device,
        at,
    })
}

/// The next word, and what follows it.
fn word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, after) = text.split_at_checked(end)?;
    *rest = after.trim_start();
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Disk DescriptorFile\r\nversion=1\r\nCID=255a27cd\nparentCID=ffffffff\n\
        CreateType = \"streamOptimized\"\n\n# Extent description\n\
        RDONLY 16777216 SPARSE \"a disk.vmdk\"\nRW 63 FLAT \"b\" 5\n  rw\t2 zero\n\
        RW 63 FLAT \"\\\\.\\PhysicalDrive0\" 0 partitionUUID \"{id} 2\"\n\
        # The disk Data Base\nddb.adapterType = \"ide\"\nddb.virtualHWVersion=\"4\"\nddb.comment=\"\"\n\0junk";

    #[test]
    fn the_grammar_of_several_tools_is_read() {
        let descriptor = Descriptor::parse(TEXT.as_bytes(), 512).unwrap();
        assert_eq!(descriptor.create_type.as_deref(), Some("streamOptimized"));
        assert_eq!(descriptor.cid, Some(0x255a_27cd));
        assert!(!descriptor.has_parent() && !descriptor.is_encrypted());
        assert_eq!(descriptor.adapter_type(), Some("ide"));
        assert_eq!(descriptor.hardware_version(), Some("4"));
        assert_eq!(descriptor.setting("DDB.comment"), Some(""));
        let [a, b, c, d] = descriptor.extents.as_slice() else {
            panic!("{:?}", descriptor.extents)
        };
        assert_eq!(
            (a.sectors, a.file.as_deref(), a.offset),
            (16_777_216, Some("a disk.vmdk"), None)
        );
        assert_eq!((b.kind.as_str(), b.offset), ("FLAT", Some(5)));
        assert_eq!((c.kind.as_str(), c.file.as_deref()), ("ZERO", None));
        assert_eq!((c.access.as_str(), c.sectors), ("RW", 2));
        assert_eq!(d.file.as_deref(), Some("\\\\.\\PhysicalDrive0"));
        assert_eq!(d.device, ["partitionUUID", "{id} 2"]);
        assert_eq!(
            Descriptor::create_type_of(TEXT.as_bytes()).as_deref(),
            Some("streamOptimized")
        );
    }

    #[test]
    fn a_malformed_line_is_told_with_its_place() {
        for bad in [
            "nonsense",
            "CID=xyz",
            "parentCID=fffffffff",
            "RW x SPARSE \"a\"",
            "RW 0 SPARSE \"a\"",
            "RW -5 SPARSE \"a\"",
            "RW 18446744073709551616 ZERO",
            "RW 1",
            "RW 1 FLAT \"a",
            "RW 1 FLAT a 0",
            "RW 1 FLAT \"a\" 99999999999999999999",
            "RW 1 FLAT \"a\" 0 1 2 3",
            "RW 1 ZERO 5",
        ] {
            let text = format!("version=1\n{bad}\n");
            let error = Descriptor::parse(text.as_bytes(), 512).unwrap_err();
            assert_eq!(
                (error.cause(), error.offset()),
                (Cause::VmdkDescriptor, Some(522)),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_decides_may_not_contradict_itself() {
        for (first, second) in [
            ("createType=\"vmfs\"", "createType=\"monolithicFlat\""),
            ("CID=1", "cid=2"),
            ("parentCID=ffffffff", "parentCID=1"),
            ("parentFileNameHint=\"a\"", "parentFileNameHint=\"b\""),
        ] {
            let text = format!("{first}\n{first}\n");
            assert!(Descriptor::parse(text.as_bytes(), 0).is_ok(), "{first}");
            let text = format!("{first}\n{second}\n");
            let error = Descriptor::parse(text.as_bytes(), 0).unwrap_err();
            let at = first.len() as u64 + 1;
            assert_eq!(
                (error.cause(), error.offset()),
                (Cause::VmdkDescriptor, Some(at))
            );
        }
    }

    #[test]
    fn a_parent_is_noticed() {
        let descriptor =
            Descriptor::parse(b"parentCID=01234567\nparentFileNameHint=\"p.vmdk\"", 0).unwrap();
        assert!(descriptor.has_parent());
        assert_eq!(descriptor.parent_file_name_hint.as_deref(), Some("p.vmdk"));
    }

    #[test]
    fn names_are_in_the_encoding_that_is_told() {
        let name = |head: &[u8], name: &[u8]| {
            let text = [head, b"\nRW 1 FLAT \"", name, b"\" 0\n"].concat();
            let descriptor = Descriptor::parse(&text, 0).unwrap();
            descriptor.extents[0].file.clone().unwrap()
        };
        assert_eq!(name(b"encoding=\"windows-1252\"", b"caf\xe9"), "café");
        assert_eq!(name(b"Encoding = GBK", b"\xb4\xc5\xc5\xcc"), "磁盘");
        assert_eq!(name(b"encoding=\"Shift_JIS\"", b"\x83\x5c"), "ソ");
        assert_eq!(name(b"encoding=\"UTF-8\"", "磁盘".as_bytes()), "磁盘");
        assert_eq!(name(b"encoding=\"UTF-16\"", b"\xff"), "\u{fffd}");
        assert_eq!(name(b"encoding=\"nonsense\"", b"\xff"), "\u{fffd}");
    }

    #[test]
    fn too_many_extents_are_refused() {
        let text = "RW 1 ZERO\n".repeat(4097);
        let error = Descriptor::parse(text.as_bytes(), 0).unwrap_err();
        assert_eq!(error.cause(), Cause::Limit);
        assert!(Descriptor::parse(&text.as_bytes()[10..], 0).is_ok());
    }

    #[test]
    fn encryption_is_noticed() {
        for text in [
            "encryption.keySafe = \"vmware:key/list/(pair…\"",
            "ddb.iofilters = \"vmwarevmcrypt\"",
        ] {
            let descriptor = Descriptor::parse(text.as_bytes(), 0).unwrap();
            assert!(descriptor.is_encrypted(), "{text}");
        }
    }
}
