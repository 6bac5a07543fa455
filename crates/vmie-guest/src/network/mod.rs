//! How network interfaces get their addresses: one reader for each of the ways there are.
//!
//! Each takes the bytes of a file, whatever they are, and gives the interfaces that it sets up, the
//! loopback not counted.

mod ifcfg;
mod ifupdown;
mod keyfile;
mod yaml;

pub use ifcfg::ifcfg;
pub use ifupdown::{Interfaces, ifupdown};
pub use keyfile::{network_manager, networkd};
pub use yaml::{cloud_init, netplan};

/// Interfaces that are taken of one file.
const MAX_INTERFACES: usize = 64;
/// Addresses that are taken of one interface.
const MAX_ADDRESSES: usize = 16;
/// The longest name or address that is taken, in bytes.
const MAX_NAME: usize = 64;

/// An interface as a file sets it up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interface {
    /// Its name; empty when the file tells it by something else.
    pub name: String,
    /// Whether it asks for an address (DHCP).
    pub dhcp: bool,
    /// The addresses that the file gives it.
    pub addresses: Vec<String>,
    /// The hardware address that it is bound to.
    pub mac: Option<String>,
    /// Where it starts, from 1.
    pub line: u32,
}

impl Interface {
    fn new(name: &str, line: u32) -> Self {
        Self {
            name: short(name),
            line,
            ..Self::default()
        }
    }

    /// Whether it has addresses of its own and asks for none.
    #[must_use]
    pub fn is_static(&self) -> bool {
        !self.dhcp && !self.addresses.is_empty()
    }

    fn address(&mut self, address: &str) {
        let address = short(address.trim());
        let known = self.addresses.contains(&address);
        if !address.is_empty() && !known && self.addresses.len() < MAX_ADDRESSES {
            self.addresses.push(address);
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(MAX_NAME).collect()
}

/// A value free of its quotes.
fn unquoted(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value
            .strip_prefix(quote)
            .and_then(|rest| rest.split(quote).next())
        {
            return inner;
        }
    }
    value
}

/// Whether a word says yes, in the ways that these files have.
fn is_yes(value: &str) -> bool {
    ["yes", "true", "on", "1"]
        .iter()
        .any(|yes| value.trim().eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests;
