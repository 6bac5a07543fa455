//! `os-release` and the older release files: what is read is rendered and read back the same.
#![no_main]

use vmie_guest::release::{older, os_release};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let pairs = os_release::parse(data);
    assert!(pairs.len() <= os_release::MAX_PAIRS);
    let rendered = os_release::render(&pairs);
    assert_eq!(os_release::parse(rendered.as_bytes()), pairs);
    for parse in [older::red_hat, older::suse, older::lsb, older::debian] {
        if let Some(release) = parse(data) {
            let digits = |b: u8| b.is_ascii_digit() || b == b'.';
            assert!(release.version.is_none_or(|v| v.bytes().all(digits)));
        }
    }
});
