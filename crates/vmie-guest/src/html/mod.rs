//! The report as one page that needs nothing else: no script, no font, no picture from elsewhere.

mod file;

use std::fmt::{self, Write as _};

use vmie_fs::FsKind;
use vmie_volumes::{PartitionRole, VolumeId};

use crate::{
    Disk, Evidence, Fact, FilesystemFacts, Finding, Inspection, Severity, System, Verdict,
};

pub use file::{FileReport, html_of_file};

const STYLE: &str = include_str!("style.css");

/// Partitions that are drawn of one disk.
const MAX_PARTS: usize = 128;
/// The smallest gap that is drawn, as a part of the disk: 0.2 %.
const SMALLEST_GAP: u64 = 500;

/// Writes an inspection and its verdict as one self-contained page in HTML: the verdict, each disk
/// drawn to scale with its partitions, filesystems and what is free in them, the findings, the
/// facts. Whatever the guest says is escaped.
///
/// `title` is what to call the guest: the image's name.
#[must_use]
pub fn html(title: &str, inspection: &Inspection, verdict: &Verdict) -> String {
    let mut page = Page::begun(title, verdict.decision.name());
    judged(&mut page, verdict);
    if !inspection.disks.is_empty() {
        page.line("<h2>Disks</h2>");
    }
    for disk in &inspection.disks {
        self::disk(&mut page, disk, inspection);
    }
    page.line("<h2>Findings</h2>");
    if !verdict.findings.is_empty() {
        counts(&mut page, verdict);
    }
    if verdict.findings.is_empty() {
        page.line("<p>There is nothing to say against an import.</p>");
    }
    for finding in &verdict.findings {
        self::finding(&mut page, finding);
    }
    for system in &inspection.systems {
        self::system(&mut page, system);
    }
    for unread in &inspection.unread {
        page.put(format_args!(
            "<p><code>{}</code> could not be read: {}</p>\n",
            unread.volume,
            Text(&unread.why)
        ));
    }
    page.line("</body></html>");
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// A page up to its title and the one word that it comes to.
    fn begun(title: &str, word: &str) -> Self {
        let mut page = Self::default();
        page.line("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
        page.line("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
        page.put(format_args!("<title>{}: {word}</title>\n", Text(title)));
        page.put(format_args!("<style>\n{STYLE}</style></head><body>\n"));
        page.put(format_args!(
            "<h1>{}</h1>\n<p><span class=\"verdict {word}\">{word}</span></p>\n",
            Text(title)
        ));
        page
    }

    fn put(&mut self, arguments: fmt::Arguments<'_>) {
        // Writing to a text does not fail.
        let _ = self.text.write_fmt(arguments);
    }

    fn line(&mut self, html: &str) {
        self.text.push_str(html);
        self.text.push('\n');
    }

    fn row(&mut self, name: &str, value: impl fmt::Display) {
        self.put(format_args!("<tr><th>{name}</th><td>{value}</td></tr>\n"));
    }
}

/// A text with everything escaped that HTML or a terminal takes for more than text.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' => f.write_str(" ")?,
                // Controls, and marks that turn the direction of the text around.
                c if c.is_control()
                    || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
                {
                    f.write_str("\u{fffd}")?;
                }
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A size for people, to a tenth of its unit.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
            let tenths = u128::from(self.0).saturating_mul(10) >> shift;
            if tenths >= 10 {
                let (whole, tenth) = (tenths / 10, tenths % 10);
                return match tenth {
                    0 => write!(f, "{whole} {unit}"),
                    tenth => write!(f, "{whole}.{tenth} {unit}"),
                };
            }
        }
        write!(f, "{} bytes", self.0)
    }
}

/// How it was judged.
fn judged(page: &mut Page, verdict: &Verdict) {
    let row = match &verdict.row {
        Some(row) => format!("row of the matrix: {}", Text(row)),
        None => "no row of the matrix".to_owned(),
    };
    page.put(format_args!(
        "<p class=\"dim\">{}, edition {}, as of {}; {row}</p>\n",
        verdict.mode.as_str(),
        Text(&verdict.edition),
        verdict.as_of
    ));
}

/// How many findings of which weight there are.
fn counts(page: &mut Page, verdict: &Verdict) {
    page.line("<p>");
    for (class, one, many) in [
        ("refuse", "refuses", "refuse"),
        ("undetermined", "is unknown", "are unknown"),
        ("change", "will be changed", "will be changed"),
        ("advise", "is advice", "are advice"),
    ] {
        let count = verdict
            .findings
            .iter()
            .filter(|finding| weight(finding).0 == class)
            .count();
        if count > 0 {
            let words = if count == 1 { one } else { many };
            page.put(format_args!(
                "<span class=\"count {class}\"><b>{count}</b> {words}</span>\n"
            ));
        }
    }
    page.line("</p>");
}

