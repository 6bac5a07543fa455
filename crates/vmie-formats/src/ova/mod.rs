//! OVA: a tar with an OVF descriptor, its disks, and a manifest. Nothing is unpacked: a member is a
//! window into the file.

mod certificate;
mod files;
mod format;
mod gzip;
mod manifest;
mod once;
mod open;
mod probe;
mod tar;
mod verify;
pub(crate) mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use vmie_io::{CancelToken, Charge, ReadAt};

pub use self::certificate::Certificate;
use self::files::{Chunks, Files, chunk_name, unpack};
pub use self::manifest::{Digest, DigestAlgorithm, Manifest, ManifestEntry};
pub(crate) use self::once::Archive;
pub(crate) use self::open::{open, open_beside};
pub(crate) use self::probe::{probe, probe_descriptor};
pub use self::tar::Member;
pub use self::verify::{MemberCheck, Outcome, Verification};
pub use self::write::Machine;
use crate::ovf::Descriptor;
use crate::{Cause, DiskImage, Error, Format, OpenOptions, Progress};

/// An appliance: a descriptor of machines and the disks that go with it.
///
/// ```
/// use std::sync::Arc;
/// use vmie_formats::{CancelToken, DiskImage as _, OpenOptions, Opened, ReadAt as _};
/// # let vmdk = vmie_testkit::vmdk::Builder::stream(&[7; 70_000]).build().bytes;
/// # let file = vmie_testkit::ova::ova(&[(vmdk, 70_000)], Some("efi"));
///
/// let Opened::Appliance(appliance) = OpenOptions::new().open(Arc::new(file))? else {
///     panic!("a disk");
/// };
/// appliance.verify(&(), &CancelToken::new())?.ensure()?;
/// let machine = &appliance.descriptor().systems[0];
/// assert_eq!(machine.hardware.firmware.as_deref(), Some("efi"));
/// let disk = appliance.open_disk(0)?;
/// assert_eq!(disk.info().format.name(), "vmdk");
/// # Ok::<(), vmie_formats::Error>(())
/// ```
pub struct Appliance {
    files: Files,
    file_size: u64,
    options: OpenOptions,
    members: Vec<Member>,
    descriptor_member: Member,
    descriptor: Descriptor,
    manifest: Option<Manifest>,
    certificate: Option<Certificate>,
    disks: Vec<Disk>,
    _charges: Vec<Charge>,
}

/// A disk of an appliance: what descriptor and archive say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disk {
    /// Its id in the descriptor.
    pub id: String,
    /// Name of the member that holds it, as found in the archive; `None` when it has no file, or
    /// its file is not there under its name (as the file of a chunked disk).
    pub member: Option<String>,
    /// Name of the file as the descriptor has it; `None` for a disk without a file.
    pub href: Option<String>,
    /// Length in bytes of the member.
    pub file_size: Option<u64>,
    /// Length in bytes of the file, as the descriptor says; tools are known to be wrong.
    pub stated_size: Option<u64>,
    /// Length in bytes of the disk that the guest sees, as the descriptor says; `None` when a
    /// property decides.
    pub capacity: Option<u64>,
    /// URI of the format, as the descriptor says.
    pub format_uri: Option<String>,
    /// Whether the file is split into chunks (SVC-FMT-7).
    pub chunked: bool,
    /// How the file is compressed within the archive.
    pub compression: Option<String>,
    /// The [`Disk::id`] of the disk that this one holds the differences to.
    pub parent: Option<String>,
}

impl fmt::Debug for Appliance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appliance")
            .field("members", &self.members)
            .field("disks", &self.disks)
            .finish_non_exhaustive()
    }
}

impl Appliance {
    /// The files of the archive, in order.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The descriptor.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The member that holds the descriptor.
    #[must_use]
    pub fn descriptor_member(&self) -> &Member {
        &self.descriptor_member
    }

