//! What an export is going to do, fixed when it is asked for: the world may change afterwards.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use vmie_rules::api::ApiCode;
use vmie_rules::format::ImageFormat;
use vmie_rules::license::{LicenseType, SqlServer, UsageOperation};
use vmie_rules::limits::EXPORT_VOLUME_SIZE;
use vmie_rules::message::Message;
use vmie_rules::{SvcId, region};

use crate::access;
use crate::call::{Caller, CreateInstanceExportTaskRequest, ExportImageRequest, Tag};
use crate::check::Checked;
use crate::id::{ImageId, SnapshotId, TaskId, TaskKind};
use crate::order::ExportWork;
use crate::reply::{ApiError, ProductCode};
use crate::resource::{Book, ImageRecord, SnapshotRecord};
use crate::source::{Location, UserBucket};
use crate::world::{BucketRecord, Encryption, Ownership, Permission, World};

/// Either request, as sent, with its plan.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ExportRequest {
    pub(crate) sent: Sent,
    pub(crate) plan: ExportPlan,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sent {
    Instance(CreateInstanceExportTaskRequest),
    Image(ExportImageRequest),
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ExportPlan {
    pub(crate) work: ExportWork,
    pub(crate) bucket: String,
    pub(crate) prefix: String,
}

impl ExportRequest {
    pub(crate) fn instance(sent: CreateInstanceExportTaskRequest, plan: ExportPlan) -> Self {
        let sent = Sent::Instance(sent);
        Self { sent, plan }
    }

    pub(crate) fn image(sent: ExportImageRequest, plan: ExportPlan) -> Self {
        let sent = Sent::Image(sent);
        Self { sent, plan }
    }

    /// Whether it was made of a request like this one.
    pub(crate) fn is_of(&self, request: &ExportImageRequest) -> bool {
        matches!(&self.sent, Sent::Image(sent) if sent == request)
    }

    pub(crate) fn kind(&self) -> TaskKind {
        match self.sent {
            Sent::Instance(_) => TaskKind::ExportInstance,
            Sent::Image(_) => TaskKind::ExportImage,
        }
    }

    pub(crate) fn client_token(&self) -> Option<&str> {
        match &self.sent {
            Sent::Instance(_) => None,
            Sent::Image(request) => request.client_token.as_deref(),
        }
    }

    pub(crate) fn image_id(&self) -> Option<&str> {
        match &self.sent {
            Sent::Instance(_) => None,
            Sent::Image(request) => request.image_id.as_deref(),
        }
    }

    pub(crate) fn tags(&self) -> Vec<Tag> {
        let specifications = match &self.sent {
            Sent::Instance(request) => &request.tag_specifications,
            Sent::Image(request) => &request.tag_specifications,
        };
        specifications
            .iter()
            .flat_map(|spec| spec.tags.clone())
            .collect()
    }
}

impl ExportPlan {
    /// Where the result goes: prefix, task id, `.`, format (SVC-TASK-4, SVC-TASK-5). The service
    /// says no key for the further disks of an image: they have their number behind the id.
    pub(crate) fn objects(&self, task: &TaskId) -> Vec<UserBucket> {
        let suffix = if self.work.ova {
            "ova"
        } else {
            self.work.format.as_str()
        };
        let count = if self.work.ova {
            1
        } else {
            self.work.disks.len().max(1)
        };
        (0..count)
            .map(|index| UserBucket {
                bucket: self.bucket.clone(),
                key: match index {
                    0 => format!("{}{task}.{suffix}", self.prefix),
                    _ => format!("{}{task}-{index}.{suffix}", self.prefix),
                },
            })
            .collect()
    }
}

/// What a check may ask of.
pub(crate) struct Surroundings<'a, W> {
    pub(crate) world: &'a W,
    pub(crate) book: &'a Book,
    pub(crate) caller: &'a Caller,
}

