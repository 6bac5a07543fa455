//! An OVA that comes by once: its members in their order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error as IoError, ErrorKind as IoErrorKind, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vmie_io::{Budget, LimitExceeded, int};

use super::files::chunk_name;
use super::format::MAX_MEMBERS;
use super::open::{decoded, folder_of};
use super::tar::{Member, Walk, safe_path};
use super::{format_of_uri, has_extension, is_descriptor};
use crate::ovf::Descriptor;
use crate::stream::Held;
use crate::{Cause, Error, Format};

/// An archive of which members come by, and the disks among them.
pub(crate) struct Archive {
    members: Shared,
    budget: Budget,
    names: BTreeSet<String>,
    /// Name and depth in folders of the descriptor, once it came by.
    descriptor: Option<(String, usize)>,
    /// Disks by the name of their file, those that have not come by.
    disks: BTreeMap<String, DiskFile>,
    count: usize,
}

/// A disk that the descriptor names.
#[derive(Clone, Debug)]
pub(crate) struct DiskFile {
    /// Its place among the disks of the machine.
    pub(crate) number: usize,
    /// What the descriptor says that it is.
    pub(crate) format: Option<Format>,
    chunked: bool,
}

/// A disk's file that begins to come by.
pub(crate) struct DiskMember {
    pub(crate) name: String,
    pub(crate) file: DiskFile,
    pub(crate) body: Body,
}

type Shared = Arc<Mutex<Members>>;

fn lock(members: &Shared) -> MutexGuard<'_, Members> {
    members.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The walk over the headers.
struct Members {
    held: Arc<Held>,
    budget: Budget,
    /// Where the next header is.
    at: u64,
    /// A member whose header came by already.
    ahead: Option<Member>,
}

impl Members {
    fn next(&mut self) -> Result<Option<Member>, Error> {
        if let Some(member) = self.ahead.take() {
            return Ok(Some(member));
        }
        let mut walk = Walk::at(&*self.held, &self.budget, self.at);
        let next = walk.next();
        self.at = walk.position();
        match next {
            // The blocks of zeroes that mark the end may be missing.
            Err(_) if self.held.end() == Some(self.at) => Ok(None),
            next => next,
        }
    }
}

impl Archive {
    pub(crate) fn new(held: Arc<Held>, budget: &Budget) -> Self {
        held.seal();
        Self {
            members: Arc::new(Mutex::new(Members {
                held,
                budget: budget.clone(),
                at: 0,
                ahead: None,
            })),
            budget: budget.clone(),
            names: BTreeSet::new(),
            descriptor: None,
            disks: BTreeMap::new(),
            count: 0,
        }
    }

    /// How many disks the descriptor names; 0 before it came by.
    pub(crate) fn disk_count(&self) -> usize {
        self.count
    }

    /// The next disk that begins, after whatever stands before it.
    pub(crate) fn next_disk(&mut self) -> Result<Option<DiskMember>, Error> {
        loop {
            let member = lock(&self.members).next()?;
            let Some(member) = member else {
                return self.ended();
            };
            self.count_in(&member)?;
            if is_descriptor(&member.name) {
                self.read_descriptor(&member)?;
                continue;
            }
            if self.descriptor.is_none() {
                // Manifest and certificate may stand anywhere; what another file is, only the
                // descriptor tells.
                if ["mf", "cert"]
                    .iter()
                    .any(|e| has_extension(&member.name, e))
                {
                    continue;
                }
                return Err(Error::new(Cause::NotStreamable)
                    .at("tar header", member.header)
                    .field("name")
                    .found(member.name.as_str()));
            }
            if let Some(disk) = self.disk_of(member) {
                return Ok(Some(disk));
            }
        }
    }

    /// After the last member.
    fn ended(&self) -> Result<Option<DiskMember>, Error> {
        if self.descriptor.is_none() {
            return Err(Error::new(Cause::OvfMissing).at("archive", 0));
        }
        match self.disks.keys().next() {
            Some(name) => Err(Error::new(Cause::MemberMissing)
                .in_structure("File")
                .field("href")
                .found(name.as_str())),
            None => Ok(None),
        }
    }

    fn count_in(&mut self, member: &Member) -> Result<(), Error> {
        if self.names.len() >= MAX_MEMBERS {
            let limit = int::u64_of(MAX_MEMBERS);
            let wanted = limit.saturating_add(1);
            return Err(LimitExceeded::new("archive", "members", wanted, limit).into());
        }
        if !self.names.insert(member.name.clone()) {
            return Err(Error::new(Cause::DuplicateMember)
                .at("tar header", member.header)
                .field("name")
                .found(member.name.as_str()));
        }
        Ok(())
    }

