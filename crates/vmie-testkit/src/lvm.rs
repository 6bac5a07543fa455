//! Builders of LVM2 physical volumes and of the text that describes their group.
//!
//! They write what LVM2 writes, with nothing taken from the reader under test. The bytes can be
//! broken afterwards; [`seal`] makes the checksums right again.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "tests build with it, and a builder that is given nonsense may panic"
)]

/// Where the builder puts the label: the second sector.
pub const LABEL: usize = 512;

/// A physical volume with one metadata area.
#[derive(Clone, Debug)]
pub struct PvImage {
    /// 32 characters.
    pub uuid: String,
    /// Where the metadata area starts, in bytes.
    pub area_start: usize,
    /// Bytes of the metadata area, its header included.
    pub area_size: usize,
    /// Where in the area the text starts; what does not fit wraps round to byte 512.
    pub text_at: usize,
    /// The text; nothing for a physical volume of no group.
    pub text: String,
}

impl PvImage {
    /// A physical volume whose area of 60 KiB starts at 4 KiB.
    #[must_use]
    pub fn new(uuid: &str, text: &str) -> Self {
        Self {
            uuid: uuid.to_owned(),
            area_start: 4096,
            area_size: 60 << 10,
            text_at: 512,
            text: text.to_owned(),
        }
    }

    /// Writes label, header, area and text.
    pub fn write(&self, volume: &mut [u8]) {
        let label = &mut volume[LABEL..LABEL + 512];
        label.fill(0);
        label[..8].copy_from_slice(b"LABELONE");
        label[8..16].copy_from_slice(&1u64.to_le_bytes());
        label[20..24].copy_from_slice(&32u32.to_le_bytes());
        label[24..32].copy_from_slice(b"LVM2 001");
        label[32..64].copy_from_slice(self.uuid.as_bytes());
        let data = (self.area_start + self.area_size) as u64;
        // Size, one data area of any length, the end of the list, one metadata area.
        for (at, value) in [
            (64, 0u64),
            (72, data),
            (104, self.area_start as u64),
            (112, self.area_size as u64),
        ] {
            label[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        let area = &mut volume[self.area_start..self.area_start + self.area_size];
        area.fill(0);
        area[4..20].copy_from_slice(b" LVM2 x[5A%r0N*>");
        area[20..24].copy_from_slice(&1u32.to_le_bytes());
        area[24..32].copy_from_slice(&(self.area_start as u64).to_le_bytes());
        area[32..40].copy_from_slice(&(self.area_size as u64).to_le_bytes());
        let text = [self.text.as_bytes(), b"\0"].concat();
        if !self.text.is_empty() {
            area[40..48].copy_from_slice(&(self.text_at as u64).to_le_bytes());
            area[48..56].copy_from_slice(&(text.len() as u64).to_le_bytes());
            area[56..60].copy_from_slice(&crc(&text).to_le_bytes());
            for (i, byte) in text.iter().enumerate() {
                let ring = self.area_size - 512;
                area[512 + (self.text_at - 512 + i) % ring] = *byte;
            }
        }
        seal(volume, self.area_start);
    }
}

/// LVM's CRC-32, bit by bit.
#[must_use]
pub fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xf597_a6cf, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc: u32, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// Makes the checksums of the label and of the area's header right.
pub fn seal(volume: &mut [u8], area_start: usize) {
    let sum = crc(&volume[LABEL + 20..LABEL + 512]);
    volume[LABEL + 16..LABEL + 20].copy_from_slice(&sum.to_le_bytes());
    let sum = crc(&volume[area_start + 4..area_start + 512]);
    volume[area_start..area_start + 4].copy_from_slice(&sum.to_le_bytes());
}

/// A UUID of 32 characters with its dashes.
#[must_use]
pub fn dashed(uuid: &str) -> String {
    let mut groups = Vec::new();
    let mut rest = uuid;
    for len in [6, 4, 4, 4, 4, 4, 6] {
        let (group, after) = rest.split_at(len);
        groups.push(group);
        rest = after;
    }
    groups.join("-")
}

/// The text of a group of extents of 4 KiB whose physical volumes `pv0`, `pv1` … have these UUIDs,
/// and `extents` extents each from byte 64 KiB on.
#[must_use]
pub fn group(name: &str, seqno: u32, uuids: &[&str], extents: u32, volumes: &str) -> String {
    let mut text = format!(
        "{name} {{\nid = \"{}\"\nseqno = {seqno}\nformat = \"lvm2\"\nstatus = [\"RESIZEABLE\", \"READ\", \
         \"WRITE\"]\nflags = []\nextent_size = 8\nmax_lv = 0\nphysical_volumes {{\n",
        dashed(&"G".repeat(32)),
    );
    for (n, uuid) in uuids.iter().enumerate() {
        text += &format!(
            "pv{n} {{\nid = \"{}\"\ndevice = \"/dev/sd{}2\" # Hint only\nstatus = [\"ALLOCATABLE\"]\n\
             pe_start = 128\npe_count = {extents}\n}}\n",
            dashed(uuid),
            char::from(b'a' + n as u8),
        );
    }
    text + &format!(
        "}}\nlogical_volumes {{\n{volumes}}}\n}}\n# Generated by a test\n\ncontents = \"Text Format Volume Group\"\n\
         version = 1\n"
    )
}

/// A visible logical volume of these segments.
#[must_use]
pub fn volume(name: &str, segments: &[String]) -> String {
    with_status(name, "\"READ\", \"WRITE\", \"VISIBLE\"", segments)
}

/// A logical volume that is a part of others.
#[must_use]
pub fn hidden(name: &str, segments: &[String]) -> String {
    with_status(name, "\"READ\", \"WRITE\"", segments)
}

fn with_status(name: &str, status: &str, segments: &[String]) -> String {
    let mut text = format!(
        "{name} {{\nid = \"{}\"\nstatus = [{status}]\nsegment_count = {}\n",
        dashed(&"L".repeat(32)),
        segments.len()
    );
    for (n, segment) in segments.iter().enumerate() {
        text += &format!("segment{} {{\n{segment}}}\n", n + 1);
    }
    text + "}\n"
}

/// A segment of this kind, with further lines.
#[must_use]
pub fn segment(start: u64, count: u64, kind: &str, more: &str) -> String {
    format!("start_extent = {start}\nextent_count = {count}\ntype = \"{kind}\"\n{more}\n")
}

/// A linear or striped segment; chunks in sectors.
#[must_use]
pub fn striped(start: u64, count: u64, chunk: u32, areas: &[(&str, u64)]) -> String {
    let list: Vec<String> = areas
        .iter()
        .map(|(name, at)| format!("\"{name}\", {at}"))
        .collect();
    let more = format!(
        "stripe_count = {}\nstripe_size = {chunk}\nstripes = [\n{}\n]",
        areas.len(),
        list.join(",\n")
    );
    segment(start, count, "striped", &more)
}
