//! Which hosts and which addresses of theirs may be asked.
//!
//! Whoever sends a request chooses the address that this machine then connects to. So the host has to
//! be on a list, and what its name resolves to has to be a public address: a name that leads to the
//! metadata service of a cloud, to a router or to this machine is refused, whatever the list says of
//! the name. What was looked at is what is connected to: the name is not resolved twice.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// A host that signed addresses may lead to.
///
/// Written `HOST`, `*.DOMAIN` for every name below a domain, either with `:PORT` where that is not
/// 443, and with `http://` before it where there is no TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    /// In lower case; begins with a dot when it is every name below a domain.
    name: String,
    port: u16,
    is_plain: bool,
}

impl FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (is_plain, rest) = match text.split_once("://") {
            Some(("http", rest)) => (true, rest),
            Some(("https", rest)) => (false, rest),
            Some(_) => return Err("only http:// and https:// are known".to_owned()),
            None => (false, text),
        };
        let (is_domain, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let wrong = || "it is written HOST, HOST:PORT or *.DOMAIN".to_owned();
        let host: ureq::http::uri::Authority = rest.parse().map_err(|_| wrong())?;
        let name = host.host().to_ascii_lowercase();
        let has_port = rest.len() > name.len();
        if has_port && host.port_u16().is_none() {
            return Err(wrong());
        }
        let is_address = literal(&name).is_some();
        let has_dot = name.contains('.');
        if name.is_empty() || rest.contains(['@', '*']) || (is_domain && (is_address || !has_dot)) {
            return Err(wrong());
        }
        let default = if is_plain { 80 } else { 443 };
        Ok(Self {
            name: if is_domain { format!(".{name}") } else { name },
            port: host.port_u16().unwrap_or(default),
            is_plain,
        })
    }
}

impl AllowedHost {
    fn is_of(&self, is_plain: bool, host: &str, port: u16) -> bool {
        let names = match self.name.starts_with('.') {
            true => host.len() > self.name.len() && host.ends_with(&self.name),
            false => host == self.name,
        };
        names && self.port == port && self.is_plain == is_plain
    }

    /// Whether whoever wrote it named the machine itself, and not a name that others can direct.
    fn names_machine(&self) -> bool {
        self.name == "localhost" || literal(&self.name).is_some()
    }
}

/// The address that a host is, when it is written as one.
fn literal(host: &str) -> Option<IpAddr> {
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(host).parse().ok()
}

/// The hosts that may be asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowed {
    pub(super) hosts: Vec<AllowedHost>,
    /// Whether names may lead to private addresses: a store in the same network.
    pub(super) private: bool,
}

impl Allowed {
    /// Whether the host is on the list, and whether it may have private addresses.
    fn reach(&self, uri: &Uri) -> Result<Reach, Denied> {
        let is_plain = match uri.scheme_str() {
            Some("https") => false,
            Some("http") => true,
            _ => return Err(Denied),
        };
        let authority = uri.authority().ok_or(Denied)?;
        if authority.as_str().contains('@') {
            return Err(Denied);
        }
        let host = authority.host().to_ascii_lowercase();
        let port = authority
            .port_u16()
            .unwrap_or(if is_plain { 80 } else { 443 });
        let mut matching = self
            .hosts
            .iter()
            .filter(|one| one.is_of(is_plain, &host, port));
        let first = matching.next().ok_or(Denied)?;
        let named = first.names_machine() || matching.any(AllowedHost::names_machine);
        Ok(match named || self.private {
            true => Reach::Private,
            false => Reach::Public,
        })
    }

    /// Whether an address may be asked, before its name is resolved.
    pub(super) fn check(&self, uri: &Uri) -> Result<(), Denied> {
        self.reach(uri).map(|_| ())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Public,
    Private,
}

impl Reach {
    fn includes(self, ip: IpAddr) -> bool {
        match kind(ip.to_canonical()) {
            Kind::Public => true,
            Kind::Private => self == Self::Private,
            Kind::Never => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    /// Nothing that holds images: link-local addresses, among them those of metadata services, and
    /// what is no single machine.
    Never,
}

fn kind(ip: IpAddr) -> Kind {
    match ip {
        IpAddr::V4(ip) => kind4(ip),
        IpAddr::V6(ip) => kind6(ip),
    }
}

/// The registry of IPv4 special-purpose addresses (RFC 6890 and what followed it).
fn kind4(ip: Ipv4Addr) -> Kind {
    match ip.octets() {
        [0 | 224..=255, ..] | [169, 254, ..] => Kind::Never,
        // Documentation, 6to4 relays, protocol assignments.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 51, 100, _] | [203, 0, 113, _] => Kind::Never,
        // Alibaba Cloud has its metadata service in the shared range.
        [100, 100, 100, 200] => Kind::Never,
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] => Kind::Private,
        [100, 64..=127, ..] | [198, 18 | 19, ..] => Kind::Private,
        _ => Kind::Public,
    }
}

/// Global unicast is 2000::/3; of that, what embeds another address or is documentation is not
/// asked, since the address inside would have to be judged, too.
fn kind6(ip: Ipv6Addr) -> Kind {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Private,
        // The metadata service of EC2.
        [0xfd00, 0x0ec2, ..] => Kind::Never,
        [0xfc00..=0xfdff, ..] => Kind::Private,
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] | [0x2002, ..] => Kind::Never,
        [0x3fff, 0..=0x0fff, ..] => Kind::Never,
        [0x2000..=0x3fff, ..] => Kind::Public,
        _ => Kind::Never,
    }
}

