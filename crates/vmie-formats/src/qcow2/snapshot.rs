//! Internal snapshots, listed.

use vmie_io::{Budget, ReadAt, ReadAtExt, int};
use zerocopy::FromBytes;

use super::format::{MAX_SNAPSHOT_EXTRA, RawSnapshot, SNAPSHOT_LEN};
use super::header::Header;
use crate::{Cause, Error};

/// A snapshot that an image holds beside its current state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Its id, a number as text. From hostile input: escape it before showing it.
    pub id: String,
    /// Its name, likewise.
    pub name: String,
    /// When it was made: seconds since 1970 and nanoseconds.
    pub date: (u32, u32),
    /// Bytes of the machine's state that were saved with it; zero when the disk alone was.
    pub vm_state_size: u64,
    /// Bytes of the disk at that time, where it is told.
    pub disk_size: Option<u64>,
}

/// The snapshots of an image.
pub(super) fn list(
    source: &dyn ReadAt,
    header: &Header,
    budget: &Budget,
) -> Result<Vec<Snapshot>, Error> {
    let (mut at, count) = header.snapshots;
    let mut snapshots = Vec::new();
    for _ in 0..count {
        budget.work("snapshot", 1)?;
        let (snapshot, len) = read(source, at)?;
        // Held for the image's life by the account's charge for its tables; each is bounded.
        snapshots.push(snapshot);
        at = at.saturating_add(len);
    }
    Ok(snapshots)
}

fn read(source: &dyn ReadAt, at: u64) -> Result<(Snapshot, u64), Error> {
    let fault = |field| {
        Error::new(Cause::Qcow2Snapshots)
            .at("qcow2 snapshot table", at)
            .field(field)
    };
    if at.saturating_add(SNAPSHOT_LEN) > source.len() {
        return Err(fault("entry"));
    }
    let bytes = source.read_array::<40>(at)?;
    let raw = RawSnapshot::ref_from_bytes(&bytes).map_err(|_| fault("entry"))?;
    let extra_len = raw.extra_data_size.get();
    if extra_len > MAX_SNAPSHOT_EXTRA {
        return Err(fault("extra_data_size").found(extra_len));
    }
    let (id_len, name_len) = (raw.id_str_size.get(), raw.name_size.get());
    let texts = u64::from(id_len).saturating_add(name_len.into());
    let rest_len = u64::from(extra_len).saturating_add(texts);
    let rest_at = at.saturating_add(SNAPSHOT_LEN);
    if rest_at.saturating_add(rest_len) > source.len() {
        return Err(fault("name_size").found(name_len));
    }
    let mut rest = vec![0; int::usize_of(rest_len)];
    source.read_exact_at(&mut rest, rest_at)?;
    let (extra, texts) = rest.split_at(int::usize_of(extra_len.into()).min(rest.len()));
    let (id, name) = texts.split_at(usize::from(id_len).min(texts.len()));
    let number = |from: usize| {
        let bytes = extra.get(from..)?.first_chunk::<8>()?;
        Some(u64::from_be_bytes(*bytes))
    };
    let snapshot = Snapshot {
        id: String::from_utf8_lossy(id).into_owned(),
        name: String::from_utf8_lossy(name).into_owned(),
        date: (raw.date_sec.get(), raw.date_nsec.get()),
        // Extra data has the size of the state again, in 64 bits, and then the disk's.
        vm_state_size: number(0).unwrap_or_else(|| raw.vm_state_size.get().into()),
        disk_size: number(8),
    };
    let len = SNAPSHOT_LEN.saturating_add(rest_len);
    Ok((snapshot, len.next_multiple_of(8)))
}
