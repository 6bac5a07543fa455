//! Checks that several requests share.

use core::str::FromStr;

use vmie_rules::api::{self, ApiCode};
use vmie_rules::format::ImageFormat;
use vmie_rules::guest::UnknownChoice;
use vmie_rules::message::Message;

use crate::call::{DiskContainer, TagSpecification};
use crate::id::TaskKind;
use crate::reply::ApiError;
use crate::source::Location;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};

pub(crate) type Checked<T> = Result<T, ApiError>;

/// Free text is kept in records: this bounds them, and is more than any sensible text has.
const MAX_TEXT: usize = 4096;
/// The longest client token of the API, in characters.
const MAX_TOKEN: usize = 64;
/// The most tags a resource has, and the longest key and value, in characters.
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

pub(crate) fn missing(parameter: &str) -> ApiError {
    ApiError::new(ApiCode::MissingParameter, api::missing_parameter(parameter))
}

pub(crate) fn invalid(parameter: &str, value: &str, expected: &str) -> ApiError {
    let message = api::invalid_value(parameter, &shortened(value), expected);
    ApiError::new(ApiCode::InvalidParameterValue, message)
}

/// A value as an error shows it: its start, if it is long.
fn shortened(value: &str) -> alloc::borrow::Cow<'_, str> {
    const SHOWN: usize = 128;
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()).into(),
        None => value.into(),
    }
}

/// Free text must fit into a record.
pub(crate) fn text(parameter: &str, text: Option<&str>) -> Checked<()> {
    match text {
        Some(text) if text.len() > MAX_TEXT => {
            Err(invalid(parameter, text, "Use at most 4096 bytes."))
        }
        _ => Ok(()),
    }
}

/// The most members of a list.
pub(crate) const MAX_LIST: usize = 1000;

/// User data, which is longer than other texts: 16 KiB, in Base64.
pub(crate) fn long(parameter: &str, text: Option<&str>) -> Checked<()> {
    const MAX_LONG: usize = 24 << 10;
    match text {
        Some(text) if text.len() > MAX_LONG => {
            Err(invalid(parameter, text, "Use at most 24576 bytes."))
        }
        _ => Ok(()),
    }
}

/// The start of a key: with the task's id and the format behind it, it must fit into one.
pub(crate) fn prefix(parameter: &str, text: Option<&str>) -> Checked<String> {
    const MAX_PREFIX: usize = 960;
    let text = text.unwrap_or_default();
    if text.len() > MAX_PREFIX || text.contains('\0') {
        return Err(invalid(parameter, text, "Use at most 960 bytes."));
    }
    Ok(text.into())
}

/// An id as an error shows it: its start, if it is long.
pub(crate) fn shown(text: &str) -> &str {
    const SHOWN: usize = 64;
    text.char_indices()
        .nth(SHOWN)
        .map_or(text, |(end, _)| text.get(..end).unwrap_or_default())
}

/// One of some words, in any case (SVC-TASK-10); gives it as the list writes it.
pub(crate) fn one_of(
    parameter: &str,
    value: Option<&str>,
    words: &[&'static str],
    expected: &str,
) -> Checked<Option<&'static str>> {
    let Some(value) = value else { return Ok(None) };
    let found = words.iter().find(|word| word.eq_ignore_ascii_case(value));
    found
        .map(|word| Some(*word))
        .ok_or_else(|| invalid(parameter, value, expected))
}

/// A word that a type of the rules reads.
pub(crate) fn word<T: FromStr<Err = UnknownChoice>>(
    parameter: &str,
    value: Option<&str>,
) -> Checked<Option<T>> {
    let Some(value) = value else { return Ok(None) };
    value.parse().map(Some).map_err(|error: UnknownChoice| {
        invalid(parameter, value, &format!("Use {}.", error.choices))
    })
}

