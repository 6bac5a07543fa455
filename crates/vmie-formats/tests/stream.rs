//! Images that come by once: what a pipe gives is what reading at offsets gives.
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

use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex};

use vmie_formats::stream::{self, End, Event, Start};
use vmie_formats::{
    CancelToken, Cause, DiskImage, Error, Extent, ExtentKind, Format, Limits, OpenOptions, Opened,
    ReadAtExt as _, ReadError, Variant, WriteAt, error_of,
};
use vmie_testkit::ova::{self, Style, Tar, descriptor};
use vmie_testkit::vmdk::sample_disk;
use vmie_testkit::{qcow2, vdi, vhd, vhdx, vmdk};

/// A reader that gives little at a time and cannot be asked for more.
struct Drip(Cursor<Vec<u8>>, usize);

impl Read for Drip {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 % 4093 + 61;
        let n = buf.len().min(self.1);
        self.0.read(&mut buf[..n])
    }
}

#[derive(Default)]
struct Passed {
    start: Start,
    bytes: Vec<u8>,
    extents: Vec<Extent>,
    end: Option<End>,
}

/// What came by, and the error that ended it, if there was one.
fn pass(bytes: &[u8], options: &OpenOptions) -> (Vec<Passed>, Option<Error>) {
    let mut disks: Vec<Passed> = Vec::new();
    let reader = Drip(Cursor::new(bytes.to_vec()), 7);
    let mut stream = match stream::open(reader, options) {
        Ok(stream) => stream,
        Err(error) => return (disks, Some(error)),
    };
    loop {
        match stream.next_event() {
            Err(error) => {
                assert!(stream.next_event().expect("it is over").is_none());
                return (disks, Some(error));
            }
            Ok(None) => return (disks, None),
            Ok(Some(Event::Start(start))) => disks.push(Passed {
                start,
                ..Passed::default()
            }),
            Ok(Some(Event::Piece(piece))) => {
                let disk = disks.last_mut().unwrap();
                let end = (piece.offset + piece.len) as usize;
                if piece.kind == ExtentKind::Data {
                    assert_eq!(piece.data.len() as u64, piece.len);
                    if disk.bytes.len() < end {
                        disk.bytes.resize(end, 0);
                    }
                    disk.bytes[piece.offset as usize..end].copy_from_slice(piece.data);
                }
                disk.extents
                    .push(Extent::new(piece.kind, piece.offset, piece.len));
            }
            Ok(Some(Event::End(end))) => disks.last_mut().unwrap().end = Some(end),
            Ok(Some(_)) => panic!("an unknown event"),
        }
    }
}

/// Neighbours of one kind joined, in the order of the disk.
fn joined(mut extents: Vec<Extent>) -> Vec<Extent> {
    extents.sort_by_key(|extent| extent.start);
    let mut out: Vec<Extent> = Vec::new();
    for extent in extents {
        match out.last_mut() {
            Some(last) if last.kind == extent.kind && last.end() == extent.start => {
                last.len += extent.len;
            }
            last => {
                assert!(
                    last.is_none_or(|last| last.end() <= extent.start),
                    "overlap"
                );
                out.push(extent);
            }
        }
    }
    out
}

fn compare(passed: Passed, disk: &dyn DiskImage) {
    let end = passed.end.expect("an end");
    assert!(end.fault.is_none());
    let info = disk.info();
    assert_eq!(
        (end.format, end.variant, end.virtual_size),
        (info.format, info.variant, info.virtual_size)
    );
    if let Some(size) = passed.start.virtual_size {
        assert_eq!(size, info.virtual_size);
        assert_eq!(passed.start.block_size, info.block_size);
        assert_eq!(passed.start.format, Some(info.format));
    }
    let mut bytes = passed.bytes;
    bytes.resize(info.virtual_size as usize, 0);
    let mut expected = vec![0xa5; info.virtual_size as usize];
    disk.read_exact_at(&mut expected, 0).unwrap();
    assert!(bytes == expected, "other bytes");
    let known: Vec<Extent> = disk.extents(0..disk.len()).map(Result::unwrap).collect();
    let came = joined(passed.extents);
    if end.format == Format::Vmdk {
        // The tables, which tell zeroes from holes, are passed over.
        let data = |all: Vec<Extent>| {
            let mut all = all;
            all.retain(|extent| extent.kind == ExtentKind::Data);
            all
        };
        assert_eq!(data(came), data(known));
    } else if end.format != Format::Raw {
        assert_eq!(came, known);
    }
}

