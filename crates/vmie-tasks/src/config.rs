//! What an engine can be told about its host.

use crate::order::Step;

/// How long a step may take before the engine gives its attempt up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepLimits {
    /// Seconds that a worker may say nothing, once it has started.
    pub silent: u64,
    /// Seconds that an attempt may take in all, from its start.
    pub total: u64,
}

impl StepLimits {
    /// Never.
    pub const NONE: Self = Self {
        silent: u64::MAX,
        total: u64::MAX,
    };

    const fn minutes(silent: u64, total: u64) -> Self {
        Self {
            silent: silent.saturating_mul(60),
            total: total.saturating_mul(60),
        }
    }
}

/// The limits of every step. An attempt that says nothing for too long, or is not begun by any
/// worker, has stalled: it is aborted and tried again, as often as any failure that can pass. One
/// that takes too long in all fails its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Seconds until a worker must have started on an order.
    pub queued: u64,
    /// A look at what was uploaded for a conversion task.
    pub upload: StepLimits,
    /// Opening and judging.
    pub validate: StepLimits,
    /// Converting one disk.
    pub convert: StepLimits,
    /// Changing the guest.
    pub update: StepLimits,
    /// Booting the guest.
    pub boot: StepLimits,
    /// Making the result visible.
    pub publish: StepLimits,
    /// Removing what is left.
    pub cleanup: StepLimits,
}

impl Limits {
    /// None at all, for a host that watches its work itself.
    pub const NONE: Self = Self {
        queued: u64::MAX,
        upload: StepLimits::NONE,
        validate: StepLimits::NONE,
        convert: StepLimits::NONE,
        update: StepLimits::NONE,
        boot: StepLimits::NONE,
        publish: StepLimits::NONE,
        cleanup: StepLimits::NONE,
    };

    /// Those of a step.
    #[must_use]
    pub const fn of(&self, step: Step) -> StepLimits {
        match step {
            Step::Upload(_) => self.upload,
            Step::Validate => self.validate,
            Step::Convert(_) => self.convert,
            Step::Update => self.update,
            Step::Boot => self.boot,
            Step::Publish => self.publish,
            Step::Cleanup => self.cleanup,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queued: 24 * 3600,
            upload: StepLimits::minutes(5, 30),
            validate: StepLimits::minutes(15, 4 * 60),
            convert: StepLimits::minutes(15, 48 * 60),
            update: StepLimits::minutes(15, 4 * 60),
            boot: StepLimits::minutes(15, 2 * 60),
            publish: StepLimits::minutes(15, 12 * 60),
            cleanup: StepLimits::minutes(15, 4 * 60),
        }
    }
}

/// Settings of an engine. They are not part of its records: a host may start again with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How often an order may fail for a reason that can pass before the task fails; at least 1.
    pub max_failures: u32,
    /// How many workers in a row an order may lose before the task fails; at least 1. A loss after which the
    /// work had got further than ever counts as the first. Under kills at random this many come in a row only
    /// by an order that workers die of.
    pub max_losses: u32,
    /// The wait before the second attempt after a failure, in seconds; it doubles with each further
    /// failure, and up to half of it is left out by chance (of the seed), so that what failed
    /// together does not come back together.
    pub retry_delay: u64,
    /// The longest wait, in seconds.
    pub max_retry_delay: u64,
    /// Whether an import-image goes on when its guest could be neither accepted nor refused.
    pub allow_undetermined: bool,
    /// Whether the host can boot a guest: only then is there an order for it.
    pub boots: bool,
    /// How long lists show a task after its end, in seconds (SVC-OBS-5).
    pub ended_task_visible: u64,
    /// How long a step may take.
    pub limits: Limits,
    /// Seconds between two looks at what was uploaded for a conversion task (SVC-MAN-3).
    pub upload_poll: u64,
    /// After this many seconds a conversion task without its upload is cancelled (SVC-MAN-3).
    pub conversion_expiry: u64,
    /// Seconds between two looks at the key of an encrypted import (SVC-TASK-7).
    pub key_poll: u64,
    /// Exports of each kind at once per account and Region, where the account's record names no
    /// other number (SVC-TASK-4, SVC-TASK-5).
    pub export_tasks: usize,
    /// The same for imports of each kind; the service states no number.
    pub import_tasks: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_failures: 3,
            max_losses: 8,
            retry_delay: 2,
            max_retry_delay: 60,
            allow_undetermined: false,
            boots: false,
            ended_task_visible: vmie_rules::limits::ENDED_TASK_VISIBLE,
            limits: Limits::default(),
            upload_poll: 60,
            conversion_expiry: vmie_rules::limits::CONVERSION_TASK_EXPIRY,
            key_poll: 60,
            export_tasks: vmie_rules::limits::EXPORT_TASKS,
            import_tasks: usize::MAX,
        }
    }
}
