//! How long a preflight takes from a warm cache, and how much it reads.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark"
)]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use vmie::io::{FileSource, Limits, Meter, Metered};
use vmie::{Image, ImageOptions, Judging, preflight};

fn bench(criterion: &mut Criterion) {
    let path = vmie_benches::image();
    let options = ImageOptions::new();
    let run = || {
        let image = Image::open(&path, &options).unwrap();
        preflight(&[image], &Judging::default(), &Limits::default()).unwrap()
    };
    let meter = Meter::new();
    let source = Metered::new(FileSource::open(&path).unwrap(), meter.clone());
    let image = Image::of_source(&path, Arc::new(source), &options).unwrap();
    let verdict = preflight(&[image], &Judging::default(), &Limits::default())
        .unwrap()
        .verdict;
    println!(
        "preflight of {}: {}, {} bytes in {} reads",
        path.display(),
        verdict.decision,
        meter.bytes(),
        meter.reads()
    );
    criterion.bench_function("preflight", |b| b.iter(run));
}

criterion_group!(benches, bench);
criterion_main!(benches);
