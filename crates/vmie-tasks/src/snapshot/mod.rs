//! ImportSnapshot (SVC-TASK-2): validate the file, convert its disk, publish the snapshot. The
//! disk's content is not looked at.

mod request;
mod state;
mod view;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::status::Stage;

use crate::call::{ImportSnapshotRequest, Tag};
use crate::id::ImageId;
use crate::life::{Context, Course, Life, Next};
use crate::order::{
    CleanupWork, ConvertWork, DiskFacts, PublishSnapshotWork, SnapshotToMake, Step, ValidateWork,
    Work, WorkerEvent,
};
use crate::resource::{Resource, SnapshotRecord, gib};
use crate::task::Head;
use crate::ticket::Tickets;
use crate::time::Timestamp;
pub(crate) use request::{check, source};
pub(crate) use state::{SnapshotCourse, SnapshotDone};
pub(crate) use view::{first_view, view};

/// A new task.
pub(crate) fn new(request: ImportSnapshotRequest) -> Life<SnapshotCourse> {
    Life::new(request, SnapshotCourse::new())
}

pub(crate) fn tags(request: &ImportSnapshotRequest) -> Vec<Tag> {
    request
        .tag_specifications
        .iter()
        .flat_map(|spec| spec.tags.clone())
        .collect()
}

impl Course for SnapshotCourse {
    type Request = ImportSnapshotRequest;
    type Done = SnapshotDone;

    fn tickets(&mut self) -> Tickets<'_> {
        self.tickets_of()
    }

    fn shown(&self) -> (Stage, u8) {
        let (stage, done, total) = self.stage();
        (stage, stage.progress_at(done, total))
    }

    fn cancellable(&self) -> bool {
        !matches!(self, Self::Publishing(_))
    }

    fn disks(&self) -> Vec<DiskFacts> {
        self.disk().cloned().into_iter().collect()
    }

    fn leftovers(self, _head: &Head, _request: &ImportSnapshotRequest) -> CleanupWork {
        match self {
            Self::Publishing(state) => CleanupWork {
                snapshot_ids: [state.snapshot_id].into(),
                ..CleanupWork::default()
            },
            _ => CleanupWork::default(),
        }
    }

    fn work(&self, _head: &Head, request: &ImportSnapshotRequest, step: Step) -> Option<Work> {
        let work = match (self, step) {
            (Self::Validating(_), Step::Validate) => Work::Validate(ValidateWork {
                sources: [source(request)?].into(),
                guest: None,
            }),
            (Self::Converting(state), Step::Convert(index)) => Work::Convert(ConvertWork {
                source: source(request)?,
                index,
                disk: state.disk.clone(),
            }),
            (Self::Publishing(state), Step::Publish) => {
                Work::PublishSnapshot(PublishSnapshotWork {
                    snapshot_id: state.snapshot_id.clone(),
                    description: request.description.clone(),
                    converted: state.converted.clone(),
                    encrypted: request.encrypted.unwrap_or(false),
                    kms_key_id: request.kms_key_id.clone(),
                    tags: tags(request),
                })
            }
            _ => return None,
        };
        Some(work)
    }

    fn advance(
        self,
        cx: &mut Context<'_>,
        _head: &Head,
        _request: &ImportSnapshotRequest,
        _step: Step,
        event: WorkerEvent,
    ) -> Next<Self> {
        match (self, event) {
            (Self::Validating(state), WorkerEvent::Validated(found)) => state.validated(found),
            (Self::Converting(state), WorkerEvent::Converted(disk)) => {
                Next::Goes(state.converted(cx, disk))
            }
            (Self::Publishing(state), WorkerEvent::Published) => Next::Done(state.published()),
            (state, _) => Next::Goes(state),
        }
    }

    fn results(
        done: &SnapshotDone,
        _request: &ImportSnapshotRequest,
    ) -> (Option<ImageId>, Vec<SnapshotToMake>) {
        let snapshot = SnapshotToMake {
            snapshot_id: done.snapshot_id.clone(),
            device_name: String::new(),
            index: 0,
            converted: done.converted.clone(),
        };
        (None, [snapshot].into())
    }

    fn made(
        done: &SnapshotDone,
        head: &Head,
        request: &ImportSnapshotRequest,
        now: Timestamp,
    ) -> Vec<Resource> {
        let snapshot = SnapshotRecord {
            id: done.snapshot_id.clone(),
            owner: head.caller.account.clone(),
            region: head.caller.region.clone(),
            volume_size: gib(done.converted.virtual_size),
            description: request.description.clone(),
            encrypted: request.encrypted.unwrap_or(false),
            kms_key_id: request.kms_key_id.clone(),
            shared_with: Vec::new(),
            data_bytes: Some(done.converted.data_bytes),
            volume_id: Some(done.volume_id.clone()),
            created: now,
            state: "completed".to_string(),
            made_by: Some(head.id.clone()),
            tags: tags(request),
        };
        [Resource::Snapshot(snapshot)].into()
    }
}
