//! Calls that make tasks.

use vmie_rules::SvcId;
use vmie_rules::api::{self, ApiCode};
use vmie_rules::limits::EXPORT_TASKS_ADJUSTED;
use vmie_rules::status::Status;

use super::index::Place;
use super::{Engine, Slot, Turn};
use crate::access::{self, ImportNeeds};
use crate::call::{
    Caller, CreateInstanceExportTaskRequest, ExportImageRequest, ImportImageRequest,
    ImportInstanceRequest, ImportSnapshotRequest, ImportVolumeRequest,
};
use crate::conversion::{self, ConversionRequest};
use crate::export::{self, ExportRequest, Surroundings};
use crate::id::{TaskId, TaskKind};
use crate::image;
use crate::record::Record;
use crate::reply::{ApiError, Reply};
use crate::snapshot;
use crate::source::Location;
use crate::task::{Body, Head, Task};
use crate::time::Timestamp;
use crate::world::World;

impl<W: World> Engine<W> {
    pub(super) fn import_image(
        &mut self,
        now: Timestamp,
        caller: Caller,
        request: ImportImageRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        let spec = image::check(&request)?;
        for source in &spec.sources {
            if let Location::Snapshot { id } = &source.location {
                self.own_snapshot(&caller, id.as_str())?;
            }
        }
        let needs = ImportNeeds {
            role: request.role_name.as_deref(),
            objects: access::objects(spec.sources.iter().map(|source| &source.location)),
            kms_key_id: request.kms_key_id.as_deref(),
            licenses: !request.license_specifications.is_empty(),
        };
        let kind = TaskKind::ImportImage;
        let token = request.client_token.as_deref();
        if let Some(task) = self.made_by(now, &caller, kind, token)
            && let Body::ImportImage(life) = &task.body
        {
            dry_run(request.dry_run)?;
            same_request(*life.request == request, token)?;
            let view = image::first_view(&task.head.id, &life.request);
            return Ok(Reply::ImportImage(view));
        }
        access::import_allowed(&self.world, &caller, &needs)?;
        self.quota(&caller, kind)?;
        dry_run(request.dry_run)?;
        let id = self.ids.task(kind);
        let reply = Reply::ImportImage(image::first_view(&id, &request));
        self.create(
            now,
            &caller,
            id,
            Body::ImportImage(image::new(request)),
            turn,
        );
        Ok(reply)
    }

    pub(super) fn import_snapshot(
        &mut self,
        now: Timestamp,
        caller: Caller,
        request: ImportSnapshotRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        let source = snapshot::check(&request)?;
        let needs = ImportNeeds {
            role: request.role_name.as_deref(),
            objects: access::objects([&source.location]),
            kms_key_id: request.kms_key_id.as_deref(),
            licenses: false,
        };
        let kind = TaskKind::ImportSnapshot;
        let token = request.client_token.as_deref();
        if let Some(task) = self.made_by(now, &caller, kind, token)
            && let Body::ImportSnapshot(life) = &task.body
        {
            dry_run(request.dry_run)?;
            same_request(*life.request == request, token)?;
            let view = snapshot::first_view(&task.head.id, &life.request);
            return Ok(Reply::ImportSnapshot(view));
        }
        access::import_allowed(&self.world, &caller, &needs)?;
        self.quota(&caller, kind)?;
        dry_run(request.dry_run)?;
        let id = self.ids.task(kind);
        let reply = Reply::ImportSnapshot(snapshot::first_view(&id, &request));
        let body = Body::ImportSnapshot(snapshot::new(request));
        self.create(now, &caller, id, body, turn);
        Ok(reply)
    }

    pub(super) fn import_instance(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        request: ImportInstanceRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        conversion::check_instance(caller, &request)?;
        let only_asks = request.dry_run;
        let request = ConversionRequest::Instance(request);
        let place = self.convert(now, caller, request, only_asks, turn)?;
        Ok(Reply::ImportInstance(self.conversion_at(place)?))
    }

    pub(super) fn import_volume(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        request: ImportVolumeRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        conversion::check_volume(&request)?;
        let only_asks = request.dry_run;
        let request = ConversionRequest::Volume(request);
        let place = self.convert(now, caller, request, only_asks, turn)?;
        Ok(Reply::ImportVolume(self.conversion_at(place)?))
    }

    fn convert(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        request: ConversionRequest,
        only_asks: bool,
        turn: &mut Turn,
    ) -> Result<Place, ApiError> {
        for index in (0..).take(request.disks().len()) {
            if let Some(url) = request.manifest(index) {
                access::manifest_is_local(&self.world, caller, &url)?;
            }
        }
        let kind = request.kind();
        self.quota(caller, kind)?;
        dry_run(only_asks)?;
        let id = self.ids.task(kind);
        let body = Body::Conversion(conversion::new(request, &mut self.ids));
        Ok(self.create(now, caller, id, body, turn))
    }

    fn conversion_at(&self, place: Place) -> Result<crate::reply::ConversionTask, ApiError> {
        let slot = self.tasks.get(&place);
        match slot.map(|slot| (&slot.task.head, &slot.task.body)) {
            Some((head, Body::Conversion(life))) => Ok(conversion::view(&self.config, head, life)),
            _ => Err(lost()),
        }
    }

    pub(super) fn export_instance(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        request: CreateInstanceExportTaskRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        let around = Surroundings {
            world: &self.world,
            book: &self.book,
            caller,
        };
        let plan = export::check_instance(&around, &request)?;
        let request = ExportRequest::instance(request, plan);
        let kind = TaskKind::ExportInstance;
        self.quota(caller, kind)?;
        let id = self.ids.task(kind);
        let place = self.create(now, caller, id, Body::Export(export::new(request)), turn);
        let slot = self.tasks.get(&place);
        let view = slot.and_then(|slot| match &slot.task.body {
            Body::Export(life) => export::instance_view(&slot.task.head, life),
            _ => None,
        });
        view.map(Reply::CreateInstanceExportTask).ok_or_else(lost)
    }

