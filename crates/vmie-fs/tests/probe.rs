//! Recognising volumes by their first bytes, written here field by field.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

mod fixtures;

use fixtures::open;
use vmie_fs::{Cause, FsKind, Identity, probe, probe_all};
use vmie_io::{ErrorKind, Meter, Metered, ReadAt};

const UUID: [u8; 16] = [
    0x96, 0xda, 0x6a, 0xe0, 0x96, 0xed, 0x4a, 0x90, 0x97, 0x11, 0x28, 0x4d, 0x17, 0x95, 0x08, 0x89,
];
const UUID_TEXT: &str = "96da6ae0-96ed-4a90-9711-284d17950889";

fn volume(parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; 300 << 10];
    for &(at, part) in parts {
        bytes[at..at + part.len()].copy_from_slice(part);
    }
    bytes
}

#[track_caller]
fn is(
    volume: &Vec<u8>,
    kind: FsKind,
    label: Option<&str>,
    uuid: Option<&str>,
    block: Option<u64>,
    size: Option<u64>,
) {
    let meter = Meter::new();
    let found = probe(&Metered::new(volume, meter.clone()))
        .unwrap()
        .unwrap();
    let mut expected = Identity::new(kind);
    expected.label = label.map(Into::into);
    expected.uuid = uuid.map(Into::into);
    expected.block_size = block;
    expected.size = size;
    // How it is encrypted is checked apart.
    expected.encryption.clone_from(&found.encryption);
    assert_eq!(found, expected);
    assert!(
        meter.bytes() <= 90 << 10,
        "{} bytes were read",
        meter.bytes()
    );
    // Whatever is cut off, probing ends in an answer.
    for end in (0..1500).chain((0..volume.len()).step_by(509)) {
        let found = probe(&volume[..end].to_vec()).unwrap();
        assert!(found.is_none_or(|found| found.kind == kind), "at {end}");
    }
}

fn xfs() -> Vec<u8> {
    let mut sb = vec![0; 128];
    sb[..4].copy_from_slice(b"XFSB");
    sb[4..8].copy_from_slice(&4096u32.to_be_bytes());
    sb[8..16].copy_from_slice(&1000u64.to_be_bytes());
    sb[32..48].copy_from_slice(&UUID);
    sb[88..92].copy_from_slice(&4u32.to_be_bytes());
    sb[108..112].copy_from_slice(b"root");
    sb[120] = 12;
    sb
}

#[test]
fn xfs_in_big_endian() {
    let size = Some(4_096_000);
    let found = volume(&[(0, &xfs())]);
    is(
        &found,
        FsKind::Xfs,
        Some("root"),
        Some(UUID_TEXT),
        Some(4096),
        size,
    );
    // A block size that contradicts its logarithm.
    assert_eq!(probe(&volume(&[(0, &xfs()), (120, &[13])])).unwrap(), None);
}

#[test]
fn btrfs_at_64_kib() {
    let at = 64 << 10;
    let found = volume(&[
        (at + 0x20, &UUID),
        (at + 0x40, b"_BHRfS_M"),
        (at + 0x70, &(1u64 << 30).to_le_bytes()),
        (at + 0x90, &4096u32.to_le_bytes()),
        (at + 0x12b, b"rootfs"),
    ]);
    let size = Some(1 << 30);
    is(
        &found,
        FsKind::Btrfs,
        Some("rootfs"),
        Some(UUID_TEXT),
        Some(4096),
        size,
    );
}

#[test]
fn jfs_at_32_kib() {
    let at = 32 << 10;
    let found = volume(&[
        (at, b"JFS1"),
        (at + 4, &2u32.to_le_bytes()),
        (at + 8, &1000u64.to_le_bytes()),
        (at + 16, &4096u32.to_le_bytes()),
        (at + 20, &12u16.to_le_bytes()),
        (at + 24, &512u32.to_le_bytes()),
        (at + 28, &9u16.to_le_bytes()),
        (at + 136, &UUID),
        (at + 152, b"jfs-root"),
    ]);
    let size = Some(512_000);
    is(
        &found,
        FsKind::Jfs,
        Some("jfs-root"),
        Some(UUID_TEXT),
        Some(4096),
        size,
    );
}

