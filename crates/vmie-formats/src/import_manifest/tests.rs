use std::sync::Arc;

use proptest::prelude::*;
use vmie_io::{ErrorKind, Limits, ReadAt};
use vmie_testkit::conformance;

use super::{ImportManifest, Part, PartSource, ResolvedParts, SecretUrl};
use crate::{Cause, Error, FolderResolver, Format, OpenOptions, Opened, error_of};

const EXAMPLE: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<manifest>
  <version>2010-11-15</version>
  <file-format>VMDK</file-format>
  <importer><name>ec2-upload-disk-image</name><version>1.0.0</version><release>2010-11-15</release></importer>
  <self-destruct-url>https://b/m?Signature=s&amp;x=1</self-destruct-url>
  <import>
    <size>25</size>
    <volume-size>8</volume-size>
    <parts count="3">
      <part index="0">
        <byte-range end="9" start="0"/>
        <key>d/disk.part0</key>
        <head-url>https://b/h0</head-url><get-url>https://b/g0</get-url><delete-url>https://b/d0</delete-url>
      </part>
      <part index="1">
        <byte-range end="19" start="10"/>
        <key>d/disk.part1</key>
        <head-url>https://b/h1</head-url><get-url>https://b/g1</get-url>
      </part>
      <part index="2">
        <byte-range end="25" start="20"/>
        <key>d/disk.part2</key>
        <head-url>https://b/h2</head-url><get-url>https://b/g2</get-url><delete-url>https://b/d2</delete-url>
      </part>
    </parts>
  </import>
</manifest>"#;

fn parse(text: &str) -> Result<ImportManifest, Error> {
    ImportManifest::parse(text.as_bytes(), &Limits::default())
}

fn refuse(from: &str, to: &str) -> (Cause, &'static str) {
    assert!(EXAMPLE.contains(from), "{from}");
    let error = parse(&EXAMPLE.replacen(from, to, 1)).unwrap_err();
    (error.cause(), error.field_name())
}

/// Parts in memory.
struct Memory(Vec<Vec<u8>>);

impl PartSource for Memory {
    fn open(&self, index: usize, _: &Part) -> Result<Arc<dyn ReadAt>, Error> {
        Ok(Arc::new(self.0[index].clone()))
    }
}

