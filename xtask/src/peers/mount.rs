//! Images, loop devices and mounts that are undone when they go out of scope.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::run::{text, tool};

/// An empty image of so many bytes, sparse.
pub(crate) fn image(path: &Path, bytes: u64) -> Result<()> {
    let file = std::fs::File::create(path)?;
    file.set_len(bytes)?;
    Ok(())
}

/// A loop device.
pub(crate) struct Loop {
    pub(crate) device: String,
}

impl Loop {
    pub(crate) fn new(image: &Path) -> Result<Self> {
        let out = tool("losetup", &["--find", "--show", text(image)])?;
        Ok(Self {
            device: out.trim().to_owned(),
        })
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        if let Err(error) = tool("losetup", &["-d", &self.device]) {
            println!("{error}");
        }
    }
}

/// A filesystem that is mounted.
pub(crate) struct Mount {
    pub(crate) at: PathBuf,
    /// Let go of after the mount.
    _loops: Vec<Loop>,
}

impl Mount {
    /// Mounts images, the first of which is named to mount, at a folder that is made.
    pub(crate) fn new(images: &[PathBuf], at: &Path, kind: &str, options: &str) -> Result<Self> {
        std::fs::create_dir_all(at)?;
        let loops = images
            .iter()
            .map(|image| Loop::new(image))
            .collect::<Result<Vec<_>>>()?;
        let mut options = options.to_owned();
        if kind == "btrfs" {
            for device in &loops {
                tool("btrfs", &["device", "scan", &device.device])?;
                options = format!("{options},device={}", device.device);
            }
        }
        let first = loops.first().ok_or("there is nothing to mount")?;
        tool(
            "mount",
            &["-t", kind, "-o", &options, &first.device, text(at)],
        )?;
        Ok(Self {
            at: at.to_owned(),
            _loops: loops,
        })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Err(error) = tool("umount", &[text(&self.at)]) {
            println!("{error}");
        }
    }
}
