use std::sync::Arc;

use proptest::prelude::*;
use vmie_io::{ExtentKind, Meter, Metered, ReadAt, ReadAtExt};
use vmie_testkit::conformance;
use vmie_testkit::vdi::Builder;

use super::open;
use crate::{
    Cause, DiskImage, Error, OpenOptions, Reference, ReferenceKind, Resolver, Variant, error_of,
};

fn options() -> OpenOptions {
    OpenOptions::new()
}

fn read_all(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let disk = open(Arc::new(bytes.to_vec()), &options())?;
    let mut out = vec![0xa5; disk.len() as usize];
    disk.read_exact_at(&mut out, 0).map_err(error_of)?;
    Ok(out)
}

fn small() -> Builder {
    Builder::new(20 * 512 + 7).block_size(1024, 0)
}

struct One(&'static str, Vec<u8>);

impl Resolver for One {
    fn resolve(&self, reference: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        assert_eq!(reference.kind, ReferenceKind::Parent);
        if reference.name != self.0 {
            return Err(reference.denied());
        }
        Ok(Arc::new(self.1.clone()))
    }
}

#[test]
fn blocks_of_every_kind_are_read() {
    for builder in [
        small()
            .block(0, b"a")
            .block(1, b"b")
            .zero(3)
            .block(10, b"end"),
        small().kind(2).block(5, &[9; 1024]),
        Builder::new(5000)
            .block_size(512, 512)
            .block(2, b"after something else")
            .block(3, b"x"),
    ] {
        let disk = open(Arc::new(builder.build()), &options()).unwrap();
        conformance::read_at(&disk, &builder.disk(&[]));
        assert_eq!(
            disk.info().creator.as_deref(),
            Some("Oracle VM VirtualBox Disk Image")
        );
    }
}

#[test]
fn what_is_zero_is_told_from_what_was_never_written() {
    let disk = open(Arc::new(small().block(1, b"x").zero(2).build()), &options()).unwrap();
    let kinds: Vec<_> = disk
        .extents(0..4096)
        .map(|extent| extent.map(|e| (e.kind, e.len)).unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            (ExtentKind::Hole, 1024),
            (ExtentKind::Data, 1024),
            (ExtentKind::Zero, 1024),
            (ExtentKind::Hole, 1024),
        ]
    );
}

#[test]
fn a_parent_is_found_by_its_uuid_and_checked() {
    let base = small()
        .ids([5; 16], [0; 16])
        .block(0, b"below")
        .block(1, b"too");
    let child = small()
        .kind(4)
        .ids([6; 16], [5; 16])
        .block(1, b"own")
        .zero(2);
    let name = "05050505-0505-0505-0505-050505050505";
    let gate = options().resolver(Arc::new(One(name, base.build())));
    let disk = open(Arc::new(child.build()), &gate).unwrap();
    assert_eq!(disk.info().variant, Some(Variant::VdiDifferencing));
    conformance::read_at(&disk, &child.disk(&base.disk(&[])));
    let denied = open(Arc::new(child.build()), &options()).unwrap_err();
    assert_eq!(denied.cause(), Cause::ReferenceDenied);
    let changed = small().ids([7; 16], [0; 16]).build();
    let gate = options().resolver(Arc::new(One(name, changed)));
    let error = open(Arc::new(child.build()), &gate).unwrap_err();
    assert_eq!(error.cause(), Cause::ParentMismatch);
}

#[test]
fn headers_that_cannot_be_are_refused() {
    let good = small().block(0, b"x").build();
    for (at, value, expected) in [
        (64, &[0u8; 4][..], Cause::WrongFormat),
        (68, &2u32.to_le_bytes(), Cause::VdiVersion),
        (72, &100u32.to_le_bytes(), Cause::VdiHeaderSize),
        (76, &9u32.to_le_bytes(), Cause::VdiType),
        (340, &u32::MAX.to_le_bytes(), Cause::VdiOffset),
        (344, &u32::MAX.to_le_bytes(), Cause::VdiOffset),
        (368, &u64::MAX.to_le_bytes(), Cause::Limit),
        (376, &0u32.to_le_bytes(), Cause::VdiBlockSize),
        (376, &1000u32.to_le_bytes(), Cause::VdiBlockSize),
        (376, &u32::MAX.to_le_bytes(), Cause::VdiBlockSize),
        (384, &1u32.to_le_bytes(), Cause::VdiBlockCount),
        (384, &u32::MAX.to_le_bytes(), Cause::VdiBlockCount),
    ] {
        let mut bad = good.clone();
        bad[at..at + value.len()].copy_from_slice(value);
        let error = open(Arc::new(bad), &options()).unwrap_err();
        assert_eq!(error.cause(), expected, "byte {at}");
    }
    let mut bad = good;
    bad[512..516].copy_from_slice(&77u32.to_le_bytes());
    let error = read_all(&bad).unwrap_err();
    assert_eq!(
        (error.cause(), error.offset()),
        (Cause::VdiOffset, Some(512))
    );
}

