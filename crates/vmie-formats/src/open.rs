//! Opening an image.

use std::fmt;
use std::sync::Arc;

use vmie_io::{Budget, Limits, ReadAt};

use crate::{Appliance, Candidate, Cause, DiskImage, Error, Format, ova, probe, raw, vmdk};

/// Opens the files that an image names: its parent, its extents. An image is hostile input, so
/// what it names is opened by this gate or not at all.
pub trait Resolver: Send + Sync {
    /// The file that an image calls `name`.
    ///
    /// # Errors
    /// When the file may not or cannot be opened.
    fn resolve(&self, name: &str) -> Result<Arc<dyn ReadAt>, Error>;
}

/// The resolver that opens nothing: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct DenyAll;

impl Resolver for DenyAll {
    fn resolve(&self, name: &str) -> Result<Arc<dyn ReadAt>, Error> {
        Err(Error::new(Cause::ReferenceDenied)
            .in_structure("reference")
            .found(name))
    }
}

/// How to open an image. The defaults are safe for strangers' images: the format is probed, the
/// [`Limits`] are those of a service, and no file that the image names is opened.
///
/// ```
/// use std::sync::Arc;
/// use vmie_formats::{DiskImage as _, Format, OpenOptions, Opened};
///
/// // Nothing tells that this is a disk, so it is assumed to be raw.
/// let opened = OpenOptions::new().open(Arc::new(vec![0u8; 4096]))?;
/// let Opened::Disk(disk) = opened else { panic!("not an appliance") };
/// assert_eq!(disk.info().format, Format::Raw);
/// assert!(disk.info().format_assumed);
///
/// // Whoever knows that it is raw says so.
/// let disk = OpenOptions::new().format(Some(Format::Raw)).open_disk(Arc::new(vec![0u8; 4096]))?;
/// assert!(!disk.info().format_assumed);
/// # Ok::<(), vmie_formats::Error>(())
/// ```
#[derive(Clone)]
pub struct OpenOptions {
    format: Option<Format>,
    limits: Limits,
    resolver: Arc<dyn Resolver>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            format: None,
            limits: Limits::default(),
            resolver: Arc::new(DenyAll),
        }
    }
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions")
            .field("format", &self.format)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl OpenOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Which format it is; `None` to probe. [`Format::Raw`] reads the file's bytes as the disk
    /// whatever magic number it has.
    #[must_use]
    pub fn format(mut self, format: Option<Format>) -> Self {
        self.format = format;
        self
    }

    /// What the image may cost.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Who opens the files that the image names.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Opens an image: a disk, or an appliance that holds disks.
    ///
    /// # Errors
    /// [`Cause::FormatNotRead`] and [`Cause::CompressedFile`] with the format's name for what is
    /// recognised only; else what is wrong with the image. Damage deeper inside shows when it is
    /// read.
    pub fn open(&self, source: Arc<dyn ReadAt>) -> Result<Opened, Error> {
        let (format, assumed) = match self.format {
            Some(format) => (format, false),
            None => {
                let likeliest = probe(&source)?.into_iter().next();
                let format = likeliest
                    .as_ref()
                    .map_or(Format::Raw, |c: &Candidate| c.format);
                (format, format == Format::Raw)
            }
        };
        match format {
            Format::Raw => Ok(Opened::Disk(Box::new(raw::open(source, assumed)))),
            Format::Vmdk => {
                let disk = vmdk::open(source, &self.budget(), &*self.resolver)?;
                Ok(Opened::Disk(Box::new(disk)))
            }
            Format::Ova => ova::open(source, self).map(Opened::Appliance),
            other => Err(not_read(other)),
        }
    }

    /// Opens an image that has to be a disk.
    ///
    /// # Errors
    /// As [`OpenOptions::open`]; an appliance is refused with [`Cause::WrongFormat`].
    pub fn open_disk(&self, source: Arc<dyn ReadAt>) -> Result<Box<dyn DiskImage>, Error> {
        match self.open(source)? {
            Opened::Disk(disk) => Ok(disk),
            Opened::Appliance(_) => Err(Error::new(Cause::WrongFormat)
                .in_structure("disk image")
                .found(Format::Ova.name())),
        }
    }

    /// A fresh account with the limits.
    pub(crate) fn budget(&self) -> Budget {
        Budget::new(self.limits)
    }
}

/// The refusal of a format that is recognised only.
fn not_read(format: Format) -> Error {
    let cause = match format {
        Format::Gzip | Format::Zstd | Format::Xz | Format::Bzip2 => Cause::CompressedFile,
        _ => Cause::FormatNotRead,
    };
    Error::new(cause).at("file", 0).found(format.name())
}

/// What was in a file.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each file that is opened, and it is taken apart at once"
)]
pub enum Opened {
    /// A disk.
    Disk(Box<dyn DiskImage>),
    /// An appliance: a description of a machine, and its disks.
    Appliance(Appliance),
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(disk) => f.debug_tuple("Disk").field(disk.info()).finish(),
            Self::Appliance(appliance) => f.debug_tuple("Appliance").field(appliance).finish(),
        }
    }
}
