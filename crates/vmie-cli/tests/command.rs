//! The command as people and programs see it.
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

use std::io::Read as _;
use std::process::Stdio;

use fixtures::{code, demo, document, run, stderr, stdout, vmie};
use guest::{Guest, files};
use vmie_testkit::{ova, vmdk};

#[test]
fn usage_errors_exit_64() {
    for args in [
        &["frobnicate"][..],
        &[],
        &["info"],
        &["info", "--frob", "x"],
        &["preflight", "--mode", "lenient", "x"],
        &["preflight", "--boot-mode", "coreboot", "x"],
        &["preflight", "--as-of", "yesterday", "x"],
        &["preflight", "--region", "mars-north-1", "x"],
        &["info", "-f", "floppy", "x"],
        &["import", "x"],
        &["import", "--store", "s", "--read-rate", "fast", "x"],
        &["import", "--store", "s", "--tag", "novalue", "x"],
        &[
            "import",
            "--store",
            "s",
            "--license-type",
            "BYOL",
            "--usage-operation",
            "RunInstances",
            "x",
        ],
        &["ls", "--volume", "sda1", "x"],
        &["iam"],
        &["iam", "key-policy", "--account", "me"],
        &["iam", "user-policy", "--bucket", "a b"],
        &["iam", "bucket-acl", "--region", "mars-north-1"],
    ] {
        let output = run(args);
        assert_eq!(code(&output), 64, "{args:?}");
        assert_eq!(stdout(&output), "", "{args:?}");
        assert!(
            stderr(&output).starts_with("vmie: "),
            "{args:?}: {}",
            stderr(&output)
        );
    }
    let output = run(&["info", "--json"]);
    assert_eq!(code(&output), 64);
    assert_eq!(document(&output, "vmie.error")["error"]["kind"], "usage");
    assert_eq!(stderr(&output), "");
}

/// SVC-IAM-1, -2, -3, -5, -6, -7.
#[test]
fn documents_for_iam_are_those_of_the_guide() {
    macro_rules! printed {
        ($name:literal) => {
            include_str!(concat!("../../vmie-rules/tests/iam/", $name, ".json"))
        };
    }
    let import = "amzn-s3-demo-import-bucket";
    let export = "amzn-s3-demo-export-bucket";
    for (args, expected) in [
        (&["trust-policy"][..], printed!("trust-policy")),
        (
            &["trust-policy", "--source-account", "111122223333"],
            printed!("trust-policy-source"),
        ),
        (
            &[
                "role-policy",
                "--import-bucket",
                import,
                "--export-bucket",
                export,
            ],
            printed!("role-policy"),
        ),
        (
            &["user-policy", "--bucket", import, "--bucket", export],
            printed!("user-policy"),
        ),
    ] {
        let output = run(&[&["iam"], args].concat());
        assert_eq!(code(&output), 0, "{args:?}");
        assert_eq!(stdout(&output), expected, "{args:?}");
    }
    let output = run(&["iam", "key-policy", "--account", "111122223333"]);
    let expected = printed!("key-statement").replace("accountid", "111122223333");
    assert_eq!(stdout(&output), expected);
    let output = run(&["iam", "role-policy", "--kms-key", "*", "--licenses"]);
    let document: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let part = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(document["Statement"][1], part(printed!("role-kms")));
    assert_eq!(document["Statement"][2], part(printed!("role-licenses")));
    let id = "c4d8eabf8db69dbe46bfe0e517100c554f01200b104d59cd408e777ba442a322";
    let output = run(&[
        "iam",
        "bucket-acl",
        "--region",
        "eu-west-1",
        "--owner",
        "me",
    ]);
    let acl = part(&stdout(&output));
    assert_eq!(acl["Grants"][1]["Grantee"]["ID"], id);
    assert_eq!(acl["Grants"][2]["Permission"], "WRITE");
    let output = run(&[
        "iam",
        "bucket-policy",
        "--region",
        "eu-west-1",
        "--bucket",
        export,
    ]);
    let policy = part(&stdout(&output));
    assert_eq!(policy["Statement"][1]["Principal"]["CanonicalUser"], id);
}

