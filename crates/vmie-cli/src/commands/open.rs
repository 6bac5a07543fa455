//! Opening what the command line names.

use std::path::PathBuf;
use std::sync::Arc;

use vmie::formats::{FolderResolver, Format, Resolver};
use vmie::{GuestDisk, Image, ImageOptions, guest_disks};

use crate::args::{FormatName, Opening};
use crate::failure::{Exit, Failure};
use crate::out::Out;

/// The format that the command line names.
pub(super) fn format(opening: &Opening) -> Option<Format> {
    opening.format.map(format_of)
}

/// The format of a name.
pub(super) fn format_of(name: FormatName) -> Format {
    match name {
        FormatName::Raw => Format::Raw,
        FormatName::Vhd => Format::Vhd,
        FormatName::Vhdx => Format::Vhdx,
        FormatName::Vmdk => Format::Vmdk,
        FormatName::Ova => Format::Ova,
        FormatName::Qcow2 => Format::Qcow2,
        FormatName::Vdi => Format::Vdi,
        FormatName::Manifest => Format::ImportManifest,
    }
}

/// How the command line wants images to be opened.
pub(super) fn options(opening: &Opening) -> ImageOptions {
    let folder = opening.allow_references.as_ref();
    let resolver =
        folder.map(|folder| -> Arc<dyn Resolver> { Arc::new(FolderResolver::new(folder)) });
    ImageOptions::new()
        .with_format(format(opening))
        .with_resolver(resolver)
}

/// Opens the images, with a note for each that is assumed to be raw.
pub(super) fn images(
    out: &Out,
    paths: &[PathBuf],
    opening: &Opening,
    exit: Exit,
) -> Result<Vec<Image>, Failure> {
    let options = options(opening);
    images_metered(out, paths, &options, exit)
}

/// The same with all options.
fn images_metered(
    out: &Out,
    paths: &[PathBuf],
    options: &ImageOptions,
    exit: Exit,
) -> Result<Vec<Image>, Failure> {
    try_images(out, paths, options).map_err(|error| Failure::of(exit, &error))
}

/// The same, with the error as it is.
pub(super) fn try_images(
    out: &Out,
    paths: &[PathBuf],
    options: &ImageOptions,
) -> Result<Vec<Image>, vmie::Error> {
    let mut images = Vec::with_capacity(paths.len());
    for path in paths {
        let image = Image::open(path, options)?;
        if image.format_assumed() {
            let path = path.display();
            out.note(&format!(
                "{path}: nothing tells its format, so it is taken to be raw; -f raw says so"
            ));
        }
        images.push(image);
    }
    Ok(images)
}

/// Opens the disks of the images.
pub(super) fn disks(images: &[Image], exit: Exit) -> Result<Vec<GuestDisk>, Failure> {
    guest_disks(images).map_err(|error| Failure::of(exit, &error))
}
