//! GRUB menus: bounded, the same every time, and the default entry is in the menu. The first byte
//! says whether the rest is a script, a legacy menu or an environment block with a script after it.
#![no_main]

use vmie_guest::bls::{self, BlsEntry};
use vmie_guest::grub::{Files, Menu, env, legacy, menu};

/// The files that a script sees: an environment block, itself, and two entries.
struct Seen<'a> {
    block: &'a [u8],
    script: &'a [u8],
}

impl Files for Seen<'_> {
    fn size(&self, path: &str) -> Option<u64> {
        self.read(path).map(|bytes| bytes.len() as u64)
    }

    fn is_dir(&self, path: &str) -> bool {
        path.ends_with('/')
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        if path.ends_with("grubenv") {
            Some(self.block.to_vec())
        } else if path.ends_with(".cfg") {
            Some(self.script.to_vec())
        } else {
            None
        }
    }

    fn bls_entries(&self) -> Vec<BlsEntry> {
        let mut entries = vec![
            bls::parse("m-5.14.0-1", self.block),
            bls::parse(
                "m-6.1.0-1",
                b"title x\nlinux /vmlinuz-6.1.0-1\noptions $kernelopts ro\n",
            ),
        ];
        bls::sort(&mut entries);
        entries
    }
}

fn check(menu: &Menu) {
    if let Some(chosen) = &menu.chosen {
        let first = chosen.path.first().copied().unwrap_or(usize::MAX);
        let entry = menu.entries.get(first).expect("the default is in the menu");
        assert!(chosen.path.len() == 1 || entry.submenu);
        assert!(chosen.path.len() > 1 || entry.title == chosen.title);
    }
    assert!(menu.entries.len() <= 1024);
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    if kind % 3 == 1 {
        check(&legacy::menu(rest, Some(1)));
        return;
    }
    let (block, script) = match kind % 3 {
        0 => (&[][..], rest),
        _ => rest.split_at(rest.len().min(env::SIZE)),
    };
    let files = Seen { block, script };
    let first = menu(script, "/boot/grub", kind & 1 == 1, &files);
    check(&first);
    assert_eq!(first, menu(script, "/boot/grub", kind & 1 == 1, &files));
});
