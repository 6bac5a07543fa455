//! OVA files as they should be, and hostile ones.
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

use std::sync::Arc;

use proptest::prelude::*;
use vmie_formats::ovf::{Descriptor, Item};
use vmie_formats::{
    Appliance, CancelToken, Cause, Confidence, Error, ErrorKind, FolderResolver, Format, Limits,
    OpenOptions, Opened, Outcome, ReadAt, Variant, error_of, probe,
};
use vmie_testkit::conformance;
use vmie_testkit::ova::{self, Disk, Style, Tar, descriptor, gzip, sha1_line, sha256_line};
use vmie_testkit::vmdk::{Builder, sample_disk};

fn open(bytes: &[u8]) -> Result<Appliance, Error> {
    match OpenOptions::new()
        .format(Some(Format::Ova))
        .open(Arc::new(bytes.to_vec()))?
    {
        Opened::Appliance(appliance) => Ok(appliance),
        Opened::Disk(_) => panic!("a disk"),
    }
}

fn refuse(bytes: &[u8]) -> (Cause, Option<u64>) {
    let error = open(bytes).expect_err("an error");
    (error.cause(), error.offset())
}

fn small_disk(len: usize) -> (Vec<u8>, Vec<u8>) {
    let builder = Builder::stream(&sample_disk(len))
        .grain_sectors(8)
        .entries(4);
    (builder.disk().to_vec(), builder.build().bytes)
}

fn disk_error(appliance: &Appliance, index: usize) -> Cause {
    appliance.open_disk(index).err().expect("an error").cause()
}

fn read_all(disk: &dyn ReadAt) -> Result<Vec<u8>, Error> {
    let mut out = vec![0; disk.len() as usize];
    disk.read_exact_at(&mut out, 0).map_err(error_of)?;
    Ok(out)
}

#[test]
fn an_appliance_shows_its_disks_and_its_description() {
    let (first, first_file) = small_disk(50_000);
    let (second, second_file) = small_disk(9000);
    let bytes = ova::ova(
        &[
            (first_file.clone(), first.len()),
            (second_file, second.len()),
        ],
        Some("efi"),
    );
    let candidates = probe(&bytes).unwrap();
    assert_eq!(candidates[0].format, Format::Ova);
    assert_eq!(candidates[0].confidence, Confidence::Certain);
    let appliance = open(&bytes).unwrap();
    assert_eq!(appliance.file_size(), bytes.len() as u64);
    let [a, _] = appliance.disks() else {
        panic!("{:?}", appliance.disks())
    };
    assert_eq!(a.id, "vmdisk1");
    assert_eq!(a.member.as_deref(), Some("disk1.vmdk"));
    assert_eq!(a.file_size, Some(first_file.len() as u64));
    assert_eq!(a.stated_size, a.file_size);
    assert_eq!(a.capacity, Some(1 << 20));
    for (index, disk) in [&first, &second].into_iter().enumerate() {
        let image = appliance.open_disk(index).unwrap();
        assert_eq!(image.info().variant, Some(Variant::VmdkStreamOptimized));
        conformance::read_at(&image, disk);
    }
    assert_eq!(disk_error(&appliance, 2), Cause::NoSuchDisk);
    let window = appliance.open_member("disk1.vmdk").unwrap();
    conformance::read_at(&window, &first_file);

    let descriptor = appliance.descriptor();
    let [system] = descriptor.systems.as_slice() else {
        panic!("{descriptor:?}")
    };
    assert_eq!(system.name.as_deref(), Some("machine"));
    let os = system.os.as_ref().unwrap();
    assert_eq!(os.id, Some(96));
    assert_eq!(os.os_type.as_deref(), Some("debian12_64Guest"));
    assert!(os.description.as_deref().unwrap().contains("Debian"));
    let hardware = &system.hardware;
    assert_eq!(hardware.firmware.as_deref(), Some("efi"));
    assert_eq!(hardware.system_type.as_deref(), Some("vmx-13"));
    assert_eq!(hardware.network_adapters(), 1);
    assert_eq!(hardware.optical_drives(), 0);
    let places: Vec<_> = hardware
        .of_type(Item::DISK_DRIVE)
        .map(|item| (item.parent.as_deref(), item.address_on_parent))
        .collect();
    assert_eq!(places, [(Some("3"), Some(0)), (Some("3"), Some(1))]);
    assert_eq!(descriptor.networks, ["VM Network"]);

    let verification = appliance.verify(&(), &CancelToken::new()).unwrap();
    assert_eq!(verification.checks.len(), 3);
    verification.ensure().unwrap();
    // As a disk, an appliance is refused.
    let as_disk = OpenOptions::new().open_disk(Arc::new(bytes));
    assert_eq!(as_disk.err().unwrap().cause(), Cause::WrongFormat);
}

