//! Engines from records.

use crate::client::{NOW, call, call_as, caller, engine, image_request};
use vmie_tasks::{
    Action, Attempt, Change, Config, Engine, Output, Record, RecordKey, ReportError, RestoreError,
    Step, WorkerEvent,
};

/// Takes a call and gives the records that it leads to.
fn records_of(engine: &mut Engine, action: Action) -> Vec<Record> {
    engine.request(
        NOW,
        vmie_tasks::ApiCall {
            caller: caller(),
            action,
        },
    );
    let mut records = Vec::new();
    loop {
        match engine.poll() {
            Output::Commit(commit) => {
                for change in commit.changes {
                    let Change::Put { record } = change else {
                        panic!("nothing is removed")
                    };
                    records.push(record);
                }
            }
            Output::Idle { .. } => return records,
            _ => {}
        }
    }
}

#[test]
fn what_was_under_way_is_begun_again_after_its_commit() {
    let records = records_of(&mut engine(), Action::ImportImage(image_request()));
    let mut again = Engine::restore(Config::default(), 99, records).unwrap();
    assert!(matches!(again.poll(), Output::Commit(commit) if commit.changes.len() == 1));
    let Output::Begin(begin) = again.poll() else {
        panic!("no order")
    };
    assert_eq!(
        (begin.order.step, begin.attempt),
        (Step::Validate, Attempt(2))
    );
    assert!(matches!(again.poll(), Output::Idle { .. }));
    let late = again.report(NOW, &begin.order, Attempt(1), WorkerEvent::Started);
    assert_eq!(late, Err(ReportError::Stale));
    assert_eq!(
        again.report(NOW, &begin.order, Attempt(2), WorkerEvent::Started),
        Ok(())
    );
}

#[test]
fn ids_go_on_where_they_were_whatever_the_seed() {
    let mut first = engine();
    let records = records_of(&mut first, Action::ImportImage(image_request()));
    let mut second = Engine::restore(Config::default(), 99, records).unwrap();
    while !matches!(second.poll(), Output::Idle { .. }) {}
    let one = call(&mut first, Action::ImportImage(image_request())).unwrap();
    let other = call(&mut second, Action::ImportImage(image_request())).unwrap();
    assert_eq!(one, other);
}

#[test]
fn no_records_make_a_new_engine() {
    let mut empty = Engine::restore(Config::default(), 7, []).unwrap();
    let (reply, _) = call_as(&mut empty, caller(), Action::ImportImage(image_request()));
    assert_eq!(
        reply,
        call(&mut engine(), Action::ImportImage(image_request()))
    );
}

#[test]
fn records_that_cannot_be_are_refused() {
    let records = records_of(&mut engine(), Action::ImportImage(image_request()));
    let task = records
        .iter()
        .find(|record| record.key() != RecordKey::Engine)
        .unwrap();
    let restore = |records: Vec<Record>| Engine::restore(Config::default(), 7, records).err();
    assert_eq!(restore(vec![task.clone()]), Some(RestoreError::NoEngine));
    let twice = [records.clone(), vec![task.clone()]].concat();
    assert_eq!(
        restore(twice),
        Some(RestoreError::Duplicate { key: task.key() })
    );

    let mut later = serde_json::to_value(task).unwrap();
    later["version"] = 3.into();
    let later: Record = serde_json::from_value(later).unwrap();
    assert_eq!(
        restore(vec![later]),
        Some(RestoreError::Version {
            key: task.key(),
            version: 3
        })
    );
}

#[test]
fn the_keys_of_records_are_words() {
    let records = records_of(&mut engine(), Action::ImportImage(image_request()));
    let keys: Vec<String> = records
        .iter()
        .map(|record| record.key().to_string())
        .collect();
    assert_eq!(keys[0], "engine");
    assert!(keys[1].starts_with("import-ami-") && keys[1].len() == 28);
}

#[test]
fn workers_that_outlive_the_engine_go_on() {
    let records = records_of(&mut engine(), Action::ImportImage(image_request()));
    let world = vmie_tasks::OpenWorld;
    let mut again =
        Engine::restore_beside(Config::default(), 99, world, records, |order, attempt| {
            (order.step, attempt) == (Step::Validate, Attempt(1))
        })
        .unwrap();
    assert!(matches!(again.poll(), Output::Idle { .. }));
    let (_, task, _) = again.tasks().next().unwrap();
    let order = vmie_tasks::OrderId {
        task: task.clone(),
        step: Step::Validate,
    };
    let heard = again.report(NOW, &order, Attempt(1), WorkerEvent::Started);
    assert_eq!(heard, Ok(()));
}

#[test]
fn the_order_of_a_lost_worker_is_begun_again_without_a_failure() {
    let mut engine = engine();
    let config = Config::default();
    records_of(&mut engine, Action::ImportImage(image_request()));
    let (_, task, _) = engine.tasks().next().unwrap();
    let order = vmie_tasks::OrderId {
        task: task.clone(),
        step: Step::Validate,
    };
    for n in 1..config.max_losses {
        assert_eq!(engine.lost(NOW, &order, Attempt(n)), Ok(()));
        assert!(matches!(engine.poll(), Output::Commit(_)));
        let Output::Begin(begin) = engine.poll() else {
            panic!("no order")
        };
        assert_eq!(
            (begin.order, begin.attempt),
            (order.clone(), Attempt(n + 1))
        );
        assert!(matches!(engine.poll(), Output::Idle { .. }));
        // It wakes up late, and is told lost twice.
        let late = engine.report(NOW, &order, Attempt(n), WorkerEvent::Started);
        assert_eq!(late, Err(ReportError::Stale));
        assert_eq!(
            engine.lost(NOW, &order, Attempt(n)),
            Err(ReportError::Stale)
        );
    }
    // One more, and it is the order that they die of.
    let last = Attempt(config.max_losses);
    assert_eq!(engine.lost(NOW, &order, last), Ok(()));
    let failure = engine.failure(&order.task).unwrap();
    assert_eq!(
        (failure.code.as_str(), failure.retryable),
        ("workers-lost", false)
    );
    assert!(
        failure
            .message
            .contains("8 of its workers in a row were lost"),
        "{}",
        failure.message
    );
    assert!(matches!(engine.poll(), Output::Commit(_)));
    let begun = std::iter::from_fn(|| match engine.poll() {
        Output::Idle { .. } => None,
        Output::Begin(begin) => Some(begin.order.step),
        _ => Some(Step::Cleanup),
    });
    // What it left is cleaned up, and nothing else is done.
    assert!(begun.into_iter().all(|step| step == Step::Cleanup));
}
