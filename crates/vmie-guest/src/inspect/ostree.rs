//! Systems that OSTree deploys: the root filesystem holds trees below `/ostree/deploy`, one of which becomes
//! `/` when it starts (<https://ostreedev.github.io/ostree/deployment/>). Fedora CoreOS, Silverblue and IoT, RHEL
//! CoreOS and RHEL for Edge, Endless OS are made so.

use vmie_fs::{Cause, Filesystem, GuestPath, Node, Rooted};

use super::GuestVolume;
use super::identity::MARKS;
use super::tree::Tree;
use crate::Deployment;
use crate::bls::{self, BlsEntry};

/// Where deployments are.
const DEPLOY: &str = "/ostree/deploy";
/// Groups of deployments, deployments of a group, and boot entries that are looked at: there are two
/// deployments of one group as a rule, and an entry for each.
const MAX_GROUPS: usize = 32;
const MAX_DEPLOYMENTS: usize = 64;
/// Names in the folder of a group that are looked at, whatever they are.
const MAX_NAMES: usize = 256;
/// The longest entry that is read, in bytes.
const MAX_ENTRY: u64 = 64 << 10;
/// Links that are followed on the way to a deployment; there are two.
const MAX_LINKS: u32 = 16;
/// The folder of boot entries on the volume of `/boot`.
const ENTRIES: &str = "/loader/entries";

