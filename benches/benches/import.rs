//! How long the conversion of an import takes, by bytes of the disk.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use vmie::formats::{ConvertOptions, convert};
use vmie::io::{CancelToken, FileSink, ReadAt as _};
use vmie::{Image, ImageOptions};

fn bench(criterion: &mut Criterion) {
    let image = Image::open(vmie_benches::image(), &ImageOptions::new()).unwrap();
    let disk = image.disk(0).unwrap();
    let mut group = criterion.benchmark_group("import");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Bytes(disk.len()));
    for (name, digest) in [
        ("convert to raw", true),
        ("convert to raw, no digest", false),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let folder = tempfile::tempdir().unwrap();
                let sink = FileSink::create_new(folder.path().join("disk.raw")).unwrap();
                let options = ConvertOptions::default().digest(digest);
                convert(&disk, &sink, &options, &(), &CancelToken::new()).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
