//! The head of an x86 kernel image.
//!
//! <https://docs.kernel.org/arch/x86/boot.html>, "The Real-Mode Kernel Header".

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Bytes of an image that are looked at first.
pub const HEAD: usize = 0x264;
/// Bytes of the version string that are looked at.
pub const VERSION_LEN: usize = 256;

/// The header from 0x1F1 on.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct SetupHeader {
    setup_sects: u8,
    root_flags: U16,
    syssize: U32,
    ram_size: U16,
    vid_mode: U16,
    root_dev: U16,
    boot_flag: U16,
    jump: U16,
    header: [u8; 4],
    version: U16,
    realmode_swtch: U32,
    start_sys_seg: U16,
    kernel_version: U16,
    type_of_loader: u8,
    loadflags: u8,
    setup_move_size: U16,
    code32_start: U32,
    ramdisk_image: U32,
    ramdisk_size: U32,
    bootsect_kludge: U32,
    heap_end_ptr: U16,
    ext_loader_ver: u8,
    ext_loader_type: u8,
    cmd_line_ptr: U32,
    initrd_addr_max: U32,
    kernel_alignment: U32,
    relocatable_kernel: u8,
    min_alignment: u8,
    xloadflags: U16,
}

/// What an image's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageHead {
    /// Where in the file the version string starts, when there is one.
    pub version_at: Option<u64>,
    /// Whether the kernel is 64-bit, when the header is new enough to say so.
    pub is_64_bit: Option<bool>,
}

/// Reads the header; `None` when the bytes are not the start of an x86 kernel image.
#[must_use]
pub fn head(bytes: &[u8]) -> Option<ImageHead> {
    let (setup, _) = SetupHeader::ref_from_prefix(bytes.get(0x1f1..)?).ok()?;
    if setup.boot_flag.get() != 0xaa55 || setup.header != *b"HdrS" {
        return None;
    }
    let protocol = setup.version.get();
    if protocol < 0x200 {
        return None;
    }
    let pointer = u64::from(setup.kernel_version.get());
    // The pointer counts from 0x200 and lies within the setup code, 4 sectors where it says 0.
    let sectors = match setup.setup_sects {
        0 => 4,
        n => u64::from(n),
    };
    let within = pointer != 0 && pointer < sectors.saturating_mul(512);
    Some(ImageHead {
        version_at: within.then(|| pointer.saturating_add(0x200)),
        is_64_bit: (protocol >= 0x20c).then(|| setup.xloadflags.get() & 1 == 1),
    })
}

/// The release at the start of a version string: `6.1.0-56-cloud-amd64 (…) #1 SMP …`. `None` when
/// that is no release: it starts with a digit and holds printable characters alone.
#[must_use]
pub fn release(version: &[u8]) -> Option<&str> {
    let end = version
        .iter()
        .position(|b| matches!(b, 0 | b' '))
        .unwrap_or(version.len());
    let text = std::str::from_utf8(version.get(..end)?).ok()?;
    let printable = text.bytes().all(|b| b.is_ascii_graphic());
    (printable && text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('.'))
        .then_some(text)
}

#[cfg(test)]
pub(crate) fn tiny(release: &str) -> Vec<u8> {
    let mut image = vec![0u8; 2048];
    image[0x1f1] = 3;
    image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&[0x0f, 0x02]);
    image[0x20e..0x210].copy_from_slice(&[0x00, 0x02]);
    image[0x236] = 1;
    let text = format!("{release} (builder@host) #1 SMP\0");
    image[0x400..0x400 + text.len()].copy_from_slice(text.as_bytes());
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_where_the_header_points() {
        let image = tiny("6.1.0-56-cloud-amd64");
        let found = head(&image).unwrap();
        assert_eq!(found.version_at, Some(0x400));
        assert_eq!(found.is_64_bit, Some(true));
        assert_eq!(release(&image[0x400..]), Some("6.1.0-56-cloud-amd64"));
        for len in 0..0x238 {
            assert_eq!(head(&image[..len]), None, "{len}");
        }
        assert!(head(&image[..0x238]).is_some());
    }

    #[test]
    fn what_is_no_header_or_release_is_none() {
        let mut image = tiny("x");
        image[0x20f] = 0xff;
        assert_eq!(head(&image).unwrap().version_at, None);
        image[0x202] = 0;
        assert_eq!(head(&image), None);
        for text in [&b"abc"[..], b"", b"6", b"6.1\x01 x", b"\xff\xfe"] {
            assert_eq!(release(text), None);
        }
        assert_eq!(release(b"2.6.32"), Some("2.6.32"));
    }
}
