//! NTFS.
//!
//! The first byte chooses: a small sound image with patches of eight bytes each (one that chooses a
//! region, three for the place in it, one that says how many of the last three to write), or the
//! rest as the volume itself.
//!
//! The oracle: no panic, an end within the budget, nothing read past the volume, a second walk that
//! finds the same, sizes that agree, and pieces that read like the whole.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use vmie_fs::{Error, FileKind, Filesystem, Node};
use vmie_io::{ErrorKind, Limits, ReadAt};
use vmie_testkit::fsimage::{Patched, unpack_ntfs};

macro_rules! image {
    ($name:literal) => {
        Arc::new(unpack_ntfs(
            include_bytes!(concat!(
                "../../crates/vmie-fs/tests/data/",
                $name,
                ".img.gz"
            )),
            $name,
            include_str!("../../crates/vmie-fs/tests/data/ntfs-upcase.txt"),
        ))
    };
}

static IMAGES: LazyLock<[Arc<Vec<u8>>; 2]> =
    LazyLock::new(|| [image!("ntfs-512"), image!("ntfs-4kn")]);

/// Where the interesting bytes are: the records that are in use.
static RECORDS: LazyLock<[Vec<u64>; 2]> = LazyLock::new(|| {
    std::array::from_fn(|which| {
        let image = &IMAGES[which];
        let starts = (0..image.as_slice().len()).step_by(512);
        let marks = starts.filter(|at| matches!(&image[*at..*at + 4], b"FILE" | b"INDX"));
        marks.map(|at| at as u64).collect()
    })
});

/// The volume holds what it is said to hold: an error of a read past its end is a defect.
fn checked<T>(result: Result<T, Error>) -> Option<T> {
    result
        .inspect_err(|error| assert_ne!(error.kind(), ErrorKind::Truncated, "{error}"))
        .ok()
}

fn content(fs: &dyn Filesystem, node: Node, size: u64) -> Option<()> {
    let (mut first, mut second) = (checked(fs.open_node(node))?, checked(fs.open_node(node))?);
    assert_eq!(first.len(), size);
    for at in [size / 2, 0, size.saturating_sub(700), size] {
        let (mut whole, mut parts) = ([1; 2000], [2; 2000]);
        let Some(n) = checked(first.read_at(&mut whole, at)) else {
            continue;
        };
        let mut done = 0;
        while done < n {
            let end = n.min(done + 700);
            // The budget may end between the two.
            done += checked(second.read_at(&mut parts[done..end], at + done as u64))?;
        }
        assert_eq!(whole[..n], parts[..n]);
        if let Some(extent) = checked(first.next_extent(at)) {
            assert!(extent.start == at && extent.end() <= size.max(at));
            if extent.kind.reads_zero() {
                let n = n.min(extent.len as usize);
                assert!(whole[..n].iter().all(|byte| *byte == 0));
            }
        }
    }
    Some(())
}

fn walk(fs: &dyn Filesystem) -> Vec<(Node, Vec<u8>, u64)> {
    let mut left = vec![fs.root()];
    let mut found = Vec::new();
    for _ in 0..40 {
        let Some(dir) = left.pop() else { break };
        let Some(entries) = checked(fs.entries(dir)) else {
            continue;
        };
        for entry in entries.into_iter().take(24) {
            assert!(!entry.name.contains(&b'/') && !entry.name.contains(&0));
            let Some(metadata) = checked(fs.stat(entry.node)) else {
                continue;
            };
            let _ = checked(fs.lookup(dir, &entry.name));
            match metadata.kind {
                FileKind::Directory => left.push(entry.node),
                FileKind::Symlink => {
                    let target = checked(fs.link_target(entry.node));
                    assert!(target.is_none_or(|target| target.len() as u64 == metadata.size));
                }
                FileKind::File => drop(content(fs, entry.node, metadata.size)),
                _ => {}
            }
            found.push((entry.node, entry.name, metadata.size));
        }
    }
    found
}

fuzz_target!(|data: &[u8]| {
    let [which, rest @ ..] = data else { return };
    let volume: Arc<dyn ReadAt> = match usize::from(which % 3) {
        2 => Arc::new(rest.to_vec()),
        which => {
            let mut volume = Patched::new(Arc::clone(&IMAGES[which]));
            let records = &RECORDS[which];
            for patch in rest.chunks_exact(8).take(32) {
                let place = u64::from(u32::from_le_bytes([patch[1], patch[2], patch[3], 0]));
                let len = usize::from(patch[4] % 3) + 1;
                let at = match patch[0] {
                    0..16 => place % 80,
                    16..40 => place % (IMAGES[which].as_slice().len() as u64 - 8),
                    // A place within a record or a block of an index.
                    mark => {
                        records[(usize::from(mark) + usize::from(patch[3]) * 216) % records.len()]
                            + place % 1024
                    }
                };
                volume = volume.with(at, &patch[5..5 + len]);
            }
            Arc::new(volume)
        }
    };
    let limits = Limits::default().with_work(400_000).with_memory(24 << 20);
    if let Ok(fs) = vmie_fs::open(volume, &limits) {
        let _ = fs.space();
        let first = walk(&*fs);
        let second = walk(&*fs);
        // The budget may have ended on the way.
        let n = first.len().min(second.len());
        if first.len() == second.len() {
            assert_eq!(first[..n], second[..n]);
        }
    }
});
