//! One document for programs.

use serde::Serialize;

/// Which document it is; a key that vanishes or changes its meaning makes a new version, a new key
/// does not.
#[derive(Serialize)]
pub(crate) struct Schema {
    name: &'static str,
    version: u32,
}

/// A document with its `schema` before the rest.
#[derive(Serialize)]
pub(crate) struct Document<T> {
    schema: Schema,
    #[serde(flatten)]
    body: T,
}

impl<T: Serialize> Document<T> {
    /// The first version of the document `name`.
    pub(crate) fn new(name: &'static str, body: T) -> Self {
        Self {
            schema: Schema { name, version: 1 },
            body,
        }
    }
}

/// Seconds since 1970 (UTC) with nanoseconds apart.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Time {
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
}

impl From<(i64, u32)> for Time {
    fn from((seconds, nanoseconds): (i64, u32)) -> Self {
        Self {
            seconds,
            nanoseconds,
        }
    }
}

/// What is known of a guest, and whether the format of one of its images was assumed.
#[derive(Serialize)]
pub(crate) struct Guest<T> {
    format_assumed: bool,
    #[serde(flatten)]
    body: T,
}

impl<T: Serialize> Guest<T> {
    pub(crate) fn new(images: &[vmie::Image], body: T) -> Self {
        Self {
            format_assumed: images.iter().any(vmie::Image::format_assumed),
            body,
        }
    }
}
