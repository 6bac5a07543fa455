//! Lists of tasks: filters, pages, and what a caller sees (SVC-OBS-5).

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use vmie_rules::api::ApiCode;
use vmie_rules::status::{Status, TaskState};

use super::Engine;
use super::cancel::Family;
use super::index::Place;
use super::requests::dry_run;
use crate::call::{
    Caller, DescribeConversionTasksRequest, DescribeExportImageTasksRequest,
    DescribeExportTasksRequest, DescribeRequest, Filter,
};
use crate::conversion;
use crate::export;
use crate::id::TaskKind;
use crate::image;
use crate::reply::{ApiError, Reply};
use crate::snapshot;
use crate::task::{Body, Task};
use crate::time::Timestamp;
use crate::world::World;

/// The most tasks of one answer, and the usual number.
const MAX_RESULTS: usize = 1000;

/// What a list is asked for, whichever action it is.
struct Asked<'a> {
    kind: TaskKind,
    family: Family,
    filters: &'a [Filter],
    ids: &'a [String],
    max_results: Option<i64>,
    next_token: Option<&'a str>,
}

/// A page, and where the next one goes on.
type Page<'a> = (Vec<&'a Task>, Option<String>);

impl<W: World> Engine<W> {
    pub(super) fn describe_imports(
        &self,
        now: Timestamp,
        caller: &Caller,
        kind: TaskKind,
        request: &DescribeRequest,
    ) -> Result<Reply, ApiError> {
        let asked = Asked {
            kind,
            family: Family::Import,
            filters: &request.filters,
            ids: &request.import_task_ids,
            max_results: request.max_results,
            next_token: request.next_token.as_deref(),
        };
        let (page, next_token) = self.page(now, caller, &asked)?;
        dry_run(request.dry_run)?;
        let page = page.into_iter().map(|task| (&task.head, &task.body));
        Ok(if kind == TaskKind::ImportImage {
            let views = page.filter_map(|(head, body)| match body {
                Body::ImportImage(life) => Some(image::view(head, life)),
                _ => None,
            });
            Reply::DescribeImportImageTasks {
                tasks: views.collect(),
                next_token,
            }
        } else {
            let views = page.filter_map(|(head, body)| match body {
                Body::ImportSnapshot(life) => Some(snapshot::view(head, life)),
                _ => None,
            });
            Reply::DescribeImportSnapshotTasks {
                tasks: views.collect(),
                next_token,
            }
        })
    }

    pub(super) fn describe_image_exports(
        &self,
        now: Timestamp,
        caller: &Caller,
        request: &DescribeExportImageTasksRequest,
    ) -> Result<Reply, ApiError> {
        let asked = Asked {
            kind: TaskKind::ExportImage,
            family: Family::Export,
            filters: &request.filters,
            ids: &request.export_image_task_ids,
            max_results: request.max_results,
            next_token: request.next_token.as_deref(),
        };
        let (page, next_token) = self.page(now, caller, &asked)?;
        dry_run(request.dry_run)?;
        let views = page.into_iter().filter_map(|task| match &task.body {
            Body::Export(life) => export::image_view(&task.head, life),
            _ => None,
        });
        Ok(Reply::DescribeExportImageTasks {
            tasks: views.collect(),
            next_token,
        })
    }

    /// Not paginated.
    pub(super) fn describe_exports(
        &self,
        now: Timestamp,
        caller: &Caller,
        request: &DescribeExportTasksRequest,
    ) -> Result<Reply, ApiError> {
        let family = Family::Export;
        let statuses = statuses(&request.filters)?;
        let kinds = [TaskKind::ExportInstance];
        let tasks = self.all(now, caller, family, &kinds, &request.export_task_ids)?;
        let views = tasks
            .into_iter()
            .filter(|task| statuses.contains(&task.status()))
            .filter_map(|task| match &task.body {
                Body::Export(life) => export::instance_view(&task.head, life),
                _ => None,
            });
        Ok(Reply::DescribeExportTasks {
            tasks: views.collect(),
        })
    }

    /// Neither filtered nor paginated.
    pub(super) fn describe_conversions(
        &self,
        now: Timestamp,
        caller: &Caller,
        request: &DescribeConversionTasksRequest,
    ) -> Result<Reply, ApiError> {
        let family = Family::Conversion;
        let kinds = [TaskKind::ImportInstance, TaskKind::ImportVolume];
        let tasks = self.all(now, caller, family, &kinds, &request.conversion_task_ids)?;
        dry_run(request.dry_run)?;
        let views = tasks.into_iter().filter_map(|task| match &task.body {
            Body::Conversion(life) => Some(conversion::view(&self.config, &task.head, life)),
            _ => None,
        });
        Ok(Reply::DescribeConversionTasks {
            tasks: views.collect(),
        })
    }

    /// All tasks of some kinds, or those of the given ids, in the order of creation.
    fn all(
        &self,
        now: Timestamp,
        caller: &Caller,
        family: Family,
        kinds: &[TaskKind],
        ids: &[String],
    ) -> Result<Vec<&Task>, ApiError> {
        let places: BTreeSet<Place> = if ids.is_empty() {
            kinds
                .iter()
                .flat_map(|kind| Status::ALL.map(|status| (*kind, status)))
                .flat_map(|(kind, status)| self.index.after(caller, kind, status, 0))
                .collect()
        } else {
            self.places(now, caller, family, kinds, ids)?
        };
        Ok(places
            .iter()
            .filter_map(|place| Some(&self.tasks.get(place)?.task))
            .filter(|task| self.is_visible(now, caller, task))
            .collect())
    }

