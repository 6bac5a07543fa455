//! Every format that is written is read back the same, from a file and from a pipe.
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

mod damage;

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use vmie_formats::{
    CancelToken, Cause, ConvertOptions, DiskImage, Extent, ExtentKind, Journal, Machine,
    OpenOptions, Opened, ReadAt, ReadAtExt, ReadError, Report, Stamp, Target, WriteAt, Zeroes,
    check, convert, convert_resumable, convert_to_stream,
};
use vmie_io::{Budget, ErrorKind, Overlay};
use vmie_testkit::conformance;

/// A file in memory that can be written at any offset.
#[derive(Default)]
struct Memory {
    bytes: Mutex<Vec<u8>>,
    /// Writes beyond this length fail.
    room: Option<u64>,
}

impl WriteAt for Memory {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
        let end = offset + buf.len() as u64;
        if self.room.is_some_and(|room| end > room) {
            return Err(ReadError::new("memory", ErrorKind::Io, offset));
        }
        let mut bytes = self.bytes.lock().unwrap();
        let at = offset as usize;
        if bytes.len() < end as usize {
            bytes.resize(end as usize, 0);
        }
        bytes[at..end as usize].copy_from_slice(buf);
        Ok(())
    }
    fn set_len(&self, len: u64) -> Result<(), ReadError> {
        self.bytes.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }
    fn write_zeroes_at(&self, offset: u64, len: u64) -> Result<(), ReadError> {
        self.write_all_at(&vec![0; len as usize], offset)
    }
    fn sync(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

fn options(target: Target) -> ConvertOptions {
    let mut stamp = Stamp::default();
    stamp.id = [0x5a; 16];
    stamp.time = 1_790_000_000;
    ConvertOptions::new().target(target).stamp(stamp)
}

fn write(disk: &dyn ReadAt, options: &ConvertOptions) -> (Vec<u8>, Report) {
    let sink = Memory::default();
    let report = convert(disk, &sink, options, &(), &CancelToken::new()).unwrap();
    let bytes = sink.bytes.into_inner().unwrap();
    assert_eq!(report.file_bytes, bytes.len() as u64);
    assert_eq!(report.bytes, disk.len());
    (bytes, report)
}

fn pipe(disk: &dyn ReadAt, options: &ConvertOptions) -> Vec<u8> {
    let mut out = Vec::new();
    let report = convert_to_stream(disk, &mut out, options, &(), &CancelToken::new()).unwrap();
    assert_eq!(report.file_bytes, out.len() as u64);
    out
}

fn open(bytes: &[u8], target: Target) -> Box<dyn DiskImage> {
    let disk = OpenOptions::new()
        .format(Some(target.format()))
        .open_disk(Arc::new(bytes.to_vec()))
        .unwrap();
    assert_eq!(disk.info().format, target.format());
    if !matches!(target, Target::Raw | Target::Qcow2) {
        assert_eq!(disk.info().variant.unwrap().name(), target.subformat());
    }
    disk
}

/// Data, zeroes that were written, and noise, over several blocks of every format.
fn sample(len: usize) -> Vec<u8> {
    let mut disk = vec![0u8; len];
    let mut state = 7u64;
    let mut at = 0;
    while at < len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let n = ((state >> 40) as usize % 300_000 + 1).min(len - at);
        match (state >> 33) % 4 {
            0 | 1 => {}
            2 => disk[at..at + n].fill(0x41),
            _ => {
                for byte in &mut disk[at..at + n] {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    *byte = state as u8;
                }
            }
        }
        at += n;
    }
    disk
}

