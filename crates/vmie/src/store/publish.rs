//! From converted disks to an image that others see.
//!
//! Every step can be repeated: whatever a crash left half done, doing all of it again ends with the
//! same files. A name without `.tmp` or `.part` is only ever given to something whole.

use std::path::Path;

use serde::{Deserialize, Serialize};
use vmie_io::Fault;
use vmie_tasks::{
    CleanupWork, Converted, ImageId, PublishImageWork, PublishSnapshotWork, SnapshotId, Tag,
    TaskId, Timestamp,
};

use super::durable::Durable;
use super::layout::Layout;
use crate::{Cause, Error};

/// Name and version of a document in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSchema {
    /// Which document.
    pub name: String,
    /// Which version of it.
    pub version: u32,
}

impl StoreSchema {
    pub(crate) fn first(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: 1,
        }
    }
}

/// What `snap-….json` says of the disk beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SnapshotNote {
    /// `vmie.snapshot`.
    pub schema: StoreSchema,
    /// The id.
    pub snapshot_id: SnapshotId,
    /// The task that made it.
    pub task_id: TaskId,
    /// Free text.
    pub description: Option<String>,
    /// SHA-256 of the disk, in lower-case hexadecimal.
    pub sha256: String,
    /// Length of the disk in bytes.
    pub virtual_size: u64,
    /// How much of it holds data, in bytes.
    pub data_bytes: u64,
    /// Tags.
    pub tags: Vec<Tag>,
    /// When it was made.
    pub created: Timestamp,
}

/// A disk of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageDisk {
    /// The snapshot's id; its bytes are in `snap-….raw` beside the image's folder.
    pub snapshot_id: SnapshotId,
    /// The name of its device.
    pub device_name: String,
    /// SHA-256 of the disk, in lower-case hexadecimal.
    pub sha256: String,
    /// Length of the disk in bytes.
    pub virtual_size: u64,
}

/// What `ami-…/image.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageNote {
    /// `vmie.image`.
    pub schema: StoreSchema,
    /// The id.
    pub image_id: ImageId,
    /// The image's name: the id of its task (SVC-OBS-7).
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The platform, when it is known.
    pub platform: Option<vmie_rules::guest::Platform>,
    /// The architecture, when it is known.
    pub architecture: Option<String>,
    /// How it boots, when it is known.
    pub boot_mode: Option<vmie_rules::guest::BootMode>,
    /// The license type.
    pub license_type: vmie_rules::license::LicenseType,
    /// The usage operation, if one was requested.
    pub usage_operation: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// The disks, the one with the root first.
    pub disks: Vec<ImageDisk>,
    /// What was found in the guest when it was validated.
    pub report: Option<serde_json::Value>,
    /// When it was made.
    pub created: Timestamp,
}

/// Makes an image and its snapshots visible, and removes what the task left.
pub(crate) fn publish_image(
    durable: &Durable,
    layout: &Layout,
    task: &TaskId,
    work: &PublishImageWork,
    now: Timestamp,
) -> Result<(), Error> {
    let folder = layout.image(&work.image_id);
    if !folder.is_dir() {
        let mut disks = Vec::with_capacity(work.snapshots.len());
        for snapshot in &work.snapshots {
            let note = SnapshotNote {
                schema: StoreSchema::first("vmie.snapshot"),
                snapshot_id: snapshot.snapshot_id.clone(),
                task_id: task.clone(),
                description: work.description.clone(),
                sha256: snapshot.converted.sha256.clone(),
                virtual_size: snapshot.converted.virtual_size,
                data_bytes: snapshot.converted.data_bytes,
                tags: work.tags.clone(),
                created: now,
            };
            publish_disk(durable, layout, task, snapshot.index, &note)?;
            disks.push(ImageDisk {
                snapshot_id: snapshot.snapshot_id.clone(),
                device_name: snapshot.device_name.clone(),
                sha256: snapshot.converted.sha256.clone(),
                virtual_size: snapshot.converted.virtual_size,
            });
        }
        let note = ImageNote {
            schema: StoreSchema::first("vmie.image"),
            image_id: work.image_id.clone(),
            name: work.name.clone(),
            description: work.description.clone(),
            platform: work.guest.platform,
            architecture: work.guest.architecture.clone(),
            boot_mode: work.guest.boot_mode,
            license_type: work.license_type,
            usage_operation: work.usage_operation.clone(),
            tags: work.tags.clone(),
            disks,
            report: read_report(&layout.report(task)),
            created: now,
        };
        let temporary = layout.image_tmp(&work.image_id);
        durable.remove(&temporary)?;
        durable.create_dir(&temporary)?;
        durable.replace(&temporary.join("image.json"), &json(&note, &temporary)?)?;
        durable.rename(&temporary, &folder)?;
    }
    durable.remove(&layout.task(task))
}

