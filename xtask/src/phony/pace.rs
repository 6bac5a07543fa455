//! How long it takes to judge very many guests.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::AS_OF;
use crate::Result;

/// Looks at `count` disks, those that there are again and again, each by a process of its own and as many at
/// a time as there are cores.
pub(super) fn judge(vmie: &Path, images: &[PathBuf], count: usize) -> Result<()> {
    let at_once = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let failed = thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once)
            .map(|_| scope.spawn(|| work(vmie, images, count, &next)))
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().unwrap_or_else(|_| Some("a panic".into())))
            .collect::<Vec<String>>()
    });
    if let Some(error) = failed.into_iter().next() {
        return Err(error.into());
    }
    println!(
        "judged {count} guests on {} disks in {:.2?}, {at_once} at a time",
        images.len(),
        start.elapsed()
    );
    Ok(())
}

/// Takes the next disk until none is left; what went wrong.
fn work(vmie: &Path, images: &[PathBuf], count: usize, next: &AtomicUsize) -> Option<String> {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return None;
        }
        let image = images.get(number % images.len().max(1))?;
        let status = Command::new(vmie)
            .args(["preflight", "--json", "-f", "raw", "--as-of", AS_OF])
            .arg(image)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match status {
            // Accepted, or refused.
            Ok(status) if matches!(status.code(), Some(0 | 1)) => {}
            other => return Some(format!("{}: {other:?}", image.display())),
        }
    }
}
