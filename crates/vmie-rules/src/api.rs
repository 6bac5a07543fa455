//! The error codes of the API's actions, and the texts of those that carry a fixed one.

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

macro_rules! api_codes {
    ($($variant:ident $text:literal)+) => {
        /// A code that an action answers with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ApiCode {
            $(#[doc = concat!("`", $text, "`.")] $variant,)+
        }

        impl ApiCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it is sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

api_codes! {
    DryRunOperation "DryRunOperation"
    InvalidAction "InvalidAction"
    MissingAction "MissingAction"
    MissingParameter "MissingParameter"
    InvalidParameter "InvalidParameter"
    InvalidParameterValue "InvalidParameterValue"
    InvalidParameterCombination "InvalidParameterCombination"
    InvalidParameterDependency "InvalidParameterDependency"
    UnknownParameter "UnknownParameter"
    MalformedQueryString "MalformedQueryString"
    MalformedPolicyDocument "MalformedPolicyDocument"
    UnauthorizedOperation "UnauthorizedOperation"
    AuthFailure "AuthFailure"
    MissingAuthenticationToken "MissingAuthenticationToken"
    IncompleteSignature "IncompleteSignature"
    InvalidClientTokenId "InvalidClientTokenId"
    RequestExpired "RequestExpired"
    IdempotentParameterMismatch "IdempotentParameterMismatch"
    InvalidConversionTaskId "InvalidConversionTaskId"
    InvalidConversionTaskIdMalformed "InvalidConversionTaskId.Malformed"
    DeleteConversionTaskError "DeleteConversionTaskError"
    InvalidExportTaskIdNotFound "InvalidExportTaskID.NotFound"
    InvalidExportTaskIdMalformed "InvalidExportTaskID.Malformed"
    InvalidFormat "InvalidFormat"
    InvalidManifest "InvalidManifest"
    DiskImageSizeTooLarge "DiskImageSizeTooLarge"
    InvalidFilter "InvalidFilter"
    InvalidMaxResults "InvalidMaxResults"
    InvalidNextToken "InvalidNextToken"
    InvalidAmiIdNotFound "InvalidAMIID.NotFound"
    InvalidInstanceIdNotFound "InvalidInstanceID.NotFound"
    InvalidSnapshotNotFound "InvalidSnapshot.NotFound"
    InvalidSnapshotInUse "InvalidSnapshot.InUse"
    InvalidVolumeNotFound "InvalidVolume.NotFound"
    VolumeInUse "VolumeInUse"
    NotExportable "NotExportable"
    ResourceCountExceeded "ResourceCountExceeded"
    ResourceLimitExceeded "ResourceLimitExceeded"
    Unsupported "Unsupported"
    UnsupportedOperation "UnsupportedOperation"
    InternalError "InternalError"
    RequestLimitExceeded "RequestLimitExceeded"
    Unavailable "Unavailable"
}

impl ApiCode {
    /// The HTTP status that goes with the code.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::DryRunOperation => 412,
            Self::UnauthorizedOperation => 403,
            Self::AuthFailure => 401,
            Self::InternalError => 500,
            Self::RequestLimitExceeded | Self::Unavailable => 503,
            _ => 400,
        }
    }
}

impl fmt::Display for ApiCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is no code of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownApiCode;

impl fmt::Display for UnknownApiCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such error code; they look like InvalidParameterValue")
    }
}

impl core::error::Error for UnknownApiCode {}

impl FromStr for ApiCode {
    type Err = UnknownApiCode;

    fn from_str(text: &str) -> Result<Self, UnknownApiCode> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == text)
            .ok_or(UnknownApiCode)
    }
}

crate::serde_by_text!(ApiCode, "an error code of the API");

/// The answer to a request that only asked whether it would be allowed.
pub const DRY_RUN: &str = "Request would have succeeded, but DryRun flag is set.";

/// The answer to a cancel that comes too late.
pub const CANNOT_CANCEL: &str = "The conversion task cannot be canceled.";

/// A parameter that must be there is not.
#[must_use]
pub fn missing_parameter(parameter: &str) -> String {
    format!("The request must contain the parameter {parameter}")
}

/// A value that the parameter does not take; `expected` says what it takes. The value itself is
/// shown: never pass an address that may be signed (SVC-SEC-3).
#[must_use]
pub fn invalid_value(parameter: &str, value: &str, expected: &str) -> String {
    format!("Value ({value}) for parameter {parameter} is invalid. {expected}")
}

/// Two parameters that exclude each other.
#[must_use]
pub fn invalid_combination(left: &str, right: &str) -> String {
    format!("The parameter {left} cannot be used with the parameter {right}")
}

/// An import task that never was, is too old, or has a malformed id.
#[must_use]
pub fn unknown_import_task(id: &str) -> String {
    format!("The import task ID '{id}' is malformed or no longer exists.")
}

/// A conversion task that never was or is too old.
#[must_use]
pub fn unknown_conversion_task(id: &str) -> String {
    format!("The conversion task ID '{id}' does not exist.")
}

/// A text that is no id of a conversion task.
#[must_use]
pub fn malformed_conversion_task(id: &str) -> String {
    format!("Invalid id: \"{id}\" (expecting \"import-i-...\" or \"import-vol-...\")")
}

/// An export task that never was or is too old.
#[must_use]
pub fn unknown_export_task(id: &str) -> String {
    format!("The export task ID '{id}' does not exist.")
}

/// A text that is no id of an export task.
#[must_use]
pub fn malformed_export_task(id: &str) -> String {
    format!("Invalid id: \"{id}\" (expecting \"export-i-...\" or \"export-ami-...\")")
}

/// An image, an instance, a snapshot or a volume that is not there, or is somebody else's.
#[must_use]
pub fn not_there(what: &str, id: &str) -> String {
    format!("The {what} ID '{id}' does not exist")
}

/// An account has as many tasks of a kind as it may have in a Region (SVC-TASK-4, SVC-TASK-5).
#[must_use]
pub fn too_many_tasks(limit: usize) -> String {
    format!(
        "Resource limit exceeded: at most {limit} tasks of this kind can be active at a time in a Region."
    )
}

/// A call that its caller's policy does not allow.
pub const UNAUTHORIZED: &str = "You are not authorized to perform this operation.";

/// A client token that came with other parameters before (SVC-OBS-6).
#[must_use]
pub fn token_mismatch(token: &str) -> String {
    format!("The client token '{token}' was used before with different parameters.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back_from_their_text() {
        for code in ApiCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
        }
        assert_eq!(
            "ResourceAlreadyExists".parse::<ApiCode>(),
            Err(UnknownApiCode)
        );
        assert_eq!(ApiCode::DryRunOperation.http_status(), 412);
    }
}