#[test]
fn a_file_cut_at_any_byte_is_refused_or_right() {
    let builder = small().block(0, &[1; 1024]).block(7, b"x").zero(8);
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
    for index in (0..2048).step_by(500) {
        builder = builder.block(index, b"x");
    }
    let meter = Meter::new();
    let source = Metered::new(builder.build(), meter.clone());
    let disk = OpenOptions::new().open_disk(Arc::new(source)).unwrap();
    assert!(meter.reads() <= 12, "{} requests", meter.reads());
    assert!(meter.bytes() <= 2 << 20);
    let opened = meter.reads();
    assert_eq!(disk.allocated().unwrap(), 5 << 20);
    assert_eq!(meter.reads() - opened, 1);
}

proptest! {
    #[test]
    fn any_layout_reads_as_the_model_says(
        blocks in proptest::collection::btree_map(0u32..30, (any::<bool>(), any::<u8>()), 0..20),
        extra in 0u32..3,
        tail in 0u64..1024,
    ) {
        let mut builder = Builder::new((30 << 10) - tail).block_size(1024, extra * 512);
        for (index, (zero, byte)) in blocks {
            builder = match zero {
                true => builder.zero(index),
                false => builder.block(index, &[byte; 1024]),
            };
        }
        let disk = open(Arc::new(builder.build()), &options()).unwrap();
        conformance::read_at(&disk, &builder.disk(&[]));
    }

    #[test]
    fn flipped_bytes_never_panic(at in 0usize..700, value in any::<u8>()) {
        let mut bytes = small().block(0, b"x").zero(3).build();
        bytes[at] = value;
        if let Ok(disk) = open(Arc::new(bytes), &options()) {
            for extent in disk.extents(0..disk.len().min(1 << 20)) {
                let Ok(extent) = extent else { break };
                let _ = disk.read_exact_at(&mut vec![0; extent.len.min(1 << 20) as usize], extent.start);
            }
        }
    }
}

#[test]
fn a_check_tells_what_lies_over_another_and_what_is_miscounted() {
    use crate::ProblemKind;
    let found = |bytes: Vec<u8>| {
        let cancel = vmie_io::CancelToken::new();
        let check = crate::check(Arc::new(bytes), &options(), false, &(), &cancel).unwrap();
        let problems = check.problems.iter();
        problems.map(|p| (p.kind, p.offset)).collect::<Vec<_>>()
    };
    let good = small().block(0, b"x").zero(3).block(10, b"y").build();
    assert_eq!(found(good.clone()), []);
    // The map is at 512 and the blocks after its sector: block 10 where block 0 is.
    let mut bytes = good.clone();
    bytes[512 + 40..512 + 44].fill(0);
    assert_eq!(
        found(bytes),
        [
            (ProblemKind::Overlap, Some(1024)),
            (ProblemKind::Leak, Some(2048))
        ]
    );
    let mut bytes = good.clone();
    bytes[388] = 7;
    assert_eq!(found(bytes), [(ProblemKind::Refcount, Some(388))]);
    let mut bytes = good;
    bytes[512..516].copy_from_slice(&900u32.to_le_bytes());
    assert_eq!(
        found(bytes),
        [
            (ProblemKind::OutsideFile, Some(1024 + 900 * 1024)),
            (ProblemKind::Unreadable, Some(0)),
            (ProblemKind::Leak, Some(556))
        ]
    );
}

#[test]
fn a_check_that_is_cancelled_ends_in_the_map() {
    let cancel = vmie_io::CancelToken::new();
    cancel.cancel();
    let bytes = Arc::new(small().block(0, b"x").build());
    let error = crate::check(bytes, &options(), true, &(), &cancel).unwrap_err();
    assert_eq!(error.cause(), Cause::Cancelled);
}
