//! Opening an image.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use vmie_io::{Budget, FileSource, Limits, ReadAt};

use crate::import_manifest::{ImportManifest, ResolvedParts};
use crate::parent::Parent;
#[cfg(feature = "qcow2")]
use crate::qcow2;
use crate::reference::{DenyAll, Reference, ReferenceKind, Resolver};
#[cfg(feature = "vdi")]
use crate::vdi;
#[cfg(feature = "vhdx")]
use crate::vhdx;
use crate::{Appliance, Candidate, Cause, DiskImage, Error, Format, ova, probe, raw, vhd, vmdk};

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
    /// How many images lie above this one in its chain.
    depth: u32,
    /// The account to charge: the caller's, or that of the image at the chain's top.
    shared: Option<Budget>,
    /// What the file is called.
    called: Option<String>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            format: None,
            limits: Limits::default(),
            resolver: Arc::new(DenyAll),
            depth: 0,
            shared: None,
            called: None,
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

    /// What the file is called, without its folder: the manifest of an OVF descriptor is looked for
    /// beside it under that name.
    #[must_use]
    pub fn file_name(mut self, name: Option<&str>) -> Self {
        self.called = name.map(str::to_owned);
        self
    }

    /// Which format it is, when it was said.
    pub(crate) fn format_ref(&self) -> Option<Format> {
        self.format
    }

    pub(crate) fn called(&self) -> Option<&str> {
        self.called.as_deref()
    }

    /// Charges what is opened to this account, and takes its limits, rather than to one of its own.
    #[must_use]
    pub fn charged_to(mut self, budget: &Budget) -> Self {
        self.limits = *budget.limits();
        self.shared = Some(budget.clone());
        self
    }

    /// Opens an image: a disk, or an appliance that holds disks.
    ///
    /// # Errors
    /// [`Cause::FormatNotRead`], [`Cause::FormatNotBuilt`] and [`Cause::CompressedFile`] with the
    /// format's name for what is recognised only; else what is wrong with the image. Damage deeper
    /// inside shows when it is read.
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
                let disk = vmdk::open(source, self)?;
                Ok(Opened::Disk(Box::new(disk)))
            }
            Format::Vhd => Ok(Opened::Disk(Box::new(vhd::open(source, self)?))),
            #[cfg(feature = "vhdx")]
            Format::Vhdx => Ok(Opened::Disk(Box::new(vhdx::open(source, self)?))),
            #[cfg(feature = "qcow2")]
            Format::Qcow2 => {
                let disk = qcow2::open(source, self)?;
                Ok(Opened::Disk(Box::new(disk)))
            }
            #[cfg(feature = "vdi")]
            Format::Vdi => {
                let disk = vdi::open(source, self)?;
                Ok(Opened::Disk(Box::new(disk)))
            }
            Format::ImportManifest => self.manifest(&*source),
            Format::Ova => ova::open(source, self).map(Opened::Appliance),
            Format::Ovf => ova::open_beside(source, self).map(Opened::Appliance),
            other => Err(not_read(other)),
        }
    }

    /// Opens an image by its path: as [`OpenOptions::open`] does the file, which it tells the name of.
    ///
    /// # Errors
    /// As [`OpenOptions::open`]; [`Cause::Read`] when the file cannot be opened.
    pub fn open_path(&self, path: impl AsRef<Path>) -> Result<Opened, Error> {
        let path = path.as_ref();
        let source = Arc::new(FileSource::open(path)?);
        let name = path.file_name().and_then(|name| name.to_str());
        match self.called {
            Some(_) => self.open(source),
            None => self.clone().file_name(name).open(source),
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

    /// The account to charge.
    pub(crate) fn budget(&self) -> Budget {
        match &self.shared {
            Some(budget) => budget.clone(),
            None => Budget::new(self.limits),
        }
    }

    /// Opens the image that the parts of a manifest make together.
    fn manifest(&self, text: &dyn ReadAt) -> Result<Opened, Error> {
        let budget = self.budget();
        let (mut bytes, _charge) = budget.buffer("import manifest", text.len())?;
        text.read_exact_at(&mut bytes, 0)?;
        let manifest = ImportManifest::parse(&bytes, &self.limits)?;
        let parts = ResolvedParts(Arc::clone(&self.resolver));
        let of_file = self.clone().format(Some(manifest.file_format));
        of_file.open(manifest.source(Arc::new(parts)))
    }

    /// Opens a file that an image names, through the resolver.
    pub(crate) fn reference(&self, reference: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        self.resolver.resolve(reference)
    }

    /// Opens the parent of an image, through the resolver; `format` is what it has to be, `None`
    /// to probe. The whole chain is charged to one account and is at most [`Limits::depth`] deep.
    pub(crate) fn parent(
        &self,
        name: &str,
        format: Option<Format>,
        budget: &Budget,
    ) -> Result<Parent, Error> {
        let (source, mut below) = self.below(name, budget)?;
        below.format = format;
        below.open_disk(source).map(Parent::new)
    }

    /// The file of the parent of an image, through the resolver, and how it has to be opened: for
    /// formats that check whether it is the right one.
    pub(crate) fn below(
        &self,
        name: &str,
        budget: &Budget,
    ) -> Result<(Arc<dyn ReadAt>, Self), Error> {
        if self.depth >= self.limits.depth {
            return Err(Error::new(Cause::ChainDepth)
                .in_structure("chain of images")
                .found(name));
        }
        let source = self.reference(&Reference::new(ReferenceKind::Parent, name))?;
        let below = Self {
            format: None,
            limits: self.limits,
            resolver: Arc::clone(&self.resolver),
            depth: self.depth.saturating_add(1),
            shared: Some(budget.clone()),
            called: None,
        };
        Ok((source, below))
    }
}

/// Opens an image by its path, with the safe defaults of [`OpenOptions`]: the format is found out,
/// and no file that the image names is opened.
///
/// ```
/// use vmie_formats::{Opened, ReadAt as _, ReadAtExt as _};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("disk.vhdx");
/// # std::fs::write(&path, vmie_testkit::vhdx::Builder::dynamic(&[7; 70_144]).build())?;
///
/// // `path` is that of a VHDX.
/// let Opened::Disk(disk) = vmie_formats::open(&path)? else { panic!("an appliance") };
/// for extent in disk.extents(0..disk.len()) {
///     let extent = extent?;
///     println!("{} {} {}", extent.start, extent.len, extent.kind.name());
/// #   assert_eq!((extent.start, extent.len, extent.kind.name()), (0, 70_144, "data"));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`OpenOptions::open_path`].
pub fn open(path: impl AsRef<Path>) -> Result<Opened, Error> {
    OpenOptions::new().open_path(path)
}

/// The refusal of a format that is recognised only, by all builds or by this one.
pub(crate) fn not_read(format: Format) -> Error {
    let cause = match format {
        Format::Gzip | Format::Zstd | Format::Xz | Format::Bzip2 => Cause::CompressedFile,
        Format::Qcow2 | Format::Vdi | Format::Vhdx => Cause::FormatNotBuilt,
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
