//! RegisterImage, DeregisterImage, DescribeImages.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::SvcId;
use vmie_rules::api::{self, ApiCode};
use vmie_rules::guest::{BootMode, Platform};

use super::{merged, passes, tags_for};
use crate::call::{
    BlockDeviceMapping, Caller, DeregisterImageRequest, DescribeImagesRequest, EbsBlockDevice,
    RegisterImageRequest,
};
use crate::check;
use crate::engine::list::{invalid_token, max_results};
use crate::engine::requests::dry_run;
use crate::engine::{Engine, Turn};
use crate::id::ImageId;
use crate::output::Change;
use crate::record::{Record, RecordKey};
use crate::reply::{ApiError, DeleteSnapshotResult, Image, Reply};
use crate::resource::{Device, ImageRecord, Resource};
use crate::time::Timestamp;
use crate::world::World;

/// The most devices of an image.
const MAX_DEVICES: usize = 64;

fn unknown(text: &str) -> ApiError {
    ApiError::new(
        ApiCode::InvalidAmiIdNotFound,
        api::not_there("image", check::shown(text)),
    )
}

impl<W: World> Engine<W> {
    pub(in crate::engine) fn register_image(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        request: RegisterImageRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        let name = check_request(&request)?;
        let boot_mode: Option<BootMode> = check::word("BootMode", request.boot_mode.as_deref())?;
        if self.book.image_named(caller, &name).is_some() {
            return Err(ApiError::because(
                ApiCode::InvalidParameterValue,
                format!("AMI name {name} is already in use"),
                "name-in-use",
                "choose another name",
                SvcId::Mod7,
            ));
        }
        let devices = self.devices(caller, &request.block_device_mappings)?;
        let root = request.root_device_name.clone();
        let root = root.or_else(|| devices.first().map(|one| one.device_name.clone()));
        let has_root = devices
            .iter()
            .any(|one| Some(&one.device_name) == root.as_ref() && one.snapshot_id.is_some());
        if !has_root {
            return Err(ApiError::because(
                ApiCode::InvalidParameterCombination,
                "The root device must be in the mapping, with a snapshot.",
                "no-root-snapshot",
                "name the device of the root's snapshot as RootDeviceName",
                SvcId::Mod7,
            ));
        }
        dry_run(request.dry_run)?;
        let image_id = self.ids.image();
        turn.put(Record::engine(self.ids));
        let image = ImageRecord {
            id: image_id.clone(),
            owner: caller.account.clone(),
            region: caller.region.clone(),
            name,
            description: request.description,
            // What is registered without a look inside is billed as Linux.
            platform_details: Some("Linux/UNIX".to_string()),
            usage_operation: Some("RunInstances".to_string()),
            platform: None,
            architecture: Some(
                request
                    .architecture
                    .map_or_else(|| "i386".to_string(), |text| text.to_ascii_lowercase()),
            ),
            boot_mode,
            ena_support: request.ena_support,
            devices,
            root_device_name: root,
            product_codes: Vec::new(),
            hybrid_grub: false,
            virtualization_type: Some(request.virtualization_type.map_or_else(
                || "paravirtual".to_string(),
                |text| text.to_ascii_lowercase(),
            )),
            shared_with: Vec::new(),
            public: false,
            created: now,
            state: "available".to_string(),
            made_by: None,
            tags: tags_for(&request.tag_specifications, "image"),
        };
        self.made(Resource::Image(image), turn);
        Ok(Reply::RegisterImage { image_id })
    }