/// The class of a finding, and the word for it.
fn weight(finding: &Finding) -> (&'static str, &'static str) {
    match finding.severity {
        _ if finding.is_undetermined() => ("undetermined", "unknown"),
        Severity::Refuse => ("refuse", "refuses"),
        Severity::Change => ("change", "will be changed"),
        Severity::Advise => ("advise", "advice"),
    }
}

/// A piece of a disk's bar.
struct Part<'a> {
    start: u64,
    len: u64,
    name: String,
    filesystem: Option<&'a FilesystemFacts>,
    class: &'static str,
}

fn class_of(filesystem: Option<&FilesystemFacts>, role: PartitionRole) -> &'static str {
    match (filesystem.map(|facts| facts.kind), role) {
        (_, PartitionRole::EfiSystem | PartitionRole::BiosBoot) => "k2",
        (Some(FsKind::Swap), _) => "k3",
        (Some(kind), _) if kind.is_encrypted() => "k4",
        (Some(FsKind::Lvm2Pv | FsKind::LinuxRaid), _) => "k5",
        (Some(FsKind::Ntfs), _) => "k0",
        (Some(_), _) => "k1",
        (None, _) => "k5",
    }
}

fn disk(page: &mut Page, disk: &Disk, inspection: &Inspection) {
    let Some(layout) = disk.layout.get() else {
        page.put(format_args!(
            "<p>Disk {}, {}: {}</p>\n",
            disk.index,
            Bytes(disk.size),
            Text(disk.layout.why().unwrap_or("its table is not known"))
        ));
        return;
    };
    page.put(format_args!(
        "<p>Disk {}, {}, {}</p>\n",
        disk.index,
        Bytes(disk.size),
        layout.table.name()
    ));
    let facts = |volume: &VolumeId| inspection.filesystems.iter().find(|f| f.volume == *volume);
    let mut parts: Vec<Part<'_>> = layout
        .partitions
        .iter()
        .filter(|partition| partition.role != PartitionRole::Extended)
        .take(MAX_PARTS)
        .map(|partition| {
            let volume = VolumeId::partition(disk.index, partition.number);
            let filesystem = facts(&volume);
            Part {
                start: partition.place.start,
                len: partition.place.len,
                name: volume.to_string(),
                filesystem,
                class: class_of(filesystem, partition.role),
            }
        })
        .collect();
    let whole = VolumeId::disk(disk.index);
    if parts.is_empty() {
        let filesystem = facts(&whole);
        parts.extend(filesystem.map(|facts| Part {
            start: 0,
            len: disk.size,
            name: whole.to_string(),
            filesystem: Some(facts),
            class: "k1",
        }));
    }
    parts.sort_by_key(|part| part.start);
    bar(page, disk.size, &parts);
    page.line("<table>");
    for part in &parts {
        page.put(format_args!(
            "<tr><th><span class=\"key {}\"></span>{}</th><td>{}</td></tr>\n",
            part.class,
            Text(&part.name),
            Contents(part)
        ));
    }
    page.line("</table>");
}

/// What is in a part, for its row of the table.
struct Contents<'p>(&'p Part<'p>);

impl fmt::Display for Contents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", Bytes(self.0.len), Bytes(self.0.start))?;
        let Some(facts) = self.0.filesystem else {
            return f.write_str("; nothing that is known is on it");
        };
        write!(f, ": {}", facts.kind.title())?;
        if let Some(label) = facts.label.as_deref().filter(|label| !label.is_empty()) {
            write!(f, " “{}”", Text(label))?;
        }
        if let Some(target) = &facts.mounted_on {
            write!(f, " on <code>{}</code>", Text(target))?;
        }
        if let Some(space) = facts.space {
            write!(f, ", {} free", Bytes(space.free))?;
        }
        Ok(())
    }
}

/// A part as a share of a whole, in hundredths of a per cent.
fn share(part: u64, whole: u64) -> u64 {
    let share = u128::from(part)
        .saturating_mul(10_000)
        .checked_div(u128::from(whole));
    u64::try_from(share.unwrap_or(0))
        .unwrap_or(u64::MAX)
        .min(10_000)
}

/// `12.34%`
struct Percent(u64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}%", self.0 / 100, self.0 % 100)
    }
}

