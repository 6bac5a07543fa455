//! Probing: never fails on bytes in memory, raw is always the last, and whatever is named first is
//! what opening takes the file for. Checking an image ends, whatever it holds.
#![no_main]

use std::sync::Arc;

use vmie_formats::{CancelToken, Confidence, Format, OpenOptions, Opened, check, probe};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let source = data.to_vec();
    let candidates = probe(&source).expect("memory can be read");
    let (last, others) = candidates.split_last().expect("raw is always there");
    assert_eq!(
        (last.format, last.confidence),
        (Format::Raw, Confidence::Possible)
    );
    assert!(
        others
            .iter()
            .all(|c| c.format != Format::Raw && c.confidence > Confidence::Possible)
    );
    assert!(candidates.is_sorted_by(|a, b| a.confidence >= b.confidence));
    assert!(candidates.iter().all(|c| !c.evidence.is_empty()));
    // Only the tables: a small file may show a disk that takes hours to read.
    let checked = check(
        Arc::new(source.clone()),
        &OpenOptions::new(),
        true,
        &(),
        &CancelToken::new(),
    );
    if let Ok(checked) = checked {
        assert_eq!(checked.format, candidates[0].format);
        assert_eq!(
            checked.problems.is_empty(),
            checked.damaged + checked.leaked == 0
        );
    }
    match OpenOptions::new().open(Arc::new(source)) {
        Ok(Opened::Disk(disk)) => {
            assert_eq!(disk.info().format, candidates[0].format);
            assert_eq!(disk.info().format_assumed, others.is_empty());
        }
        Ok(Opened::Appliance(_)) => assert_eq!(candidates[0].format, Format::Ova),
        Err(error) => assert!(!others.is_empty(), "raw is never refused: {error}"),
    }
});
