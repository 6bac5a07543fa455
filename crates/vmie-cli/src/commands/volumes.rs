//! `vmie volumes`

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde_json::{Value, json};
use vmie::io::Limits;
use vmie::volumes::Group;
use vmie::{DiskVolumes, Volume, Volumes, views, volumes_of};

use super::open;
use crate::args::VolumesArgs;
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::size::Bytes;
use crate::text::Safe;

pub(super) fn run(out: &Out, args: &VolumesArgs) -> Result<Exit, Failure> {
    let images = open::images(out, &args.images.images, &args.opening, Exit::Unreadable)?;
    let disks = open::disks(&images, Exit::Unreadable)?;
    let names: Vec<String> = disks.iter().map(|disk| disk.name.clone()).collect();
    let found = volumes_of(&views(&disks), &Limits::default())
        .map_err(|error| Failure::of(Exit::Unreadable, &error))?;
    if out.is_json() {
        let listed: Vec<Value> = found.disks.iter().zip(&names).map(disk_document).collect();
        let groups: Vec<Value> = found.groups.iter().map(group_document).collect();
        let notes: Vec<Value> = found
            .notes
            .iter()
            .map(|note| json!({"volume": note.volume.to_string(), "note": note.fault.to_string()}))
            .collect();
        let assumed = images.iter().any(vmie::Image::format_assumed);
        let document = json!({
            "format_assumed": assumed,
            "disks": listed,
            "groups": groups,
            "notes": notes,
        });
        out.document("vmie.volumes", document)?;
    } else {
        out.text(&text(out, &found, &names))?;
    }
    Ok(Exit::Done)
}

fn disk_document((disk, name): (&DiskVolumes, &String)) -> Value {
    let volumes: Vec<Value> = disk.volumes.iter().map(volume_document).collect();
    let notes: Vec<String> = disk
        .layout
        .notes
        .iter()
        .map(|note| note.fault.to_string())
        .collect();
    json!({
        "name": name,
        "size": disk.size,
        "table": disk.layout.table.name(),
        "sector_size": disk.layout.sector_size,
        "disk_id": disk.layout.disk_id,
        "boot_code": disk.layout.boot_code.name(),
        "primary_partitions": disk.layout.primary_count(),
        "dynamic": disk.dynamic,
        "volumes": volumes,
        "notes": notes,
    })
}

fn volume_document(volume: &Volume) -> Value {
    let partition = volume.partition.as_ref();
    let identity = volume.identity.as_ref().ok().and_then(Option::as_ref);
    let name = match partition {
        Some(partition) => Some(partition.name.as_str()),
        None => volume.name.as_deref(),
    };
    let type_code = match partition {
        Some(partition) => Some(partition.type_code.as_str()),
        None => volume.layout.as_deref(),
    };
    let parents: Vec<String> = volume.parents.iter().map(ToString::to_string).collect();
    let failed = volume.identity.as_ref().err().map(ToString::to_string);
    json!({
        "id": volume.id.to_string(),
        "start": volume.place.start,
        "size": volume.place.len,
        "kind": volume.kind.name(),
        "type": type_code,
        "type_name": partition.and_then(|partition| partition.type_name),
        "name": name.filter(|name| !name.is_empty()),
        "filesystem": identity.map(|identity| identity.kind.name()),
        "label": identity.and_then(|identity| identity.label.as_deref()),
        "uuid": identity.and_then(|identity| identity.uuid.as_deref()),
        "encryption": identity.and_then(|identity| identity.encryption.as_ref()).map(|found| json!({
            "variant": found.variant,
            "cipher": found.cipher,
            "by_second_header": found.by_second_header,
        })),
        "seems_random": volume.seems_random,
        "part_uuid": partition.and_then(|partition| partition.part_uuid.as_deref()),
        "bootable": partition.is_some_and(|partition| partition.bootable),
        "parent": parents.first(),
        "parents": parents,
        "volume_uuid": volume.volume_uuid,
        "group": volume.member_of,
        "devices": volume.devices,
        "error": volume.fault.as_ref().map(ToString::to_string).or(failed),
    })
}

fn group_document(group: &Group) -> Value {
    let ids = |ids: &[vmie::volumes::VolumeId]| -> Vec<String> {
        ids.iter().map(ToString::to_string).collect()
    };
    let faults: Vec<String> = group.faults.iter().map(ToString::to_string).collect();
    json!({
        "kind": group.kind.name(),
        "name": group.name,
        "uuid": group.uuid,
        "version": group.version,
        "members": ids(&group.members),
        "volumes": ids(&group.volumes),
        "faults": faults,
    })
}

fn text(out: &Out, found: &Volumes, names: &[String]) -> String {
    let mut text = String::new();
    for (disk, name) in found.disks.iter().zip(names) {
        let head = format!("disk{}: {}", disk.index, Safe(name));
        text.push_str(&format!(
            "{}, {}, table {}, sectors of {} bytes\n",
            out.paint(Tone::Strong, &head),
            Bytes(disk.size),
            disk.layout.table.name(),
            disk.layout.sector_size,
        ));
        if disk.volumes.is_empty() {
            text.push_str("  nothing known is on it\n");
        } else {
            text.push_str(&table(disk).to_string());
            text.push('\n');
        }
        for note in &disk.layout.notes {
            text.push_str(&format!("  note: {}\n", Safe(&note.fault.to_string())));
        }
    }
    for group in &found.groups {
        for fault in &group.faults {
            let (kind, name) = (group.kind.name(), Safe(&group.name));
            let fault = fault.to_string();
            text.push_str(&format!("{kind} group {name}: {}\n", Safe(&fault)));
        }
    }
    for note in &found.notes {
        let (volume, fault) = (note.volume.to_string(), note.fault.to_string());
        text.push_str(&format!("note: {}: {}\n", Safe(&volume), Safe(&fault)));
    }
    text
}

fn table(disk: &DiskVolumes) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let heads = [
        "  volume",
        "start",
        "size",
        "boot",
        "type",
        "filesystem",
        "label",
        "uuid",
    ];
    table.set_header(heads);
    for volume in &disk.volumes {
        let partition = volume.partition.as_ref();
        let identity = volume.identity.as_ref().ok().and_then(Option::as_ref);
        let of = |text: Option<&str>| Safe(text.unwrap_or("-")).to_string();
        let number = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let kind = match partition {
            Some(partition) => Some(partition.type_name.unwrap_or(&partition.type_code)),
            None => volume.layout.as_deref(),
        };
        let bootable = partition.is_some_and(|partition| partition.bootable);
        let filesystem = match &volume.identity {
            _ if volume.fault.is_some() => "unreadable".to_owned(),
            Err(_) => "unreadable".to_owned(),
            Ok(_) => of(identity.map(|identity| identity.kind.name())),
        };
        table.add_row(vec![
            Cell::new(format!("  {}", Safe(&volume.id.to_string()))),
            number(volume.place.start.to_string()),
            number(Bytes(volume.place.len).to_string()),
            Cell::new(if bootable { "*" } else { "" }),
            Cell::new(of(kind)),
            Cell::new(filesystem),
            Cell::new(of(identity.and_then(|identity| identity.label.as_deref()))),
            Cell::new(of(identity.and_then(|identity| identity.uuid.as_deref()))),
        ]);
    }
    table
}
