//! Every kind of disk and extent, and descriptors that are none.

use super::*;

#[test]
fn every_kind_of_disk_shows_its_bytes() {
    let disk = sample_disk(128 * 512);
    let n = sectors(&disk);
    let half = n / 2 * 512;
    let (first, second) = (disk[..half].to_vec(), disk[half..].to_vec());
    let flat = format!("RW {n} FLAT \"disk-flat.vmdk\" 0");
    let vmfs = format!("RW {n} VMFS \"disk-flat.vmdk\"");
    for (name, line, variant) in [
        ("monolithicFlat", &flat, Variant::VmdkMonolithicFlat),
        ("MONOLITHICFLAT", &flat, Variant::VmdkMonolithicFlat),
        ("vmfs", &vmfs, Variant::VmdkVmfs),
        ("vmfsThin", &vmfs, Variant::VmdkVmfsThin),
        ("vmfsPreallocated", &vmfs, Variant::VmdkVmfsPreallocated),
        (
            "vmfsEagerZeroedThick",
            &vmfs,
            Variant::VmdkVmfsEagerZeroedThick,
        ),
        ("custom", &flat, Variant::VmdkOther),
    ] {
        let text = descriptor_file(name, &[line]);
        assert_eq!(
            probe(&text.as_bytes().to_vec()).unwrap()[0].variant,
            Some(variant)
        );
        let image = open(&text, [("disk-flat.vmdk", disk.clone())]).unwrap();
        assert_eq!(image.info().variant, Some(variant));
        assert_eq!(image.info().references.len(), 1);
        assert_eq!(image.info().references[0].kind, ReferenceKind::Extent);
        assert_eq!(image.info().file_size, (disk.len() + text.len()) as u64);
        assert_eq!(image.grain_size(), None);
        assert_eq!(image.stored_at(700).unwrap(), Some(700));
        conformance::read_at(&image, &disk);
    }
    for name in ["twoGbMaxExtentFlat", "2GbMaxExtentFlat"] {
        let lines = [
            format!("RW {} FLAT \"d-f001.vmdk\" 0", n / 2),
            format!("RW {} FLAT \"d-f002.vmdk\" 0", n - n / 2),
        ];
        let text = descriptor_file(name, &[&lines[0], &lines[1]]);
        let others = [
            ("d-f001.vmdk", first.clone()),
            ("d-f002.vmdk", second.clone()),
        ];
        let image = open(&text, others).unwrap();
        assert_eq!(image.info().variant, Some(Variant::VmdkTwoGbFlat));
        conformance::read_at(&image, &disk);
    }
    for name in ["twoGbMaxExtentSparse", "2GbMaxExtentSparse"] {
        let lines = [
            format!("RW {} SPARSE \"d-s001.vmdk\"", n / 2),
            format!("RW {} SPARSE \"d-s002.vmdk\"", n - n / 2),
        ];
        let text = descriptor_file(name, &[&lines[0], &lines[1]]);
        let others = [
            ("d-s001.vmdk", extent(&first)),
            ("d-s002.vmdk", extent(&second)),
        ];
        let image = open(&text, others).unwrap();
        assert_eq!(image.info().variant, Some(Variant::VmdkTwoGbSparse));
        assert_eq!(image.info().block_size, Some(4096));
        conformance::read_at(&image, &disk);
    }
}

