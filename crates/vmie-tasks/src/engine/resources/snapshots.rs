//! DescribeSnapshots, DeleteSnapshot.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::SvcId;
use vmie_rules::api::{self, ApiCode};

use super::{merged, passes};
use crate::call::{Caller, DeleteSnapshotRequest, DescribeSnapshotsRequest};
use crate::check;
use crate::engine::list::{invalid_token, max_results};
use crate::engine::requests::dry_run;
use crate::engine::{Engine, Turn};
use crate::id::{ImageId, SnapshotId};
use crate::output::Change;
use crate::record::RecordKey;
use crate::reply::{ApiError, Reply, Snapshot};
use crate::resource::SnapshotRecord;
use crate::world::World;

impl<W: World> Engine<W> {
    /// The image that has a snapshot in its mapping.
    pub(super) fn snapshot_in_use(
        &self,
        caller: &Caller,
        snapshot: &SnapshotId,
    ) -> Option<&ImageId> {
        let mut images = self.book.images_of(caller, None);
        let user = images.find(|image| {
            let mut devices = image.devices.iter();
            devices.any(|device| device.snapshot_id.as_ref() == Some(snapshot))
        });
        user.map(|image| &image.id)
    }

    pub(in crate::engine) fn delete_snapshot(
        &mut self,
        caller: &Caller,
        request: &DeleteSnapshotRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        let text = request.snapshot_id.as_deref();
        let text = text.ok_or_else(|| check::missing("SnapshotId"))?;
        let unknown = || {
            ApiError::new(
                ApiCode::InvalidSnapshotNotFound,
                api::not_there("snapshot", check::shown(text)),
            )
        };
        let id = SnapshotId::parse(text).ok_or_else(unknown)?;
        self.book
            .snapshots
            .get(&id)
            .filter(|one| one.owner == caller.account && one.region == caller.region)
            .ok_or_else(unknown)?;
        if let Some(image) = self.snapshot_in_use(caller, &id) {
            return Err(ApiError::because(
                ApiCode::InvalidSnapshotInUse,
                format!("The snapshot {id} is currently in use by {image}"),
                "snapshot-in-use",
                "deregister the image first",
                SvcId::Mod7,
            ));
        }
        dry_run(request.dry_run)?;
        self.book.remove_snapshot(&id);
        turn.changes.push(Change::Remove {
            key: RecordKey::Snapshot { id },
        });
        Ok(Reply::DeleteSnapshot)
    }

    pub(in crate::engine) fn describe_snapshots(
        &self,
        caller: &Caller,
        request: &DescribeSnapshotsRequest,
    ) -> Result<Reply, ApiError> {
        let count = max_results(request.max_results)?;
        let after = match request.next_token.as_deref() {
            None => None,
            Some(text) => Some(SnapshotId::parse(text).ok_or_else(invalid_token)?),
        };
        let mut named: Vec<Cow<'_, SnapshotRecord>> = Vec::new();
        for text in &request.snapshot_ids {
            named.push(self.own_snapshot(caller, text)?);
        }
        dry_run(request.dry_run)?;
        named.sort_by(|left, right| left.id.cmp(&right.id));
        named.dedup_by(|left, right| left.id == right.id);
        let all: &mut dyn Iterator<Item = Cow<'_, SnapshotRecord>> =
            if request.snapshot_ids.is_empty() {
                let others = self.world.snapshots(caller);
                &mut merged(
                    self.book.snapshots_of(caller, after.as_ref()),
                    others,
                    |snapshot: &SnapshotRecord| snapshot.id.clone(),
                )
            } else {
                &mut named.into_iter()
            };
        let mut snapshots = Vec::new();
        let mut next_token = None;
        for one in all {
            let is = |account: &String, owner: &str| {
                account == owner || account == "self" && owner == caller.account
            };
            let owned = request.owner_ids.is_empty()
                || request
                    .owner_ids
                    .iter()
                    .any(|account| is(account, &one.owner));
            let restorable = request.restorable_by.is_empty()
                || request
                    .restorable_by
                    .iter()
                    .any(|account| is(account, &one.owner) || one.shared_with.contains(account));
            if after.as_ref().is_some_and(|after| one.id <= *after)
                || one.region != caller.region
                || !owned
                || !restorable
                || !passes(&request.filters, &one.tags, |name| value(&one, name))?
            {
                continue;
            }
            if snapshots.len() == count {
                let last = snapshots.last();
                next_token = last.map(|last: &Snapshot| last.snapshot_id.to_string());
                break;
            }
            snapshots.push(view(&one));
        }
        Ok(Reply::DescribeSnapshots {
            snapshots,
            next_token,
        })
    }
}

/// How `Encrypted` and the key are called in `SseType`.
pub(super) fn sse_type(encrypted: bool, key: Option<&String>) -> String {
    match (encrypted, key) {
        (false, _) => "none",
        (true, None) => "sse-ebs",
        (true, Some(_)) => "sse-kms",
    }
    .to_string()
}

fn view(one: &SnapshotRecord) -> Snapshot {
    Snapshot {
        owner_alias: None,
        outpost_arn: None,
        tags: one.tags.clone(),
        storage_tier: Some("standard".to_string()),
        restore_expiry_time: None,
        sse_type: Some(sse_type(one.encrypted, one.kms_key_id.as_ref())),
        availability_zone: None,
        transfer_type: None,
        completion_duration_minutes: None,
        completion_time: Some(one.created).filter(|_| one.state == "completed"),
        full_snapshot_size_in_bytes: one.data_bytes,
        associated_kms_keys: Vec::new(),
        snapshot_id: one.id.clone(),
        volume_id: one.volume_id.clone(),
        state: one.state.clone(),
        state_message: None,
        start_time: Some(one.created),
        progress: Some("100%".to_string()).filter(|_| one.state == "completed"),
        owner_id: one.owner.clone(),
        description: one.description.clone(),
        volume_size: one.volume_size,
        encrypted: one.encrypted,
        kms_key_id: one.kms_key_id.clone(),
        data_encryption_key_id: None,
    }
}

/// What a filter's name stands for.
fn value(one: &SnapshotRecord, name: &str) -> Option<Vec<String>> {
    let text = |text: Option<&str>| Some(text.map(ToString::to_string).into_iter().collect());
    match name {
        "snapshot-id" => text(Some(one.id.as_str())),
        "description" => text(one.description.as_deref()),
        "status" => text(Some(&one.state)),
        "owner-id" => text(Some(&one.owner)),
        "encrypted" => text(Some(if one.encrypted { "true" } else { "false" })),
        "volume-id" => text(one.volume_id.as_ref().map(|id| id.as_str())),
        "volume-size" => text(Some(&one.volume_size.to_string())),
        _ => None,
    }
}