/// The deployment that becomes the root of a system, and the directory that it begins at: that which the
/// first boot entry names, else the first that says which system it is. `None` where there is none.
pub(super) fn deployed(
    files: &dyn Filesystem,
    volumes: &[GuestVolume<'_>],
) -> Option<(Node, Deployment)> {
    let all = deployments(files);
    let first = all.first()?;
    let named = boot_entries(files, volumes)
        .iter()
        .filter_map(argument)
        .find_map(|path| resolve(files, &path));
    let chosen = all.iter().find(|one| Some(one.node) == named);
    let chosen = chosen.unwrap_or(first);
    Some((
        chosen.node,
        Deployment {
            group: chosen.group.clone(),
            path: chosen.path.to_string_lossy(),
            by_boot_entry: Some(chosen.node) == named,
            deployments: u32::try_from(all.len()).unwrap_or(u32::MAX),
        },
    ))
}

/// Whether OSTree deployed a system there.
pub(super) fn is_deployed(files: &dyn Filesystem) -> bool {
    !deployments(files).is_empty()
}

struct One {
    node: Node,
    group: String,
    path: GuestPath,
}

/// The deployments that say which system they are.
fn deployments(files: &dyn Filesystem) -> Vec<One> {
    let mut found = Vec::new();
    let base = GuestPath::from(DEPLOY);
    for group in folders(files, &base).into_iter().take(MAX_GROUPS) {
        let folder = base.join(&group).join("deploy");
        for name in folders(files, &folder).into_iter().take(MAX_NAMES) {
            let path = folder.join(&name);
            let has = |mark: &str| {
                files
                    .metadata(&path.join(mark.trim_start_matches('/')))
                    .is_ok()
            };
            if found.len() >= MAX_DEPLOYMENTS || !MARKS.iter().any(|mark| has(mark)) {
                continue;
            }
            if let Ok(node) = files.find(&path) {
                found.push(One {
                    node,
                    group: String::from_utf8_lossy(&group).into_owned(),
                    path,
                });
            }
        }
    }
    found
}

fn folders(files: &dyn Filesystem, at: &GuestPath) -> Vec<Vec<u8>> {
    let entries = files.read_dir(at).unwrap_or_default();
    let mut names: Vec<Vec<u8>> = entries
        .into_iter()
        .filter(|entry| entry.kind == vmie_fs::FileKind::Directory)
        .map(|entry| entry.name)
        .collect();
    names.sort();
    names
}

/// The entries of the filesystem's own `/boot`, else of the volume that has entries of OSTree; in GRUB's order.
fn boot_entries(files: &dyn Filesystem, volumes: &[GuestVolume<'_>]) -> Vec<BlsEntry> {
    let mut entries = Vec::new();
    if let Some(folder) = resolve(files, &format!("/boot{ENTRIES}")) {
        entries = read_entries(files, folder);
    }
    for volume in volumes {
        if entries.iter().any(|entry| argument(entry).is_some()) {
            break;
        }
        if let Some(boot) = volume.files().ok().filter(|_| volume.may_hold_a_system())
            && let Some(folder) = resolve(&*boot, ENTRIES)
        {
            entries = read_entries(&*boot, folder);
        }
    }
    bls::sort(&mut entries);
    entries
}

fn read_entries(files: &dyn Filesystem, folder: Node) -> Vec<BlsEntry> {
    let listed = files.entries(folder).unwrap_or_default();
    let mut entries = Vec::new();
    for entry in listed.iter().take(bls::MAX_ENTRIES) {
        let name = String::from_utf8_lossy(&entry.name);
        let Some(id) = name.strip_suffix(".conf") else {
            continue;
        };
        let Ok(mut file) = files.open_node(entry.node) else {
            continue;
        };
        let len = usize::try_from(file.len().min(MAX_ENTRY)).unwrap_or_default();
        let mut bytes = vec![0; len];
        if let Ok(read) = file.read_at(&mut bytes, 0) {
            bytes.truncate(read);
            entries.push(bls::parse(id, &bytes));
        }
    }
    entries
}

/// The value of `ostree=` on an entry's command line: a link below the root filesystem to a deployment.
fn argument(entry: &BlsEntry) -> Option<String> {
    let mut words = entry.options.split_ascii_whitespace();
    let path = words.find_map(|word| word.strip_prefix("ostree="))?;
    path.starts_with('/').then(|| path.to_owned())
}

/// The file of a path, the links on the way followed within the filesystem.
fn resolve(files: &dyn Filesystem, path: &str) -> Option<Node> {
    let mut path = GuestPath::new(path);
    for _ in 0..MAX_LINKS {
        match follow(files, &path)? {
            Ok(node) => return Some(node),
            Err(further) => path = further,
        }
    }
    None
}

/// The file, or the path with its first link replaced; `None` when nothing is there.
fn follow(files: &dyn Filesystem, path: &GuestPath) -> Option<Result<Node, GuestPath>> {
    let mut done = GuestPath::root();
    let mut node = files.root();
    let mut names = path.components();
    while let Some(name) = names.next() {
        let next = files.lookup(node, name).ok().flatten()?;
        match files.link_target(next) {
            Ok(target) => {
                let mut further = match target.starts_with(b"/") {
                    true => GuestPath::new(target),
                    false => done.join(target),
                };
                for rest in names {
                    further = further.join(rest);
                }
                return Some(Err(further));
            }
            Err(error) if error.cause() == Cause::NotASymlink => {}
            Err(_) => return None,
        }
        done = done.join(name);
        node = next;
    }
    Some(Ok(node))
}

/// Joins what a deployment has its `/boot` on: the volume with the entries of OSTree, else the folder `/boot`
/// of the filesystem that it lies in. Its own is empty, and no table need name the other.
pub(super) fn join_boot(tree: &mut Tree, root: &GuestVolume<'_>, volumes: &[GuestVolume<'_>]) {
    if tree.is_dir("/boot/loader") {
        return;
    }
    let boot = GuestPath::from("/boot");
    for volume in volumes.iter().filter(|volume| volume.may_hold_a_system()) {
        let Ok(files) = volume.files() else { continue };
        let entries = resolve(&*files, ENTRIES).map(|folder| read_entries(&*files, folder));
        let is_it =
            entries.is_some_and(|entries| entries.iter().any(|one| argument(one).is_some()));
        if is_it {
            tree.namespace.mount(boot, files);
            tree.ids.push(volume.id.clone());
            return;
        }
    }
    if let Ok(files) = root.files()
        && let Ok(node) = files.find(&boot)
        && files
            .lookup(node, b"loader")
            .is_ok_and(|found| found.is_some())
    {
        tree.namespace
            .mount(boot, Box::new(Rooted::new(files, node)));
        tree.ids.push(root.id.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmie_fs::{FsKind, MemoryFs};

    #[test]
    fn links_are_followed_within_and_not_for_ever() {
        let files = MemoryFs::new(FsKind::Ext4)
            .with_symlink("/ostree/boot.1", "boot.1.1")
            .with_symlink("/ostree/boot.1.1/os/ab/0", "../../../deploy/os/deploy/ab.0")
            .with_file("/ostree/deploy/os/deploy/ab.0/etc/os-release", "ID=x\n")
            .with_symlink("/round", "/about")
            .with_symlink("/about", "round")
            .with_symlink("/out", "../../../ostree");
        let at = |path: &str| files.find(&GuestPath::from(path)).ok();
        let deployment = at("/ostree/deploy/os/deploy/ab.0");
        assert!(deployment.is_some());
        assert_eq!(resolve(&files, "/ostree/boot.1/os/ab/0"), deployment);
        assert_eq!(resolve(&files, "/out"), at("/ostree"));
        assert_eq!(resolve(&files, "/round"), None);
        assert_eq!(resolve(&files, "/ostree/boot.2/os/ab/0"), None);
    }
}
