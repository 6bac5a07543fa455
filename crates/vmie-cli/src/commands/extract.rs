//! `vmie extract`

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use vmie::fs::{FileKind, Found, GuestPath, Metadata, Namespace};
use vmie::io::int;

use super::inside;
use super::walk::{Visited, walk};
use crate::args::ExtractArgs;
use crate::failure::{Exit, Failure};
use crate::out::Out;
use crate::text::{count, safe_bytes};

/// Bytes that are copied at once.
const STEP: usize = 1 << 20;

pub(super) fn run(out: &Out, args: &ExtractArgs) -> Result<Exit, Failure> {
    let (tree, _) = inside::tree(out, &args.inside, &args.opening)?;
    let path = GuestPath::new(args.path.as_encoded_bytes());
    let start = tree
        .resolve(&path)
        .map_err(|error| inside::failure(&path, error))?;
    fs::create_dir_all(&args.to).map_err(|error| failure(&args.to, &error))?;
    let mut extraction = Extraction {
        out,
        tree: &tree,
        folders: vec![args.to.clone()],
        whole: start == GuestPath::root(),
        buffer: vec![0; STEP],
        links: Vec::new(),
        written: 0,
        passed_over: 0,
    };
    let mut unread = 0usize;
    let mut failed = |path: &GuestPath, error: &vmie::fs::Error| {
        unread = unread.saturating_add(1);
        out.note(&format!("{}: {error}", safe_bytes(path.as_bytes())));
    };
    walk(
        &tree,
        start,
        &mut |found| extraction.visit(found),
        &mut failed,
    )?;
    extraction.links();
    let passed_over = extraction.passed_over.saturating_add(unread);
    if passed_over > 0 {
        out.note(&format!(
            "{} written, {passed_over} not",
            count(extraction.written, "file was", "files were")
        ));
        return Ok(Exit::Failed);
    }
    Ok(Exit::Done)
}

struct Extraction<'a> {
    out: &'a Out,
    tree: &'a Namespace,
    /// The folders on the host that the walk is in, the target first.
    folders: Vec<PathBuf>,
    /// Whether the guest's whole tree goes into the target itself.
    whole: bool,
    buffer: Vec<u8>,
    /// Symbolic links, made when everything else is: nothing can be written through them.
    links: Vec<(Found, PathBuf)>,
    written: usize,
    passed_over: usize,
}

impl Extraction<'_> {
    fn visit(&mut self, found: &Visited) -> Result<bool, Failure> {
        let depth = found.depth;
        let above = if self.whole {
            depth
        } else {
            depth.saturating_add(1)
        };
        self.folders.truncate(above.max(1));
        if self.whole && depth == 0 {
            return Ok(true);
        }
        let name = on_host(found.found.path.file_name().unwrap_or_default());
        let target = self.folders.last().cloned().unwrap_or_default().join(name);
        match found.found.metadata.kind {
            FileKind::Directory => match make_folder(&target) {
                Ok(()) => {
                    self.folders.push(target);
                    return Ok(true);
                }
                Err(error) => self.pass_over(found, &error.to_string()),
            },
            FileKind::File => match self.copy(found, &target) {
                Ok(()) => self.written = self.written.saturating_add(1),
                Err(Copying::Guest(error)) => self.pass_over(found, &error.to_string()),
                Err(Copying::Host(error)) if error.kind() == io::ErrorKind::AlreadyExists => {
                    self.pass_over(found, "a file of that name is there already");
                }
                Err(Copying::Host(error))
                    if matches!(
                        error.kind(),
                        io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput
                    ) =>
                {
                    self.pass_over(found, "it is longer than a file can be here");
                }
                // Neither would the next file find room.
                Err(Copying::Host(error)) => return Err(failure(&target, &error)),
            },
            FileKind::Symlink => self.links.push((found.found.clone(), target)),
            kind => {
                let kind = kind.name();
                self.pass_over(found, &format!("a {kind} is not written"));
            }
        }
        Ok(false)
    }

    fn pass_over(&mut self, found: &Visited, why: &str) {
        self.passed_over = self.passed_over.saturating_add(1);
        self.out.note(&format!(
            "{}: {why}",
            safe_bytes(found.found.path.as_bytes())
        ));
    }

    fn copy(&mut self, found: &Visited, target: &Path) -> Result<(), Copying> {
        let mut from = self.tree.open_found(&found.found).map_err(Copying::Guest)?;
        // Only a new file: neither is one of the host's overwritten, nor a link of it followed.
        let mut to = File::create_new(target).map_err(Copying::Host)?;
        let copied = self.bytes(&mut *from, &mut to, &found.found.metadata);
        if copied.is_err() {
            // What is there of it is less than it says.
            let _ = fs::remove_file(target);
        }
        copied
    }

    fn bytes(
        &mut self,
        from: &mut dyn vmie::fs::FileRead,
        to: &mut File,
        metadata: &Metadata,
    ) -> Result<(), Copying> {
        let mut at = 0u64;
        loop {
            // A guest's file may be a hole of exbibytes, which nobody reads through.
            let extent = from.next_extent(at).map_err(Copying::Guest)?;
            if extent.kind.reads_zero() && extent.len > 0 {
                at = at.saturating_add(extent.len);
                to.seek(SeekFrom::Start(at)).map_err(Copying::Host)?;
                continue;
            }
            let n = from.read_at(&mut self.buffer, at).map_err(Copying::Guest)?;
            let part = self.buffer.get(..n).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            at = at.saturating_add(int::u64_of(n));
            if part.iter().all(|byte| *byte == 0) {
                to.seek(SeekFrom::Start(at)).map_err(Copying::Host)?;
            } else {
                to.write_all(part).map_err(Copying::Host)?;
            }
        }
        to.set_len(at).map_err(Copying::Host)?;
        attributes(to, metadata).map_err(Copying::Host)
    }

    fn links(&mut self) {
        for (found, target) in std::mem::take(&mut self.links) {
            let made = match self.tree.link_target(&found) {
                Ok(text) => link(&text, &target).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match made {
                Ok(()) => self.written = self.written.saturating_add(1),
                Err(why) => {
                    self.passed_over = self.passed_over.saturating_add(1);
                    self.out
                        .note(&format!("{}: {why}", safe_bytes(found.path.as_bytes())));
                }
            }
        }
    }
}

