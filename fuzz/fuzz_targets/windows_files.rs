//! Boot configuration data and versions of programs: bounded, and the same every time. The first byte
//! says which.
#![no_main]

use vmie_guest::pe;
use vmie_guest::registry::Hive;
use vmie_guest::windows::bcd;
use vmie_io::{Budget, Limits};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    if kind & 1 == 0 {
        let first = pe::read(&rest).ok();
        assert_eq!(first, pe::read(&rest).ok());
        return;
    }
    let budget = || Budget::new(Limits::default().with_work(200_000));
    let store = |budget: &Budget| {
        let hive = Hive::open(rest, Vec::new(), budget).ok()?;
        bcd::read(&hive).ok()
    };
    let first = store(&budget());
    assert_eq!(first, store(&budget()));
    if let Some(store) = first {
        assert!(store.entries.len() <= 256);
        if let Some(entry) = store.default_entry() {
            assert!(store.entries.contains(entry));
        }
    }
});