/// Reads an image both ways.
fn same(bytes: &[u8]) {
    let options = OpenOptions::new();
    let (passed, error) = pass(bytes, &options);
    assert!(error.is_none(), "{error:?}");
    match options.open(Arc::new(bytes.to_vec())).unwrap() {
        Opened::Disk(disk) => {
            let [passed] = passed.try_into().ok().expect("one disk");
            assert_eq!((passed.start.number, passed.start.count), (0, 1));
            compare(passed, &*disk);
        }
        Opened::Appliance(appliance) => {
            assert_eq!(passed.len(), appliance.disks().len());
            for disk in passed {
                let number = disk.start.number;
                assert_eq!(disk.start.count, appliance.disks().len());
                assert_eq!(disk.start.member, appliance.disks()[number].member);
                compare(disk, &*appliance.open_disk(number).unwrap());
            }
        }
    }
}

fn refuse(bytes: &[u8]) -> (Cause, Option<u64>) {
    let error = pass(bytes, &OpenOptions::new()).1.expect("an error");
    (error.cause(), error.offset())
}

/// A disk with data, zeroes and data.
fn spread(len: usize) -> Vec<u8> {
    let mut disk = sample_disk(len);
    disk[len / 4..len / 2].fill(0);
    disk
}

#[test]
fn plain_disks_are_told_apart_at_their_end() {
    for len in [
        0,
        1,
        511,
        512,
        513,
        65_536,
        1 << 20,
        (1 << 20) + 512,
        3 << 20,
    ] {
        same(&sample_disk(len.max(1))[..len]);
    }
    for len in [512, 20_480, 65_536 - 512, 1 << 20, (1 << 20) + 512] {
        let builder = vhd::Builder::fixed(&sample_disk(len));
        same(&builder.build().bytes);
        same(&builder.clone().short_footer().build().bytes);
        same(&builder.current_size(len as u64 - 512 + 512).build().bytes);
    }
    // Whoever says that it is raw gets the footer, too.
    let bytes = vhd::Builder::fixed(&sample_disk(2048)).build().bytes;
    let options = OpenOptions::new().format(Some(Format::Raw));
    let (disks, error) = pass(&bytes, &options);
    assert!(error.is_none());
    assert_eq!(disks[0].bytes, bytes);
    let options = options.format(Some(Format::Vhd));
    let (disks, error) = pass(&bytes, &options);
    assert!(error.is_none());
    assert_eq!(disks[0].start.variant, Some(Variant::VhdFixed));
    let (_, error) = pass(&bytes[..2000], &options);
    assert_eq!(error.unwrap().cause(), Cause::WrongFormat);
}

#[test]
fn disks_in_blocks_come_by_in_the_order_of_their_files() {
    for builder in [
        vhd::Builder::dynamic(&spread(20_000)),
        vhd::Builder::dynamic(&spread(3 << 20)).block_bytes(64 << 10),
        vhd::Builder::dynamic(&spread(300_000))
            .block_bytes(8192)
            .reverse(),
        vhd::Builder::dynamic(&spread(60_000)).no_end(),
        vhd::Builder::dynamic(&spread(60_000)).short_footer(),
    ] {
        same(&builder.build().bytes);
    }
    for builder in [
        vhdx::Builder::dynamic(&spread(20_000)),
        vhdx::Builder::dynamic(&spread((5 << 20) + 512)).block_mib(1),
        vhdx::Builder::fixed(&spread(3 << 20)),
        vhdx::Builder::dynamic(&spread(4 << 20))
            .block_mib(1)
            .reverse(),
        vhdx::Builder::dynamic(&spread(4 << 20))
            .block_mib(1)
            .sector(4096),
        vhdx::Builder::dynamic(&spread(3 << 20)).block_mib(1).log(),
    ] {
        same(&builder.build());
    }
    let disk = vdi::Builder::new(5 << 20)
        .block(3, &sample_disk(1 << 20))
        .zero(1)
        .block(0, &sample_disk(1 << 20));
    same(&disk.build());
}

#[test]
fn grains_come_by() {
    for at_end in [false, true] {
        let builder = vmdk::Builder::stream(&spread(300_000)).directory_at_end(at_end);
        same(&builder.grain_sectors(8).entries(4).build().bytes);
    }
}

