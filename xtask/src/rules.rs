//! The data of `vmie-rules` against the text of the guide's digest.

use std::collections::BTreeSet;
use std::path::Path;

use vmie_rules::SvcId;
use vmie_rules::matrix::{Edition, Matrix};
use vmie_rules::message::Message;
use vmie_rules::region::REGIONS;

use crate::Result;
use crate::run::Tally;

pub(crate) fn run(file: &Path) -> Result<()> {
    let guide = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut tally = Tally::default();
    ids(&guide, &mut tally);
    messages(&guide, &mut tally);
    rows(&guide, &mut tally);
    canonical_ids(&guide, &mut tally);
    tally.finish("rules")
}

/// Each point that the guide defines has an id, and no other has.
fn ids(guide: &str, tally: &mut Tally) {
    let defined: BTreeSet<String> = guide
        .lines()
        .map(|line| line.trim_start_matches(['|', '-', ' ']))
        .filter(|line| line.starts_with("SVC-"))
        .map(|line| {
            line.chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
                .collect()
        })
        .collect();
    let ours: BTreeSet<String> = SvcId::ALL.iter().map(|id| id.as_str().to_owned()).collect();
    for id in defined.union(&ours) {
        tally.check(defined.contains(id) && ours.contains(id), || {
            format!(
                "{id}: in the guide {}, in vmie-rules {}",
                defined.contains(id),
                ours.contains(id)
            )
        });
    }
}

/// Each text of the table of errors is a message, under the same id.
fn messages(guide: &str, tally: &mut Tally) {
    let ours: Vec<(String, String)> = Message::templates()
        .iter()
        .map(|message| {
            (
                message.id().as_str().to_owned(),
                shape(&message.to_string()),
            )
        })
        .collect();
    for line in guide.lines().filter(|line| line.starts_with("| SVC-ERR-")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(text) = cells[2].split('`').nth(1) else {
            continue;
        };
        let text = text.strip_prefix("ERROR: ").unwrap_or(text);
        let wanted = (cells[1].to_owned(), shape(text));
        let known = ours.iter().any(|(id, own)| {
            *id == wanted.0 && own.strip_prefix("ERROR: ").unwrap_or(own) == wanted.1
        });
        tally.check(known, || {
            format!("{}: \"{text}\" is no message of vmie-rules", cells[1])
        });
    }
}

/// A text whose parameters are all called alike.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    let mut within = false;
    for c in text.chars() {
        match c {
            '<' => {
                within = true;
                shape.push_str("<>");
            }
            '>' => within = false,
            c if !within => shape.push(c),
            _ => {}
        }
    }
    shape
}

/// Each row of the Linux table of 2025 has a row of the same system with the same numbers.
fn rows(guide: &str, tally: &mut Tally) {
    let matrix = Matrix::edition(Edition::E2025);
    let ours: Vec<(String, Vec<String>)> = matrix
        .linux
        .iter()
        .map(|row| (row.name.clone(), numbers(&row.label())))
        .collect();
    let table = guide
        .lines()
        .skip_while(|line| !line.starts_with("| OS | versions"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut system = String::new();
    let mut count = 0;
    for line in table {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if !cells[1].is_empty() {
            cells[1].clone_into(&mut system);
        }
        let wanted = numbers(&format!("{system} {} {} {}", cells[2], cells[3], cells[4]));
        let known = ours.iter().any(|(_, own)| *own == wanted);
        tally.check(known, || {
            format!("{system} {wanted:?} is no row of vmie-rules")
        });
        count += 1;
    }
    tally.same("rows of the Linux table", ours.len(), count);
}

/// The numbers and dotted versions of a text, sorted.
fn numbers(text: &str) -> Vec<String> {
    let mut numbers: Vec<String> = text
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .map(|number| number.trim_matches('.').to_owned())
        .filter(|number| !number.is_empty())
        .collect();
    numbers.sort();
    numbers
}

fn canonical_ids(guide: &str, tally: &mut Tally) {
    for line in guide.lines() {
        let is_id = |word: &&str| word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
        if let Some(id) = line.split([' ', '|']).find(is_id) {
            let known = REGIONS.iter().any(|region| region.canonical_id == id);
            tally.check(known, || format!("no Region has the canonical id {id}"));
        }
    }
}