/// Makes a snapshot visible, and removes what the task left.
pub(crate) fn publish_snapshot(
    durable: &Durable,
    layout: &Layout,
    task: &TaskId,
    work: &PublishSnapshotWork,
    now: Timestamp,
) -> Result<(), Error> {
    let note = SnapshotNote {
        schema: StoreSchema::first("vmie.snapshot"),
        snapshot_id: work.snapshot_id.clone(),
        task_id: task.clone(),
        description: work.description.clone(),
        sha256: work.converted.sha256.clone(),
        virtual_size: work.converted.virtual_size,
        data_bytes: work.converted.data_bytes,
        tags: work.tags.clone(),
        created: now,
    };
    publish_disk(durable, layout, task, 0, &note)?;
    durable.remove(&layout.task(task))
}

/// Gives a converted disk its final name, and says beside it what it is.
fn publish_disk(
    durable: &Durable,
    layout: &Layout,
    task: &TaskId,
    index: u32,
    note: &SnapshotNote,
) -> Result<(), Error> {
    let (from, to) = (layout.disk(task, index), layout.snapshot(&note.snapshot_id));
    if from.exists() {
        durable.rename(&from, &to)?;
    }
    let len = std::fs::metadata(&to)
        .map_err(|error| Error::read(&to, error))?
        .len();
    if len != note.virtual_size {
        let fault = Fault::new(Cause::Digest)
            .in_structure("disk")
            .field("length");
        return Err(Error::from(fault.found(len)).in_file(to));
    }
    let beside = layout.snapshot_note(&note.snapshot_id);
    let bytes = json(note, &beside)?;
    durable.replace(&beside, &bytes)
}

/// Removes everything of a task, published or not.
pub(crate) fn cleanup(
    durable: &Durable,
    layout: &Layout,
    task: &TaskId,
    work: &CleanupWork,
) -> Result<(), Error> {
    if let Some(image) = &work.image_id {
        let (folder, temporary) = (layout.image(image), layout.image_tmp(image));
        durable.remove(&temporary)?;
        if folder.exists() {
            // A folder is not removed at one stroke, but renamed it is.
            durable.rename(&folder, &temporary)?;
            durable.remove(&temporary)?;
        }
    }
    for snapshot in &work.snapshot_ids {
        // The note goes first: a disk without a note is nobody's, a note without a disk is a lie.
        durable.remove(&layout.snapshot_note(snapshot))?;
        durable.remove(&layout.snapshot(snapshot))?;
    }
    durable.remove(&layout.task(task))
}

/// What an earlier attempt left of a disk: complete, its note beside it.
pub(crate) fn finished_disk(layout: &Layout, task: &TaskId, index: u32) -> Option<Converted> {
    let bytes = std::fs::read(layout.disk_note(task, index)).ok()?;
    let converted: Converted = serde_json::from_slice(&bytes).ok()?;
    let len = std::fs::metadata(layout.disk(task, index)).ok()?.len();
    (len == converted.virtual_size).then_some(converted)
}

/// A document of the store as bytes.
pub(crate) fn json(document: &impl Serialize, path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(document)
        .map_err(|error| Error::write(path, std::io::Error::from(error)))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The report that validating left; an image does without one.
fn read_report(path: &Path) -> Option<serde_json::Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
