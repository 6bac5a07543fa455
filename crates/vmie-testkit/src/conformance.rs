//! What every [`ReadAt`] has to do, whatever it is made of.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a builder of small test images, and a test may panic"
)]

use vmie_io::{ErrorKind, ExtentKind, ReadAt, ReadAtExt};

/// Checks everything that [`ReadAt`] promises of a source that should hold `expected`.
///
/// # Panics
/// When a promise is broken.
pub fn read_at(source: &dyn ReadAt, expected: &[u8]) {
    length(source, expected);
    boundaries(source, expected);
    past_the_end(source, expected);
    extents(source, expected);
    concurrent(source, expected);
    prefetch(source, expected);
}

fn read(source: &dyn ReadAt, start: usize, len: usize) -> Vec<u8> {
    // Whatever was in the buffer must not shine through.
    let mut buf = vec![0xa5; len];
    source
        .read_exact_at(&mut buf, start as u64)
        .unwrap_or_else(|error| panic!("[{start}, +{len}): {error}"));
    buf
}

fn check(source: &dyn ReadAt, expected: &[u8], start: usize, len: usize) {
    let got = read(source, start, len);
    let want = &expected[start..start + len];
    // Whole first: byte by byte is slow in a build without optimisation.
    if got == want {
        return;
    }
    if let Some(at) = (0..len).find(|i| got[*i] != want[*i]) {
        panic!(
            "[{start}, +{len}): byte {at} is {}, not {}",
            got[at], want[at]
        );
    }
}

fn length(source: &dyn ReadAt, expected: &[u8]) {
    assert_eq!(source.len(), expected.len() as u64, "length");
    assert_eq!(source.is_empty(), expected.is_empty());
    check(source, expected, 0, expected.len());
}

/// Reads that start and end just before, at and after the sizes that things are made of.
fn boundaries(source: &dyn ReadAt, expected: &[u8]) {
    let len = expected.len();
    let mut places = vec![0, len];
    for unit in [512, 4096, 65_536, 1 << 20] {
        // Not all of them when there are many: the first, some in the middle, the last.
        let count = len / unit;
        for index in [0, 1, 2, 3, count / 2, count.saturating_sub(1), count] {
            places.push(index * unit);
        }
    }
    places.sort_unstable();
    places.dedup();
    for place in places {
        for start in [place.saturating_sub(1), place, place + 1] {
            for size in [0, 1, 2, 511, 513, 5000, 65_537] {
                if start + size <= len {
                    check(source, expected, start, size);
                }
            }
        }
    }
}

fn past_the_end(source: &dyn ReadAt, expected: &[u8]) {
    let len = expected.len() as u64;
    for (start, size) in [
        (len, 1),
        (len.saturating_sub(1), 2 + usize::from(len == 0)),
        (0, expected.len() + 1),
        (len + 1, 1),
        (u64::MAX, 1),
        (u64::MAX - 1, 2),
        (u64::MAX, 0),
    ] {
        let past = start.checked_add(size as u64).is_none_or(|end| end > len);
        assert!(past);
        let result = source.read_exact_at(&mut vec![0; size], start);
        let error = result
            .err()
            .unwrap_or_else(|| panic!("[{start}, +{size}) was read"));
        assert_eq!(error.kind(), ErrorKind::Truncated, "[{start}, +{size})");
    }
    // Nothing at the end is no error.
    source.read_exact_at(&mut [], len).unwrap();
}

/// The extents tile the source, and those that are said to be zero are.
fn extents(source: &dyn ReadAt, expected: &[u8]) {
    let len = expected.len() as u64;
    let mut at = 0;
    while at < len {
        let extent = source.next_extent(at).unwrap();
        assert_eq!(extent.start, at, "an extent starts where it was asked for");
        assert!(extent.len > 0, "an empty extent at {at}");
        assert!(extent.end() <= len, "an extent past the end at {at}");
        if extent.kind != ExtentKind::Data {
            let part = &expected[at as usize..extent.end() as usize];
            assert!(part.iter().all(|b| *b == 0), "no zeroes at {at}");
        }
        // In the middle of it, the rest of it is the same.
        let middle = at + extent.len / 2;
        let half = source.next_extent(middle).unwrap();
        assert_eq!((half.kind, half.start), (extent.kind, middle));
        at = extent.end();
    }
    for past in [len, len + 1, u64::MAX] {
        assert_eq!(source.next_extent(past).unwrap().len, 0, "at {past}");
    }
    let sum: u64 = source.extents(0..len).map(|e| e.unwrap().len).sum();
    assert_eq!(sum, len);
    let kinds: Vec<_> = source.extents(0..len).map(|e| e.unwrap().kind).collect();
    assert!(
        kinds.windows(2).all(|pair| pair[0] != pair[1]),
        "neighbours are joined"
    );
}

/// Many threads read different parts at once and each sees its own.
fn concurrent(source: &dyn ReadAt, expected: &[u8]) {
    let len = expected.len();
    if len == 0 {
        return;
    }
    std::thread::scope(|scope| {
        for thread in 0..4usize {
            scope.spawn(move || {
                let mut state = thread as u64 + 1;
                for _ in 0..40 {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    let start = (state >> 33) as usize % len;
                    let size = ((state >> 11) as usize % 100_000).min(len - start);
                    check(source, expected, start, size);
                }
            });
        }
    });
}

fn prefetch(source: &dyn ReadAt, expected: &[u8]) {
    let len = expected.len() as u64;
    let backwards = std::ops::Range { start: 10, end: 5 };
    source.prefetch(&[]);
    source.prefetch(&[0..len, 0..0, len..u64::MAX, u64::MAX..u64::MAX, backwards]);
    check(source, expected, 0, expected.len());
}
