//! The service's message texts (SVC-ERR-…), word by word, with what stands behind each.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use crate::SvcId;
use crate::api::ApiCode;

/// What is known of a message apart from its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageInfo {
    /// The point that states it.
    pub id: SvcId,
    /// The API's error code, for a message that is the answer to a request; `None` for one that
    /// a task carries in its `StatusMessage`.
    pub code: Option<ApiCode>,
    /// The text, its parameters in angle brackets.
    pub template: &'static str,
    /// What causes it.
    pub cause: &'static str,
    /// What mends it.
    pub advice: &'static str,
}

macro_rules! messages {
    ($(
        $variant:ident $({ $($param:ident),+ })?
        $id:ident $code:expr, $template:literal,
        $cause:literal, $advice:literal;
    )+) => {
        /// A message of the service with its parameters. [`Display`](fmt::Display) writes the
        /// service's own text.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(tag = "message", rename_all = "kebab-case"))]
        #[non_exhaustive]
        pub enum Message {
            $(
                #[doc = concat!("`", $template, "`")]
                $variant $({ $(
                    #[doc = concat!("The `", stringify!($param), "` of the text.")]
                    $param: String,
                )+})?,
            )+
        }

        impl Message {
            /// Everything that does not depend on the parameters.
            #[must_use]
            pub fn info(&self) -> &'static MessageInfo {
                match self {
                    $(Self::$variant { .. } => {
                        const INFO: MessageInfo = MessageInfo {
                            id: SvcId::$id,
                            code: $code,
                            template: $template,
                            cause: $cause,
                            advice: $advice,
                        };
                        &INFO
                    })+
                }
            }

            /// One of each, its parameters being their names in angle brackets: the templates.
            #[must_use]
            pub fn templates() -> alloc::vec::Vec<Self> {
                [$(Self::$variant $({ $(
                    $param: concat!("<", stringify!($param), ">").to_owned(),
                )+})?,)+].into()
            }
        }

        impl fmt::Display for Message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant $({ $($param),+ })? => {
                        let params: &[&str] = &[$($($param.as_str()),+)?];
                        fill(f, $template, params)
                    })+
                }
            }
        }
    };
}

