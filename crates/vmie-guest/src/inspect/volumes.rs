//! Disks, their partitions, and what those are formatted as.

use std::sync::Arc;

use vmie_fs::{Filesystem, FsKind, Identity};
use vmie_io::{Budget, Limits, ReadAt};
use vmie_volumes::{Partition, VolumeId, open_partition, read_layout};

use crate::{Disk, Evidence, Fact};

/// Volumes that are looked at; a machine of 21 disks has fewer.
const MAX_VOLUMES: usize = 512;

/// Opens the files of a volume; each call gives a view of its own.
pub type Opener<'a> = Box<dyn Fn() -> Result<Box<dyn Filesystem>, vmie_fs::Error> + 'a>;

/// A volume as an inspection sees it: who it is, and how its files are opened.
pub struct GuestVolume<'a> {
    /// Its name.
    pub id: VolumeId,
    /// Bytes.
    pub size: u64,
    /// Its entry in the disk's table; `None` for a whole disk.
    pub partition: Option<Partition>,
    /// What it is formatted as; `None` when nothing known is on it.
    pub identity: Result<Option<Identity>, vmie_fs::Error>,
    /// Opens its files.
    pub open: Opener<'a>,
}

impl std::fmt::Debug for GuestVolume<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestVolume")
            .field("id", &self.id)
            .field("size", &self.size)
            .field("partition", &self.partition)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl<'a> GuestVolume<'a> {
    /// A volume whose files any number of views can be opened of, such as one in memory.
    #[must_use]
    pub fn new<F: Filesystem + Clone + 'static>(
        id: VolumeId,
        size: u64,
        partition: Option<Partition>,
        files: F,
    ) -> Self {
        Self {
            id,
            size,
            partition,
            identity: Ok(Some(files.identity().clone())),
            open: Box::new(move || Ok(Box::new(files.clone()))),
        }
    }

    fn of_source(
        id: VolumeId,
        partition: Option<Partition>,
        source: Source,
        limits: Limits,
    ) -> Self {
        Self {
            id,
            size: source.len(),
            partition,
            identity: vmie_fs::probe(&*source),
            open: Box::new(move || vmie_fs::open(Arc::clone(&source), &limits)),
        }
    }

    /// What it is formatted as, when that is known.
    #[must_use]
    pub fn kind(&self) -> Option<FsKind> {
        let identity = self.identity.as_ref().ok()?.as_ref()?;
        Some(identity.kind)
    }

    /// Whether a Linux or Windows system, or a part of one, may be on it.
    pub(super) fn may_hold_a_system(&self) -> bool {
        match &self.identity {
            Err(_) => true,
            Ok(None) => false,
            Ok(Some(identity)) => !matches!(
                identity.kind,
                FsKind::Swap
                    | FsKind::Fat12
                    | FsKind::Fat16
                    | FsKind::Fat32
                    | FsKind::ExFat
                    | FsKind::Iso9660
                    | FsKind::ExtJournal
            ),
        }
    }

    pub(super) fn is_fat(&self) -> bool {
        matches!(
            self.kind(),
            Some(FsKind::Fat12 | FsKind::Fat16 | FsKind::Fat32)
        )
    }

    /// Opens its files, or says why not in a clause.
    pub(super) fn files(&self) -> Result<Box<dyn Filesystem>, String> {
        (self.open)().map_err(|error| clause(&error))
    }
}

type Source = Arc<dyn ReadAt>;

/// An error as a clause of a sentence: what is wrong and where, without the advice.
pub(super) fn clause<C: vmie_io::Cause>(error: &vmie_io::Fault<C>) -> String {
    let mut text = error.to_string();
    let advice = format!(". {}.", error.advice());
    if text.ends_with(&advice) {
        text.truncate(text.len().saturating_sub(advice.len()));
    }
    // Which volume it is, the sentence around it says.
    match text.strip_prefix("volume: ") {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

/// Reads the tables of the disks and probes what is in them.
pub(super) fn survey(
    disks: &[Arc<dyn ReadAt>],
    limits: &Limits,
) -> (Vec<Disk>, Vec<GuestVolume<'static>>) {
    let budget = Budget::new(*limits);
    let mut found = Vec::new();
    let mut volumes = Vec::new();
    for (index, disk) in (0u32..).zip(disks) {
        let whole = VolumeId {
            disk: index,
            partition: None,
        };
        let layout = match read_layout(&**disk, &budget) {
            Ok(layout) => layout,
            Err(error) => {
                let evidence = Evidence::new(error.to_string()).on(whole);
                found.push(Disk {
                    index,
                    size: disk.len(),
                    layout: Fact::unknown(clause(&error), vec![evidence]),
                });
                continue;
            }
        };
        if layout.partitions.is_empty() {
            volumes.push(GuestVolume::of_source(
                whole,
                None,
                Arc::clone(disk),
                *limits,
            ));
        }
        for partition in layout.partitions.iter().filter(|p| p.holds_data()) {
            if volumes.len() >= MAX_VOLUMES {
                break;
            }
            let id = VolumeId {
                disk: index,
                partition: Some(partition.number),
            };
            if let Ok(window) = open_partition(Arc::clone(disk), partition) {
                let source: Source = Arc::new(window);
                let partition = Some(partition.clone());
                volumes.push(GuestVolume::of_source(id, partition, source, *limits));
            }
        }
        let says = format!(
            "a table of kind {} with {} partitions; the code in the first sector is {}",
            layout.table.name(),
            layout.partitions.len(),
            layout.boot_code.name()
        );
        let mut evidence = vec![Evidence::new(says).on(whole).offset(0)];
        for note in layout.notes.iter().take(8) {
            evidence.push(Evidence::new(note.fault.to_string()).on(whole));
        }
        found.push(Disk {
            index,
            size: disk.len(),
            layout: Fact::known(layout, evidence),
        });
    }
    (found, volumes)
}
