//! CreateInstanceExportTask and ExportImage (SVC-TASK-4, SVC-TASK-5): validate, take the state of
//! the disks (updating), convert each disk, transfer the final image.

mod image;
mod instance;
mod plan;
mod state;
mod view;

use alloc::vec::Vec;

use vmie_rules::status::Stage;

use crate::id::ImageId;
use crate::life::{Context, Course, Life, Next};
use crate::order::{
    CleanupWork, DiskFacts, ExportDiskWork, SnapshotToMake, Step, TransferWork, Work, WorkerEvent,
};
use crate::resource::Resource;
use crate::task::Head;
use crate::ticket::Tickets;
use crate::time::Timestamp;
pub(crate) use plan::{ExportRequest, Surroundings};
pub(crate) use state::{ExportCourse, ExportDone};
pub(crate) use view::{first_image_view, image_view, instance_view};

pub(crate) use image::check as check_image;
pub(crate) use instance::{check as check_instance, find as find_instance};

/// A new task.
pub(crate) fn new(request: ExportRequest) -> Life<ExportCourse> {
    Life::new(request, ExportCourse::new())
}

impl Course for ExportCourse {
    type Request = ExportRequest;
    type Done = ExportDone;

    fn tickets(&mut self) -> Tickets<'_> {
        self.tickets_of()
    }

    fn shown(&self) -> (Stage, u8) {
        let (stage, done, total) = self.stage();
        (stage, stage.export_progress_at(done, total))
    }

    /// Not while the final disk image is being transferred (SVC-TASK-6).
    fn cancellable(&self) -> bool {
        !matches!(self, Self::Transferring(_))
    }

    fn disks(&self) -> Vec<DiskFacts> {
        Vec::new()
    }

    /// All artifacts, also a partly written object (SVC-TASK-6).
    fn leftovers(self, head: &Head, request: &ExportRequest) -> CleanupWork {
        CleanupWork {
            objects: request.plan.objects(&head.id),
            ..CleanupWork::default()
        }
    }

    fn work(&self, head: &Head, request: &ExportRequest, step: Step) -> Option<Work> {
        let export = request.plan.work.clone();
        let work = match (self, step) {
            (Self::Validating(_), Step::Validate) => Work::CheckExport(export),
            (Self::Updating(_), Step::Update) => Work::PrepareExport(export),
            (Self::Converting(_), Step::Convert(index)) => {
                Work::ExportDisk(ExportDiskWork { export, index })
            }
            (Self::Transferring(state), Step::Publish) => Work::Transfer(TransferWork {
                export,
                disks: state.disks.clone(),
                objects: request.plan.objects(&head.id),
                tags: request.tags(),
            }),
            _ => return None,
        };
        Some(work)
    }

    fn advance(
        self,
        _cx: &mut Context<'_>,
        head: &Head,
        request: &ExportRequest,
        step: Step,
        event: WorkerEvent,
    ) -> Next<Self> {
        match (self, event) {
            (Self::Validating(state), WorkerEvent::Validated(found)) => {
                match state.validated(found) {
                    Ok(course) => Next::Goes(course),
                    Err(failure) => Next::Fails {
                        failure,
                        disks: Vec::new(),
                        leftovers: CleanupWork {
                            objects: request.plan.objects(&head.id),
                            ..CleanupWork::default()
                        },
                    },
                }
            }
            (Self::Updating(state), WorkerEvent::Updated { .. }) => {
                Next::Goes(state.updated(request.plan.work.disks.len()))
            }
            (Self::Converting(state), WorkerEvent::Converted(disk)) => {
                Next::Goes(state.converted(step, disk))
            }
            (Self::Transferring(state), WorkerEvent::Published) => Next::Done(state.published()),
            (state, _) => Next::Goes(state),
        }
    }

    fn results(
        _done: &ExportDone,
        _request: &ExportRequest,
    ) -> (Option<ImageId>, Vec<SnapshotToMake>) {
        (None, Vec::new())
    }

    fn made(
        _done: &ExportDone,
        _head: &Head,
        _request: &ExportRequest,
        _now: Timestamp,
    ) -> Vec<Resource> {
        Vec::new()
    }
}