#[test]
fn help_and_version_are_no_errors() {
    for args in [
        &["--help"][..],
        &["help"],
        &["--version"],
        &["import", "--help"],
    ] {
        let output = run(args);
        assert_eq!(code(&output), 0, "{args:?}");
        assert!(stdout(&output).contains("vmie"), "{args:?}");
        assert_eq!(stderr(&output), "", "{args:?}");
    }
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.ova");
    let missing = missing.to_str().unwrap();
    for command in ["info", "map", "volumes", "ls", "inspect", "preflight"] {
        let output = run(&[command, missing]);
        assert_eq!(code(&output), 2, "{command}");
        assert_eq!(stdout(&output), "");
        let text = stderr(&output);
        assert!(
            text.starts_with("vmie: ") && text.contains("missing.ova"),
            "{text}"
        );
        assert!(text.contains("Check that the file is there"), "{text}");
        let output = run(&[command, "--json", missing]);
        assert_eq!(code(&output), 2, "{command}");
        let error = &document(&output, "vmie.error")["error"];
        assert_eq!(error["kind"], "io");
        assert_eq!(error["path"], missing);
        assert_eq!(stderr(&output), "");
    }
    // A VMDK that ends too early: the place is a byte offset.
    let bytes = vmdk::Builder::stream(&vmdk::sample_disk(1 << 20))
        .build()
        .bytes;
    let path = folder.path().join("short.vmdk");
    std::fs::write(&path, &bytes[..bytes.len() - 1536]).unwrap();
    let output = run(&["info", "--json", path.to_str().unwrap()]);
    assert_eq!(code(&output), 2, "{}", stdout(&output));
    let error = &document(&output, "vmie.error")["error"];
    for key in ["kind", "structure", "offset", "advice", "message"] {
        assert!(!error[key].is_null(), "{key}: {error}");
    }
    for key in ["field", "value"] {
        assert!(error.get(key).is_some(), "{key}: {error}");
    }
}

#[test]
fn info_says_what_the_service_would_say() {
    let folder = tempfile::tempdir().unwrap();
    let disk = vmdk::sample_disk(1 << 20);
    let path = folder.path().join("sparse.vmdk");
    std::fs::write(&path, vmdk::Builder::sparse(&disk).build().bytes).unwrap();
    let output = run(&["info", "--json", path.to_str().unwrap()]);
    assert_eq!(code(&output), 0);
    let info = document(&output, "vmie.info");
    assert_eq!(info["format"], "vmdk");
    assert_eq!(info["variant"], "monolithicSparse");
    assert_eq!(info["virtual_size"], 1 << 20);
    assert_eq!(info["format_assumed"], false);
    let message = "ClientError: Disk validation failed [Unsupported VMDK File Format]";
    assert_eq!(info["findings"][0]["service_message"], message);
    assert_eq!(info["findings"][0]["svc"][0], "SVC-ERR-4");

    let path = folder.path().join("disk.vmdk.gz");
    std::fs::write(&path, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3, 4]).unwrap();
    let output = run(&["info", "--json", path.to_str().unwrap()]);
    assert_eq!(code(&output), 2);
    let error = &document(&output, "vmie.error")["error"];
    assert_eq!(error["kind"], "unsupported");
    assert_eq!(error["svc"][0], "SVC-ERR-30");
}

#[test]
fn references_are_opened_only_in_the_folder_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let disk = vmdk::sample_disk(64 << 10);
    std::fs::write(inside.join("disk-flat.vmdk"), &disk).unwrap();
    let text = vmdk::descriptor_file("vmfs", &["RW 128 VMFS \"disk-flat.vmdk\""]);
    let path = inside.join("disk.vmdk");
    std::fs::write(&path, text).unwrap();
    let (path, inside) = (path.to_str().unwrap(), inside.to_str().unwrap());
    let output = run(&["info", "--json", path]);
    assert_eq!(code(&output), 2);
    let error = &document(&output, "vmie.error")["error"];
    assert_eq!(error["kind"], "reference-denied", "{error}");
    let unsupported = "ClientError: Disk validation failed [Unsupported VMDK File Format]";
    assert_eq!(error["service_message"], unsupported);
    let output = run(&["info", "--json", "--allow-references", inside, path]);
    assert_eq!(code(&output), 0);
    let info = document(&output, "vmie.info");
    assert_eq!(info["variant"], "vmfs");
    let reference = &info["disks"][0]["references"][0];
    assert_eq!(reference["kind"], "extent");
    assert_eq!(reference["name"], "disk-flat.vmdk");
    assert_eq!(info["findings"][0]["service_message"], unsupported);
    for command in ["map", "volumes", "inspect"] {
        let output = run(&[command, "--json", "--allow-references", inside, path]);
        assert_eq!(code(&output), 0, "{command}");
        assert_eq!(code(&run(&[command, "--json", path])), 2, "{command}");
    }
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let elsewhere = elsewhere.to_str().unwrap();
    let output = run(&["info", "--json", "--allow-references", elsewhere, path]);
    assert_eq!(code(&output), 2);
}

