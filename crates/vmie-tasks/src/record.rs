//! What a host makes durable, and gives back after a restart.

use core::fmt;

use crate::id::{IdSource, ImageId, InstanceId, SnapshotId, TaskId, VolumeId};
use crate::resource::{Made, Resource};
use crate::task::Task;

/// The version of the records that this crate writes and reads.
pub const RECORD_VERSION: u16 = 2;

/// The key of a record.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(tag = "of", rename_all = "kebab-case")]
pub enum RecordKey {
    /// What is not of one task: where ids come from.
    Engine,
    /// A task.
    Task {
        /// Its id.
        id: TaskId,
    },
    /// An image that a task or RegisterImage made.
    Image {
        /// Its id.
        id: ImageId,
    },
    /// A snapshot that a task made.
    Snapshot {
        /// Its id.
        id: SnapshotId,
    },
    /// A volume that a task or CreateVolume made.
    Volume {
        /// Its id.
        id: VolumeId,
    },
    /// An instance that a task made.
    Instance {
        /// Its id.
        id: InstanceId,
    },
}

impl fmt::Display for RecordKey {
    /// A word of letters, digits and `-`, fit for a file name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine => f.pad("engine"),
            Self::Task { id } => f.pad(id.as_str()),
            Self::Image { id } => f.pad(id.as_str()),
            Self::Snapshot { id } => f.pad(id.as_str()),
            Self::Volume { id } => f.pad(id.as_str()),
            Self::Instance { id } => f.pad(id.as_str()),
        }
    }
}

/// A record: serialize it with serde as it is. Its content is the engine's own business; it can
/// hold signed addresses and must be kept like them (SVC-SEC-3).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    version: u16,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(
    clippy::large_enum_variant,
    reason = "a record is moved once and not kept"
)]
pub(crate) enum Content {
    Engine { ids: IdSource },
    Task(Task),
    Resource(Resource),
}

impl Record {
    fn of(content: Content) -> Self {
        Self {
            version: RECORD_VERSION,
            content,
        }
    }

    pub(crate) fn engine(ids: IdSource) -> Self {
        Self::of(Content::Engine { ids })
    }

    pub(crate) fn task(task: Task) -> Self {
        Self::of(Content::Task(task))
    }

    pub(crate) fn resource(resource: Resource) -> Self {
        Self::of(Content::Resource(resource))
    }

    /// The version it was written with.
    #[must_use]
    pub fn version(&self) -> u16 {
        self.version
    }

    /// What a task or a call made, when it is the record of that. CreateVolume, DeleteSnapshot and
    /// their like have no work orders: a host that keeps data does what a change of such a record
    /// means for the data.
    #[must_use]
    pub fn made(&self) -> Option<Made<'_>> {
        match &self.content {
            Content::Resource(resource) => Some(resource.view()),
            Content::Engine { .. } | Content::Task(_) => None,
        }
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> RecordKey {
        match &self.content {
            Content::Engine { .. } => RecordKey::Engine,
            Content::Task(task) => RecordKey::Task {
                id: task.head.id.clone(),
            },
            Content::Resource(Resource::Image(one)) => RecordKey::Image { id: one.id.clone() },
            Content::Resource(Resource::Snapshot(one)) => {
                RecordKey::Snapshot { id: one.id.clone() }
            }
            Content::Resource(Resource::Volume(one)) => RecordKey::Volume { id: one.id.clone() },
            Content::Resource(Resource::Instance(one)) => {
                RecordKey::Instance { id: one.id.clone() }
            }
        }
    }

    pub(crate) fn into_content(self) -> Content {
        self.content
    }
}

/// Records that no engine can be made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// A record was written by another version.
    #[error("the record {key} has version {version}; this version reads {RECORD_VERSION}")]
    Version {
        /// Which.
        key: RecordKey,
        /// The version it has.
        version: u16,
    },
    /// A key comes twice.
    #[error("the record {key} comes twice; give each record once, in its latest form")]
    Duplicate {
        /// Which.
        key: RecordKey,
    },
    /// There are records, and not the one that says which ids were given away.
    #[error("the record `engine` is missing; restore it, or start with no records at all")]
    NoEngine,
    /// Two tasks have one place in lists, which only two mixed stores can have.
    #[error("the record {key} takes the place of another task; restore the records of one store")]
    Misplaced {
        /// Which.
        key: RecordKey,
    },
}
