//! The magic numbers of formats that are recognised here and read elsewhere or not at all.
//! (VMDK, VHD, VHDX and OVA have their own `probe.rs`.)

use crate::Format;

/// Where a magic number stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// So many bytes after the beginning.
    Start(u64),
}

/// A magic number and what it means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Magic {
    pub(super) format: Format,
    pub(super) place: Place,
    pub(super) bytes: &'static [u8],
    pub(super) what: &'static str,
}

const fn magic(format: Format, place: Place, bytes: &'static [u8], what: &'static str) -> Magic {
    Magic {
        format,
        place,
        bytes,
        what,
    }
}

/// Longest magic number below, in bytes.
pub(super) const LONGEST: usize = 8;

/// The magic numbers, by the documents that define them: QEMU's `docs/interop/qcow2`,
/// VirtualBox's `VDICore.h` (the signature follows 64 bytes of text), ECMA-119 8.1, RFC 1952,
/// RFC 8878, the .xz format 2.1.1.1, and bzip2's block magic after its four-byte header.
pub(super) const MAGICS: &[Magic] = &[
    // Where it is read, its own probe says more.
    #[cfg(not(feature = "vhdx"))]
    magic(
        Format::Vhdx,
        Place::Start(0),
        b"vhdxfile",
        "the VHDX file type identifier",
    ),
    magic(Format::Qcow2, Place::Start(0), b"QFI\xfb", "the QCOW magic"),
    magic(
        Format::Vdi,
        Place::Start(64),
        &[0x7f, 0x10, 0xda, 0xbe],
        "the VDI signature",
    ),
    magic(
        Format::Iso9660,
        Place::Start(0x8001),
        b"CD001",
        "the ISO 9660 identifier",
    ),
    magic(
        Format::Gzip,
        Place::Start(0),
        &[0x1f, 0x8b, 0x08],
        "the gzip magic",
    ),
    magic(
        Format::Zstd,
        Place::Start(0),
        &[0x28, 0xb5, 0x2f, 0xfd],
        "the zstd magic",
    ),
    magic(
        Format::Xz,
        Place::Start(0),
        &[0xfd, b'7', b'z', b'X', b'Z', 0],
        "the xz magic",
    ),
    magic(
        Format::Bzip2,
        Place::Start(4),
        &[0x31, 0x41, 0x59, 0x26, 0x53, 0x59],
        "the bzip2 block magic",
    ),
];
