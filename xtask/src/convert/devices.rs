//! Conversions to and from a block device: written in place, its old bytes gone where the disk is zero, and
//! left alone where the conversion is refused. As root, on loop devices.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;

use super::faults::Bench;
use crate::Result;
use crate::peers::mount::{Loop, Mount, image};
use crate::run::{sha256, text, tool};

/// Bytes of the disk; two MiB of it are data.
const DISK: u64 = 96 << 20;
/// Bytes of the device, which is larger than the disk.
const DEVICE: u64 = DISK + (32 << 20);
/// What the device held before.
const OLD: u8 = 0x5a;
/// From raw to raw; the source and the target come behind.
const RAW: [&str; 6] = ["convert", "--json", "-f", "raw", "-O", "raw"];

impl Bench {
    /// A device that is large enough; and one that is not, is mounted, or may not be written.
    pub(super) fn devices(&mut self) -> Result<()> {
        let (disk, packed) = (
            self.folder.join("sparse.raw"),
            self.folder.join("sparse.vmdk"),
        );
        image(&disk, DISK)?;
        let mut bytes = vec![0u8; 1 << 20];
        for at in [5u64 << 20, DISK - (1 << 20)] {
            for byte in &mut bytes {
                *byte = self.random().to_le_bytes()[0];
            }
            File::options()
                .write(true)
                .open(&disk)?
                .write_all_at(&bytes, at)?;
        }
        let pack = ["convert", "-f", "raw", "-O", "vmdk", text(&disk)];
        tool(text(&self.vmie), &[&pack[..], &[text(&packed)]].concat())?;

        let backing = self.folder.join("device");
        fs::write(&backing, vec![OLD; usize::try_from(DEVICE)?])?;
        let device = Loop::new(&backing)?;
        for format in ["vmdk", "raw"] {
            let from = if format == "raw" { &disk } else { &packed };
            let to = ["convert", "-f", format, "-O", "raw", text(from)];
            tool(text(&self.vmie), &[&to[..], &[&device.device]].concat())?;
            let mut held = vec![0; usize::try_from(DISK)?];
            let mut rest = Vec::new();
            let mut file = File::open(&device.device)?;
            file.read_exact(&mut held)?;
            file.read_to_end(&mut rest)?;
            let same = held == fs::read(&disk)?;
            self.tally
                .check(same, || format!("{format} to a device: other bytes"));
            let kept = rest.iter().all(|byte| *byte == OLD);
            self.tally.check(kept, || {
                format!("{format} to a device: something behind the disk was written")
            });
            tool(
                "dd",
                &[
                    "if=/dev/urandom",
                    &format!("of={}", device.device),
                    "bs=1M",
                    "count=90",
                    "conv=fsync",
                    "status=none",
                ],
            )?;
        }
        self.device_as_source(&device)?;
        self.refused_devices(&device)
    }

    /// A device as the source.
    fn device_as_source(&mut self, device: &Loop) -> Result<()> {
        let image = self.folder.join("of-device.vhdx");
        let from = ["convert", "-f", "raw", "-O", "vhdx", &device.device];
        tool(text(&self.vmie), &[&from[..], &[text(&image)]].concat())?;
        let compare = ["compare", &device.device, text(&image)];
        let said = tool(text(&self.vmie), &compare);
        self.tally
            .check(said.is_ok(), || format!("of a device: {said:?}"));
        let peer = [
            "compare",
            "-f",
            "raw",
            "-F",
            "vhdx",
            &device.device,
            text(&image),
        ];
        let said = tool("qemu-img", &peer);
        self.tally
            .check(said.is_ok(), || format!("of a device, qemu-img: {said:?}"));
        Ok(fs::remove_file(&image)?)
    }

    /// What is refused leaves every byte of the device as it was.
    fn refused_devices(&mut self, large: &Loop) -> Result<()> {
        let (disk, backing) = (self.folder.join("sparse.raw"), self.folder.join("little"));
        image(&backing, DISK / 2)?;
        tool("mkfs.ext4", &["-q", text(&backing)])?;
        let before = sha256(&backing)?;
        let device = Loop::new(&backing)?;
        let to = text(&disk).to_owned();
        let arguments = [&RAW[..], &[&to, &device.device]].concat();
        self.refused("small device", &arguments, None, "smaller than the disk")?;
        let arguments = [
            "convert",
            "--json",
            "-f",
            "raw",
            "-O",
            "vhd",
            &to,
            &large.device,
        ];
        self.refused("a VHD to a device", &arguments, None, "raw disks only")?;
        let itself = [&RAW[..], &[&large.device, &large.device]].concat();
        self.refused("a device to itself", &itself, None, "is the source")?;
        let fits = self.folder.join("fits.raw");
        image(&fits, DISK / 4)?;
        let fits = text(&fits).to_owned();
        let arguments = [&RAW[..], &[&fits, &device.device]].concat();
        tool("blockdev", &["--setro", &device.device])?;
        self.refused("read-only device", &arguments, None, "not permitted")?;
        tool("blockdev", &["--setrw", &device.device])?;
        self.tally
            .same("what is refused is kept", sha256(&backing)?, before);
        drop(device);
        let mounted = Mount::new(&[backing], &self.folder.join("mounted"), "ext4", "rw")?;
        let found = tool("findmnt", &["-n", "-o", "SOURCE", text(&mounted.at)])?;
        let arguments = [&RAW[..], &[&fits, found.trim()]].concat();
        self.refused("mounted device", &arguments, None, "busy")
    }
}
