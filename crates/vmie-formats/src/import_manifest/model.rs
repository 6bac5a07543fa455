//! What a manifest says.

use std::fmt;

use vmie_io::int;

use super::format::{GB, MAX_SIZE, MIN_VOLUME_GB};
use crate::{Cause, Error, Format};

/// A URL with a signature in it: whoever has it may read or delete what it names, so it is never
/// shown (SVC-SEC-3).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Takes a URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL itself, for whoever makes the request.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl(***)")
    }
}

/// Which program made the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Importer {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its release.
    pub release: String,
}

/// A part of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// First byte of the file that the part holds.
    pub start: u64,
    /// Bytes of the part; not zero.
    pub len: u64,
    /// The key of the object that it is stored as.
    pub key: String,
    /// Where to ask whether it is there.
    pub head_url: SecretUrl,
    /// Where to read it.
    pub get_url: SecretUrl,
    /// Where to delete it once the import is done.
    pub delete_url: Option<SecretUrl>,
}

impl Part {
    /// The byte of the file after the part's last one.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }
}

/// An import manifest whose numbers make sense: its parts tile the file in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportManifest {
    /// The format of the file: raw, VHD or VMDK.
    pub file_format: Format,
    /// Which program made the manifest.
    pub importer: Importer,
    /// Where to delete the manifest once the import is done.
    pub self_destruct_url: SecretUrl,
    /// Bytes of the file.
    pub size: u64,
    /// Gigabytes (2^30) of the volume that the disk is imported to.
    pub volume_size: u64,
    /// The parts, in the order of the file.
    pub parts: Vec<Part>,
}

impl ImportManifest {
    /// Cuts a file into parts: keys are `prefix` and `.part` with the part's number from 0, the
    /// volume is large enough for a disk of `disk_size` bytes and at least 8 GB. URLs are empty:
    /// they are the uploader's to sign.
    ///
    /// ```
    /// use vmie_formats::Format;
    /// use vmie_formats::import_manifest::{DEFAULT_PART_SIZE, ImportManifest};
    ///
    /// let plan = ImportManifest::plan(Format::Vmdk, 25_000_000, 40 << 30, DEFAULT_PART_SIZE, "disk")?;
    /// assert_eq!(plan.parts.len(), 3);
    /// assert_eq!(plan.parts[2].key, "disk.part2");
    /// assert_eq!(plan.volume_size, 40);
    /// # Ok::<(), vmie_formats::Error>(())
    /// ```
    ///
    /// # Errors
    /// When format, size or part size are not what a manifest can have.
    pub fn plan(
        file_format: Format,
        size: u64,
        disk_size: u64,
        part_size: u64,
        prefix: &str,
    ) -> Result<Self, Error> {
        if part_size == 0 {
            return Err(fault(Cause::ManifestParts, "part size").found(part_size));
        }
        let mut parts = Vec::new();
        let mut start = 0;
        while start < size.min(MAX_SIZE) {
            let len = part_size.min(size.saturating_sub(start));
            parts.push(Part {
                start,
                len,
                key: format!("{prefix}.part{}", parts.len()),
                ..Part::default()
            });
            start = start.saturating_add(len);
        }
        let manifest = Self {
            file_format,
            importer: Importer {
                name: "vmie".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                release: "2010-11-15".to_owned(),
            },
            self_destruct_url: SecretUrl::default(),
            size,
            volume_size: disk_size.div_ceil(GB).max(MIN_VOLUME_GB),
            parts,
        };
        manifest.validate()?;
        Ok(manifest)
    }

    /// Checks what the service demands: the format, the sizes, and that the parts tile the file
    /// with no gap and no overlap (SVC-MAN-1).
    ///
    /// # Errors
    /// [`Cause::ManifestFormat`], [`Cause::ManifestNumber`], [`Cause::ManifestParts`].
    pub fn validate(&self) -> Result<(), Error> {
        if !matches!(self.file_format, Format::Raw | Format::Vhd | Format::Vmdk) {
            let name = self.file_format.name();
            return Err(fault(Cause::ManifestFormat, "file-format").found(name));
        }
        if self.size == 0 || self.size > MAX_SIZE {
            return Err(fault(Cause::ManifestNumber, "size").found(self.size));
        }
        if self.volume_size == 0 {
            return Err(fault(Cause::ManifestNumber, "volume-size").found(self.volume_size));
        }
        let mut at = 0;
        for (index, part) in self.parts.iter().enumerate() {
            if part.start != at || part.len == 0 || part.end() > self.size {
                let error = fault(Cause::ManifestParts, "byte-range");
                return Err(error.found(int::u64_of(index)));
            }
            at = part.end();
        }
        if at != self.size {
            return Err(fault(Cause::ManifestParts, "parts").found(at));
        }
        Ok(())
    }
}

fn fault(cause: Cause, field: &'static str) -> Error {
    Error::new(cause)
        .in_structure("import manifest")
        .field(field)
}
