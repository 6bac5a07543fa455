//! ImportImage (SVC-TASK-1): validate, convert each disk, update, boot if the host can, publish.

mod request;
mod state;
mod view;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::guest::Platform;
use vmie_rules::license::{LicenseType, LicensedSystem};
use vmie_rules::status::Stage;

use crate::call::{ImportImageRequest, Tag};
use crate::id::{ImageId, SnapshotId};
use crate::life::{Context, Course, Life, Next};
use crate::order::{
    CleanupWork, ConvertWork, DiskFacts, PublishImageWork, SnapshotToMake, Step, ValidateWork,
    Work, WorkerEvent,
};
use crate::resource::{Device, ImageRecord, Resource, SnapshotRecord, gib};
use crate::task::Head;
use crate::ticket::Tickets;
use crate::time::Timestamp;
use request::source_of;
pub(crate) use request::{ImageSpec, check};
use state::{DoneDisk, SettledGuest, facts_of};
pub(crate) use state::{ImageCourse, ImageDone};
pub(crate) use view::{first_view, user_bucket, view};

/// A new task.
pub(crate) fn new(request: ImportImageRequest) -> Life<ImageCourse> {
    Life::new(request, ImageCourse::new())
}

pub(crate) fn tags(request: &ImportImageRequest) -> Vec<Tag> {
    request
        .tag_specifications
        .iter()
        .flat_map(|spec| spec.tags.clone())
        .collect()
}

impl Course for ImageCourse {
    type Request = ImportImageRequest;
    type Done = ImageDone;

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
        match self {
            Self::Validating(_) => Vec::new(),
            Self::Converting(state) => state.facts(),
            Self::Updating(state) => state.facts(),
            Self::Booting(state) => state.facts(),
            Self::Publishing(state) => facts_of(&state.disks),
        }
    }

    fn leftovers(self, _head: &Head, _request: &ImportImageRequest) -> CleanupWork {
        match self {
            Self::Publishing(state) => CleanupWork {
                image_id: Some(state.image_id),
                snapshot_ids: state.snapshot_ids,
                ..CleanupWork::default()
            },
            _ => CleanupWork::default(),
        }
    }

    fn work(&self, head: &Head, request: &ImportImageRequest, step: Step) -> Option<Work> {
        let work = match (self, step) {
            (Self::Validating(_), Step::Validate) => {
                let spec = ImageSpec::of(request);
                Work::Validate(ValidateWork {
                    sources: spec.sources,
                    guest: Some(spec.expectations),
                })
            }
            (Self::Converting(state), Step::Convert(index)) => {
                let disk = state.disk(index)?.clone();
                let place = usize::try_from(disk.container).ok()?;
                let container = request.disk_containers.get(place)?;
                Work::Convert(ConvertWork {
                    source: source_of(container, disk.container)?,
                    index,
                    disk,
                })
            }
            (Self::Updating(state), Step::Update) => Work::Update(state.work()),
            (Self::Booting(state), Step::Boot) => Work::Boot(state.work()),
            (Self::Publishing(state), Step::Publish) => Work::PublishImage(PublishImageWork {
                image_id: state.image_id.clone(),
                name: head.id.to_string(),
                description: request.description.clone(),
                snapshots: snapshots(request, &state.disks, &state.snapshot_ids),
                guest: state.guest.facts.clone(),
                license_type: state.guest.license_type,
                usage_operation: ImageSpec::of(request).expectations.usage_operation,
                encrypted: request.encrypted.unwrap_or(false),
                kms_key_id: request.kms_key_id.clone(),
                tags: tags(request),
            }),
            _ => return None,
        };
        Some(work)
    }

    fn advance(
        self,
        cx: &mut Context<'_>,
        _head: &Head,
        request: &ImportImageRequest,
        step: Step,
        event: WorkerEvent,
    ) -> Next<Self> {
        match (self, event) {
            (Self::Validating(state), WorkerEvent::Validated(found)) => {
                state.validated(cx, &ImageSpec::of(request), found)
            }
            (Self::Converting(state), WorkerEvent::Converted(disk)) => {
                Next::Goes(state.converted(step, disk))
            }
            (Self::Updating(state), WorkerEvent::Updated { .. }) => Next::Goes(state.updated(cx)),
            (Self::Booting(state), WorkerEvent::Booted) => Next::Goes(state.booted(cx)),
            (Self::Publishing(state), WorkerEvent::Published) => Next::Done(state.published()),
            (state, _) => Next::Goes(state),
        }
    }

    fn results(
        done: &ImageDone,
        request: &ImportImageRequest,
    ) -> (Option<ImageId>, Vec<SnapshotToMake>) {
        let snapshots = snapshots(request, &done.disks, &done.snapshot_ids);
        (Some(done.image_id.clone()), snapshots)
    }

    fn made(
        done: &ImageDone,
        head: &Head,
        request: &ImportImageRequest,
        now: Timestamp,
    ) -> Vec<Resource> {
        let made = snapshots(request, &done.disks, &done.snapshot_ids);
        let mut resources: Vec<Resource> = made
            .iter()
            .map(|one| {
                Resource::Snapshot(SnapshotRecord {
                    id: one.snapshot_id.clone(),
                    owner: head.caller.account.clone(),
                    region: head.caller.region.clone(),
                    volume_size: gib(one.converted.virtual_size),
                    description: request.description.clone(),
                    encrypted: request.encrypted.unwrap_or(false),
                    kms_key_id: request.kms_key_id.clone(),
                    shared_with: Vec::new(),
                    data_bytes: Some(one.converted.data_bytes),
                    volume_id: None,
                    created: now,
                    state: "completed".to_string(),
                    made_by: Some(head.id.clone()),
                    tags: tags(request),
                })
            })
            .collect();
        resources.push(Resource::Image(image_record(
            done, head, request, &made, now,
        )));
        resources
    }
}

