//! The images, snapshots, volumes and instances that the engine made, with their owners.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use super::{ImageRecord, InstanceRecord, Resource, SnapshotRecord, VolumeRecord};
use crate::call::Caller;
use crate::id::{ImageId, InstanceId, SnapshotId, VolumeId};

#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub(crate) images: BTreeMap<ImageId, ImageRecord>,
    pub(crate) snapshots: BTreeMap<SnapshotId, SnapshotRecord>,
    pub(crate) volumes: BTreeMap<VolumeId, VolumeRecord>,
    pub(crate) instances: BTreeMap<InstanceId, InstanceRecord>,
    owners: BTreeMap<Caller, Owned>,
    /// Volumes by the instance they are attached to.
    attached: BTreeSet<(InstanceId, VolumeId)>,
}

#[derive(Clone, Debug, Default)]
struct Owned {
    images: BTreeSet<ImageId>,
    /// Images by name, which is one's own in an account and Region.
    names: BTreeMap<String, ImageId>,
    snapshots: BTreeSet<SnapshotId>,
    /// Volumes by client token.
    tokens: BTreeMap<String, VolumeId>,
}

fn owner(account: &str, region: &str) -> Caller {
    Caller {
        account: account.into(),
        region: region.into(),
    }
}

impl Book {
    /// Notes a new one, or what it is now.
    pub(crate) fn put(&mut self, resource: Resource) {
        match resource {
            Resource::Image(image) => {
                let owned = self.owned(&image.owner, &image.region);
                owned.images.insert(image.id.clone());
                owned.names.insert(image.name.clone(), image.id.clone());
                self.images.insert(image.id.clone(), image);
            }
            Resource::Snapshot(snapshot) => {
                let owned = self.owned(&snapshot.owner, &snapshot.region);
                owned.snapshots.insert(snapshot.id.clone());
                self.snapshots.insert(snapshot.id.clone(), snapshot);
            }
            Resource::Volume(volume) => {
                if let Some(token) = &volume.client_token {
                    let owned = self.owned(&volume.owner, &volume.region);
                    owned.tokens.insert(token.clone(), volume.id.clone());
                }
                if let Some(place) = &volume.attached_to {
                    self.attached
                        .insert((place.instance_id.clone(), volume.id.clone()));
                }
                self.volumes.insert(volume.id.clone(), volume);
            }
            Resource::Instance(instance) => {
                self.instances.insert(instance.id.clone(), instance);
            }
        }
    }

    pub(crate) fn remove_image(&mut self, id: &ImageId) -> Option<ImageRecord> {
        let image = self.images.remove(id)?;
        let owned = self.owned(&image.owner, &image.region);
        owned.images.remove(id);
        if owned.names.get(&image.name) == Some(id) {
            owned.names.remove(&image.name);
        }
        Some(image)
    }

    pub(crate) fn remove_snapshot(&mut self, id: &SnapshotId) -> Option<SnapshotRecord> {
        let snapshot = self.snapshots.remove(id)?;
        let owned = self.owned(&snapshot.owner, &snapshot.region);
        owned.snapshots.remove(id);
        Some(snapshot)
    }

    pub(crate) fn image_named(&self, caller: &Caller, name: &str) -> Option<&ImageId> {
        self.owners.get(caller)?.names.get(name)
    }

    pub(crate) fn volume_by_token(&self, caller: &Caller, token: &str) -> Option<&VolumeRecord> {
        let id = self.owners.get(caller)?.tokens.get(token)?;
        self.volumes.get(id)
    }

    /// The caller's images after an id, in the order of ids.
    pub(crate) fn images_of<'a>(
        &'a self,
        caller: &Caller,
        after: Option<&'a ImageId>,
    ) -> impl Iterator<Item = &'a ImageRecord> {
        let owned = self.owners.get(caller);
        owned
            .into_iter()
            .flat_map(move |owned| beyond(&owned.images, after))
            .filter_map(|id| self.images.get(id))
    }

    /// The caller's snapshots after an id, in the order of ids.
    pub(crate) fn snapshots_of<'a>(
        &'a self,
        caller: &Caller,
        after: Option<&'a SnapshotId>,
    ) -> impl Iterator<Item = &'a SnapshotRecord> {
        let owned = self.owners.get(caller);
        owned
            .into_iter()
            .flat_map(move |owned| beyond(&owned.snapshots, after))
            .filter_map(|id| self.snapshots.get(id))
    }

    /// Volumes that AttachVolume put at an instance.
    pub(crate) fn attached_to(&self, instance: &InstanceId) -> impl Iterator<Item = &VolumeRecord> {
        let instance = instance.clone();
        let whole = self
            .attached
            .iter()
            .filter(move |(one, _)| *one == instance);
        whole.filter_map(|(_, volume)| self.volumes.get(volume))
    }

    fn owned(&mut self, account: &str, region: &str) -> &mut Owned {
        self.owners.entry(owner(account, region)).or_default()
    }
}

/// The ids of a set that come after one.
fn beyond<'a, T: Ord>(set: &'a BTreeSet<T>, after: Option<&'a T>) -> impl Iterator<Item = &'a T> {
    use core::ops::Bound::{Excluded, Unbounded};
    set.range((after.map_or(Unbounded, Excluded), Unbounded))
}
