//! Files of sections and keys: NetworkManager's profiles
//! ([nm-settings-keyfile(5)](https://networkmanager.dev/docs/api/latest/nm-settings-keyfile.html))
//! and systemd-networkd's
//! ([systemd.network(5)](https://www.freedesktop.org/software/systemd/man/latest/systemd.network.html)).

use super::{Interface, short};
use crate::text::Lines;

/// Calls `each` with line, section, key and value.
fn entries(bytes: &[u8], mut each: impl FnMut(u32, &str, &str, &str)) {
    let mut section = String::new();
    for (number, line) in Lines::new(bytes) {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = short(&name.to_ascii_lowercase());
        } else if let Some((key, value)) = line.split_once('=') {
            each(number, &section, key.trim(), value.trim());
        }
    }
}

/// Reads a profile of NetworkManager. `None` when it is for the loopback, or no interface with
/// addresses (a port of a bond, say).
#[must_use]
pub fn network_manager(bytes: &[u8]) -> Option<Interface> {
    let mut interface = Interface::new("", 1);
    let mut kind = String::new();
    entries(bytes, |number, section, key, value| match (section, key) {
        ("connection", "interface-name") => interface.name = short(value),
        ("connection", "type") => kind = short(value),
        ("ipv4" | "ipv6", "method") => {
            // An IPv6 address that the router tells is no lease.
            interface.dhcp |= section == "ipv4" && value == "auto";
            if section == "ipv4" {
                interface.line = number;
            }
        }
        ("ipv4" | "ipv6", key) if key.starts_with("address") => {
            for address in value.split(';').take(super::MAX_ADDRESSES) {
                // An address may be followed by its gateway.
                interface.address(address.split(',').next().unwrap_or_default());
            }
        }
        ("ethernet" | "802-3-ethernet", "mac-address") => interface.mac = Some(short(value)),
        _ => {}
    });
    (kind != "loopback" && interface.name != "lo").then_some(interface)
}

/// Reads a `.network` file of systemd-networkd. `None` when it is for the loopback.
#[must_use]
pub fn networkd(bytes: &[u8]) -> Option<Interface> {
    let mut interface = Interface::new("", 1);
    entries(bytes, |number, section, key, value| match (section, key) {
        ("match", "Name") => interface.name = short(value),
        ("match", "MACAddress") => interface.mac = Some(short(value)),
        ("network", "DHCP") => {
            interface.dhcp = super::is_yes(value) || matches!(value, "ipv4" | "both" | "v4");
            interface.line = number;
        }
        ("network" | "address", "Address") => interface.address(value),
        _ => {}
    });
    (interface.name != "lo").then_some(interface)
}