#[test]
fn every_kind_of_tar_in_any_order_and_in_a_folder_is_read() {
    let (disk, file) = small_disk(20_000);
    let text = descriptor(&[Disk::new("disk1.vmdk", file.len(), disk.len())], None);
    let manifest = sha1_line("disk1.vmdk", &file) + &sha256_line("m.OVF", text.as_bytes());
    let long = "a-long-folder/".repeat(12);
    for style in [Style::Ustar, Style::V7, Style::Pax, Style::Gnu] {
        for folder in ["", "./", "folder/", &long] {
            if folder.len() > 80 && matches!(style, Style::Ustar | Style::V7) {
                continue;
            }
            let bytes = Tar::new(style)
                .member(b"folder", b'5', &[])
                .file(&format!("{folder}disk1.vmdk"), &file)
                .file(&format!("{folder}m.mf"), manifest.as_bytes())
                .file("._m.ovf", b"what macOS adds")
                .file(&format!("{folder}m.OVF"), text.as_bytes())
                .unfinished();
            let appliance = open(&bytes).unwrap_or_else(|e| panic!("{style:?} {folder}: {e}"));
            let image = appliance.open_disk(0).unwrap();
            assert!(read_all(&image).unwrap() == disk);
            let verification = appliance.verify(&(), &CancelToken::new()).unwrap();
            assert_eq!(verification.checks.len(), 2);
            verification.ensure().unwrap();
        }
    }
}

#[test]
fn what_another_writer_writes_is_read() {
    let (disk, file) = small_disk(5000);
    let name = format!("{}disk1.vmdk", "folder/".repeat(30));
    let text = descriptor(&[Disk::new(&name, file.len(), disk.len())], None);
    let mut builder = tar::Builder::new(Vec::new());
    for (name, data) in [("m.ovf", text.as_bytes()), (&name, &file)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, data).unwrap();
    }
    let bytes = builder.into_inner().unwrap();
    let appliance = open(&bytes).unwrap();
    assert_eq!(appliance.members()[1].name, name);
    assert!(read_all(&appliance.open_disk(0).unwrap()).unwrap() == disk);
}

#[test]
fn a_long_name_in_two_parts_is_joined() {
    let mut header_name = b"disk1.vmdk".to_vec();
    header_name.resize(100, 0);
    let (_, file) = small_disk(5000);
    let text = descriptor(&[Disk::new("disk1.vmdk", file.len(), 5000)], None);
    let tar = Tar::new(Style::Ustar).file("sub/m.ovf", text.as_bytes());
    let at = tar.position();
    let mut bytes = tar.file("disk1.vmdk", &file).finish();
    let header: &mut [u8; 512] = (&mut bytes[at..at + 512]).try_into().unwrap();
    header[345..348].copy_from_slice(b"sub");
    ova::seal(header);
    let appliance = open(&bytes).unwrap();
    assert_eq!(
        appliance.disks()[0].member.as_deref(),
        Some("sub/disk1.vmdk")
    );
}

#[test]
fn names_that_lead_out_are_refused() {
    for name in [
        "../evil",
        "a/../../evil",
        "/etc/passwd",
        "..",
        "a\\b",
        "..\\evil",
        "C:/evil",
        "c:evil",
        "bad\u{0}name",
    ] {
        let tar = Tar::new(Style::Pax).file("m.ovf", b"<Envelope/>");
        let at = tar.position() as u64 + 1024;
        let found = refuse(&tar.file(name, b"x").finish());
        assert_eq!(found, (Cause::NameEscapes, Some(at)), "{name}");
        if !name.contains('\0') {
            let bytes = Tar::new(Style::Gnu).file(name, b"x").finish();
            assert_eq!(refuse(&bytes).0, Cause::NameEscapes, "{name}");
        }
    }
    let bytes = Tar::new(Style::Ustar)
        .member(b"\xff\xfe", b'0', b"")
        .finish();
    assert_eq!(refuse(&bytes), (Cause::NameEscapes, Some(0)));
    // The descriptor's references are held to the same, encoded or not.
    for href in [
        "../disk1.vmdk",
        "%2e%2e/disk1.vmdk",
        "/disk1.vmdk",
        "file:///etc/passwd",
        "http://example.org/disk1.vmdk",
        "a\\b",
        "C:\\disk1.vmdk",
    ] {
        let text = descriptor(&[Disk::new(href, 1, 1)], None);
        let bytes = Tar::new(Style::Ustar)
            .file("m.ovf", text.as_bytes())
            .finish();
        let error = open(&bytes).err().unwrap();
        assert_eq!(error.cause(), Cause::NameEscapes, "{href}");
        assert_eq!(error.offset(), text.find("<File").map(|at| at as u64));
    }
}

