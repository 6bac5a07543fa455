//! Phony Linux guests with the files of the real ones: release files, kernel and initramfs by their
//! real names, the boot loader's configuration as the distribution writes it, fstab, network,
//! package database. They hold what an inspector reads, and do not boot.
//!
//! [`KERNELS`] lists kernel releases with where they are documented; [`origins`] says where the
//! release files were looked up.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "it makes its own bytes, and panics where a test would"
)]

mod images;
mod kernels;
mod layout;
mod release;
mod rows;

pub use images::{cpio, elf, kernel_image};
pub use kernels::{KERNELS, KernelOrigin, kernels_of};
pub use release::origins;
pub use rows::{beside, guests_of};

/// What programs are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// x86-64.
    X86_64,
    /// x86, 32-bit.
    I386,
    /// ARM, 64-bit.
    Arm64,
}

/// Something in a guest's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file: its path and content.
    File(String, Vec<u8>),
    /// A symbolic link: its path and target.
    Link(String, String),
    /// A directory.
    Directory(String),
}

/// Which guest to make.
#[derive(Clone, Debug)]
pub struct Guest<'a> {
    /// The `ID` of os-release: `debian`, `ol`, `sles` …
    pub id: &'a str,
    /// The version as the release files write it, without a service pack: `12.4`, `9.4`, `11`.
    pub version: &'a str,
    /// The service pack of SLES, 0 for none.
    pub service_pack: u32,
    /// What `uname -r` would say.
    pub kernel: &'a str,
    /// What its programs are made for.
    pub machine: Machine,
    /// The UUID of its root filesystem.
    pub uuid: &'a str,
    /// The type of its root filesystem, as fstab writes it.
    pub filesystem: &'a str,
}

impl Guest<'_> {
    /// The first number of the version.
    pub(crate) fn major(&self) -> u32 {
        let first = self.version.split('.').next().unwrap_or_default();
        first.parse().unwrap_or(0)
    }

    /// The tree of the guest, parents before what lies below them.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut tree = layout::Tree::default();
        release::files(self, &mut tree);
        layout::files(self, &mut tree);
        tree.entries
    }
}
