//! The initial RAM filesystem of the kernel that starts.

use vmie_fs::GuestPath;

use super::devices::{DRIVERS, newest};
use super::tree::{File, Tree};
use crate::grub::without_device;
use crate::initramfs::{self, Bounds, Contents};
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

/// What the default kernel, or the newest one, finds before it has a root.
pub(super) fn initramfs(
    tree: &Tree,
    kernels: &[Kernel],
    default: &Fact<DefaultKernel>,
) -> Fact<Initramfs> {
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
                return match tree.hidden(file).or_else(|| tree.hidden("/boot/grub")) {
                    Some(why) => Fact::unknown(why, vec![saw]),
                    None => Fact::known(
                        Initramfs::Missing {
                            file: file.to_owned(),
                        },
                        vec![saw],
                    ),
                };
            }
        }
    }
    listed(tree, files)
}

/// Without a boot entry that names one: by the name of the release.
fn unnamed(tree: &Tree, kernels: &[Kernel], default: &Fact<DefaultKernel>) -> Fact<Initramfs> {
    let menu = default.get().filter(|default| default.cmdline.is_some());
    if menu.is_some() {
        let saw = default.evidence().iter().take(1).cloned().collect();
        return Fact::known(Initramfs::None, saw);
    }
    let release = default.get().map(|default| default.release.as_str());
    let Some(release) = release.or_else(|| newest(kernels)) else {
        return Fact::unknown("no kernel was found", Vec::new());
    };
    let mut paths = NAMES
        .iter()
        .map(|(before, after)| format!("{before}{release}{after}"));
    match paths.find(|path| tree.size(path).is_some()) {
        Some(path) => listed(tree, vec![path]),
        None => Fact::unknown(
            tree.hidden("/boot/grub").unwrap_or_else(|| {
                format!("no boot entry names one, and /boot has none for {release}")
            }),
            Vec::new(),
        ),
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

fn listed(tree: &Tree, files: Vec<String>) -> Fact<Initramfs> {
    let mut evidence = Vec::new();
    let mut all = Contents {
        complete: true,
        ..Contents::default()
    };
    for file in &files {
        match one(tree, file) {
            Ok(contents) => {
                evidence.push(tree.evidence(file, says(&contents)));
                join(&mut all, contents);
            }
            Err(Unlisted::NotRead(why)) => {
                evidence.push(tree.evidence(file, why.clone()));
                return Fact::unknown(why, evidence);
            }
            Err(Unlisted::Damaged(why, offset)) => {
                let mut saw = tree.evidence(file, why.clone());
                saw.offset = offset;
                evidence.push(saw);
                let damaged = Initramfs::Damaged {
                    file: file.clone(),
                    why,
                };
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

fn one(tree: &Tree, path: &str) -> Result<Contents, Unlisted> {
    let file = tree
        .namespace
        .open(&GuestPath::new(path))
        .map_err(|error| {
            Unlisted::NotRead(format!("{path} cannot be read: {}", super::clause(&error)))
        })?;
    let read = initramfs::read(&mut File(file), DRIVERS, Bounds::default());
    read.map_err(|error| match error.cause() {
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

    #[test]
    fn what_was_seen_reads_well() {
        let contents = Contents {
            compressions: vec![initramfs::Compression::None, initramfs::Compression::Zstd],
            drivers: vec!["nvme".to_owned(), "ena".to_owned()],
            ..Contents::default()
        };
        assert_eq!(says(&contents), "an initramfs (none, zstd) with nvme, ena");
    }
}
