//! Writing a VMDK.

mod sparse;
mod stream;

use zerocopy::little_endian::{U16, U32, U64};

use super::format::{Flags, MAGIC, NEWLINES, SECTOR, SparseExtentHeader};
use crate::convert::Stamp;
use crate::{Cause, Error};

pub(crate) use sparse::SparseEncoder;
pub(crate) use stream::{GrainPacker, Packed, StreamSequencer};

/// Bytes of a grain: what every tool writes.
pub(crate) const GRAIN: u64 = 64 << 10;
/// Entries of a grain table, likewise.
const ENTRIES: u64 = 512;
/// Bytes of the disk that a grain table covers: 32 MiB.
const TABLE_SPAN: u64 = GRAIN * ENTRIES;
/// Bytes of a grain table.
const TABLE_BYTES: u64 = ENTRIES * 4;
/// Where the embedded descriptor is, in sectors, and how many it has.
const DESCRIPTOR: (u64, u64) = (1, 20);
/// The same in bytes.
const DESCRIPTOR_AT: u64 = DESCRIPTOR.0 * SECTOR;
const DESCRIPTOR_BYTES: u64 = DESCRIPTOR.1 * SECTOR;
/// Bytes of the file before the first grain of a stream: the header, the descriptor, and room to
/// the first multiple of a grain.
const STREAM_OVERHEAD: u64 = 64 << 10;

/// What a header and a footer share.
fn header(flags: Flags, version: u32, sectors: u64, overhead: u64) -> SparseExtentHeader {
    SparseExtentHeader {
        magicNumber: MAGIC,
        version: U32::new(version),
        flags: U32::new(flags.bits()),
        capacity: U64::new(sectors),
        grainSize: U64::new(GRAIN / SECTOR),
        descriptorOffset: U64::new(DESCRIPTOR.0),
        descriptorSize: U64::new(DESCRIPTOR.1),
        numGTEsPerGT: U32::new(512),
        rgdOffset: U64::new(0),
        gdOffset: U64::new(0),
        overHead: U64::new(overhead / SECTOR),
        uncleanShutdown: 0,
        newlines: NEWLINES,
        compressAlgorithm: U16::new(0),
        pad: [0; 433],
    }
}

/// The embedded descriptor, padded to its sectors. The geometry is the one that VMware's tools
/// compute: 255 heads and 63 sectors a track, 16 heads for IDE.
fn descriptor(kind: &str, sectors: u64, stamp: &Stamp) -> Result<Vec<u8>, Error> {
    let [a, b, c, d, ..] = stamp.id;
    // The content id of a disk is never all ones, which means that there is no parent, nor the two
    // numbers below, which VMware keeps for itself.
    let cid = u32::from_be_bytes([a, b, c, d]).clamp(1, 0xffff_fffd);
    let adapter = stamp.adapter.as_str();
    let plain = adapter.bytes().all(|b| b.is_ascii_alphanumeric());
    if adapter.is_empty() || !plain {
        return Err(Error::new(Cause::VmdkDescriptor)
            .in_structure("descriptor")
            .field("ddb.adapterType")
            .found(adapter));
    }
    let (heads, track) = if adapter == "ide" {
        (16, 63)
    } else {
        (255, 63)
    };
    let cylinder = if adapter == "ide" { 16 * 63 } else { 255 * 63 };
    let cylinders = sectors.div_ceil(cylinder).min(65_535);
    let id: String = stamp.id.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!(
        "# Disk DescriptorFile\n\
         version=1\n\
         CID={cid:08x}\n\
         parentCID=ffffffff\n\
         createType=\"{kind}\"\n\
         \n\
         # Extent description\n\
         RW {sectors} SPARSE \"disk.vmdk\"\n\
         \n\
         # The Disk Data Base\n\
         #DDB\n\
         \n\
         ddb.adapterType = \"{adapter}\"\n\
         ddb.geometry.cylinders = \"{cylinders}\"\n\
         ddb.geometry.heads = \"{heads}\"\n\
         ddb.geometry.sectors = \"{track}\"\n\
         ddb.longContentID = \"{id}\"\n\
         ddb.virtualHWVersion = \"{}\"\n",
        stamp.hardware_version
    );
    let mut bytes = text.into_bytes();
    bytes.resize(vmie_io::int::usize_of(DESCRIPTOR_BYTES), 0);
    Ok(bytes)
}

/// The sector of a byte offset, which 32 bits must hold.
fn sector32(at: u64) -> Result<u32, Error> {
    u32::try_from(at / SECTOR).map_err(|_| {
        Error::new(Cause::TargetTooLarge)
            .at("VMDK", at)
            .field("grain table entry")
            .found(at)
    })
}
