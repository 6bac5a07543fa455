//! Whether a file is a tar, and an OVA.

use vmie_io::{Budget, ErrorKind, ReadAt, ReadAtExt};

use super::tar::{Walk, is_header};
use crate::{Candidate, Confidence, Error, Format};

/// Members looked at for a descriptor: OVF puts it first, and the rest are disks, of which there
/// are few.
const LOOK_AT: usize = 16;

/// The candidate, if the first block is a tar header.
pub(crate) fn probe(source: &dyn ReadAt) -> Result<Option<Candidate>, Error> {
    if source.len() < 512 {
        return Ok(None);
    }
    let block = source.read_array::<512>(0)?;
    let Some(ustar) = is_header(&block) else {
        return Ok(None);
    };
    let mut evidence = vec![if ustar {
        "the ustar magic at byte 257, and the header's checksum is right".to_owned()
    } else {
        "the checksum of a tar header at byte 148 is right".to_owned()
    }];
    let mut confidence = Confidence::Likely;
    let budget = Budget::default();
    let mut walk = Walk::new(source, &budget);
    for _ in 0..LOOK_AT {
        match walk.next() {
            Ok(Some(member)) if super::is_descriptor(&member.name) => {
                evidence.push(format!("an OVF descriptor at byte {}", member.start));
                confidence = Confidence::Certain;
                break;
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) if error.kind() == ErrorKind::Io => return Err(error),
            // Damage is opening's affair: the file is a tar all the same.
            Err(_) => break,
        }
    }
    if confidence == Confidence::Likely {
        evidence.push(format!(
            "no OVF descriptor among the first {LOOK_AT} members"
        ));
    }
    Ok(Some(Candidate {
        format: Format::Ova,
        variant: None,
        confidence,
        evidence,
    }))
}

/// Bytes at the start that the envelope is looked for in: comments and declarations stand before it.
const DESCRIPTOR_HEAD: usize = 4096;

/// The candidate, if the file begins like an OVF descriptor.
pub(crate) fn probe_descriptor(source: &dyn ReadAt) -> Result<Option<Candidate>, Error> {
    let mut head = [0; DESCRIPTOR_HEAD];
    let n = source.read_up_to(&mut head, 0)?;
    let text = String::from_utf8_lossy(head.get(..n).unwrap_or_default());
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let envelope = text.find("Envelope").is_some_and(|at| {
        let before = text.get(..at).unwrap_or_default();
        // `<Envelope` or `<ovf:Envelope`.
        let tag = before.rfind('<').and_then(|from| before.get(from..));
        tag.is_some_and(|tag| !tag.contains(char::is_whitespace))
    });
    let is_descriptor = text.starts_with('<') && envelope && text.contains("/ovf");
    Ok(is_descriptor.then(|| Candidate {
        format: Format::Ovf,
        variant: None,
        confidence: Confidence::Certain,
        evidence: vec!["an OVF envelope at the start".to_owned()],
    }))
}
