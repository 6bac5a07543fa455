//! Builds OVA files: tars of several kinds, descriptors, manifests.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a builder of small test images, and a test may panic"
)]

use std::fmt::Write as _;

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// How a tar's headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// POSIX 1988.
    Ustar,
    /// Before that: no magic.
    V7,
    /// Names and sizes in pax records.
    Pax,
    /// Long names in headers of their own, sizes in base 256.
    Gnu,
}

/// A tar that is being built.
#[derive(Clone, Debug)]
pub struct Tar {
    bytes: Vec<u8>,
    style: Style,
}

impl Tar {
    /// An empty one.
    #[must_use]
    pub fn new(style: Style) -> Self {
        Self {
            bytes: Vec::new(),
            style,
        }
    }

    /// Bytes so far: where the next header goes.
    #[must_use]
    pub fn position(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, name: &str, data: &[u8]) -> Self {
        match self.style {
            Style::Pax => {
                let records = [
                    pax_record("path", name.as_bytes()),
                    pax_record("size", data.len().to_string().as_bytes()),
                ]
                .concat();
                self =
                    self.member(b"pax", b'x', &records)
                        .member_sized(b"short", b'0', data, Some(0));
            }
            Style::Gnu => {
                let long = [name.as_bytes(), b"\0"].concat();
                self = self.member(b"././@LongLink", b'L', &long);
                self = self.member(b"short", b'0', data);
            }
            Style::Ustar | Style::V7 => self = self.member(name.as_bytes(), b'0', data),
        }
        self
    }

    /// Adds a member of any type.
    #[must_use]
    pub fn member(self, name: &[u8], kind: u8, data: &[u8]) -> Self {
        self.member_sized(name, kind, data, None)
    }

    /// Adds a member whose header states another size than its data have.
    #[must_use]
    pub fn member_sized(mut self, name: &[u8], kind: u8, data: &[u8], size: Option<u64>) -> Self {
        let size = size.unwrap_or(data.len() as u64);
        let mut header = [0u8; 512];
        header[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
        header[100..108].copy_from_slice(b"0000644\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        if self.style == Style::Gnu {
            header[124] = 0x80;
            header[128..136].copy_from_slice(&size.to_be_bytes());
        } else {
            header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        }
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = kind;
        match self.style {
            Style::V7 => {}
            Style::Gnu => header[257..265].copy_from_slice(b"ustar  \0"),
            Style::Ustar | Style::Pax => header[257..265].copy_from_slice(b"ustar\x0000"),
        }
        seal(&mut header);
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    /// The tar with its two blocks of zeroes at the end.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 1024, 0);
        self.bytes
    }

    /// The tar without an end.
    #[must_use]
    pub fn unfinished(self) -> Vec<u8> {
        self.bytes
    }
}

/// Puts the right checksum into a header.
pub fn seal(header: &mut [u8; 512]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// A pax record with its own length.
#[must_use]
pub fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let body = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let mut len = body.len() + 1;
    while len.to_string().len() + body.len() != len {
        len += 1;
    }
    [len.to_string().as_bytes(), &body].concat()
}

/// A disk of a descriptor.
#[derive(Clone, Debug)]
pub struct Disk {
    /// Its file's name.
    pub href: String,
    /// Its file's length in bytes.
    pub size: u64,
    /// Length in MiB of the disk that the guest sees.
    pub capacity_mib: u64,
    /// Further attributes of the file, with a space before each.
    pub file_attributes: String,
}

impl Disk {
    /// A disk in this file.
    #[must_use]
    pub fn new(href: &str, size: usize, capacity: usize) -> Self {
        Self {
            href: href.to_owned(),
            size: size as u64,
            capacity_mib: (capacity as u64).div_ceil(1 << 20),
            file_attributes: String::new(),
        }
    }
}

/// An OVF descriptor as VMware's tools write them.
#[must_use]
pub fn descriptor(disks: &[Disk], firmware: Option<&str>) -> String {
    let mut files = String::new();
    let mut sections = String::new();
    let mut items = String::new();
    for (index, disk) in disks.iter().enumerate() {
        let n = index + 1;
        let Disk {
            href,
            size,
            capacity_mib,
            file_attributes,
        } = disk;
        writeln!(
            files,
            "    <File ovf:href=\"{href}\" ovf:id=\"file{n}\" ovf:size=\"{size}\"{file_attributes}/>"
        )
        .unwrap();
        writeln!(
            sections,
            "    <Disk ovf:capacity=\"{capacity_mib}\" ovf:capacityAllocationUnits=\"byte * 2^20\" \
             ovf:diskId=\"vmdisk{n}\" ovf:fileRef=\"file{n}\" \
             ovf:format=\"http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized\"/>"
        )
        .unwrap();
        writeln!(
            items,
            "      <Item>\n        <rasd:AddressOnParent>{index}</rasd:AddressOnParent>\n        \
             <rasd:ElementName>Hard disk {n}</rasd:ElementName>\n        \
             <rasd:HostResource>ovf:/disk/vmdisk{n}</rasd:HostResource>\n        \
             <rasd:InstanceID>{}</rasd:InstanceID>\n        <rasd:Parent>3</rasd:Parent>\n        \
             <rasd:ResourceType>17</rasd:ResourceType>\n      </Item>",
            10 + n
        )
        .unwrap();
    }
    let firmware = firmware
        .map(|kind| {
            format!("      <vmw:Config ovf:required=\"false\" vmw:key=\"firmware\" vmw:value=\"{kind}\"/>\n")
        })
        .unwrap_or_default();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References>
{files}  </References>
  <DiskSection>
    <Info>Virtual disks</Info>
{sections}  </DiskSection>
  <NetworkSection>
    <Network ovf:name="VM Network"/>
  </NetworkSection>
  <VirtualSystem ovf:id="machine">
    <Info>A virtual machine</Info>
    <Name>machine</Name>
    <OperatingSystemSection ovf:id="96" vmw:osType="debian12_64Guest">
      <Info>The operating system</Info>
      <Description>Debian GNU/Linux 12 (64-bit)</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Hardware</Info>
      <System>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>
      </System>
      <Item>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>
        <rasd:ResourceType>6</rasd:ResourceType>
      </Item>
{items}      <Item>
        <rasd:InstanceID>30</rasd:InstanceID>
        <rasd:ResourceSubType>E1000</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType>
      </Item>
{firmware}    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
"#
    )
}

