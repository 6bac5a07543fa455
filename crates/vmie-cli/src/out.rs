//! Where results, notes and progress go.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::failure::Failure;
use crate::json::Document;
use crate::text::safe_lines;

/// Results to standard output, everything else to standard error.
pub(crate) struct Out {
    json: bool,
    colour: bool,
    error_colour: bool,
}

/// What a piece of text means.
#[derive(Clone, Copy)]
pub(crate) enum Tone {
    Plain,
    Strong,
    Good,
    Bad,
    Warn,
    Dim,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Good => AnsiColor::Green.on_default().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Dim => Style::new().dimmed(),
        }
    }
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        // https://no-color.org: set and not empty.
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|value| value != "dumb");
        Self {
            json,
            colour: wanted && io::stdout().is_terminal(),
            error_colour: wanted && io::stderr().is_terminal(),
        }
    }

    /// Whether a program reads the result.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person sees what goes to standard error while it goes there.
    pub(crate) fn is_watched(&self) -> bool {
        !self.json && io::stderr().is_terminal()
    }

    /// The text in its tone, when standard output is a terminal.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        paint(self.colour, tone, text)
    }

    /// Writes the result as text, all at once.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        write_out(text.as_bytes())
    }

    /// Writes the result as one document.
    pub(crate) fn document(&self, name: &'static str, body: impl Serialize) -> Result<(), Failure> {
        let document = Document::new(name, body);
        let mut text = serde_json::to_vec_pretty(&document)
            .map_err(|error| Failure::output(io::Error::from(error)))?;
        text.push(b'\n');
        write_out(&text)
    }

    /// Tells a person something that is no result.
    pub(crate) fn note(&self, text: &str) {
        let label = paint(self.error_colour, Tone::Warn, "note:");
        write_err(&format!("vmie: {label} {}\n", safe_lines(text)));
    }

    /// Says why the command failed: as a document on standard output for programs, in words on
    /// standard error for people.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        if self.json {
            // When even this cannot be written, the exit code has to do.
            let _ = self.document("vmie.error", failure.document());
            return;
        }
        let label = paint(self.error_colour, Tone::Bad, "vmie:");
        write_err(&format!("{label} {}\n", safe_lines(&failure.sentence())));
    }
}

fn paint(colour: bool, tone: Tone, text: &str) -> String {
    if colour && !matches!(tone, Tone::Plain) {
        let style = tone.style();
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

/// Writes to standard output; a reader that went away is told apart.
pub(crate) fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(Failure::output)
}

fn write_err(text: &str) {
    // There is nowhere left to complain to.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
