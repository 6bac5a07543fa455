//! `vmie volumes`

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde_json::{Value, json};
use vmie::io::Limits;
use vmie::{DiskVolumes, Volume, views, volumes_of};

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
        let listed: Vec<Value> = found.iter().zip(&names).map(disk_document).collect();
        let assumed = images.iter().any(vmie::Image::format_assumed);
        let document = json!({"format_assumed": assumed, "disks": listed});
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
        "volumes": volumes,
        "notes": notes,
    })
}

fn volume_document(volume: &Volume) -> Value {
    let partition = volume.partition.as_ref();
    let identity = volume.identity.as_ref().ok().and_then(Option::as_ref);
    let name = partition.map(|partition| partition.name.as_str());
    json!({
        "id": volume.id.to_string(),
        "start": volume.place.start,
        "size": volume.place.len,
        "kind": kind(volume),
        "type": partition.map(|partition| partition.type_code.as_str()),
        "type_name": partition.and_then(|partition| partition.type_name),
        "name": name.filter(|name| !name.is_empty()),
        "filesystem": identity.map(|identity| identity.kind.name()),
        "label": identity.and_then(|identity| identity.label.as_deref()),
        "uuid": identity.and_then(|identity| identity.uuid.as_deref()),
        "part_uuid": partition.and_then(|partition| partition.part_uuid.as_deref()),
        "bootable": partition.is_some_and(|partition| partition.bootable),
        "parent": volume.parent.map(|parent| parent.to_string()),
        "error": volume.identity.as_ref().err().map(ToString::to_string),
    })
}

fn kind(volume: &Volume) -> &'static str {
    volume
        .partition
        .as_ref()
        .map_or("disk", |partition| partition.kind.name())
}

fn text(out: &Out, disks: &[DiskVolumes], names: &[String]) -> String {
    let mut text = String::new();
    for (disk, name) in disks.iter().zip(names) {
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
        let kind = partition.map(|p| p.type_name.unwrap_or(&p.type_code));
        let bootable = partition.is_some_and(|partition| partition.bootable);
        let filesystem = match &volume.identity {
            Err(_) => "unreadable".to_owned(),
            Ok(_) => of(identity.map(|identity| identity.kind.name())),
        };
        table.add_row(vec![
            Cell::new(format!("  {}", volume.id)),
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
