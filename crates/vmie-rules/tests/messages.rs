//! The message texts, one test for each point: the guide's own words, which were copied from it, the
//! code of those that answer a request, and what the advice is about.

use vmie_rules::SvcId;
use vmie_rules::api::ApiCode;
use vmie_rules::message::Message;

/// The messages of a point have these texts, parameters in angle brackets, this code, and advice
/// that names what matters.
#[track_caller]
fn says(id: SvcId, texts: &[&str], code: Option<ApiCode>, advice: &str) {
    let ours: Vec<Message> = Message::templates()
        .into_iter()
        .filter(|message| message.id() == id)
        .collect();
    let templates: Vec<&str> = ours.iter().map(|one| one.info().template).collect();
    assert_eq!(templates, texts);
    for message in ours {
        assert_eq!(message.info().code, code);
        assert!(message.advice().contains(advice), "{}", message.advice());
        assert!(!message.cause().is_empty());
    }
}

#[test]
fn svc_err_1_a_format_that_is_not_supported() {
    says(
        SvcId::Err1,
        &["Parameter disk-image-size=0 has an invalid format"],
        Some(ApiCode::InvalidParameter),
        "VHDX",
    );
}

#[test]
fn svc_err_2_a_policy_that_is_none() {
    says(
        SvcId::Err2,
        &["Syntax errors in policy"],
        Some(ApiCode::MalformedPolicyDocument),
        "file://",
    );
}

#[test]
fn svc_err_3_an_appliance_with_chunked_disks() {
    says(
        SvcId::Err3,
        &[
            "ClientError: Disk validation failed [OVF file parsing error: OVA with chunked disk files is not supported]",
        ],
        None,
        "one file",
    );
}

#[test]
fn svc_err_4_another_kind_of_vmdk() {
    says(
        SvcId::Err4,
        &["ClientError: Disk validation failed [Unsupported VMDK File Format]"],
        None,
        "stream-optimized",
    );
}

#[test]
fn svc_err_5_several_boot_menus() {
    says(
        SvcId::Err5,
        &["ClientError: Multiple different grub/menu.lst files found"],
        None,
        "one boot menu",
    );
}

#[test]
fn svc_err_6_a_role_that_is_missing_or_weak() {
    says(
        SvcId::Err6,
        &[
            "The service role <name> provided does not exist or does not have sufficient permissions",
            "The service role vmimport does not exist or does not have sufficient permissions for the service to continue",
        ],
        Some(ApiCode::InvalidParameter),
        "kms:Decrypt",
    );
}

#[test]
fn svc_err_7_no_bootable_partition() {
    says(
        SvcId::Err7,
        &["Client.Unsupported: No bootable partition found."],
        None,
        "bootable",
    );
}

#[test]
fn svc_err_8_footers_of_a_vhd() {
    says(
        SvcId::Err8,
        &["ClientError: Footers not identical"],
        None,
        "dynamic VHD",
    );
}

#[test]
fn svc_err_9_a_damaged_grain() {
    says(
        SvcId::Err9,
        &["ClientError: Uncompressed data has an invalid length"],
        None,
        "again",
    );
}

#[test]
fn svc_err_10_a_bucket_in_another_region() {
    says(
        SvcId::Err10,
        &["ERROR: Bucket <name> is not in the <Region> Region, it's in <Region>"],
        None,
        "--ignore-region-affinity",
    );
}

#[test]
fn svc_err_11_grains_without_compression() {
    says(
        SvcId::Err11,
        &["ERROR: File uses unsupported compression algorithm 0"],
        None,
        "OVF",
    );
}

#[test]
fn svc_err_12_an_address_of_no_object() {
    says(
        SvcId::Err12,
        &["Invalid S3 source location"],
        None,
        "s3://bucket/key",
    );
}

#[test]
fn svc_err_13_a_bucket_that_is_not_local() {
    says(
        SvcId::Err13,
        &["The given S3 bucket is not local to the Region"],
        Some(ApiCode::InvalidParameter),
        "Region",
    );
}

#[test]
fn svc_err_14_an_unknown_system() {
    says(
        SvcId::Err14,
        &["ClientError: Unknown OS / Missing OS files"],
        None,
        "supported",
    );
}

#[test]
fn svc_err_15_an_instance_with_several_volumes() {
    says(
        SvcId::Err15,
        &["This instance has multiple volumes attached. Please remove additional volumes."],
        Some(ApiCode::UnsupportedOperation),
        "detach",
    );
}

