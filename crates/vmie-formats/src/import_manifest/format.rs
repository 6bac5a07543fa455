//! Names and bounds of the import manifest, as the service's guide has them (SVC-MAN-1, SVC-MAN-2).

use crate::Cause;
use crate::xml::Kind;

/// Bytes of a part by default (SVC-MAN-1): 10 MiB.
pub const DEFAULT_PART_SIZE: u64 = 10 << 20;
/// `version`: the only one there is.
pub(super) const VERSION: &str = "2010-11-15";
/// Bytes of a gigabyte as volumes are counted.
pub(super) const GB: u64 = 1 << 30;
/// The least `volume-size` where none is asked for (SVC-MAN-2).
pub(super) const MIN_VOLUME_GB: u64 = 8;
/// Bytes of the largest file: a disk image is smaller than 16 TiB (SVC-FMT-9).
pub(super) const MAX_SIZE: u64 = (16 << 40) - 1;
/// Bytes that an element or attribute takes in memory, at the least: what bounds their number.
pub(super) const NODE_COST: u64 = 200;
/// How deep the elements nest: manifest, import, parts, part, byte-range.
pub(super) const DEPTH: u32 = 5;

/// What a manifest is as a document.
pub(super) const DOCUMENT: Kind = Kind {
    structure: "import manifest",
    encoding: Cause::ManifestXml,
    malformed: Cause::ManifestXml,
    doctype: Cause::ManifestXml,
    entity: Cause::ManifestXml,
};
