//! Images over others: children, external data files, and what was zeroed and discarded since.

use std::fs;
use std::path::Path;

use super::Disk;
use super::compare::{self, Extents};
use super::fills::Fill;
use super::variants::Variant;
use crate::Result;
use crate::run::{text, tool_in};

/// Makes an image beside the one of a variant, and compares it.
type Chain = fn(&Path, &Disk<'_>, &Variant) -> Result<()>;

/// What is built over the image of a variant.
pub(super) fn over(variant: &Variant, disk: &Disk<'_>) -> Vec<(&'static str, Chain)> {
    let flat = variant.ours.is_some_and(|name| name.ends_with("Flat"));
    let mut chains: Vec<(&'static str, Chain)> = Vec::new();
    if !matches!(disk.fill, Fill::Mixed | Fill::Islands) {
        return chains;
    }
    match variant.format {
        // Over a flat parent, qemu-img would read terabytes of zeroes to merge the two.
        "vmdk" if disk.size < 1 << 40 || !flat => chains.push(("child", vmdk_child)),
        "qcow2" => {
            chains.push(("child", qcow2_child));
            if variant.has("compat=1.1") && !variant.compressed && disk.size <= 64 << 20 {
                chains.push(("data beside", qcow2_data_file));
            }
        }
        _ => {}
    }
    chains
}

/// Data, zeroes and more data where there is room for them.
fn edits(size: u64, zeroes: &str) -> Vec<String> {
    let mut commands = vec!["write -P 90 0 512".to_owned()];
    if size > 4 << 20 {
        commands.push("write -P 91 1000k 300k".to_owned());
        commands.push(format!("{zeroes} 2M 1M"));
        commands.push("write -z 3500k 4k".to_owned());
        commands.push(format!("write -P 92 {} 512", size - 512));
    }
    commands
}

fn edit(folder: &Path, image: &Path, format: &str, commands: &[String]) -> Result<()> {
    let mut arguments = vec!["-f", format];
    for command in commands {
        arguments.extend(["-c", command]);
    }
    arguments.push(text(image));
    tool_in(folder, "qemu-io", &arguments)?;
    Ok(())
}

/// Compares an image with what qemu-img merges its chain into.
fn compared(folder: &Path, image: &Path, variant: &Variant, extents: Extents) -> Result<()> {
    let merged = folder.join("merged.raw");
    let convert = ["convert", "-f", variant.format, "-O", "raw", text(image)];
    tool_in(
        folder,
        "qemu-img",
        &[&convert[..], &[text(&merged)]].concat(),
    )?;
    let disk = Disk {
        raw: &merged,
        size: fs::metadata(&merged)?.len(),
        fill: Fill::Mixed,
    };
    compare::with_qemu_img(folder, image, &disk, variant, extents)?;
    fs::remove_file(&merged)?;
    Ok(())
}

/// A VMDK over that of the variant. qemu-img makes children of two kinds only.
fn vmdk_child(folder: &Path, disk: &Disk<'_>, variant: &Variant) -> Result<()> {
    let own = match variant.ours {
        Some("twoGbMaxExtentSparse") => "twoGbMaxExtentSparse",
        _ => "monolithicSparse",
    };
    let option = format!("subformat={own},zeroed_grain=on");
    let create = [
        "create", "-q", "-f", "vmdk", "-o", &option, "-F", "vmdk", "-b",
    ];
    let parent = variant.file_name();
    let names = [parent.as_str(), "child.vmdk"];
    tool_in(folder, "qemu-img", &[&create[..], &names].concat())?;
    let child = folder.join("child.vmdk");
    edit(folder, &child, "vmdk", &edits(disk.size, "write -z"))?;
    let of_child = Variant {
        ours: Some(own),
        ..*variant
    };
    compared(folder, &child, &of_child, Extents::Same)
}

/// A qcow2 of the same variant over that one, which is a MiB larger, with a snapshot.
fn qcow2_child(folder: &Path, disk: &Disk<'_>, variant: &Variant) -> Result<()> {
    let parent = variant.file_name();
    let size = (disk.size + (1 << 20)).to_string();
    let create = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", &parent];
    // What lies in a parent is not allocated again.
    let options = variant.options.replace(",preallocation=metadata", "");
    let names = ["-o", &options, "child.qcow2", &size];
    tool_in(folder, "qemu-img", &[&create[..], &names].concat())?;
    let child = folder.join("child.qcow2");
    edit(folder, &child, "qcow2", &edits(disk.size, "write -zu"))?;
    compared(folder, &child, variant, Extents::Same)
}

/// A qcow2 whose data lie in a file of their own, with a discarded range.
fn qcow2_data_file(folder: &Path, disk: &Disk<'_>, variant: &Variant) -> Result<()> {
    for (name, raw, extents) in [
        ("data.raw", "on", Extents::OfFile),
        ("data.bin", "off", Extents::Within),
    ] {
        let options = format!("{},data_file={name},data_file_raw={raw}", variant.options);
        let convert = ["convert", "-f", "raw", "-O", "qcow2", "-o", &options];
        let names = [text(disk.raw), "beside.qcow2"];
        tool_in(folder, "qemu-img", &[&convert[..], &names].concat())?;
        let image = folder.join("beside.qcow2");
        let mut commands = edits(disk.size, "write -z");
        if disk.size > 8 << 20 {
            commands.push("discard 6M 1M".to_owned());
        }
        edit(folder, &image, "qcow2", &commands)?;
        compared(folder, &image, variant, extents)?;
    }
    Ok(())
}