#[test]
fn svc_err_16_an_instance_that_is_not_exported() {
    says(
        SvcId::Err16,
        &["This instance cannot be exported."],
        Some(ApiCode::NotExportable),
        "imported",
    );
}

#[test]
fn svc_err_17_an_instance_without_a_root() {
    says(
        SvcId::Err17,
        &[
            "Error starting instances: Invalid value <id> for instanceId. Instance does not have a volume attached at root (/dev/sda1).",
        ],
        None,
        "complete",
    );
}

#[test]
fn svc_err_18_an_object_that_is_not_local() {
    says(
        SvcId::Err18,
        &["The given S3 object is not local to the region."],
        Some(ApiCode::InvalidParameter),
        "instance's Region",
    );
}

#[test]
fn svc_err_19_windows_without_net() {
    says(
        SvcId::Err19,
        &[
            "ClientError: Booter Networking failure/instance not reachable. Please retry after installation of .Net framework 3.5 SP1 or greater.",
        ],
        None,
        "3.5 SP1",
    );
}

#[test]
fn svc_err_20_a_first_boot_that_fails() {
    says(
        SvcId::Err20,
        &[
            "FirstBootFailure: This import request failed because the instance failed to boot and establish network connectivity.",
        ],
        None,
        "DHCP",
    );
}

#[test]
fn svc_err_21_an_unreadable_fstab() {
    says(
        SvcId::Err21,
        &["ClientError: Invalid configuration - Could not read fstab"],
        None,
        "one system",
    );
}

#[test]
fn svc_err_22_a_boot_menu_without_a_default() {
    says(
        SvcId::Err22,
        &["ClientError: BLSC-style GRUB found, but unable to detect default kernel"],
        None,
        "grubenv",
    );
}

#[test]
fn svc_err_23_an_unreadable_initramfs() {
    says(
        SvcId::Err23,
        &[
            "ClientError: We were unable to read your import's initramfs/initrd to determine what drivers your import requires to run in EC2",
        ],
        None,
        "build it again",
    );
}

#[test]
fn svc_err_24_a_volume_group_that_is_not_activated() {
    says(
        SvcId::Err24,
        &["ClientError: Unsupported configuration - Logical volume group activation failed"],
        None,
        "repair",
    );
}

#[test]
fn svc_err_25_several_etc() {
    says(
        SvcId::Err25,
        &["ClientError: Unsupported configuration - Multiple directories found"],
        None,
        "one system",
    );
}

#[test]
fn svc_err_26_a_kernel_outside_of_the_matrix() {
    says(
        SvcId::Err26,
        &["ClientError: Unsupported kernel version <release>"],
        None,
        "default",
    );
}

#[test]
fn svc_err_27_linux_on_the_wrong_instance() {
    says(
        SvcId::Err27,
        &["Linux is not supported on the requested instance"],
        None,
        "instance type",
    );
}

#[test]
fn svc_err_28_a_file_that_is_no_disk() {
    says(
        SvcId::Err28,
        &["ClientError: No valid partitions. Not a valid volume."],
        None,
        "convert",
    );
}

#[test]
fn svc_err_29_a_kernel_without_a_version() {
    says(
        SvcId::Err29,
        &["ClientError: Unable to determine kernel version."],
        None,
        "/boot",
    );
}

#[test]
fn svc_err_30_a_file_of_another_format() {
    says(
        SvcId::Err30,
        &["Disk validation failed [unsupported specified file format]"],
        None,
        "unpack",
    );
}

#[test]
fn svc_err_31_a_source_that_may_not_be_read() {
    says(
        SvcId::Err31,
        &[
            "ClientError: Disk validation failed [We do not have access to the given resource. Reason 403 Forbidden]",
        ],
        None,
        "role",
    );
}

#[test]
fn svc_err_32_an_encrypted_image() {
    says(
        SvcId::Err32,
        &["The image ID (<id>) provided has encrypted EBS block devices and is not exportable."],
        Some(ApiCode::InvalidParameter),
        "without encryption",
    );
}

#[test]
fn svc_err_33_a_bucket_that_is_not_writable() {
    says(
        SvcId::Err33,
        &["vm-import-export@amazon.com must have WRITE and READ_ACL permission on the S3 bucket."],
        Some(ApiCode::AuthFailure),
        "WRITE",
    );
}
