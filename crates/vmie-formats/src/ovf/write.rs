//! Writing a descriptor for one machine with one disk, as vSphere takes it (DSP0243 1.1.0). The
//! elements of an item are in the order of CIM's schema, which is that of the alphabet.

use std::fmt::Write as _;

use crate::convert::Stamp;
use crate::ova::Machine;

/// The URI of a stream-optimized VMDK.
const STREAM: &str = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized";

/// The descriptor of a machine whose disk has `capacity` bytes in a file of `len` bytes called
/// `file`.
pub(crate) fn descriptor(
    machine: &Machine,
    stamp: &Stamp,
    file: &str,
    capacity: u64,
    len: u64,
) -> String {
    let name = escape(&machine.name);
    let mut text = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
    xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
    xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:href="{file}" ovf:id="file1" ovf:size="{len}"/>
  </References>
  <DiskSection>
    <Info>Virtual disk information</Info>
    <Disk ovf:capacity="{capacity}" ovf:capacityAllocationUnits="byte" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="{STREAM}"/>
  </DiskSection>
  <NetworkSection>
    <Info>The list of logical networks</Info>
    <Network ovf:name="VM Network">
      <Description>The network of the machine</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="vm">
    <Info>A virtual machine</Info>
    <Name>{name}</Name>
    <OperatingSystemSection ovf:id="102" vmw:osType="otherGuest64">
      <Info>The kind of installed guest operating system</Info>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware requirements</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>{name}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-{:02}</vssd:VirtualSystemType>
      </System>
"#,
        stamp.hardware_version
    );
    for fields in items(machine, &stamp.adapter) {
        text.push_str("      <Item>\n");
        for (element, value) in fields {
            let _ = writeln!(text, "        <rasd:{element}>{value}</rasd:{element}>");
        }
        text.push_str("      </Item>\n");
    }
    let firmware = if machine.uefi { "efi" } else { "bios" };
    let _ = write!(
        text,
        r#"      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="{firmware}"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
"#
    );
    text
}

/// The devices: their elements and values.
fn items(machine: &Machine, adapter: &str) -> [Vec<(&'static str, String)>; 5] {
    let (cpus, memory) = (machine.cpus, machine.memory);
    let pair = |element, value: &str| (element, value.to_owned());
    let (controller, sub_type) = match adapter {
        "ide" => ("5", None),
        "pvscsi" => ("6", Some("VirtualSCSI")),
        other => ("6", Some(other)),
    };
    let mut disks = vec![
        pair("Address", "0"),
        pair("ElementName", "Disk controller 0"),
        pair("InstanceID", "3"),
    ];
    disks.extend(sub_type.map(|name| pair("ResourceSubType", name)));
    disks.push(pair("ResourceType", controller));
    [
        vec![
            pair("AllocationUnits", "hertz * 10^6"),
            pair("Description", "Number of virtual CPUs"),
            ("ElementName", format!("{cpus} virtual CPU(s)")),
            pair("InstanceID", "1"),
            pair("ResourceType", "3"),
            ("VirtualQuantity", cpus.to_string()),
        ],
        vec![
            pair("AllocationUnits", "byte * 2^20"),
            pair("Description", "Memory size"),
            ("ElementName", format!("{memory} MB of memory")),
            pair("InstanceID", "2"),
            pair("ResourceType", "4"),
            ("VirtualQuantity", memory.to_string()),
        ],
        disks,
        vec![
            pair("AddressOnParent", "0"),
            pair("ElementName", "Hard disk 1"),
            pair("HostResource", "ovf:/disk/vmdisk1"),
            pair("InstanceID", "4"),
            pair("Parent", "3"),
            pair("ResourceType", "17"),
        ],
        vec![
            pair("AddressOnParent", "7"),
            pair("AutomaticAllocation", "true"),
            pair("Connection", "VM Network"),
            pair("ElementName", "Network adapter 1"),
            pair("InstanceID", "5"),
            pair("ResourceSubType", "E1000"),
            pair("ResourceType", "10"),
        ],
    ]
}

/// Text as XML has it; characters that XML cannot have become question marks.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c < ' ' || matches!(c, '\u{7f}' | '\u{fffe}' | '\u{ffff}') => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::ovf::{Descriptor, Item};

    #[test]
    fn what_is_written_is_read() {
        let machine = Machine {
            name: "a <b> & \"c\"\n".to_owned(),
            memory: 2048,
            uefi: true,
            ..Machine::default()
        };
        let stamp = Stamp::default();
        let text = descriptor(&machine, &stamp, "x.vmdk", 5 << 30, 12_345);
        let read = Descriptor::parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(read.disks[0].capacity, Some(5 << 30));
        assert_eq!(read.files[0].size, Some(12_345));
        let system = &read.systems[0];
        assert_eq!(system.name.as_deref(), Some("a <b> & \"c\"?"));
        assert_eq!(system.hardware.firmware.as_deref(), Some("efi"));
        let disk = system.hardware.of_type(Item::DISK_DRIVE).next().unwrap();
        assert_eq!(disk.host_resources, ["ovf:/disk/vmdisk1"]);
        for item in &system.hardware.items {
            assert!(item.instance_id.is_some() && item.element_name.is_some());
        }
        // The schema has an item's elements in the order of the alphabet.
        for fields in items(&machine, "lsilogic") {
            assert!(fields.is_sorted_by(|a, b| a.0 < b.0), "{fields:?}");
        }
    }
}
