//! Ids of tasks, images and snapshots, and where new ones come from.

use alloc::format;
use alloc::string::String;
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
}

impl TaskKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::ImportImage, Self::ImportSnapshot];

    /// What the ids of the kind start with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ImportImage => "import-ami-",
            Self::ImportSnapshot => "import-snap-",
        }
    }

    /// The `ResourceType` of the kind's tags.
    #[must_use]
    pub const fn resource_type(self) -> &'static str {
        match self {
            Self::ImportImage => "import-image-task",
            Self::ImportSnapshot => "import-snapshot-task",
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

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)+) => {
        $(
            $(#[$doc])*
            #[derive(
                Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
                serde::Serialize, serde::Deserialize,
            )]
            #[serde(transparent)]
            pub struct $name(String);

            impl $name {
                /// The id as it is written.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.pad(&self.0)
                }
            }
        )+
    };
}

ids! {
    /// The id of a task: `import-ami-…` or `import-snap-…`.
    TaskId
    /// The id of an image: `ami-…`.
    ImageId
    /// The id of a snapshot: `snap-…`.
    SnapshotId
    /// The id of an instance: `i-…`.
    InstanceId
    /// The id of a volume: `vol-…`.
    VolumeId
}

impl TaskId {
    /// Takes an id of the shape that a kind has (SVC-OBS-4); `None` for any other text.
    #[must_use]
    pub fn parse(text: &str, kind: TaskKind) -> Option<Self> {
        well_formed(text, kind.prefix()).then(|| Self(text.into()))
    }

    /// Takes an id of whatever kind.
    #[must_use]
    pub fn parse_any(text: &str) -> Option<Self> {
        TaskKind::ALL
            .into_iter()
            .find_map(|kind| Self::parse(text, kind))
    }
}

impl SnapshotId {
    /// Takes an id of the shape that snapshots have (SVC-OBS-4); `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        well_formed(text, "snap-").then(|| Self(text.into()))
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

    /// A number that grows with every id, for the order of creation.
    pub(crate) fn sequence(&self) -> u64 {
        self.drawn
    }

    /// 17 hexadecimal digits. The last 16 are a one-to-one function of the count, so that no id
    /// comes twice; the first is drawn from the count as well, for the looks.
    fn id(&mut self, prefix: &str) -> String {
        self.drawn = self.drawn.wrapping_add(1);
        let state = self.seed.wrapping_add(self.drawn.wrapping_mul(GAMMA));
        let number = scramble(state);
        let first = scramble(number ^ GAMMA) & 0xf;
        format!("{prefix}{first:x}{number:016x}")
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
    fn ids_of_all_seen_shapes_are_taken() {
        for (text, taken) in [
            ("import-ami-1234567890abcdef0", true),
            ("import-ami-01234567890abcdt", true),
            ("import-ami-fh95npoc", true),
            ("import-ami-short", false),
            ("import-ami-1234567890abcdef01", false),
            ("import-ami-1234567890ABCDEF0", false),
            ("import-snap-1234567890abcdef0", true),
            ("ami-1234567890abcdef0", false),
            ("", false),
        ] {
            assert_eq!(TaskId::parse_any(text).is_some(), taken, "{text}");
        }
    }
}
