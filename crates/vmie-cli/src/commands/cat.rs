//! `vmie cat`

use vmie::fs::GuestPath;
use vmie::io::int;

use super::inside;
use crate::args::CatArgs;
use crate::failure::{Exit, Failure};
use crate::out::{Out, write_out};

/// Bytes that are read at once.
const STEP: usize = 1 << 20;

pub(super) fn run(out: &Out, args: &CatArgs) -> Result<Exit, Failure> {
    let (tree, _) = inside::tree(out, &args.inside, &args.opening)?;
    let mut buf = vec![0; STEP];
    for path in &args.paths {
        let path = GuestPath::new(path.as_encoded_bytes());
        let fail = |error| inside::failure(&path, error);
        let mut file = tree.open(&path).map_err(fail)?;
        let mut at = 0u64;
        loop {
            let n = file.read_at(&mut buf, at).map_err(fail)?;
            if n == 0 {
                break;
            }
            write_out(buf.get(..n).unwrap_or_default())?;
            at = at.saturating_add(int::u64_of(n));
        }
    }
    Ok(Exit::Done)
}