    pub(super) fn export_image(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        request: ExportImageRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        let kind = TaskKind::ExportImage;
        let token = request.client_token.as_deref();
        crate::check::client_token(token)?;
        if let Some(task) = self.made_by(now, caller, kind, token)
            && let Body::Export(life) = &task.body
        {
            dry_run(request.dry_run)?;
            same_request(life.request.is_of(&request), token)?;
            let view = export::first_image_view(&task.head.id, &life.request);
            return view.map(Reply::ExportImage).ok_or_else(lost);
        }
        let around = Surroundings {
            world: &self.world,
            book: &self.book,
            caller,
        };
        let plan = export::check_image(&around, &request)?;
        self.one_export_per_image(caller, request.image_id.as_deref())?;
        self.quota(caller, kind)?;
        dry_run(request.dry_run)?;
        let request = ExportRequest::image(request, plan);
        let id = self.ids.task(kind);
        let view = export::first_image_view(&id, &request).ok_or_else(lost)?;
        self.create(now, caller, id, Body::Export(export::new(request)), turn);
        Ok(Reply::ExportImage(view))
    }

    /// SVC-TASK-5: not several tasks for one image at a time. The quota bounds how many there are.
    fn one_export_per_image(&self, caller: &Caller, image: Option<&str>) -> Result<(), ApiError> {
        let busy = [Status::Active, Status::Deleting]
            .into_iter()
            .flat_map(|status| self.index.after(caller, TaskKind::ExportImage, status, 0))
            .filter_map(|place| Some(&self.tasks.get(&place)?.task))
            .find(|task| match &task.body {
                Body::Export(life) => life.request.image_id() == image,
                _ => false,
            });
        match busy {
            None => Ok(()),
            Some(task) => Err(ApiError::because(
                ApiCode::ResourceLimitExceeded,
                "An image can have one export task at a time.",
                "image-is-being-exported",
                &alloc::format!("{} exports it; wait until it has ended", task.head.id),
                SvcId::Task5,
            )),
        }
    }

    /// SVC-TASK-4, SVC-TASK-5: 5 exports of a kind at once, adjustable to 20.
    fn quota(&self, caller: &Caller, kind: TaskKind) -> Result<(), ApiError> {
        let limit = match kind {
            TaskKind::ExportInstance | TaskKind::ExportImage => {
                let account = self.world.account(&caller.account);
                let adjusted = account.and_then(|account| account.export_tasks);
                adjusted
                    .map(|limit| limit.min(EXPORT_TASKS_ADJUSTED))
                    .unwrap_or(self.config.export_tasks)
            }
            _ => self.config.import_tasks,
        };
        if self.index.active(caller, kind) < limit {
            return Ok(());
        }
        Err(ApiError::because(
            ApiCode::ResourceLimitExceeded,
            api::too_many_tasks(limit),
            "quota",
            "wait until a task has ended, or have the quota adjusted",
            match kind {
                TaskKind::ExportImage => SvcId::Task5,
                _ => SvcId::Task4,
            },
        ))
    }

    /// The task that the same token made before (SVC-OBS-6).
    fn made_by(
        &self,
        now: Timestamp,
        caller: &Caller,
        kind: TaskKind,
        token: Option<&str>,
    ) -> Option<&Task> {
        let place = self.index.by_token(caller, kind, token?)?;
        let task = &self.tasks.get(&place)?.task;
        self.is_visible(now, caller, task).then_some(task)
    }

    fn create(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        id: TaskId,
        body: Body,
        turn: &mut Turn,
    ) -> Place {
        let place = self.ids.sequence();
        let head = Head {
            id,
            caller: self.index.caller(caller),
            sequence: place,
            created: now,
            stage: vmie_rules::status::Stage::Pending,
            progress: 0,
        };
        let mut task = Task { head, body };
        task.refresh();
        self.index.insert(&task);
        let slot = Slot { task, wake: None };
        self.tasks.insert(place, alloc::boxed::Box::new(slot));
        turn.put(Record::engine(self.ids));
        self.keep(place, turn);
        place
    }

    /// A task as far as a caller sees it: their own, and not ended too long ago (SVC-OBS-5).
    pub(super) fn visible(&self, now: Timestamp, caller: &Caller, id: &TaskId) -> Option<&Task> {
        self.task(id)
            .filter(|task| self.is_visible(now, caller, task))
    }

    pub(super) fn is_visible(&self, now: Timestamp, caller: &Caller, task: &Task) -> bool {
        let ended = task
            .ended()
            .map(|at| at.plus_secs(self.config.ended_task_visible));
        *task.head.caller == *caller && ended.is_none_or(|until| now < until)
    }
}

pub(super) fn dry_run(asked: bool) -> Result<(), ApiError> {
    if asked {
        Err(ApiError::new(ApiCode::DryRunOperation, api::DRY_RUN))
    } else {
        Ok(())
    }
}

/// It was there a moment ago.
fn lost() -> ApiError {
    ApiError::new(ApiCode::InternalError, "An internal error has occurred.")
}

pub(super) fn same_request(same: bool, token: Option<&str>) -> Result<(), ApiError> {
    if same {
        return Ok(());
    }
    let message = api::token_mismatch(token.unwrap_or_default());
    Err(ApiError::new(ApiCode::IdempotentParameterMismatch, message))
}