messages! {
    DiskImageSizeInvalid Err1 Some(ApiCode::InvalidParameter),
        "Parameter disk-image-size=0 has an invalid format",
        "the file is of a format that is not supported",
        "convert it to VHD, VHDX, VMDK or raw (OVA, VHD, VMDK or raw for an instance) and retry";
    PolicySyntax Err2 Some(ApiCode::MalformedPolicyDocument),
        "Syntax errors in policy",
        "the policy's file name was sent instead of its content",
        "write file:// before the name of the policy file";
    ChunkedDisk Err3 None,
        "ClientError: Disk validation failed [OVF file parsing error: OVA with chunked disk files is not supported]",
        "a disk is split over several files",
        "export the machine again with each disk in one file";
    UnsupportedVmdk Err4 None,
        "ClientError: Disk validation failed [Unsupported VMDK File Format]",
        "the VMDK is not stream-optimized",
        "convert it to a stream-optimized VMDK, or export the machine as OVF or OVA";
    SeveralGrubMenus Err5 None,
        "ClientError: Multiple different grub/menu.lst files found",
        "several different grub.cfg, grub.conf or menu.lst: the machine boots several systems",
        "keep one boot menu and remove the others";
    RoleInsufficient { name } Err6 Some(ApiCode::InvalidParameter),
        "The service role <name> provided does not exist or does not have sufficient permissions",
        "the service role is missing or too weak, or may not decrypt the source's key",
        "create the role with its trust policy and permissions; for an encrypted source allow kms:Decrypt";
    VmimportInsufficient Err6 Some(ApiCode::InvalidParameter),
        "The service role vmimport does not exist or does not have sufficient permissions for the service to continue",
        "the service role is missing or too weak, or may not decrypt the source's key",
        "create the role with its trust policy and permissions; for an encrypted source allow kms:Decrypt";
    NoBootablePartition Err7 None,
        "Client.Unsupported: No bootable partition found.",
        "the root volume has no bootable partition, or is GPT where an instance import wants MBR",
        "make the root partition bootable, or use import-image";
    FootersNotIdentical Err8 None,
        "ClientError: Footers not identical",
        "the VHD is a differencing one, or badly made",
        "merge it with its parent or convert it to a fixed or dynamic VHD";
    InvalidGrainLength Err9 None,
        "ClientError: Uncompressed data has an invalid length",
        "the VMDK is damaged: a grain does not inflate to its length",
        "export or copy the VMDK again";
    BucketInOtherRegion { name, region, actual } Err10 None,
        "ERROR: Bucket <name> is not in the <Region> Region, it's in <Region>",
        "the bucket is in another Region",
        "use a bucket of the Region, or --ignore-region-affinity";
    UnsupportedCompression Err11 None,
        "ERROR: File uses unsupported compression algorithm 0",
        "the VMDK is not stream-optimized: its grains are not compressed",
        "convert it to a stream-optimized VMDK, or export the machine as OVF";
    InvalidS3Location Err12 None,
        "Invalid S3 source location",
        "the bucket's name or the address is written wrongly",
        "write s3://bucket/key, with the bucket's exact name";
    BucketNotLocal Err13 Some(ApiCode::InvalidParameter),
        "The given S3 bucket is not local to the Region",
        "the bucket is in another Region",
        "use a bucket of the Region";
    UnknownOs Err14 None,
        "ClientError: Unknown OS / Missing OS files",
        "no supported operating system was recognised",
        "check that the disk with the system is among the disks and that the system is supported";
    SeveralVolumes Err15 Some(ApiCode::UnsupportedOperation),
        "This instance has multiple volumes attached. Please remove additional volumes.",
        "an instance is exported with one volume only",
        "detach all volumes but the root volume";
    NotExportable Err16 Some(ApiCode::NotExportable),
        "This instance cannot be exported.",
        "the instance falls under a limit of exports",
        "export an instance that was imported and holds no software of the provider";
    StartedTooEarly { id } Err17 None,
        "Error starting instances: Invalid value <id> for instanceId. Instance does not have a volume attached at root (/dev/sda1).",
        "the instance was started before its conversion was complete",
        "wait until the task is complete";
    ObjectNotLocal Err18 Some(ApiCode::InvalidParameter),
        "The given S3 object is not local to the region.",
        "instance and bucket are in different Regions",
        "export into a bucket of the instance's Region";
    BooterNetworking Err19 None,
        "ClientError: Booter Networking failure/instance not reachable. Please retry after installation of .Net framework 3.5 SP1 or greater.",
        "Windows without .NET Framework 3.5 SP1",
        "install .NET Framework 3.5 SP1 or later before the export";
    FirstBootFailure Err20 None,
        "FirstBootFailure: This import request failed because the instance failed to boot and establish network connectivity.",
        "the guest did not boot, or has no network by DHCP",
        "enable DHCP, detach other disks and networks, remove the Hyper-V role and security software, and check that it boots on its own";
    UnreadableFstab Err21 None,
        "ClientError: Invalid configuration - Could not read fstab",
        "the machine boots several systems, or has several /etc",
        "keep one system on the disks";
    BlsWithoutDefault Err22 None,
        "ClientError: BLSC-style GRUB found, but unable to detect default kernel",
        "the kernel options were moved out of grub.cfg and no default entry is named",
        "set the default to $saved_entry and name the entry in grubenv";
    UnreadableInitramfs Err23 None,
        "ClientError: We were unable to read your import's initramfs/initrd to determine what drivers your import requires to run in EC2",
        "the initramfs is damaged or of an unknown kind",
        "build it again";
    VolumeGroupActivation Err24 None,
        "ClientError: Unsupported configuration - Logical volume group activation failed",
        "the LVM metadata is damaged, or a physical volume is missing",
        "repair the volume group and import all of its disks";
    SeveralDirectories Err25 None,
        "ClientError: Unsupported configuration - Multiple directories found",
        "several /etc: the machine boots several systems",
        "keep one system on the disks";
    UnsupportedKernel { release } Err26 None,
        "ClientError: Unsupported kernel version <release>",
        "the kernel is not among those supported for the system",
        "make a supported kernel the default";
    LinuxNotOnInstanceType Err27 None,
        "Linux is not supported on the requested instance",
        "import-instance takes Linux on some instance types only",
        "choose a supported instance type, or use import-image";
    NoValidPartitions Err28 None,
        "ClientError: No valid partitions. Not a valid volume.",
        "the file is no disk: an ISO, a qcow2 or a wrong kind of VMDK",
        "convert the disk to a supported format";
    KernelUndetermined Err29 None,
        "ClientError: Unable to determine kernel version.",
        "no kernel could be named",
        "check that /boot is on the imported disks and that the boot menu names a kernel";
    UnsupportedFileFormat Err30 None,
        "Disk validation failed [unsupported specified file format]",
        "the file is not of the format that was named, such as a compressed one",
        "unpack the file, or name the format it has";
    SourceForbidden Err31 None,
        "ClientError: Disk validation failed [We do not have access to the given resource. Reason 403 Forbidden]",
        "the source may not be read",
        "let the service role read the object";
    EncryptedDevices { id } Err32 Some(ApiCode::InvalidParameter),
        "The image ID (<id>) provided has encrypted EBS block devices and is not exportable.",
        "encrypted snapshots are not exported",
        "copy the image without encryption and export the copy";
    BucketAcl Err33 Some(ApiCode::AuthFailure),
        "vm-import-export@amazon.com must have WRITE and READ_ACL permission on the S3 bucket.",
        "the bucket's ACL does not let the service write",
        "grant READ_ACP and WRITE to the Region's canonical id";
}

