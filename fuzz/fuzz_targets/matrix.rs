//! Documents of supported systems: what is read judges without a panic, and errors are in the text.
#![no_main]

use vmie_rules::Date;
use vmie_rules::matrix::{Architecture, LinuxQuery, Matrix, Mode};

libfuzzer_sys::fuzz_target!(|text: &str| {
    match Matrix::from_toml(text) {
        Ok(matrix) => {
            for row in &matrix.linux {
                let query = LinuxQuery {
                    id: &row.id,
                    version: Some("7.9"),
                    service_pack: None,
                    kernel: Some("4.18.0-1.el8uek.x86_64"),
                    architecture: Some(Architecture::X86_64),
                    as_of: Date::DEPRECATION_2026,
                };
                let _ = matrix.match_linux(&query, Mode::Practical).outcome();
                assert!(!row.label().is_empty());
            }
        }
        Err(error) => {
            let lines = text.matches('\n').count() + 1;
            assert!((1..=lines).contains(&error.line()) && error.column() >= 1);
        }
    }
});
