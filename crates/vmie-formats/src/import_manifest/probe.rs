//! Telling an import manifest.

use vmie_io::{ReadAt, ReadAtExt};

use crate::{Candidate, Confidence, Error, Format};

/// Bytes at the start that the first elements are looked for in.
const HEAD: usize = 1024;

/// Whether the file begins like a manifest.
pub(crate) fn probe(source: &dyn ReadAt) -> Result<Option<Candidate>, Error> {
    let mut head = [0; HEAD];
    let n = source.read_up_to(&mut head, 0)?;
    let text = String::from_utf8_lossy(head.get(..n).unwrap_or_default());
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let is_manifest = text.starts_with('<')
        && text.contains("<manifest>")
        && text.contains("<version>")
        && text.contains("<file-format>");
    Ok(is_manifest.then(|| Candidate {
        format: Format::ImportManifest,
        variant: None,
        confidence: Confidence::Certain,
        evidence: vec!["the elements of an import manifest at the start".to_owned()],
    }))
}
