//! Files that are not what they seem: links, compacted files, files whose content is elsewhere.

use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use super::file::File;
use super::format::{
    ATTR_REPARSE_POINT, LinkNames, MAX_REPARSE, ReparsePoint, SYMLINK_RELATIVE, WOF_PROVIDER_FILE,
    WOF_VERSION, WofInfo, tag,
};
use super::name::to_bytes;
use super::open::Ntfs;
use super::stream::Stream;
use super::wof::Algorithm;
use crate::{Cause, Error, FileKind};

/// What reparse data make of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reparse {
    /// A link, with its target as a path.
    Link(Vec<u8>),
    /// Its content is in another stream, compressed.
    Compacted(Algorithm),
    /// Its content is not on the volume, or in a form that is not read; with the tag.
    Elsewhere(u32),
    /// Its content may have been left to a service; with the tag.
    Cloud(u32),
    /// Only the kind of the file is special, or nothing at all.
    Kind(Option<FileKind>),
}

/// The kind of file that a tag means, where it means one; as directory entries tell it.
pub(super) fn kind(tag: u32) -> Option<FileKind> {
    match tag {
        tag::SYMLINK | tag::MOUNT_POINT | tag::LX_SYMLINK => Some(FileKind::Symlink),
        tag::AF_UNIX => Some(FileKind::Socket),
        tag::LX_FIFO => Some(FileKind::Fifo),
        tag::LX_CHR => Some(FileKind::CharDevice),
        tag::LX_BLK => Some(FileKind::BlockDevice),
        tag if tag & tag::NAME_SURROGATE != 0 && tag & tag::CLOUD_MASK != tag::CLOUD => {
            Some(FileKind::Other)
        }
        _ => None,
    }
}

impl Reparse {
    /// The reparse data of a file; `None` when it has none.
    pub(super) fn read(ntfs: &Ntfs, file: &File) -> Result<Option<Self>, Error> {
        let Some(stream) = file.stream(ntfs, ATTR_REPARSE_POINT, &[])? else {
            return Ok(None);
        };
        let bytes = stream.whole(ntfs, MAX_REPARSE)?;
        Self::parse(&bytes, &stream).map(Some)
    }

    fn parse(bytes: &[u8], stream: &Stream) -> Result<Self, Error> {
        let error = |field| stream.error(Cause::Reparse, field);
        let Ok((header, rest)) = ReparsePoint::read_from_prefix(bytes) else {
            return Err(error("data_length").found(bytes.len()));
        };
        let len = header.data_length.get();
        let Some(data) = rest.get(..usize::from(len)) else {
            return Err(error("data_length").found(len));
        };
        let tag = header.tag.get();
        Ok(match tag {
            tag::SYMLINK | tag::MOUNT_POINT => {
                let target = link_target(tag, data);
                Self::Link(target.ok_or_else(|| error("path_buffer").found(data))?)
            }
            tag::LX_SYMLINK => {
                // A version, then the target as Linux has it.
                let target = data.get(4..).filter(|target| !target.is_empty());
                Self::Link(
                    target
                        .ok_or_else(|| error("data_length").found(len))?
                        .to_vec(),
                )
            }
            tag::WOF => match WofInfo::read_from_prefix(data) {
                Ok((info, _)) => {
                    let version = info.wof_version.get();
                    let is_file = info.provider.get() == WOF_PROVIDER_FILE;
                    let algorithm = Algorithm::of(info.algorithm.get());
                    match algorithm.filter(|_| version == WOF_VERSION && is_file) {
                        Some(algorithm) => Self::Compacted(algorithm),
                        None => Self::Elsewhere(tag),
                    }
                }
                Err(_) => return Err(error("data_length").found(len)),
            },
            tag::DEDUP | tag::SIS | tag::HSM | tag::HSM2 | tag::WIM => Self::Elsewhere(tag),
            _ if tag & tag::CLOUD_MASK == tag::CLOUD => Self::Cloud(tag),
            _ => Self::Kind(kind(tag)),
        })
    }

    /// The kind of a file with these reparse data; `None` when it is what its record says.
    pub(super) fn kind(&self) -> Option<FileKind> {
        match self {
            Self::Link(_) => Some(FileKind::Symlink),
            Self::Kind(kind) => *kind,
            Self::Compacted(_) | Self::Elsewhere(_) | Self::Cloud(_) => None,
        }
    }
}

/// The target of a symbolic link or a mount point as a path of the volume: see the crate's README.
fn link_target(tag: u32, data: &[u8]) -> Option<Vec<u8>> {
    let (names, rest) = LinkNames::read_from_prefix(data).ok()?;
    let (is_relative, buffer) = if tag == tag::SYMLINK {
        let (flags, buffer) = U32::read_from_prefix(rest).ok()?;
        (flags.get() & SYMLINK_RELATIVE != 0, buffer)
    } else {
        (false, rest)
    };
    let start = usize::from(names.substitute_name_offset.get());
    let len = usize::from(names.substitute_name_length.get());
    let (units, _) = buffer.get(start..start.checked_add(len)?)?.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    let mut target = to_bytes(units);
    for byte in &mut target {
        if *byte == b'\\' {
            *byte = b'/';
        }
    }
    if !is_relative {
        target = in_volume(&target);
    }
    (!target.is_empty() && !target.contains(&0)).then_some(target)
}

