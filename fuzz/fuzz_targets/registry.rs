//! Registry hives with transaction logs: two walks see the same, and everything lies inside the
//! bins. The first two bytes say where the hive ends and a log begins, in units of 512 bytes.
#![no_main]

use vmie_guest::registry::{Hive, Key};
use vmie_io::{Budget, Limits, ReadAt};

/// What a walk sees: places, names, and the causes of what is damaged.
fn walk(key: &Key<'_>, end: u64, depth: u32, seen: &mut Vec<String>) {
    assert!(key.offset() < end, "a key outside");
    seen.push(format!("{} {}", key.offset(), key.name()));
    match key.values() {
        Ok(values) => {
            for value in values.into_iter().take(64) {
                match value {
                    Ok(value) => {
                        assert!(value.offset() < end, "a value outside");
                        let text = value.texts();
                        seen.push(format!("{} {text:?} {:?}", value.name(), value.number()));
                    }
                    Err(error) => seen.push(error.to_string()),
                }
            }
        }
        Err(error) => seen.push(error.to_string()),
    }
    if depth > 16 || seen.len() > 2000 {
        return;
    }
    match key.subkeys() {
        Ok(keys) => {
            for key in keys.into_iter().take(64) {
                match key {
                    Ok(key) => walk(&key, end, depth + 1, seen),
                    Err(error) => seen.push(error.to_string()),
                }
            }
        }
        Err(error) => seen.push(error.to_string()),
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((at, rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let at = usize::from(u16::from_le_bytes(*at)) * 512;
    let (hive, log) = rest.split_at(at.min(rest.len()));
    let logs: Vec<Box<dyn ReadAt + '_>> = vec![Box::new(log)];
    let budget = Budget::new(Limits::default().with_work(200_000));
    let Ok(hive) = Hive::open(hive, logs, &budget) else {
        return;
    };
    let Ok(root) = hive.root() else { return };
    let end = hive.size() + 4096;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    walk(&root, end, 0, &mut first);
    walk(&root, end, 0, &mut second);
    // The budget may end within the second walk.
    let same = first
        .iter()
        .zip(&second)
        .take_while(|(a, b)| a == b)
        .count();
    assert!(
        same == first.len()
            || second.iter().skip(same).any(|line| line.contains("limit"))
            || first.iter().any(|line| line.contains("limit"))
    );
});
