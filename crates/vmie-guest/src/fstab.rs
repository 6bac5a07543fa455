//! `/etc/fstab`, read as `mount` does.
//!
//! The form is that of [fstab(5)](https://man7.org/linux/man-pages/man5/fstab.5.html): lines of
//! fields parted by blanks or tabs, `#` at a line's start for comments, `\040` and other octal
//! escapes inside fields, and defaults for the fields left out at the end.

use crate::text::Lines;

/// Entries that are taken at most; a real table has some dozens.
pub const MAX_ENTRIES: usize = 1024;

/// A line of `/etc/fstab`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FstabEntry {
    /// The device: `UUID=…`, `LABEL=…`, `/dev/sda1`, `//server/share`, `tmpfs` …
    pub source: String,
    /// Where it is mounted: a path, or `none` for swap.
    pub target: String,
    /// The filesystem: `ext4`, `swap`, `cifs`, `auto`, or several with commas.
    pub fstype: String,
    /// The options, `defaults` when the line has none.
    pub options: Vec<String>,
    /// The fifth field, for dump; 0 when left out.
    pub freq: i32,
    /// The sixth field, the order of checks; 0 when left out.
    pub passno: i32,
    /// The line, from 1.
    pub line: u32,
}

impl FstabEntry {
    /// Whether an option is given: `nofail`, `noauto`.
    #[must_use]
    pub fn has_option(&self, name: &str) -> bool {
        self.options.iter().any(|option| option == name)
    }

    /// The value of an option: of `subvol` where `subvol=@home` is given; the last one counts.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find_map(|option| {
            let (key, value) = option.split_once('=')?;
            (key == name).then_some(value)
        })
    }

    /// What the first field names.
    #[must_use]
    pub fn device(&self) -> Device<'_> {
        Device::of(&self.source)
    }

    /// Whether it is swap space.
    #[must_use]
    pub fn is_swap(&self) -> bool {
        self.fstype == "swap"
    }

    /// Whether the filesystem is a share on another machine or of the hypervisor: such entries
    /// are disabled by an import (SVC-MOD-5).
    #[must_use]
    pub fn is_shared(&self) -> bool {
        const SHARED: &[&str] = &[
            "cifs",
            "smbfs",
            "smb3",
            "nfs",
            "nfs4",
            "vboxsf",
            "vmhgfs",
            "fuse.vmhgfs-fuse",
            "prl_fs",
            "virtiofs",
            "9p",
            "sshfs",
            "fuse.sshfs",
            "ncpfs",
            "afs",
            "ceph",
            "fuse.ceph",
            "glusterfs",
            "fuse.glusterfs",
            "davfs",
            "curlftpfs",
        ];
        SHARED.iter().any(|name| self.fstype == *name)
    }

    /// Whether it names no disk at all: a pseudo filesystem (`proc`, `tmpfs`, …) or a bind mount.
    #[must_use]
    pub fn is_pseudo(&self) -> bool {
        const PSEUDO: &[&str] = &[
            "proc",
            "sysfs",
            "tmpfs",
            "devpts",
            "devtmpfs",
            "ramfs",
            "debugfs",
            "tracefs",
            "securityfs",
            "configfs",
            "cgroup",
            "cgroup2",
            "mqueue",
            "hugetlbfs",
            "fusectl",
            "binfmt_misc",
            "usbfs",
            "usbdevfs",
            "rpc_pipefs",
            "nfsd",
            "efivarfs",
            "pstore",
            "overlay",
            "squashfs",
            "none",
        ];
        PSEUDO.iter().any(|name| self.fstype == *name)
            || self.has_option("bind")
            || self.has_option("rbind")
    }
}

