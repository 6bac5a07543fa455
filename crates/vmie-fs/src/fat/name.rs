//! Names: short, long, and the label, which is an entry too.

use zerocopy::FromBytes;

use super::format::{
    ATTR_LONG_NAME, ATTR_LONG_NAME_MASK, ATTR_VOLUME_ID, DirEntryRaw, ENTRY_LEN, LAST_LONG_ENTRY,
    LOWER_BASE, LOWER_EXT, LongEntryRaw, MAX_LONG_ENTRIES, NAME_END, NAME_FREE, NAME_KANJI,
};

/// The upper half of code page 437, which short names are in unless somebody says otherwise.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

fn decode(byte: u8) -> char {
    match byte.checked_sub(0x80) {
        None => char::from(byte),
        Some(upper) => CP437.chars().nth(upper.into()).unwrap_or('\u{fffd}'),
    }
}

/// Whether this entry and all after it are unused.
pub(super) fn is_end(entry: &[u8; ENTRY_LEN]) -> bool {
    entry.first() == Some(&NAME_END)
}

/// Whether the entry is a part of a long name.
pub(super) fn is_long(raw: &DirEntryRaw) -> bool {
    raw.attr & ATTR_LONG_NAME_MASK == ATTR_LONG_NAME
}

/// The label, when the entry is one.
pub(super) fn volume_label(entry: &[u8; ENTRY_LEN]) -> Option<String> {
    let raw = DirEntryRaw::read_from_bytes(entry).ok()?;
    let free = raw.name.first() == Some(&NAME_FREE);
    if free || is_long(&raw) || raw.attr & ATTR_VOLUME_ID == 0 {
        return None;
    }
    let text: String = restore(raw.name).into_iter().map(decode).collect();
    let text = text.trim_end_matches([' ', '\0']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// A name that starts with the byte that marks free entries is written with another.
fn restore(mut name: [u8; 11]) -> [u8; 11] {
    if let Some(first @ &mut NAME_KANJI) = name.first_mut() {
        *first = NAME_FREE;
    }
    name
}

/// The short name, `README.TXT`, in the case that the entry says.
pub(super) fn short(raw: &DirEntryRaw) -> String {
    let name = restore(raw.name);
    let part = |bytes: &[u8], lower: bool| -> String {
        let text: String = bytes.iter().copied().map(decode).collect();
        let text = text.trim_end_matches(' ');
        if lower {
            text.to_lowercase()
        } else {
            text.to_owned()
        }
    };
    let (base, ext) = name.split_at(8);
    let mut text = part(base, raw.nt_res & LOWER_BASE != 0);
    let ext = part(ext, raw.nt_res & LOWER_EXT != 0);
    if !ext.is_empty() {
        text.push('.');
        text.push_str(&ext);
    }
    text
}

/// The checksum by which the parts of a long name say which short name they belong to.
fn checksum(name: &[u8; 11]) -> u8 {
    name.iter()
        .fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// Names are equal when they are in capitals.
pub(super) fn fold(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).collect()
}

/// Puts a long name together from its parts, which come last part first, right before the short
/// entry.
#[derive(Debug, Default)]
pub(super) struct LongName {
    /// The part that must come next: one less than the last one seen.
    next: u8,
    checksum: u8,
    /// From the end of the name to its start, part by part.
    parts: Vec<[u16; 13]>,
}

impl LongName {
    /// Takes a part; what is out of turn starts anew.
    pub(super) fn push(&mut self, entry: &[u8; ENTRY_LEN]) {
        let Ok(raw) = LongEntryRaw::read_from_bytes(entry) else {
            return;
        };
        let number = raw.ord & !LAST_LONG_ENTRY;
        if raw.ord & LAST_LONG_ENTRY != 0 {
            *self = Self {
                next: number,
                checksum: raw.chksum,
                parts: Vec::new(),
            };
        }
        let in_turn = number == self.next
            && (1..=MAX_LONG_ENTRIES).contains(&number)
            && raw.chksum == self.checksum;
        if !in_turn {
            *self = Self::default();
            return;
        }
        let units = [raw.name1.as_slice(), &raw.name2, &raw.name3].concat();
        let mut part = [0u16; 13];
        for (to, from) in part.iter_mut().zip(units.as_chunks::<2>().0) {
            *to = u16::from_le_bytes(*from);
        }
        self.parts.push(part);
        self.next = number.saturating_sub(1);
    }

    /// The name, when it is whole and belongs to this short entry; nothing is kept.
    pub(super) fn take(&mut self, short: &DirEntryRaw) -> Option<String> {
        let whole = std::mem::take(self);
        if whole.parts.is_empty() || whole.next != 0 || whole.checksum != checksum(&short.name) {
            return None;
        }
        let units = whole.parts.iter().rev().flatten().copied();
        let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
        let name = String::from_utf16_lossy(&units);
        // A name that could not have been made is no better than the short one.
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &[u8; 11], nt_res: u8) -> DirEntryRaw {
        let mut bytes = [0; 32];
        bytes[..11].copy_from_slice(name);
        bytes[12] = nt_res;
        DirEntryRaw::read_from_bytes(&bytes).unwrap()
    }

    #[test]
    fn short_names_keep_their_case_bits_and_code_page() {
        assert_eq!(CP437.chars().count(), 128);
        for (raw, nt_res, name) in [
            (b"README  TXT", 0, "README.TXT"),
            (b"README  TXT", LOWER_BASE, "readme.TXT"),
            (b"README  TXT", LOWER_BASE | LOWER_EXT, "readme.txt"),
            (b"NOEXT      ", LOWER_EXT, "NOEXT"),
            (b"\x05BC     D  ", 0, "σBC.D"),
            (b"\x8e       \x81  ", LOWER_BASE, "ä.ü"),
        ] {
            assert_eq!(short(&entry(raw, nt_res)), name);
        }
        assert_eq!(fold("straße.ä"), "STRASSE.Ä");
    }

    #[test]
    fn the_checksum_is_the_specifications() {
        // The rotation, written the long way.
        let name = b"LONGFI~1TXT";
        let mut sum = 0u32;
        for byte in name {
            sum = ((sum >> 1) + ((sum & 1) << 7) + u32::from(*byte)) & 0xff;
        }
        assert_eq!(u32::from(checksum(name)), sum);
    }
}
