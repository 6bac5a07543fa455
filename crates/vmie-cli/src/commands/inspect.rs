//! `vmie inspect`

use vmie::io::Limits;

use super::open;
use crate::args::InspectArgs;
use crate::failure::{Exit, Failure};
use crate::json::Guest;
use crate::out::Out;
use crate::report;

pub(super) fn run(out: &Out, args: &InspectArgs) -> Result<Exit, Failure> {
    let images = open::images(out, &args.images.images, &args.opening, Exit::Unreadable)?;
    let disks = open::disks(&images, Exit::Unreadable)?;
    let inspection = vmie::inspect(&disks, &Limits::default())
        .map_err(|error| Failure::of(Exit::Unreadable, &error))?;
    if out.is_json() {
        let document = Guest::new(&images, &inspection);
        out.document("vmie.inspect", document)?;
    } else {
        out.text(&report::inspection(out, &inspection))?;
    }
    Ok(Exit::Done)
}
