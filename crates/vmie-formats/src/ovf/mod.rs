//! OVF descriptors: what an appliance says of itself (DMTF DSP0243, versions 0.9 to 2.x).
//!
//! Only facts that the descriptor states are here, typed and cross-checked; nothing is judged.

mod parse;
mod units;
pub(crate) mod write;

use vmie_io::{LimitExceeded, Limits, int};

use crate::xml::{self, Kind};
use crate::{Cause, Error};

/// Elements and attributes of one descriptor: real ones have some hundreds.
const MAX_NODES: u64 = 65_536;

/// What a descriptor is as a document.
pub(crate) const DOCUMENT: Kind = Kind {
    structure: "OVF descriptor",
    encoding: Cause::OvfEncoding,
    malformed: Cause::OvfMalformed,
    doctype: Cause::OvfDoctype,
    entity: Cause::OvfEntity,
};

/// An OVF descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Descriptor {
    /// The files that belong to the appliance.
    pub files: Vec<File>,
    /// The virtual disks.
    pub disks: Vec<Disk>,
    /// Names of the logical networks.
    pub networks: Vec<String>,
    /// The virtual machines, those of nested collections too.
    pub systems: Vec<VirtualSystem>,
}

/// A file of the appliance (`References/File`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct File {
    /// The id that disks refer to.
    pub id: String,
    /// Its name, relative to the descriptor's own folder.
    pub href: String,
    /// Length in bytes, as the descriptor says.
    pub size: Option<u64>,
    /// Length in bytes of the chunks that the file is split into.
    pub chunk_size: Option<u64>,
    /// How the file is compressed: `gzip`, say. `identity` is `None` too.
    pub compression: Option<String>,
    /// Byte offset of the element in the descriptor.
    pub offset: u64,
}

/// A virtual disk (`DiskSection/Disk`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disk {
    /// The id that hard disks refer to.
    pub id: String,
    /// The [`File::id`] of its file; `None` for a disk that is created empty.
    pub file_ref: Option<String>,
    /// Length in bytes of the disk that the guest sees; `None` when a property decides.
    pub capacity: Option<u64>,
    /// Bytes in use, as the exporting tool estimated.
    pub populated_size: Option<u64>,
    /// URI of the format.
    pub format: Option<String>,
    /// The [`Disk::id`] of the disk that this one holds the differences to.
    pub parent_ref: Option<String>,
    /// Byte offset of the element in the descriptor.
    pub offset: u64,
}

/// A virtual machine (`VirtualSystem`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VirtualSystem {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// The operating system that the exporting tool believed to be in it.
    pub os: Option<OperatingSystem>,
    /// Its hardware.
    pub hardware: Hardware,
}

/// The operating system as the exporting tool was told (`OperatingSystemSection`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperatingSystem {
    /// The number of `CIM_OperatingSystem.OsType`.
    pub id: Option<u32>,
    /// The version.
    pub version: Option<String>,
    /// VMware's name: `debian12_64Guest`. VirtualBox's `vbox:OSType` where that is given instead.
    pub os_type: Option<String>,
    /// The name for people.
    pub description: Option<String>,
}

/// The hardware of a virtual machine (`VirtualHardwareSection`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hardware {
    /// The hardware's family and version: `vmx-13`, `virtualbox-2.2`.
    pub system_type: Option<String>,
    /// The firmware by VMware's key: `efi` or `bios`; `None` when the descriptor does not say.
    pub firmware: Option<String>,
    /// VMware's settings (`vmw:Config`, `vmw:ExtraConfig`) as key and value, in order.
    pub config: Vec<(String, String)>,
    /// The devices, in order.
    pub items: Vec<Item>,
}

/// A device (`Item`, or `StorageItem` and `EthernetPortItem` of OVF 2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Item {
    /// The number of `CIM_ResourceAllocationSettingData.ResourceType`: see the constants.
    pub resource_type: u16,
    /// Which kind of the type: `lsilogic`, `E1000`, `vmware.sata.ahci`.
    pub resource_sub_type: Option<String>,
    /// The id that other items name as their parent.
    pub instance_id: Option<String>,
    /// The name for people.
    pub element_name: Option<String>,
    /// The [`Item::instance_id`] of the controller.
    pub parent: Option<String>,
    /// The place on the controller.
    pub address_on_parent: Option<u32>,
    /// What backs the device: `ovf:/disk/vmdisk1`, `ovf:/file/file3`.
    pub host_resources: Vec<String>,
    /// How many or how much, in the item's own units.
    pub virtual_quantity: Option<u64>,
    /// Byte offset of the element in the descriptor.
    pub offset: u64,
}

