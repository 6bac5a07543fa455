//! `/etc/network/interfaces` ([interfaces(5)](https://manpages.debian.org/interfaces.5)).

use super::{Interface, MAX_INTERFACES};
use crate::text::Lines;

/// What a file of ifupdown sets up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interfaces {
    /// The interfaces.
    pub interfaces: Vec<Interface>,
    /// What `source` and `source-directory` name.
    pub sources: Vec<String>,
}

/// Reads a file of ifupdown. An interface that has both a stanza for IPv4 and one for IPv6 is one.
#[must_use]
pub fn ifupdown(bytes: &[u8]) -> Interfaces {
    let mut found = Interfaces::default();
    let mut now: Option<usize> = None;
    for (number, line) in Lines::new(bytes) {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        if first.starts_with('#') {
            continue;
        }
        match first {
            "iface" => {
                let name = words.next().unwrap_or_default();
                let method = words.nth(1).unwrap_or_default();
                now = None;
                if name == "lo" || name.is_empty() || method == "loopback" {
                    continue;
                }
                let known = found.interfaces.iter().position(|one| one.name == name);
                let at = known.unwrap_or(found.interfaces.len());
                if known.is_none() {
                    if at >= MAX_INTERFACES {
                        continue;
                    }
                    found.interfaces.push(Interface::new(name, number));
                }
                if let Some(interface) = found.interfaces.get_mut(at) {
                    interface.dhcp |= method == "dhcp";
                }
                now = Some(at);
            }
            "auto" | "mapping" | "rename" => now = None,
            "source" | "source-directory" => {
                if found.sources.len() < MAX_INTERFACES {
                    found.sources.extend(words.next().map(str::to_owned));
                }
                now = None;
            }
            word if word.starts_with("allow-") || word.starts_with("no-") => now = None,
            word => {
                let Some(interface) = now.and_then(|at| found.interfaces.get_mut(at)) else {
                    continue;
                };
                match (word, words.next()) {
                    ("address", Some(address)) => interface.address(address),
                    ("hwaddress", Some("ether")) => {
                        interface.mac = words.next().map(super::short);
                    }
                    _ => {}
                }
            }
        }
    }
    found
}
