//! The boot configuration data: a hive of objects whose elements have numbers for names
//! ([BCD reference](https://learn.microsoft.com/previous-versions/windows/desktop/bcd/bcd-reference)).

use crate::Error;
use crate::registry::{Hive, Key, Value};

/// The boot manager's object.
const BOOT_MANAGER: &str = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}";
/// The object with what is common to emergency management.
const EMS_SETTINGS: &str = "{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}";
/// `BcdBootMgrObject_DefaultObject`, `BcdBootMgrObjectList_DisplayOrder`.
const DEFAULT: &str = "23000003";
const ORDER: &str = "24000001";
/// `BcdLibraryString_ApplicationPath`, `_Description`; `BcdOSLoaderString_SystemRoot`.
const PATH: &str = "12000002";
const DESCRIPTION: &str = "12000004";
const SYSTEM_ROOT: &str = "22000002";
/// `BcdLibraryBoolean_EmsEnabled`, `BcdOSLoaderBoolean_EmsEnabled`.
const LIBRARY_EMS: &str = "16000020";
const LOADER_EMS: &str = "260000b0";
/// The type of an object that loads Windows: an application of the boot manager's, Windows' loader.
const OS_LOADER: u32 = 0x1020_0003;
/// Objects that are looked at.
const MAX_OBJECTS: usize = 256;

/// The boot configuration data of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BootStore {
    /// The entries that start a Windows, those of the menu first in its order.
    pub entries: Vec<BootEntry>,
    /// The id of the entry that starts by default.
    pub default: Option<String>,
    /// Whether emergency management services are switched on anywhere (SVC-LIM-10).
    pub ems: bool,
    /// At which byte of the file that is written.
    pub ems_offset: Option<u64>,
}

/// An entry that starts a Windows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BootEntry {
    /// The object's id.
    pub id: String,
    /// What the menu shows.
    pub description: Option<String>,
    /// The loader's path: `\Windows\system32\winload.efi`.
    pub path: Option<String>,
    /// The folder of the system: `\Windows`.
    pub system_root: Option<String>,
    /// Whether it is in the menu.
    pub in_menu: bool,
    /// At which byte of the file it is.
    pub offset: u64,
}

impl BootEntry {
    /// Whether the loader is that for UEFI; `None` when no path tells it.
    #[must_use]
    pub fn is_uefi(&self) -> Option<bool> {
        let path = self.path.as_ref()?.to_ascii_lowercase();
        Some(path.ends_with(".efi"))
    }
}

impl BootStore {
    /// The entry that starts by default.
    #[must_use]
    pub fn default_entry(&self) -> Option<&BootEntry> {
        match &self.default {
            Some(id) => self
                .entries
                .iter()
                .find(|entry| entry.id.eq_ignore_ascii_case(id)),
            None => self.entries.first(),
        }
    }
}

/// Reads a store from its hive.
///
/// # Errors
/// When the hive's root or its list of objects is damaged.
pub fn read(hive: &Hive<'_>) -> Result<BootStore, Error> {
    let mut store = BootStore::default();
    let Some(objects) = hive.key("Objects")? else {
        return Ok(store);
    };
    let manager = objects.subkey(BOOT_MANAGER)?;
    let mut order = Vec::new();
    if let Some(manager) = &manager {
        store.default = element(manager, DEFAULT).and_then(|value| value.text());
        order = element(manager, ORDER).map_or_else(Vec::new, |value| value.texts());
    }
    for object in objects.subkeys()?.into_iter().flatten().take(MAX_OBJECTS) {
        let name = object.name().to_owned();
        let settings = name.eq_ignore_ascii_case(EMS_SETTINGS);
        let is_manager = name.eq_ignore_ascii_case(BOOT_MANAGER);
        let loader = kind(&object) == Some(OS_LOADER);
        let mut elements = Vec::new();
        if loader || is_manager {
            elements.push(LIBRARY_EMS);
            elements.push(LOADER_EMS);
        }
        if settings {
            elements.push(LIBRARY_EMS);
        }
        for element_name in elements {
            let value = element(&object, element_name);
            if let Some(value) = value.filter(|value| value.data().iter().any(|byte| *byte != 0)) {
                store.ems = true;
                store.ems_offset = store.ems_offset.or(Some(value.offset()));
            }
        }
        if loader {
            let text = |name: &str| element(&object, name).and_then(|value| value.text());
            store.entries.push(BootEntry {
                description: text(DESCRIPTION),
                path: text(PATH),
                system_root: text(SYSTEM_ROOT),
                in_menu: order.iter().any(|one| one.eq_ignore_ascii_case(&name)),
                offset: object.offset(),
                id: name,
            });
        }
    }
    let place = |entry: &BootEntry| {
        order
            .iter()
            .position(|one| one.eq_ignore_ascii_case(&entry.id))
            .unwrap_or(usize::MAX)
    };
    store.entries.sort_by_key(place);
    Ok(store)
}

fn kind(object: &Key<'_>) -> Option<u32> {
    let description = object.subkey("Description").ok()??;
    description.value("Type").ok()??.number()
}

fn element(object: &Key<'_>, name: &str) -> Option<Value> {
    let elements = object.subkey("Elements").ok()??;
    elements.subkey(name).ok()??.value("Element").ok()?
}
