//! What can be wrong with a partition table.

use vmie_io::{ErrorKind, Fault};

/// The error of this crate: cause, structure, field, byte offset on the disk, value found.
pub type Error = Fault<Cause>;

/// What can be wrong with a partition table.
///
/// Only [`Cause::Read`] (of the first sector) and [`Cause::Limit`] keep a disk from being read;
/// the others come as [`Note`](crate::Note)s beside what could be made of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The disk cannot be read.
    #[error("the disk cannot be read")]
    Read,
    /// A limit of the caller was hit.
    #[error("reading on would pass a limit")]
    Limit,
    /// More notes than are kept.
    #[error("there is more to note than is kept")]
    TooManyNotes,

    /// An active flag that is neither 0x00 nor 0x80.
    #[error("the active flag is neither 0x00 nor 0x80")]
    BootFlag,
    /// More than one active partition: which one boots is up to the boot code.
    #[error("more than one partition is active")]
    SeveralActive,
    /// An MBR entry that makes no sense in itself; it is left out.
    #[error("the entry does not describe a place on a disk")]
    EntryImplausible,
    /// A filesystem's boot sector with a good partition table in it.
    #[error("the first sector is a filesystem's boot sector and holds a partition table too")]
    BootSectorAndTable,
    /// The signature 55 AA is missing after what looks like a partition table; it is not used.
    #[error("the boot signature 55 AA is missing")]
    SignatureMissing,
    /// More than one extended partition among the primary ones.
    #[error("more than one primary entry is an extended partition")]
    SeveralExtended,
    /// An extended boot record has no signature; the chain of logical partitions ends there.
    #[error("the extended boot record has no signature 55 AA")]
    EbrSignature,
    /// An extended boot record that was met before; the chain ends there.
    #[error("the chain of extended boot records returns to where it has been")]
    EbrLoop,
    /// A link to an extended boot record past the end of the disk; the chain ends there.
    #[error("the link to the next extended boot record leads past the end of the disk")]
    EbrOutside,
    /// An extended boot record outside of its extended partition; it is followed all the same.
    #[error("the next extended boot record is outside of the extended partition")]
    EbrOutsideExtended,
    /// More extended boot records than are read.
    #[error("there are more extended boot records than are read")]
    TooManyLogical,
    /// A logical partition that reaches out of its extended partition.
    #[error("the logical partition reaches out of the extended partition")]
    LogicalOutside,

    /// A protective MBR stands before no usable GPT.
    #[error("the MBR is protective, but neither copy of the GPT can be used")]
    GptLost,
    /// A GPT without the protective MBR that the specification asks for.
    #[error("the GPT has no protective MBR")]
    ProtectiveMissing,
    /// An MBR that protects a GPT and lists partitions of its own; the GPT is what counts.
    #[error("the MBR is a hybrid: it lists partitions beside the GPT")]
    HybridMbr,
    /// An MBR with partitions and no protective entry, and a valid GPT; the MBR is what counts.
    #[error("a GPT is there too, left over from before the MBR was written")]
    StaleGpt,
    /// A valid header for both sector sizes; that of 512 bytes is used.
    #[error("there are valid GPT headers for sectors of 512 and of 4096 bytes")]
    TwoSectorSizes,
    /// No `EFI PART` where a header should be.
    #[error("the signature \"EFI PART\" is missing")]
    GptSignature,
    /// A header size below 92 bytes or above the sector.
    #[error("the header size is not between 92 and the size of a sector")]
    GptHeaderSize,
    /// The header's checksum is wrong.
    #[error("the checksum of the header does not match")]
    GptHeaderCrc,
    /// The header says that it stands in another sector.
    #[error("the header belongs to another sector")]
    GptMyLba,
    /// A revision other than 1.0.
    #[error("the revision is not 1.0")]
    GptRevision,
    /// The usable range is empty or reaches past the end of the disk.
    #[error("the usable range is not a range of sectors on the disk")]
    GptUsable,
    /// An entry size that is not 128 times a power of two, or larger than a sector of 4096 bytes.
    #[error("the entry size is not 128, 256, … 4096 bytes")]
    GptEntrySize,
    /// More entries than are read.
    #[error("the table has more entries than are read")]
    GptEntryCount,
    /// The array of entries is not on the disk.
    #[error("the array of entries is not on the disk")]
    GptEntriesOutside,
    /// The array's checksum is wrong.
    #[error("the checksum of the array of entries does not match")]
    GptEntriesCrc,
    /// The array passed all checks and could not be decoded.
    #[error("the array of entries cannot be decoded")]
    GptEntriesUndecoded,
    /// The array named by the header is bad; the other copy's matches the header's checksum.
    #[error("the array of entries was taken from the other copy of the table")]
    GptEntriesFromOther,
    /// The primary table is bad; the backup was used.
    #[error("the primary table cannot be used; the backup table was")]
    GptBackupUsed,
    /// The backup header is not in the disk's last sector: the disk was enlarged.
    #[error("the backup table is not at the end of the disk")]
    GptBackupMisplaced,
    /// The backup header would be past the end of the disk: the disk was cut.
    #[error("the backup table is past the end of the disk")]
    GptBackupOutside,
    /// The backup is valid but describes another table.
    #[error("the backup table differs from the primary one")]
    GptBackupDiffers,
    /// An entry that ends before it starts; it is left out.
    #[error("the partition ends before it starts")]
    GptEntryBackwards,
    /// A partition outside of the usable range.
    #[error("the partition is outside of the table's usable range")]
    GptEntryUnusable,

    /// A partition that starts past the end of the disk; it is left out.
    #[error("the partition starts past the end of the disk")]
    PartitionOutside,
    /// A partition that reaches past the end of the disk; it is clipped.
    #[error("the partition reaches past the end of the disk")]
    PartitionClipped,
    /// Two partitions share sectors.
    #[error("the partition overlaps another one")]
    Overlap,
    /// A partition that does not start at a multiple of 4 KiB: right but slow.
    #[error("the partition does not start at a multiple of 4 KiB")]
    Misaligned,
}