#[test]
fn an_encoded_name_is_found() {
    let (disk, file) = small_disk(5000);
    let text = descriptor(
        &[Disk::new("my%20disk%.vmdk", file.len(), disk.len())],
        None,
    );
    let bytes = Tar::new(Style::Ustar)
        .file("m.ovf", text.as_bytes())
        .file("my disk%.vmdk", &file)
        .finish();
    assert!(read_all(&open(&bytes).unwrap().open_disk(0).unwrap()).unwrap() == disk);
}

#[test]
fn members_that_are_no_files_are_refused() {
    for kind in [b'1', b'2', b'3', b'4', b'6', b'S', b'V', b'?'] {
        let bytes = Tar::new(Style::Ustar).member(b"name", kind, b"").finish();
        assert_eq!(refuse(&bytes), (Cause::TarMemberKind, Some(156)), "{kind}");
    }
}

#[test]
fn two_members_of_one_name_are_refused() {
    let tar = Tar::new(Style::Ustar).file("a", b"1").file("b", b"2");
    let at = tar.position() as u64;
    let bytes = tar.file("./a", b"3").finish();
    assert_eq!(refuse(&bytes), (Cause::DuplicateMember, Some(at)));
}

#[test]
fn headers_that_make_no_sense_are_refused_with_their_place() {
    let good = Tar::new(Style::Ustar).file("a", b"1").finish();
    let with = |range: std::ops::Range<usize>, value: &[u8], seal: bool| {
        let mut bytes = good.clone();
        bytes[range].copy_from_slice(value);
        if seal {
            ova::seal((&mut bytes[..512]).try_into().unwrap());
        }
        refuse(&bytes)
    };
    assert_eq!(with(0..1, b"b", false), (Cause::TarChecksum, Some(0)));
    assert_eq!(with(124..127, b"9zz", true), (Cause::TarNumber, Some(124)));
    assert_eq!(
        with(124..136, &[0xff; 12], true),
        (Cause::TarNumber, Some(124))
    );
    // Past the end, in octal and in base 256.
    let truncated = (Cause::TarTruncated, Some(124));
    assert_eq!(with(124..136, b"77777777777\0", true), truncated);
    let huge = [
        0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ];
    assert_eq!(with(124..136, &huge, true), truncated);
    for pax in [
        &b"nonsense"[..],
        b"5 a=b\n",
        b"99 path=x\n",
        b"0 path=x\n",
        b"18446744073709551615 a=b\n",
        b"11 size=-1\n",
        b"25 GNU.sparse.name=abcde\n",
    ] {
        let bytes = Tar::new(Style::Ustar)
            .member(b"x", b'x', pax)
            .file("a", b"1")
            .finish();
        assert_eq!(refuse(&bytes), (Cause::TarExtended, Some(0)), "{pax:?}");
    }
    let mut chain = Tar::new(Style::Ustar);
    for _ in 0..20 {
        chain = chain.member(b"x", b'x', b"");
    }
    assert_eq!(
        refuse(&chain.finish()),
        (Cause::TarExtended, Some(16 * 512))
    );
    let big = vec![b'n'; 70_000];
    let bytes = Tar::new(Style::Ustar).member(b"x", b'L', &big).finish();
    assert_eq!(refuse(&bytes), (Cause::TarExtended, Some(0)));
    let name = ova::pax_record("path", b"all-the-same");
    let bytes = Tar::new(Style::Ustar).member(b"x", b'g', &name).finish();
    assert_eq!(refuse(&bytes), (Cause::TarExtended, Some(0)));
    let comment = ova::pax_record("comment", b"harmless");
    let bytes = Tar::new(Style::Ustar).member(b"x", b'g', &comment).finish();
    assert_eq!(refuse(&bytes), (Cause::OvfMissing, Some(0)));
}

