//! The page of a file whose disks cannot be looked into.

use vmie_rules::matrix::Mode;
use vmie_rules::{Date, SvcId};

use super::{Page, Text};

/// What there is to say of a file that is not a disk to look into.
#[derive(Clone, Debug)]
pub struct FileReport<'a> {
    /// Whether the service refuses the file for what it is; else it could not be read, and nothing is said of
    /// the guest.
    pub refused: bool,
    /// How closely the matrix would have been followed.
    pub mode: Mode,
    /// The matrix's name.
    pub edition: &'a str,
    /// The day that was judged for.
    pub as_of: Date,
    /// The stable name of the cause.
    pub code: &'a str,
    /// The points that it rests on.
    pub svc: &'a [SvcId],
    /// What is wrong with the file, and where.
    pub title: &'a str,
    /// The text that the service itself would give, where it has one.
    pub service_message: Option<&'a str>,
    /// What to do.
    pub remedy: &'a str,
}

/// Writes what is wrong with a file as one self-contained page in HTML, as [`html`](super::html) does for the
/// guest of a file that can be read. `title` is the image's name.
#[must_use]
pub fn html_of_file(title: &str, report: &FileReport<'_>) -> String {
    let (word, class, tag) = match report.refused {
        true => ("refused", "refuse", "refuses"),
        false => ("unreadable", "undetermined", "unknown"),
    };
    let mut page = Page::begun(title, word);
    page.put(format_args!(
        "<p class=\"dim\">{}, edition {}, as of {}; the file was not looked into</p>\n",
        report.mode.as_str(),
        Text(report.edition),
        report.as_of
    ));
    page.line("<h2>Findings</h2>");
    page.put(format_args!(
        "<div class=\"finding {class}\" id=\"{}\"><span class=\"tag {class}\">{tag}</span><b>{}</b>\n",
        Text(report.code),
        Text(report.title)
    ));
    if let Some(message) = report.service_message {
        page.put(format_args!(
            "<p>The service says: <code>{}</code></p>\n",
            Text(message)
        ));
    }
    if !report.remedy.is_empty() {
        page.put(format_args!("<pre>{}</pre>\n", Text(report.remedy)));
    }
    let svc: Vec<&str> = report.svc.iter().map(|id| id.as_str()).collect();
    page.put(format_args!(
        "<p class=\"dim\"><code>{}</code> {}</p></div>\n",
        Text(report.code),
        svc.join(", ")
    ));
    page.line("</body></html>");
    page.text
}
