//! Programs, kernels and archives that are nothing but their headers.

use super::Machine;

/// The header of an ELF program.
#[must_use]
pub fn elf(machine: Machine) -> Vec<u8> {
    let (class, number) = match machine {
        Machine::X86_64 => (2, 62),
        Machine::I386 => (1, 3),
        Machine::Arm64 => (2, 183),
    };
    let mut head = vec![0u8; 128];
    head[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1, 1]);
    head[16] = 3;
    head[18] = number;
    head
}

/// The head of an x86 kernel image, with its version string
/// (<https://docs.kernel.org/arch/x86/boot.html>).
#[must_use]
pub fn kernel_image(release: &str) -> Vec<u8> {
    let mut image = vec![0u8; 2048];
    image[0x1f1] = 3;
    image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    image[0x202..0x208].copy_from_slice(b"HdrS\x0f\x02");
    image[0x20e..0x210].copy_from_slice(&[0x00, 0x02]);
    image[0x236] = 1;
    let text = format!("{release} (builder@host) #1 SMP\0");
    image[0x400..0x400 + text.len()].copy_from_slice(text.as_bytes());
    image
}

/// A cpio archive of files, in its "new ASCII" form.
#[must_use]
pub fn cpio(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in files.iter().copied().chain([("TRAILER!!!", &b""[..])]) {
        let mode = if name == "TRAILER!!!" { 0 } else { 0o100_644 };
        let fields = [
            1,
            mode,
            0,
            0,
            1,
            0,
            content.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0,
        ];
        archive.extend_from_slice(b"070701");
        for field in fields {
            archive.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        archive.extend_from_slice(name.as_bytes());
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}