fn ntfs() -> Vec<u8> {
    let mut record = vec![0; 1024];
    record[..4].copy_from_slice(b"FILE");
    // The update sequence: number 7, and what it replaced.
    record[4..8].copy_from_slice(&[0x30, 0, 3, 0]);
    record[0x30..0x36].copy_from_slice(&[7, 0, 0, 0, 0, 0]);
    record[0x14] = 0x38;
    record[0x18] = 0x88;
    record[510] = 7;
    record[1022] = 7;
    // An attribute of some other kind, then the name, then the end.
    record[0x38..0x40].copy_from_slice(&[0x10, 0, 0, 0, 0x20, 0, 0, 0]);
    record[0x58..0x60].copy_from_slice(&[0x60, 0, 0, 0, 0x28, 0, 0, 0]);
    record[0x68] = 8;
    record[0x6c] = 0x18;
    for (i, unit) in "Dätä".encode_utf16().enumerate() {
        record[0x70 + 2 * i..][..2].copy_from_slice(&unit.to_le_bytes());
    }
    record[0x80..0x84].fill(0xff);
    volume(&[
        (3, b"NTFS    "),
        (11, &512u16.to_le_bytes()),
        (13, &[8]),
        (40, &2000u64.to_le_bytes()),
        (48, &4u64.to_le_bytes()),
        (64, &[0xf6]),
        (72, &0x2467_0c4d_424f_1409u64.to_le_bytes()),
        (4 * 4096 + 3 * 1024, &record),
    ])
}

#[test]
fn ntfs_with_its_label_from_the_master_file_table() {
    let found = ntfs();
    let serial = Some("24670C4D424F1409");
    let size = Some(1_024_000);
    let meter = Meter::new();
    let identity = probe(&Metered::new(&found, meter.clone()))
        .unwrap()
        .unwrap();
    assert_eq!(identity.kind, FsKind::Ntfs);
    assert_eq!(identity.label.as_deref(), Some("Dätä"));
    assert_eq!((identity.uuid.as_deref(), identity.size), (serial, size));
    // A torn record has no label; the rest is known all the same.
    let mut torn = found.clone();
    torn[4 * 4096 + 3 * 1024 + 510] = 8;
    is(&torn, FsKind::Ntfs, None, serial, Some(4096), size);
    // Clusters as a negative logarithm.
    let mut large = found;
    large[13] = 0xf8;
    let identity = probe(&large).unwrap().unwrap();
    assert_eq!(identity.block_size, Some(512 << 8));
    large[13] = 7;
    assert_eq!(probe(&large).unwrap(), None);
}

#[test]
fn luks_of_both_versions() {
    let uuid = UUID_TEXT.as_bytes();
    let one = volume(&[(0, b"LUKS\xba\xbe\0\x01"), (168, uuid)]);
    is(&one, FsKind::Luks1, None, Some(UUID_TEXT), None, None);
    let two = volume(&[(0, b"LUKS\xba\xbe\0\x02"), (24, b"secret"), (168, uuid)]);
    is(
        &two,
        FsKind::Luks2,
        Some("secret"),
        Some(UUID_TEXT),
        None,
        None,
    );
    let second = volume(&[(0x4000, b"SKUL\xba\xbe\0\x02"), (0x4000 + 168, uuid)]);
    is(&second, FsKind::Luks2, None, Some(UUID_TEXT), None, None);
    assert_eq!(probe(&volume(&[(0, b"LUKS\xba\xbe\0\x03")])).unwrap(), None);
    let error = open(two).err().unwrap();
    assert_eq!(error.cause(), Cause::NotRead(FsKind::Luks2));
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("Decrypt the volume"), "{error}");
}

#[test]
fn bitlocker_on_disks_and_sticks() {
    let fixed = volume(&[(3, b"-FVE-FS-")]);
    is(&fixed, FsKind::BitLocker, None, None, None, None);
    assert_eq!(encryption(&fixed), ("Windows 7", None, false));
    let guid = [
        0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0,
        0x01,
    ];
    let to_go = volume(&[(3, b"MSWIN4.1"), (424, &guid)]);
    is(&to_go, FsKind::BitLocker, None, None, None, None);
    assert_eq!(encryption(&to_go), ("To Go", None, false));
}

/// Variant, cipher, and whether the second header was needed.
fn encryption(volume: &dyn ReadAt) -> (&'static str, Option<String>, bool) {
    let found = probe(volume).unwrap().unwrap().encryption.unwrap();
    (found.variant, found.cipher, found.by_second_header)
}

