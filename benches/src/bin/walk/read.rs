//! What is measured: going through a filesystem by the library, and through a folder by the kernel.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use vmie::fs::{FileKind, Filesystem, Node};
use vmie::io::{FileSource, Limits};

use crate::Result;

/// Bytes that are read at once.
const STEP: usize = 1 << 20;

fn open(image: &Path) -> Result<Box<dyn Filesystem>> {
    let source = Arc::new(FileSource::open(image)?);
    Ok(vmie::fs::open(source, &Limits::default())?)
}

/// What is done with a file: its path, what it is, its size, and who it is.
type Visit<'a> = dyn FnMut(&[u8], FileKind, u64, Node) -> Result<()> + 'a;

/// Visits everything below the root.
fn walk(fs: &dyn Filesystem, visit: &mut Visit<'_>) -> Result<()> {
    let mut left = vec![(Vec::new(), fs.root())];
    while let Some((path, node)) = left.pop() {
        for entry in fs.entries(node)? {
            let mut below = path.clone();
            below.push(b'/');
            below.extend_from_slice(&entry.name);
            let metadata = fs.stat(entry.node)?;
            visit(&below, metadata.kind, metadata.size, entry.node)?;
            if metadata.kind == FileKind::Directory {
                left.push((below, entry.node));
            }
        }
    }
    Ok(())
}

/// Prints each path with its size, as `find -printf '%s %p\n'` does.
pub(crate) fn list(image: &Path) -> Result<()> {
    let fs = open(image)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    walk(&*fs, &mut |path, _, size, _| {
        write!(out, "{size} ")?;
        out.write_all(path)?;
        out.write_all(b"\n")?;
        Ok(())
    })?;
    out.flush()?;
    Ok(())
}

/// Reads every file of an image.
pub(crate) fn image(image: &Path) -> Result<()> {
    let fs = open(image)?;
    let mut buffer = vec![0; STEP];
    let (mut files, mut bytes) = (0u64, 0u64);
    walk(&*fs, &mut |_, kind, size, node| {
        if kind != FileKind::File || size == 0 {
            return Ok(());
        }
        let mut file = fs.open_node(node)?;
        let mut at = 0;
        loop {
            let n = file.read_at(&mut buffer, at)?;
            if n == 0 {
                break;
            }
            at += n as u64;
        }
        files += 1;
        bytes += at;
        Ok(())
    })?;
    println!("{files} files, {bytes} bytes");
    Ok(())
}

/// Reads every file of a folder.
pub(crate) fn folder(folder: &Path) -> Result<()> {
    let mut buffer = vec![0; STEP];
    let (mut files, mut bytes) = (0u64, 0u64);
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                left.push(entry.path());
            } else if kind.is_file() && entry.metadata()?.len() > 0 {
                let mut file = std::fs::File::open(entry.path())?;
                loop {
                    let n = file.read(&mut buffer)?;
                    if n == 0 {
                        break;
                    }
                    bytes += n as u64;
                }
                files += 1;
            }
        }
    }
    println!("{files} files, {bytes} bytes");
    Ok(())
}
