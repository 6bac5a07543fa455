//! Writes the seeds of the fuzz targets: `cargo run -p vmie-testkit --example make_seeds -- fuzz/seeds`.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a tool for developers, which may stop with a panic"
)]

use std::path::{Path, PathBuf};

use vmie_testkit::ova::{self, Style, Tar};
use vmie_testkit::sparse::Sparse;
use vmie_testkit::{qcow2, vdi, vhd, vhdx, vmdk};

fn main() {
    let folder: PathBuf = std::env::args_os().nth(1).expect("a folder").into();
    for (name, bytes) in vmdk_seeds() {
        write(&folder, "vmdk", name, &bytes);
        write(&folder, "probe", name, &bytes);
    }
    for (name, bytes) in vmdk_descriptor_seeds() {
        write(&folder, "vmdk_descriptor", name, &bytes);
    }
    for (name, bytes) in ova_seeds() {
        write(&folder, "ova", name, &bytes);
        write(&folder, "probe", name, &bytes);
    }
    for (name, bytes) in qcow2_seeds() {
        write(&folder, "qcow2", name, &bytes);
        write(&folder, "probe", name, &bytes);
    }
    for (name, bytes) in vdi_seeds() {
        write(&folder, "vdi", name, &bytes);
        write(&folder, "probe", name, &bytes);
    }
    for (name, bytes) in vhd_seeds() {
        write(&folder, "vhd", name, &[b"\x01", &bytes[..]].concat());
        if name == "fixed-511" {
            write(&folder, "probe", "vhd", &bytes);
        }
    }
    for (name, bytes) in vhdx_seeds() {
        write(
            &folder,
            "vhdx",
            name,
            &[b"\x01", &Sparse::pack(&bytes)[..]].concat(),
        );
    }
    for (name, text) in ovf_seeds() {
        write(&folder, "ovf", name, text.as_bytes());
    }
}

fn write(folder: &Path, target: &str, name: &str, bytes: &[u8]) {
    let folder = folder.join(target);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
}

/// Small grains and tables keep the files small and bring every part within reach of a mutation.
fn small(builder: vmdk::Builder) -> vmdk::Builder {
    builder.grain_sectors(8).entries(4)
}

fn vmdk_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let disk = vmdk::sample_disk(40_000);
    let stream = small(vmdk::Builder::stream(&disk));
    vec![
        ("stream", stream.clone().build().bytes),
        (
            "stream-front-directory",
            stream
                .clone()
                .directory_at_end(false)
                .version(1)
                .build()
                .bytes,
        ),
        (
            "stream-no-footer",
            stream.clone().footer(false).build().bytes,
        ),
        (
            "stream-zeroes-reversed",
            stream
                .mark_zeroes(true)
                .reverse(true)
                .version(2)
                .build()
                .bytes,
        ),
        (
            "sparse",
            small(vmdk::Builder::sparse(&vmdk::sample_disk(9000)))
                .build()
                .bytes,
        ),
        (
            "descriptor",
            vmdk::descriptor("monolithicFlat").into_bytes(),
        ),
        (
            "sparse-redundant",
            small(vmdk::Builder::sparse(&vmdk::sample_disk(9000)))
                .redundant(true)
                .mark_zeroes(true)
                .build()
                .bytes,
        ),
        ("cowd", vmdk::cowd(&disk[..4096], 2)),
        ("sesparse", vmdk::sesparse(&disk[..8192], 1, true)),
    ]
}

/// A text, a NUL, and the bytes of every file that the text names.
fn vmdk_descriptor_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let disk = vmdk::sample_disk(8 * 512);
    let sparse = small(vmdk::Builder::sparse(&disk)).descriptor(None).build();
    let stream = small(vmdk::Builder::stream(&disk)).build();
    let text = |kind: &str, lines: &[&str]| vmdk::descriptor_file(kind, lines);
    let child = vmdk::descriptor("monolithicSparse");
    let parent = small(vmdk::Builder::sparse(&disk)).descriptor(Some(&child));
    let seed = |text: String, file: &[u8]| [text.as_bytes(), &[0], file].concat();
    vec![
        (
            "flat",
            seed(
                text("monolithicFlat", &["RW 8 FLAT \"a\" 0", "RW 2 ZERO"]),
                &disk,
            ),
        ),
        (
            "two-sparse",
            seed(
                text(
                    "twoGbMaxExtentSparse",
                    &["RW 8 SPARSE \"a\"", "RW 7 SPARSE \"b\""],
                ),
                &sparse.bytes,
            ),
        ),
        (
            "mixed",
            seed(
                text("custom", &["RW 8 SPARSE \"a\"", "RW 5 FLAT \"a\" 2"]),
                &stream.bytes,
            ),
        ),
        (
            "cowd",
            seed(
                text("vmfsSparse", &["RW 8 VMFSSPARSE \"a\""]),
                &vmdk::cowd(&disk, 2),
            ),
        ),
        (
            "sesparse",
            seed(
                text("seSparse", &["RW 8 SESPARSE \"a\""]),
                &vmdk::sesparse(&disk, 1, true),
            ),
        ),
        (
            "child",
            seed(
                vmdk::child_of(&text("custom", &["RW 6 SPARSE \"a\""]), "p"),
                &parent.build().bytes,
            ),
        ),
        (
            "device",
            seed(
                text(
                    "partitionedDevice",
                    &["RW 63 FLAT \"/dev/sda\" 0 partitionUUID \"x\""],
                ),
                &disk,
            ),
        ),
    ]
}

