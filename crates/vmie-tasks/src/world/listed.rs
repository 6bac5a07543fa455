//! A world as lists of records.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{AccountRecord, BucketRecord, KeyRecord, RoleRecord, World};
use crate::call::Caller;
use crate::id::{ImageId, InstanceId, SnapshotId, VolumeId};
use crate::resource::{ImageRecord, InstanceRecord, SnapshotRecord, VolumeRecord};

/// A world that is written down: nothing is there but what the lists name. Its serialized form is
/// an object of lists `account`, `bucket`, `role`, `key`, `image`, `snapshot`, `volume`,
/// `instance`, each of which may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Lists")]
pub struct ListedWorld {
    accounts: BTreeMap<String, AccountRecord>,
    buckets: BTreeMap<String, BucketRecord>,
    roles: BTreeMap<(String, String), RoleRecord>,
    keys: Vec<KeyRecord>,
    images: BTreeMap<ImageId, ImageRecord>,
    snapshots: BTreeMap<SnapshotId, SnapshotRecord>,
    volumes: BTreeMap<VolumeId, VolumeRecord>,
    instances: BTreeMap<InstanceId, InstanceRecord>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Lists {
    account: Vec<AccountRecord>,
    bucket: Vec<BucketRecord>,
    role: Vec<RoleRecord>,
    key: Vec<KeyRecord>,
    image: Vec<ImageRecord>,
    snapshot: Vec<SnapshotRecord>,
    volume: Vec<VolumeRecord>,
    instance: Vec<InstanceRecord>,
}

/// A record that a list holds twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} comes twice; give each record once")]
pub struct ListedTwice {
    what: String,
}

fn once(before: bool, what: impl FnOnce() -> String) -> Result<(), ListedTwice> {
    if before {
        Err(ListedTwice { what: what() })
    } else {
        Ok(())
    }
}

impl TryFrom<Lists> for ListedWorld {
    type Error = ListedTwice;

    fn try_from(lists: Lists) -> Result<Self, ListedTwice> {
        let mut world = Self::default();
        for one in lists.account {
            let id = one.id.clone();
            once(world.put_account(one), || format!("the account {id}"))?;
        }
        for one in lists.bucket {
            let name = one.name.clone();
            once(world.put_bucket(one), || format!("the bucket {name}"))?;
        }
        for one in lists.role {
            let name = one.name.clone();
            once(world.put_role(one), || format!("the role {name}"))?;
        }
        for one in lists.key {
            let id = one.id.clone();
            once(world.put_key(one), || format!("the key {id}"))?;
        }
        for one in lists.image {
            let id = one.id.clone();
            once(world.put_image(one), || id.to_string())?;
        }
        for one in lists.snapshot {
            let id = one.id.clone();
            once(world.put_snapshot(one), || id.to_string())?;
        }
        for one in lists.volume {
            let id = one.id.clone();
            once(world.put_volume(one), || id.to_string())?;
        }
        for one in lists.instance {
            let id = one.id.clone();
            once(world.put_instance(one), || id.to_string())?;
        }
        Ok(world)
    }
}

impl ListedWorld {
    /// Puts an account in, or in place of the one of its id, and says whether there was one.
    pub fn put_account(&mut self, one: AccountRecord) -> bool {
        self.accounts.insert(one.id.clone(), one).is_some()
    }

    /// The same for a bucket.
    pub fn put_bucket(&mut self, one: BucketRecord) -> bool {
        self.buckets.insert(one.name.clone(), one).is_some()
    }

    /// The same for a role.
    pub fn put_role(&mut self, one: RoleRecord) -> bool {
        let key = (one.account.clone(), one.name.clone());
        self.roles.insert(key, one).is_some()
    }

    /// The same for a key.
    pub fn put_key(&mut self, one: KeyRecord) -> bool {
        let same = self
            .keys
            .iter_mut()
            .find(|key| key.id == one.id && key.owner == one.owner && key.region == one.region);
        match same {
            Some(key) => {
                *key = one;
                true
            }
            None => {
                self.keys.push(one);
                false
            }
        }
    }

    /// The same for an image.
    pub fn put_image(&mut self, one: ImageRecord) -> bool {
        self.images.insert(one.id.clone(), one).is_some()
    }

    /// The same for a snapshot.
    pub fn put_snapshot(&mut self, one: SnapshotRecord) -> bool {
        self.snapshots.insert(one.id.clone(), one).is_some()
    }

    /// The same for a volume.
    pub fn put_volume(&mut self, one: VolumeRecord) -> bool {
        self.volumes.insert(one.id.clone(), one).is_some()
    }

    /// The same for an instance.
    pub fn put_instance(&mut self, one: InstanceRecord) -> bool {
        self.instances.insert(one.id.clone(), one).is_some()
    }
}

impl World for ListedWorld {
    fn account(&self, account: &str) -> Option<Cow<'_, AccountRecord>> {
        self.accounts.get(account).map(Cow::Borrowed)
    }

    fn bucket(&self, _caller: &Caller, name: &str) -> Option<Cow<'_, BucketRecord>> {
        self.buckets.get(name).map(Cow::Borrowed)
    }

    fn role(&self, account: &str, name: &str) -> Option<Cow<'_, RoleRecord>> {
        let key = (account.to_string(), name.to_string());
        self.roles.get(&key).map(Cow::Borrowed)
    }

    fn key(&self, caller: &Caller, id: &str) -> Option<Cow<'_, KeyRecord>> {
        let alias = id.contains("alias/");
        let fits = |key: &&KeyRecord| {
            key.is_named(id)
                // A name that says neither account nor Region is of the caller's own.
                && (!alias && id.starts_with("arn:")
                    || key.region == caller.region && (!alias || key.owner == caller.account))
        };
        self.keys.iter().find(fits).map(Cow::Borrowed)
    }

    fn instance(&self, id: &str) -> Option<Cow<'_, InstanceRecord>> {
        self.instances
            .get(&InstanceId::parse(id)?)
            .map(Cow::Borrowed)
    }

    fn image(&self, id: &str) -> Option<Cow<'_, ImageRecord>> {
        self.images.get(&ImageId::parse(id)?).map(Cow::Borrowed)
    }

    fn snapshot(&self, id: &str) -> Option<Cow<'_, SnapshotRecord>> {
        self.snapshots
            .get(&SnapshotId::parse(id)?)
            .map(Cow::Borrowed)
    }

    fn volume(&self, id: &str) -> Option<Cow<'_, VolumeRecord>> {
        self.volumes.get(&VolumeId::parse(id)?).map(Cow::Borrowed)
    }

    fn images(&self, caller: &Caller) -> Vec<Cow<'_, ImageRecord>> {
        let visible = |one: &&ImageRecord| {
            one.region == caller.region
                && (one.owner == caller.account
                    || one.public
                    || one.shared_with.contains(&caller.account))
        };
        let images = self.images.values().filter(visible);
        images.map(Cow::Borrowed).collect()
    }

    fn snapshots(&self, caller: &Caller) -> Vec<Cow<'_, SnapshotRecord>> {
        let visible = |one: &&SnapshotRecord| {
            one.region == caller.region
                && (one.owner == caller.account || one.shared_with.contains(&caller.account))
        };
        let snapshots = self.snapshots.values().filter(visible);
        snapshots.map(Cow::Borrowed).collect()
    }
}
