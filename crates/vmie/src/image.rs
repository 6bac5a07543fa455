//! Opening the files that a guest comes in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vmie_formats::{Appliance, DiskImage, Format, OpenOptions, Opened, Resolver};
use vmie_io::{BlockCache, Fault, FileSource, Limits, Meter, Metered, ReadAt, Throttled};

use crate::{Cause, Error};

/// Bytes of a block that is kept of a compressed disk: a grain of a VMDK.
const CACHE_BLOCK: u32 = 64 << 10;

/// Bytes of a compressed disk that are kept while it is looked into. Filesystems come back to the
/// same few megabytes of metadata.
const CACHE: usize = 8 << 20;

/// How to open images. The defaults probe the format, read as fast as they can, and open no file
/// that an image names.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ImageOptions {
    /// The format of every image; `None` to probe.
    pub format: Option<Format>,
    /// What an image may cost.
    pub limits: Limits,
    /// Bytes per second that each file is read at, at most.
    pub read_rate: Option<u64>,
    /// Counts what is read of the files.
    pub meter: Meter,
    /// Who opens the files that an image names: parents, extents; `None` opens none of them.
    pub resolver: Option<Arc<dyn Resolver>>,
}

impl fmt::Debug for ImageOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageOptions")
            .field("format", &self.format)
            .field("limits", &self.limits)
            .field("read_rate", &self.read_rate)
            .field("resolver", &self.resolver.is_some())
            .finish_non_exhaustive()
    }
}

impl ImageOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a format.
    #[must_use]
    pub fn with_format(mut self, format: Option<Format>) -> Self {
        self.format = format;
        self
    }

    /// The same with a bound on how fast each file is read, in bytes per second.
    #[must_use]
    pub fn with_read_rate(mut self, rate: Option<u64>) -> Self {
        self.read_rate = rate;
        self
    }

    /// The same with somebody who opens the files that an image names.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Option<Arc<dyn Resolver>>) -> Self {
        self.resolver = resolver;
        self
    }

    /// How the library below opens an image.
    pub(crate) fn open_options(&self) -> OpenOptions {
        let options = OpenOptions::new().format(self.format).limits(self.limits);
        match &self.resolver {
            Some(resolver) => options.resolver(Arc::clone(resolver)),
            None => options,
        }
    }
}

/// A file that holds disks.
pub struct Image {
    path: PathBuf,
    file_size: u64,
    content: Content,
}

enum Content {
    Disk(Arc<dyn DiskImage>),
    Appliance(Box<Appliance>),
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("path", &self.path)
            .field("format", &self.format())
            .finish_non_exhaustive()
    }
}