#[test]
fn raw_is_assumed_aloud_and_silenced_by_f() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    std::fs::write(&path, vec![7; 4096]).unwrap();
    let path = path.to_str().unwrap();
    let output = run(&["info", "--json", path]);
    assert_eq!(code(&output), 0);
    assert_eq!(document(&output, "vmie.info")["format_assumed"], true);
    assert!(stderr(&output).contains("-f raw"), "{}", stderr(&output));
    let output = run(&["info", "-f", "RAW", "--json", path]);
    assert_eq!(document(&output, "vmie.info")["format_assumed"], false);
    assert_eq!(stderr(&output), "");
    let output = run(&["map", "-f", "raw", "--json", path]);
    let map = document(&output, "vmie.map");
    assert_eq!(map["extents"][0]["offset"], 0);
    assert_eq!(map["extents"][0]["length"], 4096);
    assert_eq!(map["extents"][0]["kind"], "data");
}

#[test]
fn a_map_tiles_the_disk() {
    let output = run(&["map", "--json", &demo()]);
    assert_eq!(code(&output), 0);
    let map = document(&output, "vmie.map");
    let mut at = 0;
    let mut kinds = Vec::new();
    for extent in map["extents"].as_array().unwrap() {
        assert_eq!(extent["offset"].as_u64().unwrap(), at);
        at += extent["length"].as_u64().unwrap();
        kinds.push(extent["kind"].as_str().unwrap());
    }
    assert_eq!(at, map["virtual_size"].as_u64().unwrap());
    assert!(kinds.contains(&"data"));
    assert!(kinds.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn the_demo_guest_is_told_as_it_is() {
    let output = run(&["volumes", "--json", &demo()]);
    let volumes = document(&output, "vmie.volumes");
    let disk = &volumes["disks"][0];
    assert_eq!(disk["table"], "mbr");
    assert_eq!(disk["sector_size"], 512);
    let first = &disk["volumes"][0];
    assert_eq!(first["id"], "disk0p1");
    assert_eq!(first["filesystem"], "ext4");
    assert_eq!(first["bootable"], true);
    assert_eq!(disk["volumes"][2]["parent"], "disk0p2");

    let output = run(&["inspect", "--json", &demo()]);
    assert_eq!(code(&output), 0);
    let guest = document(&output, "vmie.inspect");
    let system = &guest["systems"][0];
    assert_eq!(system["os"]["family"], "linux");
    assert_eq!(system["os"]["id"], "debian");
    assert_eq!(system["os"]["arch"], "x86_64");
    assert_eq!(system["root"], "disk0p1");
    assert_eq!(system["kernels"][0]["default"], true);
    assert_eq!(guest["boot"]["modes"][0], "legacy-bios");
    assert!(!guest["evidence"].as_array().unwrap().is_empty());
}

#[test]
fn files_of_the_demo_guest_are_listed_and_read() {
    let output = run(&["cat", &demo(), "/etc/os-release"]);
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).contains("ID=debian"));
    let by_volume = run(&["cat", "--volume", "disk0p1", &demo(), "/usr/lib/os-release"]);
    assert_eq!(by_volume.stdout, output.stdout);
    let output = run(&["ls", "-l", &demo(), "/boot"]);
    assert!(stdout(&output).contains("vmlinuz-"), "{}", stdout(&output));
    let output = run(&["ls", "-R", "--json", &demo(), "/etc"]);
    let listed = document(&output, "vmie.ls");
    let entries = listed["entries"].as_array().unwrap();
    let named = |path: &str| entries.iter().find(|entry| entry["path"] == path);
    let link = named("/etc/os-release").unwrap();
    assert_eq!(link["kind"], "symlink");
    assert!(link["target"].as_str().unwrap().ends_with("os-release"));
    assert!(link["mtime"]["seconds"].as_i64().unwrap() > 0);
    assert!(link["mtime"]["nanoseconds"].is_u64());
    assert!(link.get("path_b64").is_none());
    assert_eq!(named("/etc/fstab").unwrap()["kind"], "file");
    let output = run(&["ls", "--json", &demo(), "/nowhere"]);
    assert_eq!(code(&output), 1);
    assert_eq!(document(&output, "vmie.error")["error"]["path"], "/nowhere");
    let output = run(&["cat", &demo(), "/etc"]);
    assert_eq!(code(&output), 1);
}

