//! Hives of the testkit's builder, whole and broken.

use proptest::prelude::*;
use vmie_io::{Budget, Limits, ReadAt};
use vmie_testkit::hive::{HiveBuilder, Lists, in_use, new_log, old_log, seal};

use super::*;
use crate::Cause;

const CURRENT: &str = "Microsoft\\Windows NT\\CurrentVersion";

fn sample() -> HiveBuilder {
    let mut hive = HiveBuilder::new()
        .text(CURRENT, "ProductName", "Windows Server 2019 Standard")
        .number(CURRENT, "UBR", 107)
        .texts(CURRENT, "List", &["one", "two"])
        .value(CURRENT, "Large", 3, &[7; 40_000])
        .value(CURRENT, "Wide", 11, &9u64.to_le_bytes())
        .text("Clés\\Ünïcode", "Näme", "x")
        .text("日本\\語", "値", "y")
        .link("Link", "\\Registry\\Machine\\SOFTWARE\\Microsoft")
        .link("Round", "\\Registry\\Machine\\SOFTWARE\\Round");
    for number in 0..50 {
        hive = hive.number(&format!("Many\\Key{number}"), "n", number);
    }
    hive
}

fn open(bytes: &[u8]) -> Hive<'_> {
    Hive::open(bytes, Vec::new(), &Budget::default()).unwrap()
}

/// Everything that a hive holds, as text; what is damaged is told by its cause.
fn dump(hive: &Hive<'_>) -> Vec<String> {
    fn walk(key: &Key<'_>, depth: usize, out: &mut Vec<String>) {
        out.push(format!("{depth} {} {}", key.name(), key.offset()));
        assert!(key.offset() < hive_end(), "inside");
        for value in key.values().into_iter().flatten() {
            match value {
                Ok(value) => out.push(format!(
                    "{} {:?} {} {:?}",
                    value.name(),
                    value.kind(),
                    value.data().len(),
                    value.text()
                )),
                Err(error) => out.push(format!("{:?}", error.cause())),
            }
        }
        if depth < 12 && out.len() < 5000 {
            for key in key.subkeys().into_iter().flatten() {
                match key {
                    Ok(key) => walk(&key, depth + 1, out),
                    Err(error) => out.push(format!("{:?}", error.cause())),
                }
            }
        }
    }
    fn hive_end() -> u64 {
        4096 + (2 << 30)
    }
    let mut out = Vec::new();
    match hive.root() {
        Ok(root) => walk(&root, 0, &mut out),
        Err(error) => out.push(format!("{:?}", error.cause())),
    }
    out
}

#[test]
fn every_kind_of_list_and_value_is_read() {
    for lists in [Lists::Fast, Lists::Hash, Lists::Plain, Lists::Split(7)] {
        let bytes = sample().lists(lists).build();
        let hive = open(&bytes);
        assert_eq!(hive.replayed(), Replayed::Clean);
        let key = hive
            .key("microsoft\\WINDOWS nt\\currentversion")
            .unwrap()
            .unwrap();
        let value = key.value("productname").unwrap().unwrap();
        assert_eq!(value.text().unwrap(), "Windows Server 2019 Standard");
        assert_eq!(&bytes[value.offset() as usize + 4..][..2], b"vk");
        assert_eq!(key.value("UBR").unwrap().unwrap().number(), Some(107));
        assert_eq!(key.value("Wide").unwrap().unwrap().number(), Some(9));
        assert_eq!(key.value("List").unwrap().unwrap().texts(), ["one", "two"]);
        assert_eq!(key.value("Large").unwrap().unwrap().data(), [7; 40_000]);
        assert_eq!(key.value("none").unwrap(), None);
        let many = hive.key("Many").unwrap().unwrap();
        assert_eq!(many.subkeys().unwrap().len(), 50);
        let one = many.subkey("key49").unwrap().unwrap();
        assert_eq!(one.value("N").unwrap().unwrap().number(), Some(49));
        assert!(hive.key("Many\\Key50").unwrap().is_none());
        assert!(hive.key("CLÉS\\ünïcode").unwrap().is_some());
        let wide = hive.key("日本\\語").unwrap().unwrap();
        assert_eq!(wide.value("値").unwrap().unwrap().text().unwrap(), "y");
    }
}

#[test]
fn big_data_of_an_old_hive_is_one_cell() {
    let bytes = sample().version(3).build();
    let hive = open(&bytes);
    let key = hive.key(CURRENT).unwrap().unwrap();
    assert_eq!(key.value("Large").unwrap().unwrap().data(), [7; 40_000]);
}

#[test]
fn links_are_followed_and_not_for_ever() {
    let bytes = sample().build();
    let hive = open(&bytes);
    assert!(
        hive.key("Link\\Windows NT\\CurrentVersion")
            .unwrap()
            .is_some()
    );
    let error = hive.key("Round").unwrap_err();
    assert_eq!(error.cause(), Cause::TooManyLinks);
}

