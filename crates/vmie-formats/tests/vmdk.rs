//! VMDK files as they should be, and broken in every way.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may panic"
)]
#![cfg(any(feature = "libdeflate", feature = "zlib-rs"))]

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use vmie_formats::vmdk::{Ending, StreamReader, Vmdk};
use vmie_formats::{
    Cause, Confidence, DiskImage as _, Error, ErrorKind, ExtentKind, Format, Limits, OpenOptions,
    ReadAt, Reference, Resolver, Variant, error_of, probe, vmdk,
};
use vmie_io::{Budget, Meter, Metered};
use vmie_testkit::conformance;
use vmie_testkit::vmdk::{Builder, Built, deflate, sample_disk};

fn open(bytes: &[u8]) -> Result<Vmdk, Error> {
    vmdk::open(Arc::new(bytes.to_vec()), &OpenOptions::new())
}

fn read_all(disk: &dyn ReadAt) -> Result<Vec<u8>, Error> {
    let mut out = vec![0xa5; disk.len() as usize];
    disk.read_exact_at(&mut out, 0).map_err(error_of)?;
    Ok(out)
}

/// The grains that a stream gives, by their place on the disk, and how it ended.
type Streamed = (HashMap<u64, Vec<u8>>, Result<Option<Ending>, Error>);

fn stream(bytes: &[u8]) -> Result<Streamed, Error> {
    let mut reader = StreamReader::new(bytes, &Limits::default())?;
    let mut grains = HashMap::new();
    loop {
        match reader.next_grain() {
            Ok(Some(grain)) => drop(grains.insert(grain.offset, grain.data.to_vec())),
            Ok(None) => return Ok((grains, Ok(reader.ending()))),
            Err(error) => return Ok((grains, Err(error))),
        }
    }
}

/// What a stream gives, as a disk.
fn streamed_disk(bytes: &[u8], len: usize) -> (Vec<u8>, Option<Ending>) {
    let (grains, ending) = stream(bytes).unwrap();
    let mut disk = vec![0; len];
    for (offset, data) in grains {
        disk[offset as usize..offset as usize + data.len()].copy_from_slice(&data);
    }
    (disk, ending.unwrap())
}

fn small(builder: Builder) -> Builder {
    builder.grain_sectors(8).entries(4)
}

