//! What becomes of disks when images, snapshots and volumes come and go without a task: by
//! RegisterImage, DeregisterImage, DeleteSnapshot, CreateVolume.

use std::path::Path;

use vmie_rules::license::LicenseType;
use vmie_tasks::{
    Change, ImageId, ImageRecord, InstanceId, Made, RecordKey, SnapshotId, TaskId, VolumeId,
    VolumeRecord,
};

use super::Workshop;
use crate::Error;
use crate::store::{
    ImageDisk, ImageNote, InstanceNote, SnapshotNote, StoreSchema, VolumeNote, entries, note,
};

impl Workshop {
    /// Does to the folder what changes of records mean for it: a volume gets the data of its
    /// snapshot, a registered image is noted, what was deleted is removed. For each commit, once it
    /// is durable and before anything that came after it is acted on; it can be done again. After a
    /// restart, what the last commits before it meant is made up for by [`settle`](Self::settle) with
    /// a [`Change::Put`] of every record, and [`forget`](Self::forget).
    ///
    /// The data of a volume is shared with its snapshot, and both files are made read-only: who wants
    /// to write to a volume makes it a copy first.
    ///
    /// # Errors
    /// When the folder cannot be changed.
    pub fn settle(&self, changes: &[Change]) -> Result<(), Error> {
        for change in changes {
            match change {
                Change::Put { record } => match record.made() {
                    Some(Made::Volume(volume)) if volume.made_by.is_none() => {
                        self.make_volume(volume)?;
                    }
                    Some(Made::Image(image)) if image.made_by.is_none() => {
                        self.register_image(image)?;
                    }
                    _ => {}
                },
                Change::Remove { key } => self.remove(key)?,
            }
        }
        Ok(())
    }

