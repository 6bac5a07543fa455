//! The world that requests are judged in: accounts, buckets, roles, keys, and what was there
//! before. The engine asks for records; where they come from is the host's business.

mod listed;
mod open;
mod records;

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::call::Caller;
use crate::resource::{ImageRecord, InstanceRecord, SnapshotRecord, VolumeRecord};

pub use listed::{ListedTwice, ListedWorld};
pub use open::OpenWorld;
pub use records::{
    AccountRecord, BucketRecord, Encryption, Grant, KeyRecord, KeyState, Ownership, Permission,
    RoleRecord,
};

/// The world, asked for one record at a time. An answer should not change within one call of the
/// engine; between calls it may, and the engine never keeps one, except in what a task was made
/// with.
///
/// A record that is not there is `None`: an unknown bucket, role or key is refused as the service
/// refuses it. Images, snapshots and instances that the engine made itself are found without the
/// world.
pub trait World {
    /// An account. `None` is one without settings of its own.
    fn account(&self, account: &str) -> Option<Cow<'_, AccountRecord>>;

    /// A bucket, as seen by a caller: names are the same for all accounts.
    fn bucket(&self, caller: &Caller, name: &str) -> Option<Cow<'_, BucketRecord>>;

    /// A role of an account.
    fn role(&self, account: &str, name: &str) -> Option<Cow<'_, RoleRecord>>;

    /// A key, by its id, its ARN or its alias.
    fn key(&self, caller: &Caller, id: &str) -> Option<Cow<'_, KeyRecord>>;

    /// An instance that the engine did not make.
    fn instance(&self, _id: &str) -> Option<Cow<'_, InstanceRecord>> {
        None
    }

    /// An image that the engine did not make.
    fn image(&self, _id: &str) -> Option<Cow<'_, ImageRecord>> {
        None
    }

    /// A snapshot that the engine did not make.
    fn snapshot(&self, _id: &str) -> Option<Cow<'_, SnapshotRecord>> {
        None
    }

    /// A volume that the engine did not make.
    fn volume(&self, _id: &str) -> Option<Cow<'_, VolumeRecord>> {
        None
    }

    /// Images that the engine did not make and that lists of this caller show, by id.
    fn images(&self, _caller: &Caller) -> Vec<Cow<'_, ImageRecord>> {
        Vec::new()
    }

    /// Snapshots that the engine did not make and that lists of this caller show, by id.
    fn snapshots(&self, _caller: &Caller) -> Vec<Cow<'_, SnapshotRecord>> {
        Vec::new()
    }
}
