//! A guest whose links and names are meant to lead out of it: nothing of the host is read, and nothing is
//! written but below the folder that was named. `data/make-farm.sh` makes it.
#![cfg(unix)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod fixtures;

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Output;

use fixtures::{code, document, run, stderr, stdout};

const OWN: &[u8] = b"the guest's own\n";

fn farm(folder: &Path) -> String {
    let image = vmie_testkit::fsimage::unpack(include_bytes!("data/farm.img.gz"));
    let path = folder.join("farm.img");
    fs::write(&path, image).unwrap();
    path.into_os_string().into_string().unwrap()
}

fn inside(command: &[&str], image: &str, path: &str) -> Output {
    let volume = ["--volume", "disk0", "-f", "raw", image, path];
    run(&[command, &volume].concat())
}

#[test]
fn no_link_shows_a_file_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let image = farm(folder.path());
    let list = document(&inside(&["ls", "--json"], &image, "/farm"), "vmie.ls");
    let links: Vec<&str> = list["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["kind"] == "symlink")
        .map(|entry| entry["path"].as_str().unwrap())
        .collect();
    assert_eq!(links.len(), 3 * 24 + 13);
    let (mut own, mut refused) = (0, 0);
    for path in links {
        let output = inside(&["cat"], &image, path);
        if code(&output) == 0 {
            assert!(
                output.stdout == OWN || output.stdout == b"beside the links\n",
                "{path}: {:?}",
                stdout(&output)
            );
            own += 1;
        } else {
            assert_eq!((code(&output), stdout(&output).as_str()), (1, ""), "{path}");
            refused += 1;
        }
        // What a link leads to is listed as what it is in the guest.
        let output = inside(&["ls", "-l"], &image, path);
        assert!(code(&output) <= 1, "{path}: {}", stderr(&output));
    }
    // Those to /etc/passwd, all but one of which start low enough, and the long one. The guest has no
    // /etc/hostname.
    assert_eq!((own, refused), (24 + 4, 2 * 24 + 9));
}

#[test]
fn links_are_listed_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let image = farm(folder.path());
    let output = inside(&["find"], &image, "/farm");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    // The folder, the file, the folders a, b and c, and the links.
    assert_eq!(stdout(&output).lines().count(), 5 + 3 * 24 + 13);
    // A name with a slash in it is no name.
    let output = inside(&["find"], &image, "/slash");
    assert_eq!((code(&output), stdout(&output).as_str()), (1, "/slash\n"));
    assert!(
        stderr(&output).contains("ext directory entry"),
        "{}",
        stderr(&output)
    );
    // The folder that has the name of a link is not found by that name, as the link is.
    let output = inside(&["ls", "-R"], &image, "/twice");
    assert_eq!(code(&output), 1);
    assert!(!stdout(&output).contains("planted"), "{}", stdout(&output));
}

#[test]
fn what_is_extracted_stays_below_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let image = farm(folder.path());
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let to = folder.path().join("out");
    let output = inside(&["extract", "--to", to.to_str().unwrap()], &image, "/");
    // Not all of it can be written.
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("/slash"), "{}", stderr(&output));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    let mut files = below(&to);
    files.sort();
    let plain = [
        "etc/os-release",
        "etc/passwd",
        "farm/file",
        "twice/samename/planted",
    ];
    let plain = plain.map(|path| to.join(path));
    let found: Vec<PathBuf> = files
        .into_iter()
        .filter(|path| !fs::symlink_metadata(path).unwrap().is_symlink())
        .collect();
    assert_eq!(found, plain);
    assert_eq!(fs::read(to.join("etc/passwd")).unwrap(), OWN);
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["farm.img", "out", "outside"]);
    // The same again, through the links that are there now: nothing is overwritten or written elsewhere.
    let output = inside(
        &["extract", "--to", to.join("farm").to_str().unwrap()],
        &image,
        "/farm",
    );
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(fs::read(to.join("etc/passwd")).unwrap(), OWN);
}

/// A file of the guest that nobody could read through in a lifetime is extracted at once.
#[test]
fn a_hole_of_many_tebibytes_is_none_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let image = vmie_testkit::fsimage::unpack(include_bytes!("data/hole.img.gz"));
    let path = folder.path().join("hole.img");
    fs::write(&path, image).unwrap();
    let to = folder.path().join("out");
    let extract = ["extract", "--to", to.to_str().unwrap()];
    let output = inside(&extract, path.to_str().unwrap(), "/");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let mut hole = fs::File::open(to.join("hole")).unwrap();
    assert_eq!(hole.metadata().unwrap().len(), (15 << 40) + 3);
    let mut ends = [[0; 5], [0; 5]];
    hole.read_exact(&mut ends[0]).unwrap();
    hole.seek(SeekFrom::End(-5)).unwrap();
    hole.read_exact(&mut ends[1]).unwrap();
    assert_eq!(ends, [*b"start", *b"\0\0end"]);
    assert_eq!(fs::read(to.join("later")).unwrap(), b"after\n");
}

/// All files below a folder but folders; links are not followed.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            files.extend(below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
