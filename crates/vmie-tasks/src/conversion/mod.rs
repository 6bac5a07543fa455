//! ImportInstance and ImportVolume (SVC-TASK-3): wait until manifests and parts are there
//! (SVC-MAN-3), validate, convert each disk, publish the volumes and the stopped instance.

mod request;
mod state;
mod view;

use alloc::string::ToString;
use alloc::vec::Vec;

use vmie_rules::status::Stage;

use crate::config::Config;
use crate::id::{IdSource, ImageId};
use crate::life::{Context, Course, Life, Next};
use crate::order::{
    CleanupWork, ConvertWork, DiskFacts, Expectations, InstanceToMake, PublishVolumesWork,
    SnapshotToMake, Step, UploadWork, ValidateWork, VolumeToMake, Work, WorkerEvent,
};
use crate::resource::{Attachment, Device, InstanceRecord, Resource, VolumeRecord};
use crate::source::Source;
use crate::task::Head;
use crate::ticket::Tickets;
use crate::time::Timestamp;
pub(crate) use request::{ConversionRequest, Names, check_instance, check_volume};
pub(crate) use state::{ConversionCourse, ConversionDone};
pub(crate) use view::view;

/// A new task. Instance and volumes have their ids from the start.
pub(crate) fn new(request: ConversionRequest, ids: &mut IdSource) -> Life<ConversionCourse> {
    let disks = request.disks().len();
    let names = Names {
        instance_id: request.is_instance().then(|| ids.instance()),
        volume_ids: (0..disks).map(|_| ids.volume()).collect(),
    };
    Life::new(request, ConversionCourse::new(names, disks))
}

impl Course for ConversionCourse {
    type Request = ConversionRequest;
    type Done = ConversionDone;

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

    fn expires(&self, created: Timestamp, config: &Config) -> Option<Timestamp> {
        matches!(self, Self::Uploading(_)).then(|| created.plus_secs(config.conversion_expiry))
    }

    fn disks(&self) -> Vec<DiskFacts> {
        match self {
            Self::Uploading(_) | Self::Validating(_) => Vec::new(),
            Self::Converting(state) => state.facts(),
            Self::Publishing(state) => state.disks.iter().map(|one| one.facts.clone()).collect(),
        }
    }

    fn leftovers(self, _head: &Head, _request: &ConversionRequest) -> CleanupWork {
        match self {
            Self::Publishing(state) => CleanupWork {
                instance_id: state.names.instance_id,
                volume_ids: state.names.volume_ids,
                ..CleanupWork::default()
            },
            _ => CleanupWork::default(),
        }
    }

    fn work(&self, _head: &Head, request: &ConversionRequest, step: Step) -> Option<Work> {
        let work = match (self, step) {
            (Self::Uploading(_), Step::Upload(index)) => Work::CheckUpload(UploadWork {
                index,
                manifest: request.manifest(index)?,
            }),
            (Self::Validating(_), Step::Validate) => Work::Validate(ValidateWork {
                sources: request.sources(),
                guest: request.is_instance().then(|| Expectations {
                    platform: request.platform(),
                    architecture: request.architecture(),
                    ..Expectations::default()
                }),
            }),
            (Self::Converting(state), Step::Convert(index)) => Work::Convert(ConvertWork {
                source: request.source(index)?,
                index,
                disk: state.disk(index)?.clone(),
            }),
            (Self::Publishing(state), Step::Publish) => Work::PublishVolumes(PublishVolumesWork {
                instance: request.launch().and_then(|launch| {
                    Some(InstanceToMake {
                        instance_id: state.names.instance_id.clone()?,
                        platform: request.platform(),
                        launch: launch.clone(),
                    })
                }),
                volumes: volumes(request, &state.names, &state.disks),
                availability_zone: request.zone(),
                description: request.description(),
                uploads: request
                    .sources()
                    .iter()
                    .filter_map(Source::manifest)
                    .collect(),
            }),
            _ => return None,
        };
        Some(work)
    }

