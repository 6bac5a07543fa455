//! A disk as an import manifest and its parts, ready to be uploaded (SVC-MAN-1).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use vmie_formats::import_manifest::{DEFAULT_PART_SIZE, ImportManifest, SecretUrl};
use vmie_formats::{ConvertOptions, Progress, Report, convert_to_stream};
use vmie_io::{CancelToken, Fault, ReadAt, int};

use super::{FileOptions, beside, of_formats, publish};
use crate::{Cause, Error};

/// Writes a disk as an image in parts of 10 MiB beside an import manifest that names them. The format
/// is the options' target's: raw, VHD or VMDK. The parts are called like the manifest, with `.part` and
/// their number. `url` is what their addresses in the manifest begin with; without it, they are the
/// names of the files, for whoever uploads them to replace. Of the file options, the source and what is
/// asked before the end count.
///
/// The files appear under their names when all is there, the manifest last; an error leaves nothing,
/// and a kill a hidden folder that the next call with that name removes.
///
/// # Errors
/// [`Cause::TargetExists`], [`ManifestFormat`](vmie_formats::Cause::ManifestFormat), and as
/// [`convert_to_file`](super::convert_to_file).
pub fn convert_to_manifest(
    disk: &dyn ReadAt,
    target: &Path,
    (options, file): (&ConvertOptions, &FileOptions<'_>),
    url: Option<&str>,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<(ImportManifest, Report), Error> {
    let refuse = |cause| Error::from(Fault::new(cause).in_structure("target")).in_file(target);
    let name = target.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| refuse(Cause::Write))?;
    if fs::symlink_metadata(target).is_ok() {
        return Err(refuse(Cause::TargetExists));
    }
    let format = options.target_kind().format();
    // Whether a manifest can be of this format is known before anything is written.
    ImportManifest::plan(format, 1, 1, DEFAULT_PART_SIZE, name)?;
    let folder = beside(target, ".part").ok_or_else(|| refuse(Cause::Write))?;
    let fail = |error| Error::write(&folder, error);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
        _ => fs::create_dir(&folder).map_err(fail)?,
    }
    let done = write(disk, (&folder, name), options, progress, cancel)
        .map_err(|error| of_formats(error, target, file.source))
        .and_then(|report| {
            let size = report.file_bytes;
            let plan = ImportManifest::plan(format, size, report.bytes, DEFAULT_PART_SIZE, name);
            let manifest = addressed(plan?, url, name);
            let text = manifest.to_xml()?;
            let staged = folder.join(name);
            fs::write(&staged, text).map_err(|error| Error::write(&staged, error))?;
            file.before.map_or(Ok(()), |before| before())?;
            let parts = manifest.parts.iter().map(|part| part.key.clone());
            place(&folder, target, parts.chain([name.to_owned()]))?;
            Ok((manifest, report))
        });
    // What cannot be removed is removed by the next call with that name.
    let _ = fs::remove_dir_all(&folder);
    done
}

fn write(
    disk: &dyn ReadAt,
    (folder, name): (&Path, &str),
    options: &ConvertOptions,
    progress: &dyn Progress,
    cancel: &CancelToken,
) -> Result<Report, vmie_formats::Error> {
    let mut cutter = Cutter {
        base: folder.join(name),
        number: 0,
        room: 0,
        file: None,
    };
    convert_to_stream(disk, &mut cutter, options, progress, cancel)
}

/// Gives the files their names, none of which may be taken; if one is, those that have theirs lose
/// them.
fn place(folder: &Path, target: &Path, names: impl Iterator<Item = String>) -> Result<(), Error> {
    let mut placed: Vec<PathBuf> = Vec::new();
    for name in names {
        let to = target.with_file_name(&name);
        if let Err(error) = publish(&folder.join(&name), &to) {
            for path in placed {
                let _ = fs::remove_file(path);
            }
            return Err(error);
        }
        placed.push(to);
    }
    Ok(())
}

