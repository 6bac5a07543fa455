//! CreateVolume, AttachVolume, and whether an instance could be started.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};

use vmie_rules::SvcId;
use vmie_rules::api::{self, ApiCode};
use vmie_rules::message::Message;

use super::snapshots::sse_type;
use super::tags_for;
use crate::access;
use crate::call::{AttachVolumeRequest, Caller, CreateVolumeRequest};
use crate::check;
use crate::conversion::ConversionCourse;
use crate::engine::requests::{dry_run, same_request};
use crate::engine::{Engine, Turn};
use crate::export::{Surroundings, find_instance};
use crate::id::VolumeId;
use crate::life::Phase;
use crate::record::Record;
use crate::reply::{ApiError, Reply, Volume, VolumeAttachment};
use crate::resource::{Attachment, InstanceRecord, Resource, VolumeRecord};
use crate::task::Body;
use crate::time::Timestamp;
use crate::world::World;

impl<W: World> Engine<W> {
    pub(in crate::engine) fn create_volume(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        request: CreateVolumeRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        check_request(&request)?;
        let volume = self.volume(now, caller, &request)?;
        if let Some(token) = request.client_token.as_deref()
            && let Some(made) = self.book.volume_by_token(caller, token)
        {
            dry_run(request.dry_run)?;
            let same = made.size == volume.size
                && made.snapshot_id == volume.snapshot_id
                && made.availability_zone == volume.availability_zone
                && made.volume_type == volume.volume_type
                && made.encrypted == volume.encrypted
                && made.tags == volume.tags;
            same_request(same, Some(token))?;
            return Ok(Reply::CreateVolume(view(made, &request)));
        }
        dry_run(request.dry_run)?;
        let volume = VolumeRecord {
            id: self.ids.volume(),
            ..volume
        };
        turn.put(Record::engine(self.ids));
        let reply = view(&volume, &request);
        self.made(Resource::Volume(volume), turn);
        Ok(Reply::CreateVolume(reply))
    }

    /// The volume that a request asks for, with an id that is not its own.
    fn volume(
        &self,
        now: Timestamp,
        caller: &Caller,
        request: &CreateVolumeRequest,
    ) -> Result<VolumeRecord, ApiError> {
        let snapshot = match request.snapshot_id.as_deref() {
            Some(text) if !text.is_empty() => Some(self.own_snapshot(caller, text)?),
            _ => None,
        };
        let least = snapshot.as_ref().map_or(1, |one| one.volume_size);
        let size = match (request.size, &snapshot) {
            (None, None) => return Err(check::missing("Size")),
            (None, Some(snapshot)) => snapshot.volume_size,
            (Some(size), _) => u64::try_from(size)
                .ok()
                .filter(|size| (least..=16_384).contains(size))
                .ok_or_else(|| {
                    let expected = format!("Use a size in GiB, {least} to 16384.");
                    check::invalid("Size", &size.to_string(), &expected)
                })?,
        };
        let encrypted = check::encryption(request.encrypted, request.kms_key_id.as_deref())?
            || snapshot.as_ref().is_some_and(|one| one.encrypted);
        if let Some(id) = request.kms_key_id.as_deref() {
            access::key(&self.world, caller, id)?;
        }
        let kind = request.volume_type.as_deref().unwrap_or("gp2");
        Ok(VolumeRecord {
            id: crate::id::IdSource::new(0).volume(),
            owner: caller.account.clone(),
            region: caller.region.clone(),
            availability_zone: request.availability_zone.clone(),
            size,
            volume_type: Some(kind.to_ascii_lowercase()),
            iops: request.iops,
            throughput: request.throughput,
            kms_key_id: request
                .kms_key_id
                .clone()
                .or_else(|| snapshot.as_ref().and_then(|one| one.kms_key_id.clone())),
            snapshot_id: snapshot.map(|one| one.id.clone()),
            encrypted,
            attached_to: None,
            client_token: request.client_token.clone(),
            created: now,
            made_by: None,
            tags: tags_for(&request.tag_specifications, "volume"),
        })
    }

