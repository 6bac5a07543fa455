//! `vmie export`

use serde_json::json;
use vmie::FileOptions;

use super::convert::{hex, options, target};
use super::stop;
use crate::args::ExportArgs;
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::progress::Bar;
use crate::size::Bytes;
use crate::text::Safe;

pub(super) fn run(out: &Out, args: &ExportArgs) -> Result<Exit, Failure> {
    let fail = |error: &vmie::Error| Failure::of(Exit::Failed, error);
    let target = target(
        args.written.output_format,
        args.written.subformat.as_deref(),
    )?;
    let cancel = stop::on_signals();
    let disks = vmie::stored_disks(&args.store, &args.image).map_err(|error| fail(&error))?;
    let disk = match (args.disk, disks.as_slice()) {
        (None, [disk]) => disk,
        (None, _) => {
            let count = disks.len();
            let said = format!("the image has {count} disks; --disk says which");
            return Err(Failure::usage(said));
        }
        (Some(number), disks) => disks
            .get(number)
            .ok_or_else(|| Failure::usage(format!("the image has no disk {number}")))?,
    };
    let options = options(target, &args.made, &args.target).level(args.written.level);
    let bar = Bar::new(out, "exporting");
    let file = FileOptions::new().sync(args.written.sync);
    let report = vmie::export_disk(disk, &args.target, &options, &file, &bar, &cancel);
    bar.end();
    let report = report.map_err(|error| fail(&error))?;
    let path = args.target.to_string_lossy();
    if out.is_json() {
        let document = json!({
            "image_id": args.image,
            "snapshot_id": disk.id,
            "path": path,
            "format": target.format().name(),
            "variant": target.subformat(),
            "virtual_size": report.bytes,
            "file_size": report.file_bytes,
            "sha256": hex(report.sha256),
        });
        out.document("vmie.export", document)?;
    } else {
        let good = out.paint(Tone::Good, "exported");
        out.text(&format!(
            "{good} {} to {} ({target}, {})\nsha256 of the disk: {}\n",
            Safe(&args.image),
            Safe(&path),
            Bytes(report.file_bytes),
            disk.sha256
        ))?;
    }
    Ok(Exit::Done)
}
