//! Roots and mounts that are subvolumes.

use vmie_fs::{Filesystem, GuestPath, MemoryFs, Node, Rooted, Subvolume};

use super::{GuestVolume, clause, is_root, ostree};
use crate::Deployment;
use crate::fstab::{self, FstabEntry};

/// The longest table that is looked at to tell which subvolume is the root.
const MAX_TABLE: u64 = 64 << 10;
/// Subvolumes that are looked at: snapshots may be many, and most are read-only.
const MAX_LOOKED_AT: usize = 256;

/// The root filesystem of a system.
pub(super) struct Root {
    pub(super) files: Box<dyn Filesystem>,
    /// The path of its subvolume, when it is in one.
    pub(super) subvolume: Option<String>,
    /// Which tree of OSTree's it is, when it is one.
    pub(super) deployment: Option<Deployment>,
}

impl Root {
    /// The root of a system that has everything in `/usr` and makes the rest when it starts.
    pub(super) fn bare(usr: &GuestVolume<'_>) -> Option<Self> {
        let files: Box<dyn Filesystem> = Box::new(MemoryFs::new(usr.kind()?));
        Some(Self {
            files,
            subvolume: None,
            deployment: None,
        })
    }

    /// The tree that OSTree deployed in `files`.
    fn deployed(
        files: Box<dyn Filesystem>,
        subvolume: Option<String>,
        (node, deployment): (Node, Deployment),
    ) -> Self {
        Self {
            files: Box::new(Rooted::new(files, node)),
            subvolume,
            deployment: Some(deployment),
        }
    }
}

/// The root that a filesystem holds: where its paths begin, or in one of its subvolumes, as most
/// installers make it (`@`, `@rootfs`). Of several the one whose own table says that it is the root
/// is taken, else the first that is no snapshot. A tree of OSTree's is one, too.
pub(super) fn root(files: Box<dyn Filesystem>, volumes: &[GuestVolume<'_>]) -> Option<Root> {
    let subvolumes = files.subvolumes().unwrap_or_default();
    let own = subvolumes.iter().find(|sub| sub.root == files.root());
    let subvolume = own.filter(|own| own.parent.is_some()).map(path);
    if is_root(&*files) {
        return Some(Root {
            files,
            subvolume,
            deployment: None,
        });
    }
    if let Some(found) = ostree::deployed(&*files, volumes) {
        return Some(Root::deployed(files, subvolume, found));
    }
    let mut files = files;
    let mut best: Option<(bool, bool, Node, String)> = None;
    let writable = subvolumes.iter().filter(|sub| !sub.read_only);
    for sub in writable.take(MAX_LOOKED_AT) {
        let view = Rooted::new(files, sub.root);
        if is_root(&view) || ostree::is_deployed(&view) {
            let rank = (says_so(&view, sub), sub.snapshot_of.is_none());
            if best.as_ref().is_none_or(|best| rank > (best.0, best.1)) {
                best = Some((rank.0, rank.1, sub.root, path(sub)));
            }
        }
        files = view.into_inner();
    }
    let (_, _, node, subvolume) = best?;
    let files: Box<dyn Filesystem> = Box::new(Rooted::new(files, node));
    let subvolume = Some(subvolume);
    if !is_root(&*files)
        && let Some(found) = ostree::deployed(&*files, volumes)
    {
        return Some(Root::deployed(files, subvolume, found));
    }
    Some(Root {
        files,
        subvolume,
        deployment: None,
    })
}

fn path(sub: &Subvolume) -> String {
    match &sub.path {
        Some(path) => path.to_string_lossy(),
        None => format!("subvolid={}", sub.id),
    }
}

/// Whether the fstab in a subvolume mounts that subvolume as the root.
fn says_so(view: &Rooted, sub: &Subvolume) -> bool {
    let read = || {
        let mut file = view.open(&GuestPath::from("/etc/fstab")).ok()?;
        let len = usize::try_from(file.len().min(MAX_TABLE)).ok()?;
        let mut bytes = vec![0; len];
        file.read_at(&mut bytes, 0).ok()?;
        Some(fstab::parse(&bytes))
    };
    read().is_some_and(|table| {
        let mut roots = table.entries.iter().filter(|entry| entry.target == "/");
        roots.any(|entry| is_meant(entry, sub))
    })
}

/// Whether an entry of fstab names a subvolume.
pub(super) fn is_asked_for(entry: &FstabEntry) -> bool {
    entry.option("subvol").is_some() || entry.option("subvolid").is_some()
}

/// The subvolume that an entry of fstab names, as [`path`] writes it.
pub(super) fn named(entry: &FstabEntry) -> Option<String> {
    if let Some(name) = entry.option("subvol") {
        return Some(GuestPath::root().join(name.as_bytes()).to_string_lossy());
    }
    Some(format!("subvolid={}", entry.option("subvolid")?))
}

fn is_meant(entry: &FstabEntry, sub: &Subvolume) -> bool {
    if let Some(name) = entry.option("subvol") {
        return sub.path.as_ref() == Some(&GuestPath::root().join(name.as_bytes()));
    }
    let id = entry.option("subvolid").and_then(|id| id.parse().ok());
    id == Some(sub.id)
}

/// What an entry of fstab mounts of a filesystem.
pub(super) fn mounted(
    files: Box<dyn Filesystem>,
    entry: &FstabEntry,
) -> Result<Box<dyn Filesystem>, String> {
    if !is_asked_for(entry) {
        return Ok(files);
    }
    let subvolumes = files.subvolumes().map_err(|error| clause(&error))?;
    if subvolumes.is_empty() {
        return Ok(files);
    }
    let meant = subvolumes.iter().find(|sub| is_meant(entry, sub));
    let root = meant.map(|sub| sub.root);
    let root = root.ok_or_else(|| "it has no such subvolume".to_owned())?;
    Ok(Box::new(Rooted::new(files, root)))
}
