//! The boot loaders, and the kernel that they start by default.

use std::cell::OnceCell;

use super::image::{self, ROOTS};
use super::kernels;
use super::tree::Tree;
use super::volumes::GuestVolume;
use crate::bls::{self, BlsEntry};
use crate::grub::{self, Files, Linux, Menu, without_device};
use crate::{
    Bootloader, BootloaderKind, DefaultBy, DefaultEntry, DefaultKernel, Evidence, Fact, ImageFile,
    Kernel, KernelFlavour, KernelSource, MenuRelation,
};

/// What the firmware will start, as far as it decides which configuration counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Firmware {
    /// There is nothing for a BIOS to start, and something for UEFI.
    pub(super) uefi_only: bool,
    /// The first sector holds GRUB legacy.
    pub(super) grub_legacy: bool,
}

/// The files that a GRUB script sees.
struct GuestFiles<'t> {
    tree: &'t Tree,
    entries: OnceCell<Vec<BlsEntry>>,
}

impl GuestFiles<'_> {
    /// A script writes paths on the volume that it calls its root; that may be the one mounted on
    /// `/boot`, or the one on `/boot/efi`.
    fn path(&self, path: &str) -> Option<String> {
        let path = without_device(path);
        ROOTS
            .iter()
            .map(|folder| format!("{folder}{path}"))
            .find(|path| self.tree.exists(path))
    }
}

impl Files for GuestFiles<'_> {
    fn size(&self, path: &str) -> Option<u64> {
        self.tree.size(&self.path(path)?)
    }

    fn is_dir(&self, path: &str) -> bool {
        self.path(path).is_some_and(|path| self.tree.is_dir(&path))
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.tree.text(&self.path(path)?)
    }

    fn bls_entries(&self) -> Vec<BlsEntry> {
        self.entries.get_or_init(|| entries(self.tree)).clone()
    }
}

/// The boot loader specification's entries, in GRUB's order.
fn entries(tree: &Tree) -> Vec<BlsEntry> {
    let folder = "/boot/loader/entries";
    let mut entries: Vec<BlsEntry> = tree
        .names(folder)
        .iter()
        .filter_map(|name| Some((name.strip_suffix(".conf")?, name)))
        .take(bls::MAX_ENTRIES)
        .filter_map(|(id, name)| {
            let bytes = tree.text(&format!("{folder}/{name}"))?;
            Some(bls::parse(id, &bytes))
        })
        .collect();
    bls::sort(&mut entries);
    entries
}

/// A configuration that was found, and its menu.
struct Found {
    loader: Bootloader,
    menu: Menu,
}

