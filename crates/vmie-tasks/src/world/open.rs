//! A world without limits.

use alloc::borrow::Cow;

use super::{AccountRecord, BucketRecord, KeyRecord, RoleRecord, World};
use crate::call::Caller;

/// A world in which whatever a request names is there and may be used: every bucket is the
/// caller's own in their Region, every role may do everything, every key is enabled. For hosts
/// that keep no accounts, like a command on one machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenWorld;

impl World for OpenWorld {
    fn account(&self, _account: &str) -> Option<Cow<'_, AccountRecord>> {
        None
    }

    fn bucket(&self, caller: &Caller, name: &str) -> Option<Cow<'_, BucketRecord>> {
        Some(Cow::Owned(BucketRecord {
            name: name.into(),
            owner: caller.account.clone(),
            region: caller.region.clone(),
            open: true,
            ..BucketRecord::default()
        }))
    }

    fn role(&self, account: &str, name: &str) -> Option<Cow<'_, RoleRecord>> {
        Some(Cow::Owned(RoleRecord {
            account: account.into(),
            name: name.into(),
            open: true,
            ..RoleRecord::default()
        }))
    }

    fn key(&self, caller: &Caller, id: &str) -> Option<Cow<'_, KeyRecord>> {
        Some(Cow::Owned(KeyRecord {
            id: id.into(),
            owner: caller.account.clone(),
            region: caller.region.clone(),
            open: true,
            ..KeyRecord::default()
        }))
    }
}
