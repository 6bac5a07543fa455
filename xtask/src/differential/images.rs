//! Disk images by qemu-img, converted back by us.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::Result;
use crate::peers::formats::fills::patterned;
use crate::run::{Tally, json, sha256, text, tool};

/// Sizes of disks, in bytes: a grain, less than one, odd numbers of sectors, past one grain table.
const SIZES: [u64; 6] = [
    64 << 10,
    512,
    1_000_448,
    33 << 20,
    (64 << 20) + 512,
    300 << 20,
];

pub(super) fn run(vmie: &Path, folder: &Path, tally: &mut Tally) -> Result<()> {
    for (i, size) in SIZES.into_iter().enumerate() {
        let raw = folder.join(format!("disk{i}.raw"));
        let file = File::create(&raw)?;
        file.set_len(size)?;
        patterned(&file, size, i as u64 + 1)?;
        for subformat in ["streamOptimized", "monolithicSparse"] {
            let vmdk = folder.join(format!("disk{i}-{subformat}.vmdk"));
            let option = format!("subformat={subformat}");
            let (from, to) = (text(&raw), text(&vmdk));
            tool(
                "qemu-img",
                &[
                    "convert", "-f", "raw", "-O", "vmdk", "-o", &option, from, to,
                ],
            )?;
            let what = format!("{size} bytes as {subformat}");
            tally.attempt(&what, compare(vmie, folder, &raw, &vmdk, subformat));
            std::fs::remove_file(&vmdk)?;
        }
        std::fs::remove_file(&raw)?;
    }
    Ok(())
}

fn compare(vmie: &Path, folder: &Path, raw: &Path, vmdk: &Path, subformat: &str) -> Result<()> {
    let (info, _) = json(vmie, &["info", "--json", text(vmdk)])?;
    if info["variant"] != subformat || info["virtual_size"] != std::fs::metadata(raw)?.len() {
        return Err(format!("info says {info}").into());
    }
    let (ours, theirs) = (convert(vmdk, folder)?, sha256(raw)?);
    if ours != theirs {
        return Err(format!("converted to {ours}, and not {theirs}").into());
    }
    if subformat == "streamOptimized" {
        let store = folder.join("store");
        let arguments = [
            "import",
            "--json",
            "--snapshot",
            "--store",
            text(&store),
            text(vmdk),
        ];
        let (import, code) = json(vmie, &arguments)?;
        let path = import["snapshots"][0]["path"].as_str().unwrap_or_default();
        let same = code == 0 && sha256(Path::new(path))? == theirs;
        if !same || import["snapshots"][0]["sha256"] != theirs {
            return Err(format!("exit {code}: {import}").into());
        }
        std::fs::remove_dir_all(&store)?;
    }
    Ok(())
}

/// The digest of what the library converts an image to; the digest that it computes in passing
/// must be the file's.
pub(crate) fn convert(image: &Path, folder: &Path) -> Result<String> {
    convert_beside(image, None, folder)
}

/// How an image is opened whose other files lie in a folder.
pub(crate) fn options(beside: Option<&Path>) -> vmie::ImageOptions {
    let resolver = beside.map(|folder| -> Arc<dyn vmie::formats::Resolver> {
        Arc::new(vmie::formats::FolderResolver::new(folder))
    });
    vmie::ImageOptions::new().with_resolver(resolver)
}

/// The same for an image with other files in the folder `beside`.
pub(crate) fn convert_beside(image: &Path, beside: Option<&Path>, folder: &Path) -> Result<String> {
    let path = folder.join("converted.raw");
    let disk = vmie::Image::open(image, &options(beside))?.disk(0)?;
    let sink = vmie::io::FileSink::create_new(&path)?;
    let cancel = vmie::io::CancelToken::new();
    let report = vmie::formats::convert(&disk, &sink, &Default::default(), &(), &cancel)?;
    let said: String = report
        .sha256
        .iter()
        .flatten()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let file = sha256(&path)?;
    std::fs::remove_file(&path)?;
    if said == file {
        Ok(file)
    } else {
        Err(format!("said {said}, wrote {file}").into())
    }
}
