//! `boot.ini` and answer files of the setup: bounded, the same every time, and a line more never takes a
//! system out of the menu. The first byte says which.
#![no_main]

use vmie_guest::windows::{answers, boot_ini};
use vmie_volumes::VolumeId;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    if kind & 1 == 1 {
        let text = String::from_utf8_lossy(rest);
        let missing = answers::missing(&text);
        assert!(missing.len() <= 11);
        assert_eq!(missing, answers::missing(&text));
        return;
    }
    let volume = VolumeId::partition(0, 1);
    let menu = boot_ini::parse(rest, &volume);
    assert!(menu.systems.len() <= 64);
    let lines = String::from_utf8_lossy(rest).lines().count();
    let mut before = 0;
    for system in &menu.systems {
        let line = usize::try_from(system.line).unwrap();
        assert!(line > before && line <= lines, "line {line} of {lines}");
        before = line;
        assert!(system.path.contains('('));
        assert!(
            system
                .options
                .iter()
                .all(|one| !one.is_empty() && !one.starts_with('/'))
        );
    }
    assert_eq!(menu, boot_ini::parse(rest, &volume));
    let longer = [rest, b"\n[operating systems]\nmulti(0)=\"x\"\n"].concat();
    let longer = boot_ini::parse(&longer, &volume).systems;
    assert!(longer.len() == 64 || longer.len() == menu.systems.len() + 1);
    assert_eq!(longer.get(..menu.systems.len()), Some(&menu.systems[..]));
});
