use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use vmie_io::{Budget, ExtentKind, Limits, Meter, Metered, ReadAt, ReadAtExt};
use vmie_testkit::conformance;
use vmie_testkit::qcow2::Builder;

use super::open;
use crate::{
    Cause, DiskImage, Error, NoteKind, OpenOptions, Reference, ReferenceKind, Resolver, error_of,
};

const PACKS: bool = cfg!(any(feature = "zlib-rs", feature = "libdeflate"));

fn options() -> OpenOptions {
    OpenOptions::new()
}

fn cause(bytes: Vec<u8>) -> (Cause, Option<u64>) {
    let error = open(Arc::new(bytes), &options()).unwrap_err();
    (error.cause(), error.offset())
}

fn read_all(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let disk = open(Arc::new(bytes.to_vec()), &options())?;
    let mut out = vec![0xa5; disk.len() as usize];
    disk.read_exact_at(&mut out, 0).map_err(error_of)?;
    Ok(out)
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn noise(len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn small() -> Builder {
    Builder::new(9 * 512 + 100).cluster_bits(9)
}

/// Files by name, and what was asked for.
#[derive(Default)]
struct Files(Vec<(&'static str, Vec<u8>)>, Mutex<Vec<Reference>>);

impl Resolver for Files {
    fn resolve(&self, reference: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        self.1.lock().unwrap().push(reference.clone());
        let file = self.0.iter().find(|(name, _)| *name == reference.name);
        let file = file.ok_or_else(|| reference.denied())?;
        Ok(Arc::new(file.1.clone()))
    }
}

fn with(files: Vec<(&'static str, Vec<u8>)>) -> OpenOptions {
    options().resolver(Arc::new(Files(files, Mutex::default())))
}

#[test]
fn clusters_of_every_kind_are_read() {
    for builder in [
        small()
            .cluster(0, &noise(512))
            .zero(1)
            .cluster(3, b"x")
            .cluster(9, b"last"),
        small()
            .version(2)
            .cluster(0, &noise(512))
            .cluster(5, b"x")
            .cluster(6, b"y"),
        Builder::new(300_000)
            .cluster(1, &noise(65_536))
            .cluster(2, b"z")
            .zero(3),
        Builder::new(200_000)
            .cluster_bits(14)
            .extended()
            .parts(0, &noise(16_384), 0x8000_0005, 0x10)
            .parts(2, &noise(16_384), 0, u32::MAX)
            .cluster(5, &noise(16_384)),
    ] {
        let expected = builder.disk(&[]);
        let disk = open(Arc::new(builder.build()), &options()).unwrap();
        conformance::read_at(&disk, &expected);
    }
}

#[test]
fn compressed_clusters_are_unpacked() {
    if !PACKS {
        return;
    }
    let builder = |zstd: bool| {
        let builder = Builder::new(5 * 4096).cluster_bits(12);
        let builder = if zstd { builder.zstd() } else { builder };
        builder
            .compressed(0, &noise(4096))
            .compressed(1, b"well, well")
            .cluster(2, &noise(4096))
            .compressed(4, &[3; 4096])
    };
    for zstd in [false, true] {
        let builder = builder(zstd);
        let disk = open(Arc::new(builder.build()), &options()).unwrap();
        conformance::read_at(&disk, &builder.disk(&[]));
    }
}

#[test]
fn what_is_zero_is_told_from_what_was_never_written() {
    let disk = open(
        Arc::new(small().cluster(1, b"x").zero(2).build()),
        &options(),
    )
    .unwrap();
    let kinds: Vec<_> = disk
        .extents(0..disk.len())
        .map(|extent| extent.map(|e| (e.kind, e.start, e.len)).unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            (ExtentKind::Hole, 0, 512),
            (ExtentKind::Data, 512, 512),
            (ExtentKind::Zero, 1024, 512),
            (ExtentKind::Hole, 1536, 9 * 512 + 100 - 1536),
        ]
    );
    assert_eq!(disk.allocated().unwrap(), 512);
}

#[test]
fn a_backing_file_shows_through_holes_and_ends_before_its_child() {
    let base = noise(2000);
    let child = small()
        .backing("base.raw", Some("raw"))
        .cluster(1, b"own")
        .zero(2);
    let files = with(vec![("base.raw", base.clone())]);
    let disk = open(Arc::new(child.build()), &files).unwrap();
    conformance::read_at(&disk, &child.disk(&base));
    let reference = Reference::new(ReferenceKind::Parent, "base.raw");
    assert_eq!(disk.info().references, [reference]);
}

/// CVE-2015-5163, and the like in 2024: a backing file named by the image is not opened.
#[test]
fn cve_2015_5163_a_backing_file_is_not_opened() {
    for name in [
        "/etc/passwd",
        "../../etc/passwd",
        "json:{\"driver\":\"file\"}",
        "nbd:host:1",
    ] {
        let image = small().backing(name, None).build();
        let error = open(Arc::new(image), &options()).unwrap_err();
        assert_eq!(error.cause(), Cause::ReferenceDenied);
        assert!(
            error.to_string().contains(&name.escape_debug().to_string()),
            "{error}"
        );
    }
}

/// CVE-2024-32498 and CVE-2024-4467: an external data file named by the image is not opened.
#[test]
fn cve_2024_32498_an_external_data_file_is_not_opened() {
    for raw in [false, true] {
        let image = small().data_file("/etc/passwd", raw).build();
        let error = open(Arc::new(image), &options()).unwrap_err();
        assert_eq!(error.cause(), Cause::ReferenceDenied);
    }
}

/// CVE-2024-4467: a `json:` name makes QEMU open what it describes.
#[test]
fn cve_2024_4467_a_described_data_file_is_not_opened() {
    let name = "json:{\"driver\":\"file\",\"filename\":\"/etc/passwd\"}";
    let image = small().data_file(name, true).build();
    let error = open(Arc::new(image), &options()).unwrap_err();
    assert_eq!(error.cause(), Cause::ReferenceDenied);
}

#[test]
fn what_a_backing_file_names_passes_the_gate_too() {
    let base = small().backing("/etc/shadow", None).build();
    let child = small().backing("base", Some("qcow2")).build();
    let files = Arc::new(Files(vec![("base", base)], Mutex::default()));
    let error = open(Arc::new(child), &options().resolver(files.clone())).unwrap_err();
    assert_eq!(error.cause(), Cause::ReferenceDenied);
    let asked = files.1.lock().unwrap();
    let names: Vec<_> = asked.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["base", "/etc/shadow"]);
}

#[test]
fn a_chain_that_comes_back_to_itself_ends() {
    let image = small().backing("me", Some("qcow2")).build();
    let files = with(vec![("me", image.clone())]);
    let error = open(Arc::new(image), &files).unwrap_err();
    assert_eq!(error.cause(), Cause::ChainDepth);
}

#[test]
fn a_data_file_holds_the_clusters() {
    let builder = small()
        .data_file("data", false)
        .cluster(1, b"one")
        .cluster(0, b"zero");
    let (image, data) = builder.build_both();
    let disk = open(Arc::new(image), &with(vec![("data", data)])).unwrap();
    conformance::read_at(&disk, &builder.disk(&[]));
    let image = small().data_file("data", true).build();
    let raw = noise(1000);
    let disk = open(Arc::new(image), &with(vec![("data", raw.clone())])).unwrap();
    conformance::read_at(&disk, &small().disk(&raw));
}

#[test]
fn snapshots_are_listed_and_noted() {
    let image = small()
        .snapshot("1", "before")
        .snapshot("2", "after \u{e9}")
        .build();
    let disk = open(Arc::new(image), &options()).unwrap();
    let names: Vec<_> = disk.snapshots().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["before", "after \u{e9}"]);
    assert_eq!(disk.snapshots()[0].disk_size, Some(9 * 512 + 100));
    assert_eq!(disk.info().notes[0].kind, NoteKind::Snapshots);
}

#[test]
fn headers_that_cannot_be_are_refused() {
    let good = small().cluster(0, b"x").build();
    for (at, value, expected) in [
        (0, &b"QFI\0"[..], Cause::WrongFormat),
        (4, &4u32.to_be_bytes(), Cause::Qcow2Version),
        (4, &1u32.to_be_bytes(), Cause::Qcow2Version),
        (20, &8u32.to_be_bytes(), Cause::Qcow2ClusterBits),
        (20, &22u32.to_be_bytes(), Cause::Qcow2ClusterBits),
        (20, &u32::MAX.to_be_bytes(), Cause::Qcow2ClusterBits),
        (24, &u64::MAX.to_be_bytes(), Cause::Limit),
        (24, &(1u64 << 40).to_be_bytes(), Cause::Qcow2L1Size),
        (32, &1u32.to_be_bytes(), Cause::Qcow2Encrypted),
        (32, &2u32.to_be_bytes(), Cause::Qcow2Encrypted),
        (36, &u32::MAX.to_be_bytes(), Cause::Qcow2L1Size),
        (36, &0u32.to_be_bytes(), Cause::Qcow2L1Size),
        (40, &513u64.to_be_bytes(), Cause::Qcow2Offset),
        (40, &(1u64 << 62).to_be_bytes(), Cause::Qcow2Offset),
        (60, &65_537u32.to_be_bytes(), Cause::Qcow2Snapshots),
        (60, &3u32.to_be_bytes(), Cause::Qcow2Snapshots),
        (72, &(1u64 << 63).to_be_bytes(), Cause::Qcow2Feature),
        (72, &(1u64 << 4).to_be_bytes(), Cause::Qcow2ClusterBits),
        (72, &(1u64 << 2).to_be_bytes(), Cause::Qcow2Name),
        (100, &103u32.to_be_bytes(), Cause::Qcow2HeaderLength),
        (100, &u32::MAX.to_be_bytes(), Cause::Qcow2HeaderLength),
    ] {
        let mut bad = good.clone();
        put(&mut bad, at, value);
        assert_eq!(cause(bad).0, expected, "byte {at}: {value:?}");
    }
    let mut bad = good.clone();
    put(&mut bad, 72, &(1u64 << 3).to_be_bytes());
    put(&mut bad, 104, &[2]);
    assert_eq!(cause(bad), (Cause::Qcow2Compression, Some(104)));
    let mut bad = small().backing("b", None).build();
    put(&mut bad, 16, &1024u32.to_be_bytes());
    assert_eq!(cause(bad).0, Cause::Qcow2Name);
    let mut bad = small().backing("b", Some("luks")).build();
    assert_eq!(cause(bad.clone()).0, Cause::FormatNotRead);
    put(&mut bad, 116, &4000u32.to_be_bytes());
    assert_eq!(cause(bad), (Cause::Qcow2Extension, Some(112)));
}

#[test]
fn entries_that_cannot_be_are_told_with_their_place() {
    let good = small().cluster(0, b"x").cluster(1, b"y").build();
    // The L1 table is at 512, the L2 table at 1024.
    for (at, value, expected, place) in [
        (512, 1u64 << 55 | 1 << 63, Cause::Qcow2Offset, 512),
        (1024, 1u64 << 40, Cause::Qcow2Offset, 1 << 40),
    ] {
        let mut bad = good.clone();
        put(&mut bad, at, &value.to_be_bytes());
        let error = read_all(&bad).unwrap_err();
        assert_eq!((error.cause(), error.offset()), (expected, Some(place)));
    }
    // A subcluster that is both there and zero.
    let bad = Builder::new(16_384)
        .cluster_bits(14)
        .extended()
        .parts(0, b"x", 3, 2)
        .build();
    assert_eq!(read_all(&bad).unwrap_err().cause(), Cause::Qcow2Entry);
}

#[test]
fn damage_in_a_compressed_cluster_is_told() {
    if !PACKS {
        return;
    }
    for zstd in [false, true] {
        let builder = Builder::new(4096).cluster_bits(12);
        let builder = if zstd { builder.zstd() } else { builder };
        let good = builder.compressed(0, &noise(4096)).build();
        let l2 = u64::from_be_bytes(good[8192..8200].try_into().unwrap());
        let start = (l2 & 0xffff_ffff) as usize;
        let mut bad = good.clone();
        // No block type of DEFLATE, no magic of zstd.
        bad[start] = 0x07;
        let error = read_all(&bad).unwrap_err();
        assert_eq!(error.cause(), Cause::Qcow2CompressedData, "{zstd}");
        assert_eq!(error.offset(), Some(start as u64));
    }
    // A cluster of half the length.
    let mut short = Builder::new(4096)
        .cluster_bits(13)
        .compressed(0, &[1; 8192])
        .build();
    let small = Builder::new(4096)
        .cluster_bits(12)
        .compressed(0, &[1; 4096])
        .build();
    let at = |file: &[u8], table: usize, bits: u32| {
        let word = u64::from_be_bytes(file[table..table + 8].try_into().unwrap());
        (word & ((1 << (70 - bits)) - 1)) as usize
    };
    let from = at(&small, 8192, 12);
    let to = at(&short, 16_384, 13);
    let packed = small[from..].to_vec();
    short.truncate(to);
    short.extend_from_slice(&packed);
    let error = read_all(&short).unwrap_err();
    assert_eq!(error.cause(), Cause::Qcow2CompressedLength);
}

#[test]
fn a_file_cut_at_any_byte_is_refused_or_right() {
    let builder = small().cluster(0, &noise(512)).cluster(7, b"x").zero(8);
    let whole = builder.build();
    let expected = builder.disk(&[]);
    for len in 0..whole.len() {
        match read_all(&whole[..len]) {
            Ok(disk) => assert_eq!(disk, expected, "cut at {len}"),
            Err(error) => assert!(error.offset().is_some(), "{error}"),
        }
    }
}

#[test]
fn opening_and_mapping_cost_few_requests() {
    let mut builder = Builder::new(2 << 30);
    for index in (0..32_768).step_by(1000) {
        builder = builder.cluster(index, b"x");
    }
    let meter = Meter::new();
    let source = Metered::new(builder.build(), meter.clone());
    let disk = crate::OpenOptions::new()
        .open_disk(Arc::new(source))
        .unwrap();
    assert!(meter.reads() <= 12, "{} requests", meter.reads());
    assert!(meter.bytes() <= 2 << 20, "{} bytes", meter.bytes());
    let opened = meter.reads();
    assert_eq!(disk.allocated().unwrap(), 33 << 16);
    assert!(meter.reads() - opened <= 4, "one for each L2 table");
}

#[test]
fn neighbouring_clusters_are_read_in_one_go() {
    let mut builder = Builder::new(1 << 20);
    for index in 0..16 {
        builder = builder.cluster(index, &noise(65_536));
    }
    let meter = Meter::new();
    let disk = open(
        Arc::new(Metered::new(builder.build(), meter.clone())),
        &options(),
    )
    .unwrap();
    disk.read_exact_at(&mut vec![0; 1 << 20], 0).unwrap();
    let before = meter.reads();
    disk.read_exact_at(&mut vec![0; 1 << 20], 0).unwrap();
    assert_eq!(meter.reads() - before, 1);
}

#[test]
fn memory_is_bounded_and_given_back() {
    let budget = Budget::new(Limits::default().with_memory(1 << 20));
    let image = Builder::new(64 << 20)
        .cluster_bits(9)
        .cluster(0, b"x")
        .build();
    let options = options().charged_to(&budget);
    let disk = open(Arc::new(image), &options).unwrap();
    disk.read_exact_at(&mut [0; 512], 0).unwrap();
    drop(disk);
    assert_eq!(budget.memory_used(), 0);
    let mut huge = Builder::new(1 << 20).cluster_bits(9).build();
    put(&mut huge, 24, &(32u64 << 40).to_be_bytes());
    put(&mut huge, 36, &(4u32 << 20).to_be_bytes());
    // 32 TiB in clusters of 512 bytes would take an L1 table of 8 GiB.
    assert_eq!(cause(huge).0, Cause::Qcow2L1Size);
}

proptest! {
    #[test]
    fn any_layout_reads_as_the_model_says(
        bits in 9u32..13,
        clusters in proptest::collection::btree_map(0u64..40, (0u8..4, any::<u8>()), 0..30),
        tail in 1u64..512,
        v2 in any::<bool>(),
    ) {
        let mut builder = Builder::new((40 << bits) - tail).cluster_bits(bits);
        if v2 {
            builder = builder.version(2);
        }
        for (index, (kind, seed)) in clusters {
            let bytes: Vec<u8> = noise(1 << bits).iter().map(|b| b ^ seed).collect();
            builder = match kind {
                0 if !v2 => builder.zero(index),
                1 if PACKS => builder.compressed(index, &bytes),
                _ => builder.cluster(index, &bytes),
            };
        }
        let below = noise(9000);
        let expected = builder.disk(&[]);
        let image = builder.build();
        prop_assert_eq!(read_all(&image).unwrap(), expected);
        let child = builder.backing("b", Some("raw"));
        let disk = open(Arc::new(child.build()), &with(vec![("b", below.clone())])).unwrap();
        conformance::read_at(&disk, &child.disk(&below));
    }

    #[test]
    fn flipped_bytes_never_panic(at in 0usize..4000, value in any::<u8>(), len in 0usize..6000) {
        let mut bytes = small().snapshot("1", "s").cluster(0, &noise(512)).zero(4).build();
        let at = at % bytes.len();
        bytes[at] = value;
        bytes.truncate(len.max(600));
        if let Ok(disk) = open(Arc::new(bytes), &options().limits(Limits::default().with_memory(1 << 20)))
            && disk.len() < 1 << 20
        {
            let mut at = 0;
            while at < disk.len() {
                let Ok(extent) = disk.next_extent(at) else { break };
                prop_assert!(extent.len > 0 && extent.end() <= disk.len());
                let _ = disk.read_exact_at(&mut vec![0; extent.len as usize], at);
                at = extent.end();
            }
        }
    }
}
