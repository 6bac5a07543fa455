//! What is counted, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the times that are counted, in microseconds.
const BOUNDS: [u64; 11] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000, 10_000_000,
];

/// How long something took, counted by its length.
#[derive(Debug, Default)]
pub(crate) struct Times {
    counts: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Times {
    pub(crate) fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bound, count) in BOUNDS.iter().zip(&self.counts) {
            if micros <= *bound {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, help: &str) {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
        for (bound, count) in BOUNDS.iter().zip(&self.counts) {
            let count = count.load(Ordering::Relaxed);
            let _ = writeln!(out, "{name}_bucket{{le=\"{}\"}} {count}", Seconds(*bound));
        }
        let count = self.count.load(Ordering::Relaxed);
        let sum = Seconds(self.micros.load(Ordering::Relaxed));
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{name}_sum {sum}\n{name}_count {count}");
    }
}

/// Microseconds, as seconds.
struct Seconds(u64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        write!(f, "{whole}.{rest:06}")
    }
}

/// All numbers of a service.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By action and code; requests that named no action are under `-`.
    requests: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    pub(crate) request_times: Times,
    pub(crate) commit_times: Times,
    pub(crate) connections: AtomicI64,
    pub(crate) at_work: AtomicI64,
    pub(crate) waiting: AtomicI64,
    pub(crate) attempts: AtomicU64,
    pub(crate) failed_attempts: AtomicU64,
    /// Whether what was promised last could not be written yet.
    pub(crate) state_failing: AtomicBool,
}

impl Metrics {
    pub(crate) fn request(&self, action: &'static str, code: &'static str, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let count = requests.entry((action, code)).or_default();
        *count = count.saturating_add(1);
        drop(requests);
        self.request_times.add(took);
    }

    pub(crate) fn is_healthy(&self) -> bool {
        !self.state_failing.load(Ordering::Relaxed)
    }

    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let name = "vmie_requests_total";
        let _ = writeln!(
            out,
            "# HELP {name} Requests by action and code\n# TYPE {name} counter"
        );
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((action, code), count) in requests.iter() {
            let _ = writeln!(out, "{name}{{action=\"{action}\",code=\"{code}\"}} {count}");
        }
        drop(requests);
        self.request_times.write(
            &mut out,
            "vmie_request_seconds",
            "Time from a request's head to its answer",
        );
        self.commit_times.write(
            &mut out,
            "vmie_commit_seconds",
            "Time that commits of the state took",
        );
        let failing = i64::from(!self.is_healthy());
        let counter = |n: &AtomicU64| i64::try_from(n.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let gauge = |n: &AtomicI64| n.load(Ordering::Relaxed);
        for (name, kind, help, value) in [
            (
                "vmie_connections",
                "gauge",
                "Open connections",
                gauge(&self.connections),
            ),
            (
                "vmie_orders_at_work",
                "gauge",
                "Orders that are worked on",
                gauge(&self.at_work),
            ),
            (
                "vmie_orders_waiting",
                "gauge",
                "Orders that wait for a worker",
                gauge(&self.waiting),
            ),
            (
                "vmie_attempts_total",
                "counter",
                "Attempts at orders",
                counter(&self.attempts),
            ),
            (
                "vmie_attempts_failed_total",
                "counter",
                "Attempts at orders that failed",
                counter(&self.failed_attempts),
            ),
            (
                "vmie_state_failing",
                "gauge",
                "Whether the state cannot be written at the moment",
                failing,
            ),
        ] {
            let _ = writeln!(
                out,
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
            );
        }
        out
    }
}