/// An absolute target, taken to be on this volume when it has a drive letter.
fn in_volume(target: &[u8]) -> Vec<u8> {
    let local = [b"/??/".as_slice(), b"//?/", b"//./"]
        .iter()
        .find_map(|prefix| target.strip_prefix(*prefix));
    let rest = local.unwrap_or(target);
    match rest {
        [letter, b':', path @ ..] if letter.is_ascii_alphabetic() => {
            let mut whole = path.to_vec();
            if whole.first() != Some(&b'/') {
                whole.insert(0, b'/');
            }
            while whole.len() > 1 && whole.last() == Some(&b'/') {
                whole.pop();
            }
            whole
        }
        _ => target.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(tag: u32, target: &str, flags: u32) -> Result<Reparse, Error> {
        let units: Vec<u8> = target.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let len = u16::try_from(units.len()).unwrap().to_le_bytes();
        let mut data = [&[0, 0], &len[..], &[0, 0], &[0, 0]].concat();
        if tag == tag::SYMLINK {
            data.extend(flags.to_le_bytes());
        }
        data.extend(units);
        parse(tag, &data)
    }

    fn parse(tag: u32, data: &[u8]) -> Result<Reparse, Error> {
        let mut bytes = tag.to_le_bytes().to_vec();
        bytes.extend(u16::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(data);
        Reparse::parse(&bytes, &Stream::default())
    }

    #[test]
    fn targets_are_paths_of_the_volume() {
        for (tag, target, flags, path) in [
            (tag::MOUNT_POINT, r"\??\C:\Users", 0, "/Users"),
            (tag::MOUNT_POINT, r"\??\C:\", 0, "/"),
            (tag::MOUNT_POINT, r"\??\d:", 0, "/"),
            (
                tag::SYMLINK,
                r"\??\C:\Program Files\x\",
                0,
                "/Program Files/x",
            ),
            (tag::SYMLINK, r"..\etc\hosts", 1, "../etc/hosts"),
            (tag::SYMLINK, r"\Windows", 1, "/Windows"),
            (
                tag::SYMLINK,
                r"\??\UNC\server\share",
                0,
                "/??/UNC/server/share",
            ),
            (tag::MOUNT_POINT, r"\??\Volume{1-2}\", 0, "/??/Volume{1-2}/"),
        ] {
            let found = link(tag, target, flags).unwrap();
            assert_eq!(found, Reparse::Link(path.into()), "{target}");
        }
        let cause = |result: Result<Reparse, Error>| result.unwrap_err().cause();
        assert_eq!(cause(link(tag::SYMLINK, "", 1)), Cause::Reparse);
        assert_eq!(cause(parse(tag::SYMLINK, &[0xff; 12])), Cause::Reparse);
        assert_eq!(cause(parse(tag::LX_SYMLINK, &[2, 0, 0, 0])), Cause::Reparse);
        assert_eq!(cause(parse(tag::WOF, &[1])), Cause::Reparse);
    }

    #[test]
    fn tags_say_what_a_file_is() {
        let wof = |provider: u8, algorithm: u8| {
            parse(
                tag::WOF,
                &[
                    1, 0, 0, 0, provider, 0, 0, 0, 1, 0, 0, 0, algorithm, 0, 0, 0,
                ],
            )
        };
        assert_eq!(wof(2, 1).unwrap(), Reparse::Compacted(Algorithm::Lzx));
        assert_eq!(wof(1, 1).unwrap(), Reparse::Elsewhere(tag::WOF));
        assert_eq!(wof(2, 9).unwrap(), Reparse::Elsewhere(tag::WOF));
        assert_eq!(
            parse(tag::DEDUP, &[]).unwrap(),
            Reparse::Elsewhere(tag::DEDUP)
        );
        assert_eq!(
            parse(0x9000_701a, &[]).unwrap(),
            Reparse::Cloud(0x9000_701a)
        );
        assert_eq!(
            parse(tag::LX_SYMLINK, b"\x02\0\0\0a/b").unwrap(),
            Reparse::Link("a/b".into())
        );
        assert_eq!(
            parse(tag::AF_UNIX, &[]).unwrap().kind(),
            Some(FileKind::Socket)
        );
        assert_eq!(
            parse(0xa000_0099, &[]).unwrap().kind(),
            Some(FileKind::Other)
        );
        // An app's alias: a file without content.
        assert_eq!(parse(0x8000_001b, &[]).unwrap().kind(), None);
    }
}