/// A format that the action takes; the service says nothing better of others (SVC-ERR-1).
pub(crate) fn format(sent: Option<&str>, taken: &[ImageFormat]) -> Checked<Option<ImageFormat>> {
    let Some(sent) = sent else { return Ok(None) };
    match sent.parse() {
        Ok(format) if taken.contains(&format) => Ok(Some(format)),
        _ => Err(ApiError::new(
            ApiCode::InvalidParameter,
            Message::DiskImageSizeInvalid.to_string(),
        )),
    }
}

/// The place that a container names by address or by bucket and key. An error does not show an
/// address: it may be signed (SVC-SEC-3).
pub(crate) fn location(container: &DiskContainer) -> Checked<Location> {
    let location = match (&container.url, &container.user_bucket) {
        (None, None) => return Err(missing("DiskContainer.N.Url or DiskContainer.N.UserBucket")),
        (Some(_), Some(_)) => {
            return Err(ApiError::new(
                ApiCode::InvalidParameterCombination,
                api::invalid_combination("Url", "UserBucket"),
            ));
        }
        (Some(url), None) => Location::of_url(url),
        (None, Some(place)) if place.bucket.is_empty() => {
            return Err(missing("DiskContainer.N.UserBucket.S3Bucket"));
        }
        (None, Some(place)) if place.key.is_empty() => {
            return Err(missing("DiskContainer.N.UserBucket.S3Key"));
        }
        (None, Some(place)) => Location::of_bucket(&place.bucket, &place.key),
    };
    location.ok_or_else(|| {
        ApiError::new(
            ApiCode::InvalidParameter,
            Message::InvalidS3Location.to_string(),
        )
    })
}

/// SVC-TASK-7: a key is named to encrypt with it.
pub(crate) fn encryption(encrypted: Option<bool>, kms_key_id: Option<&str>) -> Checked<bool> {
    text("KmsKeyId", kms_key_id)?;
    if kms_key_id.is_some() && encrypted != Some(true) {
        return Err(ApiError::new(
            ApiCode::InvalidParameterDependency,
            "The parameter KmsKeyId requires the parameter Encrypted to be set.",
        ));
    }
    Ok(encrypted.unwrap_or(false))
}

pub(crate) fn client_token(token: Option<&str>) -> Checked<()> {
    match token {
        Some(token) if token.is_empty() || token.len() > MAX_TOKEN || !token.is_ascii() => Err(
            invalid("ClientToken", token, "Use 1 to 64 ASCII characters."),
        ),
        _ => Ok(()),
    }
}

pub(crate) fn tags(specifications: &[TagSpecification], kind: TaskKind) -> Checked<()> {
    tags_of(specifications, &[kind.resource_type()])
}

/// Tags for resources of these types.
pub(crate) fn tags_of(specifications: &[TagSpecification], types: &[&str]) -> Checked<()> {
    let mut keys = BTreeSet::new();
    for specification in specifications {
        if !types.contains(&specification.resource_type.as_str()) {
            let expected = format!("Use {}.", types.join(" or "));
            let sent = &specification.resource_type;
            return Err(invalid("TagSpecification.N.ResourceType", sent, &expected));
        }
        for tag in &specification.tags {
            let length = tag.key.chars().count();
            let reserved = tag
                .key
                .get(..4)
                .is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
            if length == 0 || length > MAX_TAG_KEY || reserved {
                let expected = "Use 1 to 128 characters that do not start with aws:.";
                return Err(invalid("TagSpecification.N.Tag.N.Key", &tag.key, expected));
            }
            if tag.value.chars().count() > MAX_TAG_VALUE {
                let expected = "Use at most 256 characters.";
                return Err(invalid(
                    "TagSpecification.N.Tag.N.Value",
                    &tag.value,
                    expected,
                ));
            }
            if !keys.insert(tag.key.as_str()) {
                let expected = "Give each key once.";
                return Err(invalid("TagSpecification.N.Tag.N.Key", &tag.key, expected));
            }
        }
    }
    if keys.len() > MAX_TAGS {
        return Err(ApiError::new(
            ApiCode::InvalidParameterValue,
            "A resource has at most 50 tags.",
        ));
    }
    Ok(())
}