    fn read_descriptor(&mut self, member: &Member) -> Result<(), Error> {
        let depth = member.name.split('/').count();
        if let Some((_, first)) = &self.descriptor {
            // One that lies deeper belongs to something else.
            if depth > *first {
                return Ok(());
            }
            return Err(Error::new(Cause::OvfSeveral)
                .at("tar header", member.header)
                .found(member.name.as_str()));
        }
        self.budget.text("OVF descriptor", member.len)?;
        let (mut text, _charge) = self.budget.buffer("OVF descriptor", member.len)?;
        let held = Arc::clone(&lock(&self.members).held);
        if held.read_forward(&mut text, member.start)? < text.len() {
            return Err(Error::new(Cause::TarTruncated).at("tar header", member.header));
        }
        let descriptor = Descriptor::parse(&text, self.budget.limits())?;
        self.name_disks(&descriptor, folder_of(&member.name))?;
        self.descriptor = Some((member.name.clone(), depth));
        Ok(())
    }

    fn name_disks(&mut self, descriptor: &Descriptor, folder: &str) -> Result<(), Error> {
        let ordered = descriptor.disks_in_order()?;
        self.count = ordered.len();
        for (number, disk) in ordered.into_iter().enumerate() {
            let Some(file) = disk.file_ref.as_deref().and_then(|id| descriptor.file(id)) else {
                continue;
            };
            let refuse = |cause| Error::new(cause).at("File", file.offset);
            if disk.parent_ref.is_some() {
                return Err(refuse(Cause::ParentImage).field("parentRef"));
            }
            if let Some(how) = &file.compression {
                return Err(refuse(Cause::NotStreamable)
                    .field("compression")
                    .found(how.as_str()));
            }
            let named = DiskFile {
                number,
                format: disk.format.as_deref().and_then(format_of_uri),
                chunked: file.chunk_size.is_some(),
            };
            // A URI by the specification, a plain name by some tools; as for random access, the
            // plain name is looked for first.
            let decoded = decoded(file)?;
            for name in [&file.href, &decoded] {
                if let Some(path) = safe_path(name) {
                    let path = format!("{folder}{path}");
                    self.disks.entry(path).or_insert_with(|| named.clone());
                }
            }
        }
        Ok(())
    }

    /// The disk that a member holds, or begins to hold.
    fn disk_of(&mut self, member: Member) -> Option<DiskMember> {
        let whole = member.name.as_str();
        let name = match self.disks.get(whole) {
            Some(_) => whole,
            None => {
                let base = whole.strip_suffix(".000000000")?;
                self.disks.get(base).filter(|disk| disk.chunked)?;
                base
            }
        };
        let name = name.to_owned();
        let chunks = (name != whole).then(|| (name.clone(), 1));
        let file = self.disks.get(&name)?.clone();
        // Under its other name, too.
        self.disks.retain(|_, other| other.number != file.number);
        Some(DiskMember {
            name: member.name,
            file,
            body: Body {
                members: Arc::clone(&self.members),
                at: member.start,
                end: member.start.saturating_add(member.len),
                chunks,
            },
        })
    }
}

/// The bytes of a member, or of a file in chunks, as they come by.
pub(crate) struct Body {
    members: Shared,
    at: u64,
    end: u64,
    /// Name of the file, and number of the chunk that has to be next.
    chunks: Option<(String, u32)>,
}

impl Body {
    /// Goes on to the next chunk, if that is the next member.
    fn next_chunk(&mut self) -> Result<bool, Error> {
        let Some((name, number)) = &mut self.chunks else {
            return Ok(false);
        };
        let mut members = lock(&self.members);
        match members.next()? {
            Some(member) if member.name == chunk_name(name, *number) => {
                *number = number.saturating_add(1);
                self.at = member.start;
                self.end = member.start.saturating_add(member.len);
                Ok(true)
            }
            other => {
                members.ahead = other;
                Ok(false)
            }
        }
    }
}

impl Read for Body {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let failed = |error: Error| IoError::new(IoErrorKind::InvalidData, error);
        while self.at >= self.end {
            if buf.is_empty() || !self.next_chunk().map_err(failed)? {
                return Ok(0);
            }
        }
        let n = int::min_usize(self.end.saturating_sub(self.at), buf.len());
        let buf = buf.get_mut(..n).unwrap_or_default();
        let held = Arc::clone(&lock(&self.members).held);
        let got = held.read_forward(buf, self.at).map_err(failed)?;
        self.at = self.at.saturating_add(int::u64_of(got));
        if got < n {
            let cut = Error::new(Cause::TarTruncated).at("archive", self.at);
            return Err(IoError::new(IoErrorKind::UnexpectedEof, cut));
        }
        Ok(n)
    }
}
