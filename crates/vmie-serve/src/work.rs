//! The work of `vmie`'s workshop behind the orders of the service.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use vmie::work::Workshop;
use vmie_io::CancelToken;
use vmie_tasks::{Begin, Change, RecordKey, TaskId, WorkerEvent};

use crate::engine::{Found, Work};

/// The longest report that is read.
const MAX_REPORT: u64 = 8 << 20;

/// A workshop in a folder.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) shop: Workshop,
    pub(crate) root: PathBuf,
}

impl Work for Shop {
    fn perform(
        &self,
        begin: &Begin,
        cancel: &CancelToken,
        say: &mut (dyn FnMut(WorkerEvent) + Send),
    ) -> WorkerEvent {
        self.shop.perform(begin, cancel, say)
    }

    fn settle(&self, changes: &[Change]) -> Result<(), vmie::Error> {
        self.shop.settle(changes)
    }

    fn recover(
        &self,
        known: &dyn Fn(&RecordKey) -> bool,
        active: &dyn Fn(&str) -> bool,
    ) -> Result<(), vmie::Error> {
        self.shop.sweep(active)?;
        self.shop.forget(known, active)
    }

    fn found(&self) -> Result<Found, vmie::Error> {
        Ok(Found {
            tasks: self.shop.unfinished()?,
            temporary: self.shop.temporary()?,
            made: self.shop.made()?,
        })
    }

    fn unfinished(&self) -> Result<Vec<String>, vmie::Error> {
        self.shop.unfinished()
    }

    fn discard(&self, garbage: &Found) -> Result<(), vmie::Error> {
        for task in &garbage.tasks {
            self.shop.discard(task)?;
        }
        for name in &garbage.temporary {
            self.shop.remove_temporary(name)?;
        }
        garbage
            .made
            .iter()
            .try_for_each(|(key, _)| self.shop.remove(key))
    }

    fn report(&self, task: &TaskId) -> Option<Value> {
        let work = self.root.join("work").join(task.as_str());
        if let Some(report) = read(&work.join("report.json")) {
            return Some(report);
        }
        // An image is named after its task.
        fs::read_dir(&self.root).ok()?.find_map(|entry| {
            let path = entry.ok()?.path();
            let note = read(&path.join("image.json"))?;
            (note.get("name").and_then(Value::as_str) == Some(task.as_str())).then_some(note)
        })
    }
}

fn read(path: &Path) -> Option<Value> {
    let is_short = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= MAX_REPORT);
    let text = is_short.then(|| fs::read(path).ok())??;
    serde_json::from_slice(&text).ok()
}
