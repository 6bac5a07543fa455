//! A VHD whose two footers are not the same gets one answer of every command that judges files (SVC-ERR-8).
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod fixtures;

use std::fs;

use fixtures::{code, demo, document, run, stderr, stdout};

const TEXT: &str = "ClientError: Footers not identical";

/// The checksum of a footer: the complement of the sum of its bytes but its own.
fn seal(footer: &mut [u8]) {
    footer[64..68].fill(0);
    let sum: u32 = footer.iter().map(|byte| u32::from(*byte)).sum();
    footer[64..68].copy_from_slice(&(!sum).to_be_bytes());
}

#[test]
fn svc_err_8_preflight_says_what_info_says_of_footers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guest.vhd");
    let path = path.to_str().unwrap();
    let made = run(&[
        "convert",
        "-O",
        "vhd",
        "--subformat",
        "dynamic",
        &demo(),
        path,
    ]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let whole = fs::read(path).unwrap();
    let preflight = |args: &[&str]| {
        let as_of = ["--as-of", "2026-11-01"];
        run(&[&["preflight"], args, as_of.as_slice(), &[path]].concat())
    };
    let told = |name: &str, output: &std::process::Output| {
        let document = document(output, name);
        let mut findings = document["findings"].as_array().unwrap().clone();
        findings.retain(|finding| finding["code"] == "vhd-footers");
        findings
    };
    let plain = preflight(&["--json"]);
    assert_eq!(
        told("vmie.preflight", &plain),
        Vec::<serde_json::Value>::new()
    );
    let plain = code(&plain);

    // The copy says another time, and says it rightly.
    let mut other = whole.clone();
    other[27] ^= 1;
    seal(&mut other[..512]);
    // The copy is damaged.
    let mut copy = whole.clone();
    copy[200] ^= 1;
    // The footer at the end is damaged, and is gone.
    let mut end = whole.clone();
    let at = end.len() - 512;
    end[at + 200] ^= 1;
    let mut cut = whole.clone();
    cut[at..].fill(0);
    for (what, bytes) in [("other", other), ("copy", copy), ("end", end), ("cut", cut)] {
        fs::write(path, bytes).unwrap();
        let info = told("vmie.info", &run(&["info", "--json", path]));
        assert_eq!(info.len(), 1, "{what}");
        assert_eq!(info[0]["service_message"], TEXT);
        let output = preflight(&["--json"]);
        assert_eq!(code(&output), 1, "{what}");
        let found = told("vmie.preflight", &output);
        assert_eq!(found.len(), 1, "{what}");
        assert_eq!(found[0]["service_message"], TEXT);
        assert_eq!(found[0]["severity"], "refuse");
        assert_eq!(
            found[0]["svc"],
            serde_json::json!(["SVC-FMT-3", "SVC-ERR-8"])
        );
        let seen = found[0]["evidence"][1]["says"].as_str().unwrap();
        assert!(
            seen.contains("footer") && seen.contains("at byte"),
            "{seen}"
        );
        let text = stdout(&preflight(&[]));
        assert!(
            text.contains(&format!("the service says: {TEXT}")),
            "{text}"
        );
    }
    // Written anew, as the remedy says, it is what it was.
    let again = folder.path().join("again.vhd");
    let again = again.to_str().unwrap();
    let made = run(&["convert", "-O", "vhd", path, again]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    fs::copy(again, path).unwrap();
    assert_eq!(code(&preflight(&[])), plain);
}
