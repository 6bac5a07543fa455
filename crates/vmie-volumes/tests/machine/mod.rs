//! Disks in memory, put together.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::panic, reason = "tests may panic")]

use std::sync::Arc;

use vmie_io::{Limits, ReadAt};
use vmie_volumes::{Cause, Volume, VolumeGraph};

/// Bytes that tell where they come from.
pub(crate) fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

pub(crate) fn graph(disks: &[Vec<u8>]) -> VolumeGraph {
    let disks: Vec<Arc<dyn ReadAt>> = disks
        .iter()
        .map(|disk| -> Arc<dyn ReadAt> { Arc::new(disk.clone()) })
        .collect();
    VolumeGraph::read(&disks, &Limits::default())
}

#[track_caller]
pub(crate) fn volume<'g>(graph: &'g VolumeGraph, id: &str) -> &'g Volume {
    let id = id.parse().unwrap();
    graph.volume(&id).unwrap_or_else(|| {
        let ids: Vec<String> = graph.volumes.iter().map(|v| v.id.to_string()).collect();
        panic!("{id} is none of {ids:?}; {:?}", graph.notes)
    })
}

/// A volume holds these bytes, and keeps all promises of a source.
#[track_caller]
pub(crate) fn holds(graph: &VolumeGraph, id: &str, expected: &[u8]) {
    let volume = volume(graph, id);
    let source = volume.open().unwrap();
    assert_eq!(volume.place.len, source.len());
    vmie_testkit::conformance::read_at(&source, expected);
}

#[track_caller]
pub(crate) fn fails(graph: &VolumeGraph, id: &str) -> Cause {
    volume(graph, id).fault().unwrap().cause()
}

pub(crate) fn notes(graph: &VolumeGraph) -> Vec<(String, Cause)> {
    let notes = graph.notes.iter();
    notes
        .map(|n| (n.volume.to_string(), n.fault.cause()))
        .collect()
}

pub(crate) fn faults(graph: &VolumeGraph) -> Vec<(String, Cause)> {
    let groups = graph.groups.iter();
    let faults = groups.flat_map(|g| g.faults.iter().map(|f| (g.name.clone(), f.cause())));
    faults.collect()
}

pub(crate) fn named(list: &[(&str, Cause)]) -> Vec<(String, Cause)> {
    list.iter()
        .map(|(name, cause)| ((*name).to_owned(), *cause))
        .collect()
}
