//! Going on with a conversion that was killed.
//!
//! Now and then a conversion stops handing out pieces, waits until those under way are done, and
//! keeps what it would need to go on from there: how far it is, where blocks are, and the states of
//! the digests. What is written to the sink after that and before a kill is cut off again, or written
//! once more, the same, to the same place.

use sha2::Sha256;
use sha2::digest::common::hazmat::{SerializableState as _, SerializedState};
use vmie_io::{ReadError, int};

use super::{ConvertOptions, Stamp};

/// Keeps, now and then, what a conversion needs to go on after it was killed.
pub trait Journal: Sync {
    /// Whether it is time to keep it again. Asked for every piece of the disk: a call should cost
    /// little.
    fn due(&self) -> bool;

    /// Keeps this in place of what was kept before.
    ///
    /// # Errors
    /// When it cannot be kept; the conversion then fails.
    fn save(&self, state: &[u8]) -> Result<(), ReadError>;
}

/// No journal: a conversion that is killed begins anew.
impl Journal for () {
    fn due(&self) -> bool {
        false
    }

    fn save(&self, _: &[u8]) -> Result<(), ReadError> {
        Ok(())
    }
}

/// What the state begins with: its form.
const FORM: &[u8; 8] = b"vmieCV01";

/// How far a conversion came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The byte of the disk that is next.
    pub(crate) at: u64,
    /// Bytes of data that were written.
    pub(crate) written: u64,
}

/// A conversion to go on with.
#[derive(Clone, Copy)]
pub(crate) struct Saved<'a> {
    pub(crate) reached: Reached,
    /// What encoder and digests kept.
    pub(crate) rest: Words<'a>,
}

/// The state of a conversion, without what encoder and digests add to it.
pub(crate) fn begin(options: &ConvertOptions, total: u64, reached: Reached) -> Vec<u8> {
    let mut out = FORM.to_vec();
    let Stamp {
        id,
        time,
        adapter,
        hardware_version,
    } = &options.stamp;
    out.extend_from_slice(id);
    for number in [*time, reached.at, reached.written] {
        put(&mut out, number);
    }
    bytes(&mut out, options.target.to_string().as_bytes());
    bytes(&mut out, adapter.as_bytes());
    for number in [
        total,
        u64::from(*hardware_version),
        options.level.into(),
        options.digest.into(),
        options.file_digest.into(),
    ] {
        put(&mut out, number);
    }
    out
}

/// The state with a checksum at its end.
pub(crate) fn end(mut state: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&state);
    put(&mut state, sum.into());
    state
}

/// Understands a state, if it is of the same conversion. The time and the id that go into the image
/// are taken over from it.
pub(crate) fn parse<'a>(
    state: &'a [u8],
    options: &mut ConvertOptions,
    total: u64,
) -> Option<Saved<'a>> {
    let (state, sum) = state.split_at_checked(state.len().checked_sub(8)?)?;
    let sum = Words(sum).number()?;
    if sum != u64::from(crc32fast::hash(state)) {
        return None;
    }
    let mut words = Words(state.strip_prefix(FORM)?);
    let id: [u8; 16] = words.take(16)?.try_into().ok()?;
    let time = words.number()?;
    let reached = Reached {
        at: words.number()?,
        written: words.number()?,
    };
    let mut same = options.clone();
    same.stamp.id = id;
    same.stamp.time = time;
    let again = begin(&same, total, reached);
    let rest = state.strip_prefix(again.as_slice())?;
    if reached.at > total {
        return None;
    }
    *options = same;
    Some(Saved {
        reached,
        rest: Words(rest),
    })
}

/// Adds a number.
pub(crate) fn put(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Adds numbers and how many they are.
pub(crate) fn numbers(out: &mut Vec<u8>, numbers: &[u32]) {
    put(out, int::u64_of(numbers.len()));
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, int::u64_of(bytes.len()));
    out.extend_from_slice(bytes);
}

/// Adds the state of a digest.
pub(crate) fn hash(out: &mut Vec<u8>, hasher: Option<&Sha256>) {
    if let Some(hasher) = hasher {
        out.extend_from_slice(&hasher.serialize());
    }
}

/// What was added, taken in the same order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let bytes = self.take(8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    }

    /// Numbers, of which there are `expected`.
    pub(crate) fn numbers(&mut self, expected: usize) -> Option<Vec<u32>> {
        let count = usize::try_from(self.number()?).ok()?;
        if count != expected {
            return None;
        }
        let bytes = self.take(count.checked_mul(4)?)?;
        let (words, _) = bytes.as_chunks::<4>();
        Some(words.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }

    pub(crate) fn hash(&mut self) -> Option<Sha256> {
        let mut state = SerializedState::<Sha256>::default();
        let bytes = self.take(state.len())?;
        state.copy_from_slice(bytes);
        Sha256::deserialize(&state).ok()
    }
}

#[cfg(test)]
mod tests {
    use sha2::Digest as _;

    use super::*;
    use crate::Target;

    #[test]
    fn a_state_is_taken_by_the_same_conversion_only() {
        let options = ConvertOptions::new().target(Target::VhdDynamic);
        let reached = Reached {
            at: 5 << 20,
            written: 77,
        };
        let mut state = begin(&options, 9 << 20, reached);
        numbers(&mut state, &[1, 2, 3]);
        hash(&mut state, Some(&Sha256::new_with_prefix(b"abc")));
        let state = end(state);
        // Another run has another id and time, and takes those of the first.
        let mut again = ConvertOptions::new().target(Target::VhdDynamic);
        let mut saved = parse(&state, &mut again, 9 << 20).unwrap();
        assert_eq!(saved.reached, reached);
        assert_eq!(again.stamp.id, options.stamp.id);
        assert_eq!(saved.rest.numbers(3), Some(vec![1, 2, 3]));
        let hasher = saved.rest.hash().unwrap();
        assert_eq!(hasher.finalize(), Sha256::digest(b"abc"));
        for other in [
            options.clone().target(Target::VhdxDynamic),
            options.clone().level(Some(12)),
            options.clone().digest(false),
        ] {
            assert!(parse(&state, &mut other.clone(), 9 << 20).is_none());
        }
        assert!(parse(&state, &mut again, 8 << 20).is_none());
        for cut in 0..state.len() {
            assert!(parse(&state[..cut], &mut again, 9 << 20).is_none(), "{cut}");
            let mut bad = state.clone();
            bad[cut] ^= 1;
            assert!(parse(&bad, &mut again, 9 << 20).is_none(), "{cut}");
        }
    }
}