#[test]
fn every_target_is_read_back_the_same() {
    for target in Target::ALL {
        for len in [512, 4096, 65_536, 1_000_448, (5 << 20) + 512] {
            let disk = sample(len);
            let (file, report) = write(&disk, &options(target));
            assert!(report.sha256.is_some());
            let back = open(&file, target);
            let mut out = vec![0xa5; disk.len()];
            back.read_exact_at(&mut out, 0).unwrap();
            assert!(out == disk, "{target} of {len}");
            if len < 1 << 20 {
                conformance::read_at(&back, &disk);
            }
            let piped = pipe(&disk, &options(target));
            open(&piped, target).read_exact_at(&mut out, 0).unwrap();
            assert!(out == disk, "{target} of {len} through a pipe");
        }
    }
}

#[test]
fn the_same_disk_gives_the_same_stream_whatever_the_threads() {
    let disk = sample(9 << 20);
    let target = options(Target::VmdkStreamOptimized);
    let one = write(&disk, &target.clone().threads(std::num::NonZero::new(1))).0;
    let many = write(&disk, &target.clone().threads(std::num::NonZero::new(7))).0;
    assert!(one == many);
    assert!(one == pipe(&disk, &target));
}

/// 3 TiB with data in a few places; reading what is not data fails.
struct Huge(u64, Vec<u64>);

impl ReadAt for Huge {
    fn len(&self) -> u64 {
        self.0
    }
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        for (index, byte) in buf.iter_mut().enumerate() {
            let at = offset + index as u64;
            *byte = u8::from(
                self.1
                    .iter()
                    .any(|start| (*start..*start + 5000).contains(&at)),
            );
        }
        Ok(())
    }
    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        for start in &self.1 {
            if offset < *start {
                return Ok(Extent::new(ExtentKind::Hole, offset, start - offset));
            }
            if offset < start + 5000 {
                return Ok(Extent::new(ExtentKind::Data, offset, start + 5000 - offset));
            }
        }
        Ok(Extent::new(
            ExtentKind::Hole,
            offset,
            self.0.saturating_sub(offset),
        ))
    }
}

