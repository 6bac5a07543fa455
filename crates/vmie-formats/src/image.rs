//! What an image is.

use std::fmt;

use vmie_io::{ExtentKind, ReadAt, ReadAtExt, ReadError};

use crate::Reference;

/// A format of disk images or appliances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Format {
    /// The disk's bytes and nothing else.
    Raw,
    /// VMware's virtual disk.
    Vmdk,
    /// An OVF descriptor with the files that it names beside it.
    Ovf,
    /// An import manifest: the list of the parts that an image was uploaded in.
    ImportManifest,
    /// An appliance: a tar with an OVF descriptor and disks.
    Ova,
    /// Connectix / Microsoft virtual hard disk.
    Vhd,
    /// Hyper-V virtual hard disk, version 2.
    Vhdx,
    /// QEMU copy-on-write, version 2 or 3.
    Qcow2,
    /// VirtualBox disk image.
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
            Self::ImportManifest => "import-manifest",
            Self::Ova => "ova",
            Self::Ovf => "ovf",
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
    /// VMDK: a descriptor, and one file with the disk's bytes.
    VmdkMonolithicFlat,
    /// VMDK: a descriptor, and sparse files of at most 2 GiB each.
    VmdkTwoGbSparse,
    /// VMDK: a descriptor, and flat files of at most 2 GiB each.
    VmdkTwoGbFlat,
    /// VMDK: a descriptor, and one flat file on a VMFS volume.
    VmdkVmfs,
    /// VMDK: as `vmfs`, thinly provisioned.
    VmdkVmfsThin,
    /// VMDK: as `vmfs`, all of its space allocated and zeroed when it is first used.
    VmdkVmfsPreallocated,
    /// VMDK: as `vmfs`, all of its space zeroed when it was made.
    VmdkVmfsEagerZeroedThick,
    /// VMDK: a copy-on-write (COWD) extent of ESX hosts.
    VmdkCowd,
    /// VMDK: a space-efficient sparse extent of ESXi.
    VmdkSeSparse,
    /// VMDK: a descriptor that maps a raw device (RDM, fullDevice, partitionedDevice); never read.
    VmdkRawDevice,
    /// VMDK: a text that names the files with the data, of a kind told by opening it.
    VmdkDescriptor,
    /// VMDK: some other kind.
    VmdkOther,
    /// VHD: the disk's bytes and a footer.
    VhdFixed,
    /// VHD: blocks that a table places.
    VhdDynamic,
    /// VHD: the differences to a parent.
    VhdDifferencing,
    /// VHDX: all blocks allocated for good.
    VhdxFixed,
    /// VHDX: blocks that a table places.
    VhdxDynamic,
    /// VHDX: the differences to a parent.
    VhdxDifferencing,
    /// qcow2 of version 2.
    Qcow2V2,
    /// qcow2 of version 3.
    Qcow2V3,
    /// VDI: blocks that a table places.
    VdiDynamic,
    /// VDI: all blocks allocated.
    VdiFixed,
    /// VDI: the differences to a parent.
    VdiDifferencing,
}

