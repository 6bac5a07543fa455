//! The world of the simulation, which has what every kind of task needs.

use vmie_rules::region::CANONICAL_ID_OF_OTHERS;
use vmie_tasks::{
    BucketRecord, Caller, Device, Grant, ImageId, ImageRecord, InstanceRecord, KeyRecord,
    ListedWorld, Permission, RoleRecord, SnapshotId, SnapshotRecord,
};

pub const REGION: &str = "eu-central-1";
pub const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];
pub const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

pub fn callers() -> [Caller; 2] {
    ACCOUNTS.map(|account| Caller {
        account: account.into(),
        region: REGION.into(),
    })
}

/// The id of the image, instance or snapshot number `n` of an account.
pub fn id(prefix: &str, account: &str, n: u32) -> String {
    format!("{prefix}{}{n:05}", account.get(..12).unwrap_or_default())
}

fn record<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).expect("a good record")
}

pub fn planet() -> ListedWorld {
    let mut world = ListedWorld::default();
    let grant = |permission| Grant {
        grantee: CANONICAL_ID_OF_OTHERS.into(),
        permission,
    };
    for (place, account) in ACCOUNTS.into_iter().enumerate() {
        world.put_role(RoleRecord {
            account: account.into(),
            name: "vmimport".into(),
            open: true,
            ..RoleRecord::default()
        });
        world.put_bucket(BucketRecord {
            name: ["exports-1", "exports-2"][place].into(),
            owner: account.into(),
            region: REGION.into(),
            acl: vec![grant(Permission::Write), grant(Permission::ReadAcp)],
            ..BucketRecord::default()
        });
        world.put_key(KeyRecord {
            id: KEY.into(),
            owner: account.into(),
            region: REGION.into(),
            open: true,
            ..KeyRecord::default()
        });
        for n in 0..8 {
            let snapshot = id("snap-", account, n);
            let snapshot_id = SnapshotId::parse(&snapshot).expect("an id");
            world.put_snapshot(record::<SnapshotRecord>(serde_json::json!({
                "id": snapshot, "owner": account, "region": REGION, "volume_size": 8,
                // One of them is not exported.
                "encrypted": n == 7,
            })));
            let device = Device {
                device_name: "/dev/sda1".into(),
                snapshot_id: Some(snapshot_id),
                ..Device::default()
            };
            let image = id("ami-", account, n);
            let image_id = ImageId::parse(&image).expect("an id");
            let mut image: ImageRecord = record(serde_json::json!({
                "id": image, "owner": account, "region": REGION,
            }));
            image.devices = vec![device.clone()];
            if n == 1 {
                let second = Device {
                    device_name: "/dev/sdb".into(),
                    ..device.clone()
                };
                image.devices.push(second);
            }
            world.put_image(image);
            let mut instance: InstanceRecord = record(serde_json::json!({
                "id": id("i-", account, n), "owner": account, "region": REGION,
            }));
            instance.image_id = Some(image_id);
            instance.devices = vec![device];
            world.put_instance(instance);
        }
    }
    world.put_bucket(BucketRecord {
        name: "images".into(),
        owner: ACCOUNTS[0].into(),
        region: REGION.into(),
        open: true,
        ..BucketRecord::default()
    });
    world
}
