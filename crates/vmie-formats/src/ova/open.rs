//! Opening an OVA.

use std::collections::BTreeMap;
use std::sync::Arc;

use vmie_io::{Budget, Charge, ReadAt};

use super::certificate::Certificate;
use super::files::{Files, chunk_name};
use super::format::MAX_MEMBERS;
use super::manifest::Manifest;
use super::tar::{self, Member, safe_path};
use super::{Appliance, Disk, has_extension, is_descriptor};
use crate::ovf::{self, Descriptor};
use crate::{Cause, Error, OpenOptions, Reference, ReferenceKind};

/// Opens the archive: its index, its descriptor and its manifest are read, its disks are not.
pub(crate) fn open(source: Arc<dyn ReadAt>, options: &OpenOptions) -> Result<Appliance, Error> {
    let budget = options.budget();
    let (members, charges) = tar::index(&source, &budget)?;
    let descriptor_member = pick_descriptor(&members)?.clone();
    let text = take(&source, &budget, "OVF descriptor", &descriptor_member)?;
    let descriptor = Descriptor::parse(&text, budget.limits())?;
    drop(text);
    let file_size = source.len();
    let files = Files::Archive(source);
    let appliance = Parts {
        files,
        file_size,
        members,
        descriptor_member,
        descriptor,
    };
    appliance.finish(options, &budget, charges)
}

/// Opens a descriptor that has its files beside it. They are opened through the resolver of
/// `options`; manifest and certificate are looked for when it is told what the descriptor's file
/// is called.
pub(crate) fn open_beside(
    source: Arc<dyn ReadAt>,
    options: &OpenOptions,
) -> Result<Appliance, Error> {
    let budget = options.budget();
    let file_size = source.len();
    let name = options.called().unwrap_or("descriptor.ovf").to_owned();
    let descriptor_member = Member {
        name: name.clone(),
        start: 0,
        len: file_size,
        header: 0,
    };
    let text = take(&source, &budget, "OVF descriptor", &descriptor_member)?;
    let descriptor = Descriptor::parse(&text, budget.limits())?;
    drop(text);
    let mut beside = Beside {
        options,
        members: Vec::new(),
        files: BTreeMap::new(),
    };
    for file in descriptor.files.iter().take(MAX_MEMBERS) {
        beside.add_file(file)?;
    }
    if options.called().is_some() {
        for extension in ["mf", "cert"] {
            let companion = format!("{}.{extension}", stem_of(&name));
            beside.add_companion(&companion)?;
        }
    }
    beside.files.insert(name, source);
    beside.members.push(descriptor_member.clone());
    let appliance = Parts {
        files: Files::Beside(beside.files),
        file_size,
        members: beside.members,
        descriptor_member,
        descriptor,
    };
    appliance.finish(options, &budget, Vec::new())
}

/// Files beside a descriptor, as they are found.
struct Beside<'a> {
    options: &'a OpenOptions,
    members: Vec<Member>,
    files: BTreeMap<String, Arc<dyn ReadAt>>,
}

impl Beside<'_> {
    fn add(&mut self, name: &str) -> Result<(), Error> {
        let reference = Reference::new(ReferenceKind::Member, name);
        let file = self.options.reference(&reference)?;
        self.members.push(Member {
            name: name.to_owned(),
            start: 0,
            len: file.len(),
            header: 0,
        });
        self.files.insert(name.to_owned(), file);
        Ok(())
    }

    /// A file that need not be there.
    fn add_companion(&mut self, name: &str) -> Result<(), Error> {
        match self.add(name) {
            Err(error) if error.cause() != Cause::ReferenceMissing => Err(error),
            _ => Ok(()),
        }
    }

    /// A file of the descriptor, whole or in chunks. One that is missing is told when it is
    /// needed, as in an archive.
    fn add_file(&mut self, file: &ovf::File) -> Result<(), Error> {
        let name = decoded(file)?;
        if file.chunk_size.is_none() {
            return self.add_companion(&name);
        }
        for index in 0u32.. {
            let chunk = chunk_name(&name, index);
            if self.members.len() >= MAX_MEMBERS {
                break;
            }
            self.add_companion(&chunk)?;
            if !self.files.contains_key(&chunk) {
                break;
            }
        }
        Ok(())
    }
}

/// An appliance whose descriptor and files are found.
struct Parts {
    files: Files,
    file_size: u64,
    members: Vec<Member>,
    descriptor_member: Member,
    descriptor: Descriptor,
}