#[test]
fn members_come_by_in_their_order() {
    let disks = [50_000, 9000].map(|len| {
        let builder = vmdk::Builder::stream(&spread(len)).grain_sectors(8);
        (builder.build().bytes, len)
    });
    let archive = ova::ova(&disks, None);
    same(&archive);
    let [(first, first_len), (second, second_len)] = disks;
    let stated = [
        ova::Disk::new("disk1.vmdk", first.len(), first_len),
        ova::Disk::new("disk2.vmdk", second.len(), second_len),
    ];
    let text = descriptor(&stated, None);
    for style in [Style::Ustar, Style::Gnu, Style::Pax] {
        let tar = Tar::new(style)
            .file("box.ovf", text.as_bytes())
            .file("box.nvram", &[3; 5000])
            .file("disk2.vmdk", &second)
            .file("box.mf", b"")
            .file("disk1.vmdk", &first);
        // The blocks of zeroes at the end may be missing.
        same(&tar.unfinished());
    }
    // Before the descriptor, nobody can tell what a file is.
    let tar = Tar::new(Style::Ustar).file("box.mf", b"");
    let at = tar.position() as u64;
    let tar = tar
        .file("disk1.vmdk", &first)
        .file("box.ovf", text.as_bytes());
    assert_eq!(refuse(&tar.finish()), (Cause::NotStreamable, Some(at)));
    let tar = Tar::new(Style::Ustar)
        .file("box.ovf", text.as_bytes())
        .file("disk1.vmdk", &first);
    let bytes = tar.finish();
    assert_eq!(refuse(&bytes).0, Cause::MemberMissing);
    let cut = bytes.len() - 1024 - 700;
    assert_eq!(refuse(&bytes[..cut]).0, Cause::TarTruncated);
    let packed = text.replace("disk1.vmdk\"", "disk1.vmdk\" ovf:compression=\"gzip\"");
    let tar = Tar::new(Style::Ustar).file("box.ovf", packed.as_bytes());
    assert_eq!(refuse(&tar.finish()).0, Cause::NotStreamable);
    assert_eq!(
        refuse(&Tar::new(Style::Ustar).file("a.mf", b"").finish()).0,
        Cause::OvfMissing
    );
}

#[test]
fn chunks_come_by_as_the_file_that_they_were() {
    let len = 50_000;
    let file = vmdk::Builder::stream(&spread(len))
        .grain_sectors(8)
        .build()
        .bytes;
    let mut stated = ova::Disk::new("disk1.vmdk", file.len(), len);
    let size = file.len() / 3;
    stated.file_attributes = format!("ovf:chunkSize=\"{size}\"");
    let text = descriptor(&[stated], None);
    let mut tar = Tar::new(Style::Ustar).file("box.ovf", text.as_bytes());
    for (index, chunk) in file.chunks(size).enumerate() {
        tar = tar.file(&format!("disk1.vmdk.{index:09}"), chunk);
    }
    let bytes = tar.file("box.nvram", &[1; 700]).finish();
    let (passed, error) = pass(&bytes, &OpenOptions::new());
    assert!(error.is_none(), "{error:?}");
    let Opened::Appliance(appliance) = OpenOptions::new().open(Arc::new(bytes)).unwrap() else {
        panic!("no appliance");
    };
    let [passed] = passed.try_into().ok().expect("one disk");
    compare(passed, &*appliance.open_disk(0).unwrap());
}

#[test]
fn what_cannot_be_read_so_says_so_where_it_shows() {
    let disk = sample_disk(70_000);
    let sparse = vmdk::Builder::sparse(&disk).build().bytes;
    assert_eq!(refuse(&sparse), (Cause::NotStreamable, Some(8)));
    let text = vmdk::descriptor_file("monolithicFlat", &["RW 137 FLAT \"x-flat.vmdk\" 0"]);
    assert_eq!(refuse(text.as_bytes()), (Cause::NotStreamable, Some(0)));
    let file = qcow2::Builder::new(1 << 20).build();
    assert_eq!(refuse(&file), (Cause::NotStreamable, Some(0)));
    assert_eq!(refuse(&[0x1f, 0x8b, 8, 0, 0]).0, Cause::CompressedFile);
    // The table of the blocks lies too far behind.
    let built = vhd::Builder::dynamic(&disk).build();
    let mut bytes = built.bytes.clone();
    bytes[built.header + 16..built.header + 24].copy_from_slice(&(1u64 << 40).to_be_bytes());
    vhd::fix(&mut bytes[built.header..built.header + 1024], 36);
    // The end of the file is not in sight.
    bytes.resize(bytes.len() + (1 << 20), 0);
    assert_eq!(refuse(&bytes).0, Cause::NotStreamable);
    // Another footer at the end than at the start: the one at the end would have counted.
    let mut bytes = built.bytes.clone();
    bytes[built.footer + 48..built.footer + 56].copy_from_slice(&1024u64.to_be_bytes());
    vhd::fix(&mut bytes[built.footer..built.footer + 512], 64);
    assert_eq!(
        refuse(&bytes),
        (Cause::NotStreamable, Some(built.footer as u64))
    );
    // Nothing at the start, and at the end the footer of a dynamic disk.
    let bytes = vhd::Builder::dynamic(&disk).no_start().build();
    assert_eq!(
        refuse(&bytes.bytes),
        (Cause::NotStreamable, Some(bytes.footer as u64 + 60))
    );
}

