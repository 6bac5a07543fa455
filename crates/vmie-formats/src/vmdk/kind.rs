//! Kinds of disks by the names that descriptors give them.

use super::descriptor::Descriptor;
use crate::{Cause, Error, Variant};

/// The kind of a disk by its `createType` (technical note, "Header"; names are compared without
/// regard to case, and the names that begin with a digit are older forms). `None` for one that is
/// not known.
pub(super) fn variant(create_type: &str) -> Option<Variant> {
    Some(match create_type.to_ascii_lowercase().as_str() {
        "streamoptimized" => Variant::VmdkStreamOptimized,
        "monolithicsparse" => Variant::VmdkMonolithicSparse,
        "monolithicflat" => Variant::VmdkMonolithicFlat,
        "twogbmaxextentsparse" | "2gbmaxextentsparse" => Variant::VmdkTwoGbSparse,
        "twogbmaxextentflat" | "2gbmaxextentflat" => Variant::VmdkTwoGbFlat,
        "vmfs" => Variant::VmdkVmfs,
        "vmfsthin" => Variant::VmdkVmfsThin,
        "vmfspreallocated" => Variant::VmdkVmfsPreallocated,
        "vmfseagerzeroedthick" => Variant::VmdkVmfsEagerZeroedThick,
        "vmfssparse" => Variant::VmdkCowd,
        "sesparse" => Variant::VmdkSeSparse,
        "custom" => Variant::VmdkOther,
        "fulldevice"
        | "partitioneddevice"
        | "vmfsraw"
        | "vmfsrdm"
        | "vmfsrdmp"
        | "vmfsrawdevicemap"
        | "vmfspassthroughrawdevicemap" => Variant::VmdkRawDevice,
        _ => return None,
    })
}

/// The kind of a disk whose descriptor, at byte `at`, can be read.
///
/// # Errors
/// When it has no kind, or one that is never read: a raw device (SVC-LIM-3), an encrypted disk.
pub(super) fn readable(descriptor: &Descriptor, at: u64) -> Result<Variant, Error> {
    let fault = |cause, field| Error::new(cause).at("descriptor", at).field(field);
    if descriptor.is_encrypted() {
        return Err(fault(Cause::VmdkEncrypted, "encryption"));
    }
    let Some(name) = descriptor.create_type.as_deref() else {
        return Err(fault(Cause::VmdkDescriptor, "createType"));
    };
    match variant(name) {
        None => Err(fault(Cause::VmdkKind, "createType").found(name)),
        Some(Variant::VmdkRawDevice) => Err(fault(Cause::VmdkRawDevice, "createType").found(name)),
        Some(variant) => Ok(variant),
    }
}
