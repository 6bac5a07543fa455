//! Signed addresses, fetched over HTTP.
//!
//! The client is `ureq`: it is synchronous as the workers are, speaks TLS by rustls as the service
//! does, and lets its resolver decide which addresses a name may have, which is what keeps requests
//! from leading it where they like.

mod allowed;
mod impatient;
mod source;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::{Response, StatusCode, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};
use vmie_io::{BlockCache, CancelToken, Fault, ReadAt as _};
use vmie_tasks::SourceUrl;

pub use self::allowed::AllowedHost;
use self::allowed::{Allowed, Denied, Gate};
use self::impatient::{Impatient, meanwhile};
use self::source::WebSource;
use super::{Addresses, Object};
use crate::{Cause, Error};

/// How long a name may take to be resolved, and a host to be connected to.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a host may take to begin its answer.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a whole request may take; the most that is read by one is [`BLOCK`].
const WHOLE: Duration = Duration::from_secs(90);
/// The longest head of an answer, in bytes.
const HEAD: usize = 64 << 10;
/// Bytes that are read at a time.
const BLOCK: u32 = 512 << 10;
/// Bytes of a whole image that are kept, and of what may be one of many parts.
const KEPT: usize = 16 << 20;
const KEPT_OF_PART: usize = 4 << 20;
/// The longest part.
const PART: u64 = 16 << 20;

/// Signed addresses that lead to hosts of a list.
///
/// No redirect is followed: a signature is for one host. Nothing is read of what has changed since it
/// was opened, where the host tells versions apart (`ETag`, `Last-Modified`).
#[derive(Clone)]
pub struct WebAddresses {
    agent: Agent,
    allowed: Allowed,
}

impl fmt::Debug for WebAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebAddresses")
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

/// What signed addresses may lead to.
#[derive(Clone, Debug, Default)]
pub struct WebOptions {
    /// The hosts.
    pub hosts: Vec<AllowedHost>,
    /// Whether names of hosts may lead to private addresses. Hosts that are written as an address, or
    /// as `localhost`, may without that. Link-local addresses, such as those of metadata services, are
    /// never asked.
    pub private: bool,
    /// Certificates to trust, in PEM, in place of those that browsers do.
    pub roots: Option<Vec<u8>>,
}

/// What a client of `ureq` 3 trusts: the certificates of a PEM file, or what browsers do where there is none.
///
/// # Errors
/// [`Cause::Read`] when the file is no PEM, or has no certificate.
pub fn trusted_roots(pem: Option<&[u8]>) -> Result<RootCerts, Error> {
    let Some(pem) = pem else {
        return Ok(RootCerts::WebPki);
    };
    let wrong = || Error::from(Fault::new(Cause::Read).in_structure("certificates"));
    let mut all: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(one) = item.map_err(|_| wrong())? {
            all.push(one);
        }
    }
    match all.is_empty() {
        true => Err(wrong()),
        false => Ok(RootCerts::new_with_certs(&all)),
    }
}

