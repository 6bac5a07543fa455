//! The page of the documentation.

use super::*;

/// The tables of both editions as Markdown.
fn page() -> String {
    let mut page = String::from(
        "# The matrix of supported systems\n\n\
         Written by the tests of `vmie-rules` from its data; `UPDATE_DOCS=1 cargo test -p vmie-rules --test matrix` writes it \
         anew.\n\n\
         To the letter (`--mode strict`) a guest must be as a row lists it: the version, the service pack, and a kernel whose \
         release starts with a listed one; a deprecated row refuses. In practice (the default) system and major release must \
         be a row's, and the first two numbers of the kernel; a deprecated row advises.\n",
    );
    for edition in [Edition::E2025, Edition::E2026] {
        let matrix = Matrix::edition(edition);
        let since = |date: Option<Date>| date.map_or(String::new(), |date| date.to_string());
        page += &format!(
            "\n## Edition {edition}: Linux\n\n| system | kernels | deprecated from |\n|---|---|---|\n"
        );
        for row in &matrix.linux {
            let deprecated = since(row.deprecated_from);
            page += &format!(
                "| {} | {} | {deprecated} |\n",
                row.system(),
                row.kernel_list()
            );
        }
        page += &format!(
            "\n## Edition {edition}: Windows\n\n| system | editions | bits | bits in opt-in Regions | not in | deprecated from |\n|---|---|---|---|---|---|\n"
        );
        for row in &matrix.windows {
            let bits = |bits: &[u8]| {
                let all: Vec<String> = bits.iter().map(ToString::to_string).collect();
                all.join(", ")
            };
            let pack = match row.min_service_pack {
                0 => String::new(),
                pack => format!(" SP{pack} or later"),
            };
            let uefi = if row.uefi_only { " (UEFI only)" } else { "" };
            page += &format!(
                "| {}{pack}{uefi} | {} | {} | {} | {} | {} |\n",
                row.product,
                row.editions.join(", "),
                bits(&row.bits),
                bits(&row.opt_in_bits),
                row.not_in.join(", "),
                since(row.deprecated_from),
            );
        }
    }
    page
}

#[test]
fn the_page_of_the_matrix_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/matrix.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap();
    assert!(there == page(), "UPDATE_DOCS=1 writes it anew");
}
