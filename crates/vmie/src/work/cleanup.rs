//! Removing everything of a task, published or not (SVC-SEC-1, SVC-TASK-6).

use vmie_tasks::{CleanupWork, ImageId, InstanceId, SnapshotId, TaskId, VolumeId};

use super::Workshop;
use crate::Error;

impl Workshop {
    /// Removes everything of a task. Its folder goes first, at one stroke: without it, an attempt
    /// that comes late can make nothing visible.
    pub(super) fn cleanup(&self, task: &TaskId, work: &CleanupWork) -> Result<(), Error> {
        let (folder, gone) = (self.layout.task(task), self.layout.gone(task));
        if folder.exists() {
            self.durable.remove(&gone)?;
            self.durable.rename(&folder, &gone)?;
        }
        if let Some(image) = &work.image_id {
            self.remove_image(image)?;
        }
        for snapshot in &work.snapshot_ids {
            self.remove_snapshot(snapshot)?;
        }
        if let Some(instance) = &work.instance_id {
            self.remove_instance(instance)?;
        }
        for volume in &work.volume_ids {
            self.remove_volume(volume)?;
        }
        for object in &work.objects {
            self.buckets.delete(&object.bucket, &object.key)?;
        }
        self.durable.remove(&gone)
    }

    /// A folder is not removed at one stroke, but renamed it is.
    pub(super) fn remove_image(&self, id: &ImageId) -> Result<(), Error> {
        let (folder, temporary) = (self.layout.image(id), self.layout.tmp(id.as_str()));
        self.durable.remove(&temporary)?;
        if folder.exists() {
            self.durable.rename(&folder, &temporary)?;
            self.durable.remove(&temporary)?;
        }
        Ok(())
    }

    /// The note goes first: a disk without a note is nobody's, a note without a disk is a lie.
    pub(super) fn remove_snapshot(&self, id: &SnapshotId) -> Result<(), Error> {
        self.durable.remove(&self.layout.snapshot_note(id))?;
        self.durable.remove(&self.layout.snapshot(id))
    }

    pub(super) fn remove_volume(&self, id: &VolumeId) -> Result<(), Error> {
        self.durable.remove(&self.layout.volume_note(id))?;
        self.durable.remove(&self.layout.volume(id))
    }

    pub(super) fn remove_instance(&self, id: &InstanceId) -> Result<(), Error> {
        self.durable.remove(&self.layout.instance_note(id))
    }
}
