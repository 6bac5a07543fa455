//! The tree that `ls` and `cat` look into.

use vmie::fs::{GuestPath, Namespace};
use vmie::io::Limits;
use vmie::volumes::VolumeId;
use vmie::{guest_tree, open_filesystem, views};

use super::open;
use crate::args::{Inside, Opening};
use crate::failure::{Exit, Failure};
use crate::out::Out;
use crate::text::safe_bytes;

/// Opens the guest's own tree, or one volume; also says whether a format was assumed.
pub(super) fn tree(
    out: &Out,
    inside: &Inside,
    opening: &Opening,
) -> Result<(Namespace, bool), Failure> {
    let volume: Option<VolumeId> = match inside.volume.as_deref().map(str::parse) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(error)) => return Err(Failure::usage(format!("--volume: {error}."))),
    };
    let mut paths = vec![inside.image.clone()];
    paths.extend(inside.with.iter().cloned());
    let images = open::images(out, &paths, opening, Exit::Unreadable)?;
    let assumed = images.iter().any(vmie::Image::format_assumed);
    let disks = open::disks(&images, Exit::Unreadable)?;
    let limits = Limits::default();
    let views = views(&disks);
    let tree = match volume {
        Some(id) => open_filesystem(&views, &id, &limits).map(Namespace::new),
        None => vmie::inspect(&disks, &limits)
            .and_then(|inspection| guest_tree(&inspection, &views, &limits)),
    };
    let image = inside.image.to_string_lossy();
    match tree {
        Ok(tree) => Ok((tree, assumed)),
        Err(error) => Err(Failure::of(Exit::Unreadable, &error).in_file(&image)),
    }
}

/// The failure to look at a path: the path is not there (1), or the filesystem cannot be read (2).
pub(super) fn failure(path: &GuestPath, error: vmie::fs::Error) -> Failure {
    use vmie::fs::Cause;
    let exit = match error.cause() {
        Cause::NotFound
        | Cause::NotADirectory
        | Cause::NotAFile
        | Cause::NotASymlink
        | Cause::TooManyLinks => Exit::Failed,
        _ => Exit::Unreadable,
    };
    Failure::of(exit, &error.into()).in_file(&safe_bytes(path.as_bytes()))
}
