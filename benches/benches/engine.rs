//! What the task engine costs: transitions, a page of a list beside few and many tasks, memory.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a benchmark"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use vmie::rules::format::ImageFormat;
use vmie::tasks::{
    Action, ApiCall, Begin, Caller, Config, Converted, DescribeRequest, DiskContainer, DiskFacts,
    Engine, GuestFacts, ImportSnapshotRequest, Output, SourceUrl, Timestamp, Validated, Verdict,
    Work, WorkerEvent,
};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

fn caller() -> Caller {
    Caller {
        account: "111122223333".into(),
        region: "eu-central-1".into(),
    }
}

fn request() -> ImportSnapshotRequest {
    ImportSnapshotRequest {
        description: Some("My server VM".into()),
        disk_container: Some(DiskContainer {
            description: Some("My server VMDK".into()),
            format: Some("VMDK".into()),
            url: Some(SourceUrl::new(
                "s3://amzn-s3-demo-import-bucket/vms/my-server-vm.vmdk",
            )),
            ..DiskContainer::default()
        }),
        ..ImportSnapshotRequest::default()
    }
}

fn call(engine: &mut Engine, action: Action) {
    let caller = caller();
    engine.request(NOW, ApiCall { caller, action });
}

fn import_snapshot() -> ApiCall {
    ApiCall {
        caller: caller(),
        action: Action::ImportSnapshot(request()),
    }
}

fn drain(engine: &mut Engine, begun: &mut Vec<Begin>) {
    loop {
        match engine.poll() {
            Output::Begin(begin) => begun.push(begin),
            Output::Idle { .. } => return,
            other => drop(black_box(other)),
        }
    }
}

fn end_of(begin: &Begin) -> WorkerEvent {
    match &begin.work {
        Work::Validate(_) => WorkerEvent::Validated(Validated {
            disks: vec![DiskFacts {
                container: 0,
                member: 0,
                format: ImageFormat::Vmdk,
                stored_size: 1 << 30,
                virtual_size: 8 << 30,
            }],
            guest: GuestFacts::default(),
            verdict: Verdict::Accepted,
        }),
        Work::Convert(_) => WorkerEvent::Converted(Converted {
            sha256: "ab".repeat(32),
            virtual_size: 8 << 30,
            data_bytes: 1 << 30,
        }),
        Work::PublishSnapshot(_) => WorkerEvent::Published,
        other => panic!("{other:?}"),
    }
}

/// Transitions of a life: made, started and ended three times.
const TRANSITIONS: u64 = 7;

fn live(engine: &mut Engine, call: ApiCall, begun: &mut Vec<Begin>) {
    engine.request(NOW, call);
    drain(engine, begun);
    while let Some(begin) = begun.pop() {
        engine
            .report(NOW, &begin.order, begin.attempt, WorkerEvent::Started)
            .unwrap();
        drain(engine, begun);
        engine
            .report(NOW, &begin.order, begin.attempt, end_of(&begin))
            .unwrap();
        drain(engine, begun);
    }
}

/// Bytes that the process has in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

fn with_tasks(count: usize) -> Engine {
    let mut engine = Engine::new(Config::default(), 7);
    let mut begun = Vec::new();
    for _ in 0..count {
        call(&mut engine, Action::ImportSnapshot(request()));
        drain(&mut engine, &mut begun);
        begun.clear();
    }
    engine
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let lives = 2000;
    group.throughput(Throughput::Elements(lives * TRANSITIONS));
    group.bench_function("transitions", |b| {
        // What the host makes, the requests, and what it throws away is not the engine's work.
        let prepared = || {
            let calls: Vec<ApiCall> = (0..lives).map(|_| import_snapshot()).collect();
            (Engine::new(Config::default(), 7), calls)
        };
        b.iter_batched(
            prepared,
            |(mut engine, calls)| {
                let mut begun = Vec::new();
                for call in calls {
                    live(&mut engine, call, &mut begun);
                }
                engine
            },
            BatchSize::LargeInput,
        );
    });
    group.throughput(Throughput::Elements(100));
    for count in [100, 1_000_000] {
        let before = resident();
        let mut engine = with_tasks(count);
        let bytes = resident().saturating_sub(before);
        eprintln!("{count} tasks take {} MiB", bytes >> 20);
        let mut begun = Vec::new();
        let page = DescribeRequest {
            max_results: Some(100),
            ..DescribeRequest::default()
        };
        group.bench_function(format!("a page of 100 beside {count} tasks"), |b| {
            b.iter(|| {
                call(
                    &mut engine,
                    Action::DescribeImportSnapshotTasks(page.clone()),
                );
                drain(&mut engine, &mut begun);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