    pub(in crate::engine) fn attach_volume(
        &mut self,
        now: Timestamp,
        caller: &Caller,
        request: &AttachVolumeRequest,
        turn: &mut Turn,
    ) -> Result<Reply, ApiError> {
        let device = request.device.as_deref();
        let device = device.ok_or_else(|| check::missing("Device"))?;
        check::text("Device", Some(device))?;
        let instance = request.instance_id.as_deref();
        let instance = instance.ok_or_else(|| check::missing("InstanceId"))?;
        let text = request.volume_id.as_deref();
        let text = text.ok_or_else(|| check::missing("VolumeId"))?;
        let around = Surroundings {
            world: &self.world,
            book: &self.book,
            caller,
        };
        let instance = find_instance(&around, instance)?.into_owned();
        let found = VolumeId::parse(text).and_then(|id| match self.book.volumes.get(&id) {
            Some(volume) => Some(Cow::Borrowed(volume)),
            None => self.world.volume(text),
        });
        let volume = found
            .filter(|one| one.owner == caller.account && one.region == caller.region)
            .ok_or_else(|| {
                let message = api::not_there("volume", check::shown(text));
                ApiError::new(ApiCode::InvalidVolumeNotFound, message)
            })?
            .into_owned();
        if let Some(place) = &volume.attached_to {
            let message = format!("{} is already attached to {}", volume.id, place.instance_id);
            return Err(ApiError::new(ApiCode::VolumeInUse, message));
        }
        self.place_is_free(&instance, &volume, device)?;
        dry_run(request.dry_run)?;
        let reply = VolumeAttachment {
            delete_on_termination: Some(false),
            associated_resource: None,
            instance_owning_service: None,
            ebs_card_index: request.ebs_card_index,
            volume_id: volume.id.clone(),
            instance_id: Some(instance.id.to_string()),
            device: Some(device.to_string()),
            state: "attaching".to_string(),
            attach_time: now,
        };
        let attached = VolumeRecord {
            attached_to: Some(Attachment {
                instance_id: instance.id,
                device_name: device.to_string(),
                at: now,
            }),
            ..volume
        };
        self.made(Resource::Volume(attached), turn);
        Ok(Reply::AttachVolume(reply))
    }

    fn place_is_free(
        &self,
        instance: &InstanceRecord,
        volume: &VolumeRecord,
        device: &str,
    ) -> Result<(), ApiError> {
        let mapped = instance.devices.iter().any(|one| one.device_name == device);
        let attached = self.book.attached_to(&instance.id).any(|one| {
            let place = one.attached_to.as_ref();
            place.is_some_and(|place| place.device_name == device)
        });
        if mapped || attached {
            let expected = "Attachment point is already in use.";
            return Err(check::invalid("Device", device, expected));
        }
        if let (Some(left), Some(right)) = (&instance.availability_zone, &volume.availability_zone)
            && left != right
        {
            let message = format!(
                "The volume {} is not in the zone of the instance {}: {right}, {left}",
                volume.id, instance.id
            );
            return Err(ApiError::new(ApiCode::InvalidParameterValue, message));
        }
        Ok(())
    }