/// An address may not be asked. It is not said which, since it may be a secret (SVC-SEC-3).
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the address may not be asked")]
pub(super) struct Denied;

/// Resolves names of allowed hosts to addresses that may be asked.
#[derive(Debug)]
pub(super) struct Gate(pub(super) Allowed);

impl Resolver for Gate {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let denied = || ureq::Error::Io(std::io::Error::other(Denied));
        let reach = self.0.reach(uri).map_err(|_| denied())?;
        let all = DefaultResolver::default().resolve(uri, config, timeout)?;
        let mut fitting = self.empty();
        for address in all.iter().filter(|address| reach.includes(address.ip())) {
            fitting.push(*address);
        }
        match fitting.is_empty() {
            true => Err(denied()),
            false => Ok(fitting),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(hosts: &[&str]) -> Allowed {
        Allowed {
            hosts: hosts.iter().map(|text| text.parse().unwrap()).collect(),
            private: false,
        }
    }

    #[test]
    fn hosts_are_those_of_the_list() {
        let list = allowed(&[
            "*.s3.us-east-1.amazonaws.com",
            "Images.Example:8443",
            "http://127.0.0.1:9000",
            "[::1]",
        ]);
        let check = |url: &str| {
            let uri: Uri = url.parse().unwrap();
            list.reach(&uri).ok()
        };
        for (url, reach) in [
            (
                "https://b.s3.us-east-1.amazonaws.com/k?X-Amz-Signature=1",
                Some(Reach::Public),
            ),
            (
                "https://B.S3.us-east-1.amazonaws.com:443/k",
                Some(Reach::Public),
            ),
            ("https://images.example:8443/", Some(Reach::Public)),
            ("http://127.0.0.1:9000/a", Some(Reach::Private)),
            ("https://[::1]/a", Some(Reach::Private)),
            ("https://s3.us-east-1.amazonaws.com/k", None),
            ("https://evil-s3.us-east-1.amazonaws.com/k", None),
            ("https://b.s3.us-east-1.amazonaws.com.evil.example/k", None),
            ("https://images.example/", None),
            ("https://user@images.example:8443/", None),
            ("https://127.0.0.1:9000/a", None),
            ("http://127.0.0.1/a", None),
            ("http://b.s3.us-east-1.amazonaws.com/k", None),
            ("ftp://images.example:8443/", None),
            ("/k", None),
        ] {
            assert_eq!(check(url), reach, "{url}");
        }
        for wrong in [
            "",
            "*.com",
            "*.127.0.0.1",
            "ftp://a",
            "a@b",
            "a/b",
            "a:x",
            "*",
            "a.*.b",
        ] {
            assert!(wrong.parse::<AllowedHost>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_that_are_nobodys_store_are_not_asked() {
        for (text, expected) in [
            ("93.184.216.34", Kind::Public),
            ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", Kind::Public),
            ("10.0.0.1", Kind::Private),
            ("127.8.8.8", Kind::Private),
            ("172.31.255.255", Kind::Private),
            ("192.168.0.1", Kind::Private),
            ("100.64.0.1", Kind::Private),
            ("::1", Kind::Private),
            ("fd12::1", Kind::Private),
            ("::ffff:10.0.0.1", Kind::Private),
            ("169.254.169.254", Kind::Never),
            ("::ffff:169.254.169.254", Kind::Never),
            ("fd00:ec2::254", Kind::Never),
            ("fe80::1", Kind::Never),
            ("0.0.0.0", Kind::Never),
            ("::", Kind::Never),
            ("255.255.255.255", Kind::Never),
            ("224.0.0.1", Kind::Never),
            ("ff02::1", Kind::Never),
            // Others that hold an IPv4 address: NAT64, 6to4, Teredo, the old compatible ones.
            ("64:ff9b::a9fe:a9fe", Kind::Never),
            ("2002:a9fe:a9fe::1", Kind::Never),
            ("2001:0:4136:e378::1", Kind::Never),
            ("::169.254.169.254", Kind::Never),
            ("2001:db8::1", Kind::Never),
        ] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(kind(ip.to_canonical()), expected, "{text}");
            let private = Reach::Private.includes(ip);
            assert_eq!(private, expected != Kind::Never, "{text}");
            assert_eq!(
                Reach::Public.includes(ip),
                expected == Kind::Public,
                "{text}"
            );
        }
    }
}
