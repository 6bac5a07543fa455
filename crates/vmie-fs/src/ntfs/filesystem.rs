//! NTFS as a filesystem.

use zerocopy::FromBytes;

use super::content::NtfsFile;
use super::file::File;
use super::format::{
    ATTR_DATA, ATTR_STANDARD_INFORMATION, FILE_DIRECTORY, FILE_OFFLINE, FILE_RECALL_ON_DATA_ACCESS,
    FILE_REPARSE_POINT, FIRST_USER_RECORD, NAME_DOS, NAME_IS_DIRECTORY, ROOT_RECORD,
    StandardInformation, WOF_STREAM,
};
use super::index::Name;
use super::name::{Wanted, from_bytes, to_bytes};
use super::open::Ntfs;
use super::record::{Body, Reference};
use super::reparse::{self, Reparse};
use super::stream::Stream;
use super::wof::WofFile;
use crate::memory::kind_error;
use crate::{
    Cause, DirEntry, Error, FileKind, FileRead, Filesystem, Identity, Metadata, Node, Space, State,
    Xattr,
};

/// What an entry costs besides its name.
const ENTRY_COST: u64 = 72;
/// Streams that are shown as extended attributes: as long as Linux lets those be.
const MAX_XATTR: u64 = 64 << 10;

/// Attributes of a file that its record tells.
struct Facts {
    file: File,
    kind: FileKind,
    reparse: Option<Reparse>,
    attributes: u32,
    mtime: Option<(i64, u32)>,
}

impl Ntfs {
    fn facts(&self, node: Node) -> Result<Facts, Error> {
        let file = File::open(self, Reference(node.number))?;
        let info = file.with(self, ATTR_STANDARD_INFORMATION, &[], |attribute| {
            let value = attribute.resident().unwrap_or_default();
            let info = StandardInformation::read_from_prefix(value);
            Ok(info.ok().map(|(info, _)| info))
        })?;
        let info = info.flatten();
        let reparse = Reparse::read(self, &file)?;
        let kind = reparse.as_ref().and_then(Reparse::kind);
        let own = if file.record.is_directory() {
            FileKind::Directory
        } else {
            FileKind::File
        };
        Ok(Facts {
            kind: kind.unwrap_or(own),
            reparse,
            attributes: info.map_or(0, |info| info.file_attributes.get()),
            mtime: info.map(|info| timestamp(info.last_data_change_time.get())),
            file,
        })
    }

    /// The length of a stream of a file.
    fn len_of(&self, file: &File, name: &[u16]) -> Result<Option<u64>, Error> {
        file.with(self, ATTR_DATA, name, |attribute| {
            Ok(match attribute.body {
                Body::Resident(value) => vmie_io::int::u64_of(value.len()),
                Body::NonResident(part) => part.data_size,
            })
        })
    }

    /// The name of the stream that a node stands for; empty for the content itself.
    fn stream_name(&self, file: &File, node: Node) -> Result<Vec<u16>, Error> {
        let Some(index) = node.tree.checked_sub(1) else {
            return Ok(Vec::new());
        };
        let names = file.names(self, ATTR_DATA)?;
        let name = names.into_iter().nth(vmie_io::int::usize_of(index));
        name.ok_or_else(|| kind_error(Cause::NotFound, node))
    }

    /// A name of the form `file:stream`, or `file:stream:$DATA`.
    fn lookup_stream(&self, dir: Node, name: &[u8]) -> Result<Option<Node>, Error> {
        let mut parts = name.splitn(3, |byte| *byte == b':');
        let (Some(base), Some(stream)) = (parts.next(), parts.next()) else {
            return Ok(None);
        };
        if parts
            .next()
            .is_some_and(|kind| !kind.eq_ignore_ascii_case(b"$DATA"))
        {
            return Ok(None);
        }
        let (Some(base), Some(stream)) = (from_bytes(base), from_bytes(stream)) else {
            return Ok(None);
        };
        let index = self.index(Reference(dir.number))?;
        let Some(reference) = index.find(self, &Wanted::new(self, base)?)? else {
            return Ok(None);
        };
        if stream.is_empty() {
            return Ok(Some(Node::new(reference.0)));
        }
        let file = File::open(self, reference)?;
        let wanted = Wanted::new(self, stream)?;
        let mut alike = None;
        for (name, tree) in file.names(self, ATTR_DATA)?.iter().zip(1u64..) {
            let (folded, exact) = wanted.cmp(self, name)?;
            if exact.is_eq() || (folded.is_eq() && alike.is_none()) {
                let number = reference.0;
                alike = Some(Node { tree, number });
            }
            if exact.is_eq() {
                break;
            }
        }
        Ok(alike)
    }