    fn advance(
        self,
        cx: &mut Context<'_>,
        _head: &Head,
        request: &ConversionRequest,
        step: Step,
        event: WorkerEvent,
    ) -> Next<Self> {
        match (self, event) {
            (Self::Uploading(state), WorkerEvent::Uploaded(found)) => {
                state.uploaded(cx, request, step, found)
            }
            (Self::Validating(state), WorkerEvent::Validated(found)) => {
                state.validated(cx, request, found)
            }
            (Self::Converting(state), WorkerEvent::Converted(disk)) => {
                Next::Goes(state.converted(step, disk))
            }
            (Self::Publishing(state), WorkerEvent::Published) => Next::Done(state.published()),
            (state, _) => Next::Goes(state),
        }
    }

    fn results(
        _done: &ConversionDone,
        _request: &ConversionRequest,
    ) -> (Option<ImageId>, Vec<SnapshotToMake>) {
        (None, Vec::new())
    }

    fn made(
        done: &ConversionDone,
        head: &Head,
        request: &ConversionRequest,
        now: Timestamp,
    ) -> Vec<Resource> {
        let volumes = volumes(request, &done.names, &done.disks);
        let mut resources: Vec<Resource> = volumes
            .iter()
            .map(|one| {
                Resource::Volume(VolumeRecord {
                    id: one.volume_id.clone(),
                    owner: head.caller.account.clone(),
                    region: head.caller.region.clone(),
                    availability_zone: request.zone(),
                    size: one.size,
                    volume_type: Some("standard".to_string()),
                    iops: None,
                    throughput: None,
                    snapshot_id: None,
                    encrypted: false,
                    kms_key_id: None,
                    attached_to: done
                        .names
                        .instance_id
                        .clone()
                        .map(|instance_id| Attachment {
                            instance_id,
                            device_name: one.device_name.clone(),
                            at: now,
                        }),
                    client_token: None,
                    created: now,
                    made_by: Some(head.id.clone()),
                    tags: Vec::new(),
                })
            })
            .collect();
        if let Some(instance_id) = &done.names.instance_id {
            let instance_type = request.launch().and_then(|one| one.instance_type.clone());
            resources.push(Resource::Instance(InstanceRecord {
                id: instance_id.clone(),
                owner: head.caller.account.clone(),
                region: head.caller.region.clone(),
                availability_zone: request.zone(),
                image_id: None,
                instance_type,
                platform: request.platform(),
                state: "stopped".to_string(),
                devices: volumes
                    .iter()
                    .map(|one| Device {
                        device_name: one.device_name.clone(),
                        volume_id: Some(one.volume_id.clone()),
                        volume_size: Some(one.size),
                        ..Device::default()
                    })
                    .collect(),
                network_interfaces: 1,
                product_codes: Vec::new(),
                usage_operation: None,
                hybrid_grub: false,
                created: now,
                made_by: Some(head.id.clone()),
                tags: Vec::new(),
            }));
        }
        resources
    }
}

/// The volumes to make, the root at `/dev/sda1` (SVC-ERR-17).
fn volumes(
    request: &ConversionRequest,
    names: &Names,
    disks: &[state::DoneDisk],
) -> Vec<VolumeToMake> {
    let sizes = request.disks();
    let letters = (b'b'..=b'z').map(|letter| alloc::format!("/dev/sd{}", char::from(letter)));
    let devices = core::iter::once("/dev/sda1".to_string()).chain(letters);
    disks
        .iter()
        .zip(&names.volume_ids)
        .zip(devices)
        .zip(sizes)
        .zip(0..)
        .map(|((((disk, id), device_name), asked), index)| VolumeToMake {
            volume_id: id.clone(),
            device_name,
            index,
            size: asked.volume_size,
            converted: disk.converted.clone(),
        })
        .collect()
}

impl Source {
    fn manifest(&self) -> Option<crate::source::SourceUrl> {
        match &self.location {
            crate::source::Location::Manifest { url } => Some(url.clone()),
            _ => None,
        }
    }
}
