//! Lists of tasks: filters, pages, and what a caller sees (SVC-OBS-5).

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use vmie_rules::api::ApiCode;
use vmie_rules::status::Status;

use super::Engine;
use super::requests::{dry_run, unknown_task};
use crate::call::{Caller, DescribeRequest, Filter};
use crate::id::{TaskId, TaskKind};
use crate::image;
use crate::reply::{ApiError, Reply};
use crate::snapshot;
use crate::task::{Body, Task};
use crate::time::Timestamp;

/// The most tasks of one answer, and the usual number.
const MAX_RESULTS: usize = 1000;

/// A list, checked.
struct Query {
    /// Nothing to filter by, or any of these.
    statuses: Option<Vec<Status>>,
    /// All tasks, or these.
    ids: Option<BTreeSet<TaskId>>,
    /// The number of the last task of the answer before.
    after: u64,
    count: usize,
}

impl Engine {
    pub(super) fn describe(
        &self,
        now: Timestamp,
        caller: &Caller,
        kind: TaskKind,
        request: &DescribeRequest,
    ) -> Result<Reply, ApiError> {
        let query = self.query(now, caller, kind, request)?;
        dry_run(request.dry_run)?;
        let mut found = self
            .index
            .after(caller, kind, query.after)
            .filter(|(_, id)| query.ids.as_ref().is_none_or(|ids| ids.contains(id)))
            .filter_map(|(sequence, id)| Some((sequence, self.visible(now, caller, id)?)))
            .filter(|(_, task)| {
                query
                    .statuses
                    .as_ref()
                    .is_none_or(|wanted| wanted.contains(&task.status()))
            });
        let page: Vec<(u64, &Task)> = found.by_ref().take(query.count).collect();
        let more = found.next().is_some();
        let last = page.last().map(|(sequence, _)| *sequence);
        let next_token = last.filter(|_| more).map(|last| token(kind, last));
        Ok(match kind {
            TaskKind::ImportImage => Reply::DescribeImportImageTasks {
                tasks: page
                    .iter()
                    .filter_map(|(_, task)| match &task.body {
                        Body::ImportImage(body) => Some(image::view(&task.head, body)),
                        Body::ImportSnapshot(_) => None,
                    })
                    .collect(),
                next_token,
            },
            TaskKind::ImportSnapshot => Reply::DescribeImportSnapshotTasks {
                tasks: page
                    .iter()
                    .filter_map(|(_, task)| match &task.body {
                        Body::ImportSnapshot(body) => Some(snapshot::view(&task.head, body)),
                        Body::ImportImage(_) => None,
                    })
                    .collect(),
                next_token,
            },
        })
    }

    fn query(
        &self,
        now: Timestamp,
        caller: &Caller,
        kind: TaskKind,
        request: &DescribeRequest,
    ) -> Result<Query, ApiError> {
        let count = match request.max_results {
            None => MAX_RESULTS,
            Some(asked) => usize::try_from(asked)
                .ok()
                .filter(|count| (1..=MAX_RESULTS).contains(count))
                .ok_or_else(|| {
                    let message = format!("Value ({asked}) for MaxResults is not 1 to 1000.");
                    ApiError::new(ApiCode::InvalidMaxResults, message)
                })?,
        };
        let after = match request.next_token.as_deref() {
            None => 0,
            Some(text) => position(kind, text).ok_or_else(|| {
                ApiError::new(
                    ApiCode::InvalidNextToken,
                    "The NextToken is not one of this list.",
                )
            })?,
        };
        let statuses = statuses(&request.filters)?;
        let mut ids = BTreeSet::new();
        for text in &request.import_task_ids {
            let id = TaskId::parse(text, kind).ok_or_else(|| unknown_task(text))?;
            self.visible(now, caller, &id)
                .ok_or_else(|| unknown_task(text))?;
            ids.insert(id);
        }
        let ids = (!ids.is_empty()).then_some(ids);
        Ok(Query {
            statuses,
            ids,
            after,
            count,
        })
    }
}

/// The statuses that all filters let through. Words of the API that no task ever has match
/// nothing (SVC-TASK-11); other words are mistakes.
fn statuses(filters: &[Filter]) -> Result<Option<Vec<Status>>, ApiError> {
    let mut left: Option<Vec<Status>> = None;
    for filter in filters {
        if filter.name != "task-state" {
            let message = "The only filter is task-state.";
            return Err(ApiError::new(ApiCode::InvalidFilter, message));
        }
        if filter.values.is_empty() || !filter.values.iter().all(|word| Status::accepts(word)) {
            let message =
                "Values of the filter task-state are active, completed, deleting and deleted.";
            return Err(ApiError::new(ApiCode::InvalidFilter, message));
        }
        let wanted = filter
            .values
            .iter()
            .filter_map(|word| Status::from_word(word));
        let wanted: Vec<Status> = match left {
            None => wanted.collect(),
            Some(left) => wanted.filter(|status| left.contains(status)).collect(),
        };
        left = Some(wanted);
    }
    Ok(left)
}

/// Where a list goes on: the kind of list and the number of the last task of the answer. It tells
/// nothing of other callers' tasks: positions are looked up among one's own only.
fn token(kind: TaskKind, last: u64) -> String {
    format!("{}{last:016x}", kind.prefix())
}

fn position(kind: TaskKind, token: &str) -> Option<u64> {
    let digits = token.strip_prefix(kind.prefix())?;
    let plain = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}
