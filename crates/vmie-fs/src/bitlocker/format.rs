//! The boot sectors of BitLocker
//! (<https://github.com/libyal/libbde/blob/main/documentation/BitLocker%20Drive%20Encryption%20(BDE)%20format.asciidoc>,
//! "Volume header").

pub(super) const OEM_OFFSET: usize = 3;
/// The OEM name of an encrypted fixed volume.
pub(super) const OEM_FVE: &[u8] = b"-FVE-FS-";
/// The OEM name of BitLocker To Go, which looks like FAT to those who do not know it.
pub(super) const OEM_TO_GO: &[u8] = b"MSWIN4.1";
/// Where BitLocker To Go has the identifier.
pub(super) const TO_GO_GUID_OFFSET: usize = 424;
/// `4967d63b-2e29-4ad8-8399-f6a339e3d001`, as it is on disk.
pub(super) const BITLOCKER_GUID: &[u8] = &[
    0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01,
];