#[test]
fn bitlocker_names_its_method() {
    let block = |version: u16, method: u32| {
        let mut block = b"-FVE-FS-".to_vec();
        block.extend([112, 0]);
        block.extend(version.to_le_bytes());
        block.resize(64 + 36, 0);
        block.extend(method.to_le_bytes());
        block.resize(112, 0);
        block
    };
    let at = |place: u64| place.to_le_bytes();
    let (seven, vista) = (block(2, 0x8004), block(1, 0x8000));
    // The first block is not there.
    let disk = volume(&[
        (0, b"\xeb\x58\x90-FVE-FS-"),
        (176, &at(90_000)),
        (184, &at(100_000)),
        (100_000, &seven),
    ]);
    let cipher = |name: &str| Some(name.to_owned());
    assert_eq!(
        encryption(&disk),
        ("Windows 7", cipher("AES-XTS 128"), false)
    );
    let old = volume(&[
        (0, b"\xeb\x52\x90-FVE-FS-\0\x02\x08"),
        (56, &at(30)),
        (30 * 4096, &vista),
    ]);
    let expected = cipher("AES-CBC 128 with diffuser");
    assert_eq!(encryption(&old), ("Windows Vista", expected, false));
    let unknown = volume(&[
        (0, b"\xeb\x58\x90-FVE-FS-"),
        (176, &at(100_000)),
        (100_000, &block(2, 0x9000)),
    ]);
    assert_eq!(encryption(&unknown).1, cipher("method 0x9000"));
    let far = volume(&[(0, b"\xeb\x58\x90-FVE-FS-"), (176, &[0xff; 24])]);
    assert_eq!(encryption(&far).1, None);
}

#[test]
fn luks_names_its_cipher_and_has_a_second_header() {
    let cipher = |name: &str| Some(name.to_owned());
    let one = volume(&[
        (0, b"LUKS\xba\xbe\0\x01"),
        (8, b"aes"),
        (40, b"xts-plain64"),
    ]);
    assert_eq!(encryption(&one), ("1", cipher("aes-xts-plain64"), false));
    // The second header says what the first no longer does, near and far.
    let text =
        br#"{"keyslots":{"0":{"area":{"encryption":"wrong"}}},"digests":{"0":{"segments":["0"]}},
        "segments": {"0":{"type":"crypt","encryption" : "serpent-xts-plain64"}}}"#;
    for at in [0x4000usize, 0x2_0000] {
        let header = volume(&[
            (at, b"SKUL\xba\xbe\0\x02"),
            (at + 168, UUID_TEXT.as_bytes()),
            (at + 4096, text),
        ]);
        is(&header, FsKind::Luks2, None, Some(UUID_TEXT), None, None);
        let expected = ("2", cipher("serpent-xts-plain64"), true);
        assert_eq!(encryption(&header), expected);
        assert_eq!(probe_all(&header).unwrap().len(), 1);
        // A first header whose checksum does not fit yields to it; without one, it stands.
        let mut both = header.clone();
        both[..8].copy_from_slice(b"LUKS\xba\xbe\0\x02");
        both[8..16].copy_from_slice(&0x4000u64.to_be_bytes());
        both[72..79].copy_from_slice(b"sha256\0");
        assert_eq!(encryption(&both), expected);
        both[at..at + 4].fill(0);
        assert_eq!(encryption(&both), ("2", None, false));
    }
}

#[test]
fn noise_is_told_from_all_else() {
    let mut state = 1u64;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    let mut random: Vec<u8> = (0..64 << 10).map(|_| noise()).collect();
    assert!(vmie_fs::looks_random(&random).unwrap());
    assert!(!vmie_fs::looks_random(&random[1..].to_vec()).unwrap());
    random[..2000].fill(0);
    assert!(!vmie_fs::looks_random(&random).unwrap());
    let even: Vec<u8> = (0..64u32 << 10).map(|i| i as u8).collect();
    assert!(!vmie_fs::looks_random(&even).unwrap());
    assert!(!vmie_fs::looks_random(&vec![0; 1 << 17]).unwrap());
}

#[test]
fn lvm2_with_the_right_checksum() {
    let mut sector = vec![0; 512];
    sector[..8].copy_from_slice(b"LABELONE");
    sector[8] = 1;
    sector[20] = 32;
    sector[24..32].copy_from_slice(b"LVM2 001");
    sector[32..64].copy_from_slice(b"abcdefGHIJklmnOPQRstuvWXYZ012345");
    sector[64..72].copy_from_slice(&(1u64 << 30).to_le_bytes());
    // Computed with another implementation of the same checksum.
    let sum = crc(&sector[20..]).to_le_bytes();
    sector[16..20].copy_from_slice(&sum);
    let uuid = Some("abcdef-GHIJ-klmn-OPQR-stuv-WXYZ-012345");
    let found = volume(&[(512, &sector)]);
    is(&found, FsKind::Lvm2Pv, None, uuid, None, Some(1 << 30));
    // In another sector than it says, or with another byte.
    assert_eq!(probe(&volume(&[(1024, &sector)])).unwrap(), None);
    sector[70] ^= 1;
    assert_eq!(probe(&volume(&[(512, &sector)])).unwrap(), None);
}

/// LVM's CRC-32 out of the usual one: another start, and no inversion at the end.
fn crc(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!0xf597_a6cf);
    hasher.update(bytes);
    !hasher.finalize()
}

