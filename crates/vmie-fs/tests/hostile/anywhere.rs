//! Damage anywhere, and early ends.

use super::*;

/// Every early end: a typed error, or what lies before it.
#[test]
fn every_end_within_the_first_blocks_and_every_sector() {
    for name in [
        "ext2-1k",
        "ext4-4k",
        "ext3-journal",
        "fat12",
        "fat16",
        "ntfs-512",
    ] {
        let image = fixture(name);
        let len = ReadAt::len(&image);
        for end in (0..4200).chain((0..len).step_by(512)) {
            let volume = Patched::new(image.clone()).cut(end);
            vmie_fs::probe_all(&volume).unwrap();
            match open(volume) {
                Ok(fs) => {
                    // NTFS does not count the last sector, which has a copy of the first.
                    let is_whole = name.starts_with("ntfs") && Some(end) >= fs.identity().size;
                    let opens = name.starts_with("fat") || is_whole;
                    assert!(opens, "{name} opens with {end} bytes");
                    // What is there is read; what is not says so.
                    let root = fs.read_dir(&GuestPath::root());
                    assert!(root.is_ok() || root.unwrap_err().kind() == ErrorKind::Truncated);
                }
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::Truncated | ErrorKind::Unsupported),
                    "{name} at {end}: {error}"
                ),
            }
        }
    }
}

fn shared(name: &'static str) -> Arc<Vec<u8>> {
    static IMAGES: [OnceLock<Arc<Vec<u8>>>; NAMES.len()] = [const { OnceLock::new() }; NAMES.len()];
    let index = NAMES.iter().position(|other| *other == name).unwrap();
    Arc::clone(IMAGES[index].get_or_init(|| fixture(name)))
}

const NAMES: [&str; 9] = [
    "ext2-1k",
    "ext2-rev0",
    "ext4-1k",
    "ext4-inline",
    "ext3-journal",
    "fat12",
    "fat16",
    "ntfs-512",
    "ntfs-64k",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is written over an image without checksums, reading it ends, and without a panic.
    #[test]
    fn damage_anywhere_is_survived(
        which in 0..NAMES.len(),
        damage in prop::collection::vec((any::<u32>(), any::<bool>(), any::<[u8; 4]>()), 1..12),
    ) {
        let image = shared(NAMES[which]);
        let mut volume = Patched::new(image.clone());
        for (at, near, bytes) in damage {
            // Half of it where the metadata is.
            let range = if near { 120 << 10 } else { image.len() as u32 - 4 };
            volume = volume.with(u64::from(at % range), bytes);
        }
        let limits = Limits::default().with_work(200_000);
        if let Ok(fs) = vmie_fs::open(Arc::new(volume), &limits) {
            prop_assert!(exercise(&*fs) > 0);
        }
    }
}

#[test]
fn the_volume_may_be_an_overlay() {
    let overlay = vmie_io::Overlay::new(fixture("ext2-1k"), Budget::default());
    overlay.write_all_at(b"changed!", 1024 + 0x78).unwrap();
    assert!(overlay.len() > 0);
    let fs = open(overlay).unwrap();
    assert_eq!(fs.identity().label.as_deref(), Some("changed!"));
}