#[test]
fn a_huge_sparse_disk_takes_what_its_data_take() {
    let folder = tempfile::tempdir().unwrap();
    for target in Target::ALL {
        let vhd = target.format() == vmie_formats::Format::Vhd;
        let size = if vhd { 2040 << 30 } else { 3 << 40 };
        let disk = Huge(size, vec![0, 123_456_789, (1 << 40) + 512, size - 5000]);
        let path = folder.path().join("disk");
        let sink = vmie_io::FileSink::create_new(&path).unwrap();
        let quick = options(target).digest(false);
        let report = convert(&disk, &sink, &quick, &(), &CancelToken::new()).unwrap();
        assert!(report.data_bytes_written <= 8 << 20);
        let file = Arc::new(vmie_io::FileSource::open(&path).unwrap());
        let back = OpenOptions::new()
            .format(Some(target.format()))
            .open_disk(file)
            .unwrap();
        assert_eq!(back.len(), size);
        for start in &disk.1 {
            let mut part = [0; 5000];
            back.read_exact_at(&mut part, *start).unwrap();
            assert_eq!(part, [1; 5000], "{target} at {start}");
        }
        if target != Target::VhdFixed && target != Target::Raw && target != Target::VhdxFixed {
            assert!(back.allocated().unwrap() <= 64 << 20, "{target}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn what_a_format_cannot_hold_is_refused() {
    for (target, size) in [
        (Target::VhdFixed, (2040u64 << 30) + 1),
        (Target::VhdDynamic, 3 << 40),
        (Target::VhdxDynamic, (64 << 40) + 1),
    ] {
        let disk = Huge(size, Vec::new());
        let sink = Memory::default();
        let error = convert(&disk, &sink, &options(target), &(), &CancelToken::new()).unwrap_err();
        assert_eq!(error.cause(), Cause::TargetTooLarge, "{target}");
    }
    let mut stamp = Stamp::default();
    stamp.adapter = "x\"\nRW 1 FLAT \"/etc/passwd\"".to_owned();
    let injected = ConvertOptions::new()
        .target(Target::VmdkStreamOptimized)
        .stamp(stamp);
    let error = convert(
        &vec![1u8; 512],
        &Memory::default(),
        &injected,
        &(),
        &CancelToken::new(),
    );
    assert_eq!(error.unwrap_err().cause(), Cause::VmdkDescriptor);
}

#[test]
fn a_sink_that_is_full_and_a_source_that_breaks_are_told_apart() {
    let disk = sample(3 << 20);
    for target in Target::ALL {
        for room in [0, 1000, 100_000, 1 << 20] {
            let sink = Memory {
                room: Some(room),
                ..Memory::default()
            };
            let result = convert(&disk, &sink, &options(target), &(), &CancelToken::new());
            assert_eq!(
                result.unwrap_err().cause(),
                Cause::Write,
                "{target}, {room}"
            );
        }
        for bad in [0, 700_000, 2 << 20] {
            let broken = Broken(disk.clone(), bad);
            let sink = Memory::default();
            let result = convert(&broken, &sink, &options(target), &(), &CancelToken::new());
            assert_eq!(result.unwrap_err().cause(), Cause::Read, "{target}, {bad}");
            let out = convert_to_stream(
                &broken,
                std::io::sink(),
                &options(target),
                &(),
                &CancelToken::new(),
            );
            assert_eq!(out.unwrap_err().cause(), Cause::Read, "{target}, {bad}");
        }
        let stop = CancelToken::new();
        stop.cancel();
        let result = convert(&disk, &Memory::default(), &options(target), &(), &stop);
        assert_eq!(result.unwrap_err().cause(), Cause::Cancelled, "{target}");
        let result = convert_to_stream(&disk, std::io::sink(), &options(target), &(), &stop);
        assert_eq!(result.unwrap_err().cause(), Cause::Cancelled, "{target}");
    }
}

/// A disk of which one byte cannot be read.
struct Broken(Vec<u8>, u64);

impl ReadAt for Broken {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        if (offset..offset + buf.len() as u64).contains(&self.1) {
            return Err(ReadError::new("broken", ErrorKind::Io, self.1));
        }
        self.0.read_exact_at(buf, offset)
    }
}

#[test]
fn higher_levels_are_smaller_and_noise_costs_little() {
    let text: Vec<u8> = (0..400_000u64)
        .flat_map(|i| (i * i % 9973).to_string().into_bytes())
        .collect();
    let size = |level| {
        write(
            &text,
            &options(Target::VmdkStreamOptimized).level(Some(level)),
        )
        .0
        .len()
    };
    if cfg!(feature = "libdeflate") {
        assert!(size(1) >= size(6) && size(6) >= size(9) && size(9) >= size(12));
    } else {
        // zlib's strategies differ by level, so that a higher one may lose on such a text.
        assert!(size(9) < text.len());
    }
    let mut noise = vec![0u8; 2 << 20];
    let mut state = 3u64;
    for byte in &mut noise {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = (state >> 24) as u8;
    }
    let stored = write(&noise, &options(Target::VmdkStreamOptimized)).0.len();
    assert!(
        stored < noise.len() + noise.len() / 50 + (128 << 10),
        "{stored}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_extents_are_kept(
        parts in proptest::collection::vec((0u64..6_000_000, 1usize..300_000, any::<u8>()), 0..12),
        which in 0usize..8,
        size in 1u64..12_000,
    ) {
        let size = size * 512;
        let target = Target::ALL[which];
        let blank = Holes(size);
        let disk = Overlay::new(&blank, Budget::default());
        let mut model = vec![0u8; size as usize];
        for (start, len, byte) in parts {
            let start = start % size;
            let len = len.min((size - start) as usize);
            disk.write_all_at(&vec![byte; len], start).unwrap();
            model[start as usize..start as usize + len].fill(byte);
        }
        let (file, _) = write(&disk, &options(target));
        let mut out = vec![0xa5; model.len()];
        open(&file, target).read_exact_at(&mut out, 0).unwrap();
        prop_assert!(out == model);
        open(&pipe(&disk, &options(target)), target).read_exact_at(&mut out, 0).unwrap();
        prop_assert!(out == model);
    }
}

struct Holes(u64);

impl ReadAt for Holes {
    fn len(&self) -> u64 {
        self.0
    }
    fn read_exact_at(&self, buf: &mut [u8], _: u64) -> Result<(), ReadError> {
        buf.fill(0);
        Ok(())
    }
    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        Ok(Extent::new(
            ExtentKind::Hole,
            offset,
            self.0.saturating_sub(offset),
        ))
    }
}

#[test]
fn the_blank_disk_is_all_hole() {
    let (file, _) = write(&Holes(40 << 20), &options(Target::Qcow2));
    let back = open(&file, Target::Qcow2);
    let extents: Vec<_> = back.extents(0..back.len()).map(Result::unwrap).collect();
    assert_eq!(extents, [Extent::new(ExtentKind::Hole, 0, 40 << 20)]);
}

#[test]
fn an_appliance_is_read_back_the_same_from_a_file_and_from_a_pipe() {
    for len in [512, 65_536, (3 << 20) + 512] {
        let disk = sample(len);
        let mut machine = Machine::default();
        machine.name = "web & more".to_owned();
        let options = options(Target::Ova).machine(machine).file_digest(true);
        let (file, report) = write(&disk, &options);
        assert!(file == pipe(&disk, &options));
        assert_eq!(file.len() % 10_240, 0);
        let Opened::Appliance(appliance) = OpenOptions::new().open(Arc::new(file)).unwrap() else {
            panic!("it is no appliance");
        };
        let names: Vec<_> = appliance
            .members()
            .iter()
            .map(|m| m.name.as_str())
            .collect();
        assert_eq!(
            names,
            ["web___more.ovf", "web___more.mf", "web___more-disk1.vmdk"]
        );
        assert_eq!(appliance.disks()[0].capacity, Some(len as u64));
        let checked = appliance.verify(&(), &CancelToken::new()).unwrap();
        checked.ensure().unwrap();
        let mut out = vec![0xa5; len];
        let back = appliance.open_disk(0).unwrap();
        back.read_exact_at(&mut out, 0).unwrap();
        assert!(out == disk);
        assert!(report.sha256.is_some());
    }
}

/// Keeps every state, and breaks the sink after some more writes than it lets through.
struct Breaking<'a> {
    sink: &'a Fused,
    kept: Mutex<Option<Vec<u8>>>,
    saves: Mutex<u32>,
}

