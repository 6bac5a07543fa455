//! The images and their mounts.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

pub(crate) const KINDS: [&str; 3] = ["ext4", "xfs", "btrfs"];

/// What of this system goes into an image: some 100,000 files as a system has them.
const TREES: [&str; 7] = [
    "/etc",
    "/usr/bin",
    "/usr/include",
    "/usr/sbin",
    "/usr/share",
    "/usr/lib/python3",
    "/usr/lib/x86_64-linux-gnu",
];

/// Makes the images.
pub(crate) fn all(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for kind in KINDS {
        let image = folder.join(format!("{kind}.img"));
        File::create(&image)?.set_len(6 << 30)?;
        let text = image.to_string_lossy();
        let force = if kind == "ext4" { "-F" } else { "-f" };
        run(&[&format!("mkfs.{kind}"), "-q", force, &text])?;
        let mount = Mounted::with(&image, kind, &folder.join("mnt"), "rw")?;
        for tree in TREES {
            let at = mount.at.to_string_lossy();
            run(&["cp", "-a", "--parents", "-x", tree, &at])?;
        }
        // A system is told by these.
        for folder in ["var", "opt"] {
            std::fs::create_dir_all(mount.at.join(folder))?;
        }
        std::fs::copy("/usr/lib/os-release", mount.at.join("usr/lib/os-release"))?;
    }
    Ok(())
}

fn run(command: &[&str]) -> Result<()> {
    let status = Command::new(command[0])
        .args(&command[1..])
        // What cp does with --parents it does from where it stands.
        .current_dir("/")
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?} failed").into())
    }
}

/// A mount that is undone when it goes out of scope.
pub(crate) struct Mounted {
    pub(crate) at: PathBuf,
}

impl Mounted {
    /// Mounts an image for reading.
    pub(crate) fn new(image: &Path, kind: &str, at: &Path) -> Result<Self> {
        Self::with(image, kind, at, "ro")
    }

    fn with(image: &Path, kind: &str, at: &Path, access: &str) -> Result<Self> {
        std::fs::create_dir_all(at)?;
        let options = format!("loop,{access}");
        let (image, folder) = (image.to_string_lossy(), at.to_string_lossy());
        run(&["mount", "-t", kind, "-o", &options, &image, &folder])?;
        Ok(Self { at: at.to_owned() })
    }
}

impl Mounted {
    /// Mounts it anew: the kernel then knows nothing of it but what it reads of the image.
    pub(crate) fn again(&self, image: &Path, kind: &str) -> Result<()> {
        run(&["umount", &self.at.to_string_lossy()])?;
        std::mem::forget(Self::new(image, kind, &self.at)?);
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let at = self.at.to_string_lossy();
        if let Err(error) = run(&["umount", &at]) {
            println!("{error}");
        }
    }
}

/// Reads an image, so that it is in the page cache.
pub(crate) fn warm(image: &Path) -> Result<()> {
    let mut file = File::open(image)?;
    let mut buffer = vec![0; 1 << 20];
    while file.read(&mut buffer)? > 0 {}
    Ok(())
}
