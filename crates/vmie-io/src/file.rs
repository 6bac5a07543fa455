//! Files and block devices.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::read::check_range;
use crate::{Extent, ExtentKind, ReadAt, ReadError, WriteAt};

/// A file or block device that is only ever read.
///
/// Its length is taken when it is opened; a file that shrinks later gives errors, not short reads.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    len: u64,
    /// Whether the filesystem can say where the file's holes are.
    sparse: bool,
}

impl FileSource {
    /// Opens a file or block device for reading.
    ///
    /// # Errors
    /// When it cannot be opened, or is a directory, a pipe or anything else without a length.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let fail = |error| ReadError::io("file", 0, error);
        let mut file = open_for_reading(path.as_ref()).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        let kind = metadata.file_type();
        if !kind.is_file() && !is_block_device(kind) {
            return Err(fail(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "it is neither a regular file nor a block device",
            )));
        }
        let len = file.seek(SeekFrom::End(0)).map_err(fail)?;
        Ok(Self {
            file,
            len,
            sparse: kind.is_file() && len > 0,
        })
    }
}

/// A pipe of that name must not hang the opener until somebody writes to it.
#[cfg(unix)]
fn open_for_reading(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)
}

#[cfg(not(unix))]
fn open_for_reading(path: &Path) -> std::io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
fn is_block_device(kind: std::fs::FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    kind.is_block_device()
}

#[cfg(not(unix))]
fn is_block_device(_: std::fs::FileType) -> bool {
    false
}

#[cfg(unix)]
fn read_exact(file: &File, buf: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

#[cfg(windows)]
fn read_exact(file: &File, mut buf: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !buf.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_read(file, buf, offset)?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        buf = buf.get_mut(n..).unwrap_or_default();
        offset = offset.saturating_add(crate::int::u64_of(n));
    }
    Ok(())
}

#[cfg(unix)]
fn write_all(file: &File, buf: &[u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, buf, offset)
}

#[cfg(windows)]
fn write_all(file: &File, mut buf: &[u8], mut offset: u64) -> std::io::Result<()> {
    while !buf.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_write(file, buf, offset)?;
        if n == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        buf = buf.get(n..).unwrap_or_default();
        offset = offset.saturating_add(crate::int::u64_of(n));
    }
    Ok(())
}

/// Where the data at or after `offset` starts and ends, when the filesystem can tell.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn data_at(file: &File, offset: u64, len: u64) -> Option<Range<u64>> {
    use rustix::fs::{SeekFrom, seek};
    let start = match seek(file, SeekFrom::Data(offset)) {
        Ok(start) => start,
        // No data from here to the end.
        Err(rustix::io::Errno::NXIO) => return Some(len..len),
        Err(_) => return None,
    };
    let end = seek(file, SeekFrom::Hole(start)).ok()?;
    Some(start.min(len)..end.min(len))
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn data_at(_: &File, _: u64, _: u64) -> Option<Range<u64>> {
    None
}

impl ReadAt for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        check_range("file", buf, offset, self.len)?;
        read_exact(&self.file, buf, offset).map_err(|error| ReadError::io("file", offset, error))
    }

    fn next_extent(&self, offset: u64) -> Result<Extent, ReadError> {
        let left = self.len.saturating_sub(offset);
        if left > 0
            && self.sparse
            && let Some(data) = data_at(&self.file, offset, self.len)
        {
            let (kind, end) = if data.start > offset {
                (ExtentKind::Hole, data.start)
            } else {
                (ExtentKind::Data, data.end)
            };
            // A file that changes under us may give nonsense; then it is all data.
            if end > offset {
                return Ok(Extent::new(kind, offset, end.saturating_sub(offset)));
            }
        }
        Ok(Extent::new(ExtentKind::Data, offset, left))
    }

    #[cfg(target_os = "linux")]
    fn prefetch(&self, ranges: &[Range<u64>]) {
        for range in ranges {
            let len = range.end.min(self.len).saturating_sub(range.start);
            if let Some(len) = std::num::NonZeroU64::new(len) {
                let advice = rustix::fs::Advice::WillNeed;
                // A hint: when the kernel does not take it, nothing is lost.
                let _ = rustix::fs::fadvise(&self.file, range.start, Some(len), advice);
            }
        }
    }
}

/// A file that is being written: bytes at offsets, holes where nothing is written. Or a block device.
#[derive(Debug)]
pub struct FileSink {
    file: File,
    /// Bytes of the device, when it is one.
    device: Option<u64>,
    /// Held while a part of a file is written. Linux's filesystems let one writer at a time into a
    /// file, and those who wait for it turn round on their cores; here they leave them to others.
    /// Callers that ask [`takes_turns`](WriteAt::takes_turns) do not even wait.
    turn: Mutex<()>,
    /// Whether blocks are asked for before they are written.
    allocate: AtomicBool,
}

