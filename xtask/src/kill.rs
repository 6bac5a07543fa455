//! Imports that are killed and started again.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::run::{build_vmie, json, sha256, text};

/// How long an undisturbed import shall take: the source is read no faster than that.
const SPREAD: Duration = Duration::from_secs(6);

pub(crate) fn run(image: &Path, times: u32, seed: u64) -> Result<()> {
    let vmie = build_vmie()?;
    let scratch = tempfile::tempdir_in(image.parent().unwrap_or(Path::new(".")))?;
    let rate = (fs::metadata(image)?.len() / SPREAD.as_secs())
        .max(1)
        .to_string();
    let store = scratch.path().join("undisturbed");
    let start = Instant::now();
    let mut child = slow_import(&vmie, &store, image, &rate)?;
    let mut window: Option<(Duration, Duration)> = None;
    let status = loop {
        if is_writing(&store) {
            let first = window.map_or(start.elapsed(), |(first, _)| first);
            window = Some((first, start.elapsed()));
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let whole = start.elapsed();
    if !status.success() {
        return Err("the undisturbed import failed".into());
    }
    let (first, last) = window.ok_or("nothing was seen being written: take a larger image")?;
    let expected = digests(&store)?;
    println!("undisturbed: {whole:?}, writing from {first:?} to {last:?}, {expected:?}");
    fs::remove_dir_all(&store)?;

    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut writing = 0;
    for turn in 1..=times {
        let store = scratch.path().join(format!("turn{turn}"));
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let fraction = (state >> 11) as f64 / (1u64 << 53) as f64;
        // Most moments lie where the disk is written, some anywhere.
        let moment = if turn % 10 == 0 {
            whole.mul_f64(fraction)
        } else {
            first + (last - first).mul_f64(fraction)
        };
        let mut child = slow_import(&vmie, &store, image, &rate)?;
        std::thread::sleep(moment);
        child.kill()?;
        child.wait()?;
        // Killed before it made its store, there is nothing to look at.
        let half = if store.exists() {
            files(&store)?
        } else {
            Vec::new()
        };
        let was_writing = half
            .iter()
            .any(|(name, len)| name.ends_with(".part") && *len > 0);
        writing += u32::from(was_writing);
        if half.iter().any(|(name, _)| is_final(name)) && !half.is_empty() {
            let whole_images = digests(&store)?;
            if whole_images.iter().any(|digest| !expected.contains(digest)) {
                return Err(
                    format!("turn {turn}: a half image under a final name: {half:?}").into(),
                );
            }
        }
        let (document, code) = import(&vmie, &store, image, "1T")?;
        let images = fs::read_dir(&store)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with("ami-"))
            .count();
        let stray: Vec<_> = files(&store)?
            .into_iter()
            .filter(|(name, _)| is_stray(&store, name))
            .collect();
        let same = digests(&store)? == expected;
        println!(
            "turn {turn}: killed after {moment:?}, writing {was_writing}, exit {code}, same digest {same}"
        );
        if code != 0 || !same || !stray.is_empty() || images != 1 {
            return Err(
                format!("turn {turn}: {images} images, stray {stray:?}: {document}").into(),
            );
        }
        fs::remove_dir_all(&store)?;
    }
    println!("kill: {times} passed, 0 failed; {writing} fell while the disk was being written");
    if writing * 10 < times * 8 {
        return Err(
            "too few kills fell while the disk was being written: take a larger image".into(),
        );
    }
    Ok(())
}

fn import(vmie: &Path, store: &Path, image: &Path, rate: &str) -> Result<(serde_json::Value, i32)> {
    let arguments = [
        "import",
        "--json",
        "--read-rate",
        rate,
        "--store",
        text(store),
        text(image),
    ];
    json(vmie, &arguments)
}

fn slow_import(vmie: &Path, store: &Path, image: &Path, rate: &str) -> Result<Child> {
    Ok(Command::new(vmie)
        .args([
            "import",
            "--json",
            "--read-rate",
            rate,
            "--store",
            text(store),
            text(image),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?)
}

/// Whether some of an unfinished disk is on the disk.
fn is_writing(store: &Path) -> bool {
    files(store).is_ok_and(|files| {
        files.iter().any(|(name, _)| {
            name.ends_with(".part") && fs::metadata(name).is_ok_and(|m| m.blocks() > 0)
        })
    })
}

/// Every file below a folder with its length.
fn files(folder: &Path) -> Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push((text(&path).to_owned(), fs::metadata(&path)?.len()));
        }
    }
    Ok(found)
}

fn is_final(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "raw")
}

/// Whether a file below the store has no business there once all tasks have ended.
fn is_stray(store: &Path, name: &str) -> bool {
    let within = Path::new(name)
        .strip_prefix(store)
        .unwrap_or(Path::new(name));
    within.starts_with("work")
        || within
            .extension()
            .is_some_and(|extension| extension == "part" || extension == "tmp")
}

/// The digests of the disks under final names.
fn digests(store: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (name, _) in files(store)? {
        if is_final(&name) {
            found.push(sha256(Path::new(&name))?);
        }
    }
    found.sort();
    Ok(found)
}
