//! Uploads in parts (SVC-MAN-3): whether they are there, and removing them in the end.

use std::fs;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use vmie_formats::Progress as _;
use vmie_formats::import_manifest::{ImportManifest, SecretUrl};
use vmie_io::int;
use vmie_rules::manifest::{Manifest, PartRange};
use vmie_tasks::{SourceUrl, UploadWork, Uploaded};

use super::import::image_format;
use super::pace::Paced;
use super::{Job, Workshop};
use crate::{Cause, Error};

/// How many parts are asked for at a time: each is a journey and no work.
const AT_A_TIME: usize = 8;

impl Workshop {
    /// Looks which parts of an upload are there by now.
    pub(super) fn check_upload(&self, job: &Job<'_>, work: &UploadWork) -> Result<Uploaded, Error> {
        let manifest = match self.fetch_manifest(&work.manifest, job.cancel) {
            Ok((manifest, _)) => manifest,
            Err(error) if may_come(&error) => return Ok(Uploaded::default()),
            Err(error) => return Err(error),
        };
        let present = self.present(job, &manifest)?;
        Ok(Uploaded {
            manifest: Some(facts(&manifest)?),
            present,
        })
    }

    /// How many parts are there in their full length.
    fn present(&self, job: &Job<'_>, manifest: &ImportManifest) -> Result<u32, Error> {
        let (next, present) = (AtomicUsize::new(0), AtomicU64::new(0));
        let failed = Mutex::new(None);
        let progress = Paced::new(job.tell, job.cancel);
        let total = int::u64_of(manifest.parts.len());
        std::thread::scope(|scope| {
            for _ in 0..AT_A_TIME.min(manifest.parts.len()) {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(part) = manifest.parts.get(index) else {
                            return;
                        };
                        if progress.threads.is_cancelled() || job.cancel.is_cancelled() {
                            return;
                        }
                        match self.addresses.head(&address(&part.head_url), job.cancel) {
                            Ok(Some(len)) if len == part.len => {
                                present.fetch_add(1, Ordering::Relaxed);
                            }
                            Ok(_) => {}
                            Err(error) => {
                                progress.threads.cancel();
                                let mut failed =
                                    failed.lock().unwrap_or_else(PoisonError::into_inner);
                                failed.get_or_insert(error);
                            }
                        }
                        progress.update(int::u64_of(index), total);
                    }
                });
            }
        });
        job.go_on()?;
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(u32::try_from(present.into_inner()).unwrap_or(u32::MAX)),
        }
    }

    /// The manifest of a container: as it was when the task was validated, or as it is.
    pub(super) fn manifest(
        &self,
        job: &Job<'_>,
        container: u32,
        url: &SourceUrl,
    ) -> Result<ImportManifest, Error> {
        match self.kept_manifest(job, container)? {
            Some(manifest) => Ok(manifest),
            None => Ok(self.fetch_manifest(url, job.cancel)?.0),
        }
    }

    fn kept_manifest(
        &self,
        job: &Job<'_>,
        container: u32,
    ) -> Result<Option<ImportManifest>, Error> {
        let path = self.layout.of_task(job.task(), &name(container));
        match fs::read(&path) {
            Ok(text) => ImportManifest::parse(&text, &self.options.images.limits)
                .map(Some)
                .map_err(|error| Error::from(error).in_file(path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::read(path, error)),
        }
    }

    /// Keeps the manifest of a container for the rest of the task, so that what is converted is what
    /// was validated, and so that it is known in the end what there is to delete.
    pub(super) fn keep_manifest(
        &self,
        job: &Job<'_>,
        container: u32,
        url: &SourceUrl,
    ) -> Result<(), Error> {
        let (_, text) = self.fetch_manifest(url, job.cancel)?;
        let path = self.layout.of_task(job.task(), &name(container));
        // Its addresses are secrets (SVC-SEC-3).
        self.durable.write_private(&path, &text)
    }

    /// Deletes the parts of uploads, and then their manifests.
    pub(super) fn delete_uploads(&self, job: &Job<'_>, uploads: &[SourceUrl]) -> Result<(), Error> {
        for (container, url) in (0..).zip(uploads) {
            let manifest = match self.manifest(job, container, url) {
                Ok(manifest) => manifest,
                // Deleted by an earlier attempt.
                Err(error) if error.cause() == Some(Cause::NoSuchObject) => continue,
                Err(error) => return Err(error),
            };
            for part in &manifest.parts {
                job.go_on()?;
                if let Some(url) = &part.delete_url {
                    self.delete_upload(url)?;
                }
            }
            self.delete_upload(&manifest.self_destruct_url)?;
        }
        Ok(())
    }

    /// What may not be deleted stays: the import is done, and its upload is not ours.
    fn delete_upload(&self, url: &SecretUrl) -> Result<(), Error> {
        match self.addresses.delete(&address(url)) {
            Ok(()) => Ok(()),
            Err(error) if super::failure::can_pass_at_all(&error) => Err(error),
            Err(error) => {
                tracing::warn!(%error, "a part of an upload cannot be deleted");
                Ok(())
            }
        }
    }
}

/// Whether a manifest may only not be there yet. A store says of what is not there that it may not be
/// seen, unless the signer may list the bucket, which the guide's policy does not let him (SVC-IAM-1).
fn may_come(error: &Error) -> bool {
    let hidden = |error: &std::io::Error| error.kind() == ErrorKind::PermissionDenied;
    error.cause() == Some(Cause::NoSuchObject) || crate::error::says(error, &hidden)
}

fn name(container: u32) -> String {
    format!("manifest{container}.xml")
}

fn address(url: &SecretUrl) -> SourceUrl {
    SourceUrl::new(url.reveal())
}

/// What the engine judges an upload by.
fn facts(manifest: &ImportManifest) -> Result<Manifest, Error> {
    let format = image_format(manifest.file_format).ok_or_else(|| {
        let fault = vmie_formats::Error::new(vmie_formats::Cause::ManifestFormat);
        Error::from(fault.in_structure("import manifest"))
    })?;
    let ranges = manifest.parts.iter().map(|part| PartRange {
        start: part.start,
        end: part.end().saturating_sub(1),
    });
    Ok(Manifest {
        file_format: format,
        size: manifest.size,
        volume_size: manifest.volume_size,
        parts: ranges.collect(),
    })
}