#[test]
fn svc_man_1_the_last_part_may_end_at_the_size() {
    let manifest = parse(EXAMPLE).unwrap();
    assert_eq!(manifest.file_format, Format::Vmdk);
    let lens: Vec<_> = manifest.parts.iter().map(|part| part.len).collect();
    assert_eq!(lens, [10, 10, 5]);
    assert_eq!(manifest.parts[1].delete_url, None);
    assert_eq!(
        manifest.self_destruct_url.reveal(),
        "https://b/m?Signature=s&x=1"
    );
    // Written again it ends where it should.
    let text = manifest.to_xml().unwrap();
    assert!(
        text.contains(r#"<byte-range start="20" end="24"/>"#),
        "{text}"
    );
    assert_eq!(parse(&text).unwrap(), manifest);
}

#[test]
fn svc_man_1_parts_tile_the_file() {
    for (from, to) in [
        (r#"end="9""#, r#"end="8""#),
        (r#"end="9""#, r#"end="10""#),
        (r#"start="10""#, r#"start="11""#),
        (r#"end="25""#, r#"end="26""#),
        (r#"end="25""#, r#"end="23""#),
        ("<size>25", "<size>30"),
        ("<size>25", "<size>12"),
        (r#"index="1""#, r#"index="2""#),
        (r#"count="3""#, r#"count="4""#),
        (r#"end="19""#, r#"end="18446744073709551615""#),
    ] {
        assert_eq!(refuse(from, to).0, Cause::ManifestParts, "{from} -> {to}");
    }
}

#[test]
fn what_a_manifest_cannot_have_is_refused_with_its_place() {
    for (from, to, cause, field) in [
        (
            "2010-11-15",
            "2011-11-15",
            Cause::ManifestVersion,
            "version",
        ),
        (">VMDK<", ">VHDX<", Cause::ManifestFormat, "file-format"),
        ("<size>25", "<size>", Cause::ManifestNumber, "size"),
        ("<size>25", "<size>-25", Cause::ManifestNumber, "size"),
        ("<size>25", "<size>+25", Cause::ManifestNumber, "size"),
        (
            "<volume-size>8",
            "<volume-size>0",
            Cause::ManifestNumber,
            "volume-size",
        ),
        ("<key>d/disk.part0</key>", "", Cause::ManifestElement, "key"),
        (
            "<volume-size>8</volume-size>",
            "",
            Cause::ManifestElement,
            "volume-size",
        ),
        (
            "<importer>",
            "<importer><x/>",
            Cause::ManifestElement,
            "name",
        ),
        (
            "<manifest>",
            "<!DOCTYPE manifest><manifest>",
            Cause::ManifestXml,
            "",
        ),
        ("</manifest>", "", Cause::ManifestXml, ""),
    ] {
        assert_eq!(refuse(from, to), (cause, field), "{from} -> {to}");
    }
    assert_eq!(parse("<x/>").unwrap_err().cause(), Cause::ManifestElement);
    let limits = Limits::default().with_memory(4000);
    let error = ImportManifest::parse(EXAMPLE.as_bytes(), &limits).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn svc_man_2_a_volume_has_8_gb_and_is_rounded_up() {
    let plan = |disk| ImportManifest::plan(Format::Raw, 100, disk, 30, "p").unwrap();
    assert_eq!(plan(100).volume_size, 8);
    assert_eq!(plan((9 << 30) + 1).volume_size, 10);
    assert_eq!(plan(100).parts.len(), 4);
    let none = ImportManifest::plan(Format::Qcow2, 100, 100, 30, "p").unwrap_err();
    assert_eq!(none.cause(), Cause::ManifestFormat);
    let none = ImportManifest::plan(Format::Raw, 100, 100, 0, "p").unwrap_err();
    assert_eq!(none.cause(), Cause::ManifestParts);
    let none = ImportManifest::plan(Format::Raw, 16 << 40, 1, 1 << 40, "p").unwrap_err();
    assert_eq!(none.cause(), Cause::ManifestNumber);
}

#[test]
fn svc_sec_3_urls_are_not_shown() {
    let manifest = parse(EXAMPLE).unwrap();
    let shown = format!("{manifest:?}");
    assert!(!shown.contains("https"), "{shown}");
    assert!(!format!("{:?}", SecretUrl::new("https://b/?Signature=s")).contains("Sig"));
}

#[test]
fn parts_are_read_as_one_file() {
    let file: Vec<u8> = (0..250u8).collect();
    let manifest = ImportManifest::plan(Format::Raw, 250, 250, 100, "p").unwrap();
    let parts = file.chunks(100).map(<[u8]>::to_vec).collect();
    conformance::read_at(&*manifest.source(Arc::new(Memory(parts))), &file);
    let short = Memory(vec![
        file[..100].to_vec(),
        file[100..199].to_vec(),
        vec![0; 50],
    ]);
    let source = manifest.source(Arc::new(short));
    source.read_exact_at(&mut [0; 100], 0).unwrap();
    let error = error_of(source.read_exact_at(&mut [0; 1], 100).unwrap_err());
    assert_eq!(error.cause(), Cause::ManifestPartLength);
}

#[test]
fn a_manifest_opens_as_an_image_over_local_parts() {
    let disk: Vec<u8> = (0..9000u32).map(|i| (i % 251) as u8).collect();
    let file = vmie_testkit::vmdk::Builder::stream(&disk).build().bytes;
    let folder = tempfile::tempdir().unwrap();
    let len = file.len() as u64;
    let manifest = ImportManifest::plan(Format::Vmdk, len, 9000, 700, "up/disk").unwrap();
    std::fs::create_dir(folder.path().join("up")).unwrap();
    for part in &manifest.parts {
        let range = part.start as usize..part.end() as usize;
        std::fs::write(folder.path().join(&part.key), &file[range]).unwrap();
    }
    let text = manifest.to_xml().unwrap();
    // Nothing is opened unless it is allowed.
    let source: Arc<dyn ReadAt> = Arc::new(text.clone().into_bytes());
    let error = OpenOptions::new().open(Arc::clone(&source)).unwrap_err();
    assert_eq!(error.cause(), Cause::ReferenceDenied);
    let gate = Arc::new(FolderResolver::new(folder.path()));
    let opened = OpenOptions::new()
        .resolver(gate.clone())
        .open(source)
        .unwrap();
    let Opened::Disk(image) = opened else {
        panic!("a disk")
    };
    if cfg!(any(feature = "zlib-rs", feature = "libdeflate")) {
        let mut copy = vec![0; 9000];
        image.read_exact_at(&mut copy, 0).unwrap();
        assert_eq!(copy, disk);
    }
    let by_hand = manifest.source(Arc::new(ResolvedParts(gate)));
    let mut whole = vec![0; file.len()];
    by_hand.read_exact_at(&mut whole, 0).unwrap();
    assert_eq!(whole, file);
}

#[test]
fn a_manifest_cut_at_any_byte_is_refused() {
    for len in 0..EXAMPLE.len() {
        assert!(parse(&EXAMPLE[..len]).is_err(), "{len}");
    }
}

proptest! {
    #[test]
    fn what_is_planned_is_read_back(size in 1u64..1 << 44, parts in 1u64..50, key in "\\PC{0,20}") {
        let part_size = size.div_ceil(parts);
        let plan = ImportManifest::plan(Format::Vhd, size, size, part_size, key.trim());
        let Ok(manifest) = plan else {
            prop_assert!(size >= 16 << 40);
            return Ok(());
        };
        match manifest.to_xml() {
            Ok(text) => prop_assert_eq!(parse(&text).unwrap(), manifest),
            Err(error) => prop_assert_eq!(error.cause(), Cause::ManifestXml),
        }
    }
}