/// What the first field of a line names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Device<'a> {
    /// A filesystem by its UUID (`UUID=`, `/dev/disk/by-uuid/`).
    Uuid(&'a str),
    /// A filesystem by its label (`LABEL=`, `/dev/disk/by-label/`).
    Label(&'a str),
    /// A partition by its GUID (`PARTUUID=`, `/dev/disk/by-partuuid/`).
    PartUuid(&'a str),
    /// A partition by its name in a GPT (`PARTLABEL=`, `/dev/disk/by-partlabel/`).
    PartLabel(&'a str),
    /// A disk or partition by the kernel's name of it: the disk by the letters' or number's order
    /// from 0, the partition from 1 (`/dev/sdb3`, `/dev/nvme0n1p2`, `/dev/xvda`).
    Kernel {
        /// Which disk.
        disk: u32,
        /// Which partition.
        partition: Option<u32>,
    },
    /// A device by another name: `/dev/mapper/vg-root`, `/dev/sr0`, `/dev/md0` …
    Other(&'a str),
    /// No device.
    NotADevice(&'a str),
}

impl<'a> Device<'a> {
    /// What a device's name stands for, as `mount` and the kernel's `root=` take it.
    #[must_use]
    pub fn of(source: &'a str) -> Self {
        if let Some((tag, value)) = source.split_once('=') {
            let value = unquoted(value);
            match tag {
                "UUID" => return Self::Uuid(value),
                "LABEL" => return Self::Label(value),
                "PARTUUID" => return Self::PartUuid(value),
                "PARTLABEL" => return Self::PartLabel(value),
                _ => {}
            }
        }
        let by = source
            .strip_prefix("/dev/disk/by-")
            .and_then(|rest| rest.split_once('/'));
        match by {
            Some(("uuid", value)) => return Self::Uuid(value),
            Some(("label", value)) => return Self::Label(value),
            Some(("partuuid", value)) => return Self::PartUuid(value),
            Some(("partlabel", value)) => return Self::PartLabel(value),
            _ => {}
        }
        match source.strip_prefix("/dev/") {
            Some(name) => kernel_name(name).unwrap_or(Self::Other(source)),
            None => Self::NotADevice(source),
        }
    }
}

/// libmount takes quotes around a tag's value.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
        {
            return inner;
        }
    }
    value
}

/// `sda1`, `vdb`, `xvdc2`, `hda`, `nvme0n1p2`, `mmcblk0p1`.
fn kernel_name(name: &str) -> Option<Device<'static>> {
    for prefix in ["sd", "vd", "xvd", "hd", "ubd"] {
        if let Some(rest) = name.strip_prefix(prefix) {
            return lettered(rest);
        }
    }
    let (disk, rest) = if let Some(rest) = name.strip_prefix("nvme") {
        let (disk, rest) = rest.split_once('n')?;
        let (namespace, partition) = split_partition(rest);
        number(namespace)?;
        (number(disk)?, partition)
    } else if let Some(rest) = name.strip_prefix("mmcblk") {
        let (disk, partition) = split_partition(rest);
        (number(disk)?, partition)
    } else {
        return None;
    };
    let partition = match rest {
        Some(text) => Some(number(text).filter(|n| *n > 0)?),
        None => None,
    };
    Some(Device::Kernel { disk, partition })
}

fn split_partition(rest: &str) -> (&str, Option<&str>) {
    match rest.split_once('p') {
        Some((before, after)) => (before, Some(after)),
        None => (rest, None),
    }
}

/// Letters count like columns of a table: a, b, … z, aa, ab, …
fn lettered(rest: &str) -> Option<Device<'static>> {
    let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
    let (letters, digits) = rest.split_at_checked(letters)?;
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let mut disk = 0u32;
    for letter in letters.bytes() {
        let value = u32::from(letter.saturating_sub(b'a')).saturating_add(1);
        disk = disk.saturating_mul(26).saturating_add(value);
    }
    let partition = if digits.is_empty() {
        None
    } else {
        Some(number(digits).filter(|n| *n > 0)?)
    };
    Some(Device::Kernel {
        disk: disk.saturating_sub(1),
        partition,
    })
}

fn number(digits: &str) -> Option<u32> {
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if all { digits.parse().ok() } else { None }
}

/// What a table says, and the numbers of the lines that say nothing `mount` would understand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fstab {
    /// The entries, in order.
    pub entries: Vec<FstabEntry>,
    /// Lines (from 1) that are no entry: less than three fields, or numbers that are none. `mount`
    /// ignores them.
    pub bad_lines: Vec<u32>,
}

/// Reads the text of an fstab.
///
/// ```
/// use vmie_guest::fstab::{self, Device};
///
/// let table = fstab::parse(b"# a comment\nUUID=96da6ae0 /a\\040b ext4 ro,nofail 0 2\n");
/// let entry = &table.entries[0];
/// assert_eq!(entry.target, "/a b");
/// assert_eq!(entry.device(), Device::Uuid("96da6ae0"));
/// assert!(entry.has_option("nofail"));
/// assert_eq!((entry.passno, entry.line), (2, 2));
/// ```
#[must_use]
pub fn parse(bytes: &[u8]) -> Fstab {
    let mut table = Fstab::default();
    for (line, text) in Lines::new(bytes) {
        let text = text.trim_start_matches([' ', '\t']);
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if table.entries.len().saturating_add(table.bad_lines.len()) >= MAX_ENTRIES {
            break;
        }
        match entry(text, line) {
            Some(entry) => table.entries.push(entry),
            None => table.bad_lines.push(line),
        }
    }
    table
}

