//! Codecs for virtual machine disk images and appliances.

mod error;
mod image;

pub use error::{Cause, Error};
pub use image::{Candidate, Confidence, DiskImage, Format, ImageInfo, Variant};
