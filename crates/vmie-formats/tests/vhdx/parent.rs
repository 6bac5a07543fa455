//! Differencing disks and their parents.

use super::*;

#[test]
fn a_child_shows_its_parent() {
    let parent = Builder::dynamic(&disk());
    let below = parent.build();
    let changes = vec![9; 4 * MIB];
    for sector in [512, 4096] {
        let sectors = MIB / sector;
        let present: Vec<bool> = (0..4 * sectors)
            .map(|s| s == 5 || (s / 7 % 3 == 1 && s > 9) || s > 3 * sectors)
            .collect();
        let parent = parent.clone().sector(sector);
        let child = Builder::differencing(&changes, &present).sector(sector);
        for child in [
            child.clone(),
            child.clone().reverse(),
            child.state(1, 0).state(2, 3),
        ] {
            let image = open_over(&child.build(), ".\\parent.vhdx", &parent.build()).unwrap();
            assert_eq!(image.info().variant, Some(Variant::VhdxDifferencing));
            assert_eq!(image.info().references[0].name, ".\\parent.vhdx");
            conformance::read_at(&image, &child.over(&disk()));
        }
    }
    // Nothing in the child: the parent's extents show; unmapped blocks do not show it.
    let child = Builder::differencing(&changes, &[]).state(2, 1);
    let image = open_over(&child.build(), "parent.vhdx", &below).unwrap();
    let mib = MIB as u64;
    let kinds: Vec<_> = (0..4)
        .map(|b| image.next_extent(b * mib).unwrap().kind)
        .collect();
    let expected = [
        ExtentKind::Data,
        ExtentKind::Hole,
        ExtentKind::Zero,
        ExtentKind::Hole,
    ];
    assert_eq!(kinds, expected);
    // A block in part with no bitmap.
    let child = Builder::differencing(&changes, &[true]);
    let mut bytes = child.build();
    put(&mut bytes, child.bitmap_entry(0), &[0; 8]);
    let image = open_over(&bytes, "parent.vhdx", &below).unwrap();
    let error = error_of(image.read_exact_at(&mut [0; 1], 0).unwrap_err());
    let at = Some(child.bitmap_entry(0) as u64);
    assert_eq!((error.cause(), error.offset()), (Cause::VhdxBlockState, at));
    put(
        &mut bytes,
        child.bitmap_entry(0),
        &(u64::MAX << 20 | 6).to_le_bytes(),
    );
    let image = open_over(&bytes, "parent.vhdx", &below).unwrap();
    let error = error_of(image.read_exact_at(&mut [0; 1], 0).unwrap_err());
    assert_eq!((error.cause(), error.offset()), (Cause::VhdxOffset, at));
    assert_eq!(PARTIALLY_PRESENT, 7);
}

#[test]
fn the_parent_has_to_be_the_one() {
    let parent = Builder::dynamic(&disk());
    let child = Builder::differencing(&disk(), &[true]);
    let cause = |child: &Builder, parent: &Builder| {
        let result = open_over(&child.build(), ".\\parent.vhdx", &parent.build());
        result
            .err()
            .map(|error| (error.cause(), error.field_name()))
    };
    let other = "{00000000-4455-6677-8899-aabbccddeeff}";
    let linkage = Some((Cause::ParentMismatch, "parent_linkage"));
    assert_eq!(cause(&child, &parent.clone().data_id([1; 16])), linkage);
    assert_eq!(
        cause(&child.clone().pair("parent_linkage", other), &parent),
        linkage
    );
    let second = "{00112233-4455-6677-8899-aabbccddeeff}";
    let both = child
        .clone()
        .pair("parent_linkage", other)
        .pair("parent_linkage2", second);
    assert_eq!(cause(&both, &parent), None);
    let sectors = Some((Cause::ParentMismatch, "LogicalSectorSize"));
    assert_eq!(cause(&child, &parent.clone().sector(4096)), sectors);
    let none = Some((Cause::VhdxParentLocator, "parent_linkage"));
    assert_eq!(
        cause(&child.clone().pair("parent_linkage", ""), &parent),
        none
    );
    let error = open(&child.build()).unwrap_err();
    assert_eq!(error.cause(), Cause::ReferenceDenied);
    assert_eq!(error.structure(), "VHDX parent locator");
    // The locator's own fields.
    let file = child.build();
    let locator = ITEMS + 5 * 16;
    for (at, what, field) in [
        (0, &[0; 16][..], "LocatorType"),
        (18, &u16::MAX.to_le_bytes(), "KeyValueCount"),
        (20, &u32::MAX.to_le_bytes(), "KeyOffset"),
        (24, &u32::MAX.to_le_bytes(), "ValueOffset"),
    ] {
        let mut bytes = file.clone();
        put(&mut bytes, locator + at, what);
        let (cause, _, found) = refused(&bytes);
        assert_eq!((cause, found), (Cause::VhdxParentLocator, field));
    }
}

/// A parent locator that names a file of the host (as CVE-2024-32498 did by a qcow2 image) opens
/// nothing outside of the folder that is allowed.
#[test]
fn a_hostile_parent_locator_opens_nothing() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("allowed");
    std::fs::create_dir(&folder).unwrap();
    let secret = outside.path().join("secret.vhdx");
    std::fs::write(&secret, Builder::dynamic(&disk()).build()).unwrap();
    for name in [
        secret.to_str().unwrap(),
        "..\\secret.vhdx",
        "\\\\?\\Volume{x}\\..\\secret.vhdx",
    ] {
        let child = Builder::differencing(&disk(), &[true]);
        let child = child.pair("relative_path", name).pair("volume_path", name);
        let file = child.pair("absolute_win32_path", name).build();
        let options = OpenOptions::new().resolver(Arc::new(FolderResolver::new(&folder)));
        let result = vhdx::open(Arc::new(file), &options);
        assert_eq!(
            result.unwrap_err().cause(),
            Cause::ReferenceDenied,
            "{name}"
        );
    }
}