impl Item {
    /// A processor.
    pub const PROCESSOR: u16 = 3;
    /// Memory.
    pub const MEMORY: u16 = 4;
    /// An IDE controller.
    pub const IDE_CONTROLLER: u16 = 5;
    /// A parallel SCSI controller.
    pub const SCSI_CONTROLLER: u16 = 6;
    /// An Ethernet adapter.
    pub const ETHERNET_ADAPTER: u16 = 10;
    /// A floppy drive.
    pub const FLOPPY_DRIVE: u16 = 14;
    /// A CD drive.
    pub const CD_DRIVE: u16 = 15;
    /// A DVD drive.
    pub const DVD_DRIVE: u16 = 16;
    /// A hard disk.
    pub const DISK_DRIVE: u16 = 17;
    /// A controller of another kind: SATA, NVMe.
    pub const OTHER_STORAGE: u16 = 20;
}

impl Hardware {
    /// The devices of one type, in order.
    pub fn of_type(&self, resource_type: u16) -> impl Iterator<Item = &Item> {
        self.items
            .iter()
            .filter(move |item| item.resource_type == resource_type)
    }

    /// How many network adapters there are.
    #[must_use]
    pub fn network_adapters(&self) -> usize {
        self.of_type(Item::ETHERNET_ADAPTER).count()
    }

    /// How many CD and DVD drives there are.
    #[must_use]
    pub fn optical_drives(&self) -> usize {
        self.of_type(Item::CD_DRIVE)
            .chain(self.of_type(Item::DVD_DRIVE))
            .count()
    }
}

impl Descriptor {
    /// Reads a descriptor.
    ///
    /// ```
    /// use vmie_formats::{Limits, ovf::Descriptor};
    ///
    /// let text = r#"<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"
    ///     xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
    ///   <References><File ovf:id="f1" ovf:href="disk1.vmdk" ovf:size="68608"/></References>
    ///   <DiskSection>
    ///     <Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="8"
    ///           ovf:capacityAllocationUnits="byte * 2^30"/>
    ///   </DiskSection>
    /// </Envelope>"#;
    /// let descriptor = Descriptor::parse(text.as_bytes(), &Limits::default())?;
    /// assert_eq!(descriptor.disks[0].capacity, Some(8 << 30));
    /// # Ok::<(), vmie_formats::Error>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the text, with its byte offset. Document types are refused, and with
    /// them every entity that is not XML's own.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, Error> {
        let len = int::u64_of(text.len());
        if len > limits.text {
            return Err(LimitExceeded::new("OVF descriptor", "bytes", len, limits.text).into());
        }
        parse::descriptor(&xml::parse(&DOCUMENT, text, (limits.depth, MAX_NODES))?)
    }

    /// The disk of this id.
    #[must_use]
    pub fn disk(&self, id: &str) -> Option<&Disk> {
        self.disks.iter().find(|disk| disk.id == id)
    }

    /// The file of this id.
    #[must_use]
    pub fn file(&self, id: &str) -> Option<&File> {
        self.files.iter().find(|file| file.id == id)
    }

    /// The disks as the machines have them attached, in the order of the hardware's items, each
    /// once, then those that no machine has attached, in the order of the DiskSection.
    ///
    /// # Errors
    /// [`Cause::OvfDiskRef`] when a hard disk names a disk that is not listed.
    pub fn disks_in_order(&self) -> Result<Vec<&Disk>, Error> {
        let mut ordered: Vec<&Disk> = Vec::new();
        for system in &self.systems {
            for item in system.hardware.of_type(Item::DISK_DRIVE) {
                for id in item.host_resources.iter().filter_map(|r| disk_id(r)) {
                    let disk = self.disk(id).ok_or_else(|| {
                        Error::new(Cause::OvfDiskRef)
                            .at("Item", item.offset)
                            .field("HostResource")
                            .found(id)
                    })?;
                    push_once(&mut ordered, disk);
                }
            }
        }
        for disk in &self.disks {
            push_once(&mut ordered, disk);
        }
        Ok(ordered)
    }
}

fn push_once<'a>(ordered: &mut Vec<&'a Disk>, disk: &'a Disk) {
    if !ordered.iter().any(|other| other.id == disk.id) {
        ordered.push(disk);
    }
}

/// The disk that a host resource names: `ovf:/disk/ID` (OVF 1), `ovf://disk/ID` and `/disk/ID`
/// (older tools).
fn disk_id(resource: &str) -> Option<&str> {
    let path = resource.strip_prefix("ovf:").unwrap_or(resource);
    path.trim_start_matches('/').strip_prefix("disk/")
}