#[test]
fn extents_of_mixed_kinds_are_one_disk() {
    let disk = sample_disk(200 * 512);
    let cut = |from: usize, to: usize| disk[from * 512..to * 512].to_vec();
    let packed = small(Builder::stream(&cut(20, 70))).build().bytes;
    let mut flat = vec![9; 3 * 512];
    flat.extend_from_slice(&cut(90, 130));
    let text = descriptor_file(
        "custom",
        &[
            "RW 20 SPARSE \"a\"",
            "RDONLY 50 SPARSE \"b\"",
            "RW 20 VMFSSPARSE \"c\"",
            "RW 40 FLAT \"d\" 3",
            "RW 30 SESPARSE \"e\"",
            "RW 25 ZERO",
            "NOACCESS 15 FLAT \"never-opened\" 0",
        ],
    );
    let mut shown = disk[..160 * 512].to_vec();
    shown.resize(200 * 512, 0);
    let files = Arc::new(Files::of([
        ("a", extent(&cut(0, 20))),
        ("b", packed),
        ("c", cowd(&cut(70, 90), 1)),
        ("d", flat),
        ("e", sesparse(&cut(130, 160), 1, true)),
    ]));
    let image = open_in(&files, text.as_bytes()).unwrap();
    conformance::read_at(&image, &shown);
    assert_eq!(files.count(), 5);
    let kinds: Vec<_> = image.info().notes.iter().map(|note| note.kind).collect();
    assert_eq!(kinds, [NoteKind::Quirk]);
    // A file that holds several extents is asked for once.
    let text = descriptor_file("custom", &["RW 2 FLAT \"d\" 3", "RW 2 FLAT \"d\" 1"]);
    let files = Arc::new(Files::of([("d", sample_disk(4096))]));
    let image = open_in(&files, text.as_bytes()).unwrap();
    let file = sample_disk(4096);
    let want = [&file[3 * 512..5 * 512], &file[512..3 * 512]].concat();
    conformance::read_at(&image, &want);
    assert_eq!(files.count(), 1);
}

#[test]
fn extents_of_esx_hosts_open_by_themselves() {
    let disk = sample_disk(3 << 20);
    let bytes = cowd(&disk, 1);
    assert_eq!(probe(&bytes).unwrap()[0].variant, Some(Variant::VmdkCowd));
    let image = vmdk::open(Arc::new(bytes), &OpenOptions::new()).unwrap();
    assert_eq!(image.info().variant, Some(Variant::VmdkCowd));
    assert_eq!(image.info().notes[0].kind, NoteKind::PartOfDisk);
    conformance::read_at(&image, &disk);
    for mark in [false, true] {
        let bytes = sesparse(&disk, 2, mark);
        let image = vmdk::open(Arc::new(bytes), &OpenOptions::new()).unwrap();
        assert_eq!(image.info().variant, Some(Variant::VmdkSeSparse));
        assert_eq!(image.info().block_size, Some(4096));
        conformance::read_at(&image, &disk);
        let zero = image
            .extents(0..image.len())
            .any(|extent| extent.unwrap().kind == ExtentKind::Zero);
        assert_eq!(zero, mark);
    }
    // A sparse extent of a hosted product is a part of a disk, and says so.
    let error = vmdk::open(Arc::new(extent(&disk[..4096])), &OpenOptions::new()).unwrap_err();
    assert_eq!(
        (error.cause(), error.kind()),
        (Cause::VmdkExtentAlone, ErrorKind::Unsupported)
    );
}

#[test]
fn headers_of_esx_extents_that_make_no_sense_are_refused() {
    let disk = sample_disk(16 << 10);
    let broken = |bytes: &[u8], at: usize, value: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + value.len()].copy_from_slice(value);
        let error = vmdk::open(Arc::new(bytes), &OpenOptions::new()).err();
        let error = error.unwrap_or_else(|| panic!("{at}: {value:?}"));
        (error.cause(), error.offset())
    };
    let bytes = cowd(&disk, 1);
    for (at, value, cause) in [
        (4, 2u32, Cause::VmdkVersion),
        (12, 0, Cause::VmdkCapacity),
        (16, 3, Cause::VmdkGrainSize),
        (16, 0, Cause::VmdkGrainSize),
        (16, 1 << 16, Cause::VmdkGrainSize),
        (20, 0, Cause::VmdkOffset),
        (20, 0x00ff_ffff, Cause::VmdkOffset),
        (24, 0, Cause::VmdkTableSize),
    ] {
        let found = broken(&bytes, at, &value.to_le_bytes());
        assert_eq!(found, (cause, Some(at as u64)));
    }
    let bytes = sesparse(&disk, 1, false);
    for (at, value, cause, place) in [
        (8, 0x2_0000_0002u64, Cause::VmdkVersion, 8),
        (16, 0, Cause::VmdkCapacity, 16),
        (16, u64::MAX, Cause::VmdkCapacity, 16),
        (24, 7, Cause::VmdkGrainSize, 24),
        (32, 0, Cause::VmdkTableSize, 32),
        (32, 1 << 40, Cause::VmdkTableSize, 32),
        (40, 1, Cause::VmdkFlags, 40),
        (80, u64::MAX, Cause::VmdkOffset, 80),
        (128, 0, Cause::VmdkOffset, 128),
        (128, 1 << 40, Cause::VmdkOffset, 128),
        (136, 0, Cause::VmdkTableSize, 136),
        (144, 0, Cause::VmdkOffset, 144),
        (192, u64::MAX, Cause::VmdkOffset, 192),
        (512, 1, Cause::WrongFormat, 512),
        (512 + 24, 1, Cause::VmdkJournal, 512 + 24),
    ] {
        let found = broken(&bytes, at, &value.to_le_bytes());
        assert_eq!(found, (cause, Some(place)), "{at}");
    }
    // Entries that are nothing: of the directory, of a table.
    let bytes = sesparse(&disk, 1, false);
    for (at, value) in [(4 * 512, 1u64), (4 * 512, 0x1000_0000_0000_0001)] {
        let mut bytes = bytes.clone();
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        let image = vmdk::open(Arc::new(bytes), &OpenOptions::new()).unwrap();
        assert_eq!(cause(read_all(&image)), Cause::VmdkTableEntry);
    }
    let mut bad = bytes;
    bad[5 * 512 + 7] = 0x70;
    let image = vmdk::open(Arc::new(bad), &OpenOptions::new()).unwrap();
    let error = read_all(&image).unwrap_err();
    assert_eq!(
        (error.cause(), error.offset()),
        (Cause::VmdkTableEntry, Some(5 * 512))
    );
    // The other grains can be read.
    image.read_exact_at(&mut [0; 4096], 4096).unwrap();
}

