//! Recognising LUKS.

use sha2::{Digest as _, Sha256};
use zerocopy::FromBytes;

use super::format::{
    CIPHER_MODE, CIPHER_NAME, CSUM_ALG, CSUM_LEN, CSUM_OFFSET, LUKS_MAGIC, LUKS2_BINARY,
    LUKS2_MAGIC_2ND, LuksHeader, SECOND_LEN, SECOND_OFFSETS, SHA256,
};
use crate::filesystem::Encryption;
use crate::head::{Head, label};
use crate::{FsKind, Identity};

/// The first header, or the second of LUKS2 when the first is damaged.
pub(crate) fn probe(head: &Head<'_>) -> Option<Identity> {
    if head.has(0, LUKS_MAGIC) {
        let first = head.whole();
        let found = identity(first, false)?;
        // A first header that is not what it was when its checksum was made says less than the
        // second; when there is none, it is still the best there is.
        if found.kind == FsKind::Luks2 && checksum_fits(first) == Some(false) {
            return probe_second(head).or(Some(found));
        }
        return Some(found);
    }
    // Only where it is cheap to look: see `probe_lost` for the rest.
    let near = SECOND_OFFSETS
        .iter()
        .find(|at| usize::try_from(**at).is_ok_and(|at| head.has(at, LUKS2_MAGIC_2ND)))?;
    second_at(head, *near)
}

/// The second header of LUKS2 where nothing is left of the first: looked for last, since it can be in
/// many places.
pub(crate) fn probe_lost(head: &Head<'_>) -> Option<Identity> {
    if probe(head).is_some() {
        return None;
    }
    probe_second(head)
}

fn probe_second(head: &Head<'_>) -> Option<Identity> {
    SECOND_OFFSETS.iter().find_map(|at| {
        let magic = head.elsewhere(*at, LUKS2_MAGIC_2ND.len());
        (magic == LUKS2_MAGIC_2ND).then(|| second_at(head, *at))?
    })
}

fn second_at(head: &Head<'_>, at: u64) -> Option<Identity> {
    let bytes = head.elsewhere(at, SECOND_LEN);
    identity(&bytes, true).filter(|found| found.kind == FsKind::Luks2)
}

fn identity(bytes: &[u8], by_second_header: bool) -> Option<Identity> {
    let (header, _) = LuksHeader::read_from_prefix(bytes).ok()?;
    let (mut identity, variant, cipher) = match header.version.get() {
        1 => {
            let name = label(bytes.get(CIPHER_NAME)?);
            let mode = label(bytes.get(CIPHER_MODE)?);
            let cipher = name.map(|name| match mode {
                Some(mode) => format!("{name}-{mode}"),
                None => name,
            });
            (Identity::new(FsKind::Luks1), "1", cipher)
        }
        2 => {
            let mut identity = Identity::new(FsKind::Luks2);
            identity.label = label(&header.label);
            (identity, "2", segment_cipher(bytes))
        }
        _ => return None,
    };
    identity.uuid = label(&header.uuid);
    identity.encryption = Some(Encryption {
        variant,
        cipher,
        by_second_header,
    });
    Some(identity)
}

/// Whether the checksum of a header of LUKS2 fits it; `None` where that cannot be told.
fn checksum_fits(bytes: &[u8]) -> Option<bool> {
    let (header, _) = LuksHeader::read_from_prefix(bytes).ok()?;
    let size = usize::try_from(header.hdr_size.get()).ok()?;
    let covered = bytes.get(..size).filter(|_| size >= LUKS2_BINARY)?;
    if !covered.get(CSUM_ALG..)?.starts_with(SHA256) {
        return None;
    }
    let end = CSUM_OFFSET.saturating_add(CSUM_LEN);
    let mut hasher = Sha256::new();
    hasher.update(covered.get(..CSUM_OFFSET)?);
    hasher.update([0; CSUM_LEN]);
    hasher.update(covered.get(end..)?);
    Some(
        covered
            .get(CSUM_OFFSET..end)?
            .starts_with(&hasher.finalize()),
    )
}

/// The cipher of the first segment, from the text of LUKS2 (JSON): the first `"encryption"` after
/// the object `"segments"`. Other objects have lists of that name.
fn segment_cipher(bytes: &[u8]) -> Option<String> {
    let text = bytes.get(LUKS2_BINARY..)?;
    let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
    let text = std::str::from_utf8(text.get(..end)?).ok()?;
    let segments = text
        .split("\"segments\"")
        .skip(1)
        .find(|after| value(after).is_some_and(|value| value.starts_with('{')))?;
    let (_, after) = segments.split_once("\"encryption\"")?;
    let cipher = value(after)?.strip_prefix('"')?.split('"').next()?;
    (cipher.len() <= 64).then(|| cipher.to_owned())
}

/// What follows a key of JSON: the value that a colon leads to.
fn value(after: &str) -> Option<&str> {
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}
