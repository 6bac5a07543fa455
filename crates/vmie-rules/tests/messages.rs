//! The message texts against a table that was copied from the guide.

use vmie_rules::message::Message;

/// Id and text, parameters in angle brackets.
const TEXTS: &[(&str, &str)] = &[
    (
        "SVC-ERR-1",
        "Parameter disk-image-size=0 has an invalid format",
    ),
    ("SVC-ERR-2", "Syntax errors in policy"),
    (
        "SVC-ERR-3",
        "ClientError: Disk validation failed [OVF file parsing error: OVA with chunked disk files is not supported]",
    ),
    (
        "SVC-ERR-4",
        "ClientError: Disk validation failed [Unsupported VMDK File Format]",
    ),
    (
        "SVC-ERR-5",
        "ClientError: Multiple different grub/menu.lst files found",
    ),
    (
        "SVC-ERR-6",
        "The service role <name> provided does not exist or does not have sufficient permissions",
    ),
    (
        "SVC-ERR-6",
        "The service role vmimport does not exist or does not have sufficient permissions for the service to continue",
    ),
    (
        "SVC-ERR-7",
        "Client.Unsupported: No bootable partition found.",
    ),
    ("SVC-ERR-8", "ClientError: Footers not identical"),
    (
        "SVC-ERR-9",
        "ClientError: Uncompressed data has an invalid length",
    ),
    (
        "SVC-ERR-10",
        "ERROR: Bucket <name> is not in the <Region> Region, it's in <Region>",
    ),
    (
        "SVC-ERR-11",
        "ERROR: File uses unsupported compression algorithm 0",
    ),
    ("SVC-ERR-12", "Invalid S3 source location"),
    (
        "SVC-ERR-13",
        "The given S3 bucket is not local to the Region",
    ),
    ("SVC-ERR-14", "ClientError: Unknown OS / Missing OS files"),
    (
        "SVC-ERR-15",
        "This instance has multiple volumes attached. Please remove additional volumes.",
    ),
    ("SVC-ERR-16", "This instance cannot be exported."),
    (
        "SVC-ERR-17",
        "Error starting instances: Invalid value <id> for instanceId. Instance does not have a volume attached at root (/dev/sda1).",
    ),
    (
        "SVC-ERR-18",
        "The given S3 object is not local to the region.",
    ),
    (
        "SVC-ERR-19",
        "ClientError: Booter Networking failure/instance not reachable. Please retry after installation of .Net framework 3.5 SP1 or greater.",
    ),
    (
        "SVC-ERR-20",
        "FirstBootFailure: This import request failed because the instance failed to boot and establish network connectivity.",
    ),
    (
        "SVC-ERR-21",
        "ClientError: Invalid configuration - Could not read fstab",
    ),
    (
        "SVC-ERR-22",
        "ClientError: BLSC-style GRUB found, but unable to detect default kernel",
    ),
    (
        "SVC-ERR-23",
        "ClientError: We were unable to read your import's initramfs/initrd to determine what drivers your import requires to run in EC2",
    ),
    (
        "SVC-ERR-24",
        "ClientError: Unsupported configuration - Logical volume group activation failed",
    ),
    (
        "SVC-ERR-25",
        "ClientError: Unsupported configuration - Multiple directories found",
    ),
    (
        "SVC-ERR-26",
        "ClientError: Unsupported kernel version <release>",
    ),
    (
        "SVC-ERR-27",
        "Linux is not supported on the requested instance",
    ),
    (
        "SVC-ERR-28",
        "ClientError: No valid partitions. Not a valid volume.",
    ),
    (
        "SVC-ERR-29",
        "ClientError: Unable to determine kernel version.",
    ),
    (
        "SVC-ERR-30",
        "Disk validation failed [unsupported specified file format]",
    ),
    (
        "SVC-ERR-31",
        "ClientError: Disk validation failed [We do not have access to the given resource. Reason 403 Forbidden]",
    ),
    (
        "SVC-ERR-32",
        "The image ID (<id>) provided has encrypted EBS block devices and is not exportable.",
    ),
    (
        "SVC-ERR-33",
        "vm-import-export@amazon.com must have WRITE and READ_ACL permission on the S3 bucket.",
    ),
];

#[test]
fn the_texts_are_the_guides_word_for_word() {
    let ours: Vec<(&str, &str)> = Message::templates()
        .iter()
        .map(|message| (message.id().as_str(), message.info().template))
        .collect();
    assert_eq!(ours, TEXTS);
}