    /// The manifest, if there is one.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// The signature of the manifest, if there is one.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Whether the descriptor is a file of its own, beside the files that it names.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        matches!(self.files, Files::Beside(_))
    }

    /// The disks in the order in which the machine has them attached, those that are not attached
    /// last.
    #[must_use]
    pub fn disks(&self) -> &[Disk] {
        &self.disks
    }

    /// Length in bytes of the archive, or of the descriptor that has its files beside it.
    #[must_use]
    pub fn file_size(&self) -> u64 {
        self.file_size
    }

    /// The bytes of a member: a window into the archive, or the file beside the descriptor.
    ///
    /// # Errors
    /// [`Cause::MemberMissing`] when there is none of that name.
    pub fn open_member(&self, name: &str) -> Result<Arc<dyn ReadAt>, Error> {
        let member = self.members.iter().find(|member| member.name == name);
        let member = member.ok_or_else(|| {
            Error::new(Cause::MemberMissing)
                .in_structure("archive")
                .found(name)
        })?;
        self.files.open(member)
    }

    /// Opens a disk by its place in [`Appliance::disks`]. Byte offsets in errors of the disk's own
    /// format count from the start of its file.
    ///
    /// # Errors
    /// [`Cause::NoSuchDisk`]; [`Cause::MemberCompressed`] for a compression that is not gzip,
    /// [`Cause::DiskWithoutFile`], [`Cause::ParentImage`] for what is not supported;
    /// [`Cause::MemberMissing`]; [`Cause::DiskFormat`] when the file is not what the descriptor
    /// says; and what is wrong with the disk's file.
    pub fn open_disk(&self, index: usize) -> Result<Box<dyn DiskImage>, Error> {
        let disk = self.disks.get(index).ok_or_else(|| {
            Error::new(Cause::NoSuchDisk)
                .in_structure("appliance")
                .found(index)
        })?;
        let refuse = |cause| {
            Error::new(cause)
                .in_structure("Disk")
                .found(disk.id.as_str())
        };
        let Some(href) = &disk.href else {
            return Err(refuse(Cause::DiskWithoutFile));
        };
        let refuse = |cause| Error::new(cause).in_structure("File").found(href.as_str());
        if disk.parent.is_some() {
            return Err(refuse(Cause::ParentImage).field("parentRef"));
        }
        let mut file = match &disk.member {
            Some(member) => self.open_member(member)?,
            None if disk.chunked => self.open_chunks(href)?,
            None => return Err(refuse(Cause::MemberMissing).field("href")),
        };
        if let Some(compression) = &disk.compression {
            file = unpack(file, compression, disk.capacity, &self.options.budget())?;
        }
        let image = self.options.clone().format(None).open_disk(file)?;
        // A file without any magic number is a raw disk if the descriptor does not say otherwise.
        let stated = disk.format_uri.as_deref().and_then(format_of_uri);
        match stated {
            Some(stated) if stated != image.info().format => Err(Error::new(Cause::DiskFormat)
                .in_structure("Disk")
                .field("format")
                .found(image.info().format.name())),
            _ => Ok(image),
        }
    }

    /// The chunks of a file as the file that they were.
    fn open_chunks(&self, href: &str) -> Result<Arc<dyn ReadAt>, Error> {
        let folder = open::folder_of(&self.descriptor_member.name);
        let mut chunks = Vec::new();
        // Every turn but the last takes a member of the archive.
        for index in 0.. {
            let name = chunk_name(href, index);
            match open::find(&self.members, folder, &name) {
                Some(member) => chunks.push(self.files.open(member)?),
                None if index > 0 => return Ok(Arc::new(Chunks::new(chunks))),
                None => {
                    return Err(Error::new(Cause::MemberMissing)
                        .in_structure("File")
                        .field("href")
                        .found(name.as_str()));
                }
            }
        }
        Ok(Arc::new(Chunks::new(chunks)))
    }

    /// Compares every file with its digest in the manifest, on all cores. Without a manifest there
    /// is nothing to compare, and that is no error. A file that is not what the manifest says is
    /// an outcome; [`Verification::ensure`] makes it an error.
    ///
    /// # Errors
    /// When a file cannot be read, or [`Cause::Cancelled`], at most some milliseconds after.
    pub fn verify(
        &self,
        progress: &dyn Progress,
        cancel: &CancelToken,
    ) -> Result<Verification, Error> {
        let Some(manifest) = &self.manifest else {
            return Ok(Verification::default());
        };
        let folder = open::folder_of(&self.descriptor_member.name);
        let by_name: BTreeMap<&str, &Member> =
            self.members.iter().map(|m| (m.name.as_str(), m)).collect();
        let member_of = |name: &str| {
            let path = format!("{folder}{}", tar::safe_path(name)?);
            by_name.get(path.as_str()).copied()
        };
        verify::verify(&self.files, manifest, member_of, progress, cancel)
    }
}

/// Whether a member is an OVF descriptor by its name.
pub(crate) fn is_descriptor(name: &str) -> bool {
    has_extension(name, "ovf")
}

fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, last)| last.eq_ignore_ascii_case(extension))
}

/// The format that the URI of a disk means, by the parts that the tools' URIs share.
fn format_of_uri(uri: &str) -> Option<Format> {
    let lower = uri.to_ascii_lowercase();
    [
        ("vmdk", Format::Vmdk),
        ("vhdx", Format::Vhdx),
        ("vhd", Format::Vhd),
        ("qcow", Format::Qcow2),
        ("vdi", Format::Vdi),
    ]
    .into_iter()
    .find(|(part, _)| lower.contains(part))
    .map(|(_, format)| format)
}
