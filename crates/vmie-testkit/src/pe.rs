//! A builder of Windows programs that hold nothing but a version.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "tests build with it, and a builder that is given nonsense may panic"
)]

/// x86, 64-bit.
pub const AMD64: u16 = 0x8664;
/// x86, 32-bit.
pub const I386: u16 = 0x014c;
/// ARM, 64-bit.
pub const ARM64: u16 = 0xaa64;

/// A program for a machine with a version resource.
#[must_use]
pub fn program(machine: u16, version: [u16; 4]) -> Vec<u8> {
    let wide = machine != I386;
    let optional = if wide { 240usize } else { 224 };
    let mut file = vec![0u8; 0x400];
    file[..2].copy_from_slice(b"MZ");
    file[0x3c] = 0x80;
    file[0x80..0x84].copy_from_slice(b"PE\0\0");
    file[0x84..0x86].copy_from_slice(&machine.to_le_bytes());
    file[0x86] = 1;
    file[0x94..0x96].copy_from_slice(&(optional as u16).to_le_bytes());
    let magic: u16 = if wide { 0x20b } else { 0x10b };
    file[0x98..0x9a].copy_from_slice(&magic.to_le_bytes());
    let directories = 0x98 + if wide { 112 } else { 96 };
    let section = resources(version);
    file[directories - 4] = 16;
    let rva = 0x1000u32;
    file[directories + 16..directories + 20].copy_from_slice(&rva.to_le_bytes());
    file[directories + 20..directories + 24].copy_from_slice(&(section.len() as u32).to_le_bytes());
    let header = 0x98 + optional;
    file[header..header + 5].copy_from_slice(b".rsrc");
    for (at, word) in [
        (8, section.len() as u32),
        (12, rva),
        (16, section.len() as u32),
        (20, 0x400),
    ] {
        file[header + at..header + at + 4].copy_from_slice(&word.to_le_bytes());
    }
    file.extend(section);
    file
}

/// A section with one resource, the version.
fn resources(version: [u16; 4]) -> Vec<u8> {
    let mut section = Vec::new();
    let directory = |section: &mut Vec<u8>, id: u32, to: u32| {
        section.extend([0; 14]);
        section.extend(1u16.to_le_bytes());
        section.extend(id.to_le_bytes());
        section.extend(to.to_le_bytes());
    };
    directory(&mut section, 16, 0x8000_0000 | 24);
    directory(&mut section, 1, 0x8000_0000 | 48);
    directory(&mut section, 0x409, 72);
    let info = version_info(version);
    section.extend((0x1000u32 + 88).to_le_bytes());
    section.extend((info.len() as u32).to_le_bytes());
    section.extend([0; 8]);
    section.extend(info);
    section
}

fn version_info(version: [u16; 4]) -> Vec<u8> {
    let mut info = vec![0u8; 6];
    info.extend(
        "VS_VERSION_INFO\0"
            .encode_utf16()
            .flat_map(u16::to_le_bytes),
    );
    info.resize(info.len().next_multiple_of(4), 0);
    let mut fixed = vec![0u8; 52];
    fixed[..4].copy_from_slice(&0xfeef_04bdu32.to_le_bytes());
    fixed[4..8].copy_from_slice(&0x0001_0000u32.to_le_bytes());
    for base in [8, 16] {
        for (at, part) in [(2, 0), (0, 1), (6, 2), (4, 3)] {
            fixed[base + at..base + at + 2].copy_from_slice(&version[part].to_le_bytes());
        }
    }
    info.extend(&fixed);
    let len = info.len() as u16;
    info[..2].copy_from_slice(&len.to_le_bytes());
    info[2..4].copy_from_slice(&52u16.to_le_bytes());
    info
}