    /// Whether an instance of the caller could be started: not before its conversion is complete,
    /// and not without a volume at its root (SVC-ERR-17). Starting is the business of whoever hosts
    /// the engine.
    ///
    /// # Errors
    ///
    /// What the service answers to a start that comes too early, or to an unknown id.
    pub fn check_start(&self, caller: &Caller, instance_id: &str) -> Result<(), ApiError> {
        let around = Surroundings {
            world: &self.world,
            book: &self.book,
            caller,
        };
        let too_early = |cause: &str, detail: &str| {
            let id = check::shown(instance_id).to_string();
            let message = Message::StartedTooEarly { id };
            ApiError::because(
                ApiCode::InvalidParameterValue,
                message.to_string(),
                cause,
                detail,
                SvcId::Err17,
            )
        };
        if self.is_being_converted(caller, instance_id) {
            let advice = "wait until the conversion task is complete";
            return Err(too_early("conversion-not-complete", advice));
        }
        let instance = find_instance(&around, instance_id)?;
        let at_root = |device: &str| matches!(device, "/dev/sda1" | "/dev/xvda");
        let mapped = instance.devices.first().is_some_and(|one| {
            one.virtual_name.is_none() && (one.volume_id.is_some() || one.snapshot_id.is_some())
        });
        let attached = self.book.attached_to(&instance.id).any(|one| {
            let place = one.attached_to.as_ref();
            place.is_some_and(|place| at_root(&place.device_name))
        });
        if mapped || attached {
            return Ok(());
        }
        Err(too_early("no-root-volume", "attach a volume at /dev/sda1"))
    }

    fn is_being_converted(&self, caller: &Caller, instance_id: &str) -> bool {
        use crate::id::TaskKind::ImportInstance;
        use vmie_rules::status::Status::Active;
        let names = |course: &ConversionCourse| course.instance_id().map(ToString::to_string);
        self.index
            .after(caller, ImportInstance, Active, 0)
            .filter_map(|place| Some(&self.tasks.get(&place)?.task.body))
            .any(|body| match body {
                Body::Conversion(life) => match &life.phase {
                    Phase::Active(course) => names(course).as_deref() == Some(instance_id),
                    _ => false,
                },
                _ => false,
            })
    }
}

/// What can be said of a request alone.
fn check_request(request: &CreateVolumeRequest) -> Result<(), ApiError> {
    check::client_token(request.client_token.as_deref())?;
    check::text("AvailabilityZone", request.availability_zone.as_deref())?;
    check::text(
        "AvailabilityZoneId",
        request.availability_zone_id.as_deref(),
    )?;
    check::tags_of(&request.tag_specifications, &["volume"])?;
    if request.availability_zone.is_none() && request.availability_zone_id.is_none() {
        return Err(check::missing("AvailabilityZone"));
    }
    check::one_of(
        "VolumeType",
        request.volume_type.as_deref(),
        &["standard", "io1", "io2", "gp2", "sc1", "st1", "gp3"],
        "Use standard, io1, io2, gp2, sc1, st1 or gp3.",
    )?;
    let unsupported = [
        ("OutpostArn", request.outpost_arn.is_some()),
        ("Operator.Principal", request.operator_principal.is_some()),
    ];
    if let Some((name, _)) = unsupported.iter().find(|(_, sent)| *sent) {
        let message = format!("The parameter {name} is not supported here.");
        return Err(ApiError::new(ApiCode::Unsupported, message));
    }
    Ok(())
}

/// The first reply: `creating`.
fn view(volume: &VolumeRecord, request: &CreateVolumeRequest) -> Volume {
    Volume {
        availability_zone_id: request.availability_zone_id.clone(),
        outpost_arn: None,
        source_volume_id: None,
        iops: volume.iops,
        tags: volume.tags.clone(),
        volume_type: volume.volume_type.clone(),
        fast_restored: None,
        multi_attach_enabled: request.multi_attach_enabled.or(Some(false)),
        throughput: volume.throughput,
        sse_type: Some(sse_type(volume.encrypted, volume.kms_key_id.as_ref())),
        operator: None,
        volume_initialization_rate: request.volume_initialization_rate,
        volume_arn: None,
        owner_id: Some(volume.owner.clone()),
        volume_id: volume.id.clone(),
        size: volume.size,
        snapshot_id: Some(
            volume
                .snapshot_id
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
        ),
        availability_zone: volume.availability_zone.clone(),
        state: "creating".to_string(),
        create_time: volume.created,
        attachments: alloc::vec::Vec::new(),
        encrypted: volume.encrypted,
        kms_key_id: volume.kms_key_id.clone(),
    }
}