    /// Removes the images, snapshots, volumes and instances in the folder that `known` does not know,
    /// except those of tasks that are `active`, which may be about to become known. For a host whose
    /// records are all there is: what others put into the folder would go, too.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn forget(
        &self,
        known: &dyn Fn(&RecordKey) -> bool,
        active: &dyn Fn(&str) -> bool,
    ) -> Result<(), Error> {
        for (key, task) in self.made()? {
            let in_work = task.is_some_and(|task| active(task.as_str()));
            if !in_work && !known(&key) {
                self.remove(&key)?;
            }
        }
        Ok(())
    }

    /// The images, snapshots, volumes and instances in the folder, each with the task that made it.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn made(&self) -> Result<Vec<(RecordKey, Option<TaskId>)>, Error> {
        let mut made = Vec::new();
        for (name, path) in entries(self.layout.root())? {
            made.extend(self.found(&name, &path)?);
        }
        Ok(made)
    }

    /// What an entry of the folder is, and the task that made it.
    fn found(&self, name: &str, path: &Path) -> Result<Option<(RecordKey, Option<TaskId>)>, Error> {
        if let Some(id) = ImageId::parse(name) {
            let note: Option<ImageNote> = note::read(&self.layout.image_note(&id))?;
            // An image is named after its task.
            let task = note.and_then(|note| TaskId::parse_any(&note.name));
            return Ok(Some((RecordKey::Image { id }, task)));
        }
        let Some(stem) = name.strip_suffix(".json") else {
            return Ok(None);
        };
        if let Some(id) = SnapshotId::parse(stem) {
            let note: Option<SnapshotNote> = note::read(path)?;
            return Ok(Some((
                RecordKey::Snapshot { id },
                note.map(|note| note.task_id),
            )));
        }
        if let Some(id) = VolumeId::parse(stem) {
            let note: Option<VolumeNote> = note::read(path)?;
            let task = note.and_then(|note| note.task_id);
            return Ok(Some((RecordKey::Volume { id }, task)));
        }
        if let Some(id) = InstanceId::parse(stem) {
            let note: Option<InstanceNote> = note::read(path)?;
            return Ok(Some((
                RecordKey::Instance { id },
                note.map(|note| note.task_id),
            )));
        }
        Ok(None)
    }

    /// Removes an image, a snapshot, a volume or an instance; one that is not there is fine.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, key: &RecordKey) -> Result<(), Error> {
        match key {
            RecordKey::Image { id } => self.remove_image(id),
            RecordKey::Snapshot { id } => self.remove_snapshot(id),
            RecordKey::Volume { id } => self.remove_volume(id),
            RecordKey::Instance { id } => self.remove_instance(id),
            RecordKey::Engine | RecordKey::Task { .. } => Ok(()),
        }
    }

    /// The data of a snapshot under the name of a volume. A volume that was made of nothing, or of a
    /// snapshot whose data is elsewhere, has no file.
    fn make_volume(&self, volume: &VolumeRecord) -> Result<(), Error> {
        let beside = self.layout.volume_note(&volume.id);
        let Some(snapshot) = &volume.snapshot_id else {
            return Ok(());
        };
        if beside.exists() {
            return Ok(());
        }
        let of: Option<SnapshotNote> = note::read(&self.layout.snapshot_note(snapshot))?;
        let Some(of) = of else {
            tracing::debug!(%snapshot, "its data is not here");
            return Ok(());
        };
        let from = self.layout.snapshot(snapshot);
        self.read_only(&from)?;
        self.durable.link(&from, &self.layout.volume(&volume.id))?;
        let note = VolumeNote {
            schema: StoreSchema::first("vmie.volume"),
            volume_id: volume.id.clone(),
            task_id: None,
            snapshot_id: Some(snapshot.clone()),
            size: volume.size,
            sha256: of.sha256,
            virtual_size: of.virtual_size,
            data_bytes: of.data_bytes,
            availability_zone: volume.availability_zone.clone(),
            description: None,
            created: volume.created,
        };
        self.durable.replace(&beside, &note::json(&note, &beside)?)
    }

    #[cfg(unix)]
    fn read_only(&self, path: &Path) -> Result<(), Error> {
        use std::os::unix::fs::PermissionsExt as _;
        self.durable.step("make read-only", path)?;
        let mode = std::fs::Permissions::from_mode(0o444);
        std::fs::set_permissions(path, mode).map_err(|error| Error::write(path, error))
    }

    /// Elsewhere a file that is read-only cannot be removed either.
    #[cfg(not(unix))]
    fn read_only(&self, _: &Path) -> Result<(), Error> {
        Ok(())
    }

    /// Notes an image that was made of snapshots without a look inside (SVC-MOD-7).
    fn register_image(&self, image: &ImageRecord) -> Result<(), Error> {
        let folder = self.layout.image(&image.id);
        if folder.is_dir() {
            return Ok(());
        }
        let mut disks = Vec::new();
        for device in &image.devices {
            let Some(id) = &device.snapshot_id else {
                continue;
            };
            let of: Option<SnapshotNote> = note::read(&self.layout.snapshot_note(id))?;
            let Some(of) = of else {
                tracing::debug!(snapshot = %id, "its data is not here");
                return Ok(());
            };
            let disk = ImageDisk {
                snapshot_id: id.clone(),
                device_name: device.device_name.clone(),
                sha256: of.sha256,
                virtual_size: of.virtual_size,
            };
            match image.root_device_name.as_ref() == Some(&device.device_name) {
                true => disks.insert(0, disk),
                false => disks.push(disk),
            }
        }
        let note = ImageNote {
            schema: StoreSchema::first("vmie.image"),
            image_id: image.id.clone(),
            name: image.name.clone(),
            description: image.description.clone(),
            platform: image.platform,
            architecture: image.architecture.clone(),
            boot_mode: image.boot_mode,
            license_type: LicenseType::Byol,
            usage_operation: image.usage_operation.clone(),
            tags: image.tags.clone(),
            disks,
            report: None,
            created: image.created,
        };
        let staged = self.layout.tmp(image.id.as_str());
        self.durable.remove(&staged)?;
        self.durable.create_dir(&staged)?;
        let text = note::json(&note, &staged)?;
        self.durable.write(&staged.join("image.json"), &text)?;
        self.durable.rename(&staged, &folder)
    }
}
