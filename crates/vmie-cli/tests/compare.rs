//! `vmie compare`: of which format each image is taken to be, and appliances of several disks.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod fixtures;

use fixtures::{code, document, run, stdout};
use vmie_testkit::{ova, vdi, vmdk};

#[test]
fn each_image_is_of_the_format_that_it_is_said_to_be_of() {
    let folder = tempfile::tempdir().unwrap();
    let made = vdi::Builder::new(6 << 10)
        .block_size(1024, 0)
        .block(2, b"x");
    let (raw, packed) = (folder.path().join("a"), folder.path().join("b"));
    std::fs::write(&raw, made.disk(&[])).unwrap();
    std::fs::write(&packed, made.build()).unwrap();
    let (raw, packed) = (raw.to_str().unwrap(), packed.to_str().unwrap());
    for same in [
        &["-f", "raw", "-F", "vdi", raw, packed][..],
        &["-f", "vdi", "-F", "raw", packed, raw],
        &["-F", "vdi", raw, packed],
        &[raw, packed],
    ] {
        let output = run(&[&["compare", "--json"], same].concat());
        assert_eq!(document(&output, "vmie.compare")["same"], true, "{same:?}");
        assert_eq!(code(&output), 0);
    }
    let output = run(&["compare", "-f", "raw", raw, packed]);
    assert_eq!(code(&output), 1, "{}", stdout(&output));
}

#[test]
fn every_disk_of_an_appliance_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let member = |disk: &[u8]| (vmdk::Builder::stream(disk).build().bytes, disk.len());
    let first = vmdk::sample_disk(64 << 10);
    let mut second = first.clone();
    second[5000] ^= 1;
    let appliance = |name: &str, disks: &[&[u8]]| {
        let disks: Vec<_> = disks.iter().map(|disk| member(disk)).collect();
        let path = folder.path().join(name);
        std::fs::write(&path, ova::ova(&disks, None)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let one = appliance("one.ova", &[&first]);
    let twice = appliance("twice.ova", &[&first, &first]);
    let other = appliance("other.ova", &[&first, &second]);
    let output = run(&["compare", "--json", &twice, &other]);
    assert_eq!(code(&output), 1);
    let said = document(&output, "vmie.compare");
    assert_eq!(said["same"], false);
    assert_eq!((&said["disk"], &said["offset"]), (&1.into(), &5000.into()));
    let output = run(&["compare", &twice, &other]);
    assert_eq!(
        stdout(&output),
        "disk 1: the disks differ from byte 5000 on\n"
    );
    let output = run(&["compare", &one, &twice]);
    assert_eq!(code(&output), 1);
    assert_eq!(stdout(&output), "one has 1 disks, the other 2\n");
    assert_eq!(code(&run(&["compare", &twice, &twice])), 0);
}
