//! Matrices from documents in TOML. The keys are described in `docs/matrix-format.md`.
//!
//! The editions of the guide are such documents, too (`matrix/edition-2026.toml`). They are part of
//! the crate as text and read when they are asked for: what an embedder loads goes through the very
//! same code, there is no generated source that could be older than its origin, and the tests hold
//! what is read against tables copied from the guide by hand. That they can be read is checked while
//! the crate is built (`build.rs`). Reading one takes a small part of the
//! time that looking at a guest takes.

mod error;
mod table;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use toml::de::DeTable;

use super::version::{compare_first, precision};
use super::{Flavour, Kernel, LinuxRow, Matrix, Version, Versions, WindowsRow};
use crate::Date;
pub use error::{LoadCause, LoadError};
use table::{Table, Value};

/// The longest document that is taken: the guide's own are 12 KiB, and a parser's tree may be some
/// dozen times larger than its text.
const MAX_LEN: usize = 1 << 20;

/// The format that is read.
const FORMAT: i64 = 1;

pub(super) fn matrix(text: &str) -> Result<Matrix, LoadError> {
    if text.len() > MAX_LEN {
        let cause = LoadCause::TooLong { limit: MAX_LEN };
        return Err(table::error(text, 0, String::new(), cause));
    }
    let document = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let cause = LoadCause::Syntax(error.message().to_string());
        table::error(text, at, String::new(), cause)
    })?;
    let mut document = Table::document(text, &document);
    let format = document.need("format")?;
    match format.integer()? {
        FORMAT => {}
        found => return Err(format.error(LoadCause::Format { found })),
    }
    let matrix = Matrix {
        name: document.need("name")?.text()?.to_string(),
        i386_deprecated_from: day(&mut document, "i386-deprecated-from")?,
        linux: rows(&mut document, "linux", linux)?,
        windows: rows(&mut document, "windows", windows)?,
    };
    document.finish()?;
    Ok(matrix)
}

/// The rows of a system, each of which may be there once.
fn rows<R: PartialEq>(
    document: &mut Table<'_>,
    name: &'static str,
    row: impl Fn(&mut Table<'_>) -> Result<R, LoadError>,
) -> Result<Vec<R>, LoadError> {
    let mut rows: Vec<R> = Vec::new();
    for value in document.each(name, |value| Ok(value.clone()))? {
        let mut table = value.table()?;
        let read = row(&mut table)?;
        if rows.contains(&read) {
            return Err(table.error(LoadCause::Duplicate));
        }
        table.finish()?;
        rows.push(read);
    }
    Ok(rows)
}

fn word(value: &Value<'_>) -> Result<String, LoadError> {
    value.text().map(ToString::to_string)
}

fn linux(row: &mut Table<'_>) -> Result<LinuxRow, LoadError> {
    Ok(LinuxRow {
        id: row.need("id")?.text()?.to_string(),
        also: row.each("also", word)?,
        name: row.need("name")?.text()?.to_string(),
        versions: versions(&row.need("versions")?)?,
        release_parts: match row.get("release-parts") {
            None => 1,
            Some(parts) => match parts.number("from 1 to 4")? {
                number @ 1..=4 => number,
                other => {
                    let (wanted, found) = ("from 1 to 4", i64::from(other));
                    return Err(parts.error(LoadCause::OutOfRange { wanted, found }));
                }
            },
        },
        service_packs: row.each("service-packs", |pack| pack.number("from 0"))?,
        kernels: row.some("kernels", kernel)?,
        deprecated_from: day(row, "deprecated-from")?,
    })
}

fn windows(row: &mut Table<'_>) -> Result<WindowsRow, LoadError> {
    Ok(WindowsRow {
        product: row.need("product")?.text()?.to_string(),
        min_service_pack: match row.get("min-service-pack") {
            None => 0,
            Some(pack) => pack.number("from 0")?,
        },
        client: flag(row, "client")?,
        editions: row.some("editions", word)?,
        excluded: row.each("not-installations", word)?,
        bits: row.some("bits", bits)?,
        opt_in_bits: row.each("opt-in-bits", bits)?,
        not_in: row.each("not-in", word)?,
        uefi_only: flag(row, "uefi-only")?,
        deprecated_from: day(row, "deprecated-from")?,
    })
}

fn flag(row: &mut Table<'_>, name: &'static str) -> Result<bool, LoadError> {
    row.get(name).map_or(Ok(false), |value| value.boolean())
}

fn day(row: &mut Table<'_>, name: &'static str) -> Result<Option<Date>, LoadError> {
    row.get(name).map(|value| value.day()).transpose()
}

fn bits(value: &Value<'_>) -> Result<u8, LoadError> {
    let wanted = "32 or 64";
    match value.number(wanted)? {
        known @ (32 | 64) => Ok(known),
        other => {
            let found = i64::from(other);
            Err(value.error(LoadCause::OutOfRange { wanted, found }))
        }
    }
}

fn version(value: &Value<'_>) -> Result<Version, LoadError> {
    let text = value.text()?;
    match precision(text) {
        0 => {
            let found = text.to_string();
            Err(value.error(LoadCause::NotAVersion { found }))
        }
        _ => Ok(Version::new(text)),
    }
}

fn versions(value: &Value<'_>) -> Result<Versions, LoadError> {
    if let Some(word) = value.as_text() {
        return match word {
            "any" => Ok(Versions::Any),
            other => Err(value.error(LoadCause::NotAmong {
                choices: "any, a list, first and last",
                found: other.to_string(),
            })),
        };
    }
    if value.is_list() {
        let listed = value.list()?;
        if listed.is_empty() {
            return Err(value.error(LoadCause::Empty));
        }
        let listed = listed.iter().map(version).collect::<Result<_, _>>()?;
        return Ok(Versions::Listed(listed));
    }
    let mut range = value.table()?;
    let first = version(&range.need("first")?)?;
    let last = version(&range.need("last")?)?;
    let (one, two) = (first.as_str(), last.as_str());
    if compare_first(one, two, precision(one).max(precision(two))).is_gt() {
        return Err(range.error(LoadCause::RangeReversed));
    }
    range.finish()?;
    Ok(Versions::Range { first, last })
}

fn kernel(value: &Value<'_>) -> Result<Kernel, LoadError> {
    if value.as_text().is_some() {
        return Ok(Kernel {
            series: Some(version(value)?),
            ..Kernel::series("")
        });
    }
    let mut table = value.table()?;
    let flavour = match table.get("flavour") {
        None => Flavour::Any,
        Some(word) => match word.text()? {
            "any" => Flavour::Any,
            "rhck" => Flavour::Rhck,
            "uek" => Flavour::Uek,
            other => {
                return Err(word.error(LoadCause::NotAmong {
                    choices: "any, rhck, uek",
                    found: other.to_string(),
                }));
            }
        },
    };
    let suffix = table.get("suffix");
    let suffix = suffix.map(|word| word.text().map(ToString::to_string));
    let kernel = Kernel {
        series: table.get("series").map(|one| version(&one)).transpose()?,
        flavour,
        suffix: suffix.transpose()?,
        excluded: table.each("not", version)?,
    };
    // Else every release would do.
    if kernel.series.is_none() && kernel.suffix.is_none() && kernel.flavour == Flavour::Any {
        return Err(table.error(LoadCause::Empty));
    }
    table.finish()?;
    Ok(kernel)
}
