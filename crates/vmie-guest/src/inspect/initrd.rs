//! The initial RAM filesystem of the kernel that starts.

use std::thread::Scope;

use vmie_fs::GuestPath;

use super::devices::newest;
use super::tree::{File, Tree};
use super::unpacking::{self, Listing};
use crate::grub::without_device;
use crate::initramfs::{Bounds, Contents};
use crate::{Cause, DefaultKernel, Error, Fact, Initramfs, Kernel};

/// Files that are read: microcode may stand in one of its own.
const MAX_FILES: usize = 4;

/// What the images of a release are called, where no boot entry says it.
const NAMES: &[(&str, &str)] = &[
    ("/boot/initrd.img-", ""),
    ("/boot/initramfs-", ".img"),
    ("/boot/initrd-", ""),
    ("/boot/initrd-", ".img"),
];

/// What is known of the initramfs, or its files that are being listed.
pub(super) enum Pending<'scope> {
    Known(Fact<Initramfs>),
    Listed(Vec<(String, Listing<'scope>)>),
}

/// What the default kernel, or the newest one, finds before it has a root: begun here, and done by
/// [`Pending::wait`].
pub(super) fn begin<'scope>(
    scope: &'scope Scope<'scope, '_>,
    tree: &Tree,
    kernels: &[Kernel],
    default: &Fact<DefaultKernel>,
) -> Pending<'scope> {
    if tree.unpacked == 0 {
        return Pending::Known(Fact::unknown("it was not to be looked into", Vec::new()));
    }
    match files(tree, kernels, default) {
        Ok(files) => {
            let begun = files.into_iter().map(|path| {
                let listing = one(scope, tree, &path);
                (path, listing)
            });
            Pending::Listed(begun.collect())
        }
        Err(known) => Pending::Known(*known),
    }
}

impl Pending<'_> {
    /// Waits for what is being listed.
    pub(super) fn wait(self, tree: &Tree) -> Fact<Initramfs> {
        match self {
            Self::Known(fact) => fact,
            Self::Listed(files) => listed(tree, files),
        }
    }
}

/// The files that make up the initramfs, or what is known without reading any.
fn files(
    tree: &Tree,
    kernels: &[Kernel],
    default: &Fact<DefaultKernel>,
) -> Result<Vec<String>, Box<Fact<Initramfs>>> {
    let named: Vec<&str> = match default.get() {
        Some(default) => default.initrd.iter().map(String::as_str).collect(),
        None => Vec::new(),
    };
    // GRUB passes over a variable that is not set.
    let named: Vec<&str> = named
        .into_iter()
        .filter(|path| !path.is_empty() && !path.contains('$'))
        .take(MAX_FILES)
        .collect();
    if named.is_empty() {
        return unnamed(tree, kernels, default);
    }
    let mut files = Vec::new();
    for file in named {
        match place(tree, file) {
            Some(path) => files.push(path),
            None => {
                let saw = tree.evidence(file, "the boot entry names it, and it is not there");
                let missing = Initramfs::Missing {
                    file: file.to_owned(),
                };
                let known = match tree.hidden(file).or_else(|| tree.hidden("/boot/grub")) {
                    Some(why) => Fact::unknown(why, vec![saw]),
                    None => Fact::known(missing, vec![saw]),
                };
                return Err(known.into());
            }
        }
    }
    Ok(files)
}

/// Without a boot entry that names one: by the name of the release.
fn unnamed(
    tree: &Tree,
    kernels: &[Kernel],
    default: &Fact<DefaultKernel>,
) -> Result<Vec<String>, Box<Fact<Initramfs>>> {
    let menu = default.get().filter(|default| default.cmdline.is_some());
    if menu.is_some() {
        let saw = default.evidence().iter().take(1).cloned().collect();
        return Err(Fact::known(Initramfs::None, saw).into());
    }
    let release = default.get().map(|default| default.release.as_str());
    let Some(release) = release.or_else(|| newest(kernels)) else {
        return Err(Fact::unknown("no kernel was found", Vec::new()).into());
    };
    let mut paths = NAMES
        .iter()
        .map(|(before, after)| format!("{before}{release}{after}"));
    match paths.find(|path| tree.size(path).is_some()) {
        Some(path) => Ok(vec![path]),
        None => {
            let why = tree.hidden("/boot/grub").unwrap_or_else(|| {
                format!("no boot entry names one, and /boot has none for {release}")
            });
            Err(Fact::unknown(why, Vec::new()).into())
        }
    }
}

