//! The tasks of a VM import service as pure state machines.
//!
//! Requests, reports of workers and the time go in; records to make durable, replies and work
//! orders come out. The engine has no clock, no randomness, no IO and no threads, and no standard
//! library (`no_std` with `alloc`): whoever hosts it brings those. It decides and never converts;
//! the host converts and never decides.
//!
//! ```
//! use vmie_tasks::{
//!     Action, ApiCall, Caller, Config, DiskContainer, Engine, ImportImageRequest, Output,
//!     SourceUrl, Step, Timestamp,
//! };
//!
//! let mut engine = Engine::new(Config::default(), 42);
//! let request = ImportImageRequest {
//!     disk_containers: vec![DiskContainer {
//!         format: Some("ova".into()),
//!         url: Some(SourceUrl::new("s3://images/server.ova")),
//!         ..DiskContainer::default()
//!     }],
//!     ..ImportImageRequest::default()
//! };
//! let caller = Caller { account: "111122223333".into(), region: "eu-central-1".into() };
//! let now = Timestamp::from_secs(1_790_000_000);
//! engine.request(now, ApiCall { caller, action: Action::ImportImage(request) });
//!
//! // First what must be durable, then the reply, then what to do, and at last when to look for
//! // an order that no worker took.
//! assert!(matches!(engine.poll(), Output::Commit(_)));
//! assert!(matches!(engine.poll(), Output::Reply { reply: Ok(_), .. }));
//! let Output::Begin(begin) = engine.poll() else { panic!("an order comes next") };
//! assert_eq!(begin.order.step, Step::Validate);
//! let Output::Idle { wake_at: Some(_) } = engine.poll() else { panic!("then it waits") };
//! ```
//!
//! # What a host does
//!
//! 1. It calls [`Engine::request`], [`Engine::report`] or [`Engine::tick`], and then
//!    [`Engine::poll`] until the answer is [`Output::Idle`].
//! 2. It makes each [`Output::Commit`] durable before it acts on what follows.
//! 3. It does the work of each [`Output::Begin`] and reports with the attempt's number:
//!    [`WorkerEvent::Started`], then [`WorkerEvent::Progress`] as often as it likes, then the one
//!    event that ends the step, or [`WorkerEvent::Failed`].
//! 4. It stops the work of each [`Output::Abort`]. A cleanup that follows must wait until that
//!    work has ended.
//! 5. After a restart it gives its records to [`Engine::restore`]. What was under way is begun
//!    again; late reports of earlier attempts are answered with [`ReportError::Stale`].

#![no_std]

extern crate alloc;

mod access;
mod call;
mod check;
mod config;
mod conversion;
mod engine;
mod export;
mod id;
mod image;
mod life;
mod order;
mod output;
mod record;
mod reply;
mod resource;
mod snapshot;
mod source;
mod task;
mod ticket;
mod time;
mod world;

pub use call::{
    Action, ApiCall, AttachVolumeRequest, BlockDeviceMapping, Caller, CancelConversionTaskRequest,
    CancelExportTaskRequest, CancelRequest, ClientData, CreateInstanceExportTaskRequest,
    CreateVolumeRequest, DeleteSnapshotRequest, DeregisterImageRequest,
    DescribeConversionTasksRequest, DescribeExportImageTasksRequest, DescribeExportTasksRequest,
    DescribeImagesRequest, DescribeRequest, DescribeSnapshotsRequest, DiskContainer, DiskImage,
    DiskImageDetail, Double, EbsBlockDevice, ExportImageRequest, ExportToS3, Filter,
    ImportImageRequest, ImportInstanceRequest, ImportSnapshotRequest, ImportVolumeRequest,
    LaunchSpecification, Placement, RegisterImageRequest, S3ExportLocation, Tag, TagSpecification,
};
pub use config::{Config, Limits, StepLimits};
pub use engine::{Engine, ReportError};
pub use id::{ImageId, InstanceId, SnapshotId, TaskId, TaskKind, VolumeId};
pub use order::{
    Attempt, Begin, CleanupWork, ConvertWork, Converted, DiskFacts, Expectations, ExportDiskWork,
    ExportSource, ExportWork, ExportedDisk, Failure, GuestFacts, InstanceToMake, ORDER_VERSION,
    OrderId, PublishImageWork, PublishSnapshotWork, PublishVolumesWork, SnapshotToMake, Step,
    TransferWork, UpdateWork, UploadWork, Uploaded, ValidateWork, Validated, Verdict, VolumeToMake,
    Work, WorkerEvent,
};
pub use output::{Change, Commit, Happening, Output, RequestId, TaskEvent};
pub use record::{RECORD_VERSION, Record, RecordKey, RestoreError};
pub use reply::{
    ApiError, Cause, ConversionTask, DeleteSnapshotResult, DiskImageDescription,
    DiskImageVolumeDescription, ExportImageTask, ExportLocation, ExportTask, ExportToS3Task, Image,
    ImageWatermark, ImportImageTask, ImportInstanceTaskDetails, ImportSnapshotTask,
    ImportVolumeTaskDetails, InstanceExportDetails, InstanceTypeSpecification, ProductCode, Reply,
    ScanResults, Snapshot, SnapshotDetail, SnapshotTaskDetail, StateReason, Volume,
    VolumeAttachment, VolumeOperator,
};
pub use resource::{
    Attachment, Device, ImageRecord, InstanceRecord, Made, SnapshotRecord, VolumeRecord,
};
pub use source::{Location, Source, SourceUrl, UserBucket};
pub use time::Timestamp;
pub use world::{
    AccountRecord, BucketRecord, Encryption, Grant, KeyRecord, KeyState, ListedTwice, ListedWorld,
    OpenWorld, Ownership, Permission, RoleRecord, World,
};