    fn devices(
        &self,
        caller: &Caller,
        mappings: &[BlockDeviceMapping],
    ) -> Result<Vec<Device>, ApiError> {
        let mut devices: Vec<Device> = Vec::new();
        for mapping in mappings.iter().filter(|one| one.no_device.is_none()) {
            let name = mapping.device_name.as_deref().unwrap_or_default();
            if name.is_empty() || devices.iter().any(|one| one.device_name == name) {
                let parameter = "BlockDeviceMapping.N.DeviceName";
                return Err(check::invalid(parameter, name, "Name each device once."));
            }
            check::text("BlockDeviceMapping.N.DeviceName", Some(name))?;
            check::text(
                "BlockDeviceMapping.N.VirtualName",
                mapping.virtual_name.as_deref(),
            )?;
            let mut device = Device {
                device_name: name.into(),
                virtual_name: mapping.virtual_name.clone(),
                ..Device::default()
            };
            if let Some(ebs) = &mapping.ebs {
                self.ebs(caller, ebs, &mut device)?;
            }
            devices.push(device);
        }
        Ok(devices)
    }

    fn ebs(
        &self,
        caller: &Caller,
        ebs: &EbsBlockDevice,
        device: &mut Device,
    ) -> Result<(), ApiError> {
        let parameter = "BlockDeviceMapping.N.Ebs.VolumeSize";
        let least = match ebs.snapshot_id.as_deref() {
            None => 1,
            Some(text) => {
                let snapshot = self.own_snapshot(caller, text)?;
                device.encrypted = snapshot.encrypted;
                device.snapshot_id = Some(snapshot.id.clone());
                snapshot.volume_size
            }
        };
        let size = match ebs.volume_size {
            None => least,
            Some(size) => {
                let fits = u64::try_from(size).ok().filter(|size| *size >= least);
                fits.ok_or_else(|| {
                    let expected = format!("Use at least {least}.");
                    check::invalid(parameter, &size.to_string(), &expected)
                })?
            }
        };
        device.volume_size = Some(size);
        device.encrypted |= ebs.encrypted == Some(true);
        Ok(())
    }

    pub(in crate::engine) fn deregister_image(
        &mut self,
        caller: &Caller,
        request: &DeregisterImageRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        let text = request.image_id.as_deref();
        let text = text.ok_or_else(|| check::missing("ImageId"))?;
        let id = ImageId::parse(text).ok_or_else(|| unknown(text))?;
        self.book
            .images
            .get(&id)
            .filter(|image| image.owner == caller.account && image.region == caller.region)
            .ok_or_else(|| unknown(text))?;
        dry_run(request.dry_run)?;
        let image = self.book.remove_image(&id).ok_or_else(|| unknown(text))?;
        turn.changes.push(Change::Remove {
            key: RecordKey::Image { id },
        });
        let mut delete_snapshot_results = Vec::new();
        if request.delete_associated_snapshots == Some(true) {
            for snapshot in image
                .devices
                .iter()
                .filter_map(|one| one.snapshot_id.as_ref())
            {
                let elsewhere = self.snapshot_in_use(caller, snapshot).is_some();
                let code = if elsewhere {
                    "skipped"
                } else if self.book.remove_snapshot(snapshot).is_some() {
                    turn.changes.push(Change::Remove {
                        key: RecordKey::Snapshot {
                            id: snapshot.clone(),
                        },
                    });
                    "success"
                } else {
                    "client-error"
                };
                delete_snapshot_results.push(DeleteSnapshotResult {
                    snapshot_id: snapshot.to_string(),
                    return_code: code.to_string(),
                });
            }
        }
        Ok(Reply::DeregisterImage {
            delete_snapshot_results,
        })
    }

