//! Comparing the files of an appliance with its manifest.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sha1::Sha1;
use sha2::{Sha256, Sha512};
use vmie_io::{CancelToken, PageBuffer, int};

use super::files::Files;
use super::manifest::{Digest, DigestAlgorithm, Manifest, ManifestEntry};
use super::tar::Member;
use crate::{Cause, Error, Progress, error_of};

/// Bytes read at once: enough that reading costs little, little enough that cancelling is quick
/// and that a buffer for each thread is nothing.
const PIECE: usize = 256 << 10;

/// What a manifest and the files say of each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// One for each line of the manifest, in its order; empty without a manifest.
    pub checks: Vec<MemberCheck>,
}

/// What came out for one file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberCheck {
    /// The file's name in the manifest.
    pub name: String,
    /// The algorithm as the manifest spells it.
    pub algorithm: String,
    /// What came out.
    pub outcome: Outcome,
    /// Byte offset of the line in the manifest.
    pub offset: u64,
}

/// What came out of comparing a file with its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The digest is the file's.
    Match,
    /// The digest is another file's.
    Mismatch {
        /// What the manifest says.
        expected: Digest,
        /// What the file has.
        found: Digest,
    },
    /// There is no such file.
    Missing,
    /// The algorithm is not known here, so nothing was compared.
    UnknownAlgorithm,
}

impl Verification {
    /// Whether every file is what the manifest says.
    ///
    /// # Errors
    /// For the first that is not: [`Cause::DigestMismatch`], [`Cause::MemberMissing`] or
    /// [`Cause::DigestAlgorithm`], with the file's name as the value found.
    pub fn ensure(&self) -> Result<(), Error> {
        for check in &self.checks {
            let cause = match check.outcome {
                Outcome::Match => continue,
                Outcome::Mismatch { .. } => Cause::DigestMismatch,
                Outcome::Missing => Cause::MemberMissing,
                Outcome::UnknownAlgorithm => Cause::DigestAlgorithm,
            };
            return Err(Error::new(cause)
                .at("manifest", check.offset)
                .found(check.name.as_str()));
        }
        Ok(())
    }
}

/// A line of the manifest and the file that it means.
struct Job<'a> {
    entry: &'a ManifestEntry,
    member: Option<&'a Member>,
}

/// What all threads share.
struct Run<'a> {
    files: &'a Files,
    jobs: Vec<Job<'a>>,
    total: u64,
    next: AtomicUsize,
    done: AtomicU64,
    results: Mutex<Vec<(usize, Result<Outcome, Error>)>>,
    progress: &'a dyn Progress,
    cancel: &'a CancelToken,
}

/// Computes the digests, each file on a thread of its own while there are enough.
pub(super) fn verify<'a>(
    files: &'a Files,
    manifest: &'a Manifest,
    member_of: impl Fn(&str) -> Option<&'a Member>,
    progress: &'a dyn Progress,
    cancel: &'a CancelToken,
) -> Result<Verification, Error> {
    let jobs: Vec<Job<'_>> = manifest
        .entries
        .iter()
        .map(|entry| Job {
            entry,
            member: member_of(&entry.name),
        })
        .collect();
    let lengths = jobs.iter().filter_map(|job| job.member).map(|m| m.len);
    let run = Run {
        files,
        total: lengths.fold(0, u64::saturating_add),
        next: AtomicUsize::new(0),
        done: AtomicU64::new(0),
        results: Mutex::default(),
        progress,
        cancel,
        jobs,
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 1..threads.min(run.jobs.len()) {
            scope.spawn(|| run.work());
        }
        run.work();
    });
    let mut results = run
        .results
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    if cancel.is_cancelled() {
        return Err(Error::new(Cause::Cancelled).in_structure("verification"));
    }
    let mut out = Verification::default();
    for ((_, outcome), job) in results.into_iter().zip(&run.jobs) {
        out.checks.push(MemberCheck {
            name: job.entry.name.clone(),
            algorithm: job.entry.algorithm_name.clone(),
            outcome: outcome?,
            offset: job.entry.offset,
        });
    }
    Ok(out)
}

impl Run<'_> {
    fn work(&self) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = self.jobs.get(index) else {
                return;
            };
            let result = self.check(job);
            self.results
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((index, result));
        }
    }

    fn check(&self, job: &Job<'_>) -> Result<Outcome, Error> {
        let Some(member) = job.member else {
            return Ok(Outcome::Missing);
        };
        let found = match job.entry.algorithm {
            Some(DigestAlgorithm::Sha1) => self.digest::<Sha1>(member)?,
            Some(DigestAlgorithm::Sha256) => self.digest::<Sha256>(member)?,
            Some(DigestAlgorithm::Sha512) => self.digest::<Sha512>(member)?,
            None => {
                self.tell(member.len);
                return Ok(Outcome::UnknownAlgorithm);
            }
        };
        if found == job.entry.digest {
            return Ok(Outcome::Match);
        }
        Ok(Outcome::Mismatch {
            expected: job.entry.digest.clone(),
            found,
        })
    }

    fn digest<D: sha2::Digest>(&self, member: &Member) -> Result<Digest, Error> {
        let file = self.files.open(member)?;
        let mut hasher = D::new();
        let mut buf = PageBuffer::new(int::min_usize(member.len, PIECE));
        let mut at = 0;
        while at < member.len {
            if self.cancel.is_cancelled() {
                return Err(Error::new(Cause::Cancelled).in_structure("verification"));
            }
            let n = int::min_usize(member.len.saturating_sub(at), PIECE);
            let piece = buf.get_mut(..n).unwrap_or_default();
            file.read_exact_at(piece, at).map_err(error_of)?;
            hasher.update(&*piece);
            at = at.saturating_add(int::u64_of(n));
            self.tell(int::u64_of(n));
        }
        Ok(Digest(hasher.finalize().to_vec()))
    }

    fn tell(&self, n: u64) {
        let done = self.done.fetch_add(n, Ordering::Relaxed).saturating_add(n);
        self.progress.update(done, self.total);
    }
}