    /// The kind of the file that a directory's entry names. The entry has a copy of what the
    /// record says, which is not always kept up: where nothing shows that there is content, the
    /// record is asked, since links and other special files have none.
    fn kind_of(&self, name: &Name<'_>) -> FileKind {
        let attributes = name.info.file_attributes.get();
        let own = if attributes & NAME_IS_DIRECTORY != 0 {
            FileKind::Directory
        } else {
            FileKind::File
        };
        let has_tag = attributes & FILE_REPARSE_POINT != 0 && name.info.reparse_tag.get() != 0;
        let told = match name.info.reparse_tag.get() {
            tag if has_tag => reparse::kind(tag).unwrap_or(own),
            _ => own,
        };
        if has_tag || name.info.data_size.get() != 0 {
            return told;
        }
        // A record that cannot be read says so to who asks for it.
        let facts = self.facts(Node::new(name.reference.0));
        facts.map_or(told, |facts| facts.kind)
    }

    fn stream_of(&self, file: &File, name: &[u16]) -> Result<Stream, Error> {
        let stream = file.stream(self, ATTR_DATA, name)?;
        Ok(stream.unwrap_or_default())
    }
}

impl Filesystem for Ntfs {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn state(&self) -> State {
        self.state
    }

    fn space(&self) -> Option<Space> {
        self.count_space()
    }

    fn root(&self) -> Node {
        Node::new(self.root.0)
    }

    fn lookup(&self, dir: Node, name: &[u8]) -> Result<Option<Node>, Error> {
        if dir.tree != 0 || self.is_link(dir)? {
            return Err(kind_error(Cause::NotADirectory, dir));
        }
        let index = self.index(Reference(dir.number))?;
        if let Some(units) = from_bytes(name)
            && let Some(reference) = index.find(self, &Wanted::new(self, units)?)?
        {
            return Ok(Some(Node::new(reference.0)));
        }
        self.lookup_stream(dir, name)
    }

    fn stat(&self, node: Node) -> Result<Metadata, Error> {
        let facts = self.facts(node)?;
        let name = self.stream_name(&facts.file, node)?;
        let kind = if name.is_empty() {
            facts.kind
        } else {
            FileKind::File
        };
        let size = match &facts.reparse {
            Some(Reparse::Link(target)) if name.is_empty() => vmie_io::int::u64_of(target.len()),
            _ if kind == FileKind::Directory => 0,
            _ => self.len_of(&facts.file, &name)?.unwrap_or(0),
        };
        let mut metadata = Metadata::new(kind, size);
        metadata.mtime = facts.mtime;
        // Whether it is a directory its record says, and this does not.
        let own = facts.attributes & !FILE_DIRECTORY;
        let is_directory = facts.file.record.is_directory() && name.is_empty();
        metadata.dos_attributes = Some(if is_directory {
            own | FILE_DIRECTORY
        } else {
            own
        });
        Ok(metadata)
    }

    fn entries(&self, dir: Node) -> Result<Vec<DirEntry>, Error> {
        if dir.tree != 0 || self.is_link(dir)? {
            return Err(kind_error(Cause::NotADirectory, dir));
        }
        let reference = Reference(dir.number);
        let is_root = reference.number() == ROOT_RECORD;
        let mut entries = Vec::new();
        let mut charges = Vec::new();
        let mut cost = 0u64;
        self.index(reference)?.each(self, |name| {
            let is_hidden = is_root && name.reference.number() < FIRST_USER_RECORD;
            if name.info.name_type == NAME_DOS || is_hidden {
                return Ok(());
            }
            let bytes = to_bytes(name.units());
            if bytes == b"." || bytes == b".." {
                return Ok(());
            }
            if bytes.iter().any(|byte| matches!(byte, 0 | b'/')) {
                return Err(Error::new(Cause::DirEntry)
                    .at("NTFS index entry", name.at)
                    .field("name")
                    .found(bytes.as_slice()));
            }
            cost = cost
                .saturating_add(ENTRY_COST)
                .saturating_add(vmie_io::int::u64_of(bytes.len()));
            if cost >= 64 << 10 {
                charges.push(self.budget.memory("directory", std::mem::take(&mut cost))?);
            }
            entries.push(DirEntry {
                name: bytes,
                kind: self.kind_of(name),
                node: Node::new(name.reference.0),
            });
            Ok(())
        })?;
        Ok(entries)
    }

