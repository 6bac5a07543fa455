//! What reading may cost, and files that end too early.

use super::*;

#[test]
fn a_file_cut_at_any_byte_is_refused_or_right() {
    let disk = sample_disk(20 * 512);
    let descriptor = descriptor_file("custom", &["RW 20 SPARSE \"d\""]);
    let check = |what: &str, whole: &[u8], open: &dyn Fn(&[u8]) -> Result<Vmdk, Error>| {
        for cut in 0..whole.len() {
            match open(&whole[..cut]).and_then(|image| read_all(&image)) {
                Ok(read) => assert!(read == disk, "{what} cut at {cut}"),
                Err(error) => assert!(
                    matches!(
                        error.kind(),
                        ErrorKind::Truncated | ErrorKind::Corrupt | ErrorKind::Unsupported
                    ),
                    "{what} cut at {cut}: {error}"
                ),
            }
        }
    };
    let alone = |bytes: &[u8]| vmdk::open(Arc::new(bytes.to_vec()), &OpenOptions::new());
    check("COWD", &cowd(&disk, 4), &alone);
    check("SEsparse", &sesparse(&disk, 1, true), &alone);
    let redundant = small(Builder::sparse(&disk)).redundant(true).build().bytes;
    check("redundant", &redundant, &alone);
    for (what, line, file) in [
        ("sparse extent", "RW 20 SPARSE \"d\"", extent(&disk)),
        ("flat extent", "RW 20 FLAT \"d\"", disk.clone()),
        ("COWD extent", "RW 20 VMFSSPARSE \"d\"", cowd(&disk, 4)),
    ] {
        let text = descriptor_file("custom", &[line]);
        check(what, &file, &|bytes| open(&text, [("d", bytes.to_vec())]));
    }
    // The descriptor itself: what is before the cut is a disk of its own, or none.
    for cut in 0..descriptor.len() {
        let _ = open(&descriptor[..cut], [("d", extent(&disk))]);
    }
}

/// A source of zeroes with some bytes in it: a huge file that costs nothing.
struct Holey {
    len: u64,
    parts: Vec<(u64, Vec<u8>)>,
}

impl ReadAt for Holey {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), vmie_formats::ReadError> {
        let end = offset + buf.len() as u64;
        if end > self.len {
            let len = self.len;
            return Err(vmie_formats::ReadError::past_end(
                "holey",
                offset,
                buf.len(),
                len,
            ));
        }
        buf.fill(0);
        for (start, bytes) in &self.parts {
            let (from, to) = ((*start).max(offset), (start + bytes.len() as u64).min(end));
            if from < to {
                let part = &bytes[(from - start) as usize..(to - start) as usize];
                buf[(from - offset) as usize..(to - offset) as usize].copy_from_slice(part);
            }
        }
        Ok(())
    }
}

/// A monolithicSparse disk of `size` bytes whose tables lie behind each other, all of its grains
/// stored, as if.
fn two_gib(size: u64, stride: u64) -> Holey {
    let mut head = small(Builder::sparse(&[1; 512]))
        .grain_sectors(128)
        .entries(512)
        .build()
        .bytes;
    head.truncate(2048);
    head[12..20].copy_from_slice(&(size / 512).to_le_bytes());
    head[56..64].copy_from_slice(&2048u64.to_le_bytes());
    let tables = size / (32 << 20);
    let mut parts = vec![(0, head)];
    let mut directory = Vec::new();
    for number in 0..tables {
        let at = (2 << 20) + number * stride;
        directory.extend_from_slice(&((at / 512) as u32).to_le_bytes());
        let mut table = Vec::new();
        for grain in 0..512u64 {
            let sector = (64 << 11) + (number * 512 + grain) * 128;
            table.extend_from_slice(&(sector as u32).to_le_bytes());
        }
        parts.push((at, table));
    }
    parts.push((1 << 20, directory));
    Holey {
        len: (64 << 20) + size,
        parts,
    }
}

