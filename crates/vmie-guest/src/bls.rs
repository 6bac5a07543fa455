//! Entries of the boot loader specification: one file per kernel.
//!
//! <https://uapi-group.org/specifications/specs/boot_loader_specification/>, type 1, and what
//! GRUB's `blscfg` reads of it.

use crate::text::Lines;
use crate::version;

/// Entries that are taken of one folder; each is one installed kernel.
pub const MAX_ENTRIES: usize = 256;

/// An entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlsEntry {
    /// The file's name without `.conf`.
    pub id: String,
    /// `title`.
    pub title: String,
    /// `version`: for Linux the kernel's release.
    pub version: String,
    /// `linux`: path of the kernel on the volume of `/boot`.
    pub linux: Option<String>,
    /// `initrd`, in order.
    pub initrd: Vec<String>,
    /// `options`, joined by blanks in order; variables of the loader's environment not replaced.
    pub options: String,
}

/// Reads an entry's file; `id` is its name without `.conf`.
///
/// ```
/// let entry = vmie_guest::bls::parse("m-5.14", b"title RHEL\nlinux /vmlinuz-5.14\noptions root=/dev/sda1 ro\n");
/// assert_eq!(entry.linux.as_deref(), Some("/vmlinuz-5.14"));
/// ```
#[must_use]
pub fn parse(id: &str, bytes: &[u8]) -> BlsEntry {
    let mut entry = BlsEntry {
        id: id.to_owned(),
        ..BlsEntry::default()
    };
    for (_, line) in Lines::new(bytes) {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once([' ', '\t']) else {
            continue;
        };
        let value = value.trim_start();
        match key {
            "title" => entry.title = value.to_owned(),
            "version" => entry.version = value.to_owned(),
            "linux" => entry.linux = Some(value.to_owned()),
            "initrd" => entry
                .initrd
                .extend(value.split_ascii_whitespace().map(str::to_owned)),
            "options" => {
                if !entry.options.is_empty() {
                    entry.options.push(' ');
                }
                entry.options.push_str(value);
            }
            _ => {}
        }
    }
    entry
}

/// Puts entries into the order of GRUB's menu: newest first, by the parts of the file's name.
pub fn sort(entries: &mut [BlsEntry]) {
    entries.sort_by(|a, b| version::compare_nvr(&b.id, &a.id));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_joined() {
        let entry = parse(
            "m-5.14.0-1",
            b"# c\ntitle  Red Hat (5.14.0)\r\nversion 5.14.0-1\nlinux /vmlinuz-5.14.0-1\n\
              initrd /a.img /b.img\ninitrd\t/c.img\noptions root=x\noptions ro $kernelopts\ngrub_class kernel\nlinux\n",
        );
        assert_eq!(entry.title, "Red Hat (5.14.0)");
        assert_eq!(entry.linux.as_deref(), Some("/vmlinuz-5.14.0-1"));
        assert_eq!(entry.initrd, ["/a.img", "/b.img", "/c.img"]);
        assert_eq!(entry.options, "root=x ro $kernelopts");
    }
}
