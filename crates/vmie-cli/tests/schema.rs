//! Every report is as its published schema says, and has no key that the schema does not name.
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
#[path = "../../vmie/tests/guest/mod.rs"]
mod guest;

use fixtures::{demo, document, run};
use guest::Guest;
use jsonschema::Validator;
use serde_json::{Value, json};
use vmie::fs::{FsKind, MemoryFs};
use vmie::guest::{
    Disk, Fact, GuestVolume, ImportRequest, Matrix, Mode, Preflight, inspect_volumes, judge,
};
use vmie::io::{Budget, Limits};
use vmie::rules::matrix::Edition;
use vmie::volumes::{DiskLayout, VolumeId, read_layout};
use vmie_testkit::linux::{Entry, Machine, guests_of};
use vmie_testkit::{fsimage, pe, windows};

fn published() -> Value {
    let text = include_str!("../../../docs/schemas/preflight-1.json");
    serde_json::from_str(text).unwrap()
}

/// The same schema, in which each object has the keys that it names and no others. What is published
/// allows more: a later version may have them.
fn closed(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(closed),
        Value::Object(map) => {
            map.values_mut().for_each(closed);
            if map.get("properties").is_some_and(Value::is_object) && map.contains_key("type") {
                map.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
        }
        _ => {}
    }
}

fn validator() -> Validator {
    let mut schema = published();
    jsonschema::meta::validate(&schema).expect("a schema of its draft");
    closed(&mut schema);
    jsonschema::draft202012::new(&schema).unwrap()
}

fn check(validator: &Validator, what: &str, document: &Value) {
    let errors: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new(), "{what}");
}

#[test]
fn what_the_command_prints_is_as_the_schema_says() {
    let validator = validator();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0];
    let trees = include_bytes!("../../vmie-fs/tests/data/btrfs-trees.img.gz");
    let subvolumes = fsimage::unpack(trees);
    let appliance = Guest::appliance(folder.path());
    let images = [
        demo(),
        file("empty.raw", &[0; 1 << 20]),
        file("disk.raw.gz", &gzip),
        file("trees.raw", &subvolumes),
        appliance.path.to_str().unwrap().to_owned(),
    ];
    let mut verdicts = Vec::new();
    for image in &images {
        for mode in ["strict", "practical"] {
            let output = run(&[
                "preflight",
                "--json",
                "--mode",
                mode,
                "--as-of",
                "2026-11-01",
                image,
            ]);
            let document = document(&output, "vmie.preflight");
            check(&validator, image, &document);
            verdicts.push(document["verdict"].clone());
        }
    }
    for verdict in ["accepted", "refused", "undetermined"] {
        assert!(
            verdicts.contains(&json!(verdict)),
            "{verdict}: {verdicts:?}"
        );
    }
}

/// A disk of two partitions with GRUB's boot code.
fn layout() -> DiskLayout {
    let mut disk = vec![0u8; 8 << 20];
    disk[0] = 0xeb;
    disk[0x180..0x18a].copy_from_slice(b"GRUB \0Geom");
    disk[446] = 0x80;
    for (at, start) in [(446, 2048u32), (462, 4096)] {
        disk[at + 4] = 0x83;
        disk[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
        disk[at + 12..at + 16].copy_from_slice(&2048u32.to_le_bytes());
    }
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    read_layout(&disk, &Budget::default()).unwrap()
}

/// The report over guests in memory, as the command prints it.
fn report(filesystems: Vec<MemoryFs>, mode: Mode) -> Value {
    let layout = layout();
    let volumes: Vec<GuestVolume<'_>> = (1..)
        .zip(filesystems)
        .map(|(number, files)| {
            let partition = layout.partition(number).cloned();
            GuestVolume::new(VolumeId::partition(0, number), 1 << 20, partition, files)
        })
        .collect();
    let disk = Disk::new(0, 8 << 20, Fact::known(layout.clone(), Vec::new()));
    let inspection = inspect_volumes(vec![disk], &volumes, &Limits::default());
    let matrix = Matrix::edition(Edition::E2026);
    let as_of = "2026-11-01".parse().unwrap();
    let verdict = judge(&inspection, &ImportRequest::new(), &matrix, mode, as_of);
    let mut document = serde_json::to_value(Preflight {
        inspection: &inspection,
        verdict: &verdict,
    })
    .unwrap();
    document["schema"] = json!({"name": "vmie.preflight", "version": 1});
    document["format_assumed"] = json!(false);
    document
}

#[test]
fn reports_of_guests_of_every_row_are_as_the_schema_says() {
    let validator = validator();
    let matrix = Matrix::edition(Edition::E2026);
    let mut count = 0;
    for row in &matrix.linux {
        let (version, service_pack, kernel) = &guests_of(row)[0];
        for machine in [Machine::X86_64, Machine::Arm64] {
            let guest = vmie_testkit::linux::Guest {
                id: &row.id,
                version,
                service_pack: *service_pack,
                kernel,
                machine,
                uuid: "11111111-2222-4333-8444-555555555555",
                filesystem: "ext4",
            };
            let files =
                guest
                    .entries()
                    .into_iter()
                    .fold(MemoryFs::new(FsKind::Ext4), |files, entry| match entry {
                        Entry::File(path, content) => files.with_file(path, content),
                        Entry::Link(path, target) => files.with_symlink(path, target),
                        Entry::Directory(path) => files.with_dir(path),
                    });
            check(&validator, &row.label(), &report(vec![files], Mode::Strict));
            count += 1;
        }
    }
    for row in &matrix.windows {
        for machine in [pe::AMD64, pe::I386, pe::ARM64] {
            let mut guest = windows::Guest::new(windows::of(&row.product), &row.editions[0]);
            guest.machine = machine;
            let volume = |files: Vec<(String, Vec<u8>)>| {
                files
                    .into_iter()
                    .fold(MemoryFs::new(FsKind::Ntfs), |fs, (path, bytes)| {
                        fs.with_file(path, bytes)
                    })
            };
            let filesystems = vec![volume(guest.boot_files()), volume(guest.files())];
            check(
                &validator,
                &row.label(),
                &report(filesystems, Mode::Practical),
            );
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn a_report_that_is_not_so_is_found() {
    let validator = validator();
    let good = report(vec![MemoryFs::new(FsKind::Ext4)], Mode::Strict);
    check(&validator, "good", &good);
    for (pointer, wrong) in [
        ("/verdict", json!("perhaps")),
        ("/findings/0/severity", json!(3)),
        ("/schema/version", json!(2)),
        ("/boot/modes", json!(["coreboot"])),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&bad), "{pointer}");
    }
    let mut more = good.clone();
    more["findings"][0]["hint"] = json!("a key that nobody published");
    assert!(!validator.is_valid(&more));
    let mut less = good;
    less.as_object_mut().unwrap().remove("systems");
    assert!(!validator.is_valid(&less));
}