impl WebAddresses {
    /// Addresses that lead to these hosts.
    ///
    /// # Errors
    /// [`Cause::Read`] when the certificates are none.
    pub fn new(options: WebOptions) -> Result<Self, Error> {
        let roots = trusted_roots(options.roots.as_deref())?;
        let config = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding("identity")
            .user_agent(concat!("vmie/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_global(Some(WHOLE))
            .max_response_header_size(HEAD)
            .build();
        let allowed = Allowed {
            hosts: options.hosts,
            private: options.private,
        };
        let gate = Gate(allowed.clone());
        let agent = Agent::with_parts(config, DefaultConnector::default(), gate);
        Ok(Self { agent, allowed })
    }

    /// The address, when it may be asked.
    fn address(&self, url: &SourceUrl) -> Result<Uri, Error> {
        let uri: Uri = url.reveal().parse().map_err(|_| denied("address"))?;
        self.allowed.check(&uri).map_err(|_| denied("host"))?;
        Ok(uri)
    }
}

impl Addresses for WebAddresses {
    fn open(&self, url: &SourceUrl, cancel: &CancelToken) -> Result<Object, Error> {
        let uri = self.address(url)?;
        let named = |error: Error| error.in_file(url.to_string());
        let agent = self.agent.clone();
        let source = meanwhile(cancel, move || WebSource::open(agent, uri)).map_err(named)?;
        let version = source.version().map(str::to_owned);
        let kept = if source.len() <= PART {
            KEPT_OF_PART
        } else {
            KEPT
        };
        Ok(Object {
            name: PathBuf::from(url.to_string()),
            source: Arc::new(BlockCache::new(Impatient::new(source, cancel), BLOCK, kept)),
            version,
        })
    }

    /// What is not there and what may not be seen are the same: a store answers 403 for both, unless
    /// the signer may list the bucket, which the guide's policy does not let him (SVC-IAM-1).
    fn head(&self, url: &SourceUrl, cancel: &CancelToken) -> Result<Option<u64>, Error> {
        let uri = self.address(url)?;
        let agent = self.agent.clone();
        let answer = meanwhile(cancel, move || {
            source::patiently(|| {
                let answer = agent.head(uri.clone()).call();
                checked(answer).map(|answer| (answer.status(), answer))
            })
        });
        let (status, answer) = answer.map_err(|error| error.in_file(url.to_string()))?;
        match status {
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::FORBIDDEN => Ok(None),
            status if status.is_success() => Ok(length(&answer)),
            status => Err(refused(status).in_file(url.to_string())),
        }
    }

    fn delete(&self, url: &SourceUrl) -> Result<(), Error> {
        let uri = self.address(url)?;
        let answer = source::patiently(|| {
            let answer = self.agent.delete(uri.clone()).call();
            checked(answer).map(|answer| answer.status())
        });
        match answer.map_err(|error| error.in_file(url.to_string()))? {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            status if status.is_success() => Ok(()),
            status => Err(refused(status).in_file(url.to_string())),
        }
    }
}

/// The length that an answer says it has.
fn length(answer: &Response<Body>) -> Option<u64> {
    let text = answer.headers().get(header::CONTENT_LENGTH)?;
    text.to_str().ok()?.parse().ok()
}

/// An address that leads where nothing may be asked.
fn denied(field: &'static str) -> Error {
    let fault = Fault::new(Cause::AddressDenied).in_structure("address");
    fault.field(field).into()
}

/// An answer that says that the host is busy is an error here: another attempt may help.
fn checked(answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Error> {
    let answer = answer.map_err(failed)?;
    let status = answer.status();
    let is_busy = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        );
    match is_busy && status != StatusCode::NOT_IMPLEMENTED {
        true => Err(refused(status)),
        false => Ok(answer),
    }
}

/// What an answer that is none means.
fn refused(status: StatusCode) -> Error {
    let fault = |cause, kind: Option<io::ErrorKind>| {
        let fault = Fault::new(cause).in_structure("answer");
        let fault = fault.field("status").found(u64::from(status.as_u16()));
        match kind {
            Some(kind) => Error::from(fault.with_source(io::Error::from(kind))),
            None => Error::from(fault),
        }
    };
    match status.as_u16() {
        404 | 410 => fault(Cause::NoSuchObject, None),
        401 | 403 => fault(Cause::Read, Some(io::ErrorKind::PermissionDenied)),
        300..=399 => fault(Cause::AddressDenied, None),
        408 | 429 | 500..=599 => fault(Cause::Read, Some(io::ErrorKind::ResourceBusy)),
        _ => fault(Cause::AddressAnswer, None),
    }
}

/// Why there is no answer. The client's own texts may hold the address, which is a secret.
fn failed(error: ureq::Error) -> Error {
    let io = match error {
        ureq::Error::Io(error) if is_denied(&error) => return denied("host"),
        ureq::Error::Io(error) => error,
        ureq::Error::Timeout(_) => io::Error::from(io::ErrorKind::TimedOut),
        ureq::Error::HostNotFound => io::Error::from(io::ErrorKind::HostUnreachable),
        ureq::Error::Rustls(error) => io::Error::other(error),
        ureq::Error::Tls(what) => io::Error::other(what),
        _ => {
            let fault = Fault::new(Cause::AddressAnswer).in_structure("answer");
            return fault.into();
        }
    };
    Fault::new(Cause::Read)
        .in_structure("address")
        .with_source(io)
        .into()
}

fn is_denied(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Denied>())
}

#[cfg(test)]
mod tests;
