//! From the tree to the typed descriptor.

use std::collections::BTreeSet;

use vmie_io::{LimitExceeded, int};

use super::units::{bytes_per_unit, plain};
use super::{Descriptor, Disk, File, Hardware, Item, OperatingSystem, VirtualSystem};
use crate::xml::Element;
use crate::{Cause, Error};

/// Files, and disks, of one appliance. The largest appliances have some tens; the order of disks is
/// found by comparing each pair, and the bound keeps that cheap.
const MAX_FILES: usize = 1024;

/// Reads the envelope.
pub(super) fn descriptor(root: &Element) -> Result<Descriptor, Error> {
    if root.name != "Envelope" {
        return Err(Error::new(Cause::OvfRoot)
            .at("OVF descriptor", root.offset)
            .found(root.name.as_str()));
    }
    let mut out = Descriptor::default();
    for references in root.children("References") {
        for element in references.children("File") {
            out.files.push(file(element)?);
        }
    }
    for section in sections(root, "DiskSection") {
        for element in section.children("Disk") {
            out.disks.push(disk(element)?);
        }
    }
    for section in sections(root, "NetworkSection") {
        let names = section
            .children("Network")
            .filter_map(|n| n.attribute("name"));
        out.networks.extend(names.map(str::to_owned));
    }
    systems(root, &mut out.systems)?;
    check_ids(&out)?;
    Ok(out)
}

/// The sections of one kind. OVF 0.9 has them as `<Section xsi:type="ovf:DiskSection_Type">`.
fn sections<'a>(parent: &'a Element, name: &'a str) -> impl Iterator<Item = &'a Element> {
    parent.children.iter().filter(move |child| {
        child.name == name
            || child.name == "Section"
                && child.attribute("type").is_some_and(|kind| {
                    let local = kind.rsplit(':').next().unwrap_or(kind);
                    local.strip_suffix("_Type") == Some(name)
                })
    })
}

fn required(
    element: &Element,
    structure: &'static str,
    field: &'static str,
) -> Result<String, Error> {
    element.attribute(field).map(str::to_owned).ok_or_else(|| {
        Error::new(Cause::OvfAttribute)
            .at(structure, element.offset)
            .field(field)
    })
}

fn text(element: &Element, field: &str) -> Option<String> {
    element.attribute(field).map(str::to_owned)
}

fn number(
    element: &Element,
    structure: &'static str,
    field: &'static str,
) -> Result<Option<u64>, Error> {
    let Some(value) = element.attribute(field) else {
        return Ok(None);
    };
    match plain(value.trim()) {
        Some(n) => Ok(Some(n)),
        None => Err(bad_number(element, structure, field, value)),
    }
}

fn bad_number(
    element: &Element,
    structure: &'static str,
    field: &'static str,
    value: &str,
) -> Error {
    Error::new(Cause::OvfNumber)
        .at(structure, element.offset)
        .field(field)
        .found(value)
}

fn file(element: &Element) -> Result<File, Error> {
    Ok(File {
        id: required(element, "File", "id")?,
        href: required(element, "File", "href")?,
        size: number(element, "File", "size")?,
        chunk_size: number(element, "File", "chunkSize")?,
        compression: text(element, "compression")
            .filter(|kind| !kind.is_empty() && !kind.eq_ignore_ascii_case("identity")),
        offset: element.offset,
    })
}

fn disk(element: &Element) -> Result<Disk, Error> {
    let capacity = required(element, "Disk", "capacity")?;
    let unit = match element.attribute("capacityAllocationUnits") {
        Some(units) => bytes_per_unit(units, element.offset)?,
        None => 1,
    };
    let capacity = if capacity.trim().starts_with("${") {
        None
    } else {
        let bytes = plain(capacity.trim()).and_then(|n| n.checked_mul(unit));
        let bad = || bad_number(element, "Disk", "capacity", &capacity);
        Some(bytes.ok_or_else(bad)?)
    };
    Ok(Disk {
        id: required(element, "Disk", "diskId")?,
        file_ref: text(element, "fileRef").filter(|id| !id.is_empty()),
        capacity,
        populated_size: number(element, "Disk", "populatedSize")?,
        format: text(element, "format").filter(|uri| !uri.is_empty()),
        parent_ref: text(element, "parentRef").filter(|id| !id.is_empty()),
        offset: element.offset,
    })
}

/// The machines below an element, those of nested collections too. The tree's depth is bounded,
/// and so is the recursion.
fn systems(parent: &Element, out: &mut Vec<VirtualSystem>) -> Result<(), Error> {
    for child in &parent.children {
        match child.name.as_str() {
            "VirtualSystem" => out.push(system(child)?),
            "VirtualSystemCollection" => systems(child, out)?,
            // OVF 0.9 has `<Content xsi:type="ovf:VirtualSystem_Type">`.
            "Content" => match child.attribute("type") {
                Some(kind) if kind.ends_with("Collection_Type") => systems(child, out)?,
                _ => out.push(system(child)?),
            },
            _ => {}
        }
    }
    Ok(())
}