#[test]
fn the_descriptor_has_to_be_one() {
    let tar = || Tar::new(Style::Ustar);
    let bytes = tar().file("disk1.vmdk", b"x").finish();
    assert_eq!(refuse(&bytes), (Cause::OvfMissing, Some(0)));
    // It is a tar all the same, and says so.
    let candidate = &probe(&bytes).unwrap()[0];
    assert_eq!(
        (candidate.format, candidate.confidence),
        (Format::Ova, Confidence::Likely)
    );
    let bytes = tar().file("a.ovf", b"<a/>").file("b.ovf", b"<b/>").finish();
    assert_eq!(refuse(&bytes), (Cause::OvfSeveral, Some(1024)));
    let text = descriptor(&[], None);
    let bytes = tar()
        .file("deep/b.ovf", b"<b/>")
        .file("a.ovf", text.as_bytes())
        .finish();
    assert_eq!(open(&bytes).unwrap().descriptor_member().name, "a.ovf");
    let bytes = tar().file("a.ovf", b"<html/>").finish();
    assert_eq!(refuse(&bytes), (Cause::OvfRoot, Some(0)));
    let bytes = tar()
        .file("a.ovf", b"<!DOCTYPE a [<!ENTITY x 'y'>]><Envelope/>")
        .finish();
    assert_eq!(refuse(&bytes), (Cause::OvfDoctype, Some(0)));
    let long = vec![b' '; 5 << 20];
    assert_eq!(refuse(&tar().file("a.ovf", &long).finish()).0, Cause::Limit);
}

#[test]
fn disks_that_are_not_supported_are_told_apart() {
    let (_, file) = small_disk(5000);
    let with = |attributes: &str, href: &str, data: &[u8]| {
        let disk = Disk {
            file_attributes: attributes.to_owned(),
            ..Disk::new("d.vmdk", 1, 1)
        };
        let text = descriptor(&[disk], None);
        let bytes = Tar::new(Style::Ustar)
            .file("m.ovf", text.as_bytes())
            .file(href, data)
            .finish();
        let appliance = open(&bytes).unwrap();
        disk_error(&appliance, 0)
    };
    // The chunks' own names, and a chunk size that the file does not even reach.
    let chunk = " ovf:chunkSize=\"40960\"";
    assert_eq!(with(chunk, "d.vmdk.000000001", &file), Cause::MemberMissing);
    let gzip = " ovf:compression=\"gzip\"";
    assert_eq!(with(gzip, "d.vmdk", &file), Cause::GzipData);
    let other = " ovf:compression=\"bzip2\"";
    assert_eq!(with(other, "d.vmdk", &file), Cause::MemberCompressed);
    assert_eq!(with("", "other", &file), Cause::MemberMissing);
    assert_eq!(with("", "d.vmdk", b"no magic here"), Cause::DiskFormat);
    assert_eq!(with("", "d.vmdk", b"QFI\xfb"), Cause::Qcow2Version);
    let identity = " ovf:compression=\"identity\"";
    assert_eq!(with(identity, "d.vmdk", &[]), Cause::DiskFormat);
}

#[test]
fn a_disk_in_no_stated_format_may_be_raw_and_one_without_a_file_is_refused() {
    let text = "<Envelope><References><File id='f' href='d.img'/></References><DiskSection>\
        <Disk diskId='a' fileRef='f' capacity='1' capacityAllocationUnits='byte * 2^10'/>\
        <Disk diskId='b' capacity='${size}'/><Disk diskId='c' parentRef='a' fileRef='f' capacity='1'/>\
        </DiskSection></Envelope>";
    let bytes = Tar::new(Style::Ustar)
        .file("m.ovf", text.as_bytes())
        .file("d.img", &[7; 1024])
        .finish();
    let appliance = open(&bytes).unwrap();
    let image = appliance.open_disk(0).unwrap();
    assert!(image.info().format_assumed);
    conformance::read_at(&image, &[7; 1024]);
    assert_eq!(appliance.disks()[1].capacity, None);
    assert_eq!(disk_error(&appliance, 1), Cause::DiskWithoutFile);
    assert_eq!(disk_error(&appliance, 2), Cause::ParentImage);
    // An appliance inside an appliance is no disk.
    let inner = Tar::new(Style::Ustar).file("d.img", &bytes);
    let outer = inner.file("m.ovf", text.as_bytes()).finish();
    assert_eq!(disk_error(&open(&outer).unwrap(), 0), Cause::WrongFormat);
}

