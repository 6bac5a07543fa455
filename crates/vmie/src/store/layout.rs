//! Which file of a store is what.
//!
//! ```text
//! vmie-store.json            that this is a store, and of which version
//! lock                       held by the process that works with the store
//! journal                    what the engine and the host remember
//! ami-…/image.json           an image
//! snap-….raw, snap-….json    a disk, and its digest
//! vol-….raw, vol-….json      a volume, and the digest that it had
//! i-….json                   an instance
//! work/TASK/disk0.2.part     what the second attempt at disk 0 has written so far
//! work/TASK/disk0.raw, .json a disk that is complete and waits to be published
//! work/TASK/source0.raw      the state of a disk that is exported
//! work/TASK/export0, .json   a file that is complete and waits to be put into a bucket
//! work/TASK/manifest0.xml    an import manifest, which only the owner can read: it has secrets
//! work/TASK.gone             what is left of a task that is being cleaned up
//! ```

use std::path::{Path, PathBuf};

use vmie_tasks::{Attempt, ImageId, InstanceId, SnapshotId, TaskId, VolumeId};

/// What the names of unfinished files end in.
pub(crate) const PART: &str = ".part";
/// What the names of files end in that are about to replace others.
pub(crate) const TMP: &str = ".tmp";

/// What the names of folders end in that are being removed.
const GONE: &str = ".gone";

/// The task that an entry of the folder `work` is of.
pub(crate) fn task_of(name: &str) -> &str {
    name.strip_suffix(GONE).unwrap_or(name)
}

/// The folder of a store.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn marker(&self) -> PathBuf {
        self.root.join("vmie-store.json")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    pub(crate) fn task(&self, task: &TaskId) -> PathBuf {
        self.work().join(task.as_str())
    }

    /// What becomes of a task's folder while it is removed.
    pub(crate) fn gone(&self, task: &TaskId) -> PathBuf {
        self.work().join(format!("{task}{GONE}"))
    }

    /// A file of a task's own.
    pub(crate) fn of_task(&self, task: &TaskId, name: &str) -> PathBuf {
        self.task(task).join(name)
    }

    /// What an attempt at something has written so far.
    pub(crate) fn part(&self, task: &TaskId, of: &str, attempt: Attempt) -> PathBuf {
        self.of_task(task, &format!("{of}.{}{PART}", attempt.0))
    }

    pub(crate) fn disk(&self, task: &TaskId, index: u32) -> PathBuf {
        self.of_task(task, &format!("disk{index}.raw"))
    }

    pub(crate) fn disk_note(&self, task: &TaskId, index: u32) -> PathBuf {
        self.of_task(task, &format!("disk{index}.json"))
    }

    pub(crate) fn report(&self, task: &TaskId) -> PathBuf {
        self.of_task(task, "report.json")
    }

    pub(crate) fn snapshot(&self, id: &SnapshotId) -> PathBuf {
        self.root.join(format!("{id}.raw"))
    }

    pub(crate) fn snapshot_note(&self, id: &SnapshotId) -> PathBuf {
        self.root.join(format!("{id}.json"))
    }

    pub(crate) fn image(&self, id: &ImageId) -> PathBuf {
        self.root.join(id.as_str())
    }

    pub(crate) fn image_note(&self, id: &ImageId) -> PathBuf {
        self.image(id).join("image.json")
    }

    pub(crate) fn volume(&self, id: &VolumeId) -> PathBuf {
        self.root.join(format!("{id}.raw"))
    }

    pub(crate) fn volume_note(&self, id: &VolumeId) -> PathBuf {
        self.root.join(format!("{id}.json"))
    }

    pub(crate) fn instance_note(&self, id: &InstanceId) -> PathBuf {
        self.root.join(format!("{id}.json"))
    }

    /// What becomes of something that is removed in more than one step, or is put together.
    pub(crate) fn tmp(&self, of: &str) -> PathBuf {
        self.root.join(format!("{of}{TMP}"))
    }
}
