//! Values.

use vmie_io::int;
use zerocopy::FromBytes;

use super::format::{
    BIG, BINS, BigData, KeyValue, MAX_NAME, MAX_VALUE, RESIDENT, SEGMENT, VALUE, VALUE_LATIN,
};
use super::{Hive, text};
use crate::{Cause, Error};

/// What kind of data a value has ("Data types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A text (`REG_SZ`).
    Text,
    /// A text with names of variables in it (`REG_EXPAND_SZ`).
    ExpandText,
    /// Bytes (`REG_BINARY`).
    Binary,
    /// A number of 32 bits (`REG_DWORD`).
    Number,
    /// A number of 32 bits, its highest byte first (`REG_DWORD_BIG_ENDIAN`).
    NumberBigEndian,
    /// Where a link leads (`REG_LINK`).
    Link,
    /// Several texts (`REG_MULTI_SZ`).
    Texts,
    /// A number of 64 bits (`REG_QWORD`).
    LongNumber,
    /// Another kind, by its number.
    Other(u32),
}

impl Kind {
    fn of(number: u32) -> Self {
        match number {
            1 => Self::Text,
            2 => Self::ExpandText,
            3 => Self::Binary,
            4 => Self::Number,
            5 => Self::NumberBigEndian,
            6 => Self::Link,
            7 => Self::Texts,
            11 => Self::LongNumber,
            other => Self::Other(other),
        }
    }
}

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    name: String,
    kind: Kind,
    offset: u64,
    data: Vec<u8>,
}

/// A value whose data is not read yet.
pub(super) struct Head {
    pub(super) name: String,
    value: KeyValue,
    offset: u32,
}

impl Value {
    pub(super) fn head(hive: &Hive<'_>, offset: u32) -> Result<Head, Error> {
        let what = "key value";
        let (value, at, len) = hive.structure::<KeyValue>(offset, what)?;
        let fault = |cause| Error::new(cause).at(what, at.saturating_add(BINS));
        if value.signature != VALUE {
            return Err(fault(Cause::CellKind)
                .field("signature")
                .found(value.signature.as_slice()));
        }
        let head = size_of::<KeyValue>();
        let name_len = usize::from(value.name_len.get());
        if int::u64_of(head.saturating_add(name_len)) > len || name_len > MAX_NAME {
            return Err(fault(Cause::CellShort).field("name length").found(name_len));
        }
        let mut bytes = vec![0; name_len];
        hive.read(&mut bytes, at.saturating_add(int::u64_of(head)))?;
        let name = match value.flags.get() & VALUE_LATIN {
            0 => text::utf16(&bytes),
            _ => text::latin(&bytes),
        };
        Ok(Head {
            name,
            value,
            offset,
        })
    }

    pub(super) fn at(hive: &Hive<'_>, offset: u32) -> Result<Self, Error> {
        Self::head(hive, offset)?.with_data(hive)
    }

    /// The name; empty for a key's default value.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of data it has, by its own account.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// At which byte of the hive's file the value's cell is.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The data as it stands.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// A text up to its first NUL; `None` when the data is of another kind.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self.kind {
            Kind::Text | Kind::ExpandText | Kind::Link => {
                let text = text::utf16(&self.data);
                Some(text.split('\0').next().unwrap_or_default().to_owned())
            }
            _ => None,
        }
    }

    /// The texts of a list; a single text is a list of one.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self.kind {
            Kind::Texts => text::utf16(&self.data)
                .split('\0')
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .collect(),
            _ => self.text().into_iter().collect(),
        }
    }

    /// A number of 32 bits; of one of 64 bits when it fits.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        match self.kind {
            Kind::Number => Some(u32::from_le_bytes(*self.data.first_chunk()?)),
            Kind::NumberBigEndian => Some(u32::from_be_bytes(*self.data.first_chunk()?)),
            Kind::LongNumber => u64::from_le_bytes(*self.data.first_chunk()?)
                .try_into()
                .ok(),
            _ => None,
        }
    }
}

impl Head {
    pub(super) fn with_data(self, hive: &Hive<'_>) -> Result<Value, Error> {
        let data = data(hive, &self.value)?;
        Ok(Value {
            name: self.name,
            kind: Kind::of(self.value.kind.get()),
            offset: BINS.saturating_add(u64::from(self.offset)),
            data,
        })
    }
}

fn data(hive: &Hive<'_>, value: &KeyValue) -> Result<Vec<u8>, Error> {
    let size = value.data_size.get();
    if size & RESIDENT != 0 {
        let len = int::usize_of(u64::from(size & !RESIDENT)).min(4);
        let bytes = value.data.get().to_le_bytes();
        return Ok(bytes.get(..len).unwrap_or_default().to_vec());
    }
    let len = int::usize_of(u64::from(size));
    if len == 0 {
        return Ok(Vec::new());
    }
    let cell = value.data.get();
    if len > MAX_VALUE {
        return Err(Error::new(Cause::ValueTooLong)
            .at("value data", BINS.saturating_add(u64::from(cell)))
            .field("data size")
            .found(size));
    }
    // Since version 1.4 what is longer than a segment is cut into segments.
    if len > SEGMENT && hive.minor > 3 {
        let (big, _, _) = hive.structure::<BigData>(cell, "big data")?;
        if big.signature == BIG {
            return segments(hive, &big, len);
        }
    }
    hive.cell_bytes(cell, len, "value data")
}

fn segments(hive: &Hive<'_>, big: &BigData, len: usize) -> Result<Vec<u8>, Error> {
    let count = usize::from(big.segments.get());
    let list = hive.cell_bytes(big.list.get(), count.saturating_mul(4), "big data list")?;
    let mut data = Vec::new();
    for offset in list.chunks_exact(4) {
        let Ok((offset, _)) = zerocopy::little_endian::U32::read_from_prefix(offset) else {
            continue;
        };
        let rest = len.saturating_sub(data.len()).min(SEGMENT);
        if rest == 0 {
            break;
        }
        data.extend(hive.cell_bytes(offset.get(), rest, "big data segment")?);
    }
    if data.len() < len {
        return Err(Error::new(Cause::CellShort)
            .at("big data", BINS.saturating_add(u64::from(big.list.get())))
            .field("number of segments")
            .found(count));
    }
    Ok(data)
}
