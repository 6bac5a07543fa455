//! The menu of GRUB legacy (0.9x): `menu.lst` or `grub.conf`.
//!
//! Lines of a command and its arguments, parted by blanks or `=`; `title` starts an entry. See the
//! [GRUB legacy manual](https://www.gnu.org/software/grub/manual/legacy/grub.html).

use super::{Chosen, Linux, Menu, MenuEntry};
use crate::DefaultBy;
use crate::text::Lines;

/// Entries that are taken.
const MAX_ENTRIES: usize = 256;

/// Reads a menu. `saved` is the entry that the file `default` beside it names, for `default saved`.
#[must_use]
pub fn menu(config: &[u8], saved: Option<usize>) -> Menu {
    let mut menu = Menu::default();
    let mut starts: Vec<Option<Linux>> = Vec::new();
    let mut default = None;
    for (line, text) in Lines::new(config) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (command, rest) = text
            .split_once([' ', '\t', '='])
            .map_or((text, ""), |(command, rest)| (command, rest.trim_start()));
        match command {
            "default" if default.is_none() => {
                rest.trim_start_matches('=')
                    .trim()
                    .clone_into(&mut menu.default);
                default = Some(match menu.default.as_str() {
                    "saved" => (saved, DefaultBy::SavedEntry),
                    number => (number.parse().ok(), DefaultBy::Index),
                });
            }
            "title" if menu.entries.len() < MAX_ENTRIES => {
                menu.entries.push(MenuEntry {
                    title: rest.to_owned(),
                    id: None,
                    submenu: false,
                    line,
                });
                starts.push(None);
            }
            // Under Xen `kernel` is the hypervisor, and the first `module` is Linux.
            "kernel" | "module" => {
                if let Some(start @ None) = starts.last_mut() {
                    *start = linux(rest, line);
                } else if command == "module"
                    && let Some(Some(start)) = starts.last_mut()
                {
                    if start.image_name().starts_with("xen") {
                        if let Some(inner) = linux(rest, line) {
                            *start = inner;
                        }
                    } else {
                        start
                            .initrd
                            .extend(rest.split_ascii_whitespace().map(str::to_owned));
                    }
                }
            }
            "initrd" => {
                if let Some(Some(start)) = starts.last_mut() {
                    start
                        .initrd
                        .extend(rest.split_ascii_whitespace().map(str::to_owned));
                }
            }
            _ => {}
        }
    }
    let (wanted, how) = default.unwrap_or((None, DefaultBy::FirstEntry));
    let (index, how) = match wanted.filter(|index| *index < menu.entries.len()) {
        Some(index) => (index, how),
        None => (0, DefaultBy::FirstEntry),
    };
    menu.chosen = menu.entries.get(index).map(|entry| Chosen {
        path: vec![index],
        title: entry.title.clone(),
        id: None,
        how,
        linux: starts.get(index).cloned().flatten(),
    });
    menu.kernels = starts.into_iter().flatten().collect();
    menu
}

fn linux(rest: &str, line: u32) -> Option<Linux> {
    let mut words = rest.split_ascii_whitespace().map(str::to_owned);
    let image = words.find(|word| !word.starts_with("--"))?;
    Some(Linux {
        image,
        args: words.collect(),
        initrd: Vec::new(),
        line,
        bls: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MENU: &[u8] = b"# menu\ndefault=1\ntimeout=5\nsplashimage=(hd0,0)/x\n\
        title CentOS (2.6.32-754.el6.x86_64)\n\troot (hd0,0)\n\
        \tkernel /vmlinuz-2.6.32-754.el6.x86_64 ro root=/dev/sda1\n\tinitrd /initramfs-754.img\n\
        title Xen\nkernel --type=xen /xen.gz dom0\nmodule /vmlinuz-2.6.18-xen root=x\nmodule /initrd\n";

    #[test]
    fn the_default_is_by_place() {
        let menu = super::menu(MENU, None);
        let chosen = menu.chosen.unwrap();
        assert_eq!((chosen.path, chosen.how), (vec![1], DefaultBy::Index));
        let linux = chosen.linux.unwrap();
        assert_eq!(linux.image, "/vmlinuz-2.6.18-xen");
        assert_eq!(
            (linux.args, linux.initrd),
            (vec!["root=x".to_owned()], vec!["/initrd".to_owned()])
        );
        assert_eq!(menu.kernels[0].line, 7);
    }

    #[test]
    fn a_saved_or_missing_default_is_told() {
        let saved = String::from_utf8_lossy(MENU).replace("default=1", "default saved");
        let chosen = |text: &str, saved| super::menu(text.as_bytes(), saved).chosen.unwrap();
        assert_eq!(chosen(&saved, Some(1)).how, DefaultBy::SavedEntry);
        assert_eq!(chosen(&saved, Some(7)).how, DefaultBy::FirstEntry);
        assert_eq!(chosen(&saved, None).path, [0]);
        assert_eq!(super::menu(b"default 0\n", None).chosen, None);
    }
}