impl<W: World> Surroundings<'_, W> {
    /// An image, whoever owns it.
    pub(super) fn image(&self, id: &ImageId) -> Option<Cow<'_, ImageRecord>> {
        match self.book.images.get(id) {
            Some(image) => Some(Cow::Borrowed(image)),
            None => self.world.image(id.as_str()),
        }
    }

    /// A snapshot, whoever owns it.
    pub(super) fn snapshot(&self, id: &SnapshotId) -> Option<Cow<'_, SnapshotRecord>> {
        match self.book.snapshots.get(id) {
            Some(snapshot) => Some(Cow::Borrowed(snapshot)),
            None => self.world.snapshot(id.as_str()),
        }
    }

    /// A bucket that an export may go to, apart from who may write it.
    pub(super) fn bucket(&self, name: &str, elsewhere: Message) -> Checked<Cow<'_, BucketRecord>> {
        let found =
            Location::of_bucket(name, "key").and_then(|_| self.world.bucket(self.caller, name));
        let Some(bucket) = found else {
            return Err(ApiError::because(
                ApiCode::InvalidParameter,
                Message::InvalidS3Location.to_string(),
                "no-such-bucket",
                "name a bucket that exists",
                SvcId::Err12,
            ));
        };
        if bucket.owner != self.caller.account {
            return Err(ApiError::because(
                ApiCode::InvalidParameter,
                "The S3 bucket must be owned by the account that exports.",
                "bucket-of-another-account",
                &format!("the bucket belongs to the account {}", bucket.owner),
                SvcId::Task4,
            ));
        }
        if bucket.region != self.caller.region {
            let (here, there) = (&self.caller.region, &bucket.region);
            return Err(ApiError::because(
                ApiCode::InvalidParameter,
                elsewhere.to_string(),
                "bucket-in-another-region",
                &format!("the bucket is in {there}, and the request went to {here}"),
                elsewhere.id(),
            ));
        }
        if bucket.encryption == Encryption::SseKms {
            return Err(ApiError::because(
                ApiCode::InvalidParameter,
                "The S3 bucket must not be encrypted with SSE-KMS.",
                "bucket-sse-kms",
                "use a bucket without encryption or with SSE-S3",
                SvcId::Task4,
            ));
        }
        Ok(bucket)
    }

    /// Whether the service may write the bucket of an instance export: by its ACL (SVC-IAM-5) or
    /// by its policy (SVC-IAM-7).
    pub(super) fn writable(&self, bucket: &BucketRecord) -> Checked<()> {
        if bucket.open {
            return Ok(());
        }
        let denied = |cause: &str, detail: &str| {
            Err(ApiError::because(
                ApiCode::AuthFailure,
                Message::BucketAcl.to_string(),
                cause,
                detail,
                SvcId::Err33,
            ))
        };
        if bucket.ownership == Ownership::BucketOwnerEnforced {
            return denied("bucket-acls-disabled", "enable the ACLs of the bucket");
        }
        let canonical = region::region(&self.caller.region)
            .map_or(region::CANONICAL_ID_OF_OTHERS, |region| region.canonical_id);
        let granted = |permission: Permission| {
            bucket
                .acl
                .iter()
                .any(|grant| grant.grantee == canonical && grant.permission.covers(permission))
        };
        let by_policy = bucket.ownership == Ownership::BucketOwnerPreferred
            && access::bucket_lets_export(bucket, canonical);
        if by_policy || granted(Permission::Write) && granted(Permission::ReadAcp) {
            return Ok(());
        }
        let which = match (granted(Permission::Write), granted(Permission::ReadAcp)) {
            (true, false) => "READ_ACP is missing",
            (false, true) => "WRITE is missing",
            _ => "READ_ACP and WRITE are missing",
        };
        denied(
            "bucket-acl",
            &format!("{which} for the canonical id {canonical}"),
        )
    }
}

/// Whether something bears software that the provider licenses or a third party sells: Windows,
/// SQL Server, the marketplace's images (SVC-TASK-4, SVC-TASK-5).
pub(super) fn third_party(usage: Option<&str>, products: &[ProductCode]) -> Option<String> {
    if let Some(product) = products.first() {
        let code = product.product_code_id.as_deref().unwrap_or_default();
        return Some(format!("it has the product code {code}"));
    }
    let usage = UsageOperation::from_value(usage?)?;
    let licensed = usage.license == LicenseType::Aws || usage.sql_server != SqlServer::NoneOrByol;
    licensed.then(|| format!("its usage operation is {}", usage.value))
}

/// A disk that is too large to be exported.
pub(super) fn too_large(size: u64) -> bool {
    size.saturating_mul(1 << 30) > EXPORT_VOLUME_SIZE
}

/// An export that a limit forbids (SVC-ERR-16).
pub(super) fn not_exportable(cause: &str, detail: &str, svc: SvcId) -> ApiError {
    let mut error = ApiError::because(
        ApiCode::NotExportable,
        Message::NotExportable.to_string(),
        cause,
        detail,
        SvcId::Err16,
    );
    error.also(svc);
    error
}

/// The format of the disks.
pub(super) fn format(sent: &str, taken: &[ImageFormat], parameter: &str) -> Checked<ImageFormat> {
    match sent.parse() {
        Ok(format) if taken.contains(&format) => Ok(format),
        _ => {
            let names: Vec<String> = taken
                .iter()
                .map(|format| format.as_str().to_ascii_uppercase())
                .collect();
            let expected = format!("Use {}.", names.join(", "));
            Err(crate::check::invalid(parameter, sent, &expected))
        }
    }
}
