//! ImportSnapshot (SVC-TASK-2): validate the file, convert its disk, publish the snapshot. The
//! disk's content is not looked at.

mod request;
mod state;
mod view;

use alloc::vec::Vec;

use crate::call::{ImportSnapshotRequest, Tag};
use crate::order::{
    ConvertWork, Failure, PublishSnapshotWork, SnapshotToMake, Step, ValidateWork, Work,
    WorkerEvent,
};
use crate::output::Happening;
use crate::task::Context;
pub(crate) use request::{SnapshotSpec, check};
pub(crate) use state::SnapshotState;
pub(crate) use view::{first_view, view};

/// An ImportSnapshot task without its head.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct SnapshotBody {
    /// As sent, for lists and for requests that come again.
    pub(crate) request: ImportSnapshotRequest,
    pub(crate) spec: SnapshotSpec,
    pub(crate) state: SnapshotState,
}

impl SnapshotBody {
    pub(crate) fn new(request: ImportSnapshotRequest, spec: SnapshotSpec) -> Self {
        Self {
            request,
            spec,
            state: SnapshotState::new(),
        }
    }

    pub(crate) fn advance(self, cx: &mut Context<'_>, _step: Step, event: WorkerEvent) -> Self {
        let Self {
            request,
            spec,
            state,
        } = self;
        let state = match (state, event) {
            (SnapshotState::Validating(state), WorkerEvent::Validated(found)) => {
                state.validated(found)
            }
            (SnapshotState::Converting(state), WorkerEvent::Converted(disk)) => {
                state.converted(cx, disk)
            }
            (SnapshotState::Publishing(state), WorkerEvent::Published) => state.published(cx),
            (SnapshotState::Deleting(state), WorkerEvent::Cleaned) => {
                SnapshotState::Deleted(state.cleaned(cx.now, None))
            }
            (state, _) => state,
        };
        Self {
            request,
            spec,
            state,
        }
    }

    pub(crate) fn fail(self, cx: &Context<'_>, failure: Failure) -> Self {
        Self {
            state: self.state.fail(cx, failure),
            ..self
        }
    }

    pub(crate) fn tags(&self) -> Vec<Tag> {
        self.request
            .tag_specifications
            .iter()
            .flat_map(|spec| spec.tags.clone())
            .collect()
    }

    pub(crate) fn work(&self, step: Step) -> Option<Work> {
        let work = match (&self.state, step) {
            (SnapshotState::Validating(_), Step::Validate) => Work::Validate(ValidateWork {
                sources: [self.spec.source.clone()].into(),
                guest: None,
            }),
            (SnapshotState::Converting(state), Step::Convert(index)) => {
                Work::Convert(ConvertWork {
                    source: self.spec.source.clone(),
                    index,
                    disk: state.disk.clone(),
                })
            }
            (SnapshotState::Publishing(state), Step::Publish) => {
                Work::PublishSnapshot(PublishSnapshotWork {
                    snapshot_id: state.snapshot_id.clone(),
                    description: self.request.description.clone(),
                    converted: state.converted.clone(),
                    encrypted: self.spec.encrypted,
                    kms_key_id: self.request.kms_key_id.clone(),
                    tags: self.tags(),
                })
            }
            (SnapshotState::Deleting(state), Step::Cleanup) => {
                Work::Cleanup(state.leftovers.clone())
            }
            _ => return None,
        };
        Some(work)
    }

    pub(crate) fn arrival(&self) -> Option<Happening> {
        match &self.state {
            SnapshotState::Completed(state) => Some(Happening::Completed {
                image_id: None,
                snapshots: [SnapshotToMake {
                    snapshot_id: state.snapshot_id.clone(),
                    device_name: alloc::string::String::new(),
                    index: 0,
                    converted: state.converted.clone(),
                }]
                .into(),
            }),
            SnapshotState::Deleting(state) => Some(Happening::Failing {
                failure: state.failure.clone(),
            }),
            SnapshotState::Deleted(state) => Some(Happening::Deleted {
                failure: state.failure.clone(),
                cleanup_failure: state.cleanup_failure.clone(),
            }),
            _ => None,
        }
    }
}
