//! Random values with every member of the declarations, for tests.

use vmie_rules::guest::{BootMode, Platform};
use vmie_rules::license::LicenseType;
use vmie_rules::status::{Status, TaskState};
use vmie_tasks::{Double, ImageId, InstanceId, SnapshotId, SourceUrl, TaskId, Timestamp, VolumeId};

use crate::leaf::Leaf;
use crate::rule::Rule;

/// Numbers from a seed (SplitMix64): the same seed, the same values.
#[derive(Clone, Copy, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice with a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    fn index(&mut self, len: usize) -> usize {
        let bound = u64::try_from(len).unwrap_or(1);
        usize::try_from(self.below(bound)).unwrap_or(0)
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let index = self.index(of.len());
        of.get(index).cloned()
    }
}

/// A type that random values can be made of.
pub(crate) trait Sample: Sized {
    /// A value.
    fn sample(dice: &mut Dice, rule: &Rule) -> Self;

    /// A member of a structure, which may be absent unless it must be there.
    fn member(dice: &mut Dice, rule: &Rule, _must: bool) -> Self {
        Self::sample(dice, rule)
    }

    /// A member that the structure does not have here.
    fn absent(dice: &mut Dice, rule: &Rule) -> Self {
        Self::sample(dice, rule)
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(dice: &mut Dice, rule: &Rule) -> Self {
        Some(T::sample(dice, rule))
    }

    fn member(dice: &mut Dice, rule: &Rule, must: bool) -> Self {
        let there = must || rule.required || dice.below(3) > 0;
        there.then(|| T::sample(dice, rule))
    }

    fn absent(_: &mut Dice, _: &Rule) -> Self {
        None
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(dice: &mut Dice, rule: &Rule) -> Self {
        let count = dice.below(3).saturating_add(1);
        (0..count).map(|_| T::sample(dice, rule)).collect()
    }

    fn member(dice: &mut Dice, rule: &Rule, must: bool) -> Self {
        if must || dice.below(2) > 0 {
            Self::sample(dice, rule)
        } else {
            Self::new()
        }
    }

    fn absent(_: &mut Dice, _: &Rule) -> Self {
        Self::new()
    }
}

impl<T: Sample> Sample for Box<T> {
    fn sample(dice: &mut Dice, rule: &Rule) -> Self {
        Self::new(T::sample(dice, rule))
    }
}

/// Texts that are awkward on the wire.
const PIECES: &[&str] = &[
    "a", "Z", "0", " ", "  ", "&", "<", ">", "]]>", "\"", "'", "%", "+", "=", "/", ":", ".", ";",
    "&amp;", "%20", "\t", "\n", "\r", "\r\n", "ä", "雪", "🦀", "\u{fffd}", "\u{e000}", "\u{85}",
    "\u{2028}", "server", "import", "<!--", "${x}",
];

impl Sample for String {
    fn sample(dice: &mut Dice, rule: &Rule) -> Self {
        if let Some(word) = dice.pick(rule.one_of) {
            return match dice.below(3) {
                0 => word.to_owned(),
                1 => word.to_ascii_uppercase(),
                _ => word.to_ascii_lowercase(),
            };
        }
        let count = dice.below(8);
        (0..count).filter_map(|_| dice.pick(PIECES)).collect()
    }
}

impl Sample for bool {
    fn sample(dice: &mut Dice, _: &Rule) -> Self {
        dice.below(2) == 1
    }
}

impl Sample for i64 {
    fn sample(dice: &mut Dice, rule: &Rule) -> Self {
        let number = dice.next().cast_signed();
        let shift = u32::try_from(dice.below(63)).unwrap_or(0);
        let number = number >> shift;
        if rule.long {
            number
        } else {
            Self::from(i32::try_from(number).unwrap_or(-1))
        }
    }
}

impl Sample for u64 {
    fn sample(dice: &mut Dice, _: &Rule) -> Self {
        // What a double can hold, too.
        let number = dice.below(1 << 53);
        number >> dice.below(53)
    }
}

impl Sample for u8 {
    fn sample(dice: &mut Dice, _: &Rule) -> Self {
        Self::try_from(dice.below(101)).unwrap_or(0)
    }
}

impl Sample for Double {
    fn sample(dice: &mut Dice, _: &Rule) -> Self {
        let number = f64::from_bits(dice.next());
        Self(if number.is_finite() { number } else { 0.0 })
    }
}

impl Sample for Timestamp {
    fn sample(dice: &mut Dice, rule: &Rule) -> Self {
        let secs = dice.below(4_102_444_800).cast_signed();
        let nanos = u32::try_from(dice.below(1_000_000_000)).unwrap_or(0);
        let coarse = nanos.div_euclid(1_000_000).saturating_mul(1_000_000);
        let nanos = if rule.millis || dice.below(2) == 0 {
            coarse
        } else {
            nanos
        };
        Self { secs, nanos }
    }
}

impl Sample for SourceUrl {
    fn sample(dice: &mut Dice, rule: &Rule) -> Self {
        let rest = String::sample(dice, rule);
        let start = if dice.below(2) == 0 {
            "S3://bucket_name/"
        } else {
            "https://b/k?X-Amz-Signature=f&a="
        };
        Self::new(format!("{start}{rest}"))
    }
}

/// An id with a prefix; the one shape that all readers of ids take.
fn id<T: Leaf>(dice: &mut Dice, prefix: &str) -> T {
    let text = format!("{prefix}{:017x}", dice.next());
    match T::parse(&text, &Rule::PLAIN) {
        Ok(id) => id,
        Err(error) => unreachable!("{text}: {error}"),
    }
}

macro_rules! ids {
    ($($id:ident $($prefix:literal)+;)+) => {
        $(
            impl Sample for $id {
                fn sample(dice: &mut Dice, _: &Rule) -> Self {
                    let prefix = dice.pick(&[$($prefix),+]).unwrap_or_default();
                    id(dice, prefix)
                }
            }
        )+
    };
}

ids! {
    TaskId "import-ami-" "import-snap-" "import-i-" "import-vol-" "export-i-" "export-ami-";
    ImageId "ami-";
    SnapshotId "snap-";
    InstanceId "i-";
    VolumeId "vol-";
}

macro_rules! words {
    ($($word:ident $first:ident $($other:ident)+;)+) => {
        $(
            impl Sample for $word {
                fn sample(dice: &mut Dice, _: &Rule) -> Self {
                    let words = [Self::$first, $(Self::$other),+];
                    dice.pick(&words).unwrap_or(Self::$first)
                }
            }
        )+
    };
}

words! {
    Status Active Deleting Deleted Completed;
    TaskState Active Cancelling Cancelled Completed;
    Platform Linux Windows;
    LicenseType Aws Byol;
    BootMode LegacyBios Uefi UefiPreferred;
}
