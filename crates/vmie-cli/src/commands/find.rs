//! `vmie find`

use serde_json::{Value, json};
use vmie::fs::{FileKind, GuestPath};

use super::walk::{Visited, walk};
use super::{inside, ls};
use crate::args::{FindArgs, KindName};
use crate::failure::{Exit, Failure};
use crate::out::{Out, write_out};
use crate::pattern::matches;
use crate::text::safe_bytes;

/// Bytes of lines that are gathered before they are written.
const LINES: usize = 32 << 10;

pub(super) fn run(out: &Out, args: &FindArgs) -> Result<Exit, Failure> {
    let (tree, assumed) = inside::tree(out, &args.inside, &args.opening)?;
    let start = GuestPath::new(args.path.as_encoded_bytes());
    let start = tree
        .resolve(&start)
        .map_err(|error| inside::failure(&start, error))?;
    let mut listed: Vec<Value> = Vec::new();
    let mut lines = String::new();
    let mut incomplete = false;
    let mut visit = |found: &Visited| -> Result<bool, Failure> {
        if wanted(args, found) {
            if out.is_json() {
                let entry = ls::entry(&tree, &found.found)?;
                listed.push(ls::document(&entry));
            } else {
                lines.push_str(&safe_bytes(found.found.path.as_bytes()));
                lines.push('\n');
                if lines.len() >= LINES {
                    write_out(std::mem::take(&mut lines).as_bytes())?;
                }
            }
        }
        Ok(true)
    };
    let mut failed = |path: &GuestPath, error: &vmie::fs::Error| {
        incomplete = true;
        out.note(&format!("{}: {error}", safe_bytes(path.as_bytes())));
    };
    walk(&tree, start, &mut visit, &mut failed)?;
    write_out(lines.as_bytes())?;
    if out.is_json() {
        let document = json!({"format_assumed": assumed, "entries": listed});
        out.document("vmie.find", document)?;
    }
    Ok(if incomplete { Exit::Failed } else { Exit::Done })
}

fn wanted(args: &FindArgs, found: &Visited) -> bool {
    let name = found.found.path.file_name().unwrap_or_default();
    let pattern = args.name.as_ref();
    let named = pattern.is_none_or(|pattern| matches(pattern.as_encoded_bytes(), name));
    let kind = args.kind.is_none_or(|kind| {
        found.found.metadata.kind
            == match kind {
                KindName::F => FileKind::File,
                KindName::D => FileKind::Directory,
                KindName::L => FileKind::Symlink,
            }
    });
    named && kind
}
