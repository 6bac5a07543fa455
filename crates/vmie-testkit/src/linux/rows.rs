//! The guests of a row of the matrix, and what is just beside it.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests build with it, and a row without a guest is a hole in them"
)]

use vmie_rules::matrix::{LinuxRow, Versions};

use super::kernels_of;

/// The versions that a row names: each that it lists, or both ends of its range.
fn versions(row: &LinuxRow) -> Vec<String> {
    match &row.versions {
        Versions::Listed(listed) => listed.iter().map(|one| one.as_str().to_owned()).collect(),
        Versions::Range { first, last } => {
            vec![first.as_str().to_owned(), last.as_str().to_owned()]
        }
        _ => panic!("{row} names no version"),
    }
}

/// Every guest that a row names: version, service pack, kernel.
///
/// # Panics
/// When no kernel of the list that this crate has is one of the row's.
#[must_use]
pub fn guests_of(row: &LinuxRow) -> Vec<(String, u32, &'static str)> {
    let packs: &[u32] = if row.service_packs.is_empty() {
        &[0]
    } else {
        &row.service_packs
    };
    let mut guests = Vec::new();
    for version in versions(row) {
        for pack in packs {
            for kernel in &row.kernels {
                let release = kernels_of(&row.id).find(|release| kernel.lists(release));
                let release =
                    release.unwrap_or_else(|| panic!("no real kernel for {kernel} of {row}"));
                guests.push((version.clone(), *pack, release));
            }
        }
    }
    guests
}

/// The kernel with a second number that no row has: `6.99.0-13-amd64`.
///
/// # Panics
/// When the release has no three numbers.
#[must_use]
pub fn beside(kernel: &str) -> String {
    let mut parts = kernel.splitn(3, '.');
    let first = parts.next().unwrap();
    let rest = parts.nth(1).unwrap();
    format!("{first}.99.{rest}")
}
