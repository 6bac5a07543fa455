//! The world of a service: one that is written down, or one without limits.

use std::borrow::Cow;

use vmie_tasks::{
    AccountRecord, BucketRecord, Caller, ImageRecord, InstanceRecord, KeyRecord, ListedWorld,
    OpenWorld, RoleRecord, SnapshotRecord, VolumeRecord, World,
};

/// What requests are judged in.
#[derive(Clone, Debug)]
pub enum Scene {
    /// Every bucket, role and key that a request names is there.
    Open,
    /// Nothing is there but what the lists name.
    Listed(Box<ListedWorld>),
}

macro_rules! ask {
    ($self:ident.$question:ident($($argument:ident),*)) => {
        match $self {
            Self::Open => World::$question(&OpenWorld, $($argument),*),
            Self::Listed(world) => world.$question($($argument),*),
        }
    };
}

impl World for Scene {
    fn account(&self, account: &str) -> Option<Cow<'_, AccountRecord>> {
        ask!(self.account(account))
    }
    fn bucket(&self, caller: &Caller, name: &str) -> Option<Cow<'_, BucketRecord>> {
        ask!(self.bucket(caller, name))
    }
    fn role(&self, account: &str, name: &str) -> Option<Cow<'_, RoleRecord>> {
        ask!(self.role(account, name))
    }
    fn key(&self, caller: &Caller, id: &str) -> Option<Cow<'_, KeyRecord>> {
        ask!(self.key(caller, id))
    }
    fn instance(&self, id: &str) -> Option<Cow<'_, InstanceRecord>> {
        ask!(self.instance(id))
    }
    fn image(&self, id: &str) -> Option<Cow<'_, ImageRecord>> {
        ask!(self.image(id))
    }
    fn snapshot(&self, id: &str) -> Option<Cow<'_, SnapshotRecord>> {
        ask!(self.snapshot(id))
    }
    fn volume(&self, id: &str) -> Option<Cow<'_, VolumeRecord>> {
        ask!(self.volume(id))
    }
    fn images(&self, caller: &Caller) -> Vec<Cow<'_, ImageRecord>> {
        ask!(self.images(caller))
    }
    fn snapshots(&self, caller: &Caller) -> Vec<Cow<'_, SnapshotRecord>> {
        ask!(self.snapshots(caller))
    }
}
