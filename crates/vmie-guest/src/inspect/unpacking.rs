//! Unpacking on another thread, while this one reads on.
//!
//! The thread that inspects is the one that can read the guest's files. It hands the packed bytes over piece by
//! piece; how many wait is bounded, so that no more than [`WAITING`] pieces are in memory.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use vmie_io::int;

use super::devices::DRIVERS;
use crate::initramfs::{Begun, Bounds, Contents, read};
use crate::{Error, Source};

/// Bytes that are handed over at a time.
const PIECE: usize = 256 << 10;
/// Pieces that wait at most: 16 MiB.
const WAITING: usize = 64;
/// What is shorter is unpacked sooner than a thread is started.
const WORTH_A_THREAD: u64 = 1 << 20;

/// An initramfs that is being listed, or was.
pub(super) enum Listing<'scope> {
    Done(Result<Contents, Error>),
    Running(ScopedJoinHandle<'scope, Result<Contents, Error>>),
}

impl Listing<'_> {
    /// What came of it; waits for the other thread.
    pub(super) fn wait(self) -> Result<Contents, Error> {
        match self {
            Self::Done(result) => result,
            // What went wrong there would have gone wrong here.
            Self::Running(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        }
    }
}

/// Begins to list a file of `len` bytes. It has been read when this returns, as far as the listing needs it.
pub(super) fn begin<'scope>(
    scope: &'scope Scope<'scope, '_>,
    file: &mut dyn Source,
    len: u64,
    bounds: Bounds,
) -> Listing<'scope> {
    let mut begun = Begun::new(DRIVERS, bounds);
    if let Err(error) = begun.plain(file) {
        return Listing::Done(Err(error));
    }
    let at = begun.offset();
    if len.saturating_sub(at) < WORTH_A_THREAD {
        return Listing::Done(begun.finish(file));
    }
    let (sender, receiver) = sync_channel(WAITING);
    let started = Builder::new().spawn_scoped(scope, move || {
        begun.finish(&mut Pieces {
            receiver,
            piece: Vec::new(),
            at,
        })
    });
    match started {
        Ok(thread) => {
            hand_over(file, at, &sender);
            Listing::Running(thread)
        }
        Err(_) => Listing::Done(read(file, DRIVERS, bounds)),
    }
}

/// Reads the file on, until it ends or the other side has heard enough.
fn hand_over(file: &mut dyn Source, mut at: u64, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = file.read_at(&mut piece, at);
        let over = !matches!(read, Ok(1..));
        let piece = read.map(|len| {
            piece.truncate(len);
            at = at.saturating_add(int::u64_of(len));
            piece
        });
        if sender.send(piece).is_err() || over {
            return;
        }
    }
}

/// The file as the other side sees it: from front to back.
struct Pieces {
    receiver: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    /// Where in the file the piece begins.
    at: u64,
}

impl Source for Pieces {
    fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            let skipped = offset
                .checked_sub(self.at)
                .ok_or(io::ErrorKind::Unsupported)?;
            let rest = usize::try_from(skipped)
                .ok()
                .and_then(|skipped| self.piece.get(skipped..))
                .filter(|rest| !rest.is_empty());
            if let Some(rest) = rest {
                let len = rest.len().min(buf.len());
                for (to, from) in buf.iter_mut().zip(rest) {
                    *to = *from;
                }
                return Ok(len);
            }
            self.at = self.at.saturating_add(int::u64_of(self.piece.len()));
            // The other side is gone only after it has sent what ends the file.
            self.piece = self.receiver.recv().unwrap_or_else(|_| Ok(Vec::new()))?;
            if self.piece.is_empty() {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    /// A file that says how far it was read, and fails at a place.
    struct Watched<'b> {
        bytes: &'b [u8],
        seen: u64,
        fails_at: u64,
    }

    impl Source for Watched<'_> {
        fn read_at(&mut self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            if offset + buf.len() as u64 > self.fails_at {
                return Err(io::Error::other("a bad sector"));
            }
            self.seen = self.seen.max(offset);
            (&mut { self.bytes }).read_at(buf, offset)
        }
    }

    fn list(bytes: &[u8], fails_at: u64) -> (Result<Contents, Error>, u64) {
        let mut file = Watched {
            bytes,
            seen: 0,
            fails_at,
        };
        let bounds = Bounds::default();
        let len = bytes.len() as u64;
        let result = std::thread::scope(|scope| begin(scope, &mut file, len, bounds).wait());
        (result, file.seen)
    }

    /// gzip without compression (RFC 1951, 3.2.4), of an archive with one module and much behind it.
    fn large() -> Vec<u8> {
        let member = |name: &str, content: &[u8]| {
            let mut bytes = format!(
                "070701{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{name}\0",
                1, 0o100_644, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0
            )
            .into_bytes();
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend(content);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let archive = [
            member("lib/modules/6.1/kernel/nvme.ko", b"m"),
            member("usr/share/large", &vec![7; 5 << 20]),
            member("lib/modules/6.1/kernel/ena.ko.xz", b"m"),
            member("TRAILER!!!", b""),
        ]
        .concat();
        let mut packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
        let chunks: Vec<&[u8]> = archive.chunks(0xffff).collect();
        for (at, chunk) in chunks.iter().enumerate() {
            packed.push(u8::from(at + 1 == chunks.len()));
            packed.extend((chunk.len() as u16).to_le_bytes());
            packed.extend((!(chunk.len() as u16)).to_le_bytes());
            packed.extend(*chunk);
        }
        packed.extend(crc32fast::hash(&archive).to_le_bytes());
        packed.extend((archive.len() as u32).to_le_bytes());
        packed
    }

    #[test]
    fn it_is_what_is_read_at_one_go() {
        let packed = large();
        let early = [
            b"070701".as_slice(),
            &[b'0'; 88],
            b"0000000B00000000TRAILER!!!\0\0\0\0",
        ]
        .concat();
        let early = [&early[..], &vec![0; 512]].concat();
        for bytes in [packed.clone(), [&early[..], &packed].concat()] {
            let alone = read(&mut bytes.as_slice(), DRIVERS, Bounds::default()).unwrap();
            assert_eq!(alone.drivers, ["nvme", "ena"]);
            assert_eq!(list(&bytes, u64::MAX).0.unwrap(), alone);
        }
        // Short ones take no thread, and say the same.
        let short = &packed[..1000];
        let cause = |result: Result<Contents, Error>| result.unwrap_err().cause();
        assert_eq!(cause(list(short, u64::MAX).0), Cause::Truncated);
    }

    #[test]
    fn damage_and_sectors_that_cannot_be_read_have_their_causes() {
        let packed = large();
        let cut = &packed[..packed.len() - 9];
        assert_eq!(list(cut, u64::MAX).0.unwrap_err().cause(), Cause::Truncated);
        let error = list(&packed, 3 << 20).0.unwrap_err();
        assert_eq!(error.cause(), Cause::Read);
        let mut damaged = packed.clone();
        damaged[200_000] ^= 1;
        assert!(list(&damaged, u64::MAX).0.is_err());
        // Where it ends early because it is damaged, no more than waits is read.
        let mut early = packed;
        early[10] = 0xff;
        early.resize(64 << 20, 0);
        let (result, seen) = list(&early, u64::MAX);
        assert_eq!(result.unwrap_err().cause(), Cause::Compressed);
        assert!(seen <= ((WAITING + 2) * PIECE) as u64, "{seen}");
    }
}
