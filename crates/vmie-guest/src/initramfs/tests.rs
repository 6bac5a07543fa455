use proptest::prelude::*;

use super::*;

const WANTED: &[&str] = &["nvme", "ena", "xen-blkfront", "xen-netfront", "virtio_blk"];

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../fixtures/initramfs/", $name)).as_slice()
    };
}

const FIXTURES: &[(&[Compression], &[u8])] = &[
    (&[Compression::None], fixture!("plain")),
    (&[Compression::None], fixture!("crc")),
    (&[Compression::Gzip], fixture!("gzip")),
    (&[Compression::Bzip2], fixture!("bzip2")),
    (&[Compression::Lzma], fixture!("lzma")),
    (&[Compression::Xz], fixture!("xz")),
    (&[Compression::Lzo], fixture!("lzo")),
    (&[Compression::Lz4], fixture!("lz4")),
    (&[Compression::Zstd], fixture!("zstd")),
    (
        &[Compression::None, Compression::Zstd],
        fixture!("early-zstd"),
    ),
];

fn look(mut bytes: &[u8]) -> Result<Contents, Error> {
    read(&mut bytes, WANTED, Bounds::default())
}

/// One member as it stands in an archive.
fn member(name: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "070701{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{name}\0",
        1, 0o100644, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0
    )
    .into_bytes();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    // Stored blocks of at most 65535 bytes (RFC 1951, 3.2.4).
    let mut packed = b"\x1f\x8b\x08\x00\0\0\0\0\x00\x03".to_vec();
    let chunks: Vec<&[u8]> = bytes.chunks(0xffff).collect();
    for (at, chunk) in chunks.iter().enumerate() {
        packed.push(u8::from(at + 1 == chunks.len()));
        packed.extend((chunk.len() as u16).to_le_bytes());
        packed.extend((!(chunk.len() as u16)).to_le_bytes());
        packed.extend(*chunk);
    }
    packed.extend(crc32fast::hash(bytes).to_le_bytes());
    packed.extend((bytes.len() as u32).to_le_bytes());
    packed
}

#[test]
fn svc_lim_8_every_compression_of_the_kernel_is_read() {
    for (compressions, bytes) in FIXTURES {
        let contents = look(bytes).unwrap_or_else(|error| panic!("{compressions:?}: {error}"));
        assert_eq!(contents.compressions, *compressions);
        assert_eq!(
            contents.drivers,
            ["nvme", "ena", "xen-blkfront", "virtio_blk"]
        );
        assert_eq!(contents.releases, ["6.1.0-9-amd64"]);
        assert!(!contents.complete, "what follows the list adds nothing");
    }
}

#[test]
fn svc_err_23_an_initramfs_that_ends_too_early_is_never_taken() {
    for (compressions, bytes) in FIXTURES {
        let mut enough = 0;
        for len in 0..bytes.len() {
            // A cut behind the list of modules, or right behind the early archive, cannot be told.
            match look(&bytes[..len]) {
                Ok(contents) => {
                    enough += 1;
                    let all = contents.drivers.len() == 4;
                    assert!(all || contents.complete, "{compressions:?} {len}");
                }
                Err(error) => assert!(
                    matches!(
                        error.cause(),
                        Cause::Truncated
                            | Cause::Compressed
                            | Cause::UnknownCompression
                            | Cause::Archive
                    ),
                    "{compressions:?} {len}: {error}"
                ),
            }
        }
        assert!(enough < bytes.len() * 9 / 10, "{compressions:?}: {enough}");
    }
}

#[test]
fn svc_err_23_damage_has_its_cause() {
    let cause = |bytes: &[u8]| look(bytes).unwrap_err().cause();
    assert_eq!(cause(b""), Cause::Truncated);
    assert_eq!(cause(&[0; 4096]), Cause::Truncated);
    assert_eq!(cause(b"#!/bin/sh\n"), Cause::UnknownCompression);
    assert_eq!(cause(b"070707 an older form of cpio"), Cause::Truncated);
    assert_eq!(cause(&b"0707".repeat(40)), Cause::Archive);
    assert_eq!(cause(&gzip(b"no archive")), Cause::Archive);
    let mut bad_sum = gzip(&[member("a", b"b"), member("TRAILER!!!", b"")].concat());
    let at = bad_sum.len() - 5;
    bad_sum[at] ^= 1;
    assert_eq!(cause(&bad_sum), Cause::Compressed);
    let endless = member(&"n".repeat(5000), b"");
    assert_eq!(cause(&endless), Cause::Archive);
    let error = look(&[member("x", b"y"), b"070701zz".repeat(20)].concat()).unwrap_err();
    assert_eq!(error.cause(), Cause::Archive);
    assert_eq!(error.field_name(), "none");
}

#[test]
fn bounds_hold() {
    let many: Vec<u8> = (0..50)
        .flat_map(|n| member(&format!("f{n}"), b""))
        .collect();
    let few = Bounds {
        entries: 49,
        ..Bounds::default()
    };
    let cause = |bytes: &[u8], bounds| read(&mut { bytes }, WANTED, bounds).unwrap_err().cause();
    assert_eq!(cause(&many, few), Cause::Limit);
    let short = Bounds {
        unpacked: 1000,
        ..Bounds::default()
    };
    assert_eq!(cause(&gzip(&many), short), Cause::Limit);
}

#[test]
fn a_list_that_names_more_than_was_seen_does_not_end_the_search() {
    let folder = "lib/modules/5.4.0-1/";
    let list = member(&format!("{folder}modules.dep"), b"kernel/nvme.ko.xz:\n");
    let module = member(&format!("{folder}kernel/nvme.ko.xz"), b"x");
    let end = member("TRAILER!!!", b"");
    let contents = look(&[list.clone(), module, end.clone()].concat()).unwrap();
    assert_eq!(contents.drivers, ["nvme"]);
    // A module that is only listed is not there.
    let contents = look(&[list, end].concat()).unwrap();
    assert!(contents.drivers.is_empty() && contents.complete);
}

#[test]
fn archives_follow_each_other_and_junk_behind_them_is_passed_over() {
    let first = [member("a", b""), member("TRAILER!!!", b"")].concat();
    let second = gzip(
        &[
            member("usr/lib/modules/6/kernel/ena.ko.zst", b"e"),
            member("TRAILER!!!", b""),
            vec![0; 512],
            member("lib/modules/6/x/xen_netfront.ko", b"e"),
            member("TRAILER!!!", b""),
        ]
        .concat(),
    );
    let all = [first, vec![0; 16], second, vec![0; 8], b"junk".to_vec()].concat();
    let contents = look(&all).unwrap();
    assert_eq!(contents.drivers, ["ena", "xen-netfront"]);
    assert_eq!(
        contents.compressions,
        [Compression::None, Compression::Gzip]
    );
    assert!(contents.complete);
}

proptest! {
    #[test]
    fn nothing_panics_and_bounds_hold(
        at in 0usize..FIXTURES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut bytes = FIXTURES[at].1.to_vec();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let bounds = Bounds { unpacked: 1 << 20, entries: 100 };
        if let Ok(contents) = read(&mut bytes.as_slice(), WANTED, bounds) {
            prop_assert!(contents.entries <= 100);
            prop_assert!(contents.drivers.len() <= WANTED.len());
        }
    }
}