/// The loaders of a system, the one that counts first, and the kernel that starts by default.
/// Kernels that only boot entries name are added to `installed`.
pub(super) fn read(
    tree: &Tree,
    volumes: &[GuestVolume<'_>],
    firmware: Firmware,
    installed: &mut Vec<Kernel>,
) -> (Vec<Bootloader>, Fact<DefaultKernel>) {
    let files = GuestFiles {
        tree,
        entries: OnceCell::new(),
    };
    let mut found = grub2(&files, firmware);
    let legacy = grub_legacy(tree);
    if firmware.grub_legacy {
        found.splice(0..0, legacy);
    } else {
        found.extend(legacy);
    }
    // The first menu that starts something counts; a stub that leads nowhere does not.
    let starts = |found: &Found| found.menu.chosen.is_some();
    if let Some(at) = found.iter().position(starts) {
        found.swap(0, at);
    }
    for one in &mut found {
        one.loader.default = default_entry(tree, one);
    }
    if let Some(first) = found.first_mut()
        && let Some(linux) = first
            .menu
            .chosen
            .as_ref()
            .and_then(|one| one.linux.as_ref())
        && let Some(default) = &mut first.loader.default
    {
        default.file = image::find(tree, volumes, linux);
    }
    let default = match found.first() {
        Some(first) => of_menu(tree, first, installed),
        None => without_menu(tree, installed),
    };
    if let Some(release) = default.get().map(|kernel| kernel.release.as_str()) {
        for kernel in installed.iter_mut() {
            kernel.default = kernel.release == release;
        }
    }
    relate(&mut found);
    let mut loaders: Vec<Bootloader> = found.into_iter().map(|found| found.loader).collect();
    loaders.extend(others(tree));
    (loaders, default)
}

/// The entry that a menu starts, its image not looked for.
fn default_entry(tree: &Tree, found: &Found) -> Option<DefaultEntry> {
    let menu = &found.menu;
    let chosen = menu.chosen.as_ref()?;
    // GRUB legacy without a saved entry takes the first.
    let wanted = Some(menu.default.as_str())
        .filter(|wanted| !wanted.is_empty() && *wanted != "saved")
        .map(str::to_owned);
    let line = match &chosen.linux {
        Some(linux) => Some(linux.line),
        None => {
            let first = chosen.path.first();
            let entry = first.and_then(|at| menu.entries.get(*at));
            entry.map(|entry| entry.line)
        }
    };
    let says = format!("the default entry \"{}\"", chosen.title);
    let mut evidence = tree.evidence(&found.loader.config, says);
    evidence.line = line;
    Some(DefaultEntry {
        title: chosen.title.clone(),
        found: wanted.is_none() || chosen.how != DefaultBy::FirstEntry,
        wanted,
        image: chosen.linux.as_ref().map(|linux| linux.image.clone()),
        file: ImageFile::Unknown,
        evidence,
    })
}

/// Says of each menu how it stands to the first one. A stub that leads there has the same entries.
fn relate(found: &mut [Found]) {
    let Some((first, rest)) = found.split_first_mut() else {
        return;
    };
    // The kernels of the two are told apart by their names: what is before them depends on the
    // volume that a menu calls its root.
    let starts = |linux: &Linux| {
        let root = linux.args.iter().find(|word| word.starts_with("root="));
        (linux.image_name().to_owned(), root.cloned())
    };
    let all = |menu: &Menu| menu.kernels.iter().map(starts).collect::<Vec<_>>();
    let default = |menu: &Menu| {
        let chosen = menu.chosen.as_ref()?;
        chosen.linux.as_ref().map(starts)
    };
    let (entries, chosen) = (all(&first.menu), default(&first.menu));
    for other in rest {
        let theirs = default(&other.menu);
        other.loader.relation = match theirs {
            None => MenuRelation::Same,
            Some(_) if theirs != chosen => MenuRelation::OtherDefault,
            Some(_) if all(&other.menu) != entries => MenuRelation::OtherEntries,
            Some(_) => MenuRelation::Same,
        };
    }
}

fn grub2(files: &GuestFiles<'_>, firmware: Firmware) -> Vec<Found> {
    let tree = files.tree;
    let mut paths: Vec<String> = ["/boot/grub2/grub.cfg", "/boot/grub/grub.cfg"]
        .map(str::to_owned)
        .into();
    let mut on_esp = Vec::new();
    for esp in ["/boot/efi", "/efi"] {
        if let Some(efi) = tree.name_of(esp, "EFI") {
            for vendor in tree.names(&format!("{esp}/{efi}")).into_iter().take(32) {
                if let Some(name) = tree.name_of(&format!("{esp}/{efi}/{vendor}"), "grub.cfg") {
                    on_esp.push(format!("{esp}/{efi}/{vendor}/{name}"));
                }
            }
        }
    }
    let at = if firmware.uefi_only { 0 } else { paths.len() };
    paths.splice(at..at, on_esp);
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for path in paths {
        // /boot/grub2/grub.cfg may be a link to another of them.
        let real = tree.resolved(&path).unwrap_or_else(|| path.clone());
        let Some(config) = tree.text(&path).filter(|_| !seen.contains(&real)) else {
            continue;
        };
        seen.push(real);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let menu = grub::menu(&config, folder, firmware.uefi_only, files);
        found.push(Found {
            loader: Bootloader {
                kind: BootloaderKind::Grub2,
                volume: tree.volume(&path),
                config: path,
                bls: menu.bls,
                entries: menu.entries.len(),
                relation: MenuRelation::Same,
                default: None,
            },
            menu,
        });
    }
    found
}

fn grub_legacy(tree: &Tree) -> Vec<Found> {
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for path in [
        "/boot/grub/menu.lst",
        "/boot/grub/grub.conf",
        "/etc/grub.conf",
    ] {
        let real = tree.resolved(path).unwrap_or_default();
        let Some(config) = tree.text(path).filter(|_| !seen.contains(&real)) else {
            continue;
        };
        seen.push(real);
        let saved = tree.text("/boot/grub/default").and_then(|bytes| {
            String::from_utf8_lossy(&bytes)
                .lines()
                .next()?
                .trim()
                .parse()
                .ok()
        });
        let menu = grub::legacy::menu(&config, saved);
        found.push(Found {
            loader: Bootloader {
                kind: BootloaderKind::GrubLegacy,
                config: path.to_owned(),
                volume: tree.volume(path),
                bls: false,
                entries: menu.entries.len(),
                relation: MenuRelation::Same,
                default: None,
            },
            menu,
        });
    }
    found
}

/// Loaders that are named and not read.
fn others(tree: &Tree) -> Vec<Bootloader> {
    let mut found = Vec::new();
    for (kind, paths) in [
        (
            BootloaderKind::SystemdBoot,
            &[
                "/boot/loader/loader.conf",
                "/boot/efi/loader/loader.conf",
                "/efi/loader/loader.conf",
            ][..],
        ),
        (
            BootloaderKind::Extlinux,
            &[
                "/boot/extlinux/extlinux.conf",
                "/boot/extlinux.conf",
                "/boot/syslinux/syslinux.cfg",
                "/extlinux.conf",
            ],
        ),
        (BootloaderKind::Lilo, &["/etc/lilo.conf"]),
    ] {
        if let Some(path) = paths.iter().find(|path| tree.size(path).is_some()) {
            found.push(Bootloader {
                kind,
                config: (*path).to_owned(),
                volume: tree.volume(path),
                bls: kind == BootloaderKind::SystemdBoot,
                entries: 0,
                relation: MenuRelation::Same,
                default: None,
            });
        }
    }
    found
}

fn of_menu(tree: &Tree, found: &Found, installed: &mut Vec<Kernel>) -> Fact<DefaultKernel> {
    let config = &found.loader.config;
    for linux in &found.menu.kernels {
        if let Some((release, _)) = release_of(tree, linux, installed) {
            let seen = tree
                .evidence(config, format!("an entry starts {}", linux.image))
                .line(linux.line);
            kernels::add(installed, &release, None, [(KernelSource::BootEntry, seen)]);
        }
    }
    let Some(chosen) = &found.menu.chosen else {
        return Fact::unknown(
            format!("the menu of {config} has no entry"),
            vec![tree.evidence(config, "a menu without entries")],
        );
    };
    let Some(linux) = &chosen.linux else {
        let says = format!("the default entry is \"{}\"", chosen.title);
        return Fact::unknown(
            format!("the default entry of {config} starts no Linux"),
            vec![tree.evidence(config, says)],
        );
    };
    let says = format!(
        "the default entry \"{}\" starts {}",
        chosen.title, linux.image
    );
    let mut evidence = vec![tree.evidence(config, says).line(linux.line)];
    if chosen.how == DefaultBy::SavedEntry {
        let says = format!("the saved entry is \"{}\"", found.menu.default);
        evidence.push(tree.evidence(config, says));
    }
    // GRUB itself would go on with the first entry; who looks for the default finds none.
    if found.menu.bls && chosen.how == DefaultBy::FirstEntry {
        let why = if found.menu.default.is_empty() {
            format!("{config} takes its entries from /boot/loader/entries, and no default is saved")
        } else {
            format!(
                "{config} takes its entries from /boot/loader/entries, and the saved default \
                 \"{}\" is none of them",
                found.menu.default
            )
        };
        return Fact::unknown(why, evidence);
    }
    match release_of(tree, linux, installed) {
        Some((release, more)) => {
            evidence.extend(more);
            Fact::known(
                DefaultKernel {
                    release,
                    how: chosen.how,
                    title: Some(chosen.title.clone()),
                    image: Some(linux.image.clone()),
                    cmdline: Some(linux.args.join(" ")),
                    initrd: linux.initrd.clone(),
                },
                evidence,
            )
        }
        None => Fact::unknown(
            format!(
                "the image {} of the default entry names no release",
                linux.image
            ),
            evidence,
        ),
    }
}

/// The release of the kernel that an entry starts: what the image says, or its name.
fn release_of(
    tree: &Tree,
    linux: &Linux,
    installed: &[Kernel],
) -> Option<(String, Option<Evidence>)> {
    let path = without_device(&linux.image);
    let name = linux.image_name();
    let named = kernels::release_in_name(name);
    if let Some(release) = named {
        // Already read, or a rescue image, which its name tells apart.
        let known = installed.iter().find(|kernel| {
            kernel
                .image
                .as_deref()
                .is_some_and(|image| image.ends_with(&format!("/{name}")))
        });
        if let Some(kernel) = known {
            return Some((kernel.release.clone(), None));
        }
        if kernels::flavour(release) == KernelFlavour::Rescue {
            return Some((release.to_owned(), None));
        }
    }
    let places = [
        path.to_owned(),
        format!("/boot{path}"),
        format!("/boot/{name}"),
    ];
    let inside = places
        .iter()
        .find_map(|place| kernels::release_in_image(tree, place));
    match inside {
        Some((release, evidence)) => Some((release, Some(evidence))),
        // A plain `vmlinuz` may be a link to an image whose name says more.
        None => {
            let link = places.iter().find_map(|place| tree.resolved(place));
            let of_link = link.as_deref().and_then(|path| {
                kernels::release_in_name(path.rsplit('/').next().unwrap_or_default())
            });
            Some((named.or(of_link)?.to_owned(), None))
        }
    }
}

fn without_menu(tree: &Tree, installed: &[Kernel]) -> Fact<DefaultKernel> {
    if let Some(hidden) = tree.hidden("/boot/grub") {
        return Fact::unknown(hidden, Vec::new());
    }
    let mut systems = installed
        .iter()
        .filter(|kernel| kernel.flavour != KernelFlavour::Rescue);
    match (systems.next(), systems.next()) {
        (Some(kernel), None) => Fact::known(
            DefaultKernel {
                release: kernel.release.clone(),
                how: DefaultBy::OnlyKernel,
                title: None,
                image: kernel.image.clone(),
                cmdline: None,
                initrd: Vec::new(),
            },
            kernel.evidence.clone(),
        ),
        (None, _) => Fact::unknown("no kernel was found", Vec::new()),
        (Some(_), Some(_)) => Fact::unknown(
            "several kernels are installed, and no boot menu that is read here says which starts",
            Vec::new(),
        ),
    }
}