#[test]
fn opening_and_mapping_take_few_requests() {
    let size = 2 << 30;
    for (stride, most) in [(2048, 2), (2048 + 512, 3), (64 << 10, 64)] {
        let meter = Meter::new();
        let source = Arc::new(Metered::new(two_gib(size, stride), meter.clone()));
        let disk = OpenOptions::new().open_disk(source).unwrap();
        let opened = (meter.reads(), meter.bytes());
        assert!(opened.0 <= 12 && opened.1 <= 2 << 20, "{opened:?}");
        let extents: Vec<_> = disk.extents(0..size).map(|e| e.unwrap()).collect();
        assert_eq!(extents.len(), 1);
        let mapped = meter.reads() - opened.0;
        assert!(mapped <= most, "{mapped} requests to map");
        // Grains that lie side by side are read at once.
        let before = meter.reads();
        disk.read_exact_at(&mut vec![0; 8 << 20], 100).unwrap();
        assert!(meter.reads() - before <= 2, "{}", meter.reads() - before);
    }
    let built = Builder::stream(&sample_disk(40 << 20)).build();
    let meter = Meter::new();
    let source = Arc::new(Metered::new(built.bytes, meter.clone()));
    let _disk = OpenOptions::new().open_disk(source).unwrap();
    assert!(meter.reads() <= 12 && meter.bytes() <= 2 << 20);
    // Two descriptors' worth of extents: a header and a directory each.
    let mut files = Files::default();
    let meter = Meter::new();
    let mut lines = Vec::new();
    for number in 0..3 {
        let name = format!("d-s{number:03}.vmdk");
        let disk = Metered::new(extent(&sample_disk(4096)), meter.clone());
        files.add(&name, Arc::new(disk));
        lines.push(format!("RW 8 SPARSE \"{name}\""));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let text = descriptor_file("twoGbMaxExtentSparse", &lines);
    open_in(&Arc::new(files), text.as_bytes()).unwrap();
    assert!(meter.reads() <= 9, "{}", meter.reads());
}

#[test]
fn bombs_cost_nothing() {
    let limits = Limits::default().with_memory(1 << 20);
    let options = OpenOptions::new().limits(limits);
    // Extents of 16 EiB in grains of 4 KiB, directories of 2^32 entries: files that do not have them.
    let mut sparse = extent(&[1; 4096]);
    for capacity in [u64::MAX, u64::MAX / 512, 1 << 37, 1 << 36] {
        sparse[12..20].copy_from_slice(&capacity.to_le_bytes());
        sparse[44..48].copy_from_slice(&1u32.to_le_bytes());
        let files = Arc::new(Files::of([("d", sparse.clone())]));
        let text = descriptor_file("custom", &["RW 8 SPARSE \"d\""]);
        let options = with(&files).limits(limits);
        let error = vmdk::open(Arc::new(text.into_bytes()), &options).unwrap_err();
        assert!(
            matches!(
                error.cause(),
                Cause::VmdkCapacity | Cause::Limit | Cause::VmdkOffset
            ),
            "{error}"
        );
    }
    // A file that has room for the directory, of 4 GiB: the account has not.
    let mut head = sparse.clone();
    head.truncate(512);
    head[12..20].copy_from_slice(&(1u64 << 33).to_le_bytes());
    head[44..48].copy_from_slice(&1u32.to_le_bytes());
    let len = 1 << 45;
    let holey = Arc::new(Holey {
        len,
        parts: vec![(0, head)],
    });
    let mut files = Files::default();
    files.add("d", holey);
    let text = descriptor_file("custom", &["RW 8 SPARSE \"d\""]);
    let options_in = with(&Arc::new(files)).limits(limits);
    let error = vmdk::open(Arc::new(text.into_bytes()), &options_in).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    // The same for the others.
    let mut bytes = sesparse(&[1; 4096], 1, false);
    bytes[16..24].copy_from_slice(&(1u64 << 36).to_le_bytes());
    bytes[136..144].copy_from_slice(&u64::MAX.to_le_bytes());
    let error = vmdk::open(Arc::new(bytes), &options).unwrap_err();
    assert_eq!(error.cause(), Cause::VmdkOffset);
    let mut bytes = cowd(&[1; 4096], 1);
    bytes[12..16].fill(0xff);
    bytes[24..28].fill(0xff);
    let error = vmdk::open(Arc::new(bytes), &options).unwrap_err();
    assert_eq!(error.cause(), Cause::VmdkOffset);
}

#[test]
fn memory_of_many_extents_is_bounded_and_given_back() {
    let disk = sample_disk(64 << 10);
    let budget = Budget::new(Limits::default().with_memory(768 << 10));
    let mut files = Files::default();
    let mut lines = Vec::new();
    let mut want = Vec::new();
    for number in 0..40 {
        let name = format!("s{number}");
        let file: Vec<u8> = if number % 2 == 0 {
            Builder::sparse(&disk).descriptor(None).build().bytes
        } else {
            Builder::stream(&disk).build().bytes
        };
        files.add(&name, Arc::new(file));
        lines.push(format!("RW 128 SPARSE \"{name}\""));
        want.extend_from_slice(&disk);
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let text = descriptor_file("custom", &lines);
    let options = with(&Arc::new(files)).charged_to(&budget);
    let image = vmdk::open(Arc::new(text.into_bytes()), &options).unwrap();
    conformance::read_at(&image, &want);
    drop(image);
    assert_eq!(budget.memory_used(), 0);
}
