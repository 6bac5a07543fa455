//! Descriptors against the schema of OVF, by xmllint.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::run::{text, tool};

/// A schema in `scratch` that imports all that are in a folder: those of OVF name the spaces of
/// others without saying where these are.
pub(super) fn all(folder: &Path, scratch: &Path) -> Result<PathBuf> {
    let mut schema = String::from("<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">\n");
    let mut found = 0;
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "xsd"))
        .collect();
    // The one that others import comes before them.
    files.sort_by_key(|path| fs::metadata(path).map_or(0, |m| m.len()));
    for file in files {
        let content = String::from_utf8_lossy(&fs::read(&file)?).into_owned();
        let Some(space) = between(&content, "targetNamespace=\"", "\"") else {
            continue;
        };
        found += usize::from(space == "http://schemas.dmtf.org/ovf/envelope/1");
        let place = file.canonicalize()?;
        schema.push_str(&format!(
            "<xs:import namespace=\"{space}\" schemaLocation=\"{}\"/>\n",
            text(&place)
        ));
    }
    if found != 1 {
        return Err(format!("no schema of OVF's envelope in {}", folder.display()).into());
    }
    schema.push_str("</xs:schema>\n");
    let path = scratch.join("all.xsd");
    fs::write(&path, schema)?;
    Ok(path)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(a, _)| a)
}

/// Whether the descriptors in a folder are as the schema says.
pub(super) fn holds(schema: &Path, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "ovf") {
            let arguments = ["--nonet", "--noout", "--schema", text(schema), text(&path)];
            tool("xmllint", &arguments)?;
        }
    }
    Ok(())
}
