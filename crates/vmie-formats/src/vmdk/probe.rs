//! Whether a file is a VMDK, and of which kind.

use vmie_io::{Limits, ReadAt, ReadAtExt};

use super::descriptor::Descriptor;
use super::format::{COWD_MAGIC, DESCRIPTOR_START, MAGIC, SESPARSE_MAGIC};
use super::header::Header;
use super::kind as kinds;
use crate::{Candidate, Confidence, Error, Format, Variant};

/// What the first sector says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A hosted sparse extent.
    Sparse,
    /// A descriptor file.
    Descriptor,
    /// A copy-on-write extent.
    Cowd,
    /// An SEsparse extent.
    SeSparse,
}

/// The kind by its magic number.
pub(super) fn kind(first: &[u8]) -> Option<Kind> {
    let text = first.get(..DESCRIPTOR_START.len());
    if first.starts_with(&MAGIC) {
        Some(Kind::Sparse)
    } else if first.starts_with(&COWD_MAGIC) {
        Some(Kind::Cowd)
    } else if first.starts_with(&SESPARSE_MAGIC) {
        Some(Kind::SeSparse)
    } else if text.is_some_and(|text| text.eq_ignore_ascii_case(DESCRIPTOR_START)) {
        Some(Kind::Descriptor)
    } else {
        None
    }
}

/// The candidate, if there is a magic number.
pub(crate) fn probe(source: &dyn ReadAt) -> Result<Option<Candidate>, Error> {
    let mut first = [0; 512];
    let n = source.read_up_to(&mut first, 0)?;
    let head = first.get(..n).unwrap_or_default();
    let (variant, confidence, evidence) = match kind(head) {
        None => return Ok(None),
        Some(Kind::Sparse) => return Ok(Some(sparse(&first))),
        Some(Kind::Descriptor) => (
            Descriptor::create_type_of(head)
                .and_then(|name| kinds::variant(&name))
                .unwrap_or(Variant::VmdkDescriptor),
            Confidence::Certain,
            "the first line of a VMDK descriptor at byte 0",
        ),
        Some(Kind::Cowd) => (
            Variant::VmdkCowd,
            Confidence::Likely,
            "the magic COWD of a copy-on-write extent at byte 0",
        ),
        Some(Kind::SeSparse) => (
            Variant::VmdkSeSparse,
            Confidence::Likely,
            "the magic 0xcafebabe of an SEsparse extent at byte 0",
        ),
    };
    Ok(Some(candidate(
        variant,
        confidence,
        vec![evidence.to_owned()],
    )))
}

fn sparse(first: &[u8; 512]) -> Candidate {
    let mut evidence = vec!["the magic KDMV of a sparse extent at byte 0".to_owned()];
    match Header::parse(first, 0, &Limits::default()) {
        Ok(header) => {
            evidence.push(format!(
                "a header of version {} for a disk of {} bytes in grains of {}",
                header.version, header.disk_bytes, header.grain_bytes
            ));
            let variant = if header.compressed {
                Variant::VmdkStreamOptimized
            } else {
                Variant::VmdkMonolithicSparse
            };
            candidate(variant, Confidence::Certain, evidence)
        }
        Err(error) => {
            evidence.push(error.to_string());
            candidate(Variant::VmdkOther, Confidence::Likely, evidence)
        }
    }
}

fn candidate(variant: Variant, confidence: Confidence, evidence: Vec<String>) -> Candidate {
    Candidate {
        format: Format::Vmdk,
        variant: Some(variant),
        confidence,
        evidence,
    }
}