fn bar(page: &mut Page, size: u64, parts: &[Part<'_>]) {
    page.line("<div class=\"bar\">");
    let mut at = 0u64;
    let gap = |page: &mut Page, len: u64| {
        if len > size.checked_div(SMALLEST_GAP).unwrap_or(0) {
            page.put(format_args!(
                "<div class=\"part free\" style=\"width:{}\" title=\"{} in no partition\"></div>\n",
                Percent(share(len, size)),
                Bytes(len)
            ));
        }
    };
    for part in parts {
        gap(page, part.start.saturating_sub(at));
        at = at.max(part.start.saturating_add(part.len));
        page.put(format_args!(
            "<div class=\"part {}\" style=\"width:{}\" title=\"{}\">",
            part.class,
            Percent(share(part.len, size)),
            Text(&part.name)
        ));
        let space = part.filesystem.and_then(|facts| facts.space);
        if let Some(space) = space {
            let used = space.total.saturating_sub(space.free);
            page.put(format_args!(
                "<i style=\"width:{}\"></i>",
                Percent(share(used, space.total))
            ));
        }
        let kind = part.filesystem.map_or("", |facts| facts.kind.name());
        let target = part
            .filesystem
            .and_then(|facts| facts.mounted_on.as_deref())
            .unwrap_or_default();
        page.put(format_args!(
            "<span>{}<br>{kind} {}</span></div>\n",
            Text(&part.name),
            Text(target)
        ));
    }
    gap(page, size.saturating_sub(at));
    page.line("</div>");
}

fn finding(page: &mut Page, finding: &Finding) {
    let (class, word) = weight(finding);
    page.put(format_args!(
        "<div class=\"finding {class}\" id=\"{}\"><span class=\"tag {class}\">{word}</span><b>{}</b>\n",
        finding.code,
        Text(&finding.title)
    ));
    if let Some(message) = &finding.service_message {
        page.put(format_args!(
            "<p>The service says: <code>{}</code></p>\n",
            Text(message)
        ));
    }
    if !finding.evidence.is_empty() {
        page.line("<ul>");
        for evidence in &finding.evidence {
            page.put(format_args!("<li>{}</li>\n", Place(evidence)));
        }
        page.line("</ul>");
    }
    if !finding.remedy.is_empty() {
        page.put(format_args!("<pre>{}</pre>\n", Text(&finding.remedy)));
    }
    let svc: Vec<&str> = finding.svc.iter().map(|id| id.as_str()).collect();
    page.put(format_args!(
        "<p class=\"dim\"><code>{}</code> {}</p></div>\n",
        finding.code,
        svc.join(", ")
    ));
}

/// Where something was seen, and what it says.
struct Place<'a>(&'a Evidence);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<code>{}</code>", Text(&self.0.to_string()))
    }
}

fn shown<T>(fact: &Fact<T>, show: impl FnOnce(&T) -> String) -> String {
    match (fact.get(), fact.why()) {
        (Some(value), _) => Text(&show(value)).to_string(),
        (None, why) => format!("unknown: {}", Text(why.unwrap_or("nothing tells"))),
    }
}

fn system(page: &mut Page, system: &System) {
    let os = &system.os;
    page.put(format_args!(
        "<h2>{}</h2>\n<table>\n",
        Text(&os.pretty_name)
    ));
    page.row("System", shown(&os.id, Clone::clone));
    page.row("Version", shown(&os.version, Clone::clone));
    page.row(
        "Architecture",
        shown(&os.arch, |arch| arch.name().to_owned()),
    );
    if let Some(edition) = &os.edition {
        page.row("Edition", Text(edition));
    }
    if let Some(build) = &os.build {
        page.row("Build", Text(build));
    }
    page.row("Root", &system.root);
    if let Some(deployment) = &system.deployment {
        let path = Text(&deployment.path);
        page.row("Deployment", format_args!("<code>{path}</code>"));
    }
    page.row(
        "Default kernel",
        shown(&system.default_kernel, |kernel| kernel.release.clone()),
    );
    let kernels: Vec<String> = system
        .kernels
        .iter()
        .map(|kernel| Text(&kernel.release).to_string())
        .collect();
    page.row("Kernels", kernels.join("<br>"));
    if let Some(loader) = system.bootloader() {
        page.row(
            "Boot loader",
            format_args!(
                "{}, <code>{}</code>",
                loader.kind.name(),
                Text(&loader.config)
            ),
        );
    }
    page.row(
        "Drivers",
        shown(&system.drivers, |drivers| {
            let all = drivers.modules.iter().chain(&drivers.builtin);
            all.map(String::as_str).collect::<Vec<_>>().join(", ")
        }),
    );
    let interfaces: Vec<String> = system
        .network
        .interfaces
        .iter()
        .map(|one| Text(&one.evidence.says).to_string())
        .collect();
    page.row("Network", interfaces.join("<br>"));
    page.line("</table>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_says_is_text_and_nothing_else() {
        let text = Text("<script>alert('x')</script>\u{202e}\u{7}&\"").to_string();
        assert_eq!(
            text,
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;\u{fffd}\u{fffd}&amp;&quot;"
        );
    }

    #[test]
    fn sizes_and_shares() {
        assert_eq!(Bytes(1536).to_string(), "1.5 KiB");
        assert_eq!(Bytes(2 << 30).to_string(), "2 GiB");
        assert_eq!(Bytes(12).to_string(), "12 bytes");
        assert_eq!(Percent(share(1, 8)).to_string(), "12.50%");
        assert_eq!(share(5, 0), 0);
        assert_eq!(share(u64::MAX, 1), 10_000);
    }
}
