//! The actions around imports and exports, as far as their flows use them: images, snapshots and
//! volumes (SVC-MOD-7: an import without changes is ImportSnapshot, then RegisterImage).

mod images;
mod snapshots;
mod volumes;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use vmie_rules::api::{self, ApiCode};
use vmie_rules::iam::fits_wildcards;

use super::Engine;
use crate::call::{Caller, Filter, Tag, TagSpecification};
use crate::check;
use crate::id::SnapshotId;
use crate::reply::ApiError;
use crate::resource::SnapshotRecord;
use crate::world::World;

impl<W: World> Engine<W> {
    /// A snapshot that a caller may use: one's own, or one that is shared.
    pub(super) fn own_snapshot(
        &self,
        caller: &Caller,
        text: &str,
    ) -> Result<Cow<'_, SnapshotRecord>, ApiError> {
        let usable = |one: &SnapshotRecord| {
            one.region == caller.region
                && (one.owner == caller.account || one.shared_with.contains(&caller.account))
        };
        SnapshotId::parse(text)
            .and_then(|id| match self.book.snapshots.get(&id) {
                Some(snapshot) => Some(Cow::Borrowed(snapshot)),
                None => self.world.snapshot(text),
            })
            .filter(|snapshot| usable(snapshot))
            .ok_or_else(|| {
                ApiError::new(
                    ApiCode::InvalidSnapshotNotFound,
                    api::not_there("snapshot", check::shown(text)),
                )
            })
    }
}

/// The tags for resources of a type.
fn tags_for(specifications: &[TagSpecification], resource_type: &str) -> Vec<Tag> {
    specifications
        .iter()
        .filter(|spec| spec.resource_type == resource_type)
        .flat_map(|spec| spec.tags.clone())
        .collect()
}

/// Whether all filters let something through; `value` gives what a filter's name stands for.
fn passes(
    filters: &[Filter],
    tags: &[Tag],
    value: impl Fn(&str) -> Option<Vec<String>>,
) -> Result<bool, ApiError> {
    for filter in filters {
        let values = if filter.name == "tag-key" {
            tags.iter().map(|tag| tag.key.clone()).collect()
        } else if let Some(key) = filter.name.strip_prefix("tag:") {
            let own = tags.iter().filter(|tag| tag.key == key);
            own.map(|tag| tag.value.clone()).collect()
        } else {
            value(&filter.name).ok_or_else(|| {
                let name = check::shown(&filter.name);
                let message = alloc::format!("The filter '{name}' is invalid");
                ApiError::new(ApiCode::InvalidFilter, message)
            })?
        };
        let wanted = |value: &String| {
            let mut patterns = filter.values.iter();
            patterns.any(|pattern| fits_wildcards(pattern, value))
        };
        if !values.iter().any(wanted) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Items of the engine's book and of the world in the order of their ids, as one.
fn merged<'a, T: Clone, K: Ord>(
    own: impl Iterator<Item = &'a T>,
    others: Vec<Cow<'a, T>>,
    key: impl Fn(&T) -> K,
) -> impl Iterator<Item = Cow<'a, T>> {
    let mut own = own.map(Cow::Borrowed).peekable();
    let mut others = others.into_iter().peekable();
    core::iter::from_fn(move || match (own.peek(), others.peek()) {
        (Some(left), Some(right)) if key(right) < key(left) => others.next(),
        (Some(_), _) => own.next(),
        (None, _) => others.next(),
    })
}