fn addressed(mut manifest: ImportManifest, url: Option<&str>, name: &str) -> ImportManifest {
    let base = url.unwrap_or_default();
    let slash = if base.is_empty() || base.ends_with('/') {
        ""
    } else {
        "/"
    };
    let address = |key: &str| SecretUrl::new(format!("{base}{slash}{key}"));
    manifest.self_destruct_url = address(name);
    for part in &mut manifest.parts {
        part.head_url = address(&part.key);
        part.get_url = address(&part.key);
        part.delete_url = Some(address(&part.key));
    }
    manifest
}

/// Writes into one file after the other.
struct Cutter {
    base: PathBuf,
    number: u64,
    /// Bytes that the file at hand still takes.
    room: u64,
    file: Option<File>,
}

impl Write for Cutter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            let mut path = self.base.clone().into_os_string();
            path.push(format!(".part{}", self.number));
            self.file = Some(File::create_new(path)?);
            self.number = self.number.saturating_add(1);
            self.room = DEFAULT_PART_SIZE;
        }
        let n = int::min_usize(self.room, buf.len());
        let now = buf.get(..n).unwrap_or_default();
        let Some(file) = &mut self.file else {
            return Ok(0);
        };
        let written = file.write(now)?;
        self.room = self.room.saturating_sub(int::u64_of(written));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vmie_formats::{FolderResolver, Target};

    use super::*;
    use crate::{Image, ImageOptions, compare};

    #[test]
    fn svc_man_1_a_disk_in_parts_is_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = vmie_testkit::vmdk::sample_disk(11 << 20);
        disk.resize(21 << 20, 0);
        let go_on = CancelToken::new();
        for target in [Target::Raw, Target::VmdkStreamOptimized, Target::VhdDynamic] {
            let path = folder.path().join(format!("{target}.xml"));
            let options = ConvertOptions::new().target(target);
            let make = |path: &Path| {
                convert_to_manifest(
                    &disk,
                    path,
                    (&options, &FileOptions::new()),
                    None,
                    &(),
                    &go_on,
                )
            };
            let (manifest, report) = make(&path).unwrap();
            assert_eq!(manifest.size, report.file_bytes);
            if target == Target::Raw {
                assert_eq!(manifest.parts.len(), 3);
            }
            let resolver = Arc::new(FolderResolver::new(folder.path()));
            let opening = ImageOptions::new().with_resolver(Some(resolver));
            let image = Image::open(&path, &opening).unwrap();
            let found = image.disk(0).unwrap();
            assert_eq!(compare(&found, &disk, true, &(), &go_on).unwrap(), None);
            let error = make(&path).unwrap_err();
            assert_eq!(error.cause(), Some(Cause::TargetExists));
            // A part that is somebody else's stays, and nothing of ours does.
            fs::remove_file(&path).unwrap();
            let names = || fs::read_dir(folder.path()).unwrap().count();
            let before = names();
            let error = make(&path).unwrap_err();
            assert_eq!(error.cause(), Some(Cause::TargetExists));
            assert_eq!(names(), before);
        }
        let options = ConvertOptions::new().target(Target::Qcow2);
        let path = folder.path().join("q.xml");
        let error = convert_to_manifest(
            &disk,
            &path,
            (&options, &FileOptions::new()),
            None,
            &(),
            &go_on,
        )
        .unwrap_err();
        assert_eq!(
            error.formats_cause(),
            Some(vmie_formats::Cause::ManifestFormat)
        );
        assert!(!path.exists());
    }

    #[test]
    fn addresses_begin_as_they_should() {
        let plan = ImportManifest::plan(vmie_formats::Format::Raw, 5, 5, 10, "d.xml").unwrap();
        for base in ["https://b.example/x", "https://b.example/x/"] {
            let manifest = addressed(plan.clone(), Some(base), "d.xml");
            let part = &manifest.parts[0];
            assert_eq!(part.get_url.reveal(), "https://b.example/x/d.xml.part0");
            assert_eq!(
                manifest.self_destruct_url.reveal(),
                "https://b.example/x/d.xml"
            );
        }
    }
}
