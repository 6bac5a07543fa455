//! A builder of registry hives and of their transaction logs.
//!
//! It writes what the format's description says, with nothing taken from the reader under test.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "tests build with it, and a builder that is given nonsense may panic"
)]

use std::collections::BTreeMap;

/// How lists of subkeys are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// With the first four letters of each name, as Windows 2000 does.
    Fast,
    /// With a hash of each name, as Windows XP and later do.
    Hash,
    /// With nothing but the keys.
    Plain,
    /// Cut into lists of this many keys each, with hashes, and a list of those lists.
    Split(usize),
}

/// A hive that is being made.
#[derive(Clone, Debug)]
pub struct HiveBuilder {
    minor: u32,
    lists: Lists,
    root: Node,
}

#[derive(Clone, Debug, Default)]
struct Node {
    name: String,
    link: bool,
    values: Vec<(String, u32, Vec<u8>)>,
    /// By the name in upper case, as the format orders them.
    subkeys: BTreeMap<String, Node>,
}

impl Default for HiveBuilder {
    fn default() -> Self {
        Self::new()
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

impl HiveBuilder {
    /// An empty hive of version 1.5 with lists that have hashes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            minor: 5,
            lists: Lists::Hash,
            root: Node {
                name: "ROOT".to_owned(),
                ..Node::default()
            },
        }
    }

    /// With another minor version.
    #[must_use]
    pub fn version(mut self, minor: u32) -> Self {
        self.minor = minor;
        self
    }

    /// With other lists.
    #[must_use]
    pub fn lists(mut self, lists: Lists) -> Self {
        self.lists = lists;
        self
    }

    fn node(&mut self, path: &str) -> &mut Node {
        let mut node = &mut self.root;
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            node = node
                .subkeys
                .entry(name.to_uppercase())
                .or_insert_with(|| Node {
                    name: name.to_owned(),
                    ..Node::default()
                });
        }
        node
    }

    /// With a key.
    #[must_use]
    pub fn key(mut self, path: &str) -> Self {
        self.node(path);
        self
    }

    /// With a key that is a link.
    #[must_use]
    pub fn link(mut self, path: &str, target: &str) -> Self {
        let node = self.node(path);
        node.link = true;
        node.values
            .push(("SymbolicLinkValue".to_owned(), 6, utf16(target)));
        self
    }

    /// With a value of this kind and data; in place of one of the same name.
    #[must_use]
    pub fn value(mut self, path: &str, name: &str, kind: u32, data: &[u8]) -> Self {
        let values = &mut self.node(path).values;
        values.retain(|(other, ..)| !other.eq_ignore_ascii_case(name));
        values.push((name.to_owned(), kind, data.to_vec()));
        self
    }

    /// With a text.
    #[must_use]
    pub fn text(self, path: &str, name: &str, text: &str) -> Self {
        let data = utf16(&format!("{text}\0"));
        self.value(path, name, 1, &data)
    }

    /// With a list of texts.
    #[must_use]
    pub fn texts(self, path: &str, name: &str, texts: &[&str]) -> Self {
        let mut all: String = texts.iter().map(|text| format!("{text}\0")).collect();
        all.push('\0');
        self.value(path, name, 7, &utf16(&all))
    }

    /// With a number.
    #[must_use]
    pub fn number(self, path: &str, name: &str, number: u32) -> Self {
        self.value(path, name, 4, &number.to_le_bytes())
    }

    /// The hive, written completely, with this sequence number.
    #[must_use]
    pub fn build_at(&self, sequence: u32) -> Vec<u8> {
        let mut cells = Cells {
            bytes: vec![0; 32],
            minor: self.minor,
            lists: self.lists,
        };
        let root = cells.node(&self.root, u32::MAX, true);
        let mut bins = cells.bytes;
        let len = bins.len().next_multiple_of(4096);
        let free = len - bins.len();
        if free > 0 {
            bins.extend((free as i32).to_le_bytes());
        }
        bins.resize(len, 0);
        bins[..4].copy_from_slice(b"hbin");
        bins[8..12].copy_from_slice(&(len as u32).to_le_bytes());
        bins[20..28].copy_from_slice(&TIME.to_le_bytes());
        let mut base = base(sequence, self.minor, root, len as u32);
        base.extend(bins);
        base
    }

    /// The hive with sequence number 1.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        self.build_at(1)
    }
}

/// When everything was written: 2020-01-01.
const TIME: u64 = 132_223_104_000_000_000;