fn entry(text: &str, line: u32) -> Option<FstabEntry> {
    let mut fields = text.split([' ', '\t']).filter(|field| !field.is_empty());
    let source = unescaped(fields.next()?);
    let target = unescaped(fields.next()?);
    let fstype = unescaped(fields.next()?);
    let options = unescaped(fields.next().unwrap_or("defaults"));
    // From a `#` after the options on, the fields are left out.
    let mut fields = fields.take_while(|field| !field.starts_with('#'));
    let mut numeric = || match fields.next() {
        None => Some(0),
        Some(field) => field.parse().ok(),
    };
    let freq = numeric()?;
    let passno = numeric()?;
    Some(FstabEntry {
        source,
        target: trimmed_target(target),
        fstype,
        options: options.split(',').map(str::to_owned).collect(),
        freq,
        passno,
        line,
    })
}

/// A trailing slash of a mount point means nothing.
fn trimmed_target(target: String) -> String {
    let trimmed = target.trim_end_matches('/');
    if trimmed.is_empty() && !target.is_empty() {
        return "/".to_owned();
    }
    trimmed.to_owned()
}

/// Replaces `\ooo` by the byte it stands for.
fn unescaped(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let octal = (first == b'\\')
            .then(|| after.get(..3).and_then(octal_byte))
            .flatten();
        match octal {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn octal_byte(digits: &[u8]) -> Option<u8> {
    let mut value = 0u32;
    for digit in digits {
        if !(b'0'..=b'7').contains(digit) {
            return None;
        }
        value = value
            .saturating_mul(8)
            .saturating_add(u32::from(digit.saturating_sub(b'0')));
    }
    u8::try_from(value).ok().filter(|byte| *byte != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_split_unescaped_and_defaulted() {
        let table = parse(
            b"# /etc/fstab\n\n  \t# indented comment\r\n/dev/sda1\t/  ext4\terrors=remount-ro 0 1\n\
              LABEL=data bad\nUUID=AB /mnt/my\\040disk/ vfat\n/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\n\
              //h/s /s cifs _netdev,nofail 0 zero\n/swap none swap sw # note\ntmpfs /tmp tmpfs",
        );
        assert_eq!(table.bad_lines, [5, 8]);
        let targets: Vec<_> = table
            .entries
            .iter()
            .map(|e| (e.line, e.target.as_str(), e.fstype.as_str(), e.passno))
            .collect();
        assert_eq!(
            targets,
            [
                (4, "/", "ext4", 1),
                (6, "/mnt/my disk", "vfat", 0),
                (7, "/media/cdrom0", "udf,iso9660", 0),
                (9, "none", "swap", 0),
                (10, "/tmp", "tmpfs", 0),
            ]
        );
        assert_eq!(table.entries[1].options, ["defaults"]);
        assert!(table.entries[4].is_pseudo());
        assert!(table.entries[3].is_swap());
    }

    #[test]
    fn devices_are_told_apart() {
        let kernel = |disk, partition| Device::Kernel { disk, partition };
        for (text, device) in [
            ("UUID=\"a-b\"", Device::Uuid("a-b")),
            ("/dev/disk/by-uuid/a-b", Device::Uuid("a-b")),
            ("LABEL=root", Device::Label("root")),
            ("PARTUUID=12ab0001-01", Device::PartUuid("12ab0001-01")),
            ("/dev/disk/by-partlabel/x", Device::PartLabel("x")),
            ("/dev/sda", kernel(0, None)),
            ("/dev/sdb12", kernel(1, Some(12))),
            ("/dev/xvdaa1", kernel(26, Some(1))),
            ("/dev/nvme1n1p3", kernel(1, Some(3))),
            ("/dev/nvme0n1", kernel(0, None)),
            ("/dev/mmcblk0p2", kernel(0, Some(2))),
            ("/dev/sda0", Device::Other("/dev/sda0")),
            ("/dev/sr0", Device::Other("/dev/sr0")),
            ("/dev/mapper/vg-root", Device::Other("/dev/mapper/vg-root")),
            ("/dev/nvme0n1p", Device::Other("/dev/nvme0n1p")),
            ("//h/s", Device::NotADevice("//h/s")),
            ("none", Device::NotADevice("none")),
        ] {
            assert_eq!(Device::of(text), device, "{text}");
        }
    }

    #[test]
    fn escapes_that_are_none_stay() {
        let table = parse(b"a\\04 /x\\134y\\999 ext4\n");
        assert_eq!(table.entries[0].source, "a\\04");
        assert_eq!(table.entries[0].target, "/x\\y\\999");
    }

    #[test]
    fn a_cut_table_is_the_table_up_to_there() {
        let text = b"UUID=1 / ext4 defaults 0 1\nUUID=2 /boot ext4 defaults 0 2\n";
        for len in 0..text.len() {
            let table = parse(&text[..len]);
            assert!(table.entries.len() <= 2);
            if len >= 27 {
                assert_eq!(table.entries[0].target, "/");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_bounded_table(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let table = parse(&bytes);
            prop_assert!(table.entries.len() + table.bad_lines.len() <= MAX_ENTRIES);
            prop_assert_eq!(parse(&bytes), table);
        }
    }
}
