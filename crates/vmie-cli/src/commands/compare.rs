//! `vmie compare`

use serde_json::json;
use vmie::Difference;

use super::{open, stop};
use crate::args::CompareArgs;
use crate::failure::{Exit, Failure};
use crate::out::Out;
use crate::progress::Bar;

pub(super) fn run(out: &Out, args: &CompareArgs) -> Result<Exit, Failure> {
    let paths = [args.first.clone(), args.second.clone()];
    let images = open::images(out, &paths, &args.opening, Exit::Unreadable)?;
    let fail = |error: &vmie::Error| Failure::of(Exit::Unreadable, error);
    let mut disks = Vec::with_capacity(2);
    for image in &images {
        disks.push(image.disk(0).map_err(|error| fail(&error))?);
    }
    let [first, second] = disks.as_slice() else {
        return Err(Failure::usage("two images are compared"));
    };
    let bar = Bar::new(out, "comparing");
    let cancel = stop::on_signals();
    let found = vmie::compare(first, second, args.strict, &bar, &cancel);
    bar.end();
    let found = found.map_err(|error| fail(&error))?;
    let (same, offset, said) = match found {
        None => (true, None, "the disks hold the same".to_owned()),
        Some(Difference::Byte(at)) => (
            false,
            Some(at),
            format!("the disks differ from byte {at} on"),
        ),
        Some(Difference::Length(at)) => {
            let said = format!("one disk goes on from byte {at}, where the other has ended");
            (false, Some(at), said)
        }
        Some(_) => (false, None, "the disks differ".to_owned()),
    };
    if out.is_json() {
        out.document("vmie.compare", json!({"same": same, "offset": offset}))?;
    } else {
        out.text(&format!("{said}\n"))?;
    }
    Ok(if same { Exit::Done } else { Exit::Failed })
}