fn system(element: &Element) -> Result<VirtualSystem, Error> {
    let os = sections(element, "OperatingSystemSection").next();
    let mut hardware = Hardware::default();
    for section in sections(element, "VirtualHardwareSection") {
        read_hardware(section, &mut hardware)?;
    }
    Ok(VirtualSystem {
        id: text(element, "id").unwrap_or_default(),
        name: element.child_text("Name").map(str::to_owned),
        os: os.map(operating_system).transpose()?,
        hardware,
    })
}

fn operating_system(element: &Element) -> Result<OperatingSystem, Error> {
    let id = number(element, "OperatingSystemSection", "id")?;
    let id = match id.map(u32::try_from) {
        Some(Err(_)) => {
            let found = element.attribute("id").unwrap_or_default();
            return Err(bad_number(element, "OperatingSystemSection", "id", found));
        }
        Some(Ok(id)) => Some(id),
        None => None,
    };
    Ok(OperatingSystem {
        id,
        version: text(element, "version"),
        os_type: text(element, "osType")
            .or_else(|| element.child_text("OSType").map(str::to_owned)),
        description: element.child_text("Description").map(str::to_owned),
    })
}

/// Adds a hardware section. There may be several, alternatives for different hosts; the devices
/// of all are listed, and what is said once for the machine is taken from the first that says it.
fn read_hardware(section: &Element, hardware: &mut Hardware) -> Result<(), Error> {
    let system_type = section
        .child("System")
        .and_then(|system| system.child_text("VirtualSystemType"));
    if hardware.system_type.is_none() {
        hardware.system_type = system_type.map(str::to_owned);
    }
    for child in &section.children {
        match child.name.as_str() {
            "Item" | "StorageItem" | "EthernetPortItem" => hardware.items.push(item(child)?),
            "Config" | "ExtraConfig" => {
                let pair = (child.attribute("key"), child.attribute("value"));
                if let (Some(key), Some(value)) = pair {
                    if key == "firmware" && hardware.firmware.is_none() {
                        hardware.firmware = Some(value.to_ascii_lowercase());
                    }
                    hardware.config.push((key.to_owned(), value.to_owned()));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn item(element: &Element) -> Result<Item, Error> {
    let child_number = |field: &'static str| -> Result<Option<u64>, Error> {
        match element.child_text(field) {
            None => Ok(None),
            Some(value) => match plain(value) {
                Some(n) => Ok(Some(n)),
                None => Err(bad_number(element, "Item", field, value)),
            },
        }
    };
    let owned = |field: &str| element.child_text(field).map(str::to_owned);
    let resource_type = child_number("ResourceType")?.unwrap_or(0);
    let Ok(resource_type) = u16::try_from(resource_type) else {
        let found = element.child_text("ResourceType").unwrap_or_default();
        return Err(bad_number(element, "Item", "ResourceType", found));
    };
    Ok(Item {
        resource_type,
        resource_sub_type: owned("ResourceSubType"),
        // OVF 0.9 spells them in capitals.
        instance_id: owned("InstanceID").or_else(|| owned("InstanceId")),
        element_name: owned("ElementName").or_else(|| owned("Caption")),
        parent: owned("Parent"),
        // Free text for CIM; where it is a number, it is the place on the controller.
        address_on_parent: element
            .child_text("AddressOnParent")
            .and_then(plain)
            .and_then(|n| u32::try_from(n).ok()),
        host_resources: element
            .children("HostResource")
            .filter_map(|resource| resource.text().map(str::to_owned))
            .collect(),
        // `${...}` properties and fractions are not counted.
        virtual_quantity: element.child_text("VirtualQuantity").and_then(plain),
        offset: element.offset,
    })
}

/// Ids that are given twice would make it a matter of the reader which disk is meant.
fn check_ids(descriptor: &Descriptor) -> Result<(), Error> {
    let files = descriptor.files.iter().map(|f| (f.id.as_str(), f.offset));
    let known = unique(files, "File", "id")?;
    let disks = descriptor.disks.iter().map(|d| (d.id.as_str(), d.offset));
    unique(disks, "Disk", "diskId")?;
    for disk in &descriptor.disks {
        if let Some(id) = &disk.file_ref
            && !known.contains(id.as_str())
        {
            return Err(Error::new(Cause::OvfFileRef)
                .at("Disk", disk.offset)
                .field("fileRef")
                .found(id.as_str()));
        }
    }
    Ok(())
}

fn unique<'a>(
    ids: impl Iterator<Item = (&'a str, u64)>,
    structure: &'static str,
    field: &'static str,
) -> Result<BTreeSet<&'a str>, Error> {
    let mut seen = BTreeSet::new();
    for (id, offset) in ids {
        if seen.len() >= MAX_FILES {
            let (wanted, limit) = (seen.len().saturating_add(1), MAX_FILES);
            let limit = LimitExceeded::new(
                structure,
                "elements",
                int::u64_of(wanted),
                int::u64_of(limit),
            );
            return Err(limit.into());
        }
        if !seen.insert(id) {
            return Err(Error::new(Cause::OvfDuplicateId)
                .at(structure, offset)
                .field(field)
                .found(id));
        }
    }
    Ok(seen)
}
