//! `vmie ls`

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use vmie::fs::{FileKind, Found, GuestPath, Metadata, Namespace};

use super::inside;
use super::walk::MAX_DEPTH;
use crate::args::LsArgs;
use crate::base64;
use crate::failure::{Exit, Failure};
use crate::json::Time;
use crate::out::{Out, write_out};
use crate::text::safe_bytes;

/// A file with what is known of it.
pub(super) struct Entry {
    path: GuestPath,
    metadata: Metadata,
    target: Option<Vec<u8>>,
}

pub(super) fn run(out: &Out, args: &LsArgs) -> Result<Exit, Failure> {
    let (tree, assumed) = inside::tree(out, &args.inside, &args.opening)?;
    let path = GuestPath::new(args.path.as_encoded_bytes());
    let metadata = tree
        .metadata(&path)
        .map_err(|error| inside::failure(&path, error))?;
    let mut listed: Vec<Value> = Vec::new();
    if metadata.kind != FileKind::Directory {
        let entry = look(&tree, &path)?;
        if out.is_json() {
            listed.push(document(&entry));
        } else {
            let name = safe_bytes(path.as_bytes());
            out.text(&(line(&entry, &name, args.long) + "\n"))?;
        }
    } else {
        let mut folders = vec![(path, 0usize)];
        while let Some((folder, depth)) = folders.pop() {
            let entries = read(&tree, &folder)?;
            if out.is_json() {
                listed.extend(entries.iter().map(document));
            } else {
                write_out(text(&folder, &entries, args).as_bytes())?;
            }
            if args.recursive && depth < MAX_DEPTH {
                let below = entries
                    .into_iter()
                    .rev()
                    .filter(|entry| entry.metadata.kind == FileKind::Directory)
                    .map(|entry| (entry.path, depth.saturating_add(1)));
                folders.extend(below);
            }
        }
    }
    if out.is_json() {
        let document = json!({"format_assumed": assumed, "entries": listed});
        out.document("vmie.ls", document)?;
    }
    Ok(Exit::Done)
}

fn look(tree: &Namespace, path: &GuestPath) -> Result<Entry, Failure> {
    let found = tree.look(path);
    entry(tree, &found.map_err(|error| inside::failure(path, error))?)
}

/// A file that was found, with what there is to say of it.
pub(super) fn entry(tree: &Namespace, found: &Found) -> Result<Entry, Failure> {
    let target = match found.metadata.kind {
        FileKind::Symlink => {
            let target = tree.link_target(found);
            Some(target.map_err(|error| inside::failure(&found.path, error))?)
        }
        _ => None,
    };
    Ok(Entry {
        path: found.path.clone(),
        metadata: found.metadata,
        target,
    })
}

/// The entries of a folder by name.
fn read(tree: &Namespace, folder: &GuestPath) -> Result<Vec<Entry>, Failure> {
    let fail = |error| inside::failure(folder, error);
    let dir = tree.resolve(folder).map_err(fail)?;
    let listed = tree.list(&tree.look(&dir).map_err(fail)?).map_err(fail)?;
    listed
        .into_iter()
        .map(|found| {
            let mut entry = match found {
                Ok(found) => entry(tree, &found)?,
                Err((path, error)) => return Err(inside::failure(&path, error)),
            };
            // By the path that was asked for, links and all.
            entry.path = folder.join(entry.path.file_name().unwrap_or_default());
            Ok(entry)
        })
        .collect()
}

fn text(folder: &GuestPath, entries: &[Entry], args: &LsArgs) -> String {
    let mut text = String::new();
    if args.recursive {
        let _ = writeln!(text, "{}:", safe_bytes(folder.as_bytes()));
    }
    for entry in entries {
        let name = safe_bytes(entry.path.file_name().unwrap_or_default());
        let _ = writeln!(text, "{}", line(entry, &name, args.long));
    }
    if args.recursive {
        text.push('\n');
    }
    text
}

fn line(entry: &Entry, name: &str, long: bool) -> String {
    if !long {
        return name.to_owned();
    }
    let metadata = &entry.metadata;
    let time = metadata
        .mtime
        .map_or_else(|| "-".to_owned(), |(seconds, _)| show_time(seconds));
    let target = entry
        .target
        .as_ref()
        .map_or_else(String::new, |target| format!(" -> {}", safe_bytes(target)));
    format!(
        "{} {:>5} {:>5} {:>12} {time:>16} {name}{target}",
        mode(metadata),
        metadata.uid,
        metadata.gid,
        metadata.size,
    )
}

/// The day and minute in UTC: the guest's own time zone is not ours to guess.
fn show_time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| seconds.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// Kind and permissions as `ls` writes them.
fn mode(metadata: &Metadata) -> String {
    let mut text = String::with_capacity(10);
    text.push(match metadata.kind {
        FileKind::File => '-',
        FileKind::Directory => 'd',
        FileKind::Symlink => 'l',
        FileKind::BlockDevice => 'b',
        FileKind::CharDevice => 'c',
        FileKind::Fifo => 'p',
        FileKind::Socket => 's',
        _ => '?',
    });
    let bit = |bit: u16| metadata.mode & bit != 0;
    // Read, write, execute, and the bit that shows in the place of execute.
    for (r, w, x, special, letter) in [
        (0o400, 0o200, 0o100, 0o4000, 's'),
        (0o040, 0o020, 0o010, 0o2000, 's'),
        (0o004, 0o002, 0o001, 0o1000, 't'),
    ] {
        text.push(if bit(r) { 'r' } else { '-' });
        text.push(if bit(w) { 'w' } else { '-' });
        text.push(match (bit(x), bit(special)) {
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

pub(super) fn document(entry: &Entry) -> Value {
    let mut document = Map::new();
    let bytes = entry.path.as_bytes();
    document.insert("path".into(), String::from_utf8_lossy(bytes).into());
    if std::str::from_utf8(bytes).is_err() {
        document.insert("path_b64".into(), base64::encode(bytes).into());
    }
    let metadata = &entry.metadata;
    document.insert("kind".into(), metadata.kind.name().into());
    document.insert("size".into(), metadata.size.into());
    document.insert("mode".into(), metadata.mode.into());
    document.insert("uid".into(), metadata.uid.into());
    document.insert("gid".into(), metadata.gid.into());
    document.insert("mtime".into(), json!(metadata.mtime.map(Time::from)));
    let target = entry.target.as_ref();
    let text = target.map(|target| String::from_utf8_lossy(target));
    document.insert("target".into(), json!(text));
    if let Some(target) = target
        && std::str::from_utf8(target).is_err()
    {
        document.insert("target_b64".into(), base64::encode(target).into());
    }
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_written_as_ls_does() {
        let shown = |kind, bits| {
            let mut metadata = Metadata::new(kind, 0);
            metadata.mode = bits;
            mode(&metadata)
        };
        assert_eq!(shown(FileKind::File, 0o644), "-rw-r--r--");
        assert_eq!(shown(FileKind::File, 0o4755), "-rwsr-xr-x");
        assert_eq!(shown(FileKind::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(shown(FileKind::Directory, 0o2640), "drw-r-S---");
        assert_eq!(show_time(0), "1970-01-01 00:00");
    }
}
