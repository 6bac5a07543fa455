//! The answer file that an import of a generalized Windows needs (SVC-CFG-4).
//!
//! A document in the namespace `urn:schemas-microsoft-com:unattend`: `settings` for each pass, in
//! them `component`s, in those the answers
//! ([reference](https://learn.microsoft.com/windows-hardware/customize/desktop/unattend/)).

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

const PASS: &str = "oobeSystem";
const INTERNATIONAL: &str = "Microsoft-Windows-International-Core";
const SHELL: &str = "Microsoft-Windows-Shell-Setup";
/// What setup takes a component by, beside its name: what differs is passed over.
const MARKS: [(&str, &[&str]); 4] = [
    ("processorArchitecture", &["x86", "amd64"]),
    ("publicKeyToken", &["31bf3856ad364e35"]),
    ("language", &["neutral"]),
    ("versionScope", &["nonSxS"]),
];
const LOCALES: [&str; 4] = ["InputLocale", "SystemLocale", "UILanguage", "UserLocale"];
const SKIPPED: [&str; 3] = ["HideEULAPage", "SkipMachineOOBE", "SkipUserOOBE"];
/// US English; a keyboard may be named by its number, too.
const US_ENGLISH: [&str; 2] = ["en-US", "0409:00000409"];

/// How deep elements are followed; an answer is at the fifth.
const MAX_DEPTH: usize = 64;

/// A component that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Component {
    International,
    Shell,
}

#[derive(Default)]
struct Seen {
    pass: bool,
    international: bool,
    shell: bool,
    /// A component of the right name that setup passes over.
    unfit: bool,
    locales: [bool; 4],
    skipped: [bool; 3],
}

/// What is asked for and not in the text of an answer file, in words; empty when all is there.
///
/// ```
/// let missing = vmie_guest::windows::answers::missing("<unattend/>");
/// assert!(missing.contains(&"pass oobeSystem"));
/// ```
#[must_use]
pub fn missing(text: &str) -> Vec<&'static str> {
    let Some(seen) = read(text) else {
        return vec!["well-formed XML"];
    };
    let mut missing = Vec::new();
    let mut want = |there: bool, what: &'static str| {
        if !there {
            missing.push(what);
        }
    };
    want(seen.pass, "pass oobeSystem");
    want(seen.international, INTERNATIONAL);
    want(seen.shell, SHELL);
    if seen.unfit {
        want(
            false,
            "component for x86 or amd64, token 31bf3856ad364e35, neutral, nonSxS, in place of the one there is",
        );
    }
    for (there, name) in seen.locales.into_iter().zip([
        "InputLocale en-US",
        "SystemLocale en-US",
        "UILanguage en-US",
        "UserLocale en-US",
    ]) {
        want(there, name);
    }
    for (there, name) in seen.skipped.into_iter().zip([
        "HideEULAPage true",
        "SkipMachineOOBE true",
        "SkipUserOOBE true",
    ]) {
        want(there, name);
    }
    missing
}

/// An element that is open: its name, and what of it decides.
struct Open {
    name: String,
    in_pass: bool,
    component: Option<Component>,
}

fn read(text: &str) -> Option<Seen> {
    let mut reader = Reader::from_str(text);
    let mut seen = Seen::default();
    let mut open: Vec<Open> = Vec::new();
    let mut content = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH {
                    return None;
                }
                let element = enter(&start, open.last(), &mut seen);
                open.push(element);
                content.clear();
            }
            Event::Empty(start) => {
                enter(&start, open.last(), &mut seen);
            }
            Event::Text(text) => content.push_str(&text),
            Event::CData(text) => content.push_str(&text),
            Event::End(_) => {
                let element = open.pop()?;
                answer(&element, open.last(), content.trim(), &mut seen);
                content.clear();
            }
            Event::Eof => return open.is_empty().then_some(seen),
            _ => {}
        }
    }
}

/// The value of an attribute, whatever prefix it has.
fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = start
        .attributes()
        .flatten()
        .find(|one| one.key.local_name().as_ref() == name)?;
    Some(found.value.trim().to_owned())
}

