//! The HTTP client behind the crate.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use hyper::Method;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use ureq::Agent;
use ureq::tls::TlsConfig;
use vmie::Error;
use vmie::work::trusted_roots;

/// How long it may take to reach the endpoint.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the endpoint may take to begin its answer: the last request of a large upload takes it long.
const ANSWER: Duration = Duration::from_secs(120);
/// How long a request may take with all that it sends and gets.
const WHOLE: Duration = Duration::from_secs(300);
/// The longest answer: a range of an object, or a page of a list.
const MAX_ANSWER: u64 = 64 << 20;

/// How many requests were sent, by what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Lengths and versions.
    pub head: u64,
    /// Ranges and lists.
    pub get: u64,
    /// Parts and tags.
    pub put: u64,
    /// Beginnings and ends of uploads.
    pub post: u64,
    /// Removals.
    pub delete: u64,
    /// Bytes that came.
    pub received: u64,
    /// Bytes that were sent.
    pub sent: u64,
}

/// The same, while they are counted.
#[derive(Debug, Default)]
struct Seen {
    methods: [AtomicU64; 5],
    received: AtomicU64,
    sent: AtomicU64,
}

impl Seen {
    fn count(&self, method: &Method, sent: usize) {
        let which = match *method {
            Method::HEAD => 0,
            Method::GET => 1,
            Method::PUT => 2,
            Method::POST => 3,
            _ => 4,
        };
        if let Some(count) = self.methods.get(which) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sent.fetch_add(bytes(sent), Ordering::Relaxed);
    }

    fn read(&self) -> Requests {
        let [head, get, put, post, delete] = &self.methods;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Requests {
            head: of(head),
            get: of(get),
            put: of(put),
            post: of(post),
            delete: of(delete),
            received: of(&self.received),
            sent: of(&self.sent),
        }
    }
}

fn bytes(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// The client. It is synchronous: each request is on a thread that may block.
#[derive(Clone)]
pub(super) struct Wire {
    agent: Agent,
    seen: Arc<Seen>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    pub(super) fn new(roots: Option<&[u8]>) -> Result<Self, Error> {
        let roots = trusted_roots(roots)?;
        let agent = Agent::config_builder()
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
            .build()
            .new_agent();
        let seen = Arc::default();
        Ok(Self { agent, seen })
    }

    pub(super) fn requests(&self) -> Requests {
        self.seen.read()
    }

    /// Sends a request and reads its answer to the end.
    pub(super) fn send(&self, request: hyper::Request<Vec<u8>>) -> Result<HttpResponse, HttpError> {
        self.seen.count(request.method(), request.body().len());
        let answer = self.agent.run(request).map_err(told)?;
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(MAX_ANSWER).read_to_vec();
        let body = body.map_err(told)?;
        self.seen
            .received
            .fetch_add(bytes(body.len()), Ordering::Relaxed);
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        let (wire, request) = (self.clone(), hyper::Request::from_parts(head, body));
        let sent = tokio::task::spawn_blocking(move || wire.send(request)).await;
        sent.unwrap_or_else(|error| Err(HttpError::new(HttpErrorKind::Unknown, error)))
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// Why there is no answer, and with that, whether another attempt may get one.
fn told(error: ureq::Error) -> HttpError {
    let kind = match &error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => HttpErrorKind::Connect,
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut => HttpErrorKind::Timeout,
            io::ErrorKind::ConnectionRefused => HttpErrorKind::Connect,
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => HttpErrorKind::Interrupted,
            _ => HttpErrorKind::Unknown,
        },
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