#[test]
fn chunks_and_compressed_files_are_read_as_the_files_that_they_were() {
    let (disk, file) = small_disk(200_000);
    let with = |attributes: &str, files: &[(&str, &[u8])]| {
        let stated = Disk {
            file_attributes: attributes.to_owned(),
            ..Disk::new("d.vmdk", file.len(), disk.len())
        };
        let text = descriptor(&[stated], None);
        let mut tar = Tar::new(Style::Ustar).file("f/m.ovf", text.as_bytes());
        for (name, data) in files {
            tar = tar.file(name, data);
        }
        open(&tar.finish()).unwrap()
    };
    let third = file.len() / 3;
    let chunked = with(
        " ovf:chunkSize=\"1000\"",
        &[
            ("f/d.vmdk.000000001", &file[third..third + 7]),
            ("f/d.vmdk.000000000", &file[..third]),
            ("f/d.vmdk.000000002", &file[third + 7..]),
        ],
    );
    assert!(chunked.disks()[0].chunked);
    let packed = gzip(&file);
    let zipped = with(" ovf:compression=\"gzip\"", &[("f/d.vmdk", &packed)]);
    for appliance in [chunked, zipped] {
        let image = appliance.open_disk(0).unwrap();
        conformance::read_at(&image, &disk);
    }
}

#[test]
fn a_descriptor_is_opened_with_its_files_beside_it() {
    let (disk, file) = small_disk(9000);
    let folder = tempfile::tempdir().unwrap();
    let text = descriptor(&[Disk::new("disk%201.vmdk", file.len(), disk.len())], None);
    std::fs::write(folder.path().join("disk 1.vmdk"), &file).unwrap();
    let lines = format!(
        "{}{}",
        sha1_line("m.ovf", text.as_bytes()),
        sha1_line("disk 1.vmdk", &file)
    );
    std::fs::write(folder.path().join("m.mf"), lines).unwrap();
    let source = || Arc::new(text.clone().into_bytes());
    let denied = OpenOptions::new().open(source()).unwrap_err();
    assert_eq!(denied.cause(), Cause::ReferenceDenied);
    let options = OpenOptions::new()
        .resolver(Arc::new(FolderResolver::new(folder.path())))
        .file_name(Some("m.ovf"));
    let Opened::Appliance(appliance) = options.open(source()).unwrap() else {
        panic!("an appliance");
    };
    assert!(appliance.is_folder());
    let verification = appliance.verify(&(), &CancelToken::new()).unwrap();
    assert_eq!(verification.checks.len(), 2);
    verification.ensure().unwrap();
    let image = appliance.open_disk(0).unwrap();
    conformance::read_at(&image, &disk);
    // Without its name there is no manifest to look for, and a disk may be missing.
    std::fs::remove_file(folder.path().join("disk 1.vmdk")).unwrap();
    let Opened::Appliance(appliance) = options.file_name(None).open(source()).unwrap() else {
        panic!("an appliance");
    };
    assert!(appliance.manifest().is_none());
    assert_eq!(disk_error(&appliance, 0), Cause::MemberMissing);
}

#[test]
fn a_certificate_is_reported() {
    let (disk, file) = small_disk(9000);
    let text = descriptor(&[Disk::new("disk1.vmdk", file.len(), disk.len())], None);
    let with = |certificate: &str| {
        let tar = Tar::new(Style::Ustar)
            .file("m.ovf", text.as_bytes())
            .file("m.cert", certificate.as_bytes())
            .file("disk1.vmdk", &file);
        open(&tar.finish())
    };
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let appliance = with(&format!("SHA256(m.mf)= 00ff\n{pem}")).unwrap();
    assert_eq!(appliance.certificate().unwrap().signed, "m.mf");
    assert_eq!(with("nonsense").unwrap_err().cause(), Cause::Certificate);
}

