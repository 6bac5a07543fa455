//! The state in PostgreSQL, for several servers and workers on one queue.
//!
//! ```text
//!   clients ──▶ server A (has the chair: the engine)          worker 1   worker 2 …
//!   clients ──▶ server B (waits for the chair)                    │          │
//!                 │            │                                  │          │
//!                 ▼            ▼                                  ▼          ▼
//!   ┌───────────────────────────────── PostgreSQL ─────────────────────────────────┐
//!   │ advisory lock     vmie_records     vmie_orders            vmie_calls/_replies │
//!   │ held by the one   written by the   written by the chair,  calls to B, taken   │
//!   │ session that      chair, in one    claimed by workers     and answered by A   │
//!   │ may commit        transaction      with SKIP LOCKED       in its transaction  │
//!   └───────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The engine is a value that one process at a time turns. Which one is decided by the database
//! alone: the process whose *session* holds an advisory lock, and that session is the only one over
//! which it commits. So there is nothing to compare and no clock to trust:
//!
//! - A process that is killed loses its session, and the lock is granted to the next at once.
//! - A process that is stopped, or cut off, says nothing for the length of a lease. PostgreSQL ends
//!   its session then (`idle_session_timeout`, `idle_in_transaction_session_timeout`,
//!   `tcp_user_timeout`). When it wakes up, its transaction fails: it gives up the chair and forgets
//!   its engine.
//! - What was sent and not answered is done or not done before the session ends; who takes the chair
//!   reads the records after that.
//!
//! Everything that a turn of the engine leads to is one transaction: records, orders, aborts, the
//! calls that were taken and their replies. Workers outlive the engine: whoever takes the chair goes
//! on with the attempts that stand in `vmie_orders`.
//!
//! A worker claims an attempt (`FOR UPDATE SKIP LOCKED`) and renews its claim. When that has run out,
//! the chair gives the order to another worker, with the next attempt's number: no word of the
//! earlier attempt counts any more, and its files have names of its own (see `vmie::work`). A killed
//! worker counts as no failure of the task.
//!
//! Disks and buckets are folders that all processes see under any path (NFS, a cluster's filesystem).

mod address;
mod chair;
mod crew;
mod ear;
mod front;
mod office;
mod seat;
mod sql;
mod worker;

pub use address::Shared;
pub(crate) use crew::{Crew, Tools};
pub(crate) use ear::Ear;
pub(crate) use office::{Settings, start};
pub use seat::Seat;
pub use worker::{Worker, WorkerOptions};
