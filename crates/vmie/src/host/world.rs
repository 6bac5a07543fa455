//! The world of a command: no limits, and the images that the store had before its engine recorded
//! any.

use std::borrow::Cow;

use vmie_rules::guest::Platform;
use vmie_rules::license::LicenseType;
use vmie_tasks::{
    AccountRecord, BucketRecord, Caller, Device, ImageId, ImageRecord, KeyRecord, OpenWorld,
    RoleRecord, SnapshotId, SnapshotRecord, World,
};

use crate::store::{ImageNote, Layout, SnapshotNote, note};

/// Bytes of a GiB.
const GIB: u64 = 1 << 30;

/// [`OpenWorld`], and what the notes of a store say of images and snapshots.
#[derive(Clone, Debug)]
pub(super) struct StoreWorld {
    layout: Layout,
    caller: Caller,
}

impl StoreWorld {
    pub(super) fn new(layout: Layout, caller: Caller) -> Self {
        Self { layout, caller }
    }
}

impl World for StoreWorld {
    fn account(&self, account: &str) -> Option<Cow<'_, AccountRecord>> {
        // The world that answers is a constant.
        OpenWorld
            .account(account)
            .map(|one| Cow::Owned(one.into_owned()))
    }

    fn bucket(&self, caller: &Caller, name: &str) -> Option<Cow<'_, BucketRecord>> {
        let one = OpenWorld.bucket(caller, name)?;
        Some(Cow::Owned(one.into_owned()))
    }

    fn role(&self, account: &str, name: &str) -> Option<Cow<'_, RoleRecord>> {
        let one = OpenWorld.role(account, name)?;
        Some(Cow::Owned(one.into_owned()))
    }

    fn key(&self, caller: &Caller, id: &str) -> Option<Cow<'_, KeyRecord>> {
        let one = OpenWorld.key(caller, id)?;
        Some(Cow::Owned(one.into_owned()))
    }

    fn image(&self, id: &str) -> Option<Cow<'_, ImageRecord>> {
        let id = ImageId::parse(id)?;
        let note: ImageNote = note::read(&self.layout.image_note(&id)).ok()??;
        let usage = note.usage_operation.clone().unwrap_or_else(|| {
            let usage = match (note.platform, note.license_type) {
                (Some(Platform::Windows), LicenseType::Aws) => "RunInstances:0002",
                (Some(Platform::Windows), _) => "RunInstances:0800",
                _ => "RunInstances",
            };
            usage.to_owned()
        });
        let devices = note.disks.iter().map(|disk| Device {
            device_name: disk.device_name.clone(),
            snapshot_id: Some(disk.snapshot_id.clone()),
            volume_size: Some(disk.virtual_size.div_ceil(GIB).max(1)),
            ..Device::default()
        });
        Some(Cow::Owned(ImageRecord {
            id: note.image_id,
            owner: self.caller.account.clone(),
            region: self.caller.region.clone(),
            name: note.name,
            description: note.description,
            platform_details: None,
            usage_operation: Some(usage),
            platform: note.platform,
            architecture: note.architecture,
            boot_mode: note.boot_mode,
            ena_support: None,
            root_device_name: note.disks.first().map(|disk| disk.device_name.clone()),
            devices: devices.collect(),
            product_codes: Vec::new(),
            hybrid_grub: false,
            virtualization_type: Some("hvm".to_owned()),
            shared_with: Vec::new(),
            public: false,
            created: note.created,
            state: "available".to_owned(),
            made_by: None,
            tags: note.tags,
        }))
    }

    fn snapshot(&self, id: &str) -> Option<Cow<'_, SnapshotRecord>> {
        let id = SnapshotId::parse(id)?;
        let note: SnapshotNote = note::read(&self.layout.snapshot_note(&id)).ok()??;
        Some(Cow::Owned(SnapshotRecord {
            id: note.snapshot_id,
            owner: self.caller.account.clone(),
            region: self.caller.region.clone(),
            volume_size: note.virtual_size.div_ceil(GIB).max(1),
            description: note.description,
            encrypted: false,
            kms_key_id: None,
            shared_with: Vec::new(),
            data_bytes: Some(note.data_bytes),
            volume_id: None,
            created: note.created,
            state: "completed".to_owned(),
            made_by: Some(note.task_id),
            tags: note.tags,
        }))
    }
}