impl Message {
    /// The point that states the message.
    #[must_use]
    pub fn id(&self) -> SvcId {
        self.info().id
    }

    /// What causes it.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        self.info().cause
    }

    /// What mends it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        self.info().advice
    }
}

/// Writes a template with its marked places filled in order.
fn fill(f: &mut fmt::Formatter<'_>, template: &str, params: &[&str]) -> fmt::Result {
    let mut rest = template;
    let mut params = params.iter();
    while let Some((before, after)) = rest.split_once('<') {
        let Some((_, after)) = after.split_once('>') else {
            break;
        };
        f.write_str(before)?;
        f.write_str(params.next().copied().unwrap_or_default())?;
        rest = after;
    }
    f.write_str(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn parameters_fill_the_service_text() {
        let kernel = Message::UnsupportedKernel {
            release: "5.8.0-59-generic".into(),
        };
        assert_eq!(
            kernel.to_string(),
            "ClientError: Unsupported kernel version 5.8.0-59-generic"
        );
        let bucket = Message::BucketInOtherRegion {
            name: "images".into(),
            region: "eu-west-1".into(),
            actual: "us-<east>-1".into(),
        };
        assert_eq!(
            bucket.to_string(),
            "ERROR: Bucket images is not in the eu-west-1 Region, it's in us-<east>-1"
        );
    }

    #[test]
    fn every_point_of_the_group_has_a_text() {
        let templates = Message::templates();
        for id in SvcId::ALL
            .iter()
            .filter(|id| id.as_str().starts_with("SVC-ERR-"))
        {
            let count = templates
                .iter()
                .filter(|message| message.id() == *id)
                .count();
            assert_eq!(count, if *id == SvcId::Err6 { 2 } else { 1 }, "{id}");
        }
        assert_eq!(templates.len(), 34);
    }

    #[test]
    fn every_place_of_a_template_has_its_parameter() {
        for message in Message::templates() {
            let places = message.info().template.matches('<').count();
            assert_eq!(
                message.to_string().matches('<').count(),
                places,
                "{message}"
            );
            assert!(!message.cause().is_empty() && !message.advice().is_empty());
        }
    }
}
