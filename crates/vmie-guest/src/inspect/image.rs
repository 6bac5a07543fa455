//! Whether the image is there that a boot entry starts.

use vmie_fs::{Cause, FileKind, Filesystem, GuestPath, Namespace, Rooted};

use super::tree::Tree;
use super::volumes::GuestVolume;
use crate::ImageFile;
use crate::grub::{Linux, without_device};

/// Where the volume that a menu calls its root may be in the guest's own tree.
pub(super) const ROOTS: &[&str] = &["", "/boot", "/boot/efi", "/efi"];

/// Devices of GRUB that are no part of a disk
/// (<https://www.gnu.org/software/grub/manual/grub/html_node/Device-syntax.html>).
const ELSEWHERE: &[&str] = &[
    "loop", "memdisk", "tftp", "http", "pxe", "nd", "cd", "proc", "host",
];

/// Looks for an image: in the guest's tree, wherever the volume that the menu means may be in it, and then
/// on every other volume. Only what is on none of them is missing; with a volume that could not be looked
/// at, nothing is.
pub(super) fn find(tree: &Tree, volumes: &[GuestVolume<'_>], linux: &Linux) -> ImageFile {
    let Some(path) = path(linux) else {
        return ImageFile::Unknown;
    };
    let mut seen = Seen::default();
    for root in ROOTS {
        seen.look(&tree.namespace, &format!("{root}{path}"));
    }
    // The entry may mean a folder that the tree has elsewhere.
    seen.look(&tree.namespace, &format!("/boot/{}", linux.image_name()));
    let hidden = ["/boot/grub", "/boot/efi/EFI", "/efi/EFI", path.as_str()];
    if seen.there || hidden.iter().any(|path| tree.hidden(path).is_some()) {
        return seen.outcome();
    }
    let may_hold_it = |volume: &&GuestVolume<'_>| {
        !volume.member && (volume.may_hold_a_system() || volume.is_fat())
    };
    for volume in volumes.iter().filter(may_hold_it) {
        match volume.files() {
            Ok(files) => on_volume(files, &path, &mut seen),
            Err(_) => seen.unread = true,
        }
    }
    match seen {
        Seen {
            there: false,
            empty: false,
            unread: false,
        } => ImageFile::Missing,
        seen => seen.outcome(),
    }
}

/// The path on the volume that the menu means, where it is one of a disk's files.
fn path(linux: &Linux) -> Option<String> {
    let image = linux.image.as_str();
    if let Some((device, _)) = image
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        && ELSEWHERE.iter().any(|kind| device.starts_with(kind))
    {
        return None;
    }
    let path = without_device(image);
    match path.starts_with('/') {
        _ if path.contains('$') => None,
        true => Some(path.to_owned()),
        // Entries in files of their own may be written so. Elsewhere it is what is left of a variable that
        // nothing sets here.
        false => linux.bls.as_ref().map(|_| format!("/{path}")),
    }
}

/// Looks where GRUB begins its paths: at the default root, and at the top of a filesystem with subvolumes.
fn on_volume(files: Box<dyn Filesystem>, path: &str, seen: &mut Seen) {
    let subvolumes = files.subvolumes().unwrap_or_default();
    let top = subvolumes
        .iter()
        .find(|sub| sub.parent.is_none())
        .map(|sub| sub.root);
    let files = match top.filter(|top| *top != files.root()) {
        Some(top) => {
            let view = Rooted::new(files, top);
            seen.anywhere(&view, path);
            view.into_inner()
        }
        None => files,
    };
    let files = Namespace::new(files);
    for path in [path.to_owned(), format!("/boot{path}")] {
        seen.look(&files, &path);
    }
}

/// What was seen of an image.
#[derive(Default)]
struct Seen {
    there: bool,
    empty: bool,
    /// A place could not be looked at.
    unread: bool,
}

impl Seen {
    fn look(&mut self, files: &Namespace, path: &str) {
        self.note(files.metadata(&GuestPath::new(path)));
    }

    /// As [`Seen::look`], with no link followed.
    fn anywhere(&mut self, files: &dyn Filesystem, path: &str) {
        self.note(files.metadata(&GuestPath::new(path)));
    }

    fn note(&mut self, metadata: Result<vmie_fs::Metadata, vmie_fs::Error>) {
        match metadata {
            Ok(metadata) if metadata.kind != FileKind::File => {}
            Ok(metadata) if metadata.size == 0 => self.empty = true,
            Ok(_) => self.there = true,
            Err(error) => match error.cause() {
                Cause::NotFound | Cause::NotADirectory | Cause::TooManyLinks => {}
                _ => self.unread = true,
            },
        }
    }

    fn outcome(&self) -> ImageFile {
        match (self.there, self.unread, self.empty) {
            (true, ..) => ImageFile::There,
            (false, false, true) => ImageFile::Empty,
            (false, ..) => ImageFile::Unknown,
        }
    }
}
