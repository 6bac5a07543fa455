//! A guest whose root filesystem is on a logical volume over two disks, looked into with every
//! command that does.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod fixtures;

use std::fs;
use std::path::Path;

use fixtures::{code, document, run, stderr, stdout};
use vmie_testkit::lvm::{PvImage, group, striped, volume};
use vmie_testkit::table::{MbrEntry, write_record};

const EXTENT: usize = 4096;
const START: usize = 64 << 10;
const UUIDS: [&str; 2] = [
    "AAAAAAaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "BBBBBBbbbbbbbbbbbbbbbbbbbbbbbbbb",
];

/// Two disks, each with one partition for LVM: the first half of the filesystem on the second disk.
fn disks(folder: &Path) -> [String; 2] {
    let root =
        vmie_testkit::fsimage::unpack(include_bytes!("../../vmie-fs/tests/data/ext4-4k.img.gz"));
    assert_eq!(root.len() % (2 * EXTENT), 0);
    let half = root.len() / EXTENT / 2;
    let segments = [
        striped(0, half as u64, 0, &[("pv1", 0)]),
        striped(half as u64, half as u64, 0, &[("pv0", 3)]),
    ];
    let small = volume("data", &[striped(0, 1, 0, &[("pv0", 0)])]);
    let extents = half as u32 + 3;
    let volumes = volume("root", &segments) + &small;
    let text = group("vg0", 1, &UUIDS, extents, &volumes);
    let parts = root.split_at(root.len() / 2);
    [(0, 3, parts.1), (1, 0, parts.0)].map(|(n, first, data)| {
        let mut pv = vec![0; START + extents as usize * EXTENT];
        PvImage::new(UUIDS[n], &text).write(&mut pv);
        let at = START + first * EXTENT;
        pv[at..at + data.len()].copy_from_slice(data);
        let mut disk = vec![0; 1 << 20];
        let mut entry = MbrEntry::new(0x8e, 2048, (pv.len() / 512) as u32);
        entry.flag = 0x80;
        write_record(&mut disk[..512], &[entry]);
        disk.extend(pv);
        let path = folder.join(format!("disk{n}.raw"));
        fs::write(&path, disk).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

#[test]
fn the_root_is_found_on_a_logical_volume() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = disks(folder.path());
    let output = run(&["volumes", "--json", "-f", "raw", &first, &second]);
    let volumes = document(&output, "vmie.volumes");
    let root = &volumes["disks"][0]["volumes"][1];
    assert_eq!(root["id"], "vg0/root");
    assert_eq!(
        (&root["kind"], &root["type"]),
        (&"lvm".into(), &"linear".into())
    );
    assert_eq!(
        (&root["filesystem"], &root["label"]),
        (&"ext4".into(), &"fixture".into())
    );
    assert_eq!(root["parents"], serde_json::json!(["disk0p1", "disk1p1"]));
    assert_eq!(volumes["groups"][0]["name"], "vg0");
    assert_eq!(volumes["groups"][0]["faults"], serde_json::json!([]));

    let output = run(&["inspect", "--json", "-f", "raw", &first, &second]);
    let guest = document(&output, "vmie.inspect");
    assert_eq!(guest["systems"][0]["root"], "vg0/root");
    assert_eq!(guest["systems"][0]["os"]["id"], "demo");
    assert_eq!(guest["unread"], serde_json::json!([]));
    let args = [
        "cat",
        "-f",
        "raw",
        "--with",
        &second,
        &first,
        "/etc/os-release",
    ];
    let whole = run(&args);
    assert!(stdout(&whole).starts_with("ID=demo"), "{}", stderr(&whole));
    let args = [
        "cat", "-f", "raw", "--volume", "vg0/root", "--with", &second, &first,
    ];
    let by_name = run(&[args.as_slice(), &["/etc/os-release"]].concat());
    assert_eq!(by_name.stdout, whole.stdout);
}

/// SVC-VOL-3, SVC-ERR-24.
#[test]
fn a_group_that_lacks_a_disk_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [first, _] = disks(folder.path());
    let output = run(&["preflight", "--json", "-f", "raw", &first]);
    assert_eq!(code(&output), 1);
    let verdict = document(&output, "vmie.preflight");
    let findings = verdict["findings"].as_array().unwrap();
    let finding = findings
        .iter()
        .find(|finding| finding["code"] == "volume-group-not-activated")
        .unwrap_or_else(|| panic!("{findings:?}"));
    assert_eq!(
        finding["svc"],
        serde_json::json!(["SVC-VOL-3", "SVC-ERR-24"])
    );
    let said = finding["service_message"].as_str().unwrap();
    assert!(
        said.ends_with("Logical volume group activation failed"),
        "{said}"
    );
    let evidence = finding["evidence"][0]["says"].as_str().unwrap();
    assert!(
        evidence.contains("BBBBBB-bbbb-bbbb-bbbb-bbbb-bbbb-bbbbbb"),
        "{evidence}"
    );
    // What does not need the other disk is read all the same.
    let output = run(&["volumes", "--json", "-f", "raw", &first]);
    let volumes = document(&output, "vmie.volumes");
    let listed = volumes["disks"][0]["volumes"].as_array().unwrap();
    let by_id = |id: &str| listed.iter().find(|volume| volume["id"] == id).unwrap();
    assert!(by_id("vg0/root")["error"].is_string());
    assert!(by_id("vg0/data")["error"].is_null());
}

#[test]
fn files_are_found_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = disks(folder.path());
    let find = |more: &[&str]| {
        let base = ["find", "-f", "raw", "--with", &second];
        let output = run(&[base.as_slice(), more].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stdout(&output)
    };
    assert_eq!(find(&["--name", "os-*", &first]), "/etc/os-release\n");
    assert_eq!(find(&["--type", "d", &first, "/etc"]), "/etc\n");
    assert_eq!(
        find(&["--type", "l", "--name", "fast", &first, "/data"]),
        "/data/fast\n"
    );
    let args = [
        "find", "--json", "-f", "raw", "--with", &second, "--type", "f", &first, "/etc",
    ];
    let found = document(&run(&args), "vmie.find");
    assert_eq!(found["entries"][0]["kind"], "file");
}

#[cfg(unix)]
#[test]
fn nothing_is_written_outside_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = disks(folder.path());
    let extract = |to: &Path, path: &str| {
        let to = to.to_str().unwrap();
        run(&[
            "extract", "-f", "raw", "--with", &second, "--to", to, &first, path,
        ])
    };
    let to = folder.path().join("whole");
    let output = extract(&to, "/");
    assert!(code(&output) <= 1, "{}", stderr(&output));
    let release = fs::read(to.join("etc/os-release")).unwrap();
    assert!(release.starts_with(b"ID=demo"));
    assert!(
        fs::symlink_metadata(to.join("data/fast"))
            .unwrap()
            .is_symlink()
    );
    // A second time nothing is overwritten.
    fs::write(to.join("etc/os-release"), "mine").unwrap();
    let output = extract(&to, "/etc");
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("is there already"),
        "{}",
        stderr(&output)
    );
    assert_eq!(fs::read(to.join("etc/os-release")).unwrap(), b"mine");
    // The host's own links lead nowhere.
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let trap = folder.path().join("trap");
    fs::create_dir(&trap).unwrap();
    std::os::unix::fs::symlink(&outside, trap.join("etc")).unwrap();
    assert_eq!(code(&extract(&trap, "/etc")), 1);
    std::os::unix::fs::symlink(outside.join("new"), trap.join("os-release")).unwrap();
    assert_eq!(code(&extract(&trap, "/etc/os-release")), 1);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}
