//! What can be wrong with an image.

use vmie_io::{ErrorKind, Fault, ReadError};

/// The error of this crate: cause, structure, field, byte offset in the file, value found.
pub type Error = Fault<Cause>;

/// What can be wrong with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The source cannot be read.
    #[error("the source cannot be read")]
    Read,
    /// A limit of the caller was hit.
    #[error("reading on would pass a limit")]
    Limit,
    /// The target of a conversion cannot be written.
    #[error("the target cannot be written")]
    Write,
    /// A file that has nothing but the disk's bytes.
    #[error("files of this format hold nothing that could be checked")]
    NothingToCheck,
    /// Whoever read the stream has closed it.
    #[error("the target was closed before all was written")]
    SinkClosed,
    /// Something wrote to the source while it was read.
    #[error("the source changed while it was read")]
    SourceChanged,
    /// A disk that the target's format cannot hold.
    #[error("the disk is larger than the target's format can hold")]
    TargetTooLarge,
    /// The caller cancelled the work.
    #[error("the work was cancelled")]
    Cancelled,

    // Opening ------------------------------------------------------------------------------------
    /// A format that is recognised and not read.
    #[error("images of this format are not read")]
    FormatNotRead,
    /// A format that this build neither reads nor writes: its feature is off.
    #[error("this build neither reads nor writes this format")]
    FormatNotBuilt,
    /// A compressed file, not an image.
    #[error("the file is compressed as a whole")]
    CompressedFile,
    /// The caller named a format whose magic number is not there.
    #[error("the file is not of the format that it should be")]
    WrongFormat,
    /// The image needs another file, which nobody allowed opening.
    #[error("the image names another file, and opening such files is not allowed")]
    ReferenceDenied,
    /// A file that the image names is not there, or cannot be opened.
    #[error("a file that the image names cannot be opened")]
    ReferenceMissing,
    /// Images that build on each other, without end or too many.
    #[error("too many images build on each other")]
    ChainDepth,
    /// The parent is not the image that the child was made from.
    #[error("the parent is not the image that this one was made from")]
    ParentMismatch,
    /// The image builds on a parent image.
    #[error("the image holds only the differences to a parent image")]
    ParentImage,

    /// The image has to be read at offsets: what is needed first does not stand first.
    #[error("the image cannot be read in one pass")]
    NotStreamable,

    // VMDK ---------------------------------------------------------------------------------------
    /// A kind of VMDK that is not read; the value found is the kind.
    #[error("this kind of VMDK is not read")]
    VmdkKind,
    /// A version of the sparse extent header that nobody specified.
    #[error("this version of the sparse extent is not known")]
    VmdkVersion,
    /// The four newline characters of the header were mangled by a text-mode transfer.
    #[error("the newline test bytes are changed, so the file went through a text-mode transfer")]
    VmdkNewlines,
    /// The grain size is no power of two, or too small or large.
    #[error("the grain size is not a power of two between 8 and 32768 sectors")]
    VmdkGrainSize,
    /// The number of entries of a grain table is out of bounds.
    #[error("the number of grain table entries is not between 1 and 65536")]
    VmdkTableSize,
    /// The disk has no size, or one that overflows.
    #[error("the disk's capacity is zero or too large to be counted in bytes")]
    VmdkCapacity,
    /// The compression algorithm is 0, "none", where compressed grains are promised (SVC-FMT-8).
    #[error("compressed grains are promised with compression algorithm 0, which is none")]
    VmdkCompressionNone,
    /// A compression algorithm that nobody specified.
    #[error("the compression algorithm is not known")]
    VmdkCompressionUnknown,
    /// The footer with the place of the grain directory is not at the file's end.
    #[error("the footer that tells where the grain directory is cannot be found at the end")]
    VmdkFooterMissing,
    /// Header and footer contradict each other.
    #[error("the footer contradicts the header")]
    VmdkFooterDisagrees,
    /// A stream ends in the middle of something.
    #[error("the file ends in the middle of a grain or of metadata")]
    VmdkTruncated,
    /// An offset of the header or of a table points outside of the file.
    #[error("an offset points past the end of the file")]
    VmdkOffset,
    /// The embedded descriptor is no text of lines `key = value`.
    #[error("the descriptor is malformed")]
    VmdkDescriptor,
    /// A grain's marker is for another place of the disk.
    #[error("the grain's marker names another sector than the grain table does")]
    VmdkGrainMarker,
    /// A grain comes a second time in a stream.
    #[error("the grain came by before: a stream has each grain once")]
    VmdkGrainTwice,
    /// A grain's compressed length is impossible.
    #[error("the compressed length of the grain is impossible")]
    VmdkGrainSizeField,
    /// A grain inflates to a wrong length (SVC-FMT-8).
    #[error("the grain's uncompressed data has an invalid length")]
    VmdkGrainLength,
    /// A grain does not inflate.
    #[error("the grain's compressed data is damaged")]
    VmdkGrainData,
    /// The crate was built without a way to inflate.
    #[error("this build cannot inflate compressed grains")]
    NoInflate,
    /// A marker of a type that nobody specified.
    #[error("the marker's type is not known")]
    VmdkMarker,
    /// A sparse extent without a descriptor: one of the files of a disk.
    #[error("the file is one extent of a disk, and the descriptor is another file")]
    VmdkExtentAlone,
    /// The extents that the descriptor names are no disk: there are none, or one is impossible.
    #[error("the extents that the descriptor names do not make up a disk")]
    VmdkExtents,
    /// The file of an extent is smaller than the descriptor says.
    #[error("the file of the extent holds less than the descriptor says")]
    VmdkExtentSize,
    /// The disk is a raw device, or a map to one (SVC-LIM-3).
    #[error("the disk is mapped to a raw device, of which the VMDK holds no data")]
    VmdkRawDevice,
    /// The disk is encrypted by VMware.
    #[error("the disk is encrypted")]
    VmdkEncrypted,
    /// Flags of an SEsparse extent that nobody specified.
    #[error("the extent has flags of which nobody says what they mean")]
    VmdkFlags,
    /// The tables of an SEsparse extent are behind its journal.
    #[error("the extent's journal has to be replayed first, and its form is told nowhere")]
    VmdkJournal,
    /// An entry of a table is nothing that is known.
    #[error("the table entry is of no known kind")]
    VmdkTableEntry,

    // VHD -----------------------------------------------------------------------------------------
    /// The footer is not at the end of the file, and no copy of it at the start.
    #[error("the footer is missing, so the file is cut off")]
    VhdFooterMissing,
    /// The checksum of the footer is wrong, and there is no whole copy of it.
    #[error("the checksum of the footer is wrong")]
    VhdChecksum,
    /// A version that nobody specified.
    #[error("this version of the VHD is not known")]
    VhdVersion,
    /// A type of disk that nobody specified.
    #[error("the type of the disk is not fixed, dynamic or differencing")]
    VhdType,
    /// The disk has no size.
    #[error("the size of the disk is zero")]
    VhdSize,
    /// The dynamic disk header is not where the footer says.
    #[error("the dynamic disk header is not where the footer says")]
    VhdHeader,
    /// The block size is no power of two, or too small or large.
    #[error("the block size is not a power of two between 512 bytes and 1 GiB")]
    VhdBlockSize,
    /// The block allocation table is too short for the disk.
    #[error("the block allocation table has fewer entries than the disk has blocks")]
    VhdTable,
    /// Something lies past the end of the file.
    #[error("an offset points past the end of the file")]
    VhdOffset,
    /// A block lies over another one, or over metadata.
    #[error("the block lies over another block or over metadata")]
    VhdBlockOverlap,

    // VHDX ----------------------------------------------------------------------------------------
    /// Neither of the two headers is whole, or both claim to be the current one.
    #[error("there is no current header")]
    VhdxHeaders,
    /// A version that nobody specified.
    #[error("this version of the VHDX is not known")]
    VhdxVersion,
    /// A version of the log that nobody specified.
    #[error("this version of the log is not known")]
    VhdxLogVersion,
    /// The log is not a range of whole mebibytes within the file.
    #[error("the log is not a range of whole mebibytes within the file")]
    VhdxLogPlace,
    /// The file is shorter than its log says that it was.
    #[error("the file is shorter than it was when the log was written")]
    VhdxLogTruncated,
    /// Neither of the two region tables is whole.
    #[error("there is no whole region table")]
    VhdxRegionTable,
    /// A region is misplaced, lies over another one, or is there twice.
    #[error("the region is misplaced, lies over another one or is there twice")]
    VhdxRegion,
    /// A region that has to be understood and is not known.
    #[error("the file has a region that is not known and is required")]
    VhdxRegionUnknown,
    /// A region that has to be there is not.
    #[error("a region that has to be there is missing")]
    VhdxRegionMissing,
    /// The metadata table is malformed.
    #[error("the metadata table is malformed")]
    VhdxMetadata,
    /// An item of metadata that has to be understood and is not known.
    #[error("the file has an item of metadata that is not known and is required")]
    VhdxMetadataUnknown,
    /// An item of metadata that has to be there is not.
    #[error("an item of metadata that has to be there is missing")]
    VhdxMetadataMissing,
    /// The block size is no power of two, or too small or large.
    #[error("the block size is not a power of two between 1 MiB and 256 MiB")]
    VhdxBlockSize,
    /// The sector size is neither 512 nor 4096.
    #[error("the sector size is neither 512 nor 4096 bytes")]
    VhdxSectorSize,
    /// The disk's size is zero, not in whole sectors, or above 64 TiB.
    #[error("the size of the disk is zero, not in whole sectors or above 64 TiB")]
    VhdxSize,
    /// The block allocation table is too short for the disk.
    #[error("the block allocation table has fewer entries than the disk has blocks")]
    VhdxBat,
    /// Something lies past the end of the file.
    #[error("an offset points past the end of the file")]
    VhdxOffset,
    /// A block is in a state that it cannot be in.
    #[error(
        "the block is in a state that nobody specified, or that this kind of disk does not have"
    )]
    VhdxBlockState,
    /// A block lies over another one, or over metadata.
    #[error("the block lies over another block or over metadata")]
    VhdxBlockOverlap,
    /// The parent locator is malformed.
    #[error("the parent locator is malformed")]
    VhdxParentLocator,

    // qcow2 --------------------------------------------------------------------------------------
    /// This version of qcow2 is not known.
    #[error("this version of qcow2 is not known")]
    Qcow2Version,
    /// The file ends within the header.
    #[error("the file ends within the header")]
    Qcow2Truncated,
    /// The image uses a feature that is not known, and says that who does not know it must not read it.
    #[error(
        "the image uses a feature that is not known, and says that who does not know it must not read it"
    )]
    Qcow2Feature,
    /// The length of the header is impossible.
    #[error("the length of the header is impossible")]
    Qcow2HeaderLength,
    /// The cluster size is not a power of two between 512 bytes and 2 MiB, or too small for subclusters.
    #[error(
        "the cluster size is not a power of two between 512 bytes and 2 MiB, or too small for subclusters"
    )]
    Qcow2ClusterBits,
    /// The image is encrypted.
    #[error("the image is encrypted")]
    Qcow2Encrypted,
    /// The way that clusters are compressed is not known.
    #[error("the way that clusters are compressed is not known")]
    Qcow2Compression,
    /// The L1 table does not cover the disk, or is larger than 32 MiB.
    #[error("the L1 table does not cover the disk, or is larger than 32 MiB")]
    Qcow2L1Size,
    /// An offset is not aligned, or points outside of the file.
    #[error("an offset is not aligned, or points outside of the file")]
    Qcow2Offset,
    /// A name of another file is missing, too long or not UTF-8.
    #[error("a name of another file is missing, too long or not UTF-8")]
    Qcow2Name,
    /// A header extension reaches out of the header's cluster.
    #[error("a header extension reaches out of the header's cluster")]
    Qcow2Extension,
    /// The table of snapshots is damaged.
    #[error("the table of snapshots is damaged")]
    Qcow2Snapshots,
    /// The width of reference counts is more than 64 bits.
    #[error("the width of reference counts is more than 64 bits")]
    Qcow2Refcount,
    /// An L2 entry contradicts itself.
    #[error("an L2 entry contradicts itself")]
    Qcow2Entry,
    /// The compressed data of a cluster is damaged.
    #[error("the compressed data of a cluster is damaged")]
    Qcow2CompressedData,
    /// A compressed cluster does not unpack to the length of a cluster.
    #[error("a compressed cluster does not unpack to the length of a cluster")]
    Qcow2CompressedLength,

    // VDI ----------------------------------------------------------------------------------------
    /// The file ends within the header.
    #[error("the file ends within the header")]
    VdiTruncated,
    /// This version of VDI is not known.
    #[error("this version of VDI is not known")]
    VdiVersion,
    /// The header is too short for its version.
    #[error("the header is too short for its version")]
    VdiHeaderSize,
    /// This type of VDI is not known.
    #[error("this type of VDI is not known")]
    VdiType,
    /// The block size is not a multiple of 512 bytes up to 256 MiB.
    #[error("the block size is not a multiple of 512 bytes up to 256 MiB")]
    VdiBlockSize,
    /// The blocks do not cover the disk, or are too many.
    #[error("the blocks do not cover the disk, or are too many")]
    VdiBlockCount,
    /// An offset points past the end of the file.
    #[error("an offset points past the end of the file")]
    VdiOffset,

    // OVA ----------------------------------------------------------------------------------------
    /// A tar header whose checksum is wrong.
    #[error("the checksum of the tar header is wrong")]
    TarChecksum,
    /// A number of a tar header is malformed.
    #[error("a number of the tar header is malformed")]
    TarNumber,
    /// An extended header is malformed.
    #[error("the extended tar header is malformed")]
    TarExtended,
    /// A member's data reaches past the end of the file.
    #[error("a member of the archive reaches past the end of the file")]
    TarTruncated,
    /// A member that is a link, a device or a sparse file.
    #[error("the archive holds a member that is not a plain file or folder")]
    TarMemberKind,
    /// A member's name leads out of the archive.
    #[error("the name leads out of the archive")]
    NameEscapes,
    /// Two members have one name.
    #[error("two members of the archive have the same name")]
    DuplicateMember,
    /// There is no descriptor.
    #[error("the archive holds no OVF descriptor")]
    OvfMissing,
    /// There is more than one descriptor.
    #[error("the archive holds several OVF descriptors")]
    OvfSeveral,
    /// A file that the descriptor names is not in the archive.
    #[error("a file that the OVF descriptor names is not in the archive")]
    MemberMissing,
    /// A disk that is split into chunks (SVC-FMT-7, SVC-ERR-3).
    #[error("the disk is split into chunk files, which is not supported")]
    ChunkedFiles,
    /// A disk that the descriptor says is compressed.
    #[error("the file is stored compressed inside the archive")]
    MemberCompressed,
    /// A disk with no file: created empty on deployment.
    #[error("the disk has no file: it is created empty when the appliance is deployed")]
    DiskWithoutFile,
    /// No disk of that number.
    #[error("the appliance has no disk of that number")]
    NoSuchDisk,
    /// A disk's file is not of the format that the descriptor says.
    #[error("the disk's file is not of the format that the OVF descriptor says")]
    DiskFormat,
    /// A line of the manifest is malformed.
    #[error("a line of the manifest is malformed")]
    Manifest,
    /// The certificate is not a signature line followed by PEM blocks.
    #[error("the certificate is not a signature line followed by PEM blocks")]
    Certificate,
    /// The gzip stream is damaged or cut off.
    #[error("the gzip stream is damaged or cut off")]
    GzipData,
    /// The gzip stream unpacks to more than the disk could need.
    #[error("the gzip stream unpacks to more than the disk could need")]
    GzipLength,
    /// A member's digest is not the manifest's.
    #[error("the digest of the file is not the one in the manifest")]
    DigestMismatch,
    /// The manifest uses a digest that is not computed here.
    #[error("the manifest uses a digest algorithm that is not known")]
    DigestAlgorithm,

    // The import manifest ------------------------------------------------------------------------
    /// The import manifest is not well-formed XML, or not UTF-8 text, or declares a document type.
    #[error(
        "the import manifest is not well-formed XML, or not UTF-8 text, or declares a document type"
    )]
    ManifestXml,
    /// An element of the import manifest is missing, or not at its place.
    #[error("an element of the import manifest is missing, or not at its place")]
    ManifestElement,
    /// The version of the import manifest is not 2010-11-15.
    #[error("the version of the import manifest is not 2010-11-15")]
    ManifestVersion,
    /// The file format is not RAW, VHD or VMDK.
    #[error("the file format is not RAW, VHD or VMDK")]
    ManifestFormat,
    /// A number of the import manifest is malformed, zero or too large.
    #[error("a number of the import manifest is malformed, zero or too large")]
    ManifestNumber,
    /// The parts do not tile the file in order.
    #[error("the parts do not tile the file in order")]
    ManifestParts,
    /// A part is not as long as the import manifest says.
    #[error("a part is not as long as the import manifest says")]
    ManifestPartLength,

    // OVF ----------------------------------------------------------------------------------------
    /// The descriptor is not encoded as UTF-8.
    #[error("the OVF descriptor is not UTF-8 text")]
    OvfEncoding,
    /// The descriptor is not well-formed XML.
    #[error("the OVF descriptor is not well-formed XML")]
    OvfMalformed,
    /// The descriptor has a document type declaration, the door of entity bombs.
    #[error("the OVF descriptor declares a document type, which is refused")]
    OvfDoctype,
    /// The descriptor uses an entity that only a document type could declare.
    #[error("the OVF descriptor uses an entity that XML does not define")]
    OvfEntity,
    /// The root element is no OVF envelope.
    #[error("the document is not an OVF envelope")]
    OvfRoot,
    /// An attribute that OVF demands is missing.
    #[error("an attribute that OVF demands is missing")]
    OvfAttribute,
    /// A number is malformed or too large.
    #[error("a number of the OVF descriptor is malformed or too large")]
    OvfNumber,
    /// A unit expression is malformed.
    #[error("the allocation units are not of the form `byte * 2^n`")]
    OvfUnits,
    /// Two files or disks have one id.
    #[error("two elements of the OVF descriptor have the same id")]
    OvfDuplicateId,
    /// A disk names a file that is not in References.
    #[error("a disk names a file that the OVF descriptor does not list")]
    OvfFileRef,
    /// A virtual hard disk names a disk that is not in the DiskSection.
    #[error("a virtual hard disk names a disk that the OVF descriptor does not list")]
    OvfDiskRef,
}