impl vmie_io::Cause for Cause {
    const READ: Self = Self::Read;
    const LIMIT: Self = Self::Limit;

    fn kind(self) -> ErrorKind {
        match self {
            Self::Read => ErrorKind::Io,
            Self::Limit | Self::TooManyNotes | Self::TooManyLogical | Self::GptEntryCount => {
                ErrorKind::LimitExceeded
            }
            Self::GptRevision | Self::GptEntrySize | Self::GptEntriesUndecoded => {
                ErrorKind::Unsupported
            }
            Self::EbrOutside
            | Self::GptEntriesOutside
            | Self::GptBackupOutside
            | Self::PartitionOutside
            | Self::PartitionClipped => ErrorKind::Truncated,
            _ => ErrorKind::Corrupt,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Read => "Check that the image is complete and readable",
            Self::Limit => "Raise the limits if the image comes from a source you trust",
            Self::TooManyNotes | Self::TooManyLogical | Self::GptEntryCount => {
                "Look at the table with a partitioning tool; no sound disk needs so many"
            }
            Self::EbrOutside
            | Self::GptEntriesOutside
            | Self::GptBackupOutside
            | Self::PartitionOutside
            | Self::PartitionClipped => {
                "Check that the image was not cut short, or shrink the table to the disk"
            }
            Self::GptLost => {
                "Restore the table from a copy, or check that the image was not cut short"
            }
            Self::GptBackupUsed
            | Self::GptBackupDiffers
            | Self::GptEntriesFromOther
            | Self::ProtectiveMissing => {
                "Let a partitioning tool such as gdisk write both copies of the table again"
            }
            Self::GptBackupMisplaced => {
                "Move the backup table to the end of the disk, as `sgdisk --move-second-header` does"
            }
            Self::StaleGpt | Self::TwoSectorSizes | Self::BootSectorAndTable => {
                "Wipe the one that is not meant, if that can be told"
            }
            Self::HybridMbr => "Prefer a plain protective MBR: systems read hybrids differently",
            Self::Misaligned => "Nothing needs to be done; writes may be slower than they could be",
            _ => "Check the partition table with a partitioning tool and mend it on the source",
        }
    }
}
