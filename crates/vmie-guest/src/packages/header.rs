//! The header of a package, as rpm's databases keep it: number of entries, length of the data, the
//! entries (tag, type, offset, count), the data; all numbers big-endian
//! ([RPM format](https://rpm-software-management.github.io/rpm/manual/format_header.html)).

use zerocopy::FromBytes;
use zerocopy::big_endian::U32;

use super::Package;

#[derive(FromBytes, zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned)]
#[repr(C)]
struct Entry {
    tag: U32,
    kind: U32,
    offset: U32,
    count: U32,
}

/// Tags ([list](https://rpm-software-management.github.io/rpm/manual/tags.html)).
const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const ARCH: u32 = 1022;
/// The type of a string.
const STRING: u32 = 6;
/// The longest string that is taken.
const MAX_STRING: usize = 256;

/// Reads what the start of a header tells. `None` when its name is not in there.
pub(super) fn package(start: &[u8]) -> Option<Package> {
    let (count, rest) = U32::ref_from_prefix(start).ok()?;
    let (_length, rest) = U32::ref_from_prefix(rest).ok()?;
    let count = usize::try_from(count.get()).ok()?;
    let (entries, data) = <[Entry]>::ref_from_prefix_with_elems(rest, count).ok()?;
    let text = |tag: u32| -> Option<String> {
        let entry = entries
            .iter()
            .find(|entry| entry.tag.get() == tag && entry.kind.get() == STRING)?;
        let from = data.get(usize::try_from(entry.offset.get()).ok()?..)?;
        let end = from.iter().take(MAX_STRING).position(|b| *b == 0)?;
        let text = from.get(..end)?;
        Some(String::from_utf8_lossy(text).into_owned())
    };
    Some(Package {
        name: text(NAME).filter(|name| !name.is_empty())?,
        version: text(VERSION).unwrap_or_default(),
        release: text(RELEASE).unwrap_or_default(),
        arch: text(ARCH).unwrap_or_default(),
    })
}
