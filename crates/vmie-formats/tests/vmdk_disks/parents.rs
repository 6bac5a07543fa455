//! Disks over parents, and second directories.

use super::*;

#[test]
fn a_child_shows_its_parent_where_it_holds_nothing() {
    let n = 64;
    let below = sample_disk(n * 512);
    let mut own = vec![0; n * 512];
    own[8 * 512..24 * 512].fill(1);
    own[63 * 512..].fill(2);
    let parent = descriptor_file("monolithicFlat", &[&format!("RW {n} FLAT \"base\" 0")]);
    let mut want = below.clone();
    want[8 * 512..24 * 512].fill(1);
    want[56 * 512..63 * 512].fill(0);
    want[63 * 512..].fill(2);
    let files = Arc::new(Files::of([
        ("base.vmdk", parent.into_bytes()),
        ("base", below.clone()),
        ("delta", extent(&own)),
        ("cow", cowd(&own, 8)),
        ("se", sesparse(&own, 1, false)),
    ]));
    for (name, line) in [
        ("monolithicSparse", format!("RW {n} SPARSE \"delta\"")),
        ("vmfsSparse", format!("RW {n} VMFSSPARSE \"cow\"")),
        ("seSparse", format!("RW {n} SESPARSE \"se\"")),
    ] {
        let text = child_of(&descriptor_file(name, &[&line]), "base.vmdk");
        let image = open_in(&files, text.as_bytes()).unwrap();
        conformance::read_at(&image, &want);
        let last = image.info().references.last().unwrap();
        assert_eq!(
            (last.kind, last.name.as_str()),
            (ReferenceKind::Parent, "base.vmdk")
        );
    }
    // The same in one file; and a child that is larger than its parent.
    let text = child_of(
        &vmie_testkit::vmdk::descriptor("monolithicSparse"),
        "base.vmdk",
    );
    let child = small(Builder::sparse(&own)).descriptor(Some(&text)).build();
    conformance::read_at(&open_in(&files, &child.bytes).unwrap(), &want);
    own.resize(100 * 512, 0);
    own[99 * 512..].fill(3);
    want.resize(96 * 512, 0);
    want.resize(99 * 512, 0);
    want.resize(100 * 512, 3);
    let child = small(Builder::sparse(&own)).descriptor(Some(&text)).build();
    conformance::read_at(&open_in(&files, &child.bytes).unwrap(), &want);
    // Zeroes that the child holds hide the parent.
    let zeroes = small(Builder::sparse(&[0; 64 * 512])).mark_zeroes(true);
    let child = zeroes.descriptor(Some(&text)).build();
    conformance::read_at(&open_in(&files, &child.bytes).unwrap(), &[0; 64 * 512]);
}

#[test]
fn a_parent_has_to_be_the_right_one() {
    let n = 16;
    let disk = sample_disk(n * 512);
    let flat = descriptor_file("monolithicFlat", &[&format!("RW {n} FLAT \"flat\" 0")]);
    let sparse = format!("RW {n} SPARSE \"delta\"");
    let child = child_of(
        &descriptor_file("monolithicSparse", &[&sparse]),
        "base.vmdk",
    );
    let open_over = |base: Vec<u8>| {
        let files = Files::of([
            ("base.vmdk", base),
            ("flat", disk.clone()),
            ("delta", extent(&disk)),
        ]);
        open_in(&Arc::new(files), child.as_bytes())
    };
    assert!(open_over(flat.clone().into_bytes()).is_ok());
    let other = flat.replace("CID=12345678", "CID=12345679");
    let error = open_over(other.into_bytes()).unwrap_err();
    assert_eq!(
        (error.cause(), error.field_name()),
        (Cause::ParentMismatch, "parentCID")
    );
    assert_eq!(error.value().unwrap().to_string(), "\"12345679\"");
    // Without a content id, and what is no VMDK at all.
    assert_eq!(cause(open_over(cowd(&disk, 1))), Cause::ParentMismatch);
    assert_eq!(cause(open_over(disk.clone())), Cause::WrongFormat);
    let nameless = child.replace("parentFileNameHint", "other");
    let error = open(&nameless, [("delta", extent(&disk))]).unwrap_err();
    assert_eq!(
        (error.cause(), error.field_name()),
        (Cause::ParentImage, "parentFileNameHint")
    );
    // Its own parent: the chain ends where the limit is.
    let own = child_of(
        &descriptor_file("monolithicSparse", &[&sparse]),
        "self.vmdk",
    );
    let files = Files::of([
        ("self.vmdk", own.clone().into_bytes()),
        ("delta", extent(&disk)),
    ]);
    let error = open_in(&Arc::new(files), own.as_bytes()).unwrap_err();
    assert_eq!(error.cause(), Cause::ChainDepth);
}

#[test]
fn the_second_directory_stands_in_for_the_first() {
    let builder = small(Builder::sparse(&sample_disk(60_000))).redundant(true);
    let disk = builder.disk().to_vec();
    let built = builder.build();
    let open = |bytes: &[u8]| vmdk::open(Arc::new(bytes.to_vec()), &OpenOptions::new());
    let notes = |image: &Vmdk| {
        image
            .info()
            .notes
            .iter()
            .map(|n| n.kind)
            .collect::<Vec<_>>()
    };
    let whole = open(&built.bytes).unwrap();
    assert_eq!(notes(&whole), []);
    // The field of the first one is out of the file; one entry of it is.
    let mut field = built.bytes.clone();
    field[56..64].copy_from_slice(&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0]);
    let mut entry = built.bytes.clone();
    entry[built.directory + 4..built.directory + 8].fill(0x7f);
    for bytes in [&field, &entry] {
        let image = open(bytes).unwrap();
        assert_eq!(notes(&image), [NoteKind::SecondCopyUsed]);
        conformance::read_at(&image, &disk);
    }
    // A table with an entry that is out of the file.
    let mut table = built.bytes.clone();
    table[built.tables[1]..built.tables[1] + 4].fill(0x7f);
    conformance::read_at(&open(&table).unwrap(), &disk);
    // Where the header promises no second one, none is used.
    for mut bytes in [field, entry, table] {
        bytes[8] &= !2;
        let result = open(&bytes).and_then(|image| read_all(&image));
        assert_eq!(cause(result), Cause::VmdkOffset);
    }
    // Both damaged.
    let mut both = built.bytes;
    both[built.directory + 4..built.directory + 8].fill(0x7f);
    both[built.redundant.0 + 4..built.redundant.0 + 8].fill(0x7f);
    let image = open(&both).unwrap();
    assert_eq!(cause(read_all(&image)), Cause::VmdkOffset);
    let unclean = small(Builder::sparse(&disk)).unclean(true).build();
    assert_eq!(notes(&open(&unclean.bytes).unwrap()), [NoteKind::Dirty]);
}
