//! Ids of tasks, images and snapshots, and where new ones come from.

use core::fmt;

/// The kinds of task that the engine runs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TaskKind {
    /// ImportImage (SVC-TASK-1).
    ImportImage,
    /// ImportSnapshot (SVC-TASK-2).
    ImportSnapshot,
    /// ImportInstance (SVC-TASK-3).
    ImportInstance,
    /// ImportVolume (SVC-TASK-3).
    ImportVolume,
    /// CreateInstanceExportTask (SVC-TASK-4).
    ExportInstance,
    /// ExportImage (SVC-TASK-5).
    ExportImage,
}

impl TaskKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::ImportImage,
        Self::ImportSnapshot,
        Self::ImportInstance,
        Self::ImportVolume,
        Self::ExportInstance,
        Self::ExportImage,
    ];

    /// What the ids of the kind start with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ImportImage => "import-ami-",
            Self::ImportSnapshot => "import-snap-",
            Self::ImportInstance => "import-i-",
            Self::ImportVolume => "import-vol-",
            Self::ExportInstance => "export-i-",
            Self::ExportImage => "export-ami-",
        }
    }

    /// The `ResourceType` of the kind's tags. Requests of the conversion tasks carry none.
    #[must_use]
    pub const fn resource_type(self) -> &'static str {
        match self {
            Self::ImportImage => "import-image-task",
            Self::ImportSnapshot => "import-snapshot-task",
            Self::ImportInstance | Self::ImportVolume => "conversion-task",
            Self::ExportInstance => "export-instance-task",
            Self::ExportImage => "export-image-task",
        }
    }
}

/// Whether a text is `prefix` and a tail of the shapes that ids have been seen in (SVC-OBS-4).
fn well_formed(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|tail| {
        (8..=17).contains(&tail.len())
            && tail
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

/// The most bytes of an id: the longest prefix has 12, and 17 digits follow.
const CAPACITY: usize = 30;

/// A short text without an allocation: there are millions of ids, in records and in indexes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Inline {
    /// Zero behind the text, so that the order of the bytes is that of the texts.
    bytes: [u8; CAPACITY],
    len: u8,
}

impl Inline {
    const EMPTY: Self = Self {
        bytes: [0; CAPACITY],
        len: 0,
    };

    fn new(text: &str) -> Option<Self> {
        let mut inline = Self::EMPTY;
        fmt::Write::write_str(&mut inline, text).ok()?;
        Some(inline)
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Write for Inline {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let start = usize::from(self.len);
        let end = start.checked_add(text.len()).ok_or(fmt::Error)?;
        let place = self.bytes.get_mut(start..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = u8::try_from(end).map_err(|_| fmt::Error)?;
        Ok(())
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $expecting:literal)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(Inline);

            impl $name {
                /// The id as it is written.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    self.0.as_str()
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.pad(self.as_str())
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{}({:?})", stringify!($name), self.as_str())
                }
            }

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                    to.serialize_str(self.as_str())
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                    struct Visitor;
                    impl serde::de::Visitor<'_> for Visitor {
                        type Value = $name;

                        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                            f.write_str($expecting)
                        }

                        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                            $name::read(text)
                                .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
                        }
                    }
                    from.deserialize_str(Visitor)
                }
            }
        )+
    };
}

ids! {
    /// The id of a task: `import-ami-…`, `export-i-…` …
    TaskId "the id of a task"
    /// The id of an image: `ami-…`.
    ImageId "the id of an image, ami-…"
    /// The id of a snapshot: `snap-…`.
    SnapshotId "the id of a snapshot, snap-…"
    /// The id of an instance: `i-…`.
    InstanceId "the id of an instance, i-…"
    /// The id of a volume: `vol-…`.
    VolumeId "the id of a volume, vol-…"
}

macro_rules! of_prefix {
    ($($name:ident $prefix:literal)+) => {
        $(
            impl $name {
                #[doc = concat!("Takes an id `", $prefix, "…` of a shape that has been seen")]
                /// (SVC-OBS-4); `None` for any other text.
                #[must_use]
                pub fn parse(text: &str) -> Option<Self> {
                    well_formed(text, $prefix).then(|| Inline::new(text).map(Self)).flatten()
                }

                fn read(text: &str) -> Option<Self> {
                    Self::parse(text)
                }
            }
        )+
    };
}

of_prefix! {
    ImageId "ami-"
    SnapshotId "snap-"
    InstanceId "i-"
    VolumeId "vol-"
}

