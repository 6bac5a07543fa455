//! What a check finds in images of ours that were damaged.

use vmie_formats::{Check, ProblemKind};

use super::*;

fn look(bytes: Vec<u8>, target: Target) -> Check {
    let options = OpenOptions::new().format(Some(target.format()));
    check(Arc::new(bytes), &options, false, &(), &CancelToken::new()).unwrap()
}

fn kinds(check: &Check) -> Vec<ProblemKind> {
    let mut kinds: Vec<ProblemKind> = check.problems.iter().map(|one| one.kind).collect();
    kinds.dedup();
    kinds
}

/// A disk of 8 MiB without a zero block, and an image of it.
fn image(target: Target) -> Vec<u8> {
    let disk: Vec<u8> = (0..8u32 << 20)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 | 1)
        .collect();
    let (bytes, _) = write(&disk, &options(target));
    assert_eq!(kinds(&look(bytes.clone(), target)), [], "{target:?}");
    bytes
}

fn be64(bytes: &[u8], at: usize) -> usize {
    u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

#[test]
fn blocks_of_a_vhd_that_lie_over_each_other_are_found() {
    let mut bytes = image(Target::VhdDynamic);
    let table = be64(&bytes, 512 + 16);
    bytes.copy_within(table..table + 4, table + 4);
    let found = look(bytes, Target::VhdDynamic);
    let all = [
        ProblemKind::Overlap,
        ProblemKind::Unreadable,
        ProblemKind::Leak,
    ];
    assert_eq!(kinds(&found), all);
    assert_eq!(found.leaked, 1);
}

#[test]
fn a_damaged_header_of_a_vhdx_is_found() {
    for header in [64 << 10, 128 << 10] {
        let mut bytes = image(Target::VhdxDynamic);
        bytes[header + 100] ^= 1;
        let found = look(bytes, Target::VhdxDynamic);
        assert_eq!(kinds(&found), [ProblemKind::Metadata]);
    }
}

#[test]
fn a_damaged_grain_is_found_and_the_others_are_read() {
    let mut bytes = image(Target::VmdkStreamOptimized);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0);
    let found = look(bytes, Target::VmdkStreamOptimized);
    assert_eq!(kinds(&found), [ProblemKind::Unreadable]);
    assert_eq!(found.damaged, 1);
}

#[test]
fn counts_of_a_qcow2_that_are_wrong_are_found() {
    let bytes = image(Target::Qcow2);
    let (l1, table) = (be64(&bytes, 40), be64(&bytes, 48));
    let cluster = 1usize << u32::from_be_bytes(bytes[20..24].try_into().unwrap());
    let counts = be64(&bytes, table);
    let with = |number: usize, count: u16| {
        let mut bytes = bytes.clone();
        let at = counts + number * 2;
        bytes[at..at + 2].copy_from_slice(&count.to_be_bytes());
        look(bytes, Target::Qcow2)
    };
    assert_eq!(kinds(&with(l1 / cluster, 0)), [ProblemKind::Refcount]);
    let twice = with(0, 2);
    assert_eq!(kinds(&twice), [ProblemKind::Leak]);
    assert_eq!((twice.damaged, twice.leaked), (0, 1));
}

#[test]
fn many_entries_for_one_table_of_a_qcow2_cost_one_walk() {
    let mut bytes = image(Target::Qcow2);
    let l1 = be64(&bytes, 40);
    let entry: [u8; 8] = bytes[l1..l1 + 8].try_into().unwrap();
    // Two million entries, all for the first table.
    let at = bytes.len().next_multiple_of(1 << 16);
    bytes.resize(at, 0);
    bytes.extend(entry.iter().copied().cycle().take(16 << 20));
    bytes[36..40].copy_from_slice(&(2u32 << 20).to_be_bytes());
    bytes[40..48].copy_from_slice(&(at as u64).to_be_bytes());
    let options = OpenOptions::new().format(Some(Target::Qcow2.format()));
    let checked = check(Arc::new(bytes), &options, true, &(), &CancelToken::new());
    // The table is referred to two million times and counted once; the old L1 table is lost.
    let found = kinds(&checked.unwrap());
    assert_eq!(found, [ProblemKind::Refcount, ProblemKind::Leak]);
}

#[test]
fn a_check_that_is_cancelled_ends_in_the_tables() {
    for target in [
        Target::VhdDynamic,
        Target::VhdxDynamic,
        Target::VmdkStreamOptimized,
        Target::VmdkMonolithicSparse,
        Target::Qcow2,
    ] {
        let cancel = CancelToken::new();
        cancel.cancel();
        let options = OpenOptions::new().format(Some(target.format()));
        let bytes = Arc::new(image(target));
        let error = check(bytes, &options, true, &(), &cancel).unwrap_err();
        assert_eq!(error.cause(), Cause::Cancelled, "{target:?}");
    }
}

#[test]
fn what_reaches_past_the_end_of_the_file_is_found() {
    for target in [
        Target::VhdxDynamic,
        Target::VmdkMonolithicSparse,
        Target::Qcow2,
    ] {
        let mut bytes = image(target);
        bytes.truncate(bytes.len() - (1 << 16));
        let found = look(bytes, target);
        assert!(
            kinds(&found).contains(&ProblemKind::OutsideFile),
            "{target:?}: {found:?}"
        );
    }
}

#[test]
fn a_grain_that_its_table_leaves_out_is_found() {
    let mut bytes = image(Target::VmdkStreamOptimized);
    let le64 = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let sector = |n: u64| usize::try_from(n * 512).unwrap();
    // Of a stream the footer, before the mark of the end, says where the directory is.
    let in_front = le64(&bytes, 56);
    let footer = if in_front == u64::MAX {
        bytes.len() - 1024
    } else {
        0
    };
    let directory = sector(le64(&bytes, footer + 56));
    let first = u32::from_le_bytes(bytes[directory..directory + 4].try_into().unwrap());
    let table = sector(first.into());
    bytes[table + 8..table + 12].fill(0);
    let found = look(bytes, Target::VmdkStreamOptimized);
    assert_eq!(kinds(&found), [ProblemKind::Metadata]);
    assert_eq!(found.damaged, 1, "{:?}", found.problems);
}