    pub(in crate::engine) fn describe_images(
        &self,
        caller: &Caller,
        request: &DescribeImagesRequest,
    ) -> Result<Reply, ApiError> {
        let count = max_results(request.max_results)?;
        let after = match request.next_token.as_deref() {
            None => None,
            Some(text) => Some(ImageId::parse(text).ok_or_else(invalid_token)?),
        };
        let mut candidates: Vec<Cow<'_, ImageRecord>> = Vec::new();
        for text in &request.image_ids {
            let own = ImageId::parse(text).and_then(|id| match self.book.images.get(&id) {
                Some(image) => Some(Cow::Borrowed(image)),
                None => self.world.image(text),
            });
            let image = own.filter(|image| visible(image, caller));
            candidates.push(image.ok_or_else(|| unknown(text))?);
        }
        dry_run(request.dry_run)?;
        candidates.sort_by(|left, right| left.id.cmp(&right.id));
        candidates.dedup_by(|left, right| left.id == right.id);
        let all: &mut dyn Iterator<Item = Cow<'_, ImageRecord>> = if request.image_ids.is_empty() {
            let others = self.world.images(caller);
            &mut merged(
                self.book.images_of(caller, after.as_ref()),
                others,
                |image: &ImageRecord| image.id.clone(),
            )
        } else {
            &mut candidates.into_iter()
        };
        let mut images = Vec::new();
        let mut next_token = None;
        for image in all {
            if after.as_ref().is_some_and(|after| image.id <= *after)
                || !visible(&image, caller)
                || !owned(&image, caller, &request.owners)
                || !executable(&image, caller, &request.executable_by)
                || !passes(&request.filters, &image.tags, |name| value(&image, name))?
            {
                continue;
            }
            if images.len() == count {
                next_token = images.last().map(|last: &Image| last.image_id.to_string());
                break;
            }
            images.push(self.image_view(&image));
        }
        Ok(Reply::DescribeImages { images, next_token })
    }

    fn image_view(&self, image: &ImageRecord) -> Image {
        Image {
            platform_details: image.platform_details.clone(),
            usage_operation: image.usage_operation.clone(),
            block_device_mappings: image
                .devices
                .iter()
                .map(|device| self.mapping(device))
                .collect(),
            description: image.description.clone(),
            ena_support: image.ena_support,
            hypervisor: Some("xen".to_string()),
            image_owner_alias: None,
            name: Some(image.name.clone()),
            root_device_name: image.root_device_name.clone(),
            root_device_type: Some("ebs".to_string()),
            sriov_net_support: None,
            state_reason: None,
            tags: image.tags.clone(),
            virtualization_type: image.virtualization_type.clone(),
            boot_mode: image.boot_mode.map(|mode| mode.as_str().to_string()),
            tpm_support: None,
            deprecation_time: None,
            imds_support: None,
            source_instance_id: None,
            deregistration_protection: None,
            last_launched_time: None,
            image_allowed: None,
            source_image_id: None,
            source_image_region: None,
            free_tier_eligible: None,
            public_ssm_parameter_name: None,
            image_watermarks: Vec::new(),
            scan_results: None,
            instance_type_specification: None,
            image_id: image.id.clone(),
            image_location: Some(format!("{}/{}", image.owner, image.name)),
            state: image.state.clone(),
            owner_id: image.owner.clone(),
            creation_date: Some(image.created),
            public: image.public,
            product_codes: image.product_codes.clone(),
            architecture: image.architecture.clone(),
            image_type: Some("machine".to_string()),
            kernel_id: None,
            ramdisk_id: None,
            platform: (image.platform == Some(Platform::Windows)).then(|| "windows".to_string()),
        }
    }

    fn mapping(&self, device: &Device) -> BlockDeviceMapping {
        let snapshot = device.snapshot_id.as_ref();
        let record = snapshot.and_then(|id| self.book.snapshots.get(id));
        let size = device.volume_size.or(record.map(|one| one.volume_size));
        let ebs = EbsBlockDevice {
            delete_on_termination: Some(true),
            snapshot_id: snapshot.map(ToString::to_string),
            volume_size: size.and_then(|size| i64::try_from(size).ok()),
            volume_type: Some("gp2".to_string()),
            encrypted: Some(device.encrypted || record.is_some_and(|one| one.encrypted)),
            ..EbsBlockDevice::default()
        };
        BlockDeviceMapping {
            ebs: Some(ebs).filter(|_| device.virtual_name.is_none()),
            no_device: None,
            device_name: Some(device.device_name.clone()),
            virtual_name: device.virtual_name.clone(),
        }
    }
}

