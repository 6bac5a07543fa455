//! What an engine can be told about its host.

/// Settings of an engine. They are not part of its records: a host may start again with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How often an order may fail for a reason that can pass before the task fails; at least 1.
    pub max_failures: u32,
    /// The wait before the second attempt after a failure, in seconds; it doubles with each further
    /// failure.
    pub retry_delay: u64,
    /// The longest wait, in seconds.
    pub max_retry_delay: u64,
    /// Whether an import-image goes on when its guest could be neither accepted nor refused.
    pub allow_undetermined: bool,
    /// Whether the host can boot a guest: only then is there an order for it.
    pub boots: bool,
    /// How long lists show a task after its end, in seconds (SVC-OBS-5).
    pub ended_task_visible: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_failures: 3,
            retry_delay: 2,
            max_retry_delay: 60,
            allow_undetermined: false,
            boots: false,
            ended_task_visible: vmie_rules::limits::ENDED_TASK_VISIBLE,
        }
    }
}