#[test]
fn svc_lim_3_devices_are_never_a_disk() {
    let line = "RW 8 FLAT \"d\" 0";
    for name in [
        "fullDevice",
        "partitionedDevice",
        "vmfsRaw",
        "vmfsRDM",
        "vmfsRDMP",
        "vmfsRawDeviceMap",
        "vmfsPassthroughRawDeviceMap",
    ] {
        let files = Arc::new(Files::of([("d", vec![0; 4096])]));
        let text = descriptor_file(name, &[line]);
        let error = open_in(&files, text.as_bytes()).unwrap_err();
        assert_eq!(
            (error.cause(), error.kind()),
            (Cause::VmdkRawDevice, ErrorKind::Unsupported)
        );
        assert_eq!(error.value().unwrap().to_string(), format!("{name:?}"));
        assert_eq!(files.count(), 0);
    }
    for line in [
        "RW 8 VMFSRDM \"d\"",
        "RW 8 VMFSRAW \"d\"",
        "RW 8 FLAT \"\\\\.\\PhysicalDrive0\" 0",
        "RW 8 FLAT \"/dev/sda\" 0",
        "RW 8 FLAT \"d\" 0 partitionUUID \"device\"",
    ] {
        let files = Arc::new(Files::of([("d", vec![0; 4096])]));
        let text = descriptor_file("monolithicFlat", &["RW 8 FLAT \"d\" 0", line]);
        assert_eq!(
            cause(open_in(&files, text.as_bytes())),
            Cause::VmdkRawDevice,
            "{line}"
        );
        assert_eq!(files.count(), 0);
    }
}

#[test]
fn descriptors_that_are_no_disk_are_refused_before_anything_is_opened() {
    let line = "RW 8 FLAT \"d\" 0";
    let good = descriptor_file("monolithicFlat", &[line]);
    let huge = format!("RW {} ZERO", u64::MAX / 512);
    for (text, cause) in [
        (descriptor_file("nonsense", &[line]), Cause::VmdkKind),
        (
            good.replace("createType", "otherType"),
            Cause::VmdkDescriptor,
        ),
        (descriptor_file("vmfs", &[]), Cause::VmdkExtents),
        (
            descriptor_file("vmfs", &[line, "RW 8 VMFS"]),
            Cause::VmdkExtents,
        ),
        (
            descriptor_file("vmfs", &[line, "RW 8 SPARSE \"d\" 8"]),
            Cause::VmdkExtents,
        ),
        (
            descriptor_file("vmfs", &[line, "RW 8 OTHER \"d\" 8"]),
            Cause::VmdkKind,
        ),
        (descriptor_file("vmfs", &[line, &huge]), Cause::VmdkCapacity),
        (
            descriptor_file("vmfs", &[line, "RW 36028797018963967 ZERO"]),
            Cause::VmdkCapacity,
        ),
        (
            descriptor_file("vmfs", &[line, "RW 137438953472 ZERO"]),
            Cause::Limit,
        ),
        (
            format!("{good}encryption.data = \"x\"\n"),
            Cause::VmdkEncrypted,
        ),
        (format!("{good}\0\0partition"), Cause::VmdkDescriptor),
        (format!("{good}{}", "#\n".repeat(600_000)), Cause::Limit),
    ] {
        let files = Arc::new(Files::of([("d", vec![0; 4096])]));
        let error = open_in(&files, text.as_bytes()).unwrap_err();
        assert_eq!(error.cause(), cause, "{error}");
        assert_eq!(files.count(), 0, "{error}");
    }
    // Padding is no data.
    assert!(open(&format!("{good}\0\0\0"), [("d", vec![0; 4096])]).is_ok());
}

