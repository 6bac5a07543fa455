//! Whether a file is a VHDX, and of which kind.

use vmie_io::{ReadAt, ReadAtExt};

use super::format::FILE_SIGNATURE;
use crate::{Candidate, Confidence, Error, Format};

/// The candidate, if the signature is there. A second structure, the first header's signature,
/// makes it certain; which kind it is stands too deep inside to tell.
pub(crate) fn probe(source: &dyn ReadAt) -> Result<Option<Candidate>, Error> {
    let mut signature = [0; 8];
    source.read_up_to(&mut signature, 0)?;
    if signature != FILE_SIGNATURE {
        return Ok(None);
    }
    let mut evidence = vec!["the VHDX signature at byte 0".to_owned()];
    let mut confidence = Confidence::Likely;
    for at in super::format::HEADERS {
        let mut header = [0; 4];
        source.read_up_to(&mut header, at)?;
        if header == super::format::HEADER_SIGNATURE {
            evidence.push(format!("the signature of a VHDX header at byte {at}"));
            confidence = Confidence::Certain;
        }
    }
    Ok(Some(Candidate {
        format: Format::Vhdx,
        variant: None,
        confidence,
        evidence,
    }))
}
