//! What an image is.

use std::fmt;

use vmie_io::{ExtentKind, ReadAt, ReadAtExt, ReadError};

/// A format of disk images or appliances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Format {
    /// The disk's bytes and nothing else.
    Raw,
    /// VMware's virtual disk.
    Vmdk,
    /// An appliance: a tar with an OVF descriptor and disks.
    Ova,
    /// Connectix / Microsoft virtual hard disk (recognised, not yet read).
    Vhd,
    /// Hyper-V virtual hard disk, version 2 (recognised, not yet read).
    Vhdx,
    /// QEMU copy-on-write, version 2 or 3 (recognised, not yet read).
    Qcow2,
    /// VirtualBox disk image (recognised, not yet read).
    Vdi,
    /// ISO 9660 optical disc (recognised, not a disk image).
    Iso9660,
    /// A gzip stream (recognised, to be unpacked first).
    Gzip,
    /// A zstd stream (recognised, to be unpacked first).
    Zstd,
    /// An xz stream (recognised, to be unpacked first).
    Xz,
    /// A bzip2 stream (recognised, to be unpacked first).
    Bzip2,
}

impl Format {
    /// The format's name, as the command line and programs see it: `raw`, `vmdk`, `ova` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Vmdk => "vmdk",
            Self::Ova => "ova",
            Self::Vhd => "vhd",
            Self::Vhdx => "vhdx",
            Self::Qcow2 => "qcow2",
            Self::Vdi => "vdi",
            Self::Iso9660 => "iso9660",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which kind of its format an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Variant {
    /// VMDK: compressed grains in a stream, the only kind that is imported.
    VmdkStreamOptimized,
    /// VMDK: one sparse file with its descriptor inside.
    VmdkMonolithicSparse,
    /// VMDK: a text that names the files with the data (recognised, not yet read).
    VmdkDescriptor,
    /// VMDK: a copy-on-write extent of old ESX hosts (recognised, not yet read).
    VmdkCowd,
    /// VMDK: a space-efficient sparse extent of ESXi (recognised, not yet read).
    VmdkSeSparse,
    /// VMDK: some other kind (recognised, not yet read).
    VmdkOther,
}

impl Variant {
    /// The variant's name in its format's own words: `streamOptimized` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::VmdkStreamOptimized => "streamOptimized",
            Self::VmdkMonolithicSparse => "monolithicSparse",
            Self::VmdkDescriptor => "descriptor",
            Self::VmdkCowd => "vmfsSparse",
            Self::VmdkSeSparse => "seSparse",
            Self::VmdkOther => "other",
        }
    }
}

/// How sure a guess is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Confidence {
    /// Nothing speaks against it.
    Possible,
    /// A magic number matches.
    Likely,
    /// A magic number matches and the structure around it makes sense.
    Certain,
}

/// What an image may be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The format.
    pub format: Format,
    /// Which kind of the format, when the beginning of the file tells.
    pub variant: Option<Variant>,
    /// How sure that is.
    pub confidence: Confidence,
    /// What speaks for it, as sentences with byte offsets.
    pub evidence: Vec<String>,
}

/// What an image says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageInfo {
    /// The format.
    pub format: Format,
    /// Whether the format was not told by any magic number but assumed (raw only).
    pub format_assumed: bool,
    /// Which kind of the format.
    pub variant: Option<Variant>,
    /// Length in bytes of the disk that a guest sees.
    pub virtual_size: u64,
    /// Length in bytes of the image.
    pub file_size: u64,
}

/// A virtual disk out of an image: [`ReadAt`] shows what the guest sees.
pub trait DiskImage: ReadAt {
    /// What the image says of itself.
    fn info(&self) -> &ImageInfo;

    /// Bytes of the virtual disk for which the image holds data. Takes a walk over the image's
    /// tables, so it costs more the larger the disk.
    ///
    /// # Errors
    /// When a table cannot be read.
    fn allocated(&self) -> Result<u64, ReadError> {
        let mut sum: u64 = 0;
        for extent in self.extents(0..self.len()) {
            let extent = extent?;
            if extent.kind == ExtentKind::Data {
                sum = sum.saturating_add(extent.len);
            }
        }
        Ok(sum)
    }
}

impl<D: DiskImage + ?Sized> DiskImage for Box<D> {
    fn info(&self) -> &ImageInfo {
        (**self).info()
    }
}

impl<D: DiskImage + ?Sized> DiskImage for std::sync::Arc<D> {
    fn info(&self) -> &ImageInfo {
        (**self).info()
    }
}
