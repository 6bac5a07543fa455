//! Disks that lie in their file as they are: raw ones, and fixed VHDs, which only their last bytes
//! tell from those.

use std::io::Read;

use vmie_io::{Budget, Charge, ExtentKind, LimitExceeded, int};

use super::source::Source;
use super::{End, Part, Start};
use crate::{Cause, Error, Format, Variant, vhd};

/// Bytes of the largest piece.
const PIECE: usize = 1 << 20;
/// Bytes that are held back, as they may be a footer.
const HELD_BACK: usize = 512;

/// A disk as it is.
pub(super) struct Plain {
    source: Source<Box<dyn Read + Send>>,
    /// What the caller says that it is.
    told: Option<Format>,
    buf: Vec<u8>,
    /// Bytes at the start of `buf` that were held back, and where on the disk they lie.
    held: usize,
    at: u64,
    /// Bytes of the piece that was given out last.
    given: usize,
    end: Option<End>,
    budget: Budget,
    _charge: Charge,
}

impl Plain {
    pub(super) fn new(
        reader: Box<dyn Read + Send>,
        told: Option<Format>,
        budget: &Budget,
    ) -> Result<Self, Error> {
        let size = int::u64_of(PIECE.saturating_add(HELD_BACK));
        let (buf, charge) = budget.buffer("piece of the disk", size)?;
        Ok(Self {
            source: Source::new(reader),
            told,
            buf,
            held: 0,
            at: 0,
            given: 0,
            end: None,
            budget: budget.clone(),
            _charge: charge,
        })
    }

    pub(super) fn start(&self) -> Start {
        Start {
            format: self.told,
            variant: (self.told == Some(Format::Vhd)).then_some(Variant::VhdFixed),
            ..Start::default()
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<Part>, Error> {
        if self.end.is_some() {
            return Ok(None);
        }
        let kept = self.given..self.given.saturating_add(self.held);
        if kept.end <= self.buf.len() {
            self.buf.copy_within(kept, 0);
        }
        let rest = self.buf.get_mut(self.held..).unwrap_or_default();
        let room = rest.len();
        let got = self.source.fill(rest)?;
        let have = self.held.saturating_add(got);
        let back = if got == room {
            HELD_BACK
        } else {
            let (end, footer) = self.ending(have)?;
            self.end = Some(end);
            footer
        };
        let give = have.saturating_sub(back);
        let offset = self.at;
        self.held = back;
        self.given = give;
        self.at = self.at.saturating_add(int::u64_of(give));
        let limit = self.budget.limits().virtual_size;
        if self.at > limit {
            return Err(LimitExceeded::new("virtual disk", "bytes", self.at, limit).into());
        }
        if give == 0 {
            return Ok(None);
        }
        Ok(Some(Part {
            offset,
            len: int::u64_of(give),
            kind: ExtentKind::Data,
        }))
    }

    /// The bytes of what was given out last are the first ones.
    pub(super) fn buf(&self) -> &[u8] {
        &self.buf
    }

    /// What the stream was, of which the last `have` bytes are in the buffer, and how many of them
    /// are a footer.
    fn ending(&self, have: usize) -> Result<(End, usize), Error> {
        let file_size = self.source.at;
        let raw = End {
            format: Format::Raw,
            variant: None,
            virtual_size: file_size,
            fault: None,
        };
        if self.told == Some(Format::Raw) {
            return Ok((raw, 0));
        }
        let last = self.buf.get(..have).unwrap_or_default();
        let from = last.len().saturating_sub(HELD_BACK);
        let last = last.get(from..).unwrap_or_default();
        match vhd::end_of_plain(last, file_size, &self.budget)? {
            Some((virtual_size, footer_at)) => {
                let footer = int::usize_of(file_size.saturating_sub(footer_at));
                let end = End {
                    format: Format::Vhd,
                    variant: Some(Variant::VhdFixed),
                    virtual_size,
                    fault: None,
                };
                Ok((end, footer.min(have)))
            }
            None if self.told == Some(Format::Vhd) => Err(Error::new(Cause::WrongFormat)
                .at("VHD footer", file_size.saturating_sub(512))
                .field("Cookie")),
            None => Ok((raw, 0)),
        }
    }

    pub(super) fn finish(&mut self) -> Option<End> {
        self.end.take()
    }
}