fn base(sequence: u32, minor: u32, root: u32, bins: u32) -> Vec<u8> {
    let mut base = vec![0; 4096];
    base[..4].copy_from_slice(b"regf");
    base[4..8].copy_from_slice(&sequence.to_le_bytes());
    base[8..12].copy_from_slice(&sequence.to_le_bytes());
    base[12..20].copy_from_slice(&TIME.to_le_bytes());
    for (at, word) in [
        (20, 1),
        (24, minor),
        (28, 0),
        (32, 1),
        (36, root),
        (40, bins),
        (44, 1),
    ] {
        base[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    seal(&mut base);
    base
}

/// Makes the checksum of a base block right.
pub fn seal(base: &mut [u8]) {
    let mut sum = 0u32;
    for word in base[..508].chunks_exact(4) {
        sum ^= u32::from_le_bytes(word.try_into().expect("four bytes"));
    }
    if sum == 0 {
        sum = 1;
    } else if sum == u32::MAX {
        sum = u32::MAX - 1;
    }
    base[508..512].copy_from_slice(&sum.to_le_bytes());
}

/// The hive `old` as it is while what makes it `new` is in its logs alone: its first sequence number
/// is ahead.
#[must_use]
pub fn in_use(old: &[u8]) -> Vec<u8> {
    let mut hive = old.to_vec();
    let first = u32::from_le_bytes(hive[4..8].try_into().expect("four bytes"));
    hive[4..8].copy_from_slice(&(first + 1).to_le_bytes());
    seal(&mut hive);
    hive
}

/// The sectors of the bins in which two hives differ.
fn differences(old: &[u8], new: &[u8]) -> Vec<usize> {
    (4096..new.len())
        .step_by(512)
        .filter(|at| old.get(*at..at + 512) != Some(&new[*at..at + 512]))
        .map(|at| (at - 4096) / 512)
        .collect()
}

/// The head of a log: the hive's own, with another file type.
fn log_head(new: &[u8], file_type: u32, sequence: u32) -> Vec<u8> {
    let mut head = new[..512].to_vec();
    head[4..8].copy_from_slice(&sequence.to_le_bytes());
    head[8..12].copy_from_slice(&sequence.to_le_bytes());
    head[28..32].copy_from_slice(&file_type.to_le_bytes());
    seal(&mut head);
    head
}

/// A log of the old form that makes `new` of `old`.
#[must_use]
pub fn old_log(old: &[u8], new: &[u8]) -> Vec<u8> {
    let sectors = differences(old, new);
    let mut log = log_head(new, 1, 2);
    let mut bits = vec![0u8; (new.len() - 4096) / 4096];
    for sector in &sectors {
        bits[sector / 8] |= 1 << (sector % 8);
    }
    log.extend(b"DIRT");
    log.extend(bits);
    log.resize(log.len().next_multiple_of(512), 0);
    for sector in sectors {
        let at = 4096 + 512 * sector;
        log.extend(&new[at..at + 512]);
    }
    log
}

/// A log of the new form, an entry for each step from one hive to the next; the first has the number
/// `sequence`.
#[must_use]
pub fn new_log(steps: &[&[u8]], sequence: u32) -> Vec<u8> {
    let mut log = log_head(steps[0], 6, sequence);
    for (number, step) in steps.windows(2).enumerate() {
        let sectors = differences(step[0], step[1]);
        let mut entry = vec![0u8; 40];
        entry[..4].copy_from_slice(b"HvLE");
        entry[12..16].copy_from_slice(&(sequence + number as u32).to_le_bytes());
        entry[16..20].copy_from_slice(&((step[1].len() - 4096) as u32).to_le_bytes());
        entry[20..24].copy_from_slice(&(sectors.len() as u32).to_le_bytes());
        for sector in &sectors {
            entry.extend(((512 * sector) as u32).to_le_bytes());
            entry.extend(512u32.to_le_bytes());
        }
        for sector in &sectors {
            let at = 4096 + 512 * sector;
            entry.extend(&step[1][at..at + 512]);
        }
        entry.resize(entry.len().next_multiple_of(512), 0);
        let size = entry.len() as u32;
        entry[4..8].copy_from_slice(&size.to_le_bytes());
        let hash = marvin32(&entry[40..]);
        entry[24..32].copy_from_slice(&hash.to_le_bytes());
        let hash = marvin32(&entry[..32]);
        entry[32..40].copy_from_slice(&hash.to_le_bytes());
        log.extend(entry);
    }
    log
}

/// Marvin32 with the seed of the registry's logs.
fn marvin32(bytes: &[u8]) -> u64 {
    let seed = 0x82ef_4d88_7a4e_55c5u64;
    let mut state = [seed as u32, (seed >> 32) as u32];
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(4), 0);
    padded.extend([0; 4]);
    for word in padded.chunks_exact(4) {
        let [mut a, mut b] = state;
        a = a.wrapping_add(u32::from_le_bytes(word.try_into().expect("four bytes")));
        b ^= a;
        a = a.rotate_left(20).wrapping_add(b);
        b = b.rotate_left(9) ^ a;
        a = a.rotate_left(27).wrapping_add(b);
        b = b.rotate_left(19);
        state = [a, b];
    }
    u64::from(state[0]) | u64::from(state[1]) << 32
}

struct Cells {
    bytes: Vec<u8>,
    minor: u32,
    lists: Lists,
}

impl Cells {
    fn cell(&mut self, content: &[u8]) -> u32 {
        let offset = self.bytes.len() as u32;
        let size = (content.len() + 4).next_multiple_of(8);
        self.bytes.extend((-(size as i32)).to_le_bytes());
        self.bytes.extend(content);
        self.bytes.resize(offset as usize + size, 0);
        offset
    }

    fn node(&mut self, node: &Node, parent: u32, root: bool) -> u32 {
        let (name, latin) = name(&node.name);
        let mut cell = vec![0u8; 76];
        cell[..2].copy_from_slice(b"nk");
        let flags =
            0x20 * u16::from(latin) + 0x10 * u16::from(node.link) + if root { 0x0c } else { 0 };
        cell[2..4].copy_from_slice(&flags.to_le_bytes());
        cell[4..12].copy_from_slice(&TIME.to_le_bytes());
        let word = |cell: &mut Vec<u8>, at: usize, word: u32| {
            cell[at..at + 4].copy_from_slice(&word.to_le_bytes());
        };
        word(&mut cell, 16, parent);
        word(&mut cell, 20, node.subkeys.len() as u32);
        word(&mut cell, 36, node.values.len() as u32);
        for at in [28, 32, 40, 44, 48] {
            word(&mut cell, at, u32::MAX);
        }
        cell[72..74].copy_from_slice(&(name.len() as u16).to_le_bytes());
        cell.extend(&name);
        let own = self.cell(&cell);
        let values: Vec<u32> = node
            .values
            .iter()
            .map(|(name, kind, data)| self.value(name, *kind, data))
            .collect();
        if !values.is_empty() {
            let list: Vec<u8> = values.iter().flat_map(|at| at.to_le_bytes()).collect();
            let at = self.cell(&list);
            self.patch(own, 40, at);
        }
        let keys: Vec<(u32, String)> = node
            .subkeys
            .values()
            .map(|key| (self.node(key, own, false), key.name.clone()))
            .collect();
        if !keys.is_empty() {
            let at = self.list(&keys);
            self.patch(own, 28, at);
        }
        own
    }

    fn patch(&mut self, cell: u32, at: usize, word: u32) {
        let at = cell as usize + 4 + at;
        self.bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }

    fn list(&mut self, keys: &[(u32, String)]) -> u32 {
        if let Lists::Split(each) = self.lists {
            let parts: Vec<u32> = keys
                .chunks(each)
                .map(|part| self.leaf(*b"lh", part))
                .collect();
            let mut list = b"ri".to_vec();
            list.extend((parts.len() as u16).to_le_bytes());
            list.extend(parts.iter().flat_map(|at| at.to_le_bytes()));
            return self.cell(&list);
        }
        let kind = match self.lists {
            Lists::Fast => *b"lf",
            Lists::Plain => *b"li",
            _ => *b"lh",
        };
        self.leaf(kind, keys)
    }

    fn leaf(&mut self, kind: [u8; 2], keys: &[(u32, String)]) -> u32 {
        let mut list = kind.to_vec();
        list.extend((keys.len() as u16).to_le_bytes());
        for (at, name) in keys {
            list.extend(at.to_le_bytes());
            match &kind {
                b"lf" => {
                    let mut hint: Vec<u8> = name.bytes().take(4).collect();
                    hint.resize(4, 0);
                    list.extend(hint);
                }
                b"lh" => {
                    let hash = name.to_uppercase().encode_utf16().fold(0u32, |hash, unit| {
                        hash.wrapping_mul(37).wrapping_add(u32::from(unit))
                    });
                    list.extend(hash.to_le_bytes());
                }
                _ => {}
            }
        }
        self.cell(&list)
    }

    fn value(&mut self, value_name: &str, kind: u32, data: &[u8]) -> u32 {
        let (name, latin) = name(value_name);
        let mut cell = vec![0u8; 20];
        cell[..2].copy_from_slice(b"vk");
        cell[2..4].copy_from_slice(&(name.len() as u16).to_le_bytes());
        let (size, at) = if data.len() <= 4 {
            let mut word = [0; 4];
            word[..data.len()].copy_from_slice(data);
            (data.len() as u32 | 1 << 31, u32::from_le_bytes(word))
        } else if data.len() > 16344 && self.minor > 3 {
            let parts: Vec<u32> = data.chunks(16344).map(|part| self.cell(part)).collect();
            let list: Vec<u8> = parts.iter().flat_map(|at| at.to_le_bytes()).collect();
            let list = self.cell(&list);
            let mut big = b"db".to_vec();
            big.extend((parts.len() as u16).to_le_bytes());
            big.extend(list.to_le_bytes());
            big.extend([0; 4]);
            (data.len() as u32, self.cell(&big))
        } else {
            (data.len() as u32, self.cell(data))
        };
        cell[4..8].copy_from_slice(&size.to_le_bytes());
        cell[8..12].copy_from_slice(&at.to_le_bytes());
        cell[12..16].copy_from_slice(&kind.to_le_bytes());
        cell[16..18].copy_from_slice(&u16::from(latin).to_le_bytes());
        cell.extend(&name);
        self.cell(&cell)
    }
}

/// The bytes of a name, and whether they are one a character.
fn name(name: &str) -> (Vec<u8>, bool) {
    match name.chars().map(|c| u8::try_from(c).ok()).collect() {
        Some(latin) => (latin, true),
        None => (utf16(name), false),
    }
}
