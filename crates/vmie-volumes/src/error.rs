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

    /// The checksum of a physical volume's label is wrong; it is passed over.
    #[error("the checksum of the LVM label does not match")]
    LvmLabelCrc,
    /// The header of a physical volume lists areas that it cannot have.
    #[error("the header of the LVM physical volume makes no sense")]
    LvmPvHeader,
    /// A metadata area has no signature, a wrong checksum, or does not lie on its volume.
    #[error("the header of the LVM metadata area makes no sense")]
    LvmArea,
    /// The checksum of a volume group's description is wrong.
    #[error("the checksum of the LVM metadata does not match")]
    LvmMetadataCrc,
    /// The description of a volume group cannot be parsed.
    #[error("the LVM metadata cannot be parsed")]
    LvmSyntax,
    /// The description of a volume group lacks something, or says what cannot be.
    #[error("the LVM metadata holds a value that makes no sense, or lacks one")]
    LvmValue,
    /// A physical volume's metadata is older than another's; the newest is used.
    #[error("the LVM metadata is older than that of another physical volume")]
    LvmStale,
    /// Two volumes say that they are the same physical volume; the first is used.
    #[error("two volumes have the same LVM physical volume UUID")]
    LvmDuplicatePv,
    /// A physical volume that the volume group needs is on none of the disks.
    #[error("a physical volume of the volume group is missing")]
    LvmMissingPv,
    /// A physical volume without metadata that no volume group knows.
    #[error("no volume group knows the LVM physical volume")]
    LvmOrphan,
    /// The segments of a logical volume do not follow each other without a gap.
    #[error("the segments of the logical volume overlap or leave gaps")]
    LvmSegments,
    /// A segment reaches out of its physical volume, or out of the volume below.
    #[error("the segment reaches out of what it lies on")]
    LvmExtent,
    /// A logical volume lies on itself, or is nested too deep.
    #[error("the logical volume lies on itself, or on too many others")]
    LvmNesting,
    /// A kind of segment that is named but not read.
    #[error("logical volumes of this kind are not read")]
    LvmSegmentKind,
    /// Two logical volumes claim the same extents.
    #[error("two logical volumes claim the same extents")]
    LvmOverlap,
    /// The volume group was exported, so that no system activates it.
    #[error("the volume group was exported")]
    LvmExported,

    /// The checksum of a RAID superblock is wrong; the volume is taken for no member.
    #[error("the checksum of the RAID superblock does not match")]
    MdChecksum,
    /// A RAID superblock holds a value that cannot be.
    #[error("the RAID superblock holds a value that makes no sense")]
    MdValue,
    /// Too few members of a RAID are on the disks.
    #[error("a member of the RAID is missing")]
    MdMissing,
    /// A member is shorter than what it should hold.
    #[error("the member is shorter than its part of the RAID")]
    MdMember,
    /// A member was left behind by the others, and is not read.
    #[error("the member is older than the others of its RAID")]
    MdStale,
    /// Two members have the same role; the newer one is read.
    #[error("two members have the same role in the RAID")]
    MdDuplicate,
    /// A RAID level that is named but not read.
    #[error("a RAID of this level is not read")]
    MdLevel,
    /// A RAID0 of members of several sizes, which does not say which of two layouts it has.
    #[error("a RAID0 of unequal members does not say how its chunks are laid out")]
    MdLayout,
    /// A RAID whose change of form was not finished.
    #[error("the RAID is being reshaped")]
    MdReshape,

    /// No copy of the private header of a dynamic disk is good.
    #[error("the private header of the dynamic disk is damaged")]
    LdmPrivateHeader,
    /// No copy of the table of contents is good.
    #[error("the table of contents of the dynamic disk is damaged")]
    LdmTocBlock,
    /// The header of the database makes no sense.
    #[error("the header of the dynamic disk's database makes no sense")]
    LdmDatabase,
    /// A record of the database cannot be parsed; it is left out.
    #[error("a record of the dynamic disk's database makes no sense")]
    LdmRecord,
    /// A disk's database is older than another's; the newest is used.
    #[error("the database is older than that of another disk of the group")]
    LdmStale,
    /// A disk that the volume needs is not among the disks.
    #[error("a disk of the dynamic volume is missing")]
    LdmMissingDisk,
    /// The parts of a dynamic volume do not make up the whole.
    #[error("the parts of the dynamic volume do not make up the whole")]
    LdmParts,
    /// A part reaches out of the data of its disk.
    #[error("a part of the dynamic volume reaches out of its disk")]
    LdmExtent,
    /// A kind of volume that is named but not read.
    #[error("dynamic volumes of this kind are not read")]
    LdmKind,

    /// No volume of this name.
    #[error("there is no volume of that name")]
    NoSuchVolume,
    /// Two volumes would have the same name; the later one has another.
    #[error("two volumes have the same name")]
    DuplicateName,
    /// More volumes than are looked at.
    #[error("there are more volumes than are looked at")]
    TooManyVolumes,
    /// Volumes that lie in volumes more often than is followed.
    #[error("volumes are nested deeper than is followed")]
    TooDeep,
}

