//! Manifests: a digest for each file of the appliance (DSP0243 section 5.1).

use std::collections::BTreeSet;
use std::fmt;

use vmie_io::int;

use crate::{Cause, Error};

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl DigestAlgorithm {
    /// The name that manifests use: `SHA1`, `SHA256`, `SHA512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        // Some tools write SHA-256.
        let plain: String = name.chars().filter(|c| *c != '-').collect();
        [Self::Sha1, Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|algorithm| plain.eq_ignore_ascii_case(algorithm.name()))
    }

    fn hex_len(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// A digest.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Digest(pub(super) Vec<u8>);

impl Digest {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A line of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestEntry {
    /// The file's name, relative to the descriptor's folder.
    pub name: String,
    /// The algorithm; `None` when its name is not known here.
    pub algorithm: Option<DigestAlgorithm>,
    /// The algorithm as the manifest spells it.
    pub algorithm_name: String,
    /// The digest that the file should have; empty when the algorithm is not known.
    pub digest: Digest,
    /// Byte offset of the line in the manifest.
    pub offset: u64,
}

/// A manifest: digests of the appliance's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// The member that it was read from.
    pub member: String,
    /// Its lines, in order.
    pub entries: Vec<ManifestEntry>,
}

impl Manifest {
    /// Reads the lines, `SHA256(name)= hex`; spaces around the parts are allowed, as other tools
    /// write them, and empty lines.
    pub(super) fn parse(member: &str, bytes: &[u8]) -> Result<Self, Error> {
        let mut entries: Vec<ManifestEntry> = Vec::new();
        // A file has at most one digest of each kind: listing a large one a thousand times would
        // make it be read a thousand times.
        let mut seen = BTreeSet::new();
        let mut offset: usize = 0;
        for line in bytes.split(|b| *b == b'\n') {
            let at = int::u64_of(offset);
            offset = offset.saturating_add(line.len()).saturating_add(1);
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let entry = std::str::from_utf8(line)
                .ok()
                .and_then(|text| entry(text, at));
            let bad = || Error::new(Cause::Manifest).at("manifest", at).found(line);
            let entry = entry.ok_or_else(bad)?;
            if !seen.insert((
                entry.name.clone(),
                entry.algorithm_name.to_ascii_lowercase(),
            )) {
                return Err(bad());
            }
            entries.push(entry);
        }
        Ok(Self {
            member: member.to_owned(),
            entries,
        })
    }
}

fn entry(line: &str, offset: u64) -> Option<ManifestEntry> {
    let (algorithm_name, rest) = line.split_once('(')?;
    // A name may have parentheses itself.
    let (name, hex) = rest.rsplit_once(')')?;
    let hex = hex.trim().strip_prefix('=')?.trim();
    let algorithm_name = algorithm_name.trim();
    if name.is_empty() || algorithm_name.is_empty() {
        return None;
    }
    let algorithm = DigestAlgorithm::of_name(algorithm_name);
    let digest = match algorithm {
        Some(known) if hex.len() == known.hex_len() => unhex(hex)?,
        Some(_) => return None,
        None => Vec::new(),
    };
    Some(ManifestEntry {
        name: name.to_owned(),
        algorithm,
        algorithm_name: algorithm_name.to_owned(),
        digest: Digest(digest),
        offset,
    })
}

/// The bytes that pairs of hexadecimal digits stand for.
pub(super) fn unhex(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|n| u8::try_from(n).ok())
    };
    pairs
        .iter()
        .map(|[high, low]| digit(*high)?.checked_mul(16)?.checked_add(digit(*low)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

    #[test]
    fn lines_of_several_tools_are_read() {
        let text = format!("SHA1(a (1).ovf)= {HEX}\r\n\nSHA1 (b) = {HEX}\nMD5(c)= 00\n");
        let manifest = Manifest::parse("x.mf", text.as_bytes()).unwrap();
        assert_eq!(manifest.entries.len(), 3);
        assert_eq!(manifest.entries[0].name, "a (1).ovf");
        assert_eq!(manifest.entries[0].digest.to_string(), HEX);
        assert_eq!(manifest.entries[1].algorithm, Some(DigestAlgorithm::Sha1));
        assert_eq!(manifest.entries[2].algorithm, None);
        assert_eq!(manifest.entries[2].offset, 18 + 40 + 3 + 11 + 40);
    }

    #[test]
    fn what_is_no_line_is_refused_with_its_place() {
        for bad in [
            "nonsense",
            "SHA1(a)= 12",
            "SHA1()= ",
            "(a)= 12",
            "SHA256(a)= zz",
            &format!("SHA1(a)={HEX}"),
        ] {
            let text = format!("SHA1(a)= {HEX}\n{bad}");
            let error = Manifest::parse("x.mf", text.as_bytes()).unwrap_err();
            assert_eq!(
                (error.cause(), error.offset()),
                (Cause::Manifest, Some(50)),
                "{bad}"
            );
        }
    }
}
