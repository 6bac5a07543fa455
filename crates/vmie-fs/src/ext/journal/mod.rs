//! The journal: what was committed and not yet written to its place, shown in its place.

mod fast;
mod format;
mod replay;
mod tag;
mod view;

pub(super) use fast::{Fast, Laid};
pub(super) use replay::replay;
