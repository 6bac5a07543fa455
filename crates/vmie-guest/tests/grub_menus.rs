//! GRUB menus of the shapes that distributions write, and hostile ones.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use vmie_guest::DefaultBy;
use vmie_guest::bls::{self, BlsEntry};
use vmie_guest::grub::{Files, Menu, NoFiles, menu, without_device};

#[derive(Default)]
struct Folder {
    files: BTreeMap<&'static str, Vec<u8>>,
    entries: Vec<BlsEntry>,
}

impl Folder {
    fn with_env(mut self, text: &str) -> Self {
        let mut block = format!("# GRUB Environment Block\n{text}").into_bytes();
        block.resize(1024, b'#');
        self.files.insert("/boot/grub2/grubenv", block);
        self
    }

    fn with_entry(mut self, id: &str, text: &str) -> Self {
        self.entries.push(bls::parse(id, text.as_bytes()));
        bls::sort(&mut self.entries);
        self
    }

    fn menu(&self, config: &str) -> Menu {
        menu(config.as_bytes(), "/boot/grub2", false, self)
    }
}

impl Files for Folder {
    fn size(&self, path: &str) -> Option<u64> {
        self.read(path).map(|bytes| bytes.len() as u64)
    }

    fn is_dir(&self, _: &str) -> bool {
        false
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.files.get(without_device(path)).cloned()
    }

    fn bls_entries(&self) -> Vec<BlsEntry> {
        self.entries.clone()
    }
}

const HEADER: &str = r#"
set pager=1
if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi
if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
export menuentry_id_option
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  fi
}
"#;

const CLASSIC: &str = r#"
menuentry 'One' --class os $menuentry_id_option 'one-id' {
  load_video
  search --no-floppy --fs-uuid --set=root ab
  linux /vmlinuz-5.10.0-1 root=UUID=ab ro $more
  initrd /early.img /initrd-5.10.0-1
}
submenu "Advanced" --id 'adv-id' {
  menuentry 'Old' --id old { linux16 /vmlinuz-4.19.0-1 root=x }
  menuentry 'Older > rescue' --id older { linuxefi /vmlinuz-4.9.0-1 root=y single }
}
menuentry 'Windows' { chainloader +1 }
"#;

fn chosen(folder: &Folder, config: &str) -> (Vec<usize>, DefaultBy, Option<String>) {
    let chosen = folder.menu(config).chosen.unwrap();
    let image = chosen.linux.map(|linux| linux.image);
    (chosen.path, chosen.how, image)
}

#[test]
fn the_default_is_found_as_grub_finds_it() {
    let one = Some("/vmlinuz-5.10.0-1".to_owned());
    let old = Some("/vmlinuz-4.19.0-1".to_owned());
    let older = Some("/vmlinuz-4.9.0-1".to_owned());
    for (default, path, how, image) in [
        ("0", vec![0], DefaultBy::Index, one.clone()),
        ("One", vec![0], DefaultBy::Name, one.clone()),
        ("one-id", vec![0], DefaultBy::Name, one.clone()),
        ("1", vec![1, 0], DefaultBy::Index, old.clone()),
        ("1>0", vec![1, 0], DefaultBy::Index, old.clone()),
        ("1>1", vec![1, 1], DefaultBy::Index, older.clone()),
        ("adv-id>older", vec![1, 1], DefaultBy::Name, older.clone()),
        (
            "Advanced>Older >> rescue",
            vec![1, 1],
            DefaultBy::Name,
            older,
        ),
        ("adv-id>gone", vec![1, 0], DefaultBy::FirstEntry, old),
        ("2", vec![2], DefaultBy::Index, None),
        ("7", vec![0], DefaultBy::FirstEntry, one.clone()),
        ("gone", vec![0], DefaultBy::FirstEntry, one.clone()),
        ("", vec![0], DefaultBy::FirstEntry, one),
    ] {
        let config = format!("{HEADER}set default=\"{default}\"\n{CLASSIC}");
        let found = chosen(&Folder::default(), &config);
        assert_eq!(found, (path, how, image), "{default:?}");
    }
}

#[test]
fn the_saved_environment_decides() {
    let config = format!("{HEADER}{CLASSIC}");
    let folder = Folder::default().with_env("saved_entry=adv-id>old\nmore=quiet splash\n");
    let menu = folder.menu(&config);
    let found = menu.chosen.unwrap();
    assert_eq!((found.path, found.how), (vec![1, 0], DefaultBy::SavedEntry));
    let words = ["root=UUID=ab", "ro", "quiet", "splash"];
    assert_eq!(menu.kernels[0].args, words);
    assert_eq!(menu.kernels[0].initrd, ["/early.img", "/initrd-5.10.0-1"]);
    let images: Vec<_> = menu
        .kernels
        .iter()
        .map(|linux| linux.image_name())
        .collect();
    assert_eq!(
        images,
        ["vmlinuz-5.10.0-1", "vmlinuz-4.19.0-1", "vmlinuz-4.9.0-1"]
    );
    let next = Folder::default().with_env("saved_entry=0\nnext_entry=old\n");
    assert_eq!(chosen(&next, &config).1, DefaultBy::FirstEntry);
    let next = Folder::default().with_env("saved_entry=0\nnext_entry=one-id\n");
    assert_eq!(chosen(&next, &config).1, DefaultBy::SavedEntry);
}