    /// The places of tasks by their ids, all of which must be there.
    fn places(
        &self,
        now: Timestamp,
        caller: &Caller,
        family: Family,
        kinds: &[TaskKind],
        ids: &[String],
    ) -> Result<BTreeSet<Place>, ApiError> {
        ids.iter()
            .map(|text| {
                let id = family.parse(text).ok_or_else(|| family.unknown(text))?;
                self.visible(now, caller, &id)
                    .filter(|task| kinds.contains(&task.kind()))
                    .map(|task| task.head.sequence)
                    .ok_or_else(|| family.unknown(text))
            })
            .collect()
    }

    fn page(
        &self,
        now: Timestamp,
        caller: &Caller,
        asked: &Asked<'_>,
    ) -> Result<Page<'_>, ApiError> {
        let count = max_results(asked.max_results)?;
        let after = match asked.next_token {
            None => 0,
            Some(text) => position(asked.kind.prefix(), text).ok_or_else(invalid_token)?,
        };
        let statuses = statuses(asked.filters)?;
        let places = if asked.ids.is_empty() {
            None
        } else {
            Some(self.places(now, caller, asked.family, &[asked.kind], asked.ids)?)
        };
        let mut page = Vec::new();
        let mut more = false;
        let mut merged;
        let mut named;
        let candidates: &mut dyn Iterator<Item = Place> = match &places {
            Some(places) => {
                named = places.iter().copied().filter(|place| *place > after);
                &mut named
            }
            None => {
                merged = Merged::new(
                    statuses
                        .iter()
                        .map(|status| self.index.after(caller, asked.kind, *status, after)),
                );
                &mut merged
            }
        };
        let tasks = candidates
            .filter_map(|place| Some(&self.tasks.get(&place)?.task))
            .filter(|task| self.is_visible(now, caller, task))
            .filter(|task| statuses.contains(&task.status()));
        for task in tasks {
            if page.len() == count {
                more = true;
                break;
            }
            page.push(task);
        }
        let last = page.last().filter(|_| more);
        let next = last.map(|task| token(asked.kind.prefix(), task.head.sequence));
        Ok((page, next))
    }
}

/// Ascending iterators as one.
struct Merged<I: Iterator<Item = Place>> {
    sources: Vec<core::iter::Peekable<I>>,
}

impl<I: Iterator<Item = Place>> Merged<I> {
    fn new(sources: impl Iterator<Item = I>) -> Self {
        Self {
            sources: sources.map(Iterator::peekable).collect(),
        }
    }
}

impl<I: Iterator<Item = Place>> Iterator for Merged<I> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let first = self
            .sources
            .iter_mut()
            .filter_map(|source| Some((*source.peek()?, source)))
            .min_by_key(|(place, _)| *place);
        first?.1.next()
    }
}

/// How many to answer at once.
pub(super) fn max_results(asked: Option<i64>) -> Result<usize, ApiError> {
    let Some(asked) = asked else {
        return Ok(MAX_RESULTS);
    };
    usize::try_from(asked)
        .ok()
        .filter(|count| (1..=MAX_RESULTS).contains(count))
        .ok_or_else(|| {
            let message = format!("Value ({asked}) for MaxResults is not 1 to 1000.");
            ApiError::new(ApiCode::InvalidMaxResults, message)
        })
}

pub(super) fn invalid_token() -> ApiError {
    ApiError::new(
        ApiCode::InvalidNextToken,
        "The NextToken is not one of this list.",
    )
}

/// The statuses that all filters let through. Words of the API that no task ever has match
/// nothing (SVC-TASK-11); other words are mistakes.
fn statuses(filters: &[Filter]) -> Result<Vec<Status>, ApiError> {
    let mut left = Vec::from(Status::ALL);
    for filter in filters {
        if filter.name != "task-state" {
            let message = "The only filter is task-state.";
            return Err(ApiError::new(ApiCode::InvalidFilter, message));
        }
        let known = |word: &String| Status::accepts(word) || TaskState::from_word(word).is_some();
        if filter.values.is_empty() || !filter.values.iter().all(known) {
            let message =
                "Values of the filter task-state are active, completed, deleting and deleted.";
            return Err(ApiError::new(ApiCode::InvalidFilter, message));
        }
        left.retain(|status| {
            filter.values.iter().any(|word| {
                Status::from_word(word) == Some(*status)
                    || TaskState::from_word(word) == Some(TaskState::from(*status))
            })
        });
    }
    Ok(left)
}

/// Where a list goes on: the kind of list and the number of the last task of the answer. It tells
/// nothing of other callers' tasks: positions are looked up among one's own only.
fn token(prefix: &str, last: u64) -> String {
    format!("{prefix}{last:016x}")
}

fn position(prefix: &str, token: &str) -> Option<u64> {
    let digits = token.strip_prefix(prefix)?;
    let plain = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}
