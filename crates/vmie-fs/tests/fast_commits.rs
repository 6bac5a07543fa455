//! ext4 with fast commits that wait to be replayed, as the kernel shows it once it has recovered it.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod fixtures;

use std::collections::BTreeMap;

use fixtures::{fixture, open, open_fixture, read, walk};
use vmie_fs::{Cause, FileKind, Filesystem, State};

/// Path; mode, size and CRC-32.
fn rows(text: &str) -> BTreeMap<String, [String; 3]> {
    text.lines()
        .map(|line| {
            let (path, rest) = line.split_once('\t').unwrap();
            let mut words = rest.split(' ').map(str::to_owned);
            (
                path.to_owned(),
                std::array::from_fn(|_| words.next().unwrap()),
            )
        })
        .collect()
}

fn files(fs: &dyn Filesystem) -> BTreeMap<String, [String; 3]> {
    let found = walk(fs).into_iter();
    let found = found.filter(|(_, item)| item.metadata.kind == FileKind::File);
    found
        .map(|(path, item)| {
            let row = [
                format!("{:o}", item.metadata.mode),
                item.metadata.size.to_string(),
                format!("{:08x}", crc32fast::hash(&item.content)),
            ];
            (path.to_string_lossy(), row)
        })
        .collect()
}

#[test]
fn what_was_committed_fast_is_read() {
    let fs = open_fixture("ext4-fast");
    assert_eq!(fs.state(), State::Dirty);
    let expected = rows(include_str!("data/ext4-fast.txt"));
    assert_eq!(files(&*fs), expected);
    // Each of them is found by its name, too, and what is gone is not.
    for path in expected.keys() {
        read(&*fs, &path.as_str().into()).unwrap();
    }
    for gone in ["/unlinked", "/renamed"] {
        let error = fs.metadata(&gone.into()).unwrap_err();
        assert_eq!(error.cause(), Cause::NotFound, "{gone}");
    }
}

/// Where the area of fast commits is in the fixture: block 2049 of the journal, which is 2083 of the
/// volume.
const AREA: usize = 2083 * 1024;

/// Each commit ends a block, and ends with a checksum: from one that does not fit on, nothing counts.
#[test]
fn a_commit_that_is_not_whole_ends_them() {
    let whole = fixture("ext4-fast");
    let all = files(&*open_fixture("ext4-fast"));
    let head = &whole[AREA..AREA + 4];
    assert_eq!(head, [9, 0, 8, 0], "the fixture has its head elsewhere");
    let mut seen = Vec::new();
    for block in 0..6 {
        let mut bytes = whole.to_vec();
        bytes[AREA + block * 1024 + 14] ^= 1;
        let found = files(&*open(bytes).unwrap());
        assert_ne!(found, all, "block {block}");
        seen.push(found.contains_key("/dir/created"));
    }
    assert_eq!(seen, [false, false, true, true, true, true]);
    // Those of another transaction are old ones.
    let mut bytes = whole.to_vec();
    bytes[AREA + 8] ^= 1;
    assert!(!files(&*open(bytes).unwrap()).contains_key("/dir/created"));
}

#[test]
fn features_that_are_not_known_are_refused() {
    let mut bytes = fixture("ext4-fast").to_vec();
    bytes[AREA + 4] = 1;
    let error = open(bytes).err().unwrap();
    assert_eq!(error.cause(), Cause::Feature);
    assert!(error.to_string().contains("fc_features"), "{error}");
}