impl Parts {
    fn finish(
        self,
        options: &OpenOptions,
        budget: &Budget,
        charges: Vec<Charge>,
    ) -> Result<Appliance, Error> {
        let companion = |extension| {
            let member = pick_companion(&self.members, &self.descriptor_member.name, extension)?;
            Some((member, self.files.open(member)))
        };
        let manifest = match companion("mf") {
            Some((member, file)) => {
                let text = whole(&*file?, budget, "manifest")?;
                Some(Manifest::parse(&member.name, &text)?)
            }
            None => None,
        };
        let certificate = match companion("cert") {
            Some((member, file)) => {
                let text = whole(&*file?, budget, "certificate")?;
                Some(Certificate::parse(&member.name, &text)?)
            }
            None => None,
        };
        let folder = folder_of(&self.descriptor_member.name);
        let disks = self
            .descriptor
            .disks_in_order()?
            .into_iter()
            .map(|stated| disk(stated, &self.descriptor, &self.members, folder))
            .collect::<Result<_, _>>()?;
        Ok(Appliance {
            files: self.files,
            file_size: self.file_size,
            options: options.clone(),
            members: self.members,
            descriptor_member: self.descriptor_member,
            descriptor: self.descriptor,
            manifest,
            certificate,
            disks,
            _charges: charges,
        })
    }
}

/// A text file, whole.
fn whole(file: &dyn ReadAt, budget: &Budget, what: &'static str) -> Result<Vec<u8>, Error> {
    budget.text(what, file.len())?;
    let (mut text, _charge) = budget.buffer(what, file.len())?;
    file.read_exact_at(&mut text, 0)?;
    Ok(text)
}

/// A text member, whole.
fn take(
    source: &dyn ReadAt,
    budget: &Budget,
    what: &'static str,
    member: &Member,
) -> Result<Vec<u8>, Error> {
    budget.text(what, member.len)?;
    let (mut text, _charge) = budget.buffer(what, member.len)?;
    source.read_exact_at(&mut text, member.start)?;
    Ok(text)
}

/// The descriptor: the only one, or the only one that lies in no deeper folder than any other.
fn pick_descriptor(members: &[Member]) -> Result<&Member, Error> {
    let depth = |member: &Member| member.name.split('/').count();
    let mut candidates: Vec<&Member> = members
        .iter()
        .filter(|member| is_descriptor(&member.name))
        .collect();
    candidates.sort_by_key(|member| depth(member));
    match candidates.as_slice() {
        [] => Err(Error::new(Cause::OvfMissing).at("archive", 0)),
        [first, second, ..] if depth(first) == depth(second) => Err(Error::new(Cause::OvfSeveral)
            .at("tar header", second.header)
            .found(second.name.as_str())),
        [first, ..] => Ok(first),
    }
}

/// The manifest or certificate: the member with the descriptor's name and another extension.
fn pick_companion<'a>(
    members: &'a [Member],
    descriptor: &str,
    extension: &str,
) -> Option<&'a Member> {
    let stem = stem_of(descriptor);
    members
        .iter()
        .find(|member| has_extension(&member.name, extension) && stem_of(&member.name) == stem)
}

fn stem_of(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The folder of a member, with its slash; empty at the top.
pub(super) fn folder_of(name: &str) -> &str {
    name.rfind('/')
        .and_then(|slash| name.get(..=slash))
        .unwrap_or_default()
}

/// The member that a name means that is relative to a folder.
pub(super) fn find<'a>(members: &'a [Member], folder: &str, name: &str) -> Option<&'a Member> {
    let path = format!("{folder}{}", safe_path(name)?);
    members.iter().find(|member| member.name == path)
}

fn disk(
    stated: &ovf::Disk,
    descriptor: &Descriptor,
    members: &[Member],
    folder: &str,
) -> Result<Disk, Error> {
    let file = stated
        .file_ref
        .as_deref()
        .and_then(|id| descriptor.file(id));
    let member = match file {
        None => None,
        Some(file) => {
            let decoded = decoded(file)?;
            find(members, folder, &file.href).or_else(|| find(members, folder, &decoded))
        }
    };
    Ok(Disk {
        id: stated.id.clone(),
        member: member.map(|member| member.name.clone()),
        href: file.map(|file| file.href.clone()),
        file_size: member.map(|member| member.len),
        stated_size: file.and_then(|file| file.size),
        capacity: stated.capacity,
        format_uri: stated.format.clone(),
        chunked: file.is_some_and(|file| file.chunk_size.is_some()),
        compression: file.and_then(|file| file.compression.clone()),
        parent: stated.parent_ref.clone(),
    })
}

/// The file's name with its percent-encoding undone: it is a URI, but not all tools write it as
/// one. A name that leads out of the archive either way, or to another machine, is refused.
pub(super) fn decoded(file: &ovf::File) -> Result<String, Error> {
    let refuse = || {
        Error::new(Cause::NameEscapes)
            .at("File", file.offset)
            .field("href")
            .found(file.href.as_str())
    };
    let decoded = percent_decode(&file.href).ok_or_else(refuse)?;
    let safe = |name: &str| !name.contains("://") && safe_path(name).is_some();
    if !safe(&file.href) || !safe(&decoded) {
        return Err(refuse());
    }
    Ok(decoded)
}

fn percent_decode(text: &str) -> Option<String> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|n| u8::try_from(n).ok())
    };
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        match rest {
            [] => return String::from_utf8(out).ok(),
            // A percent sign that encodes nothing stands for itself.
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let byte = digit(*high)?.checked_mul(16)?.checked_add(digit(*low)?)?;
                out.push(byte);
                rest = tail;
            }
            [first, tail @ ..] => {
                out.push(*first);
                rest = tail;
            }
        }
    }
}