fn ova_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let disk = vmdk::sample_disk(9000);
    let file = small(vmdk::Builder::stream(&disk)).build().bytes;
    let text = ova::descriptor(
        &[ova::Disk::new("disk1.vmdk", file.len(), disk.len())],
        None,
    );
    let styled = |style| {
        Tar::new(style)
            .file("f/m.ovf", text.as_bytes())
            .file("f/disk1.vmdk", &file)
            .file("f/m.mf", ova::sha1_line("disk1.vmdk", &file).as_bytes())
            .finish()
    };
    vec![
        ("ova", ova::ova(&[(file.clone(), disk.len())], Some("efi"))),
        ("ova-pax", styled(Style::Pax)),
        ("ova-gnu", styled(Style::Gnu)),
        ("ova-v7", styled(Style::V7)),
    ]
}

fn qcow2_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let small = || qcow2::Builder::new(9 * 512 + 100).cluster_bits(9);
    let parts = qcow2::Builder::new(40_000).cluster_bits(14).extended();
    let packed = || qcow2::Builder::new(3 * 4096).cluster_bits(12);
    vec![
        (
            "qcow2",
            small().cluster(0, b"x").zero(1).snapshot("1", "s").build(),
        ),
        ("qcow2-v2", small().version(2).cluster(3, b"x").build()),
        (
            "qcow2-backed",
            small().backing("b", Some("raw")).cluster(1, b"x").build(),
        ),
        ("qcow2-data-file", small().data_file("d", true).build()),
        ("qcow2-parts", parts.parts(0, b"x", 5, 0x10).build()),
        ("qcow2-deflate", packed().compressed(1, &[7; 4096]).build()),
        (
            "qcow2-zstd",
            packed().zstd().compressed(1, &[7; 4096]).build(),
        ),
    ]
}

fn vdi_seeds() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (
            "vdi",
            vdi::Builder::new(5000)
                .block_size(512, 0)
                .block(2, b"x")
                .zero(3)
                .build(),
        ),
        (
            "vdi-child",
            vdi::Builder::new(5000)
                .block_size(1024, 512)
                .kind(4)
                .block(1, b"x")
                .build(),
        ),
    ]
}

fn ovf_seeds() -> Vec<(&'static str, String)> {
    let two = [
        ova::Disk::new("a.vmdk", 1000, 5 << 20),
        ova::Disk {
            file_attributes: " ovf:chunkSize=\"500\" ovf:compression=\"gzip\"".to_owned(),
            ..ova::Disk::new("b&amp;.vmdk", 1000, 5 << 20)
        },
    ];
    vec![
        ("two-disks", ova::descriptor(&two, Some("efi"))),
        ("none", ova::descriptor(&[], None)),
    ]
}

/// One byte before the file says whether its checksums are made right.
fn vhd_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let disk = vmdk::sample_disk(9000);
    let dynamic = vhd::Builder::dynamic(&disk);
    let some: Vec<bool> = (0..18).map(|sector| sector % 3 != 1).collect();
    let child = vhd::Builder::differencing(&disk, &some);
    let locators = child
        .clone()
        .locator(*b"W2ru", vhd::utf16(".\\parent.vhd"))
        .locator(*b"MacX", b"file://localhost/parent.vhd".to_vec());
    vec![
        ("fixed", vhd::Builder::fixed(&disk[..3000]).build().bytes),
        (
            "fixed-511",
            vhd::Builder::fixed(b"x").short_footer().build().bytes,
        ),
        ("dynamic", dynamic.build().bytes),
        (
            "dynamic-bitmaps",
            dynamic.clone().written(&some).reverse().build().bytes,
        ),
        (
            "dynamic-batmap",
            dynamic.clone().batmap().saved_state().build().bytes,
        ),
        ("dynamic-copy", dynamic.clone().no_end().build().bytes),
        (
            "geometry",
            dynamic.creator(*b"vpc ").geometry(1, 4, 4).build().bytes,
        ),
        ("child", child.build().bytes),
        ("child-locators", locators.build().bytes),
    ]
}

/// One byte before the file says whether its checksums are made right; the file is packed.
fn vhdx_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let dynamic = vhdx::Builder::dynamic(b"the first block");
    let mut long = vec![0; 3 << 20];
    long[..9].copy_from_slice(b"the start");
    let child = vhdx::Builder::differencing(&long, &[true, false, true]);
    let mut log = dynamic.clone().log().build();
    let table = log[vhdx::BAT..vhdx::BAT + 4096].to_vec();
    let change = |number, changes| vhdx::Entry {
        number,
        tail: 0,
        flushed: 0,
        last: 0,
        changes,
    };
    let zero = vhdx::Change::Zero(vhdx::BAT as u64, 8192);
    vhdx::put_log(&mut log, 0, &change(1, vec![zero]).bytes());
    let data = vhdx::Change::Data(vhdx::BAT as u64, table);
    vhdx::put_log(&mut log, 4096, &change(2, vec![data]).bytes());
    vec![
        ("dynamic", dynamic.build()),
        ("fixed", vhdx::Builder::fixed(b"x").block_mib(2).build()),
        (
            "sectors-4096",
            dynamic.clone().sector(4096).sequence(5, 5).build(),
        ),
        (
            "states",
            vhdx::Builder::dynamic(&long)
                .state(1, 2)
                .state(2, 3)
                .build(),
        ),
        ("child", child.state(2, 1).build()),
        ("log", log),
    ]
}
