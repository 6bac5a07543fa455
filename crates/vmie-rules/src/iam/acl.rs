//! The access control list of a bucket.

use alloc::string::String;
use alloc::vec::Vec;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::region::{CANONICAL_ID_OF_OTHERS, region};

use super::error::{InvalidPolicy, PolicyCause};
use super::json::Json;
use super::parse::Members;

/// The access control list of a bucket, in the form of `aws s3api get-bucket-acl`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl {
    /// The canonical id of the bucket's owner.
    pub owner: Option<String>,
    /// Who may do what.
    pub grants: Vec<Grant>,
}

/// What one grantee may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub grantee: Grantee,
    /// What.
    pub permission: Permission,
}

/// Who may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grantee {
    /// An account, by its canonical id.
    CanonicalUser(String),
    /// A group, by its address.
    Group(String),
    /// An account, by the address of its mail.
    Email(String),
}

/// A permission on a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// All of them.
    FullControl,
    /// To list objects.
    Read,
    /// To write objects.
    Write,
    /// To read the list itself.
    ReadAcp,
    /// To change the list itself.
    WriteAcp,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 5] = [
        Self::FullControl,
        Self::Read,
        Self::Write,
        Self::ReadAcp,
        Self::WriteAcp,
    ];

    /// What an instance export needs (SVC-IAM-5).
    pub const FOR_EXPORT: [Self; 2] = [Self::ReadAcp, Self::Write];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FullControl => "FULL_CONTROL",
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::ReadAcp => "READ_ACP",
            Self::WriteAcp => "WRITE_ACP",
        }
    }
}

/// The canonical id that writes instance exports in a Region; that of "all others" for one that
/// is not known (SVC-IAM-5).
#[must_use]
pub(super) fn export_id(code: &str) -> &'static str {
    region(code).map_or(CANONICAL_ID_OF_OTHERS, |region| region.canonical_id)
}

impl Acl {
    /// The list of a bucket that instance exports of a Region can go to (SVC-IAM-5). With an
    /// owner it can be put as it is; without, it holds the grants alone.
    #[must_use]
    pub fn for_export(region: &str, owner: Option<&str>) -> Self {
        let grant = |id: &str, permission| Grant {
            grantee: Grantee::CanonicalUser(id.into()),
            permission,
        };
        let own = owner.map(|id| grant(id, Permission::FullControl));
        let exports = Permission::FOR_EXPORT.map(|permission| grant(export_id(region), permission));
        Self {
            owner: owner.map(Into::into),
            grants: own.into_iter().chain(exports).collect(),
        }
    }

    /// Whether an account may do something.
    #[must_use]
    pub fn allows(&self, canonical_id: &str, permission: Permission) -> bool {
        self.grants.iter().any(|grant| {
            let all = grant.permission == Permission::FullControl;
            let who = matches!(&grant.grantee, Grantee::CanonicalUser(id) if id == canonical_id);
            who && (all || grant.permission == permission)
        })
    }

    /// What an instance export of a Region needs and does not have (SVC-IAM-5, SVC-ERR-33).
    #[must_use]
    pub fn missing_for_export(&self, region: &str) -> Vec<Permission> {
        let missing = |permission: &Permission| !self.allows(export_id(region), *permission);
        Permission::FOR_EXPORT.into_iter().filter(missing).collect()
    }

    /// Reads a document in the form of `aws s3api get-bucket-acl`.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidPolicy> {
        let mut members = Members::of(Json::read(text)?, "")?;
        let owner = match members.take("Owner")? {
            None => None,
            Some(value) => {
                let mut owner = Members::of(value, "Owner")?;
                owner.text("DisplayName")?;
                let id = owner.text("ID")?;
                owner.end()?;
                id
            }
        };
        let grants = match members.take("Grants")? {
            None => Vec::new(),
            Some(Json::List(list)) => list
                .into_iter()
                .enumerate()
                .map(|(index, one)| grant(one, &alloc::format!("Grants[{index}]")))
                .collect::<Result<_, _>>()?,
            Some(_) => {
                let expected = "a list";
                return Err(PolicyCause::Type { expected }.at("Grants"));
            }
        };
        members.end()?;
        Ok(Self { owner, grants })
    }

    /// The document, indented by two spaces.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Writing texts into memory cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

fn grant(json: Json, at: &str) -> Result<Grant, InvalidPolicy> {
    let mut members = Members::of(json, at)?;
    let missing = |at| PolicyCause::Missing.at(at);
    let word = members.text("Permission")?;
    let word = word.ok_or_else(|| missing(members.path("Permission")))?;
    let mut all = Permission::ALL.into_iter();
    let permission = all.find(|one| one.as_str() == word).ok_or_else(|| {
        let expected = "FULL_CONTROL, READ, WRITE, READ_ACP or WRITE_ACP";
        PolicyCause::value(expected, &word).at(members.path("Permission"))
    })?;
    let at = members.path("Grantee");
    let grantee = members
        .take("Grantee")?
        .ok_or_else(|| missing(at.clone()))?;
    members.end()?;
    let mut members = Members::of(grantee, &at)?;
    members.text("DisplayName")?;
    let kind = members.text("Type")?;
    let kind = kind.ok_or_else(|| missing(members.path("Type")))?;
    let (name, make): (_, fn(String) -> Grantee) = match kind.as_str() {
        "CanonicalUser" => ("ID", Grantee::CanonicalUser),
        "Group" => ("URI", Grantee::Group),
        "AmazonCustomerByEmail" => ("EmailAddress", Grantee::Email),
        other => {
            let expected = "CanonicalUser, Group or AmazonCustomerByEmail";
            return Err(PolicyCause::value(expected, other).at(members.path("Type")));
        }
    };
    let id = members.text(name)?;
    let grantee = make(id.ok_or_else(|| missing(members.path(name)))?);
    members.end()?;
    Ok(Grant {
        grantee,
        permission,
    })
}

impl Serialize for Acl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(owner) = &self.owner {
            map.serialize_entry("Owner", &Pairs(&[("ID", owner)]))?;
        }
        map.serialize_entry("Grants", &self.grants)?;
        map.end()
    }
}

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        let (name, id, kind) = match &self.grantee {
            Grantee::CanonicalUser(id) => ("ID", id, "CanonicalUser"),
            Grantee::Group(uri) => ("URI", uri, "Group"),
            Grantee::Email(address) => ("EmailAddress", address, "AmazonCustomerByEmail"),
        };
        map.serialize_entry("Grantee", &Pairs(&[(name, id), ("Type", kind)]))?;
        map.serialize_entry("Permission", self.permission.as_str())?;
        map.end()
    }
}

struct Pairs<'a>(&'a [(&'a str, &'a str)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}
