//! ImportImage (SVC-TASK-1): validate, convert each disk, update, boot if the host can, publish.

mod request;
mod state;
mod view;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::call::{ImportImageRequest, Tag};
use crate::order::{
    ConvertWork, Failure, PublishImageWork, SnapshotToMake, Step, UpdateWork, ValidateWork, Work,
    WorkerEvent,
};
use crate::output::Happening;
use crate::task::{Context, Head};
pub(crate) use request::{ImageSpec, check};
pub(crate) use state::ImageState;
pub(crate) use view::{first_view, user_bucket, view};

/// An ImportImage task without its head.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ImageBody {
    /// As sent, for lists and for requests that come again.
    pub(crate) request: ImportImageRequest,
    pub(crate) spec: ImageSpec,
    pub(crate) state: ImageState,
}

impl ImageBody {
    pub(crate) fn new(request: ImportImageRequest, spec: ImageSpec) -> Self {
        Self {
            request,
            spec,
            state: ImageState::new(),
        }
    }

    pub(crate) fn advance(self, cx: &mut Context<'_>, step: Step, event: WorkerEvent) -> Self {
        let Self {
            request,
            spec,
            state,
        } = self;
        let state = match (state, event) {
            (ImageState::Validating(state), WorkerEvent::Validated(found)) => {
                state.validated(cx, &spec, found)
            }
            (ImageState::Converting(state), WorkerEvent::Converted(disk)) => {
                state.converted(step, disk)
            }
            (ImageState::Updating(state), WorkerEvent::Updated { .. }) => state.updated(cx),
            (ImageState::Booting(state), WorkerEvent::Booted) => state.booted(cx),
            (ImageState::Publishing(state), WorkerEvent::Published) => state.published(cx),
            (ImageState::Deleting(state), WorkerEvent::Cleaned) => {
                ImageState::Deleted(state.cleaned(cx.now, None))
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

    pub(crate) fn work(&self, head: &Head, step: Step) -> Option<Work> {
        let work = match (&self.state, step) {
            (ImageState::Validating(_), Step::Validate) => Work::Validate(ValidateWork {
                sources: self.spec.sources.clone(),
                guest: Some(self.spec.expectations.clone()),
            }),
            (ImageState::Converting(state), Step::Convert(index)) => {
                let disk = state.disk(index)?.clone();
                let source = self.spec.source(disk.container)?.clone();
                Work::Convert(ConvertWork {
                    source,
                    index,
                    disk,
                })
            }
            (ImageState::Updating(state), Step::Update) => Work::Update(state.work()),
            (ImageState::Booting(state), Step::Boot) => Work::Boot(UpdateWork {
                disks: state
                    .disks
                    .iter()
                    .map(|disk| disk.converted.clone())
                    .collect(),
                guest: state.guest.facts.clone(),
            }),
            (ImageState::Publishing(state), Step::Publish) => {
                Work::PublishImage(PublishImageWork {
                    image_id: state.image_id.clone(),
                    name: head.id.to_string(),
                    description: self.request.description.clone(),
                    snapshots: self.snapshots(),
                    guest: state.guest.facts.clone(),
                    license_type: state.guest.license_type,
                    usage_operation: self.spec.expectations.usage_operation.clone(),
                    encrypted: self.spec.encrypted,
                    kms_key_id: self.request.kms_key_id.clone(),
                    tags: self.tags(),
                })
            }
            (ImageState::Deleting(state), Step::Cleanup) => Work::Cleanup(state.leftovers.clone()),
            _ => return None,
        };
        Some(work)
    }

    /// The snapshots of the image, once they have ids.
    fn snapshots(&self) -> Vec<SnapshotToMake> {
        let (disks, ids) = match &self.state {
            ImageState::Publishing(state) => (&state.disks, &state.snapshot_ids),
            ImageState::Completed(state) => (&state.disks, &state.snapshot_ids),
            _ => return Vec::new(),
        };
        let names = self.device_names(disks.iter().map(|disk| disk.facts.container));
        disks
            .iter()
            .zip(ids)
            .zip(names)
            .zip(0..)
            .map(|(((disk, id), device_name), index)| SnapshotToMake {
                snapshot_id: id.clone(),
                device_name,
                index,
                converted: disk.converted.clone(),
            })
            .collect()
    }

    /// The device of each disk: as its container names it, for the first disk of the container;
    /// else `/dev/sda1` for the root (SVC-OBS-3) and the next free `/dev/sdb` … for the others.
    fn device_names(&self, containers: impl Iterator<Item = u32>) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let named: Vec<&str> = self
            .request
            .disk_containers
            .iter()
            .filter_map(|one| one.device_name.as_deref())
            .collect();
        let mut letters = b'b'..=b'z';
        for container in containers {
            let place = usize::try_from(container).unwrap_or(usize::MAX);
            let own = self
                .request
                .disk_containers
                .get(place)
                .and_then(|container| container.device_name.clone())
                .filter(|name| !names.contains(name));
            let name = own.unwrap_or_else(|| {
                if names.is_empty() && !named.contains(&"/dev/sda1") {
                    return "/dev/sda1".to_string();
                }
                letters
                    .by_ref()
                    .map(|letter| alloc::format!("/dev/sd{}", char::from(letter)))
                    .find(|name| !named.contains(&name.as_str()))
                    .unwrap_or_default()
            });
            names.push(name);
        }
        names
    }

    pub(crate) fn arrival(&self) -> Option<Happening> {
        match &self.state {
            ImageState::Completed(state) => Some(Happening::Completed {
                image_id: Some(state.image_id.clone()),
                snapshots: self.snapshots(),
            }),
            ImageState::Deleting(state) => Some(Happening::Failing {
                failure: state.failure.clone(),
            }),
            ImageState::Deleted(state) => Some(Happening::Deleted {
                failure: state.failure.clone(),
                cleanup_failure: state.cleanup_failure.clone(),
            }),
            _ => None,
        }
    }
}