fn small_stream() -> (Vec<u8>, Built) {
    let builder = small(Builder::stream(&sample_disk(60_000)));
    (builder.disk().to_vec(), builder.build())
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

fn cause_at(result: Result<impl Sized, Error>) -> (Cause, Option<u64>) {
    let error = result.err().expect("an error");
    (error.cause(), error.offset())
}

#[test]
fn every_kind_of_stream_shows_the_disk() {
    let disk = sample_disk(1_000_000);
    let stream = Builder::stream(&disk);
    let builders = [
        stream.clone(),
        stream.clone().version(1).directory_at_end(false),
        stream.clone().version(2).mark_zeroes(true),
        stream.clone().reverse(true),
        stream.clone().short_last_grain(true),
        stream.clone().padding(4096),
        stream.clone().padding(100),
        stream.grain_sectors(16).entries(7),
        small(Builder::stream(&disk[..60_000])),
        small(Builder::stream(&[0; 40_000])),
        small(Builder::stream(b"x")),
    ];
    for builder in builders {
        let built = builder.build();
        let image = open(&built.bytes).unwrap_or_else(|e| panic!("{e}: {builder:?}"));
        assert_eq!(image.info().variant, Some(Variant::VmdkStreamOptimized));
        assert_eq!(image.info().file_size, built.bytes.len() as u64);
        conformance::read_at(&image, builder.disk());
        let (streamed, ending) = streamed_disk(&built.bytes, builder.disk().len());
        assert!(streamed == builder.disk(), "{builder:?}");
        let at = built.bytes.len() as u64;
        let whole = match built.footer {
            0 => Ending::Unmarked { at },
            _ => Ending::Complete,
        };
        assert_eq!(ending, Some(whole));
    }
}

#[test]
fn a_sparse_disk_is_read_too() {
    let disk = sample_disk(300_000);
    for builder in [
        Builder::sparse(&disk),
        small(Builder::sparse(&disk)).mark_zeroes(true),
    ] {
        let image = open(&builder.build().bytes).unwrap();
        assert_eq!(image.info().variant, Some(Variant::VmdkMonolithicSparse));
        conformance::read_at(&image, builder.disk());
    }
}

#[test]
fn a_disk_opened_by_its_magic_is_the_same() {
    let (disk, built) = small_stream();
    let candidates = probe(&built.bytes).unwrap();
    assert_eq!(candidates[0].format, Format::Vmdk);
    assert_eq!(candidates[0].confidence, Confidence::Certain);
    assert_eq!(candidates[0].variant, Some(Variant::VmdkStreamOptimized));
    let image = OpenOptions::new()
        .open_disk(Arc::new(built.bytes.clone()))
        .unwrap();
    conformance::read_at(&image, &disk);
    assert_eq!(image.info().virtual_size, image.len());
    // Who says raw gets the file's own bytes.
    let raw = OpenOptions::new()
        .format(Some(Format::Raw))
        .open_disk(Arc::new(built.bytes.clone()))
        .unwrap();
    conformance::read_at(&raw, &built.bytes);
}

#[test]
fn extents_tell_data_zeroes_and_holes_apart() {
    let mut disk = vec![0; 16 * 4096];
    disk[4096..3 * 4096].fill(1);
    let holes = small(Builder::stream(&disk)).build();
    let image = open(&holes.bytes).unwrap();
    let kinds = |image: &Vmdk| -> Vec<_> {
        vmie_formats::ReadAtExt::extents(image, 0..image.len())
            .map(|e| e.unwrap())
            .map(|e| (e.kind, e.start / 4096, e.len / 4096))
            .collect()
    };
    assert_eq!(
        kinds(&image),
        [
            (ExtentKind::Hole, 0, 1),
            (ExtentKind::Data, 1, 2),
            (ExtentKind::Hole, 3, 13)
        ]
    );
    assert_eq!(image.allocated().unwrap(), 8192);
    assert_eq!(image.stored_at(0).unwrap(), None);
    assert_eq!(
        image.stored_at(4096).unwrap(),
        Some(holes.grains[0].1.start as u64)
    );
    let zeroes = small(Builder::stream(&disk)).mark_zeroes(true).build();
    let image = open(&zeroes.bytes).unwrap();
    assert_eq!(kinds(&image)[0], (ExtentKind::Zero, 0, 1));
    assert_eq!(kinds(&image)[2], (ExtentKind::Zero, 3, 13));
}

#[test]
fn a_header_that_makes_no_sense_is_refused_with_its_field() {
    let (_, built) = small_stream();
    for (at, value, cause, offset) in [
        (0, &b"KDMX"[..], Cause::WrongFormat, 0),
        (4, &[0, 0, 0, 0], Cause::VmdkVersion, 4),
        (4, &[4, 0, 0, 0], Cause::VmdkVersion, 4),
        (8, &[1, 0, 1, 0], Cause::VmdkKind, 8),
        (12, &[0; 8], Cause::VmdkCapacity, 12),
        (12, &[0xff; 8], Cause::VmdkCapacity, 12),
        (20, &[0; 8], Cause::VmdkGrainSize, 20),
        (20, &[4, 0, 0, 0, 0, 0, 0, 0], Cause::VmdkGrainSize, 20),
        (20, &[9, 0, 0, 0, 0, 0, 0, 0], Cause::VmdkGrainSize, 20),
        (20, &[0, 0, 1, 0, 0, 0, 0, 0], Cause::VmdkGrainSize, 20),
        (28, &[0xff; 8], Cause::VmdkOffset, 28),
        (28, &[0xff, 0xff, 0, 0, 0, 0, 0, 0], Cause::VmdkOffset, 28),
        (44, &[0; 4], Cause::VmdkTableSize, 44),
        (44, &[1, 0, 1, 0], Cause::VmdkTableSize, 44),
        (73, b"\n \n\n", Cause::VmdkNewlines, 73),
        (77, &[0, 0], Cause::VmdkCompressionNone, 77),
        (77, &[2, 0], Cause::VmdkCompressionUnknown, 77),
    ] {
        let mut bytes = built.bytes.clone();
        put(&mut bytes, at, value);
        let result = open(&bytes);
        assert_eq!(cause_at(result), (cause, Some(offset)), "{at}: {value:?}");
        // The stream reader refuses the same for the same reason.
        assert_eq!(
            stream(&bytes).unwrap_err().cause(),
            cause,
            "{at}: {value:?}"
        );
    }
    let kind = |cause: Cause| Error::new(cause).kind();
    assert_eq!(kind(Cause::VmdkCompressionNone), ErrorKind::Unsupported);
    assert_eq!(kind(Cause::VmdkGrainLength), ErrorKind::Corrupt);
}

#[test]
fn a_disk_past_the_limit_is_refused() {
    let (_, built) = small_stream();
    let mut bytes = built.bytes;
    put(&mut bytes, 12, &(1u64 << 40).to_le_bytes());
    assert_eq!(open(&bytes).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn a_huge_disk_in_a_small_file_costs_nothing() {
    // 32 TiB in grains of 4 KiB and tables of one: a directory of 32 GiB that is not there.
    let mut bytes = Builder::stream(b"x")
        .grain_sectors(8)
        .entries(1)
        .directory_at_end(false)
        .build()
        .bytes;
    put(&mut bytes, 12, &(1u64 << 36).to_le_bytes());
    assert_eq!(cause_at(open(&bytes)), (Cause::VmdkOffset, Some(56)));
}

#[test]
fn the_footer_has_to_be_there_and_agree() {
    let (_, built) = small_stream();
    let footer = built.footer;
    // Cut before the end marker, and before the footer.
    for cut in [footer + 512, footer, footer - 512] {
        let (cause, at) = cause_at(open(&built.bytes[..cut]));
        assert_eq!((cause, at), (Cause::VmdkFooterMissing, Some(cut as u64)));
    }
    let breaks: [(usize, &[u8], Cause, usize); 4] = [
        (12, &[1, 0, 0, 0, 0, 0, 0, 0], Cause::VmdkFooterDisagrees, 0),
        (56, &[0xff; 8], Cause::VmdkFooterDisagrees, 0),
        (56, &[0xff, 0xff, 0, 0, 0, 0, 0, 0], Cause::VmdkOffset, 56),
        (4, &[9, 0, 0, 0], Cause::VmdkVersion, 4),
    ];
    for (at, value, cause, place) in breaks {
        let mut bytes = built.bytes.clone();
        put(&mut bytes, footer + at, value);
        let place = Some((footer + place) as u64);
        assert_eq!(cause_at(open(&bytes)), (cause, place), "{at}");
    }
}

#[test]
fn what_tables_say_is_checked_when_it_is_used() {
    let (disk, built) = small_stream();
    // A directory entry past the end.
    let mut bytes = built.bytes.clone();
    put(&mut bytes, built.directory + 4, &[0xff, 0xff, 0xff, 0]);
    let image = open(&bytes).unwrap();
    let place = Some(built.directory as u64 + 4);
    assert_eq!(cause_at(read_all(&image)), (Cause::VmdkOffset, place));
    // What the other tables cover can be read.
    let mut first = vec![0; 16_384];
    image.read_exact_at(&mut first, 0).unwrap();
    assert_eq!(first, disk[..16_384]);
    let error = image.next_extent(16_384).unwrap_err();
    assert_eq!(error_of(error).cause(), Cause::VmdkOffset);

    // A table entry that points past the end, and one that points at another grain.
    let (grain, range) = built.grains[1].clone();
    let other = built.grains[0].1.start;
    let table = built.tables[grain as usize / 4] + grain as usize % 4 * 4;
    let mut bytes = built.bytes.clone();
    put(&mut bytes, table, &[0xff, 0xff, 0xff, 0]);
    let place = Some(0x00ff_ffff * 512);
    assert_eq!(
        cause_at(read_all(&open(&bytes).unwrap())),
        (Cause::VmdkOffset, place)
    );
    put(&mut bytes, table, &(other as u32 / 512).to_le_bytes());
    let found = cause_at(read_all(&open(&bytes).unwrap()));
    assert_eq!(found, (Cause::VmdkGrainMarker, Some(other as u64)));

    // The same for small reads, which go another way.
    let image = open(&bytes).unwrap();
    let error = image.read_exact_at(&mut [0], grain * 4096).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(error_of(error).cause(), Cause::VmdkGrainMarker);

    // The marker itself.
    let mut bytes = built.bytes.clone();
    put(&mut bytes, range.start, &[1]);
    let place = Some(range.start as u64);
    let found = cause_at(read_all(&open(&bytes).unwrap()));
    assert_eq!(found, (Cause::VmdkGrainMarker, place));
    assert_eq!(
        stream(&bytes).unwrap().1.unwrap_err().cause(),
        Cause::VmdkGrainMarker
    );
}

#[test]
fn a_grain_that_comes_twice_in_a_stream_is_refused() {
    let (_, built) = small_stream();
    let (first, second) = (built.grains[0].1.clone(), built.grains[1].1.clone());
    let mut bytes = built.bytes.clone();
    bytes.splice(
        second.start..second.start,
        built.bytes[first.start..second.start].iter().copied(),
    );
    let (grains, ended) = stream(&bytes).unwrap();
    assert_eq!(grains.len(), 1);
    let found = cause_at(ended);
    assert_eq!(found, (Cause::VmdkGrainTwice, Some(second.start as u64)));
}

/// Replaces the compressed data of the first grain, which stays within its sectors.
fn with_grain_data(built: &Built, data: &[u8]) -> Vec<u8> {
    let mut bytes = built.bytes.clone();
    let start = built.grains[0].1.start;
    assert!(12 + data.len() <= 512);
    bytes[start + 12..start + 512].fill(0);
    put(&mut bytes, start + 8, &(data.len() as u32).to_le_bytes());
    put(&mut bytes, start + 12, data);
    bytes
}

#[test]
fn grains_of_a_wrong_length_have_the_services_cause() {
    let (_, built) = small_stream();
    let grain = Some(built.grains[0].1.start as u64);
    for len in [0, 1, 4095, 4097, 8192, 100_000] {
        let bytes = with_grain_data(&built, &deflate(&vec![3; len]));
        let result = read_all(&open(&bytes).unwrap());
        assert_eq!(cause_at(result), (Cause::VmdkGrainLength, grain), "{len}");
        let result = stream(&bytes).unwrap().1;
        assert_eq!(cause_at(result), (Cause::VmdkGrainLength, grain), "{len}");
    }
    // Right length, right data.
    let bytes = with_grain_data(&built, &deflate(&[3; 4096]));
    assert!(read_all(&open(&bytes).unwrap()).is_ok());
}

#[test]
fn grains_that_do_not_inflate_are_damaged() {
    let (_, built) = small_stream();
    let start = built.grains[0].1.start;
    let place = Some(start as u64);
    let good = deflate(&[3; 4096]);
    let mut bad_sum = good.clone();
    *bad_sum.last_mut().unwrap() ^= 1;
    for data in [&b"not zlib at all"[..], &good[..good.len() - 5], &bad_sum] {
        let bytes = with_grain_data(&built, data);
        let found = cause_at(read_all(&open(&bytes).unwrap()));
        assert_eq!(found, (Cause::VmdkGrainData, place));
    }
    for size in [0, 4096 + 512 + 1025, u32::MAX] {
        let mut bytes = built.bytes.clone();
        put(&mut bytes, start + 8, &size.to_le_bytes());
        let found = cause_at(read_all(&open(&bytes).unwrap()));
        assert_eq!(found, (Cause::VmdkGrainSizeField, Some(start as u64 + 8)));
    }
}

#[test]
fn other_kinds_are_named() {
    let kind = |bytes: &[u8]| {
        let error = open(bytes).unwrap_err();
        assert_eq!(error.cause(), Cause::VmdkKind, "{error}");
        error.value().unwrap().to_string()
    };
    let with = |create_type: &str| {
        let text = vmie_testkit::vmdk::descriptor(create_type);
        Builder::sparse(b"x").descriptor(Some(&text)).build().bytes
    };
    assert_eq!(
        kind(&with("twoGbMaxExtentSparse")),
        "\"twoGbMaxExtentSparse\""
    );
    for text in ["vmfs", "monolithicFlat", "twoGbMaxExtentSparse"] {
        // What they name would be opened, were it allowed.
        let file = vmie_testkit::vmdk::descriptor(text);
        assert_eq!(
            open(file.as_bytes()).unwrap_err().cause(),
            Cause::ReferenceDenied
        );
        assert_eq!(
            probe(&file.as_bytes().to_vec()).unwrap()[0].format,
            Format::Vmdk
        );
    }
    let stream = Builder::stream(b"x");
    for text in [None, Some("\0"), Some("CID=1\n")] {
        let error = open(&stream.clone().descriptor(text).build().bytes).unwrap_err();
        let place = (error.cause(), error.field_name());
        assert_eq!(place, (Cause::VmdkDescriptor, "createType"));
    }
}

#[test]
fn a_parent_is_asked_for_and_not_opened() {
    struct Allow;
    impl Resolver for Allow {
        fn resolve(&self, reference: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
            assert_eq!(reference.name, "base.vmdk");
            Ok(Arc::new(Vec::new()))
        }
    }
    let text =
        "createType=\"streamOptimized\"\nparentCID=00000001\nparentFileNameHint=\"base.vmdk\"\n";
    let bytes = Builder::stream(b"x").descriptor(Some(text)).build().bytes;
    let error = open(&bytes).unwrap_err();
    assert_eq!(error.cause(), Cause::ReferenceDenied);
    assert_eq!(error.kind(), ErrorKind::ReferenceDenied);
    let error = vmdk::open(
        Arc::new(bytes),
        &OpenOptions::new().resolver(Arc::new(Allow)),
    )
    .unwrap_err();
    // What the resolver gives has to be a VMDK.
    assert_eq!(error.cause(), Cause::WrongFormat);
}

#[test]
fn a_file_cut_at_any_byte_is_refused_or_right() {
    for builder in [
        small(Builder::stream(&sample_disk(30_000))),
        small(Builder::stream(&sample_disk(30_000))).directory_at_end(false),
        small(Builder::sparse(&sample_disk(30_000))),
    ] {
        let built = builder.build();
        let disk = builder.disk();
        for cut in 0..built.bytes.len() {
            let bytes = &built.bytes[..cut];
            match open(bytes).and_then(|image| read_all(&image)) {
                Ok(read) => assert!(read == disk, "cut at {cut}"),
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::Truncated | ErrorKind::Corrupt),
                    "cut at {cut}: {error}"
                ),
            }
            // The grains before the cut come by, whole.
            let Ok((grains, ending)) = stream(bytes) else {
                continue;
            };
            for (offset, data) in &grains {
                let start = *offset as usize;
                assert!(disk[start..start + data.len()] == data[..], "cut at {cut}");
            }
            let before = built.grains.iter().filter(|(_, range)| range.end <= cut);
            assert!(grains.len() >= before.count(), "cut at {cut}");
            let ending = ending.unwrap().unwrap();
            match ending.error() {
                Some(error) => {
                    assert_eq!(error.kind(), ErrorKind::Truncated);
                    assert_eq!(error.offset(), Some(cut as u64));
                }
                None if ending == Ending::Complete => {
                    assert!(
                        built.footer > 0 && cut >= built.footer + 512,
                        "cut at {cut}"
                    );
                }
                None => assert_eq!(
                    (ending, built.footer),
                    (Ending::Unmarked { at: cut as u64 }, 0)
                ),
            }
        }
    }
}

#[test]
fn the_ending_says_what_is_missing() {
    let (_, built) = small_stream();
    let (_, range) = built.grains[2].clone();
    let ending = |cut: usize| stream(&built.bytes[..cut]).unwrap().1.unwrap().unwrap();
    let at = range.start as u64;
    assert_eq!(ending(range.start), Ending::FooterMissing { at });
    let at = range.start as u64 + 20;
    assert_eq!(ending(range.start + 20), Ending::Truncated { at });
    let at = built.footer as u64 - 512;
    assert_eq!(ending(built.footer - 512), Ending::FooterMissing { at });
    assert_eq!(ending(built.footer + 512), Ending::Complete);
    assert_eq!(ending(built.bytes.len()), Ending::Complete);
    let mut bytes = built.bytes.clone();
    bytes[built.directory - 512 + 12] = 7;
    let error = stream(&bytes).unwrap().1.unwrap_err();
    let place = (error.cause(), error.offset());
    assert_eq!(
        place,
        (Cause::VmdkMarker, Some(built.directory as u64 - 512))
    );
}

#[test]
fn memory_is_charged_bounded_and_given_back() {
    let disk = sample_disk(8 << 20);
    let built = Builder::stream(&disk).build();
    let budget = Budget::new(Limits::default().with_memory(512 << 10));
    let image = vmdk::open(
        Arc::new(built.bytes.clone()),
        &OpenOptions::new().charged_to(&budget),
    )
    .unwrap();
    // Small reads all over: more grains than fit, so that the cache has to make room.
    for offset in (0..disk.len()).step_by(10_000) {
        let mut buf = [0; 16];
        image.read_exact_at(&mut buf, offset as u64).unwrap();
        assert_eq!(buf, disk[offset..offset + 16]);
    }
    assert!(budget.memory_used() > 0);
    drop(image);
    assert_eq!(budget.memory_used(), 0);
    // Too little for one grain.
    let budget = Budget::new(Limits::default().with_memory(100 << 10));
    let image = vmdk::open(
        Arc::new(built.bytes),
        &OpenOptions::new().charged_to(&budget),
    )
    .unwrap();
    let error = image.read_exact_at(&mut [0; 16], 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn small_reads_of_one_grain_read_the_file_once() {
    let built = Builder::stream(&sample_disk(1 << 20)).build();
    let meter = Meter::new();
    let source = Metered::new(built.bytes, meter.clone());
    let image = vmdk::open(Arc::new(source), &OpenOptions::new()).unwrap();
    image.read_exact_at(&mut [0; 512], 0).unwrap();
    let reads = meter.reads();
    for offset in (0..65_536).step_by(512) {
        image.read_exact_at(&mut [0; 512], offset).unwrap();
    }
    assert_eq!(meter.reads(), reads);
}

#[derive(Clone, Debug)]
struct Change {
    at: prop::sample::Index,
    value: u8,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (any::<prop::sample::Index>(), any::<u8>());
    prop::collection::vec(change.prop_map(|(at, value)| Change { at, value }), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is changed: no panic, and what both readers can read of one stored grain is equal.
    #[test]
    fn changed_bytes_are_errors_or_data(changes in changes(), metadata_only in any::<bool>()) {
        let (_, built) = small_stream();
        let mut bytes = built.bytes.clone();
        for change in changes {
            // Half of the time only what is not compressed data.
            let at = if metadata_only {
                let tail = built.tables.iter().copied().filter(|t| *t > 0).min().unwrap();
                let at = change.at.index(512 + bytes.len() - tail);
                if at < 512 { at } else { tail + at - 512 }
            } else {
                change.at.index(bytes.len())
            };
            bytes[at] = change.value;
        }
        let Ok(image) = open(&bytes) else { return Ok(()) };
        prop_assume!(image.len() <= 1 << 24);
        let _ = read_all(&image);
        let _ = vmie_formats::ReadAtExt::extents(&image, 0..image.len()).count();
        let Ok(mut reader) = StreamReader::new(&bytes[..], &Limits::default()) else { return Ok(()) };
        while let Ok(Some(grain)) = reader.next_grain() {
            if image.stored_at(grain.offset).ok().flatten() == Some(grain.stored_at) {
                let mut buf = vec![0; grain.data.len()];
                image.read_exact_at(&mut buf, grain.offset).unwrap();
                prop_assert!(buf == grain.data);
            }
        }
    }

    /// Any disk in any form comes back.
    #[test]
    fn any_disk_comes_back(
        blocks in prop::collection::vec(prop::option::weighted(0.5, any::<u8>()), 0..40),
        tail in 0usize..4096,
        grain in prop::sample::select(vec![8u64, 16, 128]),
        entries in 1u32..20,
        at_end in any::<bool>(),
        mark in any::<bool>(),
        reverse in any::<bool>(),
        short in any::<bool>(),
        sparse in any::<bool>(),
    ) {
        let mut disk: Vec<u8> = Vec::new();
        for block in blocks {
            disk.resize(disk.len() + 4096, block.unwrap_or(0));
        }
        disk.resize(disk.len() + tail, 9);
        let builder = if sparse { Builder::sparse(&disk) } else {
            Builder::stream(&disk).directory_at_end(at_end).short_last_grain(short)
        };
        let builder = builder.grain_sectors(grain).entries(entries).mark_zeroes(mark).reverse(reverse);
        let built = builder.build();
        let image = open(&built.bytes).unwrap();
        prop_assert!(read_all(&image).unwrap() == builder.disk());
        if !sparse {
            let (streamed, ending) = streamed_disk(&built.bytes, builder.disk().len());
            prop_assert!(streamed == builder.disk());
            prop_assert_eq!(ending == Some(Ending::Complete), at_end);
            prop_assert!(ending.unwrap().error().is_none());
        }
    }
}
