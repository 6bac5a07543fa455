//! What is behind an address, read in ranges.

use std::io::Read as _;
use std::thread;
use std::time::Duration;

use ureq::Agent;
use ureq::Body;
use ureq::http::{HeaderMap, Response, StatusCode, Uri, header};
use vmie_io::{ErrorKind, Fault, ReadAt, ReadError, int};

use super::{checked, length, refused};
use crate::error::says;
use crate::work::can_pass;
use crate::{Cause, Error};

/// How long to wait before a request is sent again, each time that is done.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
/// What is read at once of a host that does not know ranges.
const WHOLE: u64 = 1 << 20;

/// What is behind an address.
pub(super) struct WebSource {
    agent: Agent,
    uri: Uri,
    len: u64,
    version: Option<Version>,
    /// All of it, when it is short and the host knows no ranges.
    whole: Option<Vec<u8>>,
}

/// Which version it is, and the header that asks for no other.
struct Version {
    condition: header::HeaderName,
    text: String,
}

impl Version {
    /// Strong tags only: equal weak ones are of contents that may differ.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
        let tag = text(header::ETAG).filter(|tag| !tag.starts_with("W/"));
        let tag = tag.map(|text| (header::IF_MATCH, text));
        let date = || text(header::LAST_MODIFIED).map(|text| (header::IF_UNMODIFIED_SINCE, text));
        let (condition, text) = tag.or_else(date)?;
        Some(Self { condition, text })
    }
}

impl WebSource {
    pub(super) fn open(agent: Agent, uri: Uri) -> Result<Self, Error> {
        // A signature for GET is none for HEAD, so the first byte is what is asked for.
        let mut answer = patiently(|| {
            let request = agent.get(uri.clone()).header(header::RANGE, "bytes=0-0");
            checked(request.call())
        })?;
        let version = Version::of(answer.headers());
        let range = content_range(answer.headers());
        let (len, whole) = match (answer.status(), range) {
            (StatusCode::PARTIAL_CONTENT, Some((Some((0, 0)), len))) if len > 0 => {
                // Read to its end, the connection can be used again.
                body(&mut answer, 1)?;
                (len, None)
            }
            (StatusCode::RANGE_NOT_SATISFIABLE, Some((None, 0))) => (0, Some(Vec::new())),
            (StatusCode::OK, _) => match length(&answer) {
                Some(len) if len <= WHOLE => (len, Some(body(&mut answer, len)?)),
                _ => return Err(no_ranges("accept-ranges")),
            },
            (status, _) if status.is_success() => return Err(no_ranges("content-range")),
            (status, _) => return Err(refused(status)),
        };
        Ok(Self {
            agent,
            uri,
            len,
            version,
            whole,
        })
    }

    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_ref().map(|version| version.text.as_str())
    }

    fn range(&self, start: u64, len: u64) -> Result<Vec<u8>, Error> {
        let last = start.saturating_add(len).saturating_sub(1);
        let request = self.agent.get(self.uri.clone());
        let mut request = request.header(header::RANGE, format!("bytes={start}-{last}"));
        if let Some(version) = &self.version {
            request = request.header(&version.condition, version.text.as_str());
        }
        let mut answer = checked(request.call())?;
        let changed = || Error::new(Cause::SourceChanged);
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => {}
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(changed());
            }
            StatusCode::OK => return Err(no_ranges("accept-ranges")),
            status => return Err(refused(status)),
        }
        match content_range(answer.headers()) {
            Some((Some(found), whole)) if found == (start, last) => {
                let now = Version::of(answer.headers());
                let same = now.is_none_or(|now| self.version() == Some(now.text.as_str()));
                if whole != self.len || !same {
                    return Err(changed());
                }
            }
            _ => return Err(no_ranges("content-range")),
        }
        body(&mut answer, len)
    }
}

impl ReadAt for WebSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
        let wanted = int::u64_of(buf.len());
        let end = offset.checked_add(wanted);
        if end.is_none_or(|end| end > self.len) {
            return Err(ReadError::past_end("address", offset, buf.len(), self.len));
        }
        if buf.is_empty() {
            return Ok(());
        }
        let lost = || ReadError::new("address", ErrorKind::Io, offset);
        if let Some(whole) = &self.whole {
            let start = int::usize_of(offset);
            let part = whole.get(start..start.saturating_add(buf.len()));
            buf.copy_from_slice(part.ok_or_else(lost)?);
            return Ok(());
        }
        let mut done = 0_usize;
        for part in buf.chunks_mut(int::usize_of(super::BLOCK.into())) {
            let at = offset.saturating_add(int::u64_of(done));
            let read = patiently(|| self.range(at, int::u64_of(part.len())));
            let bytes = read
                .map_err(|error| ReadError::new("address", error.kind(), at).with_source(error))?;
            match bytes.len() == part.len() {
                true => part.copy_from_slice(&bytes),
                false => return Err(lost()),
            }
            done = done.saturating_add(part.len());
        }
        Ok(())
    }
}

/// Does something again that failed for what may pass.
pub(super) fn patiently<T>(once: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    for pause in PAUSES {
        match once() {
            Err(error) if says(&error, &can_pass) => thread::sleep(pause),
            other => return other,
        }
    }
    once()
}

/// The host does not answer as one does from which parts can be read.
fn no_ranges(field: &'static str) -> Error {
    let fault = Fault::new(Cause::AddressAnswer).in_structure("answer");
    fault.field(field).into()
}

/// A body that has to be so long.
fn body(answer: &mut Response<Body>, len: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(int::usize_of(len));
    let reader = answer.body_mut().with_config().limit(len).reader();
    let read = reader.take(len).read_to_end(&mut bytes);
    let fail = |error| {
        let fault = Fault::new(Cause::Read).in_structure("answer");
        Error::from(fault.with_source(error))
    };
    // Beyond what was said to be there, nothing is read.
    read.map_err(|error| {
        let kind = match error.kind() {
            // The connection broke; the next may not.
            std::io::ErrorKind::UnexpectedEof => std::io::ErrorKind::ConnectionAborted,
            std::io::ErrorKind::Other => std::io::ErrorKind::TimedOut,
            kind => kind,
        };
        fail(std::io::Error::from(kind))
    })?;
    match int::u64_of(bytes.len()) == len {
        true => Ok(bytes),
        false => Err(fail(std::io::Error::from(
            std::io::ErrorKind::ConnectionAborted,
        ))),
    }
}

/// `bytes FIRST-LAST/LENGTH`, or `bytes */LENGTH`.
fn content_range(headers: &HeaderMap) -> Option<(Option<(u64, u64)>, u64)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, len) = text.strip_prefix("bytes ")?.trim().split_once('/')?;
    let len = len.parse().ok()?;
    if range == "*" {
        return Some((None, len));
    }
    let (first, last) = range.split_once('-')?;
    Some((Some((first.parse().ok()?, last.parse().ok()?)), len))
}