#[test]
fn the_manifest_finds_what_was_changed() {
    let (disk, file) = small_disk(9000);
    let text = descriptor(&[Disk::new("disk1.vmdk", file.len(), disk.len())], None);
    let with = |manifest: &str| {
        let bytes = Tar::new(Style::Ustar)
            .file("m.ovf", text.as_bytes())
            .file("m.mf", manifest.as_bytes())
            .file("disk1.vmdk", &file)
            .finish();
        open(&bytes)
    };
    let check = |manifest: &str| {
        let verification = with(manifest)
            .unwrap()
            .verify(&(), &CancelToken::new())
            .unwrap();
        let first = verification.ensure().err();
        let place = first.map(|e| (e.cause(), e.offset(), e.value().unwrap().to_string()));
        (verification.checks, place)
    };
    let good = sha256_line("m.ovf", text.as_bytes());
    let at = good.len() as u64;
    let (checks, error) = check(&(good.clone() + &sha256_line("disk1.vmdk", b"other")));
    assert_eq!(checks[0].outcome, Outcome::Match);
    let Outcome::Mismatch { expected, found } = &checks[1].outcome else {
        panic!("{checks:?}")
    };
    assert!(sha256_line("x", b"other").contains(&expected.to_string()));
    assert!(sha256_line("x", &file).contains(&found.to_string()));
    let name = "\"disk1.vmdk\"".to_owned();
    assert_eq!(error, Some((Cause::DigestMismatch, Some(at), name)));
    let (_, error) = check(&(good.clone() + &sha1_line("gone", b"")));
    assert_eq!(error.unwrap().0, Cause::MemberMissing);
    let (_, error) = check(&(good.clone() + "MD5(disk1.vmdk)= 00\n"));
    assert_eq!(error.unwrap().0, Cause::DigestAlgorithm);
    let error = with(&(good + "nonsense")).err().unwrap();
    assert_eq!((error.cause(), error.offset()), (Cause::Manifest, Some(at)));
    // Without a manifest there is nothing to compare.
    let (checks, error) = check("");
    assert!(checks.is_empty() && error.is_none());

    let cancel = CancelToken::new();
    cancel.cancel();
    let appliance = with(&sha256_line("disk1.vmdk", &file)).unwrap();
    assert_eq!(
        appliance.verify(&(), &cancel).unwrap_err().cause(),
        Cause::Cancelled
    );
    let done = std::sync::atomic::AtomicU64::new(0);
    let progress = |now, total| {
        assert_eq!(total, file.len() as u64);
        done.fetch_max(now, std::sync::atomic::Ordering::Relaxed);
    };
    appliance.verify(&progress, &CancelToken::new()).unwrap();
    assert_eq!(done.into_inner(), file.len() as u64);
}

#[test]
fn a_disks_order_is_the_machines() {
    let text = "<Envelope><References/><DiskSection><Disk diskId='a' capacity='1'/>\
        <Disk diskId='b' capacity='2'/><Disk diskId='c' capacity='3'/></DiskSection><VirtualSystem>\
        <VirtualHardwareSection><Item><HostResource>/disk/c</HostResource><ResourceType>17</ResourceType>\
        </Item><StorageItem><HostResource>ovf://disk/b</HostResource><ResourceType>17</ResourceType>\
        </StorageItem><Item><HostResource>ovf:/file/x</HostResource><ResourceType>15</ResourceType>\
        </Item></VirtualHardwareSection></VirtualSystem></Envelope>";
    let parse = |text: &str| Descriptor::parse(text.as_bytes(), &Limits::default());
    let descriptor = parse(text).unwrap();
    let order: Vec<_> = descriptor
        .disks_in_order()
        .unwrap()
        .into_iter()
        .map(|d| &d.id)
        .collect();
    assert_eq!(order, ["c", "b", "a"]);
    assert_eq!(descriptor.systems[0].hardware.optical_drives(), 1);
    let broken = parse(&text.replace("/disk/c", "/disk/z")).unwrap();
    let error = broken.disks_in_order().unwrap_err();
    let at = text.find("<Item").map(|at| at as u64);
    assert_eq!((error.cause(), error.offset()), (Cause::OvfDiskRef, at));
}

