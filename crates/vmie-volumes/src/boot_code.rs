//! What the code in the first sector is, by the texts and fields that each kind is known to have.

use crate::BootCode;

/// Bytes of code before the disk signature.
const CODE_LEN: usize = 440;

/// Identifies the code of a first sector of 512 bytes.
///
/// The facts: GRUB 2's `boot.img` has `GRUB ` before its messages `Geom`, `Hard Disk`, `Read`
/// (`grub-core/boot/i386/pc/boot.S`); stage 1 of GRUB legacy has the same texts, and its version 3
/// at 0x3e after the jump `EB 48` (`stage1/stage1.h`); LILO has its name at 6 (`lilo/common.h`), older
/// ones at 2; SYSLINUX has its own name as the OEM name of a boot sector, and its MBR code messages
/// of its own (`syslinux/mbr/mbr.S`); the MBR code of Windows has three English messages or their
/// translations, and since Vista the `TCPA` of its call to the TPM; the boot sectors of its
/// filesystems name `BOOTMGR` or `NTLDR`.
pub(crate) fn identify(sector: &[u8]) -> BootCode {
    let Some((code, rest)) = sector.split_at_checked(CODE_LEN) else {
        return BootCode::Empty;
    };
    // Firmware runs nothing that lacks the signature: a superblock there is no code.
    if code.iter().all(|byte| *byte == 0) || !sector.ends_with(&[0x55, 0xaa]) {
        return BootCode::Empty;
    }
    // Texts of a filesystem's boot sector may reach up to the boot signature.
    let has = |text: &[u8]| contains(code, text);
    let has_anywhere = |text: &[u8]| contains(code, text) || contains(rest, text);
    let starts = |offset: usize, text: &[u8]| {
        code.get(offset..)
            .is_some_and(|bytes| bytes.starts_with(text))
    };
    if starts(6, b"LILO") || starts(2, b"LILO") {
        return BootCode::Lilo;
    }
    if has(b"GRUB ") && has(b"Geom\0") {
        return match (code.first_chunk(), code.get(0x3e)) {
            (Some([0xeb, 0x48]), Some(3)) => BootCode::GrubLegacy,
            _ => BootCode::Grub2,
        };
    }
    if starts(3, b"SYSLINUX")
        || starts(3, b"EXTLINUX")
        || has(b"Operating system load error")
        || has(b"Multiple active partitions")
        || has(b"Missing OS\r\n")
    {
        return BootCode::Syslinux;
    }
    let windows_mbr = has(b"Invalid partition table")
        && has(b"Error loading operating system")
        && has(b"Missing operating system");
    if windows_mbr || has(b"TCPA") || has_anywhere(b"BOOTMGR") || has_anywhere(b"NTLDR") {
        return BootCode::Windows;
    }
    BootCode::Unknown
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sector(parts: &[(usize, &[u8])]) -> [u8; 512] {
        let mut sector = [0; 512];
        for (at, bytes) in parts {
            sector[*at..*at + bytes.len()].copy_from_slice(bytes);
        }
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        sector
    }

    #[test]
    fn each_kind_is_told_by_its_marks() {
        let messages = b"GRUB \0Geom\0Hard Disk\0Read\0 Error";
        for (parts, code) in [
            (vec![], BootCode::Empty),
            // The signature and the entries are no code.
            (vec![(440, b"sign".as_slice()), (446, &[0x80])], BootCode::Empty),
            (vec![(0, b"\xeb\x63\x90".as_slice()), (0x180, messages)], BootCode::Grub2),
            (
                vec![(0, b"\xeb\x48\x90".as_slice()), (0x3e, &[3, 2]), (0x17f, messages)],
                BootCode::GrubLegacy,
            ),
            (vec![(0, b"\xfa\xeb\x21\x01\xb4\x01LILO".as_slice())], BootCode::Lilo),
            (vec![(0, b"\xeb\x58\x90SYSLINUX".as_slice())], BootCode::Syslinux),
            (vec![(0, b"\x33\xc0".as_slice()), (0x130, b"Missing OS\r\n")], BootCode::Syslinux),
            (
                vec![
                    (0, b"\x33\xc0".as_slice()),
                    (0x12c, b"Invalid partition table\0Error loading operating system\0Missing operating system"),
                ],
                BootCode::Windows,
            ),
            (vec![(0, b"\xeb\x52\x90NTFS    ".as_slice()), (0x1c0, b"BOOTMGR is missing")], BootCode::Windows),
            (vec![(0, b"\xeb\x63\x90".as_slice())], BootCode::Unknown),
            // One message alone is anybody's.
            (vec![(0x12c, b"Missing operating system".as_slice())], BootCode::Unknown),
        ] {
            assert_eq!(identify(&sector(&parts)), code, "{parts:?}");
        }
        assert_eq!(identify(&[0xeb; 512]), BootCode::Empty);
        assert_eq!(identify(&[0xeb; 439]), BootCode::Empty);
        assert_eq!(identify(&[]), BootCode::Empty);
    }
}