impl Journal for Breaking<'_> {
    fn due(&self) -> bool {
        true
    }
    fn save(&self, state: &[u8]) -> Result<(), ReadError> {
        let mut saves = self.saves.lock().unwrap();
        if *saves > 0 {
            *self.kept.lock().unwrap() = Some(state.to_vec());
            *saves -= 1;
            if *saves == 0 {
                *self.sink.left.lock().unwrap() = Some(2);
            }
        }
        Ok(())
    }
}

/// A file in memory that takes so many more writes, as that of a process that is about to be killed.
#[derive(Default)]
struct Fused {
    memory: Memory,
    left: Mutex<Option<u32>>,
}

impl WriteAt for Fused {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
        if let Some(left) = &mut *self.left.lock().unwrap() {
            *left = left
                .checked_sub(1)
                .ok_or_else(|| ReadError::new("memory", ErrorKind::Io, offset))?;
        }
        self.memory.write_all_at(buf, offset)
    }
    fn set_len(&self, len: u64) -> Result<(), ReadError> {
        self.memory.set_len(len)
    }
    fn write_zeroes_at(&self, offset: u64, len: u64) -> Result<(), ReadError> {
        self.memory.write_zeroes_at(offset, len)
    }
    fn sync(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

#[test]
fn a_conversion_that_is_killed_goes_on() {
    let disk = sample(5 << 20);
    for target in Target::ALL {
        for saves in [1, 4] {
            // Another run has another id, and takes over the first one's.
            let options = || ConvertOptions::new().target(target).file_digest(true);
            let sink = Fused::default();
            let journal = Breaking {
                sink: &sink,
                kept: Mutex::default(),
                saves: Mutex::new(saves),
            };
            let stop = CancelToken::new();
            let done = convert_resumable(&disk, &sink, &options(), (&journal, None), &(), &stop);
            assert_eq!(done.unwrap_err().cause(), Cause::Write, "{target}, {saves}");
            let state = journal.kept.lock().unwrap().take();
            assert!(state.is_some());
            *sink.left.lock().unwrap() = None;
            let resume: (&dyn Journal, _) = (&(), state.as_deref());
            let report = convert_resumable(&disk, &sink, &options(), resume, &(), &stop).unwrap();
            // The first state may be from before the first piece.
            assert!(
                report.resumed_at.is_some() || saves == 1,
                "{target}, {saves}"
            );
            assert_eq!(report.sha256, Some(Sha256::digest(&disk).into()));
            let file = sink.memory.bytes.into_inner().unwrap();
            if let Some(sha256) = report.file_sha256 {
                assert_eq!(sha256, <[u8; 32]>::from(Sha256::digest(&file)), "{target}");
            }
            let mut out = vec![0xa5; disk.len()];
            open(&file, target).read_exact_at(&mut out, 0).unwrap();
            assert!(out == disk, "{target}, {saves}");
            let checked = check(Arc::new(file), &OpenOptions::new(), false, &(), &stop);
            match checked {
                Ok(found) => assert_eq!(found.problems, [], "{target}, {saves}"),
                Err(error) => assert_eq!(error.cause(), Cause::NothingToCheck, "{target}"),
            }
        }
    }
}

#[test]
fn a_source_that_breaks_at_any_place_is_told_with_that_place() {
    let disk = sample(2 << 20);
    for target in [Target::Raw, Target::VmdkStreamOptimized] {
        for bad in (0..2 << 20).step_by(64 << 10) {
            let broken = Broken(disk.clone(), bad);
            let cancel = CancelToken::new();
            let sink = Memory::default();
            let done = convert(&broken, &sink, &options(target), &(), &cancel);
            let error = done.unwrap_err();
            assert_eq!((error.cause(), error.offset()), (Cause::Read, Some(bad)));
            let done = convert_to_stream(&broken, Vec::new(), &options(target), &(), &cancel);
            assert_eq!(done.unwrap_err().offset(), Some(bad), "{target}");
        }
    }
}

#[test]
fn zeroes_are_left_out_written_or_punched() {
    let disk = sample(2 << 20);
    let plain = options(Target::Raw);
    for zeroes in [Zeroes::Write, Zeroes::Punch] {
        let sink = Memory::default();
        if zeroes == Zeroes::Punch {
            // What was there before must not show.
            sink.write_all_at(&vec![0xee; disk.len()], 0).unwrap();
        }
        let options = plain.clone().zeroes(zeroes);
        convert(&disk, &sink, &options, &(), &CancelToken::new()).unwrap();
        assert!(sink.bytes.into_inner().unwrap() == disk, "{zeroes:?}");
    }
}

/// The other end of a pipe that has gone.
struct Closed(usize);

impl std::io::Write for Closed {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let n = buf.len().min(self.0);
        self.0 -= n;
        match n {
            0 => Err(std::io::ErrorKind::BrokenPipe.into()),
            n => Ok(n),
        }
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_pipe_that_is_closed_early_is_told() {
    let disk = sample(2 << 20);
    for target in Target::ALL.into_iter().chain([Target::Ova]) {
        for room in [0, 1000, 300_000] {
            let cancel = CancelToken::new();
            let done = convert_to_stream(&disk, Closed(room), &options(target), &(), &cancel);
            assert_eq!(done.unwrap_err().cause(), Cause::SinkClosed, "{target}");
        }
    }
}
