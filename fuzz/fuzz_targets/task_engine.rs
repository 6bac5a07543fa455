//! A life of the task engine and its host, each choice a byte: what hosts rely on is checked
//! after every output, crashes included, and in the end every task must have ended.

#![no_main]

use vmie_tasks::Record;

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../crates/vmie-tasks/tests/world/mod.rs"]
mod world;

/// Enough for every path; more only makes a run slow.
const STEPS: u32 = 300;

fn as_it_is(record: Record) -> Record {
    record
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    world::World::new(world::choices::Bytes(data), as_it_is).run(STEPS);
});
