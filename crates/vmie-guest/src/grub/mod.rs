//! GRUB's menus: which entry starts, and what it starts.
//!
//! A `grub.cfg` is a script, and its default can hang on conditions, on the saved environment and
//! on entries that other files describe. So it is run: a small interpreter knows the commands that
//! make the menu and takes the others for done. Its costs are bounded whatever the script says.

pub mod env;
pub mod legacy;
mod run;
mod script;
mod test;
mod token;

use std::collections::BTreeMap;

pub use script::Problem;

use crate::DefaultBy;
use crate::bls::BlsEntry;
use run::{Body, Item, Machine};

/// How deep submenus are followed.
const MAX_SUBMENUS: usize = 8;
/// Entries whose kernels are listed.
const MAX_LISTED: usize = 256;

/// The files that a script can look at, by the paths it writes (`$prefix/grubenv`), a device in
/// parentheses at the start taken off.
pub trait Files {
    /// Length of a regular file; `None` when there is none.
    fn size(&self, path: &str) -> Option<u64>;
    /// Whether there is a directory.
    fn is_dir(&self, path: &str) -> bool;
    /// The bytes of a file.
    fn read(&self, path: &str) -> Option<Vec<u8>>;
    /// The entries that `blscfg` finds, in the order of the menu (see [`crate::bls::sort`]).
    fn bls_entries(&self) -> Vec<BlsEntry>;
}

/// No files at all.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl Files for NoFiles {
    fn size(&self, _: &str) -> Option<u64> {
        None
    }

    fn is_dir(&self, _: &str) -> bool {
        false
    }

    fn read(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn bls_entries(&self) -> Vec<BlsEntry> {
        Vec::new()
    }
}

/// A path as GRUB writes it, without its device: `(hd0,gpt2)/boot/x` is `/boot/x`.
#[must_use]
pub fn without_device(path: &str) -> &str {
    match path.strip_prefix('(') {
        Some(rest) => rest.split_once(')').map_or(path, |(_, path)| path),
        None => path,
    }
}

/// A Linux that an entry starts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Linux {
    /// The kernel's path as the entry writes it, on the volume that the entry names.
    pub image: String,
    /// The command line's words.
    pub args: Vec<String>,
    /// The initial RAM disks.
    pub initrd: Vec<String>,
    /// The line of the `linux` command (of `blscfg` for a BLS entry), from 1.
    pub line: u32,
    /// The id of the BLS entry, when it is one.
    pub bls: Option<String>,
}

impl Linux {
    /// The kernel's file name.
    #[must_use]
    pub fn image_name(&self) -> &str {
        self.image.rsplit('/').next().unwrap_or_default()
    }
}

/// An entry of the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MenuEntry {
    /// The title.
    pub title: String,
    /// The id, when it has one.
    pub id: Option<String>,
    /// Whether it opens a submenu.
    pub submenu: bool,
    /// The line it starts on, from 1.
    pub line: u32,
}

/// The entry that starts by default.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chosen {
    /// Its place: the index in the menu, then in the submenu, and so on.
    pub path: Vec<usize>,
    /// Its title.
    pub title: String,
    /// Its id.
    pub id: Option<String>,
    /// How it was determined.
    pub how: DefaultBy,
    /// What it starts; `None` when that is no Linux.
    pub linux: Option<Linux>,
}

/// A menu.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Menu {
    /// The entries, those of submenus not among them.
    pub entries: Vec<MenuEntry>,
    /// The entry that starts by default; `None` when the menu is empty.
    pub chosen: Option<Chosen>,
    /// What the script says is the default; empty when it says nothing.
    pub default: String,
    /// Whether BLS entries were asked for (`blscfg`).
    pub bls: bool,
    /// Every Linux that the menu and its submenus can start.
    pub kernels: Vec<Linux>,
    /// What could not be understood; GRUB skips it, too.
    pub problems: Vec<Problem>,
}

/// Runs a `grub.cfg`. `folder` is where it lies (`$prefix`); `uefi` says which GRUB runs it.
///
/// ```
/// use vmie_guest::grub::{NoFiles, menu};
///
/// let cfg = r#"
/// if [ -s $prefix/grubenv ]; then load_env; fi
/// set default="1"
/// menuentry 'Old' { linux /vmlinuz-5.10 root=/dev/sda1 }
/// menuentry 'New' --id new { linux /vmlinuz-6.1 root=/dev/sda1 ro
///     initrd /initrd-6.1 }
/// "#;
/// let chosen = menu(cfg.as_bytes(), "/boot/grub", false, &NoFiles).chosen.unwrap();
/// assert_eq!(chosen.title, "New");
/// assert_eq!(chosen.linux.unwrap().args, ["root=/dev/sda1", "ro"]);
/// ```
#[must_use]
pub fn menu(config: &[u8], folder: &str, uefi: bool, files: &dyn Files) -> Menu {
    let mut machine = Machine::new(files, variables(folder, uefi));
    machine.script(&String::from_utf8_lossy(config));
    let default = machine.get("default").to_owned();
    let mut menu = Menu {
        entries: machine.items.iter().map(entry).collect(),
        chosen: choose(&machine, &default),
        default,
        bls: machine.uses_bls,
        kernels: Vec::new(),
        problems: machine.problems.clone(),
    };
    list_kernels(&machine, &mut menu.kernels, 0);
    menu
}

