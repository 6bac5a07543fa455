//! The guest, and whether it would import.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use vmie::rules::Date;
use vmie::rules::guest::BootMode;
use vmie::rules::license::LicenseType;

use super::{Images, Opening, Output};

#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) images: Images,
}

/// What an import request may say.
#[derive(Args, Debug)]
pub(crate) struct Request {
    /// How closely the guest has to match the list of supported systems
    #[arg(long, value_enum, default_value_t = ModeName::Practical)]
    pub(crate) mode: ModeName,
    /// Which edition of the list of supported systems
    #[arg(long, value_enum, default_value_t = EditionName::E2026)]
    pub(crate) edition: EditionName,
    /// Judge as of this day instead of today
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) as_of: Option<Date>,
    /// The Region to judge for: eu-central-1
    #[arg(long, value_name = "REGION", value_parser = region)]
    pub(crate) region: Option<String>,
    /// Whose license the guest runs on: AWS or BYOL
    #[arg(long, value_name = "TYPE")]
    pub(crate) license_type: Option<LicenseType>,
    /// The firmware to boot with: legacy-bios, uefi or uefi-preferred
    #[arg(long, value_name = "MODE")]
    pub(crate) boot_mode: Option<BootMode>,
}

pub(super) fn region(text: &str) -> Result<String, String> {
    match vmie::rules::region::region(text) {
        Some(region) => Ok(region.code.to_owned()),
        None => Err("there is no such Region".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeName {
    /// The list to the letter
    Strict,
    /// The same system and major release, the same kernel series
    Practical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EditionName {
    /// The edition of 2025
    #[value(name = "2025")]
    E2025,
    /// The edition of 2026
    #[value(name = "2026")]
    E2026,
}

#[derive(Args, Debug)]
pub(crate) struct PreflightArgs {
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) request: Request,
    /// Judge by the list of supported systems in this file (TOML) instead of an edition's
    #[arg(long, value_name = "FILE", conflicts_with = "edition")]
    pub(crate) matrix: Option<PathBuf>,
    /// Do not look into the initramfs: an answer in less than half the time, without the drivers in it
    #[arg(long)]
    pub(crate) no_initramfs: bool,
    /// Write the report to a file, too, as one page of HTML with the disks drawn
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) images: Images,
}
