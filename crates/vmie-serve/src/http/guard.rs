//! Who may look at the page.
//!
//! The page has no account: it shows the tasks of all. So three things have to hold. The request is
//! addressed to this machine by a name that is ours (a page of another origin whose name was made to
//! lead here has its own name in the header `Host`); it carries the token that the start of the
//! service printed, in a header that no page of another origin can send without being asked first,
//! and it is never allowed to; and the token is compared in constant time.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What lets a request through to the page's data.
#[derive(Clone)]
pub(crate) struct Guard {
    token: [u8; 32],
    /// Names beside the address itself.
    names: Vec<String>,
    is_loopback: bool,
}

impl Guard {
    pub(crate) fn new(token: &str, address: SocketAddr, names: &[String]) -> Self {
        let mut all = vec![address.ip().to_string()];
        if let IpAddr::V6(ip) = address.ip() {
            all.push(format!("[{ip}]"));
        }
        if address.ip().is_loopback() {
            all.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
        }
        all.extend(names.iter().map(|name| name.to_ascii_lowercase()));
        Self {
            token: Sha256::digest(token.as_bytes()).into(),
            names: all,
            is_loopback: address.ip().is_loopback(),
        }
    }

    /// Whether the request is addressed to us.
    pub(crate) fn knows_host(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return false;
        };
        let Ok(host) = host.to_str() else {
            return false;
        };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        self.names.contains(&name.to_ascii_lowercase())
    }

    /// Whether it carries the token.
    pub(crate) fn knows_bearer(&self, headers: &HeaderMap) -> bool {
        let sent = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let Some(token) = sent.and_then(|value| value.strip_prefix("Bearer ")) else {
            return false;
        };
        Sha256::digest(token.as_bytes())
            .as_slice()
            .ct_eq(&self.token)
            .into()
    }

    /// Whether numbers may be read without the token.
    pub(crate) fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn only_our_names_and_the_token_are_let_through() {
        let guard = Guard::new(
            "secret",
            "127.0.0.1:80".parse().unwrap(),
            &["Vmie.Example".into()],
        );
        let host = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(text));
            guard.knows_host(&headers)
        };
        for ours in [
            "127.0.0.1:8774",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8774",
            "vmie.example",
        ] {
            assert!(host(ours), "{ours}");
        }
        for other in [
            "evil.example",
            "127.0.0.1.evil.example:80",
            "",
            "localhost:x",
            "10.0.0.1",
        ] {
            assert!(!host(other), "{other}");
        }
        assert!(!guard.knows_host(&HeaderMap::new()));
        let bearer = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(text));
            guard.knows_bearer(&headers)
        };
        assert!(bearer("Bearer secret"));
        for other in ["Bearer secre", "Bearer ", "secret", "Basic secret"] {
            assert!(!bearer(other), "{other}");
        }
    }
}