impl TaskId {
    /// Takes an id of the shape that a kind has (SVC-OBS-4); `None` for any other text.
    #[must_use]
    pub fn parse(text: &str, kind: TaskKind) -> Option<Self> {
        well_formed(text, kind.prefix())
            .then(|| Inline::new(text).map(Self))
            .flatten()
    }

    /// Takes an id of whatever kind.
    #[must_use]
    pub fn parse_any(text: &str) -> Option<Self> {
        TaskKind::ALL
            .into_iter()
            .find_map(|kind| Self::parse(text, kind))
    }

    fn read(text: &str) -> Option<Self> {
        Self::parse_any(text)
    }
}

/// New ids from a seed: the same seed gives the same ids in the same order, and none twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct IdSource {
    seed: u64,
    /// How many numbers were drawn.
    drawn: u64,
}

impl IdSource {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    pub(crate) fn task(&mut self, kind: TaskKind) -> TaskId {
        TaskId(self.id(kind.prefix()))
    }

    pub(crate) fn image(&mut self) -> ImageId {
        ImageId(self.id("ami-"))
    }

    pub(crate) fn snapshot(&mut self) -> SnapshotId {
        SnapshotId(self.id("snap-"))
    }

    pub(crate) fn instance(&mut self) -> InstanceId {
        InstanceId(self.id("i-"))
    }

    pub(crate) fn volume(&mut self) -> VolumeId {
        VolumeId(self.id("vol-"))
    }

    /// A number that grows with every id, for the order of creation.
    pub(crate) fn sequence(&self) -> u64 {
        self.drawn
    }

    /// An arbitrary number that depends on the seed and on `of` alone.
    pub(crate) fn arbitrary(&self, of: u64) -> u64 {
        scramble(self.seed ^ scramble(of.wrapping_add(GAMMA)))
    }

    /// 17 hexadecimal digits. The last 16 are a one-to-one function of the count, so that no id
    /// comes twice; the first is drawn from the count as well, for the looks.
    fn id(&mut self, prefix: &str) -> Inline {
        self.drawn = self.drawn.wrapping_add(1);
        let state = self.seed.wrapping_add(self.drawn.wrapping_mul(GAMMA));
        let number = scramble(state);
        let first = scramble(number ^ GAMMA) & 0xf;
        let mut inline = Inline::EMPTY;
        // It always fits: 12 + 17 bytes at most.
        let _ = fmt::Write::write_fmt(&mut inline, format_args!("{prefix}{first:x}{number:016x}"));
        inline
    }
}

/// An odd constant: its multiples run through all 64-bit numbers before one returns
/// (the golden ratio, as SplitMix64 has it: <https://doi.org/10.1145/2660193.2660195>).
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finalizer, a permutation of the 64-bit numbers.
fn scramble(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn ids_have_17_hexadecimal_digits_and_never_return() {
        let mut source = IdSource::new(7);
        let mut seen = BTreeSet::new();
        for _ in 0..1000 {
            let id = source.task(TaskKind::ImportImage);
            let tail = id.as_str().strip_prefix("import-ami-").unwrap();
            assert_eq!(tail.len(), 17);
            assert!(
                tail.bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            );
            assert!(TaskId::parse(id.as_str(), TaskKind::ImportImage).is_some());
            assert!(TaskId::parse(id.as_str(), TaskKind::ImportSnapshot).is_none());
            assert!(seen.insert(id));
        }
    }

    #[test]
    fn the_seed_decides_the_ids() {
        assert_eq!(IdSource::new(1).image(), IdSource::new(1).image());
        assert_ne!(IdSource::new(1).image(), IdSource::new(2).image());
    }

    #[test]
    fn svc_obs_4_ids_of_all_seen_shapes_are_taken() {
        for (text, taken) in [
            ("import-ami-1234567890abcdef0", true),
            ("import-ami-01234567890abcdt", true),
            ("import-ami-fh95npoc", true),
            ("import-ami-short", false),
            ("import-ami-1234567890abcdef01", false),
            ("import-ami-1234567890ABCDEF0", false),
            ("import-snap-1234567890abcdef0", true),
            ("import-i-fh95npoc", true),
            ("import-vol-fh95npoc", true),
            ("export-i-1234567890abcdef0", true),
            ("export-ami-1234567890abcdef0", true),
            ("ami-1234567890abcdef0", false),
            ("", false),
        ] {
            assert_eq!(TaskId::parse_any(text).is_some(), taken, "{text}");
        }
    }
}