/// A line of a manifest with SHA-256.
#[must_use]
pub fn sha256_line(name: &str, data: &[u8]) -> String {
    format!("SHA256({name})= {}\n", hex(&Sha256::digest(data)))
}

/// A line of a manifest with SHA-1.
#[must_use]
pub fn sha1_line(name: &str, data: &[u8]) -> String {
    format!("SHA1({name})= {}\n", hex(&Sha1::digest(data)))
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// An OVA with a descriptor, a manifest and these disk files as they are, named `disk1.vmdk` …;
/// the capacities are those of the disks that the guest sees, in bytes.
#[must_use]
pub fn ova(disks: &[(Vec<u8>, usize)], firmware: Option<&str>) -> Vec<u8> {
    let name = |index: usize| format!("disk{}.vmdk", index + 1);
    let stated: Vec<Disk> = disks
        .iter()
        .enumerate()
        .map(|(index, (file, capacity))| Disk::new(&name(index), file.len(), *capacity))
        .collect();
    let text = descriptor(&stated, firmware);
    let mut manifest = sha256_line("machine.ovf", text.as_bytes());
    for (index, (file, _)) in disks.iter().enumerate() {
        manifest.push_str(&sha256_line(&name(index), file));
    }
    let mut tar = Tar::new(Style::Ustar)
        .file("machine.ovf", text.as_bytes())
        .file("machine.mf", manifest.as_bytes());
    for (index, (file, _)) in disks.iter().enumerate() {
        tar = tar.file(&name(index), file);
    }
    tar.finish()
}

/// A gzip stream of the data.
///
/// # Panics
/// Never: the level exists.
#[must_use]
pub fn gzip(data: &[u8]) -> Vec<u8> {
    let level = libdeflater::CompressionLvl::new(6).unwrap();
    let mut compressor = libdeflater::Compressor::new(level);
    let mut out = vec![0; compressor.gzip_compress_bound(data.len())];
    let len = compressor.gzip_compress(data, &mut out).unwrap();
    out.truncate(len);
    out
}