/// What can be said of a request alone; returns the name.
fn check_request(request: &RegisterImageRequest) -> Result<String, ApiError> {
    let name = request.name.as_deref();
    let name = name.ok_or_else(|| check::missing("Name"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || " ()[]./-'@_".contains(c);
    if !(3..=128).contains(&name.len()) || !name.chars().all(plain) {
        let expected = "Use 3 to 128 letters, digits and ()[]./-'@_ or spaces.";
        return Err(check::invalid("Name", name, expected));
    }
    check::text("Description", request.description.as_deref())?;
    check::text("RootDeviceName", request.root_device_name.as_deref())?;
    check::tags_of(&request.tag_specifications, &["image", "snapshot"])?;
    let unsupported = [
        ("ImageLocation", request.image_location.is_some()),
        ("BillingProduct", !request.billing_products.is_empty()),
        ("KernelId", request.kernel_id.is_some()),
        ("RamdiskId", request.ramdisk_id.is_some()),
        ("TpmSupport", request.tpm_support.is_some()),
        ("UefiData", request.uefi_data.is_some()),
        ("ImdsSupport", request.imds_support.is_some()),
        ("SriovNetSupport", request.sriov_net_support.is_some()),
    ];
    if let Some((name, _)) = unsupported.iter().find(|(_, sent)| *sent) {
        let message = format!("The parameter {name} is not supported here.");
        return Err(ApiError::new(ApiCode::Unsupported, message));
    }
    if request.block_device_mappings.is_empty() {
        return Err(check::missing("BlockDeviceMapping"));
    }
    if request.block_device_mappings.len() > MAX_DEVICES {
        let message = "An image has at most 64 devices.";
        return Err(ApiError::new(ApiCode::InvalidParameterValue, message));
    }
    check::one_of(
        "Architecture",
        request.architecture.as_deref(),
        &["i386", "x86_64", "arm64", "x86_64_mac", "arm64_mac"],
        "Use i386, x86_64, arm64, x86_64_mac or arm64_mac.",
    )?;
    check::one_of(
        "VirtualizationType",
        request.virtualization_type.as_deref(),
        &["hvm", "paravirtual"],
        "Use hvm or paravirtual.",
    )?;
    Ok(name.into())
}

fn visible(image: &ImageRecord, caller: &Caller) -> bool {
    image.region == caller.region
        && (image.owner == caller.account
            || image.public
            || image.shared_with.contains(&caller.account))
}

fn owned(image: &ImageRecord, caller: &Caller, owners: &[String]) -> bool {
    owners.is_empty()
        || owners
            .iter()
            .any(|owner| *owner == image.owner || owner == "self" && image.owner == caller.account)
}

fn executable(image: &ImageRecord, caller: &Caller, users: &[String]) -> bool {
    users.is_empty()
        || users.iter().any(|user| match user.as_str() {
            "all" => image.public,
            "self" => visible(image, caller),
            account => image.shared_with.iter().any(|one| one == account),
        })
}

/// What a filter's name stands for.
fn value(image: &ImageRecord, name: &str) -> Option<Vec<String>> {
    let one = |text: Option<&str>| Some(text.map(ToString::to_string).into_iter().collect());
    match name {
        "image-id" => one(Some(image.id.as_str())),
        "name" => one(Some(&image.name)),
        "description" => one(image.description.as_deref()),
        "state" => one(Some(&image.state)),
        "owner-id" => one(Some(&image.owner)),
        "architecture" => one(image.architecture.as_deref()),
        "root-device-name" => one(image.root_device_name.as_deref()),
        "root-device-type" => one(Some("ebs")),
        "virtualization-type" => one(image.virtualization_type.as_deref()),
        "image-type" => one(Some("machine")),
        "is-public" => one(Some(if image.public { "true" } else { "false" })),
        "platform" => one((image.platform == Some(Platform::Windows)).then_some("windows")),
        "block-device-mapping.snapshot-id" => {
            let ids = image
                .devices
                .iter()
                .filter_map(|one| one.snapshot_id.as_ref());
            Some(ids.map(ToString::to_string).collect())
        }
        "block-device-mapping.device-name" => {
            let names = image.devices.iter().map(|one| one.device_name.clone());
            Some(names.collect())
        }
        _ => None,
    }
}
