//! From disks to facts.

mod boot;
mod devices;
mod dhcp;
mod firewalls;
mod identity;
mod image;
mod initrd;
mod kernels;
mod loaders;
mod mounts;
mod network;
mod ostree;
mod packages;
mod services;
mod subvolumes;
mod tree;
mod unpacking;
mod volumes;

use std::sync::Arc;

use vmie_fs::{Filesystem, FsKind, GuestPath, Namespace, State};
use vmie_io::{Limits, ReadAt};
use vmie_volumes::BootCode;

use crate::fstab::{self, Fstab};
use crate::windows;
use crate::{
    Boot, BootMode, Cause, Disk, Error, Evidence, Fact, FilesystemFacts, Inspection, MountOutcome,
    System, Unread,
};
use crate::{Network, Settings};
pub(crate) use identity::NO_RELEASE_FILE;
use loaders::Firmware;
pub(crate) use volumes::clause;
pub use volumes::{GuestVolume, Opener};

/// Disks that are looked at. An import takes 21; what has more is told so, and not cut off.
const MAX_DISKS: usize = 256;
/// Systems that are looked into.
const MAX_SYSTEMS: usize = 16;
/// The largest text that is taken whole, in bytes, whatever the caller's limit: the longest list of
/// modules of a distribution's kernel is about 1 MiB.
const MAX_TEXT: u64 = 4 << 20;

/// Looks at the disks of one machine, in the order the machine has them, and tells what is there.
///
/// # Errors
/// When no disk was given ([`Cause::NoDisks`]) or more than are looked at
/// ([`Cause::TooManyDisks`]). Whatever is wrong with the disks themselves is in the facts.
pub fn inspect(disks: &[Arc<dyn ReadAt>], limits: &Limits) -> Result<Inspection, Error> {
    if disks.is_empty() {
        return Err(Error::new(Cause::NoDisks).in_structure("machine"));
    }
    if disks.len() > MAX_DISKS {
        return Err(Error::new(Cause::TooManyDisks)
            .in_structure("machine")
            .field("disks")
            .found(disks.len()));
    }
    let (disks, groups, volumes) = volumes::survey(disks, limits);
    let mut inspection = inspect_volumes(disks, &volumes, limits);
    inspection.groups = groups;
    Ok(inspection)
}