/// Where the file is that a boot entry names; its path is that of the volume that GRUB reads.
fn place(tree: &Tree, file: &str) -> Option<String> {
    let path = without_device(file);
    ["", "/boot", "/boot/efi"]
        .iter()
        .map(|folder| format!("{folder}{path}"))
        .find(|path| tree.size(path).is_some())
}

fn listed(tree: &Tree, begun: Vec<(String, Listing<'_>)>) -> Fact<Initramfs> {
    let files: Vec<String> = begun.iter().map(|(path, _)| path.clone()).collect();
    let mut evidence = Vec::new();
    let mut all = Contents {
        complete: true,
        ..Contents::default()
    };
    for (file, listing) in begun {
        match outcome(&file, listing) {
            Ok(contents) => {
                evidence.push(tree.evidence(&file, says(&contents)));
                join(&mut all, contents);
            }
            Err(Unlisted::NotRead(why)) => {
                evidence.push(tree.evidence(&file, why.clone()));
                return Fact::unknown(why, evidence);
            }
            Err(Unlisted::Damaged(why, offset)) => {
                let mut saw = tree.evidence(&file, why.clone());
                saw.offset = offset;
                evidence.push(saw);
                let damaged = Initramfs::Damaged { file, why };
                return Fact::known(damaged, evidence);
            }
        }
    }
    let contents = all;
    Fact::known(Initramfs::Listed { files, contents }, evidence)
}

fn says(contents: &Contents) -> String {
    let compressions: Vec<&str> = contents.compressions.iter().map(|one| one.name()).collect();
    let drivers = match contents.drivers.as_slice() {
        [] => "none of the drivers that are looked for".to_owned(),
        drivers => drivers.join(", "),
    };
    format!("an initramfs ({}) with {drivers}", compressions.join(", "))
}

enum Unlisted {
    NotRead(String),
    Damaged(String, Option<u64>),
}

/// Begins to list a file; why not, in words, when it cannot even be opened.
fn one<'scope>(scope: &'scope Scope<'scope, '_>, tree: &Tree, path: &str) -> Listing<'scope> {
    match tree.namespace.open(&GuestPath::new(path)) {
        Ok(file) => {
            let len = file.len();
            unpacking::begin(scope, &mut File(file), len, bounds(tree))
        }
        Err(error) => {
            let why = super::clause(&error);
            let error = Error::new(Cause::Read).at("initramfs", 0);
            Listing::Done(Err(error.found(why.as_str())))
        }
    }
}

fn bounds(tree: &Tree) -> Bounds {
    Bounds {
        unpacked: tree.unpacked,
        ..Bounds::default()
    }
}

fn outcome(path: &str, listing: Listing<'_>) -> Result<Contents, Unlisted> {
    listing.wait().map_err(|error| match error.cause() {
        Cause::Read | Cause::Limit => {
            Unlisted::NotRead(format!("{path} cannot be read: {}", clause(&error)))
        }
        _ => Unlisted::Damaged(clause(&error), error.offset()),
    })
}

/// An error as a clause: its cause, and what was found.
fn clause(error: &Error) -> String {
    match (error.field_name(), error.value()) {
        ("", None) => error.cause().to_string(),
        (field, None) => format!("{} ({field})", error.cause()),
        ("", Some(found)) => format!("{} ({found})", error.cause()),
        (field, Some(found)) => format!("{} ({field}: {found})", error.cause()),
    }
}

fn join(all: &mut Contents, one: Contents) {
    all.compressions.extend(one.compressions);
    let more = |known: &mut Vec<String>, new: Vec<String>| {
        for name in new {
            if !known.contains(&name) {
                known.push(name);
            }
        }
    };
    more(&mut all.drivers, one.drivers);
    more(&mut all.releases, one.releases);
    all.entries = all.entries.saturating_add(one.entries);
    all.unpacked = all.unpacked.saturating_add(one.unpacked);
    all.complete &= one.complete;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initramfs::Compression;

    #[test]
    fn what_was_seen_reads_well() {
        let contents = Contents {
            compressions: vec![Compression::None, Compression::Zstd],
            drivers: vec!["nvme".to_owned(), "ena".to_owned()],
            ..Contents::default()
        };
        assert_eq!(says(&contents), "an initramfs (none, zstd) with nvme, ena");
    }
}
