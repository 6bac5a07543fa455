//! The files in which a Linux says its name: `os-release` and the older release files.

pub mod older;
pub mod os_release;
