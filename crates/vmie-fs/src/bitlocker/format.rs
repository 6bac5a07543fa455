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
/// The first bytes of the boot sector of Windows Vista; later ones jump further.
pub(super) const JUMP_VISTA: &[u8] = &[0xeb, 0x52, 0x90];
/// Where the offsets of the three blocks of metadata are, each of eight bytes.
pub(super) const METADATA_OFFSETS: usize = 176;
pub(super) const TO_GO_METADATA_OFFSETS: usize = 440;
/// "FVE metadata block": how it starts, and where its version is: 1 of Windows Vista, else 2.
pub(super) const METADATA_SIGNATURE: &[u8] = b"-FVE-FS-";
pub(super) const METADATA_VERSION_OFFSET: usize = 10;
/// "FVE metadata header", which follows the header of the block: where `encryption method` is,
/// counted from the start of the block.
pub(super) const METHOD_OFFSET: usize = 64 + 36;
/// Bytes of a block of metadata that are read.
pub(super) const METADATA_LEN: usize = 112;
/// Where Windows Vista has the cluster of its first block of metadata; its clusters are told by the
/// bytes of a sector and the sectors of a cluster, as in NTFS.
pub(super) const VISTA_CLUSTER_OFFSET: usize = 56;
pub(super) const BYTES_PER_SECTOR_OFFSET: usize = 11;
pub(super) const SECTORS_PER_CLUSTER_OFFSET: usize = 13;

/// "Encryption methods", as `manage-bde` names them.
pub(super) const METHODS: [(u16, &str); 6] = [
    (0x8000, "AES-CBC 128 with diffuser"),
    (0x8001, "AES-CBC 256 with diffuser"),
    (0x8002, "AES-CBC 128"),
    (0x8003, "AES-CBC 256"),
    (0x8004, "AES-XTS 128"),
    (0x8005, "AES-XTS 256"),
];