/// What [`inspect`] does once the volumes are known: for machines whose volumes come from
/// elsewhere than the tables of their disks, such as filesystems in memory.
#[must_use]
pub fn inspect_volumes(
    disks: Vec<Disk>,
    volumes: &[GuestVolume<'_>],
    limits: &Limits,
) -> Inspection {
    let boot = boot::boot(&disks, volumes);
    let firmware = firmware(&disks, &boot);
    let mut inspection = Inspection {
        disks,
        groups: Vec::new(),
        filesystems: Vec::new(),
        systems: Vec::new(),
        unread: Vec::new(),
        boot,
    };
    let mut trees = Vec::new();
    let mut windows = Vec::new();
    let mut usr = None;
    for volume in volumes {
        let opened = volume.files();
        if let Some(facts) = filesystem(volume, opened.as_deref()) {
            inspection.filesystems.push(facts);
        }
        match opened {
            Ok(files) if trees.len().saturating_add(windows.len()) < MAX_SYSTEMS => {
                windows.extend(windows_system(volume, &*files, volumes, limits));
                if usr.is_none() && is_usr(&*files) {
                    usr = Some(volume);
                }
                trees.extend(subvolumes::root(files, volumes).map(|root| (volume, root)));
            }
            Ok(_) => {}
            Err(why) if volume.may_hold_a_system() && !volume.member => {
                inspection.unread.push(Unread {
                    volume: volume.id.clone(),
                    kind: volume.kind(),
                    why,
                    mounted_on: None,
                })
            }
            Err(_) => {}
        }
    }
    let limits = &limits.with_text(limits.text.min(MAX_TEXT));
    if let Some(usr) = usr.filter(|_| trees.is_empty() && windows.is_empty()) {
        trees.extend(subvolumes::Root::bare(usr).map(|root| (usr, root)));
    }
    for (volume, root) in trees {
        inspection
            .systems
            .push(system(volume, root, (volumes, usr), firmware, limits));
    }
    inspection.systems.extend(windows);
    let order = |system: &System| volumes.iter().position(|volume| volume.id == system.root);
    inspection.systems.sort_by_key(order);
    place(&mut inspection);
    inspection
}

/// The Windows that is on a volume.
fn windows_system(
    volume: &GuestVolume<'_>,
    files: &dyn Filesystem,
    volumes: &[GuestVolume<'_>],
    limits: &Limits,
) -> Option<System> {
    let files = windows::Files {
        files,
        volume: &volume.id,
    };
    let folder = windows::folder(&files)?;
    let found = windows::read(files, folder, volumes, limits);
    let none = "Windows has no such thing";
    Some(System {
        root: volume.id.clone(),
        root_subvolume: None,
        deployment: None,
        root_disks: volume.disks.clone(),
        os: found.os,
        kernels: found.kernels,
        default_kernel: found.default_kernel,
        bootloaders: found.bootloaders,
        fstab: Fact::unknown(none, Vec::new()),
        mounts: Vec::new(),
        drivers: found.drivers,
        initramfs: Fact::unknown(none, Vec::new()),
        network: Network::default(),
        packages: Fact::unknown(none, Vec::new()),
        settings: Settings::default(),
        notes: found.windows.problems.clone(),
        windows: Some(Box::new(found.windows)),
    })
}

fn firmware(disks: &[Disk], boot: &Boot) -> Firmware {
    let codes = || disks.iter().filter_map(|disk| disk.layout.get());
    Firmware {
        uefi_only: boot
            .modes
            .get()
            .is_some_and(|modes| modes.as_slice() == [BootMode::Uefi]),
        grub_legacy: codes().any(|layout| layout.boot_code == BootCode::GrubLegacy),
    }
}

/// Whether a filesystem is the root of a Linux: it has one of the files that say which one.
fn is_root(files: &dyn Filesystem) -> bool {
    identity::MARKS
        .iter()
        .any(|path| files.metadata(&GuestPath::from(*path)).is_ok())
}

/// Whether a filesystem is what a Linux has in `/usr`, on a volume of its own.
fn is_usr(files: &dyn Filesystem) -> bool {
    let is_there = |path| files.metadata(&GuestPath::from(path)).is_ok();
    is_there("/lib/os-release") && is_there("/bin")
}

fn filesystem(
    volume: &GuestVolume<'_>,
    opened: Result<&(dyn Filesystem + 'static), &String>,
) -> Option<FilesystemFacts> {
    let identity = volume.identity.as_ref().ok()?.as_ref()?;
    Some(FilesystemFacts {
        volume: volume.id.clone(),
        kind: identity.kind,
        label: identity.label.clone(),
        uuid: identity.uuid.clone(),
        size: volume.size,
        space: opened.ok().and_then(Filesystem::space),
        state: opened.map_or(State::Unknown, Filesystem::state),
        mounted_on: None,
        readable: match opened {
            Ok(_) => Fact::known((), Vec::new()),
            Err(why) => Fact::unknown(why.clone(), vec![Evidence::new(why.clone()).on(&volume.id)]),
        },
    })
}

fn system(
    root: &GuestVolume<'_>,
    found: subvolumes::Root,
    (volumes, usr): (&[GuestVolume<'_>], Option<&GuestVolume<'_>>),
    firmware: Firmware,
    limits: &Limits,
) -> System {
    let namespace = Namespace::new(found.files);
    let fstab = table(&namespace, limits.text);
    let no_table = Fstab::default();
    let table = fstab.as_ref().unwrap_or(&no_table);
    let mut tree = mounts::join(root.id.clone(), namespace, table, volumes, limits);
    // Some systems find their /usr without a table: Flatcar and CoreOS, by the command line.
    if let Some(usr) = usr.filter(|_| tree.names("/usr").is_empty()) {
        mounts::join_usr(&mut tree, usr);
    }
    if found.deployment.is_some() {
        ostree::join_boot(&mut tree, root, volumes);
    }
    let mut kernels = kernels::installed(&tree);
    let (bootloaders, default_kernel) = loaders::read(&tree, volumes, firmware, &mut kernels);
    let notes = table
        .bad_lines
        .iter()
        .take(16)
        .map(|line| {
            tree.evidence("/etc/fstab", "no entry: mount passes it over")
                .line(*line)
        })
        .collect();
    // To unpack the initramfs takes longer than all the rest, which is read meanwhile.
    std::thread::scope(|scope| {
        let initramfs = initrd::begin(scope, &tree, &kernels, &default_kernel);
        let packages = packages::packages(&tree, &mut kernels);
        System {
            root: root.id.clone(),
            root_subvolume: found.subvolume,
            deployment: found.deployment,
            root_disks: root.disks.clone(),
            os: identity::os(&tree),
            drivers: devices::drivers(&tree, &kernels, default_kernel.get()),
            network: network::network(&tree, default_kernel.get()),
            settings: services::settings(&tree),
            windows: None,
            packages,
            kernels,
            bootloaders,
            fstab: entries(&tree, fstab),
            notes,
            initramfs: initramfs.wait(&tree),
            default_kernel,
            mounts: tree.mounts,
        }
    })
}

/// The table of filesystems; why not, in words, when there is none that can be read.
fn table(namespace: &Namespace, text: u64) -> Result<Fstab, String> {
    match namespace.read(&GuestPath::from("/etc/fstab"), text) {
        Ok(bytes) => Ok(fstab::parse(&bytes)),
        Err(error) if error.cause() == vmie_fs::Cause::NotFound => {
            Err("there is no /etc/fstab".to_owned())
        }
        Err(error) => Err(format!(
            "/etc/fstab cannot be read: {}",
            volumes::clause(&error)
        )),
    }
}

fn entries(tree: &tree::Tree, table: Result<Fstab, String>) -> Fact<Vec<fstab::FstabEntry>> {
    match table {
        Ok(table) => {
            let says = format!("{} entries", table.entries.len());
            let evidence = tree.evidence("/etc/fstab", says);
            Fact::known(table.entries, vec![evidence])
        }
        Err(why) => {
            let evidence = tree.evidence("/etc/fstab", why.clone());
            Fact::unknown(why, vec![evidence])
        }
    }
}

/// Says of each filesystem where the systems' tables put it.
fn place(inspection: &mut Inspection) {
    for system in &inspection.systems {
        let placed = system
            .mounts
            .iter()
            .filter_map(|mount| match &mount.outcome {
                MountOutcome::Joined(volume) | MountOutcome::NotRead { volume, .. } => {
                    Some((volume.clone(), mount.target.as_str()))
                }
                _ => None,
            })
            .chain([(system.root.clone(), "/")]);
        for (volume, target) in placed {
            for facts in &mut inspection.filesystems {
                if facts.volume == volume && facts.mounted_on.is_none() {
                    facts.mounted_on = Some(target.to_owned());
                }
            }
            for unread in &mut inspection.unread {
                if unread.volume == volume && unread.mounted_on.is_none() {
                    unread.mounted_on = Some(target.to_owned());
                }
            }
        }
    }
    // A volume group's or cryptroot's member is placed by what it holds, not by one target.
    for facts in &mut inspection.filesystems {
        if matches!(facts.kind, FsKind::Lvm2Pv | FsKind::LinuxRaid) {
            facts.mounted_on = None;
        }
    }
}