/// What GRUB 2.06 sets before it reads its configuration.
fn variables(folder: &str, uefi: bool) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for feature in [
        "feature_chainloader_bpb",
        "feature_ntldr",
        "feature_platform_search_hint",
        "feature_default_font_path",
        "feature_all_video_module",
        "feature_menuentry_id",
        "feature_menuentry_options",
        "feature_timeout_style",
        "feature_200_final",
        "feature_nativedisk_cmd",
    ] {
        variables.insert(feature.to_owned(), "y".to_owned());
    }
    for (name, value) in [
        ("prefix", folder),
        ("config_directory", folder),
        ("grub_platform", if uefi { "efi" } else { "pc" }),
        ("grub_cpu", if uefi { "x86_64" } else { "i386" }),
    ] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    variables.insert("config_file".to_owned(), format!("{folder}/grub.cfg"));
    variables
}

fn entry(item: &Item) -> MenuEntry {
    MenuEntry {
        title: item.title.clone(),
        id: item.id.clone(),
        submenu: matches!(item.body, Body::Submenu(_)),
        line: item.line,
    }
}

/// Follows what `default` says as GRUB does: parts parted by `>` lead into submenus, each a place
/// in the menu, a title or an id; what is not there is the first entry.
fn choose(machine: &Machine<'_>, default: &str) -> Option<Chosen> {
    let mut chosen = descend(machine, Some(default), Vec::new())?;
    let saved = ["saved_entry", "next_entry", "prev_saved_entry"]
        .iter()
        .filter_map(|name| machine.saved.get(*name))
        .any(|value| !value.is_empty() && value == default);
    if saved && chosen.how != DefaultBy::FirstEntry {
        chosen.how = DefaultBy::SavedEntry;
    }
    Some(chosen)
}

fn descend(machine: &Machine<'_>, rest: Option<&str>, mut path: Vec<usize>) -> Option<Chosen> {
    let (spec, deeper) = first_part(rest.unwrap_or_default());
    let found = find(&machine.items, &spec);
    let (index, how) = found.unwrap_or((0, DefaultBy::FirstEntry));
    let item = machine.items.get(index)?;
    path.push(index);
    if path.len() < MAX_SUBMENUS
        && let Some(inside) = machine.enter(item)
    {
        let mut chosen = descend(&inside, deeper, path)?;
        // The weakest part of the way says how it was found; a submenu that is not gone into
        // further opens on its first entry.
        chosen.how = match (how, chosen.how) {
            (DefaultBy::FirstEntry, _) => how,
            (_, DefaultBy::FirstEntry) if deeper.is_none() => how,
            (DefaultBy::Name, DefaultBy::Index) => how,
            (_, inner) => inner,
        };
        return Some(chosen);
    }
    Some(Chosen {
        path,
        title: item.title.clone(),
        id: item.id.clone(),
        how,
        linux: machine.boot(item),
    })
}

/// What stands before the first lone `>`, with `>>` being a `>` of the name, and what follows.
fn first_part(text: &str) -> (String, Option<&str>) {
    let mut part = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('>') {
        part.push_str(before);
        match after.strip_prefix('>') {
            Some(escaped) => {
                part.push('>');
                rest = escaped;
            }
            None => return (part, Some(after)),
        }
    }
    part.push_str(rest);
    (part, None)
}

fn find(items: &[Item], spec: &str) -> Option<(usize, DefaultBy)> {
    if let Ok(index) = spec.trim().parse::<usize>() {
        if index < items.len() {
            return Some((index, DefaultBy::Index));
        }
        return None;
    }
    if spec.is_empty() {
        return None;
    }
    let by_id = items
        .iter()
        .position(|item| item.id.as_deref() == Some(spec) || item.title == spec);
    by_id.map(|index| (index, DefaultBy::Name))
}

fn list_kernels(machine: &Machine<'_>, kernels: &mut Vec<Linux>, depth: usize) {
    for item in &machine.items {
        if kernels.len() >= MAX_LISTED {
            return;
        }
        if let Some(inside) = machine.enter(item).filter(|_| depth < MAX_SUBMENUS) {
            list_kernels(&inside, kernels, depth.saturating_add(1));
        } else if let Some(linux) = machine.boot(item)
            && !kernels.iter().any(|known| known.image == linux.image)
        {
            kernels.push(linux);
        }
    }
}
