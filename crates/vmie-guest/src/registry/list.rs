//! Lists of subkeys.

use vmie_io::int;
use zerocopy::FromBytes;

use super::Hive;
use super::format::{BINS, ListHead, MAX_LISTED};
use crate::{Cause, Error};

/// An entry of a list: where the key is, and the hash of its name where the list has one.
#[derive(Clone, Copy)]
pub(super) struct Listed {
    pub(super) offset: u32,
    pub(super) hash: Option<u32>,
}

/// The keys of a list of subkeys of any of the four kinds ("Index leaf" to "Index root").
pub(super) fn subkeys(hive: &Hive<'_>, offset: u32) -> Result<Vec<Listed>, Error> {
    let mut found = Vec::new();
    let (kind, bytes) = list(hive, offset)?;
    if &kind != b"ri" {
        leaf(hive, offset, kind, &bytes, &mut found)?;
        return Ok(found);
    }
    for part in bytes.chunks_exact(4) {
        let Some(part) = part.first_chunk::<4>() else {
            continue;
        };
        let part = u32::from_le_bytes(*part);
        let (kind, bytes) = list(hive, part)?;
        if &kind == b"ri" {
            return Err(Error::new(Cause::ListNested)
                .at("index root", BINS.saturating_add(u64::from(part))));
        }
        leaf(hive, part, kind, &bytes, &mut found)?;
        if found.len() >= MAX_LISTED {
            break;
        }
    }
    Ok(found)
}

/// The kind of a list and the bytes of its entries.
fn list(hive: &Hive<'_>, offset: u32) -> Result<([u8; 2], Vec<u8>), Error> {
    let what = "list of subkeys";
    let (head, _, _) = hive.structure::<ListHead>(offset, what)?;
    let each = match &head.signature {
        b"lf" | b"lh" => 8usize,
        b"li" | b"ri" => 4,
        other => {
            return Err(Error::new(Cause::CellKind)
                .at(what, BINS.saturating_add(u64::from(offset)))
                .field("signature")
                .found(other.as_slice()));
        }
    };
    let len = each.saturating_mul(usize::from(head.count.get()));
    let mut bytes = hive.cell_bytes(offset, len.saturating_add(4), what)?;
    hive.budget.work(what, int::u64_of(len / 8))?;
    Ok((head.signature, bytes.split_off(4)))
}

fn leaf(
    hive: &Hive<'_>,
    offset: u32,
    kind: [u8; 2],
    bytes: &[u8],
    found: &mut Vec<Listed>,
) -> Result<(), Error> {
    let each = if &kind == b"li" { 4 } else { 8 };
    let _ = (hive, offset);
    for entry in bytes.chunks_exact(each) {
        if found.len() >= MAX_LISTED {
            break;
        }
        let Ok((offset, rest)) = zerocopy::little_endian::U32::read_from_prefix(entry) else {
            continue;
        };
        let hash = match rest.first_chunk::<4>() {
            Some(hash) if &kind == b"lh" => Some(u32::from_le_bytes(*hash)),
            _ => None,
        };
        found.push(Listed {
            offset: offset.get(),
            hash,
        });
    }
    Ok(())
}