    fn link_target(&self, node: Node) -> Result<Vec<u8>, Error> {
        match self.facts(node)?.reparse {
            Some(Reparse::Link(target)) if node.tree == 0 => Ok(target),
            _ => Err(kind_error(Cause::NotASymlink, node)),
        }
    }

    fn open_node<'a>(&'a self, node: Node) -> Result<Box<dyn FileRead + 'a>, Error> {
        let facts = self.facts(node)?;
        let name = self.stream_name(&facts.file, node)?;
        if !name.is_empty() {
            let stream = self.stream_of(&facts.file, &name)?;
            return Ok(Box::new(NtfsFile::new(self, stream)?));
        }
        if facts.kind != FileKind::File {
            return Err(kind_error(Cause::NotAFile, node));
        }
        let elsewhere = |tag: u32| {
            Error::new(Cause::Elsewhere)
                .at("MFT record", facts.file.record.at)
                .field("$REPARSE_POINT")
                .found(tag)
        };
        let is_away = facts.attributes & (FILE_OFFLINE | FILE_RECALL_ON_DATA_ACCESS) != 0;
        match facts.reparse {
            Some(Reparse::Elsewhere(tag)) => return Err(elsewhere(tag)),
            Some(Reparse::Cloud(tag)) if is_away => return Err(elsewhere(tag)),
            Some(Reparse::Compacted(algorithm)) => {
                let len = self.len_of(&facts.file, &[])?.unwrap_or(0);
                let name: Vec<u16> = WOF_STREAM.encode_utf16().collect();
                let stream = facts.file.stream(self, ATTR_DATA, &name)?;
                let stream = stream.ok_or_else(|| {
                    Error::new(Cause::Missing)
                        .at("MFT record", facts.file.record.at)
                        .field(WOF_STREAM)
                })?;
                return Ok(Box::new(WofFile::new(self, stream, len, algorithm)?));
            }
            _ => {}
        }
        let stream = self.stream_of(&facts.file, &[])?;
        Ok(Box::new(NtfsFile::new(self, stream)?))
    }

    /// The named streams that are not longer than an attribute can be, as `user.NAME`.
    fn xattrs(&self, node: Node) -> Result<Vec<Xattr>, Error> {
        let file = File::open(self, Reference(node.number))?;
        let mut xattrs = Vec::new();
        if node.tree != 0 {
            return Ok(xattrs);
        }
        let hidden: Vec<u16> = WOF_STREAM.encode_utf16().collect();
        for name in file.names(self, ATTR_DATA)? {
            if name == hidden || self.len_of(&file, &name)?.is_none_or(|len| len > MAX_XATTR) {
                continue;
            }
            let mut content = NtfsFile::new(self, self.stream_of(&file, &name)?)?;
            let len = content.len();
            let (mut value, _charge) = self.budget.buffer("NTFS stream", len)?;
            content.read_at(&mut value, 0)?;
            let mut key = b"user.".to_vec();
            key.extend(to_bytes(name.into_iter()));
            xattrs.push((key, value));
        }
        Ok(xattrs)
    }
}

impl Ntfs {
    /// Whether a directory stands for another one.
    fn is_link(&self, dir: Node) -> Result<bool, Error> {
        if dir.number == self.root.0 {
            return Ok(false);
        }
        let file = File::open(self, Reference(dir.number))?;
        let reparse = Reparse::read(self, &file)?;
        Ok(reparse.is_some_and(|reparse| reparse.kind().is_some()))
    }
}

/// Seconds since 1970 and nanoseconds of a number of 100 ns since 1601.
fn timestamp(time: u64) -> (i64, u32) {
    /// From 1601 to 1970.
    const SECONDS: i64 = 11_644_473_600;
    let seconds = i64::try_from(time / 10_000_000).unwrap_or(0);
    let rest = u32::try_from(time % 10_000_000).unwrap_or(0);
    (seconds.saturating_sub(SECONDS), rest.saturating_mul(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_1601() {
        assert_eq!(timestamp(0), (-11_644_473_600, 0));
        assert_eq!(timestamp(116_444_736_000_000_000), (0, 0));
        assert_eq!(
            timestamp(132_444_736_001_234_567),
            (1_600_000_000, 123_456_700)
        );
    }
}
