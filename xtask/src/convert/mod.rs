//! Conversions: every pair of source and target beside other readers (`cargo xtask peers convert`),
//! and what happens when something goes wrong (`cargo xtask faults`).

mod devices;
pub(crate) mod faults;
pub(crate) mod pairs;
mod schema;
