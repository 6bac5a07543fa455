//! How a running task presents itself: status words, status messages, progress.

use core::fmt;

/// The `Status` of an import task, as seen (SVC-OBS-1); [`Status::accepts`] knows the rest of the
/// API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Status {
    /// It runs.
    Active,
    /// It failed or was cancelled, and is being cleaned up.
    Deleting,
    /// It failed or was cancelled.
    Deleted,
    /// It has its result.
    Completed,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Active, Self::Completed, Self::Deleting, Self::Deleted];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Completed => "completed",
        }
    }

    /// The status a filter's word stands for, whatever its case (SVC-TASK-10).
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(word))
    }

    /// Whether a word is a status of the API at all (SVC-TASK-1, SVC-TASK-2, SVC-TASK-11): a
    /// client that reads answers of the real service should take these.
    #[must_use]
    pub fn accepts(word: &str) -> bool {
        const OTHERS: [&str; 5] = ["updating", "validating", "validated", "converting", "error"];
        Self::from_word(word).is_some()
            || OTHERS.iter().any(|other| other.eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The `State` of a conversion task or an instance export (SVC-TASK-3, SVC-TASK-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum TaskState {
    /// It runs.
    Active,
    /// It failed or was cancelled, and is being cleaned up.
    Cancelling,
    /// It failed or was cancelled.
    Cancelled,
    /// It has its result.
    Completed,
}

impl TaskState {
    /// Every state.
    pub const ALL: [Self; 4] = [
        Self::Active,
        Self::Cancelling,
        Self::Cancelled,
        Self::Completed,
    ];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
        }
    }

    /// The state of a word, whatever its case (SVC-TASK-10).
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Status> for TaskState {
    /// The same end in the other family's word.
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Deleting => Self::Cancelling,
            Status::Deleted => Self::Cancelled,
            Status::Completed => Self::Completed,
        }
    }
}

/// A stage of a running import, in the order of SVC-OBS-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Stage {
    /// Nothing has begun.
    Pending,
    /// The sources are opened and the guest is judged.
    Validating,
    /// The guest is accepted.
    Validated,
    /// The disks are converted (import-image).
    Converting,
    /// The disk is converted (import-snapshot).
    DownloadingConverting,
    /// The guest is changed.
    Updating,
    /// The guest is changed and not yet booted.
    Updated,
    /// A boot of the guest is prepared.
    PreparingToBoot,
    /// The guest boots.
    Booting,
    /// The guest has booted.
    Booted,
    /// The image is made.
    PreparingAmi,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::Validating,
        Self::Validated,
        Self::Converting,
        Self::DownloadingConverting,
        Self::Updating,
        Self::Updated,
        Self::PreparingToBoot,
        Self::Booting,
        Self::Booted,
        Self::PreparingAmi,
    ];

    /// The `StatusMessage`.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Validating => "validating",
            Self::Validated => "validated",
            Self::Converting => "converting",
            Self::DownloadingConverting => "downloading/converting",
            Self::Updating => "updating",
            Self::Updated => "updated",
            Self::PreparingToBoot => "preparing to boot",
            Self::Booting => "booting",
            Self::Booted => "booted",
            Self::PreparingAmi => "preparing ami",
        }
    }

    /// The first and the last `Progress` of the stage, in percent (SVC-OBS-2). Stages that the
    /// observations leave out lie between their neighbours.
    #[must_use]
    pub const fn progress(self) -> (u8, u8) {
        match self {
            Self::Pending => (1, 3),
            Self::Validating => (4, 7),
            Self::Validated => (8, 8),
            Self::Converting => (9, 28),
            Self::DownloadingConverting => (19, 22),
            Self::Updating => (29, 40),
            Self::Updated => (41, 41),
            Self::PreparingToBoot => (42, 42),
            Self::Booting => (43, 61),
            Self::Booted => (62, 62),
            Self::PreparingAmi => (63, 84),
        }
    }

    /// The first and the last `Progress` of a stage of an export, in percent (SVC-OBS-2).
    #[must_use]
    pub const fn export_progress(self) -> (u8, u8) {
        match self {
            Self::Pending | Self::Validating | Self::Validated => (0, 0),
            Self::Updating | Self::Updated => (21, 21),
            _ => (80, 85),
        }
    }

    /// The `Progress` of the stage when `done` of `total` units are done, in percent. More done
    /// than there is counts as all of it; a total of 0 is the stage's beginning.
    #[must_use]
    pub fn progress_at(self, done: u64, total: u64) -> u8 {
        Self::between(self.progress(), done, total)
    }

    /// The same for a stage of an export.
    #[must_use]
    pub fn export_progress_at(self, done: u64, total: u64) -> u8 {
        Self::between(self.export_progress(), done, total)
    }

    fn between((first, last): (u8, u8), done: u64, total: u64) -> u8 {
        let width = u128::from(last.saturating_sub(first));
        let gained = width.saturating_mul(u128::from(done.min(total)));
        let gained = gained.checked_div(u128::from(total)).unwrap_or(0);
        u8::try_from(gained)
            .unwrap_or(0)
            .saturating_add(first)
            .min(last)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_grows_from_stage_to_stage() {
        let mut last = 0;
        for stage in Stage::ALL {
            let (first, end) = stage.progress();
            if stage != Stage::DownloadingConverting {
                assert!(first > last && end >= first, "{stage}");
                last = end;
            }
        }
        assert!(last < 100);
    }

    #[test]
    fn progress_within_a_stage_stays_within_it() {
        assert_eq!(Stage::Converting.progress_at(0, 100), 9);
        assert_eq!(Stage::Converting.progress_at(50, 100), 18);
        assert_eq!(Stage::Converting.progress_at(100, 100), 28);
        assert_eq!(Stage::Converting.progress_at(u64::MAX, 1), 28);
        assert_eq!(Stage::Converting.progress_at(u64::MAX, u64::MAX), 28);
        assert_eq!(Stage::Converting.progress_at(5, 0), 9);
    }

    #[test]
    fn status_words_are_taken_in_any_case() {
        assert_eq!(Status::from_word("Active"), Some(Status::Active));
        assert_eq!(Status::from_word("error"), None);
        assert!(Status::accepts("error") && Status::accepts("validated"));
        assert!(!Status::accepts("done"));
    }
}
