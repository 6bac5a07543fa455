//! The records of a world.

use alloc::string::String;
use alloc::vec::Vec;

/// An account.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountRecord {
    /// Its number: twelve digits.
    pub id: String,
    /// Exports of each kind that it may have at once in a Region: 5 where nothing is said, at
    /// most 20 (SVC-TASK-4, SVC-TASK-5).
    pub export_tasks: Option<usize>,
    /// The policy of whoever calls for it, in JSON (SVC-IAM-1). Without one, every call is allowed.
    pub caller_policy: Option<String>,
}

/// How objects of a bucket are encrypted by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// Not at all.
    #[default]
    None,
    /// With keys of the store (SSE-S3).
    SseS3,
    /// With a KMS key (SSE-KMS): nothing is exported there (SVC-TASK-4, SVC-TASK-5).
    SseKms,
}

/// Who owns the objects of a bucket, and whether its ACL counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub enum Ownership {
    /// The ACL counts; objects belong to whoever writes them.
    #[default]
    ObjectWriter,
    /// The ACL counts; objects belong to the bucket's owner.
    BucketOwnerPreferred,
    /// ACLs are disabled: an instance export is refused (SVC-TASK-4).
    BucketOwnerEnforced,
}

/// What a grant of an ACL allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Permission {
    /// To list the objects.
    Read,
    /// To write objects.
    Write,
    /// To read the ACL.
    ReadAcp,
    /// To write the ACL.
    WriteAcp,
    /// All of these.
    FullControl,
}

impl Permission {
    /// Whether it holds another one.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self == other || self == Self::FullControl
    }
}

/// A grant of a bucket's ACL.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The canonical id of whom it is for.
    pub grantee: String,
    /// What it allows.
    pub permission: Permission,
}

/// A bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BucketRecord {
    /// Its name.
    pub name: String,
    /// The account that owns it.
    pub owner: String,
    /// The Region it is in.
    pub region: String,
    /// How its objects are encrypted.
    pub encryption: Encryption,
    /// The key for [`Encryption::SseKms`].
    pub kms_key_id: Option<String>,
    /// Whose its objects are.
    pub ownership: Ownership,
    /// Its ACL.
    pub acl: Vec<Grant>,
    /// Its policy, in JSON.
    pub policy: Option<String>,
    /// The service can do with it whatever its owner asks for: neither ACL nor policy counts.
    pub open: bool,
}

/// A role of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleRecord {
    /// The account.
    pub account: String,
    /// Its name: `vmimport`.
    pub name: String,
    /// Who may take it on: its trust policy, in JSON (SVC-IAM-2).
    pub trust_policy: String,
    /// What it may do: its permission policies, in JSON (SVC-IAM-3).
    pub policies: Vec<String>,
    /// The role may do everything and whoever asks may take it on: no policy counts.
    pub open: bool,
}

/// Whether a key can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub enum KeyState {
    /// It can.
    #[default]
    Enabled,
    /// It cannot, until it is enabled.
    Disabled,
    /// It cannot, and will be deleted.
    PendingDeletion,
    /// It cannot, until its material is imported.
    PendingImport,
}

/// A key.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyRecord {
    /// Its id.
    pub id: String,
    /// The account that owns it.
    pub owner: String,
    /// The Region it is in.
    pub region: String,
    /// Its aliases: `alias/…`.
    pub aliases: Vec<String>,
    /// Whether it can be used (SVC-TASK-7).
    pub state: KeyState,
    /// Its policy, in JSON. Without one, the policies of the account's roles decide.
    pub policy: Option<String>,
    /// Everybody may use it: no policy counts.
    pub open: bool,
}

impl KeyRecord {
    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        alloc::format!("arn:aws:kms:{}:{}:key/{}", self.region, self.owner, self.id)
    }

    /// Whether a request's text names it: by id, ARN or alias.
    #[must_use]
    pub fn is_named(&self, text: &str) -> bool {
        let alias = text.rsplit_once(":alias/").map_or(text, |(start, _)| {
            text.get(start.len().saturating_add(1)..).unwrap_or(text)
        });
        self.id == text || self.arn() == text || self.aliases.iter().any(|own| own == alias)
    }
}
