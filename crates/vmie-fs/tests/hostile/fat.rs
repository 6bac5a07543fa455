//! Damaged FAT filesystems.

use super::*;

#[test]
fn fat_that_cannot_be() {
    let image = fixture("fat16");
    let cases: [(u64, &[u8]); 8] = [
        (11, &[0, 0]),
        (11, &[0, 3]),
        (13, &[0]),
        (13, &[3]),
        (14, &[0, 0]),
        (16, &[0]),
        (21, &[1]),
        (22, &[0xff, 0xff]),
    ];
    for (at, bytes) in cases {
        let volume = Patched::new(image.clone()).with(at, bytes);
        assert_eq!(refused(volume).cause(), Cause::UnknownFilesystem, "{at}");
    }
    // Neither a jump nor a name.
    let volume = Patched::new(image.clone()).with(0, [0]).with(54, [0]);
    assert_eq!(refused(volume).cause(), Cause::UnknownFilesystem);
}

#[test]
fn a_volume_that_ends_before_the_root_directory() {
    let image = fixture("fat16");
    let word = |at: usize| u64::from(u16::from_le_bytes(image[at..at + 2].try_into().unwrap()));
    let data = (word(14) + word(22) * u64::from(image[16])) * 512 + word(17) * 32;
    for len in [512, data - 1] {
        let error = refused(Patched::new(image.clone()).cut(len));
        assert_eq!(error.cause(), Cause::VolumeTooShort);
        assert_eq!(error.offset(), Some(len));
    }
    assert!(open(Patched::new(image.clone()).cut(data)).is_ok());
}

/// Where an entry of the root directory of the FAT16 fixture is, and its first cluster.
fn fat_entry(image: &[u8], short: &[u8; 11]) -> (u64, u32) {
    let at = image
        .chunks(32)
        .position(|entry| entry.starts_with(short))
        .unwrap()
        * 32;
    let low = u16::from_le_bytes(image[at + 26..at + 28].try_into().unwrap());
    (at as u64, low.into())
}

#[test]
fn chains_that_cannot_be() {
    let image = fixture("fat16");
    let (at, first) = fat_entry(&image, b"BOOTX64 EFI");
    let fat = u64::from(u16::from_le_bytes(image[14..16].try_into().unwrap())) * 512;
    let entry = |cluster: u32| fat + u64::from(cluster) * 2;
    let read = |volume: Patched| {
        let fs = open(volume)?;
        let mut file = fs.open(&"/EFI/BOOT/BOOTX64.EFI".into())?;
        file.read_at(&mut vec![0; 9000], 0)
    };
    let link = |to: u16| Patched::new(image.clone()).with(entry(first + 3), to.to_le_bytes());
    is(
        &read(link(first as u16 + 1)).unwrap_err(),
        Cause::Cycle,
        "cluster",
        entry(first + 1),
    );
    for (to, cause) in [
        (0, Cause::BrokenChain),
        (1, Cause::BrokenChain),
        (0xfff7, Cause::BrokenChain),
        (0xfff0, Cause::OutOfRange),
    ] {
        is(
            &read(link(to)).unwrap_err(),
            cause,
            "next cluster",
            entry(first + 3),
        );
    }
    let error = read(link(0xffff)).unwrap_err();
    is(&error, Cause::BrokenChain, "DIR_FileSize", at);
    let none = Patched::new(image.clone()).with(at + 26, [0, 0]);
    assert_eq!(read(none).unwrap_err().cause(), Cause::OutOfRange);
    // A directory that runs in a circle.
    let (_, many) = fat_entry(&image, b"MANY       ");
    let volume = Patched::new(image.clone()).with(entry(many), (many as u16).to_le_bytes());
    let error = open(volume).unwrap().read_dir(&"/many".into()).unwrap_err();
    is(&error, Cause::Cycle, "cluster", entry(many));
    // A name with a separator in it.
    let volume = Patched::new(image.clone()).with(at, *b"BOOT/64");
    let error = open(volume)
        .unwrap()
        .read_dir(&"/EFI/BOOT".into())
        .unwrap_err();
    is(&error, Cause::DirEntry, "DIR_Name", at);
}

#[test]
fn fat_tells_its_state() {
    use vmie_fs::State;
    for (name, at, dirty, errors) in [
        ("fat16", 2, [0xff, 0x7f], [0xff, 0xbf]),
        ("fat32", 6, [0xff, 0x07], [0xff, 0x0b]),
    ] {
        let image = fixture(name);
        let fat = u64::from(u16::from_le_bytes(image[14..16].try_into().unwrap())) * 512;
        for (bytes, state) in [(dirty, State::Dirty), (errors, State::Errors)] {
            let volume = Patched::new(image.clone()).with(fat + at, bytes);
            assert_eq!(open(volume).unwrap().state(), state, "{name}");
        }
    }
    let volume = Patched::new(fixture("fat12")).with(37, [1]);
    assert_eq!(open(volume).unwrap().state(), State::Dirty);
}

#[test]
fn the_other_fat_counts_when_the_boot_sector_says_so() {
    let image = fixture("fat32");
    let le = |at: usize| u64::from(u32::from_le_bytes(image[at..at + 4].try_into().unwrap()));
    let reserved = u64::from(u16::from_le_bytes(image[14..16].try_into().unwrap())) * 512;
    let len = le(36) * 512;
    // The first FAT is wiped, and only the second is active.
    let wiped = Patched::new(image.clone()).with(reserved + 8, vec![0; 4096]);
    assert!(
        open(wiped.clone())
            .unwrap()
            .read_dir(&"/many".into())
            .is_err()
    );
    let fs = open(wiped.with(40, [0x81])).unwrap();
    assert_eq!(fs.read_dir(&"/many".into()).unwrap().len(), 60);
    assert!(len > 0);
    // A FAT that is not there.
    let volume = Patched::new(image).with(40, [0x82]);
    assert_eq!(refused(volume).cause(), Cause::UnknownFilesystem);
}
