//! The header's numbers, checked once.

use std::fmt::Write as _;

use vmie_io::{LimitExceeded, Limits, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::format::{
    HEADER_LEN, MAX_BLOCK, MAX_BLOCKS, MIN_BLOCK, MIN_HEADER, RawHeader, SIGNATURE,
    TYPE_DIFFERENCING, TYPE_DYNAMIC, TYPE_FIXED, TYPE_UNDO, VERSION,
};
use crate::{Cause, Error, Variant};

/// A header whose numbers make sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) variant: Variant,
    pub(super) creator: String,
    /// Bytes from the start of the file to the header's end, as it says itself.
    pub(super) end: u64,
    /// Blocks that are stored, as the header counts them.
    pub(super) allocated: u32,
    /// Byte offset of the block map; the map lies within the file.
    pub(super) map: u64,
    /// Byte offset of the first block.
    pub(super) data: u64,
    /// Bytes of the disk.
    pub(super) size: u64,
    /// Bytes of a block, a multiple of 512; blocks cover the disk.
    pub(super) block: u64,
    /// Bytes before each block in the file.
    pub(super) extra: u64,
    pub(super) modified: [u8; 16],
    /// The parent's id, and its id of last modification; zero where there is no parent.
    pub(super) parent: [u8; 16],
    pub(super) parent_modified: [u8; 16],
}

fn fault(cause: Cause, field: &'static str, at: u64) -> Error {
    Error::new(cause).at("VDI header", at).field(field)
}

impl Header {
    pub(super) fn read(source: &dyn ReadAt, limits: &Limits) -> Result<Self, Error> {
        let mut bytes = [0; HEADER_LEN];
        let n = source.read_up_to(&mut bytes, 0)?;
        let raw = RawHeader::ref_from_bytes(&bytes)
            .map_err(|_| Error::new(Cause::WrongFormat).at("VDI header", 0))?;
        let signature = raw.u32Signature.get();
        if signature != SIGNATURE {
            return Err(fault(Cause::WrongFormat, "u32Signature", 64).found(signature));
        }
        if n < bytes.len() {
            return Err(Error::new(Cause::VdiTruncated).at("VDI header", int::u64_of(n)));
        }
        let version = raw.u32Version.get();
        if version != VERSION {
            return Err(fault(Cause::VdiVersion, "u32Version", 68).found(version));
        }
        let header_len = raw.cbHeader.get();
        if header_len < MIN_HEADER {
            return Err(fault(Cause::VdiHeaderSize, "cbHeader", 72).found(header_len));
        }
        let variant = match raw.u32Type.get() {
            TYPE_DYNAMIC => Variant::VdiDynamic,
            TYPE_FIXED => Variant::VdiFixed,
            TYPE_UNDO | TYPE_DIFFERENCING => Variant::VdiDifferencing,
            other => return Err(fault(Cause::VdiType, "u32Type", 76).found(other)),
        };
        let header = Self {
            variant,
            creator: creator(&raw.szFileInfo),
            // `cbHeader` counts from its own place on.
            end: u64::from(header_len).saturating_add(72),
            allocated: raw.cBlocksAllocated.get(),
            map: raw.offBlocks.get().into(),
            data: raw.offData.get().into(),
            size: raw.cbDisk.get(),
            block: raw.cbBlock.get().into(),
            extra: raw.cbBlockExtra.get().into(),
            modified: raw.uuidModify,
            parent: raw.uuidLinkage,
            parent_modified: raw.uuidParentModify,
        };
        header.check(raw, source, limits)?;
        Ok(header)
    }

    fn check(&self, raw: &RawHeader, source: &dyn ReadAt, limits: &Limits) -> Result<(), Error> {
        if self.size > limits.virtual_size {
            let limit = LimitExceeded::new("virtual disk", "bytes", self.size, limits.virtual_size);
            return Err(fault(Cause::Limit, "cbDisk", 368)
                .found(self.size)
                .with_source(limit));
        }
        let block = raw.cbBlock.get();
        if !(MIN_BLOCK..=MAX_BLOCK).contains(&block) || !block.is_multiple_of(512) {
            return Err(fault(Cause::VdiBlockSize, "cbBlock", 376).found(block));
        }
        let count = raw.cBlocks.get();
        if count > MAX_BLOCKS || u64::from(count) < self.blocks() {
            return Err(fault(Cause::VdiBlockCount, "cBlocks", 384).found(count));
        }
        let end = self.map.checked_add(self.blocks().saturating_mul(4));
        if end.is_none_or(|end| end > source.len()) {
            return Err(fault(Cause::VdiOffset, "offBlocks", 340).found(self.map));
        }
        if self.data > source.len() {
            return Err(fault(Cause::VdiOffset, "offData", 344).found(self.data));
        }
        Ok(())
    }

    /// Blocks that cover the disk.
    pub(super) fn blocks(&self) -> u64 {
        self.size.div_ceil(self.block.max(1))
    }
}

fn creator(text: &[u8; 64]) -> String {
    let end = text.iter().position(|b| *b == 0 || *b == b'\n');
    let line = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let line = line
        .trim()
        .trim_start_matches("<<<")
        .trim_end_matches(">>>");
    line.trim().to_owned()
}

/// A UUID as VirtualBox shows it: the first three fields are little-endian in the file.
pub(super) fn uuid_text(uuid: &[u8; 16]) -> String {
    let [a, b, c, d, e, f, g, h, rest @ ..] = *uuid;
    let ordered = [d, c, b, a, f, e, h, g];
    let mut text = String::with_capacity(36);
    for (index, byte) in ordered.into_iter().chain(rest).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