#[test]
fn a_verdict_is_an_exit_code() {
    let strict = [
        "preflight",
        "--json",
        "--mode",
        "strict",
        "--as-of",
        "2026-11-20",
        &demo(),
    ];
    let output = run(&["preflight", "--json", "--as-of", "2026-11-20", &demo()]);
    assert_eq!(code(&output), 0);
    let accepted = document(&output, "vmie.preflight");
    assert_eq!(accepted["verdict"], "accepted");
    assert_eq!(accepted["mode"], "practical");
    assert_eq!(accepted["edition"], "2026");
    assert_eq!(accepted["as_of"], "2026-11-20");
    assert!(accepted["row"].as_str().unwrap().starts_with("Debian 12"));
    assert_eq!(accepted["systems"][0]["os"]["id"], "debian");
    let output = run(&strict);
    assert_eq!(code(&output), 1);
    let refused = document(&output, "vmie.preflight");
    assert_eq!(refused["verdict"], "refused");
    let finding = &refused["findings"][0];
    assert_eq!(finding["severity"], "refuse");
    for key in [
        "code",
        "svc",
        "title",
        "service_message",
        "evidence",
        "remedy",
    ] {
        assert!(finding.get(key).is_some(), "{key}");
    }
    let folder = tempfile::tempdir().unwrap();
    let guest = Guest::appliance(folder.path());
    let output = run(&["preflight", guest.path.to_str().unwrap()]);
    assert_eq!(code(&output), 3, "{}", stdout(&output));
    assert!(stdout(&output).contains("undetermined"));
}

#[test]
fn a_file_that_the_service_does_not_take_is_refused_and_damage_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.raw.gz");
    std::fs::write(&path, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0]).unwrap();
    let path = path.to_str().unwrap();
    let output = run(&["preflight", "--json", path]);
    assert_eq!(code(&output), 1);
    let refused = document(&output, "vmie.preflight");
    assert_eq!(refused["verdict"], "refused");
    assert_eq!(refused["systems"].as_array().map(Vec::len), Some(0));
    let finding = &refused["findings"][0];
    assert_eq!(finding["code"], "compressed-file");
    assert_eq!(finding["svc"][0], "SVC-ERR-30");
    assert_eq!(
        finding["service_message"],
        "Disk validation failed [unsupported specified file format]"
    );
    let output = run(&["preflight", path]);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("the service says: Disk validation failed"));

    let demo = std::fs::read(demo()).unwrap();
    let path = folder.path().join("cut.ova");
    std::fs::write(&path, &demo[..4096]).unwrap();
    let output = run(&["preflight", "--json", path.to_str().unwrap()]);
    assert_eq!(code(&output), 2);
    assert!(document(&output, "vmie.error")["error"]["kind"].is_string());
}

#[test]
fn a_page_is_made_of_a_file_that_cannot_be_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let packed = write("<disk>.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0]);
    let cut = write("cut.ova", &std::fs::read(demo()).unwrap()[..4096]);
    let page = folder.path().join("page.html");
    let html = page.to_str().unwrap();
    for (image, exit, word, said) in [
        (&packed, 1, "refused", "Disk validation failed"),
        (&cut, 2, "unreadable", "cut.ova"),
    ] {
        let output = run(&["preflight", "--html", html, image]);
        assert_eq!(code(&output), exit, "{}", stderr(&output));
        let page = std::fs::read_to_string(&page).unwrap();
        assert!(page.starts_with("<!doctype html>"), "{page}");
        assert!(page.ends_with("</body></html>\n"), "{page}");
        assert!(page.contains(&format!(": {word}</title>")), "{page}");
        assert!(page.contains(said), "{page}");
        assert!(!page.contains("<disk>"), "{page}");
    }
    let nowhere = folder.path().join("none/page.html");
    let output = run(&["preflight", "--html", nowhere.to_str().unwrap(), &packed]);
    assert_eq!(code(&output), 2);
}

#[test]
fn an_import_says_where_the_image_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let store_name = store.to_str().unwrap();
    let args = [
        "import",
        "--json",
        "--store",
        store_name,
        "--tag",
        "a=b",
        &demo(),
    ];
    let output = run(&args);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let imported = document(&output, "vmie.import");
    assert!(
        imported["task_id"]
            .as_str()
            .unwrap()
            .starts_with("import-ami-")
    );
    let image = imported["image_id"].as_str().unwrap();
    assert!(image.starts_with("ami-"));
    assert_eq!(imported["report"]["verdict"], "accepted");
    let snapshots = imported["snapshots"].as_array().unwrap();
    assert_eq!(snapshots.len(), 1);
    let path = snapshots[0]["path"].as_str().unwrap();
    assert_eq!(std::fs::metadata(path).unwrap().len(), 2 << 30);
    assert_eq!(snapshots[0]["sha256"].as_str().unwrap().len(), 64);
    let note = std::fs::read_to_string(store.join(image).join("image.json")).unwrap();
    let note: serde_json::Value = serde_json::from_str(&note).unwrap();
    assert_eq!(note["disks"][0]["sha256"], snapshots[0]["sha256"]);
    assert_eq!(note["platform"], "Linux");
    assert_eq!(note["tags"][0]["key"], "a");

    let output = run(&["tasks", "--store", store_name, "--json"]);
    let tasks = document(&output, "vmie.tasks");
    assert_eq!(tasks["tasks"][0]["status"], "completed");
    let task = imported["task_id"].as_str().unwrap();
    let output = run(&["tasks", "--store", store_name, "cancel", task]);
    assert_eq!(code(&output), 1);
    let output = run(&[
        "tasks",
        "--store",
        folder.path().join("no").to_str().unwrap(),
    ]);
    assert_eq!(code(&output), 1);
    assert!(!folder.path().join("no").exists());
}

