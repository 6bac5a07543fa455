//! Saying what a file may be.

mod magic;

use vmie_io::{BlockCache, ReadAt, ReadAtExt};

use self::magic::{LONGEST, MAGICS, Magic, Place};
#[cfg(feature = "vhdx")]
use crate::vhdx;
use crate::{Candidate, Confidence, Error, Format, import_manifest, ova, vhd, vmdk};

/// Bytes that are read at once, and that are kept.
const BLOCK: u32 = 4 << 10;
const BLOCKS: usize = 64 << 10;

/// What the file may be, the likeliest first, each with the evidence for it.
///
/// Any magic number beats raw, which is always the last and always possible. A few blocks of 4 KiB
/// at the start and the end are read, and for a tar archive the headers of its first members.
///
/// ```
/// use vmie_formats::{Confidence, Format, probe};
///
/// let candidates = probe(&b"\x1f\x8b\x08 and so on".to_vec())?;
/// assert_eq!(candidates[0].format, Format::Gzip);
/// assert_eq!(candidates[1].format, Format::Raw);
/// assert_eq!(candidates[1].confidence, Confidence::Possible);
/// # Ok::<(), vmie_formats::Error>(())
/// ```
///
/// # Errors
/// When the source cannot be read. A file that is cut off or damaged is none: it has fewer or
/// weaker candidates.
pub fn probe(source: &dyn ReadAt) -> Result<Vec<Candidate>, Error> {
    // The magic numbers lie close together: one request serves several, which counts where each is
    // a journey over a network.
    let source = &BlockCache::new(source, BLOCK, BLOCKS);
    let mut found: Vec<Candidate> = Vec::new();
    found.extend(vmdk::probe(source)?);
    found.extend(vhd::probe(source)?);
    #[cfg(feature = "vhdx")]
    found.extend(vhdx::probe(source)?);
    for magic in MAGICS {
        if let Some(at) = find(source, magic)? {
            let evidence = format!("{} at byte {at}", magic.what);
            add(&mut found, magic.format, evidence);
        }
    }
    found.extend(ova::probe(source)?);
    found.extend(import_manifest::probe(source)?);
    found.extend(ova::probe_descriptor(source)?);
    let raw = match found.first() {
        None => "no known magic number is there".to_owned(),
        Some(_) => "any file can be read as raw".to_owned(),
    };
    // Stable: of two that are equally sure, the one whose magic stands first in the file wins.
    found.sort_by_key(|candidate| std::cmp::Reverse(candidate.confidence));
    found.push(Candidate {
        format: Format::Raw,
        variant: None,
        confidence: Confidence::Possible,
        evidence: vec![raw],
    });
    Ok(found)
}

/// Where the magic number is, when it is there.
fn find(source: &dyn ReadAt, magic: &Magic) -> Result<Option<u64>, Error> {
    let Place::Start(at) = magic.place;
    let mut buf = [0; LONGEST];
    let n = source.read_up_to(&mut buf, at)?;
    let there = buf
        .get(..n)
        .is_some_and(|bytes| bytes.starts_with(magic.bytes));
    // Three bytes of the stream header have to go with a bzip2 block.
    if there && magic.format == Format::Bzip2 && source.read_array::<3>(0)? != *b"BZh" {
        return Ok(None);
    }
    Ok(there.then_some(at))
}

fn add(found: &mut Vec<Candidate>, format: Format, evidence: String) {
    match found.iter_mut().find(|c| c.format == format) {
        Some(candidate) => candidate.evidence.push(evidence),
        None => found.push(Candidate {
            format,
            variant: None,
            confidence: Confidence::Likely,
            evidence: vec![evidence],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8]) -> (Format, Confidence) {
        let candidates = probe(&bytes.to_vec()).unwrap();
        assert_eq!(candidates.last().unwrap().format, Format::Raw);
        assert_eq!(
            candidates
                .iter()
                .filter(|c| c.format == Format::Raw)
                .count(),
            1
        );
        (candidates[0].format, candidates[0].confidence)
    }

    #[test]
    fn every_magic_is_known_and_beats_raw() {
        for magic in MAGICS {
            let mut bytes = vec![0; 40_000];
            let at = match magic.place {
                Place::Start(at) => at as usize,
            };
            bytes[at..at + magic.bytes.len()].copy_from_slice(magic.bytes);
            if magic.format == Format::Bzip2 {
                bytes[..3].copy_from_slice(b"BZh");
            }
            assert_eq!(
                first(&bytes),
                (magic.format, Confidence::Likely),
                "{}",
                magic.what
            );
        }
    }

    #[test]
    fn no_magic_is_raw_and_says_so() {
        for len in [0, 1, 3, 511, 512, 100_000] {
            let candidates = probe(&vec![0; len]).unwrap();
            assert_eq!(candidates.len(), 1);
            assert_eq!(candidates[0].confidence, Confidence::Possible);
            assert_eq!(candidates[0].evidence, ["no known magic number is there"]);
        }
    }

    #[test]
    fn a_cut_magic_is_none() {
        assert_eq!(first(b"conecti").0, Format::Raw);
        assert_eq!(first(&[0x1f, 0x8b]).0, Format::Raw);
        assert_eq!(first(b"XXXX1AY&SY").0, Format::Raw);
    }
}