fn with_entries(env: &str) -> Folder {
    Folder::default()
        .with_env(env)
        .with_entry(
            "m-5.14.0-70.el9.x86_64",
            "title RHEL (5.14.0-70)\nlinux /vmlinuz-5.14.0-70.el9.x86_64\noptions $kernelopts\n",
        )
        .with_entry(
            "m-5.14.0-362.el9.x86_64",
            "title RHEL (5.14.0-362)\nlinux /vmlinuz-5.14.0-362.el9.x86_64\noptions root=UUID=1\n",
        )
        .with_entry(
            "m-0-rescue",
            "title Rescue\nlinux /vmlinuz-0-rescue-m\noptions root=UUID=1\n",
        )
}

#[test]
fn bls_entries_are_sorted_and_chosen_by_id() {
    let config = format!("{HEADER}insmod blscfg\nblscfg\n");
    let folder = with_entries("saved_entry=m-5.14.0-70.el9.x86_64\nkernelopts=root=UUID=2 ro\n");
    let menu = folder.menu(&config);
    assert!(menu.bls);
    let titles: Vec<_> = menu.entries.iter().map(|e| e.title.as_str()).collect();
    assert_eq!(titles, ["RHEL (5.14.0-362)", "RHEL (5.14.0-70)", "Rescue"]);
    let found = menu.chosen.unwrap();
    assert_eq!((found.path, found.how), (vec![1], DefaultBy::SavedEntry));
    let linux = found.linux.unwrap();
    assert_eq!(linux.args, ["root=UUID=2", "ro"]);
    assert_eq!(linux.bls.as_deref(), Some("m-5.14.0-70.el9.x86_64"));
    let unsaved = with_entries("").menu(&config).chosen.unwrap();
    assert_eq!(
        (unsaved.path, unsaved.how),
        (vec![0], DefaultBy::FirstEntry)
    );
}

#[test]
fn other_files_are_taken_in() {
    let mut folder = Folder::default();
    let files = &mut folder.files;
    files.insert("/boot/grub2/grub.cfg", CLASSIC.as_bytes().to_vec());
    files.insert("/boot/grub2/custom.cfg", b"set default=2\n".to_vec());
    let stub = "search --fs-uuid ab --set=dev\nset prefix=($dev)/boot/grub2\n\
                menuentry gone { true }\nconfigfile $prefix/grub.cfg\n";
    assert_eq!(folder.menu(stub).entries[0].title, "One");
    let custom = format!(
        "{CLASSIC}if [ -f ${{config_directory}}/custom.cfg ]; then\n \
         source ${{config_directory}}/custom.cfg\nfi\n"
    );
    assert_eq!(chosen(&folder, &custom).0, [2]);
    // A file that takes itself in ends, too.
    let circle = b"source $prefix/custom.cfg\n".to_vec();
    folder.files.insert("/boot/grub2/custom.cfg", circle);
    assert_eq!(chosen(&folder, &custom).0, [0]);
}

#[test]
fn scripts_that_never_end_are_stopped() {
    for config in [
        "while true; do set a=\"$a$a\"; done",
        "set a=012345678901234567890123456789\nwhile true; do set a=$a$a$a$a$a$a$a$a; done",
        "function f { f; f; }\nf",
        "function f { submenu x { f } }\nf",
        "for i in 1 2 3; do while true; do true; done; done",
        "until false; do menuentry x { true }; done",
    ] {
        let first = menu(config.as_bytes(), "/boot/grub", false, &NoFiles);
        assert!(first.entries.len() <= 1024, "{config}");
        let again = menu(config.as_bytes(), "/boot/grub", false, &NoFiles);
        assert_eq!(first, again);
    }
}

#[test]
fn a_cut_menu_is_the_menu_up_to_there() {
    let config = format!("{HEADER}{CLASSIC}");
    for len in 0..config.len() {
        let menu = menu(&config.as_bytes()[..len], "/boot/grub2", false, &NoFiles);
        assert!(menu.entries.len() <= 3);
        if let Some(chosen) = &menu.chosen {
            assert!(chosen.path[0] < menu.entries.len());
        }
    }
}

const WORDS: &[&str] = &[
    "menuentry a {",
    "submenu b {",
    "}",
    "linux /vmlinuz-1",
    "if",
    "then",
    "else",
    "fi",
    "set default=1>0",
    "\n",
    ";",
    "while true; do",
    "done",
    "function f {",
    "f",
    "'",
    "\"",
    "$x",
    "${",
    "[ -z \"$x\" ]",
    "blscfg",
    "set x=$x$x",
    "\\",
    "# c",
    "break",
    "return",
];

proptest! {
    #[test]
    fn any_words_make_a_menu(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..80)
    ) {
        let text = words.join(" ");
        let first = menu(text.as_bytes(), "/boot/grub", true, &NoFiles);
        match &first.chosen {
            Some(chosen) => prop_assert!(chosen.path[0] < first.entries.len()),
            None => prop_assert!(
                first.entries.is_empty() || first.entries.iter().any(|e| e.submenu)
            ),
        }
        prop_assert_eq!(&first, &menu(text.as_bytes(), "/boot/grub", true, &NoFiles));
    }

    #[test]
    fn any_bytes_make_a_menu(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let _ = menu(&bytes, "/boot/grub", false, &NoFiles);
    }
}
