//! From converted disks to images, snapshots, volumes and instances that others see.
//!
//! Every step can be repeated: whatever a crash left half done, doing all of it again ends with the
//! same files. A final name is only ever given, by renaming, to something whole in the folder of the
//! task. So once that folder is gone, because the work is done or was cleaned up, an attempt that
//! comes late makes nothing visible any more.

use std::path::Path;

use serde::Serialize;
use vmie_io::Fault;
use vmie_tasks::{
    PublishImageWork, PublishSnapshotWork, PublishVolumesWork, SnapshotToMake, TaskId, VolumeToMake,
};

use super::{Job, Workshop};
use crate::store::{
    ImageDisk, ImageNote, InstanceDisk, InstanceNote, SnapshotNote, StoreSchema, VolumeNote, note,
};
use crate::{Cause, Error, now};

impl Workshop {
    /// Makes an image and its snapshots visible, and removes what the task left.
    pub(super) fn publish_image(
        &self,
        job: &Job<'_>,
        work: &PublishImageWork,
    ) -> Result<(), Error> {
        let task = job.task();
        let folder = self.layout.image(&work.image_id);
        if !folder.is_dir() {
            for snapshot in &work.snapshots {
                self.publish_snapshot_of_image(task, work, snapshot)?;
            }
            let staged = self.layout.of_task(task, work.image_id.as_str());
            self.durable.remove(&staged)?;
            // Not with those above it: when the task's folder is gone, this attempt comes late.
            self.durable.create_one_dir(&staged)?;
            let text = note::json(&self.image_note(task, work), &staged)?;
            self.durable.write(&staged.join("image.json"), &text)?;
            self.durable.rename(&staged, &folder)?;
        }
        self.durable.remove(&self.layout.task(task))
    }

    fn image_note(&self, task: &TaskId, work: &PublishImageWork) -> ImageNote {
        let disks = work.snapshots.iter().map(|snapshot| ImageDisk {
            snapshot_id: snapshot.snapshot_id.clone(),
            device_name: snapshot.device_name.clone(),
            sha256: snapshot.converted.sha256.clone(),
            virtual_size: snapshot.converted.virtual_size,
        });
        ImageNote {
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
            disks: disks.collect(),
            // An image does without the report that validating left.
            report: note::read(&self.layout.report(task)).ok().flatten(),
            created: now(),
        }
    }

    fn publish_snapshot_of_image(
        &self,
        task: &TaskId,
        work: &PublishImageWork,
        snapshot: &SnapshotToMake,
    ) -> Result<(), Error> {
        let note = SnapshotNote {
            schema: StoreSchema::first("vmie.snapshot"),
            snapshot_id: snapshot.snapshot_id.clone(),
            task_id: task.clone(),
            description: work.description.clone(),
            sha256: snapshot.converted.sha256.clone(),
            virtual_size: snapshot.converted.virtual_size,
            data_bytes: snapshot.converted.data_bytes,
            tags: work.tags.clone(),
            created: now(),
        };
        self.publish_snapshot_disk(task, snapshot.index, &note)
    }

    /// Makes a snapshot visible, and removes what the task left.
    pub(super) fn publish_snapshot(
        &self,
        job: &Job<'_>,
        work: &PublishSnapshotWork,
    ) -> Result<(), Error> {
        let task = job.task();
        let note = SnapshotNote {
            schema: StoreSchema::first("vmie.snapshot"),
            snapshot_id: work.snapshot_id.clone(),
            task_id: task.clone(),
            description: work.description.clone(),
            sha256: work.converted.sha256.clone(),
            virtual_size: work.converted.virtual_size,
            data_bytes: work.converted.data_bytes,
            tags: work.tags.clone(),
            created: now(),
        };
        self.publish_snapshot_disk(task, 0, &note)?;
        self.durable.remove(&self.layout.task(task))
    }

    fn publish_snapshot_disk(
        &self,
        task: &TaskId,
        index: u32,
        note: &SnapshotNote,
    ) -> Result<(), Error> {
        let disk = self.layout.snapshot(&note.snapshot_id);
        let beside = self.layout.snapshot_note(&note.snapshot_id);
        if beside.exists() {
            return Ok(());
        }
        self.publish_disk(task, index, &disk, note.virtual_size)?;
        self.publish_note(task, &beside, note)
    }

    /// Makes volumes, and an instance, visible, and removes their uploads and what the task left.
    pub(super) fn publish_volumes(
        &self,
        job: &Job<'_>,
        work: &PublishVolumesWork,
    ) -> Result<(), Error> {
        let task = job.task();
        for volume in &work.volumes {
            self.publish_volume(task, work, volume)?;
        }
        if let Some(instance) = &work.instance {
            let beside = self.layout.instance_note(&instance.instance_id);
            if !beside.exists() {
                let disks = work.volumes.iter().map(|volume| InstanceDisk {
                    volume_id: volume.volume_id.clone(),
                    device_name: volume.device_name.clone(),
                });
                let note = InstanceNote {
                    schema: StoreSchema::first("vmie.instance"),
                    instance_id: instance.instance_id.clone(),
                    task_id: task.clone(),
                    platform: instance.platform,
                    architecture: instance.launch.architecture.clone(),
                    instance_type: instance.launch.instance_type.clone(),
                    description: work.description.clone(),
                    disks: disks.collect(),
                    created: now(),
                };
                self.publish_note(task, &beside, &note)?;
            }
        }
        self.delete_uploads(job, &work.uploads)?;
        self.durable.remove(&self.layout.task(task))
    }

    fn publish_volume(
        &self,
        task: &TaskId,
        work: &PublishVolumesWork,
        volume: &VolumeToMake,
    ) -> Result<(), Error> {
        let disk = self.layout.volume(&volume.volume_id);
        let beside = self.layout.volume_note(&volume.volume_id);
        if beside.exists() {
            return Ok(());
        }
        let note = VolumeNote {
            schema: StoreSchema::first("vmie.volume"),
            volume_id: volume.volume_id.clone(),
            task_id: Some(task.clone()),
            snapshot_id: None,
            size: volume.size,
            sha256: volume.converted.sha256.clone(),
            virtual_size: volume.converted.virtual_size,
            data_bytes: volume.converted.data_bytes,
            availability_zone: work.availability_zone.clone(),
            description: work.description.clone(),
            created: now(),
        };
        self.publish_disk(task, volume.index, &disk, note.virtual_size)?;
        self.publish_note(task, &beside, &note)
    }

    /// Gives a converted disk its final name.
    fn publish_disk(
        &self,
        task: &TaskId,
        index: u32,
        to: &Path,
        expected: u64,
    ) -> Result<(), Error> {
        let from = self.layout.disk(task, index);
        if from.exists() {
            self.durable.rename(&from, to)?;
        }
        let len = std::fs::metadata(to)
            .map_err(|error| Error::read(to, error))?
            .len();
        if len != expected {
            let fault = Fault::new(Cause::Digest).in_structure("disk");
            return Err(Error::from(fault.field("length").found(len)).in_file(to));
        }
        Ok(())
    }

    /// Says beside a disk what it is.
    fn publish_note(
        &self,
        task: &TaskId,
        beside: &Path,
        note: &impl Serialize,
    ) -> Result<(), Error> {
        let staged = self.layout.of_task(task, "note.json");
        self.durable.write(&staged, &note::json(note, beside)?)?;
        self.durable.rename(&staged, beside)
    }
}