/// Writes of this length and more get their blocks first, see [`FileSink::allocate`].
const WORTH_ALLOCATING: u64 = 128 << 10;

/// Bytes of a file that are written at once, at multiples of that: what was read before it is written
/// is still in a core's cache then. Writes of 1 MiB took four to ten times as long as these on ext4
/// where blocks were not taken first, and were a little faster where they were.
const PART: u64 = 256 << 10;

impl FileSink {
    fn new(file: File, device: Option<u64>) -> Self {
        let allocate = AtomicBool::new(device.is_none() && is_ext4(&file));
        Self {
            file,
            device,
            turn: Mutex::new(()),
            allocate,
        }
    }

    /// Takes the blocks of a part that is about to be written. Ext4 otherwise reserves each block
    /// of 4 KiB by itself as it is written, which costs a third of a large write.
    fn allocate(&self, offset: u64, len: u64) {
        if len >= WORTH_ALLOCATING
            && self.allocate.load(Ordering::Relaxed)
            && !take_blocks(&self.file, offset, len)
        {
            // Ext3's way of keeping files cannot, and a full disk says so when it is written.
            self.allocate.store(false, Ordering::Relaxed);
        }
    }

    /// Makes a new file; there must be none of that name.
    ///
    /// # Errors
    /// When a file of that name exists or it cannot be made.
    pub fn create_new(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|error| ReadError::write("file", 0, error))?;
        Ok(Self::new(file, None))
    }

    /// Opens a regular file that is there, to go on writing it. Symbolic links are not followed.
    ///
    /// # Errors
    /// When it is no regular file or cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let fail = |error| ReadError::write("file", 0, error);
        let file = open_for_writing(path.as_ref(), Writing::File).map_err(fail)?;
        if !file.metadata().map_err(fail)?.is_file() {
            let error =
                std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a regular file");
            return Err(fail(error));
        }
        Ok(Self::new(file, None))
    }

    /// Opens a block device that nobody else uses (that is mounted, say).
    ///
    /// # Errors
    /// When it is no block device, is in use or cannot be opened.
    pub fn open_device(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let fail = |error| ReadError::write("device", 0, error);
        let mut file = open_for_writing(path.as_ref(), Writing::Device).map_err(fail)?;
        if !is_block_device(file.metadata().map_err(fail)?.file_type()) {
            let error =
                std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a block device");
            return Err(fail(error));
        }
        let len = file.seek(SeekFrom::End(0)).map_err(fail)?;
        Ok(Self::new(file, Some(len)))
    }

    /// Bytes of the device, when it is one.
    #[must_use]
    pub fn device_len(&self) -> Option<u64> {
        self.device
    }

    /// Keeps others that ask in the same way from writing to the file, until it is closed. `false`
    /// when somebody else does.
    ///
    /// # Errors
    /// When the filesystem cannot do that.
    pub fn try_lock(&self) -> Result<bool, ReadError> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(std::fs::TryLockError::WouldBlock) => Ok(false),
            Err(std::fs::TryLockError::Error(error)) => Err(ReadError::write("file", 0, error)),
        }
    }
}

/// What is opened for writing.
enum Writing {
    File,
    Device,
}

/// A link is not followed to a file, and a device is not shared.
#[cfg(unix)]
fn open_for_writing(path: &Path, what: Writing) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = match what {
        Writing::File => rustix::fs::OFlags::NOFOLLOW,
        Writing::Device => rustix::fs::OFlags::EXCL,
    };
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

#[cfg(not(unix))]
fn open_for_writing(path: &Path, _: Writing) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

impl WriteAt for FileSink {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> Result<(), ReadError> {
        let (mut rest, mut at) = (buf, offset);
        while !rest.is_empty() {
            let whole = crate::int::u64_of(rest.len()) <= PART;
            let room = PART.saturating_sub(if whole { 0 } else { at % PART });
            let (part, tail) = rest.split_at(crate::int::min_usize(room, rest.len()));
            let turn = match self.device {
                None => Some(self.turn.lock().unwrap_or_else(PoisonError::into_inner)),
                Some(_) => None,
            };
            self.allocate(at, crate::int::u64_of(part.len()));
            write_all(&self.file, part, at).map_err(|error| ReadError::write("file", at, error))?;
            drop(turn);
            at = at.saturating_add(crate::int::u64_of(part.len()));
            rest = tail;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), ReadError> {
        if let Some(device) = self.device {
            return match len <= device {
                true => Ok(()),
                false => Err(ReadError::new("device", crate::ErrorKind::Misuse, device)),
            };
        }
        let fail = |error| ReadError::write("file", len, error);
        // Not asked for twice: ext4 takes a file that was cut to nothing, even an empty one, for
        // one that is being replaced, and begins to write it out when it is closed, which costs as
        // much as the writing of it.
        if self.file.metadata().map_err(fail)?.len() == len {
            return Ok(());
        }
        self.file.set_len(len).map_err(fail)
    }

