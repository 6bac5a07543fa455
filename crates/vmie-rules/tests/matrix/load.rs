//! Documents that are read, and documents that are not.

use super::*;
use vmie_rules::matrix::{Flavour, LoadCause, Versions};

const OWN: &str = r#"
format = 1
name = "ours"

[[linux]]
id = "ol"
name = "Oracle Linux"
versions = { first = "7.0", last = "7.9" }
service-packs = [0, 1]
kernels = ["3.10.0", { series = "4.14", flavour = "uek", suffix = "el7uek", not = ["4.14.1"] }]
deprecated-from = 2027-01-31

[[windows]]
product = "Windows 9"
editions = ["Home"]
bits = [64]
"#;

#[test]
fn both_editions_are_documents_of_the_format() {
    for edition in Edition::ALL {
        let read = Matrix::from_toml(edition.document()).unwrap();
        assert_eq!(read.name, edition.as_str());
        assert_eq!(read, Matrix::edition(edition));
        assert!(!read.linux.is_empty() && !read.windows.is_empty());
    }
}

#[test]
fn every_key_is_read() {
    let matrix = Matrix::from_toml(OWN).unwrap();
    let row = &matrix.linux[0];
    assert_eq!(
        row.label(),
        "Oracle Linux 7.0–7.9 without SP, SP1 (3.10.0, UEK 4.14 (el7uek) (not 4.14.1))"
    );
    assert_eq!(row.release_parts, 1);
    assert!(row.is_of("ol") && !row.is_of("oracle-too"));
    let also = OWN.replace("id = \"ol\"", "id = \"ol\"\nalso = [\"oracle-too\"]");
    let row = &Matrix::from_toml(&also).unwrap().linux[0];
    assert!(row.is_of("OL") && row.is_of("oracle-too") && !row.is_of("rhel"));
    assert_eq!(row.deprecated_from, Date::new(2027, 1, 31));
    assert!(matches!(row.versions, Versions::Range { .. }));
    assert_eq!(row.kernels[1].flavour, Flavour::Uek);
    let windows = &matrix.windows[0];
    assert_eq!(
        (windows.min_service_pack, windows.client, windows.uefi_only),
        (0, false, false)
    );
    assert!(windows.opt_in_bits.is_empty());
}

/// The error of [`OWN`] with a text replaced: its cause, key, line and column.
fn error(old: &str, new: &str) -> (LoadCause, String, usize, usize) {
    assert_eq!(OWN.matches(old).count(), 1, "{old}");
    let error = Matrix::from_toml(&OWN.replace(old, new)).unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with(&format!(
        "line {}, column {}: ",
        error.line(),
        error.column()
    )));
    (
        error.cause().clone(),
        error.key().to_owned(),
        error.line(),
        error.column(),
    )
}

#[test]
fn every_error_says_what_and_where() {
    use LoadCause as C;
    let wrong = |wanted, found| C::Type { wanted, found };
    let out = |wanted, found| C::OutOfRange { wanted, found };
    for (old, new, cause, key, line, column) in [
        (
            "format = 1",
            "format = 2",
            C::Format { found: 2 },
            "format",
            2,
            10,
        ),
        ("format = 1\n", "", C::Missing, "format", 1, 1),
        ("\"ours\"", "7", wrong("a string", "integer"), "name", 3, 8),
        ("\"ours\"", "\"\"", C::Empty, "name", 3, 8),
        ("id = \"ol\"\n", "", C::Missing, "linux[0].id", 5, 1),
        (
            "service-packs = [0",
            "service-packs = [-1",
            out("from 0", -1),
            "linux[0].service-packs[0]",
            9,
            18,
        ),
        (
            "service-packs",
            "service-pack",
            C::UnknownKey,
            "linux[0].service-pack",
            9,
            1,
        ),
        (
            "\"7.0\"",
            "\"8.0\"",
            C::RangeReversed,
            "linux[0].versions",
            8,
            12,
        ),
        (
            "\"7.0\"",
            "\"seven\"",
            C::NotAVersion {
                found: "seven".into(),
            },
            "linux[0].versions.first",
            8,
            22,
        ),
        (
            "{ first = \"7.0\", last = \"7.9\" }",
            "\"all\"",
            C::NotAmong {
                choices: "any, a list, first and last",
                found: "all".into(),
            },
            "linux[0].versions",
            8,
            12,
        ),
        (
            "{ first = \"7.0\", last = \"7.9\" }",
            "[]",
            C::Empty,
            "linux[0].versions",
            8,
            12,
        ),
        (
            "\"uek\"",
            "\"rt\"",
            C::NotAmong {
                choices: "any, rhck, uek",
                found: "rt".into(),
            },
            "linux[0].kernels[1].flavour",
            10,
            51,
        ),
        (
            "2027-01-31",
            "2027-01-31T00:00:00",
            C::NotADay,
            "linux[0].deprecated-from",
            11,
            19,
        ),
        (
            "bits = [64]",
            "bits = [16]",
            out("32 or 64", 16),
            "windows[0].bits[0]",
            16,
            9,
        ),
        (
            "bits = [64]",
            "bits = 64",
            wrong("an array", "integer"),
            "windows[0].bits",
            16,
            8,
        ),
        (
            "bits = [64]",
            "bits = [64]\nuefi-only = 1",
            wrong("a boolean", "integer"),
            "windows[0].uefi-only",
            17,
            13,
        ),
    ] {
        let wanted = (cause, key.to_owned(), line, column);
        assert_eq!(error(old, new), wanted, "{old} -> {new}");
    }
}

#[test]
fn a_row_that_is_there_twice_is_told() {
    let windows = &OWN[OWN.find("[[windows]]").unwrap()..];
    let error = Matrix::from_toml(&format!("{OWN}{windows}")).unwrap_err();
    assert_eq!(error.cause(), &LoadCause::Duplicate);
    assert_eq!((error.key(), error.line()), ("windows[1]", 17));
}

#[test]
fn what_is_no_toml_or_too_long_is_told() {
    let error = Matrix::from_toml("format = 1\nname = \"ä\" x").unwrap_err();
    assert!(matches!(error.cause(), LoadCause::Syntax(_)), "{error}");
    assert_eq!((error.line(), error.column()), (2, 12));
    let long = format!("{OWN}#{}", "x".repeat(1 << 20));
    let error = Matrix::from_toml(&long).unwrap_err();
    assert_eq!(error.cause(), &LoadCause::TooLong { limit: 1 << 20 });
    let deep = format!("name = {}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(matches!(
        Matrix::from_toml(&deep).unwrap_err().cause(),
        LoadCause::Syntax(_)
    ));
}

#[test]
fn every_cut_of_a_document_is_an_error_or_a_smaller_matrix() {
    let whole = Matrix::from_toml(OWN).unwrap();
    for (end, _) in OWN.char_indices() {
        match Matrix::from_toml(&OWN[..end]) {
            Ok(matrix) => assert!(matrix.linux.len() <= whole.linux.len()),
            Err(error) => assert!(error.line() <= 17 && error.column() <= 100, "{error}"),
        }
    }
}
