//! A client of a service: signed calls, and their replies as the engine gives them.

use std::io;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::TlsConfig;
use vmie::work::trusted_roots;
use vmie_ec2::{Answer, Limits, decode_answer, encode_request};
use vmie_tasks::{Action, Reply};

use crate::Error;
use crate::sigv4::{AccessKey, sign};

/// How long a service may be silent.
const ANSWER: Duration = Duration::from_secs(60);
/// The longest answer.
const MAX_ANSWER: u64 = 64 << 20;

/// A service that is called over HTTP: this one, or any that speaks the protocol.
#[derive(Debug)]
pub struct Remote {
    agent: Agent,
    url: String,
    host: String,
    region: String,
    key: AccessKey,
}

impl Remote {
    /// The service at `http://HOST:PORT` or `https://HOST`, called in a Region. `roots` are the certificates to trust, in
    /// PEM, in place of those that browsers do. Nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Configuration`] when the address or the certificates are none.
    pub fn new(
        url: &str,
        region: &str,
        key: AccessKey,
        roots: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let wrong = |what: &str| Error::Configuration {
            path: "the endpoint".into(),
            what: what.to_owned(),
        };
        let url = url.trim_end_matches('/');
        let host = url.split_once("://").filter(|(scheme, host)| {
            matches!(*scheme, "http" | "https")
                && !host.is_empty()
                && !host.contains(['/', '@', '?'])
        });
        let Some((_, host)) = host else {
            return Err(wrong("write its address http://HOST:PORT or https://HOST"));
        };
        let roots = trusted_roots(roots).map_err(|error| wrong(&error.to_string()))?;
        let agent = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("vmie/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(ANSWER))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            host: host.to_owned(),
            url: format!("{url}/"),
            region: region.to_owned(),
            key,
        })
    }

    /// Calls an action. `Ok(Err(…))` is the service's own no: its code and its text.
    ///
    /// # Errors
    /// When there is no answer, or it is none of the protocol.
    pub fn call(&self, action: &Action) -> Result<Result<Reply, (String, String)>, Error> {
        let unsent = |source: io::Error| Error::io(&self.url, source);
        let form = encode_request(action).map_err(|error| unsent(io::Error::other(error)))?;
        let mut request = self.agent.post(&self.url);
        let headers = sign(&self.key, &self.region, &self.host, &form, vmie::now().secs);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        // Equal calls of one second are told apart by it.
        let name = crate::random::name()?;
        let sent = request.header("amz-sdk-invocation-id", name).send(form);
        let mut answer = sent.map_err(|error| unsent(error.into_io()))?;
        let body = answer.body_mut().with_config().limit(MAX_ANSWER);
        let body = body.read_to_vec();
        let body = body.map_err(|error| unsent(error.into_io()))?;
        match decode_answer(&body, &Limits::default()) {
            Ok(Answer::Reply { reply, .. }) => Ok(Ok(reply)),
            Ok(Answer::Error { code, message, .. }) => Ok(Err((code, message))),
            Err(error) => Err(unsent(io::Error::other(error))),
        }
    }
}
