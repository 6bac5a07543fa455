//! Image formats, and which action takes which (SVC-FMT-5).

use core::fmt;
use core::str::FromStr;

/// A format that a request can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageFormat {
    /// Open Virtual Appliance (SVC-FMT-1).
    Ova,
    /// Raw (SVC-FMT-4).
    Raw,
    /// VHD (SVC-FMT-3).
    Vhd,
    /// VHDX (SVC-FMT-3).
    Vhdx,
    /// VMDK, stream-optimized (SVC-FMT-2).
    Vmdk,
}

impl ImageFormat {
    /// What import-image takes.
    pub const IMPORT_IMAGE: &'static [Self] =
        &[Self::Ova, Self::Vhd, Self::Vhdx, Self::Vmdk, Self::Raw];
    /// What import-snapshot takes.
    pub const IMPORT_SNAPSHOT: &'static [Self] = &[Self::Vhd, Self::Vhdx, Self::Vmdk, Self::Raw];
    /// What import-instance and import-volume take.
    pub const IMPORT_INSTANCE: &'static [Self] = &[Self::Vhd, Self::Vmdk, Self::Raw];
    /// What an image is exported to (SVC-FMT-6).
    pub const EXPORT_IMAGE: &'static [Self] = &[Self::Vhd, Self::Vmdk, Self::Raw];
    /// What an instance is exported to (SVC-FMT-6).
    pub const EXPORT_INSTANCE: &'static [Self] = &[Self::Ova, Self::Vhd, Self::Vmdk];

    /// The name in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ova => "ova",
            Self::Raw => "raw",
            Self::Vhd => "vhd",
            Self::Vhdx => "vhdx",
            Self::Vmdk => "vmdk",
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no format of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownFormat;

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such format; write ova, raw, vhd, vhdx or vmdk")
    }
}

impl core::error::Error for UnknownFormat {}

impl FromStr for ImageFormat {
    type Err = UnknownFormat;

    /// Takes the name whatever its case (SVC-TASK-10).
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let all = Self::IMPORT_IMAGE.iter().copied();
        all.clone()
            .find(|one| one.as_str().eq_ignore_ascii_case(text))
            .ok_or(UnknownFormat)
    }
}

crate::serde_by_text!(ImageFormat, "an image format");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_in_any_case() {
        assert_eq!("OVA".parse(), Ok(ImageFormat::Ova));
        assert_eq!("vHdX".parse(), Ok(ImageFormat::Vhdx));
        assert_eq!("qcow2".parse::<ImageFormat>(), Err(UnknownFormat));
    }

    const IMPORTS: [&[ImageFormat]; 3] = [
        ImageFormat::IMPORT_IMAGE,
        ImageFormat::IMPORT_SNAPSHOT,
        ImageFormat::IMPORT_INSTANCE,
    ];

    /// Which of the three imports take a format: an image's, a snapshot's, an instance's.
    fn taken(format: ImageFormat) -> [bool; 3] {
        IMPORTS.map(|formats| formats.contains(&format))
    }

    #[test]
    fn svc_fmt_1_an_appliance_is_an_image_and_no_snapshot() {
        assert_eq!(taken(ImageFormat::Ova), [true, false, false]);
        assert!(!ImageFormat::EXPORT_IMAGE.contains(&ImageFormat::Ova));
        assert!(ImageFormat::EXPORT_INSTANCE.contains(&ImageFormat::Ova));
    }

    #[test]
    fn svc_fmt_4_raw_disks_are_taken_by_every_import() {
        assert_eq!(taken(ImageFormat::Raw), [true; 3]);
    }

    #[test]
    fn svc_fmt_5_each_import_takes_its_formats() {
        assert_eq!(taken(ImageFormat::Vhd), [true; 3]);
        assert_eq!(taken(ImageFormat::Vmdk), [true; 3]);
        assert_eq!(taken(ImageFormat::Vhdx), [true, true, false]);
        assert_eq!(IMPORTS.map(<[ImageFormat]>::len), [5, 4, 3]);
    }
}