/// What comes by before a cut is what would have come by without it.
#[test]
fn a_stream_that_is_cut_off_gives_what_was_before() {
    let disk = spread(20_480);
    let stream = vmdk::Builder::stream(&disk).grain_sectors(8).build().bytes;
    let archive = ova::ova(&[(stream.clone(), disk.len())], None);
    let files = [
        (stream, 11),
        (archive, 101),
        (
            vhd::Builder::dynamic(&disk).block_bytes(4096).build().bytes,
            101,
        ),
        (vhd::Builder::fixed(&disk).build().bytes, 101),
        (
            vdi::Builder::new(4096)
                .block_size(4096, 0)
                .block(0, &disk[..4096])
                .build(),
            31,
        ),
        (vhdx::Builder::dynamic(&disk).build(), 200_003),
    ];
    for (file, step) in files {
        for cut in (0..file.len()).step_by(step) {
            let (disks, _) = pass(&file[..cut], &OpenOptions::new());
            for passed in disks.iter().filter(|passed| passed.start.format.is_some()) {
                for extent in &passed.extents {
                    let (from, to) = (extent.start as usize, extent.end() as usize);
                    if extent.kind == ExtentKind::Data {
                        let to = to.min(disk.len());
                        assert!(passed.bytes[from..to] == disk[from..to], "{cut}");
                    }
                }
            }
        }
    }
}

struct Sink(Mutex<Vec<u8>>);

impl WriteAt for Sink {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
        let mut bytes = self.0.lock().unwrap();
        let end = offset as usize + buf.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset as usize..end].copy_from_slice(buf);
        Ok(())
    }
    fn set_len(&self, len: u64) -> Result<(), ReadError> {
        self.0.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }
    fn write_zeroes_at(&self, _: u64, _: u64) -> Result<(), ReadError> {
        Ok(())
    }
    fn sync(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

#[test]
fn a_disk_is_written_as_it_comes_by() {
    let write = |bytes: &[u8], number| {
        let sink = Sink(Mutex::new(vec![9; 10]));
        let mut stream = stream::open(Cursor::new(bytes.to_vec()), &OpenOptions::new()).unwrap();
        let written = stream.write_raw(number, &sink, &(), &CancelToken::new());
        written.map(|written| (sink.0.into_inner().unwrap(), written))
    };
    let disks = [50_176, 9216].map(|len| {
        let builder = vmdk::Builder::stream(&spread(len)).grain_sectors(8);
        (builder.build().bytes, len)
    });
    let archive = ova::ova(&disks, None);
    let (bytes, written) = write(&archive, 1).unwrap();
    assert_eq!(bytes, spread(9216));
    assert!(written.data_bytes <= 9216);
    assert_eq!(written.start.count, 2);
    assert_eq!(write(&archive, 2).unwrap_err().cause(), Cause::NoSuchDisk);
    let fixed = vhd::Builder::fixed(&spread(40_960)).build().bytes;
    let (bytes, written) = write(&fixed, 0).unwrap();
    assert_eq!(bytes, spread(40_960));
    assert_eq!(written.end.format, Format::Vhd);
    let cut = &disks[0].0[..disks[0].0.len() - 2000];
    assert_eq!(write(cut, 0).unwrap_err().cause(), Cause::VmdkTruncated);
}

/// However large the disk, memory is what the limits allow.
#[test]
fn memory_is_bounded() {
    let file = vhdx::Builder::fixed(&spread(6 << 20)).block_mib(1).build();
    let options = OpenOptions::new().limits(Limits::default().with_memory(8 << 20));
    let (disks, error) = pass(&file, &options);
    assert!(error.is_none() && disks.len() == 1);
    let options = OpenOptions::new().limits(Limits::default().with_memory(1 << 20));
    assert_eq!(pass(&file, &options).1.unwrap().cause(), Cause::Limit);
    let zeroes = std::io::repeat(0);
    let mut limits = Limits::default();
    limits.virtual_size = 8 << 20;
    let mut stream = stream::open(zeroes, &OpenOptions::new().limits(limits)).unwrap();
    let error = loop {
        match stream.next_event() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it has no end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error_of(error.into()).cause(), Cause::Limit);
}
