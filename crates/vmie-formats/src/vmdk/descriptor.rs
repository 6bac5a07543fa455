//! Descriptors: the text that says what a VMDK is (technical note, "The Descriptor File").

use vmie_io::{LimitExceeded, int};

use crate::{Cause, Error};

/// Lines of one descriptor. Real ones have some tens, with many extents some hundreds; so many
/// settings take some megabytes at most.
const MAX_LINES: u64 = 16_384;

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
    /// Length in sectors of 512 bytes.
    pub sectors: u64,
    /// `SPARSE`, `FLAT`, `ZERO`, `VMFS` …
    pub kind: String,
    /// The file's name.
    pub file: Option<String>,
    /// Where in the file the extent starts, in sectors.
    pub offset: Option<u64>,
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

    /// Reads the text that was found at byte `base`, up to the first NUL. Bytes that are not UTF-8
    /// (the text may be in any encoding) become replacement characters.
    pub(super) fn parse(bytes: &[u8], base: u64) -> Result<Self, Error> {
        let bytes = bytes.split(|b| *b == 0).next().unwrap_or_default();
        let mut out = Self::default();
        let mut at = base;
        for (lines, raw) in (1u64..).zip(bytes.split(|b| *b == b'\n')) {
            if lines > MAX_LINES {
                return Err(LimitExceeded::new("descriptor", "lines", lines, MAX_LINES).into());
            }
            let here = at;
            at = at.saturating_add(int::u64_of(raw.len())).saturating_add(1);
            let text = String::from_utf8_lossy(raw);
            let line = text.trim_start_matches('\u{feff}').trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = || {
                Error::new(Cause::VmdkDescriptor)
                    .at("descriptor", here)
                    .found(line)
            };
            out.line(line).ok_or_else(bad)?;
        }
        Ok(out)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let first = line.split_ascii_whitespace().next()?;
        let is_extent = ["RW", "RDONLY", "NOACCESS"]
            .iter()
            .any(|access| first.eq_ignore_ascii_case(access));
        if is_extent {
            self.extents.push(extent(line)?);
            return Some(());
        }
        let (key, value) = line.split_once('=')?;
        let (key, value) = (key.trim(), unquote(value.trim()));
        let hex = |text: &str| u32::from_str_radix(text, 16).ok();
        match key.to_ascii_lowercase().as_str() {
            "createtype" => self.create_type = Some(value.to_owned()),
            "cid" => self.cid = Some(hex(value)?),
            "parentcid" => self.parent_cid = Some(hex(value)?),
            "parentfilenamehint" => self.parent_file_name_hint = Some(value.to_owned()),
            _ => self.settings.push((key.to_owned(), value.to_owned())),
        }
        Some(())
    }
}

fn unquote(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value)
}

/// `RW 20480 SPARSE "name" 0`; the name may have spaces, and `ZERO` extents have neither.
fn extent(line: &str) -> Option<ExtentLine> {
    let (before, rest) = match line.split_once('"') {
        Some((before, rest)) => {
            let (name, after) = rest.rsplit_once('"')?;
            (before, Some((name, after)))
        }
        None => (line, None),
    };
    let mut words = before.split_ascii_whitespace();
    let (access, sectors, kind) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let offset = rest.and_then(|(_, after)| after.split_ascii_whitespace().next());
    Some(ExtentLine {
        access: access.to_ascii_uppercase(),
        sectors: sectors.parse().ok()?,
        kind: kind.to_ascii_uppercase(),
        file: rest.map(|(name, _)| name.to_owned()),
        offset: match offset {
            // Physical disks have a device name there, in quotes of its own.
            Some(text) => text.parse().ok(),
            None => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Disk DescriptorFile\r\nversion=1\r\nCID=255a27cd\nparentCID=ffffffff\n\
        CreateType = \"streamOptimized\"\n\n# Extent description\n\
        RDONLY 16777216 SPARSE \"a disk.vmdk\"\nRW 63 FLAT \"b\" 5\nRW 2 ZERO\n\
        # The disk Data Base\nddb.adapterType = \"ide\"\nddb.virtualHWVersion=\"4\"\nddb.comment=\"\"\n\0junk";

    #[test]
    fn the_grammar_of_several_tools_is_read() {
        let descriptor = Descriptor::parse(TEXT.as_bytes(), 512).unwrap();
        assert_eq!(descriptor.create_type.as_deref(), Some("streamOptimized"));
        assert_eq!(descriptor.cid, Some(0x255a_27cd));
        assert!(!descriptor.has_parent());
        assert_eq!(descriptor.adapter_type(), Some("ide"));
        assert_eq!(descriptor.hardware_version(), Some("4"));
        assert_eq!(descriptor.setting("DDB.comment"), Some(""));
        let [a, b, c] = descriptor.extents.as_slice() else {
            panic!("{:?}", descriptor.extents)
        };
        assert_eq!(
            (a.sectors, a.file.as_deref(), a.offset),
            (16_777_216, Some("a disk.vmdk"), None)
        );
        assert_eq!((b.kind.as_str(), b.offset), ("FLAT", Some(5)));
        assert_eq!((c.kind.as_str(), c.file.as_deref()), ("ZERO", None));
    }

    #[test]
    fn a_malformed_line_is_told_with_its_place() {
        for bad in [
            "nonsense",
            "CID=xyz",
            "parentCID=fffffffff",
            "RW x SPARSE \"a\"",
            "RW 1",
            "RW 1 FLAT \"a",
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
    fn a_parent_is_noticed() {
        let descriptor =
            Descriptor::parse(b"parentCID=01234567\nparentFileNameHint=\"p.vmdk\"", 0).unwrap();
        assert!(descriptor.has_parent());
        assert_eq!(descriptor.parent_file_name_hint.as_deref(), Some("p.vmdk"));
    }
}
