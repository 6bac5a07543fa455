//! `ifcfg-*` files: those of Red Hat's network scripts, and those of SUSE that wicked reads
//! ([ifcfg(5)](https://manpages.opensuse.org/Leap-15.6/wicked/ifcfg.5.en.html)).

use super::{Interface, short, unquoted};
use crate::text::Lines;

/// Reads `ifcfg-NAME`, which sets up one interface; the file's name tells which unless `DEVICE`
/// does. `None` for the loopback.
#[must_use]
pub fn ifcfg(file_name: &str, bytes: &[u8]) -> Option<Interface> {
    let named = file_name.strip_prefix("ifcfg-").unwrap_or(file_name);
    let mut interface = Interface::new(named, 1);
    let mut is_loopback = named == "lo";
    for (number, line) in Lines::new(bytes) {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let (key, value) = (key.trim(), unquoted(value));
        match key {
            "DEVICE" if !value.is_empty() => {
                interface.name = short(value);
                is_loopback = value == "lo";
            }
            "BOOTPROTO" => {
                interface.dhcp = value.starts_with("dhcp")
                    || value.eq_ignore_ascii_case("bootp")
                    || value.contains("+dhcp");
                interface.line = number;
            }
            "HWADDR" | "LLADDR" if !value.is_empty() => interface.mac = Some(short(value)),
            _ if key.starts_with("IPADDR") || key.starts_with("IPV6ADDR") => {
                interface.address(value);
            }
            _ => {}
        }
    }
    (!is_loopback).then_some(interface)
}