#[test]
fn logs_of_both_forms_make_a_hive_whole() {
    let old = sample().build_at(5);
    let newer = sample().number(CURRENT, "UBR", 200).build_at(6);
    let newest = sample()
        .number(CURRENT, "UBR", 300)
        .text("Added\\Key", "v", &"long ".repeat(3000))
        .build_at(7);
    let hive_bytes = in_use(&old);
    let entries = |logs: Vec<Vec<u8>>| {
        let logs = logs
            .into_iter()
            .map(|log| Box::new(log) as Box<dyn ReadAt>)
            .collect();
        let hive = Hive::open(hive_bytes.as_slice(), logs, &Budget::default()).unwrap();
        let key = hive.key(CURRENT).unwrap().unwrap();
        let number = key.value("UBR").unwrap().unwrap().number().unwrap();
        (hive.replayed(), number, dump(&hive))
    };
    assert_eq!(entries(vec![]).0, Replayed::Missing);
    assert_eq!(entries(vec![]).1, 107);
    let (replayed, number, all) = entries(vec![new_log(&[&old, &newer, &newest], 5)]);
    assert_eq!((replayed, number), (Replayed::Entries(2), 300));
    assert_eq!(all, dump(&open(&newest)));
    // The second entry in the other log.
    let split = vec![new_log(&[&newer, &newest], 6), new_log(&[&old, &newer], 5)];
    let (replayed, number, all) = entries(split);
    assert_eq!((replayed, number), (Replayed::Entries(2), 300));
    assert_eq!(all, dump(&open(&newest)));
    // A damaged entry ends the replay before it.
    let mut damaged = new_log(&[&old, &newer, &newest], 5);
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(entries(vec![damaged]).1, 200);
    // What was applied already is passed over.
    let applied = new_log(&[&newest, &newer], 4);
    assert_eq!(entries(vec![applied]).0, Replayed::Missing);
    let (replayed, number, all) = entries(vec![old_log(&old, &newest)]);
    assert_eq!((replayed, number), (Replayed::Entries(1), 300));
    assert_eq!(all, dump(&open(&newest)));
    // A log of the old form that is cut off is of no use.
    let mut cut = old_log(&old, &newest);
    cut.truncate(cut.len() - 1);
    assert_eq!(entries(vec![cut]).0, Replayed::Missing);
}

#[test]
fn a_damaged_base_block_comes_back_from_a_log() {
    let old = sample().build_at(5);
    let newer = sample().number(CURRENT, "UBR", 200).build_at(6);
    let mut broken = in_use(&old);
    broken[36] ^= 1;
    let error = Hive::open(broken.as_slice(), Vec::new(), &Budget::default()).unwrap_err();
    assert_eq!(error.cause(), Cause::HiveChecksum);
    let log = Box::new(new_log(&[&old, &newer], 5));
    let hive = Hive::open(broken.as_slice(), vec![log], &Budget::default()).unwrap();
    let key = hive.key(CURRENT).unwrap().unwrap();
    assert_eq!(key.value("UBR").unwrap().unwrap().number(), Some(200));
}

#[test]
fn causes_are_exact() {
    let bytes = sample().build();
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        seal(&mut bytes);
        bytes
    };
    let cause = |bytes: &[u8]| {
        Hive::open(bytes, Vec::new(), &Budget::default())
            .and_then(|hive| hive.root().map(|_| ()))
            .unwrap_err()
            .cause()
    };
    assert_eq!(cause(b"regf"), Cause::NotAHive);
    assert_eq!(cause(&with(0, b'R')), Cause::NotAHive);
    assert_eq!(cause(&with(20, 2)), Cause::HiveVersion);
    assert_eq!(cause(&with(24, 9)), Cause::HiveVersion);
    assert_eq!(cause(&with(39, 0x70)), Cause::CellOutside);
    assert_eq!(cause(&with(4096 + 32 + 4, b'x')), Cause::CellKind);
    assert_eq!(cause(&with(4096 + 32 + 3, 0x7f)), Cause::CellFree);
    assert_eq!(cause(&with(4096 + 32 + 4 + 73, 0x7f)), Cause::CellShort);
    let limits = Limits::default().with_work(0);
    let hive = Hive::open(bytes.as_slice(), Vec::new(), &Budget::new(limits)).unwrap();
    assert_eq!(hive.root().unwrap_err().cause(), Cause::Limit);
}

#[test]
fn a_hive_that_is_cut_off_is_read_as_far_as_it_goes() {
    let bytes = sample().build();
    for len in (0..bytes.len()).step_by(97) {
        if let Ok(hive) = Hive::open(&bytes[..len], Vec::new(), &Budget::default()) {
            assert!(len >= 512);
            let _ = dump(&hive);
        }
    }
}

proptest! {
    #[test]
    fn damage_is_told_and_the_same_twice(at in 4096usize..12_000, with in any::<u8>()) {
        let mut bytes = sample().build();
        bytes[at] = with;
        let hive = open(&bytes);
        let first = dump(&hive);
        prop_assert_eq!(first, dump(&hive));
    }
}