#[test]
fn swap_of_every_page_size() {
    for page in [4096usize, 8192, 16384, 32768, 65536] {
        for magic in [b"SWAPSPACE2", b"S1SUSPEND\0"] {
            let found = volume(&[
                (1024, &1u32.to_le_bytes()),
                (1028, &9u32.to_le_bytes()),
                (1036, &UUID),
                (1052, b"swap"),
                (page - 10, magic),
            ]);
            let page = page as u64;
            let size = Some(10 * page);
            is(
                &found,
                FsKind::Swap,
                Some("swap"),
                Some(UUID_TEXT),
                Some(page),
                size,
            );
        }
    }
    let big_endian = volume(&[
        (1024, &1u32.to_be_bytes()),
        (1028, &9u32.to_be_bytes()),
        (4086, b"SWAPSPACE2"),
    ]);
    is(
        &big_endian,
        FsKind::Swap,
        None,
        None,
        Some(4096),
        Some(40960),
    );
    let old = volume(&[(4086, b"SWAP-SPACE")]);
    is(&old, FsKind::Swap, None, None, Some(4096), None);
}

#[test]
fn exfat_refs_iso_and_raid() {
    let exfat = volume(&[
        (3, b"EXFAT   "),
        (72, &2000u64.to_le_bytes()),
        // The heap at sector 128, the root in its fourth cluster, its label after another entry.
        (88, &128u32.to_le_bytes()),
        (96, &5u32.to_le_bytes()),
        (128 * 512 + 3 * 4096, &[0x81]),
        (128 * 512 + 3 * 4096 + 32, b"\x83\x04S\0t\0i\0\xe9\0"),
        (100, &0x1a2b_3c4du32.to_le_bytes()),
        (108, &[9, 3]),
    ]);
    is(
        &exfat,
        FsKind::ExFat,
        Some("Stié"),
        Some("1A2B-3C4D"),
        Some(4096),
        Some(1_024_000),
    );
    let refs = volume(&[(3, b"ReFS"), (16, b"FSRS")]);
    is(&refs, FsKind::ReFs, None, None, None, None);
    let at = 32 << 10;
    let iso = volume(&[
        (at, b"\x01CD001\x01"),
        (at + 40, b"DEBIAN                          "),
        (at + 80, &1000u32.to_le_bytes()),
        (at + 128, &2048u16.to_le_bytes()),
    ]);
    is(
        &iso,
        FsKind::Iso9660,
        Some("DEBIAN"),
        None,
        Some(2048),
        Some(2_048_000),
    );
    let raid: &[(usize, &[u8])] = &[
        (0, &0xa92b_4efcu32.to_le_bytes()),
        (4, &1u32.to_le_bytes()),
        (16, &UUID),
        (32, b"host:0"),
    ];
    let end = (300 << 10) - (8 << 10);
    for start in [0, 4096, end] {
        let moved: Vec<_> = raid.iter().map(|(at, part)| (start + at, *part)).collect();
        let found = probe(&volume(&moved)).unwrap().unwrap();
        assert_eq!(found.kind, FsKind::LinuxRaid);
        assert_eq!(found.label.as_deref(), Some("host:0"));
        assert_eq!(found.uuid.as_deref(), Some(UUID_TEXT));
    }
    // Version 0.90 in the last whole 64 KiB.
    let start = 192 << 10;
    let mut words = UUID;
    words.chunks_mut(4).for_each(<[u8]>::reverse);
    let old = volume(&[
        (start, &0xa92b_4efcu32.to_le_bytes()),
        (start + 20, &words[..4]),
        (start + 52, &words[4..]),
    ]);
    let found = probe(&old).unwrap().unwrap();
    assert_eq!(
        (found.kind, found.uuid.as_deref()),
        (FsKind::LinuxRaid, Some(UUID_TEXT))
    );
}

#[test]
fn what_is_left_of_another_is_told_too() {
    let both = volume(&[
        (0, &xfs()),
        (4086, b"SWAPSPACE2"),
        (1024, &1u32.to_le_bytes()),
    ]);
    let kinds: Vec<FsKind> = probe_all(&both).unwrap().iter().map(|i| i.kind).collect();
    assert_eq!(kinds, [FsKind::Swap, FsKind::Xfs]);
    assert_eq!(
        open(both).err().unwrap().cause(),
        Cause::NotRead(FsKind::Swap)
    );
}

#[test]
fn nothing_is_nothing() {
    for len in [0, 1, 511, 512, 1 << 20] {
        assert_eq!(probe(&vec![0; len]).unwrap(), None);
        let error = open(vec![0; len]).err().unwrap();
        assert_eq!(error.cause(), Cause::UnknownFilesystem);
    }
}
