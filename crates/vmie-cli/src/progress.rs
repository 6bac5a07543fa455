//! What a person sees while a task runs.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use vmie::tasks::{Happening, Step, TaskEvent};

use crate::out::Out;
use crate::text::Safe;

/// Bars on a terminal, nothing anywhere else.
pub(crate) struct Watch {
    bars: Option<MultiProgress>,
    by_step: BTreeMap<Step, ProgressBar>,
    stage: Option<ProgressBar>,
}

impl Watch {
    pub(crate) fn new(out: &Out) -> Self {
        Self {
            bars: out.is_watched().then(MultiProgress::new),
            by_step: BTreeMap::new(),
            stage: None,
        }
    }

    /// Shows what happened to a task.
    pub(crate) fn see(&mut self, event: &TaskEvent) {
        if matches!(event.event, Happening::Stage { .. }) {
            self.clear_steps();
        }
        let Some(bars) = &self.bars else { return };
        match &event.event {
            Happening::Stage { stage } => {
                let bar = self
                    .stage
                    .get_or_insert_with(|| bars.insert(0, ProgressBar::new_spinner()));
                bar.set_message(format!("{}: {}", event.task, stage.message()));
                bar.tick();
            }
            Happening::Progress {
                step, done, total, ..
            } => {
                let bar = self.by_step.entry(*step).or_insert_with(|| {
                    let bar = bars.add(ProgressBar::new(*total));
                    bar.set_style(style());
                    bar.set_prefix(step.to_string());
                    bar
                });
                bar.set_length(*total);
                bar.set_position(*done);
            }
            Happening::Retrying { failure, .. } => {
                // Where it cannot be shown, the task's end still tells.
                let _ = bars.println(format!("trying again: {}", Safe(&failure.detail)));
            }
            _ => {}
        }
    }

    /// Takes away the bars of steps that are over.
    fn clear_steps(&mut self) {
        for bar in std::mem::take(&mut self.by_step).into_values() {
            bar.finish_and_clear();
        }
    }

    /// Takes the bars away.
    pub(crate) fn end(&mut self) {
        self.clear_steps();
        if let Some(bar) = self.stage.take() {
            bar.finish_and_clear();
        }
        if let Some(bars) = self.bars.take() {
            let _ = bars.clear();
        }
    }
}

/// One bar on a terminal, for work that tells its bytes; nothing anywhere else.
pub(crate) struct Bar {
    bar: Option<ProgressBar>,
}

impl Bar {
    pub(crate) fn new(out: &Out, what: &'static str) -> Self {
        let bar = out.is_watched().then(|| {
            let bar = ProgressBar::new(0);
            bar.set_style(style());
            bar.set_prefix(what);
            bar
        });
        Self { bar }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl vmie::formats::Progress for Bar {
    fn update(&self, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
        }
    }
}

fn style() -> ProgressStyle {
    let template = "  {prefix:<12} [{bar:32}] {bytes:>10} of {total_bytes} {eta:>4}";
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