    fn write_zeroes_at(&self, offset: u64, len: u64) -> Result<(), ReadError> {
        if punch_hole(&self.file, self.device, offset, len) {
            return Ok(());
        }
        let zeroes = vec![0; crate::int::min_usize(len, 1 << 20)];
        let mut done = 0;
        while done < len {
            let n = crate::int::min_usize(len.saturating_sub(done), zeroes.len());
            self.write_all_at(
                zeroes.get(..n).unwrap_or_default(),
                offset.saturating_add(done),
            )?;
            done = done.saturating_add(crate::int::u64_of(n));
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), ReadError> {
        self.file
            .sync_all()
            .map_err(|error| ReadError::write("file", 0, error))
    }

    fn takes_turns(&self) -> bool {
        self.device.is_none()
    }
}

#[cfg(target_os = "linux")]
fn punch_hole(file: &File, device: Option<u64>, offset: u64, len: u64) -> bool {
    use rustix::fs::{FallocateFlags, fallocate};
    let end = offset.saturating_add(len);
    let within = match device {
        Some(device) => end <= device,
        None => file.metadata().is_ok_and(|m| end <= m.len()),
    };
    within
        && fallocate(
            file,
            FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            offset,
            len,
        )
        .is_ok()
}

#[cfg(target_os = "linux")]
fn is_ext4(file: &File) -> bool {
    /// Of ext2, ext3 and ext4.
    const MAGIC: u64 = 0xEF53;
    rustix::fs::fstatfs(file).is_ok_and(|stat| u64::try_from(stat.f_type) == Ok(MAGIC))
}

#[cfg(not(target_os = "linux"))]
fn is_ext4(_: &File) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn take_blocks(file: &File, offset: u64, len: u64) -> bool {
    use rustix::fs::{FallocateFlags, fallocate};
    fallocate(file, FallocateFlags::KEEP_SIZE, offset, len).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn take_blocks(_: &File, _: u64, _: u64) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn punch_hole(_: &File, _: Option<u64>, _: u64, _: u64) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, ReadAtExt};

    #[test]
    fn what_is_written_is_read_and_the_rest_is_a_hole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        let sink = FileSink::create_new(&path).unwrap();
        sink.set_len(4 << 20).unwrap();
        sink.write_all_at(b"hello", 2 << 20).unwrap();
        sink.sync().unwrap();
        let source = FileSource::open(&path).unwrap();
        assert_eq!(source.len(), 4 << 20);
        assert_eq!(&source.read_array::<5>(2 << 20).unwrap(), b"hello");
        assert_eq!(source.read_array::<5>(0).unwrap(), [0; 5]);
        assert_eq!(
            source.read_array::<5>(4 << 20).unwrap_err().kind(),
            ErrorKind::Truncated
        );
        let extents: Vec<_> = source
            .extents(0..u64::MAX)
            .collect::<Result<_, _>>()
            .unwrap();
        // How fine the filesystem tells holes is its own affair; that they tile the file is not.
        assert_eq!(extents.iter().map(|e| e.len).sum::<u64>(), 4 << 20);
        let data = extents
            .iter()
            .find(|e| e.start <= 2 << 20 && e.end() > 2 << 20)
            .unwrap();
        assert_eq!(data.kind, ExtentKind::Data);
        sink.write_zeroes_at(2 << 20, 5).unwrap();
        assert_eq!(source.read_array::<5>(2 << 20).unwrap(), [0; 5]);
    }

    /// Blocks that are taken before they are written are no more than what is written.
    #[cfg(unix)]
    #[test]
    fn large_writes_take_no_more_of_the_disk_than_they_have() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        let sink = FileSink::create_new(&path).unwrap();
        sink.set_len(8 << 20).unwrap();
        let data = vec![7; 600 << 10];
        sink.write_all_at(&data, 1 << 20).unwrap();
        sink.sync().unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(metadata.len(), 8 << 20);
        assert!(metadata.blocks() * 512 < 2 << 20, "{metadata:?}");
        let source = FileSource::open(&path).unwrap();
        let mut read = vec![0; 700 << 10];
        source.read_exact_at(&mut read, 1 << 20).unwrap();
        assert_eq!(read[..600 << 10], data);
        assert!(read[600 << 10..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn an_existing_file_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        std::fs::write(&path, b"precious").unwrap();
        assert!(FileSink::create_new(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_folder_or_pipe_is_no_source() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            FileSource::open(folder.path()).unwrap_err().kind(),
            ErrorKind::Io
        );
        #[cfg(target_os = "linux")]
        {
            let pipe = folder.path().join("pipe");
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0)
                .unwrap();
            assert!(FileSource::open(&pipe).is_err());
        }
    }
}