/// The image that lists show (SVC-OBS-7, SVC-LIM-8, SVC-LIC-4).
fn image_record(
    done: &ImageDone,
    head: &Head,
    request: &ImportImageRequest,
    made: &[SnapshotToMake],
    now: Timestamp,
) -> ImageRecord {
    let SettledGuest {
        facts,
        license_type,
    } = &done.guest;
    let asked = ImageSpec::of(request).expectations.usage_operation;
    let windows = facts.platform == Some(Platform::Windows)
        || matches!(
            facts.system,
            Some(LicensedSystem::WindowsClient | LicensedSystem::WindowsServer)
        );
    let usage = asked.unwrap_or_else(|| {
        let value = match (windows, license_type) {
            (false, _) => "RunInstances",
            (true, LicenseType::Aws) => "RunInstances:0002",
            (true, LicenseType::Byol) => "RunInstances:0800",
        };
        value.to_string()
    });
    ImageRecord {
        id: done.image_id.clone(),
        owner: head.caller.account.clone(),
        region: head.caller.region.clone(),
        name: head.id.to_string(),
        description: request.description.clone(),
        platform_details: Some(platform_details(&usage)),
        usage_operation: Some(usage),
        platform: facts.platform,
        architecture: facts.architecture.clone(),
        boot_mode: facts.boot_mode,
        ena_support: facts.ena_support,
        devices: made
            .iter()
            .map(|one| Device {
                device_name: one.device_name.clone(),
                snapshot_id: Some(one.snapshot_id.clone()),
                volume_size: Some(gib(one.converted.virtual_size)),
                encrypted: request.encrypted.unwrap_or(false),
                ..Device::default()
            })
            .collect(),
        root_device_name: made.first().map(|one| one.device_name.clone()),
        product_codes: Vec::new(),
        hybrid_grub: false,
        virtualization_type: Some("hvm".to_string()),
        shared_with: Vec::new(),
        public: false,
        created: now,
        state: "available".to_string(),
        made_by: Some(head.id.clone()),
        tags: tags(request),
    }
}

/// The platform details of a usage operation, in the words of EC2's billing information.
pub(crate) fn platform_details(usage: &str) -> String {
    let text = match usage {
        "RunInstances:0002" => "Windows",
        "RunInstances:0800" => "Windows BYOL",
        "RunInstances:0006" => "Windows with SQL Server Standard",
        "RunInstances:0102" => "Windows with SQL Server Enterprise",
        "RunInstances:0202" => "Windows with SQL Server Web",
        "RunInstances:0004" => "Linux with SQL Server Standard",
        "RunInstances:0100" => "Linux with SQL Server Enterprise",
        "RunInstances:0200" => "Linux with SQL Server Web",
        _ => "Linux/UNIX",
    };
    text.to_string()
}

/// The snapshots of the image, once they have ids.
fn snapshots(
    request: &ImportImageRequest,
    disks: &[DoneDisk],
    ids: &[SnapshotId],
) -> Vec<SnapshotToMake> {
    let names = device_names(request, disks.iter().map(|disk| disk.facts.container));
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
fn device_names(
    request: &ImportImageRequest,
    containers: impl Iterator<Item = u32>,
) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let named: Vec<&str> = request
        .disk_containers
        .iter()
        .filter_map(|one| one.device_name.as_deref())
        .collect();
    let mut letters = b'b'..=b'z';
    for container in containers {
        let place = usize::try_from(container).unwrap_or(usize::MAX);
        let own = request
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
