//! Random lives of an engine and its host, each from a seed.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    missing_docs,
    dead_code,
    reason = "a test may stop where it fails, and its parts are shared with the fuzz target"
)]

mod world;

use std::cell::Cell;

use vmie_tasks::{Happening, Output, Record};
use world::World;
use world::choices::{Bytes, Seeded};

fn through_json(record: Record) -> Record {
    let text = serde_json::to_string(&record).unwrap();
    let back: Record = serde_json::from_str(&text).unwrap();
    assert_eq!(back, record);
    back
}

fn bytes_of(seed: u64, steps: u32) -> Vec<u8> {
    let mut world = World::new(Seeded(seed), through_json);
    world.run(steps);
    world
        .log
        .iter()
        .flat_map(|output| serde_json::to_vec(output).unwrap())
        .collect()
}

#[test]
fn hundreds_of_lives_keep_every_promise() {
    let mut completed = 0;
    let mut failed = 0;
    for seed in 1..=60 {
        let mut world = World::new(Seeded(seed * 0x9e37_79b9), through_json);
        world.run(60);
        for output in &world.log {
            if let Output::Event(event) = output {
                match event.event {
                    Happening::Completed { .. } => completed += 1,
                    Happening::Deleted { .. } => failed += 1,
                    _ => {}
                }
            }
        }
    }
    // A simulation in which nothing happens would prove nothing.
    assert!(
        completed > 20 && failed > 20,
        "{completed} completed, {failed} failed"
    );
}

#[test]
fn a_long_life_keeps_every_promise() {
    World::new(Seeded(99), through_json).run(500);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    for seed in 1..=25 {
        let first = bytes_of(seed * 77, 80);
        assert_eq!(first, bytes_of(seed * 77, 80));
        assert_ne!(first, bytes_of(seed * 77 + 1, 80));
    }
}

#[test]
fn the_choices_can_be_any_bytes() {
    for seed in 0..64_u8 {
        let data: Vec<u8> = (0..200_u8)
            .map(|at| at.wrapping_mul(seed | 1) ^ seed)
            .collect();
        World::new(Bytes(&data), through_json).run(500);
    }
}

/// Choices that the model test found: several conversions of one task reach their limits at one tick,
/// so that one is begun again and ended with the task in the same turn.
#[test]
fn what_ends_as_it_begins_is_neither_begun_nor_aborted() {
    let choices = include_bytes!("regressions/aborted_as_it_began.bin");
    World::new(Bytes(choices), through_json).run(200);
}

/// How many operations the model test does: `VMIE_MODEL_OPERATIONS`, few when nothing is said.
fn operations() -> u32 {
    let asked = std::env::var("VMIE_MODEL_OPERATIONS").ok();
    asked.map_or(2_000, |text| {
        text.parse().expect("VMIE_MODEL_OPERATIONS is a number")
    })
}

/// Random operations against the model: legal transitions only, exactly one end, quotas never
/// passed, no order after an end, what is rebuilt from records is what runs, every cancel ends, no
/// task is silent for longer than its limit.
#[test]
fn svc_obs_8_random_operations_agree_with_the_model() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    const EACH: u32 = 200;
    let cases = operations().div_ceil(EACH);
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    // Some five bytes are an operation.
    let bytes = proptest::collection::vec(any::<u8>(), 8 * EACH as usize);
    let done = Cell::new(Done::default());
    TestRunner::new(config)
        .run(&bytes, |bytes| {
            let mut world = World::new(Bytes(&bytes), through_json);
            world.run(EACH);
            let mut sum = done.get();
            sum.operations += world.operations;
            sum.rebuilt += world.rebuilt;
            for output in &world.log {
                match output {
                    Output::Begin(_) => sum.orders += 1,
                    Output::Event(event) => match event.event {
                        Happening::Completed { .. } => sum.completed += 1,
                        Happening::Deleted { .. } => sum.deleted += 1,
                        _ => {}
                    },
                    _ => {}
                }
            }
            done.set(sum);
            Ok(())
        })
        .unwrap();
    let done = done.get();
    println!("{cases} lives: {done:?}");
    assert!(done.operations > u64::from(cases) * u64::from(EACH) / 2);
    assert!(done.completed > 0 && done.deleted > 0);
}

/// What the model test did.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    operations: u64,
    orders: u64,
    completed: u64,
    deleted: u64,
    rebuilt: u64,
}