fn enter(start: &BytesStart<'_>, parent: Option<&Open>, seen: &mut Seen) -> Open {
    let name = start.local_name().as_ref().to_owned();
    let mut in_pass = parent.is_some_and(|parent| parent.in_pass);
    let mut component = parent.and_then(|parent| parent.component);
    if name == "settings" && attribute(start, "pass").as_deref() == Some(PASS) {
        seen.pass = true;
        in_pass = true;
    }
    if name == "component" && in_pass {
        component = match attribute(start, "name").as_deref() {
            Some(INTERNATIONAL) => Some(Component::International),
            Some(SHELL) => Some(Component::Shell),
            _ => None,
        };
        let fits = MARKS.iter().all(|(mark, values)| {
            attribute(start, mark)
                .is_some_and(|found| values.iter().any(|one| one.eq_ignore_ascii_case(&found)))
        });
        match component {
            Some(_) if !fits => {
                seen.unfit = true;
                component = None;
            }
            Some(Component::International) => seen.international = true,
            Some(Component::Shell) => seen.shell = true,
            None => {}
        }
    }
    Open {
        name,
        in_pass,
        component,
    }
}

/// Notes the content of an element that ends.
fn answer(element: &Open, parent: Option<&Open>, content: &str, seen: &mut Seen) {
    let mark = |names: &[&str], flags: &mut [bool]| {
        let found = names
            .iter()
            .zip(flags)
            .find(|(name, _)| **name == element.name);
        if let Some((_, flag)) = found {
            *flag = true;
        }
    };
    match element.component {
        Some(Component::International)
            if US_ENGLISH
                .iter()
                .any(|one| one.eq_ignore_ascii_case(content)) =>
        {
            mark(&LOCALES, &mut seen.locales);
        }
        Some(Component::Shell)
            if parent.is_some_and(|parent| parent.name == "OOBE")
                && content.eq_ignore_ascii_case("true") =>
        {
            mark(&SKIPPED, &mut seen.skipped);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = include_str!("../../fixtures/windows/unattend.xml");

    #[test]
    fn svc_cfg_4_an_answer_file_has_all_that_is_asked_for() {
        assert_eq!(missing(GOOD), [""; 0]);
        let by_number = GOOD.replacen("<InputLocale>en-US", "<InputLocale>0409:00000409", 1);
        assert_eq!(missing(&by_number), [""; 0]);
        assert_eq!(missing(&GOOD.replace("amd64", "x86")), [""; 0]);
    }

    #[test]
    fn svc_cfg_4_each_part_that_is_missing_is_named() {
        for (from, to, expected) in [
            ("<SkipUserOOBE>true</SkipUserOOBE>", "", "SkipUserOOBE true"),
            (
                "<HideEULAPage>true",
                "<HideEULAPage>false",
                "HideEULAPage true",
            ),
            ("<UILanguage>en-US", "<UILanguage>de-DE", "UILanguage en-US"),
            (
                "<UserLocale>en-US</UserLocale>",
                "<!-- <UserLocale>en-US</UserLocale> -->",
                "UserLocale en-US",
            ),
        ] {
            assert!(GOOD.contains(from), "{from}");
            assert_eq!(missing(&GOOD.replace(from, to)), [expected]);
        }
        // The right answers in another pass, or outside of OOBE, are none.
        let specialize = missing(&GOOD.replace("oobeSystem", "specialize"));
        assert_eq!(specialize.len(), 10, "{specialize:?}");
        let outside = missing(
            &GOOD
                .replace("<OOBE>", "<Other>")
                .replace("</OOBE>", "</Other>"),
        );
        assert_eq!(outside.len(), 3, "{outside:?}");
    }

    #[test]
    fn svc_cfg_4_a_component_that_setup_passes_over_is_told() {
        for (from, to) in [
            ("amd64", "arm64"),
            ("31bf3856ad364e35", "0000000000000000"),
            ("neutral", "en-US"),
            ("nonSxS", "SxS"),
        ] {
            let said = missing(&GOOD.replace(from, to));
            assert!(
                said.iter().any(|one| one.starts_with("component for")),
                "{said:?}"
            );
        }
    }

    #[test]
    fn svc_cfg_4_what_is_no_xml_is_told_so() {
        assert_eq!(missing("<unattend><settings>"), ["well-formed XML"]);
        assert_eq!(missing(&"<a>".repeat(1000)), ["well-formed XML"]);
    }

    proptest! {
        #[test]
        fn a_file_cut_or_changed_anywhere_never_gains_an_answer(
            cut in any::<prop::sample::Index>(), change in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            prop_assert!(!missing(&GOOD[..cut.index(GOOD.trim_end().len())]).is_empty());
            let mut bytes = GOOD.as_bytes().to_vec();
            let at = change.index(bytes.len());
            bytes[at] = byte;
            let _ = missing(&String::from_utf8_lossy(&bytes));
        }
    }
}