/// Which side a copy failed on.
enum Copying {
    Guest(vmie::fs::Error),
    Host(io::Error),
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    let message = format!("{}: {error}.", path.display());
    let advice = "Check that the folder can be written, and that there is room";
    Failure::plain(Exit::Failed, "io", message, advice)
}

/// A guest's name as a name of one file on the host: nothing in it leads elsewhere.
fn on_host(name: &[u8]) -> OsString {
    let clean: Vec<u8> = name
        .iter()
        .map(|byte| match byte {
            b'/' | 0 => b'_',
            b'\\' | b':' if cfg!(windows) => b'_',
            byte => *byte,
        })
        .collect();
    match clean.as_slice() {
        b"" | b"." | b".." => OsString::from("_"),
        #[cfg(unix)]
        clean => {
            use std::os::unix::ffi::OsStrExt as _;
            std::ffi::OsStr::from_bytes(clean).to_owned()
        }
        #[cfg(not(unix))]
        clean => OsString::from(String::from_utf8_lossy(clean).into_owned()),
    }
}

/// Makes a folder, or takes one that is there; never a link to one.
fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if fs::symlink_metadata(path)?.is_dir() {
                return Ok(());
            }
            Err(error)
        }
        done => done,
    }
}

/// Permissions (without the special ones) and the time of change.
fn attributes(file: &File, metadata: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    if metadata.mode != 0 {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = u32::from(metadata.mode & 0o777) | 0o600;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    if let Some((seconds, nanoseconds)) = metadata.mtime
        && let Ok(seconds) = u64::try_from(seconds)
        && let Some(time) =
            SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds.min(999_999_999)))
    {
        file.set_modified(time)?;
    }
    Ok(())
}

#[cfg(unix)]
fn link(text: &[u8], path: &Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(text), path)
}

#[cfg(not(unix))]
fn link(_: &[u8], _: &Path) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "a symbolic link is not written here",
    ))
}

#[cfg(test)]
mod tests {
    use super::on_host;

    #[test]
    fn no_name_leads_elsewhere() {
        for (name, clean) in [
            (b"..".as_slice(), "_"),
            (b".", "_"),
            (b"", "_"),
            (b"../../etc/passwd", ".._.._etc_passwd"),
            (b"a\0b", "a_b"),
            (b"...", "..."),
        ] {
            assert_eq!(on_host(name), clean);
        }
    }
}