impl vmie_io::Cause for Cause {
    const READ: Self = Self::Read;
    const LIMIT: Self = Self::Limit;

    fn kind(self) -> ErrorKind {
        match self {
            Self::Read => ErrorKind::Io,
            Self::Limit
            | Self::TooManyNotes
            | Self::TooManyLogical
            | Self::GptEntryCount
            | Self::TooManyVolumes
            | Self::TooDeep => ErrorKind::LimitExceeded,
            Self::GptRevision
            | Self::GptEntrySize
            | Self::GptEntriesUndecoded
            | Self::LvmSegmentKind
            | Self::LvmExported
            | Self::MdLevel
            | Self::MdLayout
            | Self::MdReshape
            | Self::LdmKind => ErrorKind::Unsupported,
            Self::LvmMissingPv | Self::MdMissing | Self::LdmMissingDisk => ErrorKind::Truncated,
            Self::NoSuchVolume => ErrorKind::Misuse,
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
            Self::LvmMissingPv | Self::MdMissing | Self::LdmMissingDisk => {
                "Give all disks of the machine together"
            }
            Self::LvmSegmentKind | Self::MdLevel | Self::LdmKind => {
                "Copy the data to a plain volume inside the guest first"
            }
            Self::MdReshape => "Let the reshape end inside the guest first",
            Self::MdLayout => "Assemble the RAID once with a kernel that writes its layout",
            Self::LvmExported => "Import the volume group inside the guest first: vgimport",
            Self::LvmStale | Self::MdStale | Self::LdmStale | Self::MdDuplicate => {
                "Check that all disks were copied at the same moment"
            }
            Self::LvmDuplicatePv => "Give each disk once",
            Self::LvmOrphan => {
                "Give all disks of the machine together, if it belongs to a volume group"
            }
            Self::LvmLabelCrc
            | Self::LvmPvHeader
            | Self::LvmArea
            | Self::LvmMetadataCrc
            | Self::LvmSyntax
            | Self::LvmValue
            | Self::LvmSegments
            | Self::LvmExtent
            | Self::LvmNesting
            | Self::LvmOverlap => {
                "Restore the volume group's metadata inside the guest: vgcfgrestore"
            }
            Self::MdChecksum | Self::MdValue | Self::MdMember => {
                "Check the RAID with mdadm --examine and mend it on the source"
            }
            Self::LdmPrivateHeader
            | Self::LdmTocBlock
            | Self::LdmDatabase
            | Self::LdmRecord
            | Self::LdmParts
            | Self::LdmExtent => "Check the disks with Disk Management inside the guest",
            Self::NoSuchVolume => "List the volumes to see what there is",
            Self::DuplicateName => "Rename one of them inside the guest",
            Self::TooManyVolumes | Self::TooDeep => {
                "Give fewer disks at once; no sound machine has so many volumes"
            }
            Self::Misaligned => "Nothing needs to be done; writes may be slower than they could be",
            _ => "Check the partition table with a partitioning tool and mend it on the source",
        }
    }
}