#[test]
fn descriptors_that_contradict_themselves_are_refused() {
    let refuse = |text: &str| {
        let error = Descriptor::parse(text.as_bytes(), &Limits::default()).unwrap_err();
        (error.cause(), error.field_name())
    };
    let disks = |disks: &str| {
        refuse(&format!(
            "<Envelope><References><File id='f' href='h'/></References>\
             <DiskSection>{disks}</DiskSection></Envelope>"
        ))
    };
    assert_eq!(
        disks("<Disk capacity='1'/>"),
        (Cause::OvfAttribute, "diskId")
    );
    assert_eq!(
        disks("<Disk diskId='a'/>"),
        (Cause::OvfAttribute, "capacity")
    );
    for bad in ["", "x", "-1", "1.5", "99999999999999999999999", "0x10"] {
        let text = format!("<Disk diskId='a' capacity='{bad}'/>");
        assert_eq!(disks(&text), (Cause::OvfNumber, "capacity"), "{bad}");
    }
    let huge = "<Disk diskId='a' capacity='17179869184' capacityAllocationUnits='byte * 2^40'/>";
    assert_eq!(disks(huge), (Cause::OvfNumber, "capacity"));
    let unit = "<Disk diskId='a' capacity='1' capacityAllocationUnits='furlong'/>";
    assert_eq!(disks(unit), (Cause::OvfUnits, "capacityAllocationUnits"));
    let file = "<Disk diskId='a' capacity='1' fileRef='g'/>";
    assert_eq!(disks(file), (Cause::OvfFileRef, "fileRef"));
    let twice = "<Disk diskId='a' capacity='1'/><Disk diskId='a' capacity='2'/>";
    assert_eq!(disks(twice), (Cause::OvfDuplicateId, "diskId"));
    let files = "<Envelope><References><File id='f' href='a'/><File id='f' href='b'/></References></Envelope>";
    assert_eq!(refuse(files), (Cause::OvfDuplicateId, "id"));
    let many = "<Disk diskId='a' capacity='1'/>".replace("'a'", "'a{}'");
    let many: String = (0..1025)
        .map(|n| many.replace("{}", &n.to_string()))
        .collect();
    assert_eq!(disks(&many).0, Cause::Limit);
}

#[test]
fn an_archive_cut_at_any_byte_is_refused_or_right() {
    let (disk, file) = small_disk(5000);
    let bytes = ova::ova(&[(file, disk.len())], None);
    for cut in 0..bytes.len() {
        let read = open(&bytes[..cut]).and_then(|appliance| {
            appliance.verify(&(), &CancelToken::new())?.ensure()?;
            read_all(&appliance.open_disk(0)?)
        });
        match read {
            // Only the padding and the end are gone.
            Ok(read) => assert!(read == disk && cut > bytes.len() - 2048, "cut at {cut}"),
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::Truncated | ErrorKind::Corrupt),
                "cut at {cut}: {error}"
            ),
        }
        probe(&bytes[..cut].to_vec()).unwrap();
    }
}

#[test]
fn members_are_bounded() {
    let mut tar = Tar::new(Style::Ustar);
    for n in 0..2000 {
        tar = tar.file(&format!("f{n}"), b"");
    }
    let bytes = tar.finish();
    let limits = Limits::default().with_memory(100_000);
    let options = OpenOptions::new().limits(limits);
    let error = options.open(Arc::new(bytes.clone())).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let options = OpenOptions::new().limits(Limits::default().with_work(1000));
    let error = options.open(Arc::new(bytes)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is changed, there is an error or an appliance, and no panic.
    #[test]
    fn changed_bytes_are_errors_or_an_appliance(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        reseal in any::<bool>(),
        style in prop::sample::select(vec![Style::Ustar, Style::V7, Style::Pax, Style::Gnu]),
    ) {
        let (disk, file) = small_disk(5000);
        let text = descriptor(&[Disk::new("disk1.vmdk", file.len(), disk.len())], None);
        let mut bytes = Tar::new(style)
            .file("m.ovf", text.as_bytes())
            .file("m.mf", sha1_line("disk1.vmdk", &file).as_bytes())
            .file("disk1.vmdk", &file)
            .finish();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
            if reseal && at < 512 {
                ova::seal((&mut bytes[..512]).try_into().unwrap());
            }
        }
        if let Ok(appliance) = open(&bytes) {
            let _ = appliance.verify(&(), &CancelToken::new()).unwrap();
            for index in 0..appliance.disks().len() {
                if let Ok(image) = appliance.open_disk(index) && image.len() < 1 << 24 {
                    let _ = read_all(&image);
                }
            }
        }
    }

    /// Any text is an error or a descriptor.
    #[test]
    fn any_text_is_an_error_or_a_descriptor(text in "[<>/='\"&;!\\[\\]a-z ?DiskFle:{}$0-9-]{0,200}") {
        let _ = Descriptor::parse(text.as_bytes(), &Limits::default());
        let wrapped = format!("<Envelope>{text}</Envelope>");
        let _ = Descriptor::parse(wrapped.as_bytes(), &Limits::default());
    }
}
