//! The engine as a service: what its callers and its host see.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    dead_code,
    reason = "a test may stop where it fails, and its parts are shared"
)]

mod cancels;
mod client;
mod conversions;
mod exports;
mod images;
mod licenses;
mod lists;
mod lives;
mod places;
mod requests;
mod restore;
mod roles;
mod told;
mod uploads;
mod validation;
mod watch;
mod world_file;