#[test]
fn a_refused_guest_is_not_imported() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let output = run(&[
        "import",
        "--store",
        store.to_str().unwrap(),
        "--mode",
        "strict",
        &demo(),
    ]);
    assert_eq!(code(&output), 1);
    let text = stdout(&output);
    assert!(
        text.contains("Verdict: refused") && text.contains("not imported"),
        "{text}"
    );
    assert_eq!(files(&store), ["journal", "lock", "vmie-store.json"]);
    let strict = ["--mode", "strict", "--json", &demo()];
    let output = vmie()
        .args(["import", "--store"])
        .arg(&store)
        .args(strict)
        .output()
        .unwrap();
    assert_eq!(code(&output), 1);
    let refused = document(&output, "vmie.import");
    assert!(refused["image_id"].is_null());
    assert_eq!(refused["report"]["verdict"], "refused");
    assert_eq!(refused["error"]["message"], refused["status_message"]);
}

#[test]
fn what_a_guest_says_does_not_steer_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let disk = vmdk::sample_disk(1 << 20);
    let file = vmdk::Builder::stream(&disk).build().bytes;
    let text = ova::descriptor(&[ova::Disk::new("d.vmdk", file.len(), disk.len())], None).replace(
        "<Name>machine</Name>",
        "<Name>ev\u{9b}il\u{202e}name</Name>",
    );
    let bytes = ova::Tar::new(ova::Style::Ustar)
        .file("machine.ovf", text.as_bytes())
        .file("d.vmdk", &file)
        .finish();
    let path = folder.path().join("evil.ova");
    std::fs::write(&path, bytes).unwrap();
    let output = run(&["info", path.to_str().unwrap()]);
    let text = stdout(&output);
    assert!(text.contains("ev\\u{9b}il\\u{202e}name"), "{text}");
    let folder = folder.path().join("a\u{1b}[31mb");
    let output = run(&["info", folder.to_str().unwrap()]);
    assert!(!stderr(&output).contains('\u{1b}'));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = vmie()
        .args(["ls", "-lR", &demo(), "/"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut one = [0; 1];
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_exact(&mut one).unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "");
}

/// An image on standard input is read once.
#[test]
fn an_image_that_comes_by_is_converted() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let pipe = |args: &[&str], input: &[u8]| {
        let mut command = vmie();
        let streams = command.args(args).stdin(Stdio::piped());
        let streams = streams.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn().unwrap();
        // Who refuses an image at its start reads no more of it.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    };
    let disk = vmdk::sample_disk(300_032);
    let stream = vmdk::Builder::stream(&disk).build().bytes;
    let archive = ova::ova(&[(stream.clone(), disk.len())], None);
    for (name, image) in [("a.raw", &stream), ("b.raw", &archive), ("c.raw", &disk)] {
        let path = folder.path().join(name);
        let path = path.to_str().unwrap();
        let output = pipe(&["convert", "-O", "raw", "-", path], image);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_eq!(std::fs::read(path).unwrap()[..300_032], disk[..]);
        let output = pipe(&["info", "--json", "-"], image);
        let document = document(&output, "vmie.info-stream");
        assert_eq!(document["disks"][0]["virtual_size"], 300_032);
    }
    let path = folder.path().join("d.raw");
    let path = path.to_str().unwrap();
    let output = pipe(&["convert", "-O", "raw", "-", path], &stream[..9000]);
    assert_eq!(code(&output), 1);
    assert!(!std::path::Path::new(path).exists());
    let output = pipe(&["convert", "-O", "vhd", "-", path], &stream);
    assert_eq!(code(&output), 64);
    let qcow2 = vmie_testkit::qcow2::Builder::new(1 << 20).build();
    let output = pipe(&["info", "-"], &qcow2);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("one pass"), "{}", stderr(&output));
}
