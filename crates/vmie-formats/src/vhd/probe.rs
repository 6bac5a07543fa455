//! Whether a file is a VHD, and of which kind.

use vmie_io::ReadAt;

use super::footer::Ends;
use crate::{Candidate, Confidence, Error, Format};

/// The candidate, if there is a cookie at either end.
pub(crate) fn probe(source: &dyn ReadAt) -> Result<Option<Candidate>, Error> {
    let found = Ends::read(source)?;
    let found = found.found();
    if found.is_empty() {
        return Ok(None);
    }
    let footer = found.iter().find_map(|(_, _, footer)| *footer);
    let evidence = found.iter().map(|(at, what, footer)| {
        let checksum = match footer {
            Some(_) => "its checksum is right",
            None => "its checksum is wrong",
        };
        format!("{what} at byte {at}; {checksum}")
    });
    Ok(Some(Candidate {
        format: Format::Vhd,
        variant: footer.and_then(|footer| footer.variant().ok()),
        confidence: match footer {
            Some(_) => Confidence::Certain,
            None => Confidence::Likely,
        },
        evidence: evidence.collect(),
    }))
}