impl Image {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or is no image that is read here.
    pub fn open(path: impl AsRef<Path>, options: &ImageOptions) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = open_file(path, options)?;
        Self::of_source(path, file, options)
    }

    /// Opens an image whose bytes are at hand; `path` is what errors call it.
    ///
    /// # Errors
    /// When it is no image that is read here.
    pub fn of_source(
        path: &Path,
        source: Arc<dyn ReadAt>,
        options: &ImageOptions,
    ) -> Result<Self, Error> {
        let file_size = source.len();
        let opening = options
            .open_options()
            .file_name(path.file_name().and_then(|name| name.to_str()));
        let opened = opening
            .open(source)
            .map_err(|error| Error::from(error).in_file(path))?;
        let content = match opened {
            Opened::Disk(disk) => Content::Disk(disk.into()),
            Opened::Appliance(appliance) => Content::Appliance(Box::new(appliance)),
        };
        Ok(Self {
            path: path.to_owned(),
            file_size,
            content,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's name without folders, for people.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn file_size(&self) -> u64 {
        self.file_size
    }

    /// The format of the file.
    #[must_use]
    pub fn format(&self) -> Format {
        match &self.content {
            Content::Disk(disk) => disk.info().format,
            Content::Appliance(_) => Format::Ova,
        }
    }

    /// Whether nothing told the format and it was assumed to be raw.
    #[must_use]
    pub fn format_assumed(&self) -> bool {
        match &self.content {
            Content::Disk(disk) => disk.info().format_assumed,
            Content::Appliance(_) => false,
        }
    }

    /// The appliance, when the file is one.
    #[must_use]
    pub fn appliance(&self) -> Option<&Appliance> {
        match &self.content {
            Content::Disk(_) => None,
            Content::Appliance(appliance) => Some(appliance),
        }
    }

    /// How many disks the file holds.
    #[must_use]
    pub fn disk_count(&self) -> usize {
        match &self.content {
            Content::Disk(_) => 1,
            Content::Appliance(appliance) => appliance.disks().len(),
        }
    }

    /// Opens a disk by its number, from 0.
    ///
    /// # Errors
    /// When there is none of that number, or it cannot be opened.
    pub fn disk(&self, index: usize) -> Result<Arc<dyn DiskImage>, Error> {
        match &self.content {
            Content::Disk(disk) if index == 0 => Ok(Arc::clone(disk)),
            Content::Disk(_) => {
                let fault = vmie_formats::Error::new(vmie_formats::Cause::NoSuchDisk);
                let fault = fault.in_structure("image").found(index);
                Err(Error::from(fault).in_file(&self.path))
            }
            Content::Appliance(appliance) => match appliance.open_disk(index) {
                Ok(disk) => Ok(disk.into()),
                Err(error) => Err(Error::from(error).in_file(&self.path)),
            },
        }
    }

    /// Whether the file of a disk is split into chunks (SVC-FMT-7).
    #[must_use]
    pub fn is_chunked(&self, index: usize) -> bool {
        let disk = self.appliance().and_then(|a| a.disks().get(index));
        disk.is_some_and(|disk| disk.chunked)
    }

    /// What to call a disk: the file's name, for a disk of an appliance the member's.
    #[must_use]
    pub fn disk_name(&self, index: usize) -> String {
        let member = self.appliance().and_then(|appliance| {
            let disk = appliance.disks().get(index)?;
            disk.member.clone().or_else(|| disk.href.clone())
        });
        member.unwrap_or_else(|| self.name())
    }
}

/// A file as a source, read no faster than is allowed.
pub(crate) fn open_file(path: &Path, options: &ImageOptions) -> Result<Arc<dyn ReadAt>, Error> {
    let fail = |error| Error::from(Fault::new(Cause::Read).with_source(error)).in_file(path);
    let file = FileSource::open(path).map_err(fail)?;
    let file = Metered::new(file, options.meter.clone());
    Ok(match options.read_rate {
        Some(rate) => Arc::new(Throttled::new(file, rate)),
        None => Arc::new(file),
    })
}

/// A disk of a guest and where it comes from.
#[derive(Clone)]
#[non_exhaustive]
pub struct GuestDisk {
    /// Which of the images holds it, from 0.
    pub image: usize,
    /// Its number in that image, from 0.
    pub member: usize,
    /// What to call it.
    pub name: String,
    /// Whether the image is an appliance.
    pub in_ova: bool,
    /// Whether its file is split into chunks.
    pub chunked: bool,
    /// The disk.
    pub disk: Arc<dyn DiskImage>,
}

impl fmt::Debug for GuestDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestDisk")
            .field("name", &self.name)
            .field("info", self.disk.info())
            .finish_non_exhaustive()
    }
}

/// Opens every disk of the images, in their order: they are the disks of one guest.
///
/// # Errors
/// When one cannot be opened.
pub fn guest_disks(images: &[Image]) -> Result<Vec<GuestDisk>, Error> {
    let mut disks = Vec::new();
    for (index, image) in images.iter().enumerate() {
        for member in 0..image.disk_count() {
            disks.push(GuestDisk {
                image: index,
                member,
                name: image.disk_name(member),
                in_ova: image.appliance().is_some(),
                chunked: image.is_chunked(member),
                disk: image.disk(member)?,
            });
        }
    }
    Ok(disks)
}

/// The disks as they are looked into: compressed ones with what was read last kept.
#[must_use]
pub fn views(disks: &[GuestDisk]) -> Vec<Arc<dyn ReadAt>> {
    disks
        .iter()
        .map(|disk| -> Arc<dyn ReadAt> {
            let image = Arc::clone(&disk.disk);
            if image.info().format == Format::Raw {
                image
            } else {
                Arc::new(BlockCache::new(image, CACHE_BLOCK, CACHE))
            }
        })
        .collect()
}