impl Variant {
    /// The variant's name in its format's own words: `streamOptimized`, `dynamic` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::VmdkStreamOptimized => "streamOptimized",
            Self::VmdkMonolithicSparse => "monolithicSparse",
            Self::VmdkMonolithicFlat => "monolithicFlat",
            Self::VmdkTwoGbSparse => "twoGbMaxExtentSparse",
            Self::VmdkTwoGbFlat => "twoGbMaxExtentFlat",
            Self::VmdkVmfs => "vmfs",
            Self::VmdkVmfsThin => "vmfsThin",
            Self::VmdkVmfsPreallocated => "vmfsPreallocated",
            Self::VmdkVmfsEagerZeroedThick => "vmfsEagerZeroedThick",
            Self::VmdkCowd => "vmfsSparse",
            Self::VmdkSeSparse => "seSparse",
            Self::VmdkRawDevice => "rawDevice",
            Self::VmdkDescriptor => "descriptor",
            Self::VmdkOther => "other",
            Self::VhdFixed | Self::VhdxFixed | Self::VdiFixed => "fixed",
            Self::VhdDynamic | Self::VhdxDynamic | Self::VdiDynamic => "dynamic",
            Self::VhdDifferencing | Self::VhdxDifferencing | Self::VdiDifferencing => {
                "differencing"
            }
            Self::Qcow2V2 => "v2",
            Self::Qcow2V3 => "v3",
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

impl Confidence {
    /// The name, as programs see it: `possible`, `likely` or `certain`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// What an image may be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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
    /// Bytes of a logical sector, where the image says so (VHDX: 512 or 4096).
    pub sector_size: Option<u32>,
    /// Bytes of an allocation unit (a grain, block or cluster), where there is such a thing.
    pub block_size: Option<u64>,
    /// Which program the image says that it was made by. From hostile input: escape it before
    /// showing it.
    pub creator: Option<String>,
    /// What images that build on this one know it by, where there is such a thing: the unique id of
    /// a VHD, the `DataWriteGuid` of a VHDX, in small letters.
    pub identity: Option<String>,
    /// What the image says that it needs beside itself, whether or not it was opened.
    pub references: Vec<Reference>,
    /// What is worth knowing and did not keep the image from being opened.
    pub notes: Vec<ImageNote>,
}

impl ImageInfo {
    /// An image of which only its format and sizes, in bytes, are told yet.
    #[must_use]
    pub fn new(format: Format, virtual_size: u64, file_size: u64) -> Self {
        Self {
            format,
            format_assumed: false,
            variant: None,
            virtual_size,
            file_size,
            sector_size: None,
            block_size: None,
            creator: None,
            identity: None,
            references: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The same with its variant.
    #[must_use]
    pub fn of(mut self, variant: Variant) -> Self {
        self.variant = Some(variant);
        self
    }
}

/// What kind of thing is worth knowing of an image that could be opened all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoteKind {
    /// A structure is damaged, and its second copy was used.
    SecondCopyUsed,
    /// A checksum is wrong where nothing depends on it.
    Checksum,
    /// A log waits to be replayed; it was, in memory.
    LogReplayed,
    /// The image was in use, or its writer crashed, when it was copied.
    Dirty,
    /// The image holds the saved state of a running machine.
    SavedState,
    /// The image holds snapshots; the current state is what is read.
    Snapshots,
    /// The file is cut off; what is before the cut is read.
    CutOff,
    /// Two fields that should agree do not; the detail says which was taken.
    Disagreement,
    /// The footer of a VHD and its copy are not identical (SVC-ERR-8).
    FootersDiffer,
    /// A quirk of the program that made the image.
    Quirk,
    /// The file is one of several that make up a disk; what it holds is read.
    PartOfDisk,
}

impl NoteKind {
    /// The kind's name, as programs see it: `second-copy-used` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SecondCopyUsed => "second-copy-used",
            Self::Checksum => "checksum",
            Self::LogReplayed => "log-replayed",
            Self::Dirty => "dirty",
            Self::SavedState => "saved-state",
            Self::Snapshots => "snapshots",
            Self::CutOff => "cut-off",
            Self::Disagreement => "disagreement",
            Self::FootersDiffer => "footers-differ",
            Self::Quirk => "quirk",
            Self::PartOfDisk => "part-of-disk",
        }
    }
}

/// Something worth knowing of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ImageNote {
    /// What kind of thing.
    pub kind: NoteKind,
    /// Where in the file, in bytes, when it has a place.
    pub offset: Option<u64>,
    /// What it is, as a sentence without its full stop.
    pub detail: String,
}

impl ImageNote {
    /// A note.
    #[must_use]
    pub fn new(kind: NoteKind, offset: Option<u64>, detail: impl Into<String>) -> Self {
        Self {
            kind,
            offset,
            detail: detail.into(),
        }
    }
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