impl vmie_io::Cause for Cause {
    const READ: Self = Self::Read;
    const LIMIT: Self = Self::Limit;

    fn kind(self) -> ErrorKind {
        match self {
            Self::Read | Self::Write | Self::SinkClosed => ErrorKind::Io,
            Self::Limit | Self::ChainDepth => ErrorKind::LimitExceeded,
            Self::ReferenceMissing => ErrorKind::Io,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::TargetTooLarge => ErrorKind::Unsupported,
            Self::NoSuchDisk | Self::SourceChanged => ErrorKind::Misuse,
            Self::NothingToCheck => ErrorKind::Unsupported,
            Self::ReferenceDenied => ErrorKind::ReferenceDenied,
            Self::FormatNotRead
            | Self::FormatNotBuilt
            | Self::NotStreamable
            | Self::CompressedFile
            | Self::ParentImage
            | Self::VmdkKind
            | Self::VmdkExtentAlone
            | Self::VmdkRawDevice
            | Self::VmdkEncrypted
            | Self::VmdkFlags
            | Self::VmdkJournal
            | Self::VmdkVersion
            | Self::VmdkCompressionNone
            | Self::VmdkCompressionUnknown
            | Self::VhdVersion
            | Self::VhdType
            | Self::VhdxVersion
            | Self::VhdxLogVersion
            | Self::VhdxRegionUnknown
            | Self::VhdxMetadataUnknown
            | Self::NoInflate
            | Self::Qcow2Version
            | Self::Qcow2Feature
            | Self::Qcow2Encrypted
            | Self::Qcow2Compression
            | Self::VdiVersion
            | Self::VdiType
            | Self::TarMemberKind
            | Self::ChunkedFiles
            | Self::MemberCompressed
            | Self::DiskWithoutFile
            | Self::DigestAlgorithm
            | Self::OvfDoctype
            | Self::OvfEncoding => ErrorKind::Unsupported,
            Self::VmdkFooterMissing
            | Self::VmdkTruncated
            | Self::VhdFooterMissing
            | Self::VhdOffset
            | Self::VhdxLogTruncated
            | Self::VhdxOffset
            | Self::VmdkExtentSize
            | Self::VmdkOffset
            | Self::Qcow2Truncated
            | Self::Qcow2Offset
            | Self::VdiTruncated
            | Self::VdiOffset
            | Self::TarTruncated => ErrorKind::Truncated,
            _ => ErrorKind::Corrupt,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Read => "Check that the image is complete and readable",
            Self::Limit => "Raise the limits if the image comes from a source you trust",
            Self::Write => "Check that the target has room and may be written",
            Self::NothingToCheck => "Compare it with a digest instead",
            Self::SinkClosed => "Check why the program that reads it ended early",
            Self::SourceChanged => "Convert a source that nobody writes to",
            Self::TargetTooLarge => {
                "Choose another format: raw, VHDX or qcow2 hold the largest disks"
            }
            Self::Cancelled => "Start it again when it is wanted",
            Self::FormatNotRead => {
                "Convert the image to raw, to a stream-optimized VMDK or to an OVA"
            }
            Self::FormatNotBuilt => {
                "Build with the feature of the format's name, or with `formats`"
            }
            Self::NotStreamable => "Store it in a file and open that",
            Self::CompressedFile => "Unpack the file and give what is inside",
            Self::WrongFormat | Self::DiskFormat => {
                "Check which format the file has, or get it again from where it was made"
            }
            Self::ReferenceMissing => {
                "Put the file beside the image, in the folder that is allowed"
            }
            Self::ReferenceDenied => {
                "Allow the folder that its files lie in (--allow-references), or export the whole disk into one file"
            }
            Self::ParentImage | Self::ParentMismatch | Self::ChainDepth => {
                "Consolidate the snapshots and export the whole disk into one file"
            }
            Self::VmdkKind | Self::VmdkCompressionNone => {
                "Export the machine as OVF or OVA, which makes stream-optimized VMDK files"
            }
            Self::Qcow2Encrypted => "Decrypt the image first, with the program that encrypted it",
            Self::VmdkExtentAlone => "Open the descriptor, the file that names this one",
            Self::VmdkRawDevice => "Copy the device's data into a virtual disk, then export that",
            Self::VmdkEncrypted => {
                "Decrypt the virtual machine first, with the program that encrypted it"
            }
            Self::VmdkJournal => {
                "Start and stop the machine, or consolidate its snapshots, then export it again"
            }
            Self::VmdkNewlines => "Transfer the file again, in binary mode",
            Self::NoInflate => "Build with the feature zlib-rs or libdeflate",
            Self::ChunkedFiles => "Export again without splitting the disk into chunks",
            Self::MemberCompressed => {
                "Export again without compressing the files of the archive, or with gzip"
            }
            Self::DiskWithoutFile => "Leave the empty disk out, or export it with a file",
            Self::NoSuchDisk => "Ask which disks the appliance has",
            Self::OvfDoctype | Self::OvfEntity => "Remove the document type from the descriptor",
            Self::OvfEncoding => "Save the descriptor as UTF-8",
            Self::OvfSeveral => "Give each virtual machine an archive of its own",
            Self::NameEscapes | Self::TarMemberKind => {
                "Do not trust this archive; make it again with an OVF export"
            }
            Self::ManifestXml
            | Self::ManifestElement
            | Self::ManifestVersion
            | Self::ManifestFormat
            | Self::ManifestNumber
            | Self::ManifestParts => "Make the import manifest again",
            Self::ManifestPartLength => "Upload the part again",
            Self::DigestMismatch => "Get the file again from where it was made: it was changed",
            Self::DigestAlgorithm => "Make the manifest with SHA1, SHA256 or SHA512",
            _ => "Get the image again from where it was made, or export it again",
        }
    }
}

/// What went wrong below a failed read: the [`Error`] of this crate that a disk image reported, or
/// the failed read itself as an error with [`Cause::Read`].
#[must_use]
pub fn error_of(error: ReadError) -> Error {
    error.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_cause_survives_the_way_through_read_errors() {
        let fault = Error::new(Cause::VmdkGrainLength).at("grain", 512);
        let back = error_of(fault.into());
        assert_eq!(back.cause(), Cause::VmdkGrainLength);
        assert_eq!(back.offset(), Some(512));
        let plain = error_of(ReadError::new("file", ErrorKind::Truncated, 7));
        assert_eq!(plain.cause(), Cause::Read);
        assert_eq!(plain.kind(), ErrorKind::Truncated);
    }
}
