//! Opening what is imported, wherever it is.

use std::path::PathBuf;
use std::sync::Arc;

use vmie_formats::Format;
use vmie_formats::import_manifest::{ImportManifest, Part, PartSource};
use vmie_io::{CancelToken, Fault, FileSource, Metered, ReadAt, ReadAtExt as _, Throttled, int};
use vmie_rules::format::ImageFormat;
use vmie_tasks::{Location, Source, SourceUrl, UserBucket};

use super::pace::Stoppable;
use super::{Addresses, Job, Object, Workshop};
use crate::{Cause, Error, Image, ImageOptions};

/// An image that is open, and how to tell whether it is still the same.
pub(super) struct SourceImage {
    pub(super) image: Image,
    /// The object that it is.
    object: Option<UserBucket>,
    /// Which version of its source it is.
    version: Option<String>,
}

impl SourceImage {
    /// Which version of its source it is; `None` where that cannot be told.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

impl Workshop {
    /// Opens a source.
    pub(super) fn open(&self, job: &Job<'_>, source: &Source) -> Result<SourceImage, Error> {
        let mut options = self.options.images.clone();
        options.format = source.format.and_then(format_of);
        let mut place = None;
        let object = match &source.location {
            Location::Bucket(at) => {
                let object = self.buckets.open(&at.bucket, &at.key, job.cancel)?;
                place = Some(at.clone());
                object
            }
            Location::Https { url } => self.addresses.open(url, job.cancel)?,
            Location::Manifest { url } => {
                let manifest = self.manifest(job, source.container, url)?;
                options.format = Some(manifest.file_format);
                self.parts(url, &manifest, job.cancel)
            }
            Location::Snapshot { id } => {
                options.format = Some(Format::Raw);
                let path = self.layout.snapshot(id);
                let fail = |error| {
                    let fault = Fault::new(Cause::NoSuchImage).in_structure("store");
                    Error::from(fault.found(id.as_str()).with_source(error))
                };
                Object {
                    source: Arc::new(FileSource::open(&path).map_err(fail)?),
                    // A snapshot does not change.
                    version: Some(id.to_string()),
                    name: PathBuf::from(id.as_str()),
                }
            }
        };
        let bytes = dressed(object.source, &options, job.cancel);
        Ok(SourceImage {
            image: Image::of_source(&object.name, bytes, &options)?,
            object: place,
            version: object.version,
        })
    }

    /// Looks whether a source is what it was when it was opened.
    pub(super) fn unchanged(&self, source: &SourceImage) -> Result<(), Error> {
        let Some(at) = &source.object else {
            return Ok(());
        };
        let now = self.buckets.head(&at.bucket, &at.key)?;
        match now {
            Some(head) if head.version == source.version => Ok(()),
            _ => Err(changed(&source.image)),
        }
    }

    /// The import manifest at an address.
    pub(super) fn fetch_manifest(
        &self,
        url: &SourceUrl,
        cancel: &CancelToken,
    ) -> Result<(ImportManifest, Vec<u8>), Error> {
        let object = self.addresses.open(url, cancel)?;
        let limits = &self.options.images.limits;
        let len = object.source.len();
        if len > limits.memory {
            let fault = Fault::new(Cause::Limit).in_structure("import manifest");
            return Err(Error::from(fault.found(len)).in_file(object.name));
        }
        let source = Stoppable::new(object.source, cancel);
        let mut text = vec![0; int::usize_of(len)];
        let read = source.read_up_to(&mut text, 0).map_err(Error::from)?;
        text.truncate(read);
        let manifest = ImportManifest::parse(&text, limits)
            .map_err(|error| Error::from(error).in_file(object.name))?;
        Ok((manifest, text))
    }

    /// The file that the parts of a manifest are.
    fn parts(&self, url: &SourceUrl, manifest: &ImportManifest, cancel: &CancelToken) -> Object {
        let parts = UrlParts {
            addresses: Arc::clone(&self.addresses),
            cancel: cancel.clone(),
        };
        Object {
            name: PathBuf::from(url.to_string()),
            source: manifest.source(Arc::new(parts)),
            version: None,
        }
    }
}

/// The source is not what it was.
pub(super) fn changed(image: &Image) -> Error {
    let fault = Fault::new(Cause::SourceChanged).in_structure("source");
    Error::from(fault.field("version")).in_file(image.path())
}

/// A source that is counted, no faster than is allowed, and ends when the order is cancelled.
fn dressed(
    source: Arc<dyn ReadAt>,
    options: &ImageOptions,
    cancel: &CancelToken,
) -> Arc<dyn ReadAt> {
    let metered = Metered::new(Stoppable::new(source, cancel), options.meter.clone());
    match options.read_rate {
        Some(rate) => Arc::new(Throttled::new(metered, rate)),
        None => Arc::new(metered),
    }
}

/// Parts by the addresses that the manifest has for them.
struct UrlParts {
    addresses: Arc<dyn Addresses>,
    cancel: CancelToken,
}

impl PartSource for UrlParts {
    fn open(&self, index: usize, part: &Part) -> Result<Arc<dyn ReadAt>, vmie_formats::Error> {
        let url = SourceUrl::new(part.get_url.reveal());
        let opened = self.addresses.open(&url, &self.cancel).map_err(|error| {
            vmie_formats::Error::new(vmie_formats::Cause::Read)
                .in_structure("import manifest")
                .field("get-url")
                .found(int::u64_of(index))
                .with_source(error)
        })?;
        Ok(opened.source)
    }
}

/// The format that a request names; `None` for one that is not known here, which is then probed.
fn format_of(format: ImageFormat) -> Option<Format> {
    match format {
        ImageFormat::Raw => Some(Format::Raw),
        ImageFormat::Vmdk => Some(Format::Vmdk),
        ImageFormat::Vhd => Some(Format::Vhd),
        ImageFormat::Vhdx => Some(Format::Vhdx),
        ImageFormat::Ova => Some(Format::Ova),
        _ => None,
    }
}