#[test]
fn files_of_extents_have_to_be_what_the_descriptor_says() {
    let disk = sample_disk(64 * 512);
    for (line, file, cause) in [
        ("RW 65 FLAT \"d\" 0", disk.clone(), Cause::VmdkExtentSize),
        ("RW 60 FLAT \"d\" 5", disk.clone(), Cause::VmdkExtentSize),
        (
            "RW 8 FLAT \"d\" 18446744073709551615",
            disk.clone(),
            Cause::VmdkExtentSize,
        ),
        ("RW 65 SPARSE \"d\"", extent(&disk), Cause::VmdkExtentSize),
        ("RW 64 SPARSE \"d\"", disk.clone(), Cause::WrongFormat),
        ("RW 64 SPARSE \"d\"", cowd(&disk, 1), Cause::WrongFormat),
        ("RW 64 VMFSSPARSE \"d\"", extent(&disk), Cause::WrongFormat),
        ("RW 64 SESPARSE \"d\"", cowd(&disk, 1), Cause::WrongFormat),
        ("RW 64 SPARSE \"d\"", Vec::new(), Cause::WrongFormat),
    ] {
        let text = descriptor_file("custom", &[line]);
        let error = open(&text, [("d", file)]).unwrap_err();
        assert_eq!(error.cause(), cause, "{line}: {error}");
    }
    // An extent that is longer than its line, and its grains, are cut.
    let text = descriptor_file("custom", &["RW 33 SPARSE \"d\"", "RW 1 ZERO"]);
    let image = open(&text, [("d", extent(&disk))]).unwrap();
    let mut want = disk[..33 * 512].to_vec();
    want.resize(34 * 512, 0);
    conformance::read_at(&image, &want);
}

#[test]
fn an_embedded_descriptor_speaks_of_its_own_file_only() {
    let disk = sample_disk(16 * 512);
    let with_text = |text: &str| {
        let bytes = Builder::sparse(&disk).descriptor(Some(text)).build().bytes;
        vmdk::open(Arc::new(bytes), &OpenOptions::new())
    };
    for lines in [
        &["RW 16 FLAT \"/etc/passwd\" 0"][..],
        &["RW 16 SPARSE \"disk.vmdk\"", "RW 16 FLAT \"/etc/passwd\" 0"],
        &["RW 16 SPARSE \"disk.vmdk\"", "RW 16 SPARSE \"other.vmdk\""],
    ] {
        let text = descriptor_file("monolithicSparse", lines);
        assert_eq!(cause(with_text(&text)), Cause::VmdkExtents);
    }
    let text = descriptor_file("monolithicSparse", &["RW 17 SPARSE \"old-name.vmdk\""]);
    let image = with_text(&text).unwrap();
    assert_eq!(image.info().notes[0].kind, NoteKind::Disagreement);
    assert!(image.info().references.is_empty());
    conformance::read_at(&image, &disk);
    let text = descriptor_file("streamOptimized", &["RW 16 SPARSE \"d\""]);
    let image = with_text(&text).unwrap();
    assert_eq!(image.info().variant, Some(Variant::VmdkMonolithicSparse));
    assert_eq!(image.info().notes[0].kind, NoteKind::Disagreement);
    for name in ["monolithicFlat", "vmfs", "twoGbMaxExtentSparse"] {
        let text = descriptor_file(name, &["RW 16 SPARSE \"d\""]);
        assert_eq!(cause(with_text(&text)), Cause::VmdkKind);
    }
}
