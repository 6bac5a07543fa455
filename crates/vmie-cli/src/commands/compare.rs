//! `vmie compare`

use std::path::Path;

use serde_json::json;
use vmie::{Difference, Image};

use super::{open, stop};
use crate::args::CompareArgs;
use crate::failure::{Exit, Failure};
use crate::out::Out;
use crate::progress::Bar;

/// Where two images differ.
struct Found {
    /// Which disk, from 0; none when one image has more than the other.
    disk: Option<usize>,
    /// From which byte of the disk on; none when that has no place.
    offset: Option<u64>,
    said: String,
}

pub(super) fn run(out: &Out, args: &CompareArgs) -> Result<Exit, Failure> {
    let options = open::options(&args.opening);
    let others = match args.second_format {
        Some(format) => options.clone().with_format(Some(open::format_of(format))),
        None => options.clone(),
    };
    let fail = |error: &vmie::Error| Failure::of(Exit::Unreadable, error);
    let open = |path: &Path, options| -> Result<Image, Failure> {
        let images = open::try_images(out, &[path.to_owned()], options);
        let images = images.map_err(|error| fail(&error))?;
        let image = images.into_iter().next();
        image.ok_or_else(|| Failure::usage("two images are compared"))
    };
    let images = (open(&args.first, &options)?, open(&args.second, &others)?);
    let counts = (images.0.disk_count(), images.1.disk_count());
    let bar = Bar::new(out, "comparing");
    let cancel = stop::on_signals();
    let mut found = None;
    if counts.0 != counts.1 {
        let said = format!("one has {} disks, the other {}", counts.0, counts.1);
        found = Some(Found {
            disk: None,
            offset: None,
            said,
        });
    }
    for index in 0..counts.0 {
        if found.is_some() {
            break;
        }
        let disk = |image: &Image| image.disk(index).map_err(|error| fail(&error));
        let (first, second) = (disk(&images.0)?, disk(&images.1)?);
        let difference = vmie::compare(&first, &second, args.strict, &bar, &cancel);
        let difference = difference.map_err(|error| fail(&error))?;
        found = difference.map(|difference| told(&difference, index, counts.0));
    }
    bar.end();
    let same = found.is_none();
    let found = found.unwrap_or_else(|| Found {
        disk: None,
        offset: None,
        said: "the disks hold the same".to_owned(),
    });
    if out.is_json() {
        let (disk, offset) = (found.disk, found.offset);
        let document = json!({"same": same, "disk": disk, "offset": offset});
        out.document("vmie.compare", document)?;
    } else {
        out.text(&format!("{}\n", found.said))?;
    }
    Ok(if same { Exit::Done } else { Exit::Failed })
}

/// A difference in words; with the disk's number where there are several.
fn told(difference: &Difference, index: usize, disks: usize) -> Found {
    let of = match disks {
        1 => String::new(),
        _ => format!("disk {index}: "),
    };
    let (offset, what) = match difference {
        Difference::Byte(at) => (Some(*at), format!("the disks differ from byte {at} on")),
        Difference::Length(at) => (
            Some(*at),
            format!("one disk goes on from byte {at}, where the other has ended"),
        ),
        _ => (None, "the disks differ".to_owned()),
    };
    Found {
        disk: Some(index),
        offset,
        said: format!("{of}{what}"),
    }
}
