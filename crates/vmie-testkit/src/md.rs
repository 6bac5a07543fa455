//! Builder of the superblocks of Linux software RAID.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "tests build with it, and a builder that is given nonsense may panic"
)]

/// What a superblock says; sizes in sectors of 512 bytes.
#[derive(Clone, Debug)]
pub struct MdImage {
    /// `0.90`, `1.0`, `1.1` or `1.2`.
    pub version: &'static str,
    /// 0xffff_ffff is linear.
    pub level: u32,
    /// The layout of a RAID0 of unequal members, if it says so.
    pub layout: Option<u32>,
    /// Sectors of a chunk.
    pub chunk: u32,
    /// How many members there are.
    pub raid_disks: u32,
    /// Which one this is.
    pub role: u32,
    /// The state of this one: grows with each change.
    pub events: u64,
    /// The array's identifier.
    pub uuid: [u8; 16],
    /// The array's name, or the number of its device for version 0.90.
    pub name: String,
    /// Sectors of a member that are used.
    pub size: u64,
    /// Where the data starts.
    pub data_offset: u64,
    /// How much of it there is.
    pub data_size: u64,
    /// Further features, by their bits.
    pub features: u32,
}

impl MdImage {
    /// A member of an array of equal members of `sectors` of data each.
    #[must_use]
    pub fn new(version: &'static str, level: u32, raid_disks: u32, sectors: u64) -> Self {
        Self {
            version,
            level,
            layout: None,
            chunk: 8,
            raid_disks,
            role: 0,
            events: 10,
            uuid: *b"an array's uuid!",
            name: "host:7".into(),
            size: sectors,
            data_offset: if version == "1.2" || version == "1.1" {
                16
            } else {
                0
            },
            data_size: sectors,
            features: 0,
        }
    }

    /// Where the superblock stands on a member of this length.
    #[must_use]
    pub fn place(&self, len: usize) -> usize {
        match self.version {
            "1.1" => 0,
            "1.2" => 4096,
            "1.0" => (len - 8192) / 4096 * 4096,
            _ => len / 65536 * 65536 - 65536,
        }
    }

    /// Writes the superblock.
    pub fn write(&self, member: &mut [u8]) {
        let at = self.place(member.len());
        if self.version == "0.90" {
            self.write_0_90(&mut member[at..at + 4096]);
        } else {
            self.write_1(&mut member[at..at + 4096], at);
        }
    }

    fn write_1(&self, sb: &mut [u8], at: usize) {
        sb.fill(0);
        let features = self.features | if self.layout.is_some() { 4096 } else { 0 };
        for (place, value) in [
            (0, 0xa92b_4efc),
            (4, 1),
            (8, features),
            (72, self.level),
            (76, self.layout.unwrap_or(0)),
            (88, self.chunk),
            (92, self.raid_disks),
            (160, self.role),
            (220, self.raid_disks.max(self.role + 1)),
        ] {
            sb[place..place + 4].copy_from_slice(&value.to_le_bytes());
        }
        sb[16..32].copy_from_slice(&self.uuid);
        sb[32..32 + self.name.len()].copy_from_slice(self.name.as_bytes());
        for (place, value) in [
            (80, self.size),
            (128, self.data_offset),
            (136, self.data_size),
            (144, at as u64 / 512),
            (200, self.events),
        ] {
            sb[place..place + 8].copy_from_slice(&value.to_le_bytes());
        }
        for role in 0..self.raid_disks.max(self.role + 1) {
            let place = 256 + 2 * role as usize;
            sb[place..place + 2].copy_from_slice(&(role as u16).to_le_bytes());
        }
        seal(
            sb,
            216,
            256 + 2 * self.raid_disks.max(self.role + 1) as usize,
        );
    }

    fn write_0_90(&self, sb: &mut [u8]) {
        sb.fill(0);
        let word = |at: usize| {
            let bytes = self.uuid[at * 4..at * 4 + 4]
                .try_into()
                .expect("four bytes");
            u32::from_be_bytes(bytes)
        };
        for (index, value) in [
            (0, 0xa92b_4efc),
            (1, 0),
            (2, 90),
            (5, word(0)),
            (7, self.level),
            (8, (self.size / 2) as u32),
            (10, self.raid_disks),
            (
                11,
                self.name
                    .trim_start_matches("host:")
                    .parse()
                    .expect("a number"),
            ),
            (13, word(1)),
            (14, word(2)),
            (15, word(3)),
            (39, self.events as u32),
            (40, (self.events >> 32) as u32),
            (65, self.chunk * 512),
            (992, self.role),
            (995, self.role),
            (996, 6),
        ] {
            sb[index * 4..index * 4 + 4].copy_from_slice(&value.to_le_bytes());
        }
        seal(sb, 152, 4096);
    }
}

/// Makes the checksum at byte `place` right: the folded sum of the words of the first `len` bytes.
pub fn seal(sb: &mut [u8], place: usize, len: usize) {
    sb[place..place + 4].fill(0);
    let mut sum = 0u64;
    for chunk in sb[..len].chunks(4) {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        sum += u64::from(u32::from_le_bytes(word));
    }
    let folded = (sum & 0xffff_ffff) + (sum >> 32);
    sb[place..place + 4].copy_from_slice(&(folded as u32).to_le_bytes());
}
