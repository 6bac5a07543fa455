//! What a program is made for, from the head of its ELF file.

use zerocopy::byteorder::{BigEndian, LittleEndian, U16};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::Arch;

/// Bytes of an ELF file that are looked at.
pub const HEAD: usize = 20;

/// The start of the ELF header, up to `e_machine`
/// ([gABI, chapter 4](https://www.sco.com/developers/gabi/latest/ch4.eheader.html)); both byte
/// orders have the same layout.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    magic: [u8; 4],
    /// 1: 32-bit, 2: 64-bit.
    class: u8,
    /// 1: little-endian, 2: big-endian.
    data: u8,
    rest_of_ident: [u8; 10],
    e_type: [u8; 2],
    e_machine: [u8; 2],
}

/// The machine that an ELF file is made for; `None` when the bytes are no ELF header.
///
/// ```
/// let mut head = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0";
/// assert_eq!(vmie_guest::elf::machine(&head), Some(vmie_guest::Arch::X86_64));
/// head[18] = 183;
/// assert_eq!(vmie_guest::elf::machine(&head), Some(vmie_guest::Arch::Arm64));
/// ```
#[must_use]
pub fn machine(bytes: &[u8]) -> Option<Arch> {
    let (head, _) = Head::ref_from_prefix(bytes).ok()?;
    if head.magic != *b"\x7fELF" {
        return None;
    }
    let (machine, little) = match head.data {
        1 => (U16::<LittleEndian>::from_bytes(head.e_machine).get(), true),
        2 => (U16::<BigEndian>::from_bytes(head.e_machine).get(), false),
        _ => return None,
    };
    let wide = match head.class {
        1 => false,
        2 => true,
        _ => return None,
    };
    let other = |name: &str| Arch::Other(name.to_owned());
    Some(match (machine, wide, little) {
        (62, true, _) => Arch::X86_64,
        (62, false, _) => Arch::X32,
        (3, ..) => Arch::I386,
        (183, ..) => Arch::Arm64,
        (40, ..) => Arch::Arm,
        (21, _, true) => other("ppc64le"),
        (21, ..) => other("ppc64"),
        (20, ..) => other("ppc"),
        (22, true, _) => other("s390x"),
        (22, ..) => other("s390"),
        (243, true, _) => other("riscv64"),
        (243, ..) => other("riscv32"),
        (258, ..) => other("loongarch64"),
        (8, true, _) => other("mips64"),
        (8, ..) => other("mips"),
        (2 | 18 | 43, ..) => other("sparc"),
        (50, ..) => other("ia64"),
        (15, ..) => other("parisc"),
        (0x9026, ..) => other("alpha"),
        (number, ..) => Arch::Other(format!("machine-{number}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(class: u8, data: u8, machine: [u8; 2]) -> Vec<u8> {
        let mut bytes = vec![0; HEAD];
        bytes[..4].copy_from_slice(b"\x7fELF");
        bytes[4] = class;
        bytes[5] = data;
        bytes[18..20].copy_from_slice(&machine);
        bytes
    }

    #[test]
    fn machines_are_named() {
        for (bytes, name) in [
            (head(2, 1, [62, 0]), "x86_64"),
            (head(1, 1, [62, 0]), "x32"),
            (head(1, 1, [3, 0]), "i386"),
            (head(2, 1, [183, 0]), "arm64"),
            (head(2, 2, [0, 22]), "s390x"),
            (head(2, 1, [21, 0]), "ppc64le"),
            (head(2, 1, [99, 1]), "machine-355"),
        ] {
            assert_eq!(machine(&bytes).unwrap().name(), name);
        }
    }

    #[test]
    fn what_is_no_elf_header_is_none() {
        let whole = head(2, 1, [62, 0]);
        for len in 0..whole.len() {
            assert_eq!(machine(&whole[..len]), None);
        }
        assert_eq!(machine(&head(3, 1, [62, 0])), None);
        assert_eq!(machine(&head(2, 0, [62, 0])), None);
        assert_eq!(machine(b"#!/bin/sh\nexec /bin/busybox"), None);
    }
}
