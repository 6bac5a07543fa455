//! Databases of packages: bounded, and the same every time. The first byte says which form.
#![no_main]

use vmie_guest::packages::{Package, RpmDatabase, dpkg, rpm};

fn list(data: &[u8]) -> (bool, Vec<Package>) {
    let Some((kind, mut rest)) = data.split_first() else {
        return (true, Vec::new());
    };
    let mut found = Vec::new();
    let mut each = |package| found.push(package);
    let result = match kind % 4 {
        0 => rpm(RpmDatabase::Sqlite, &mut rest, &mut each),
        1 => rpm(RpmDatabase::Ndb, &mut rest, &mut each),
        2 => rpm(RpmDatabase::Bdb, &mut rest, &mut each),
        _ => dpkg(&mut rest, &mut each),
    };
    (result.is_ok(), found)
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let first = list(data);
    assert!(first.1.len() <= 50_000);
    assert!(first.1.iter().all(|package| !package.name.is_empty()));
    assert_eq!(first, list(data));
});
