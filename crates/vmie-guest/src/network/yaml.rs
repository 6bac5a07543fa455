//! netplan ([reference](https://netplan.readthedocs.io/en/stable/netplan-yaml/)) and the network
//! configuration of cloud-init
//! ([version 1](https://cloudinit.readthedocs.io/en/latest/reference/network-config-format-v1.html);
//! version 2 is netplan's).
//!
//! Of YAML this reads what such files are written in: mappings and lists by indentation, and lists
//! and mappings in brackets that end on their line. Whatever else there is names no interface.

use super::{Interface, MAX_INTERFACES, is_yes, short, unquoted};
use crate::text::Lines;

/// How deep mappings are followed.
const MAX_DEPTH: usize = 16;

/// A key (or a list's item) that lines below may belong to.
struct Open {
    indent: usize,
    key: String,
}

/// Calls `each` with the line, the keys above, and the value: of a key (which is then the last of
/// the keys), or of an item of a list.
fn values(bytes: &[u8], mut each: impl FnMut(u32, &[&str], &str)) {
    let mut open: Vec<Open> = Vec::new();
    for (number, line) in Lines::new(bytes) {
        let line = without_comment(&line);
        let mut rest = line.trim_start_matches(' ');
        if rest.is_empty() || rest.starts_with("---") {
            continue;
        }
        let mut indent = line.len().saturating_sub(rest.len());
        // A list may stand at the indentation of its key.
        let is_item = rest == "-" || rest.starts_with("- ");
        while open.last().is_some_and(|last| {
            last.indent > indent || (last.indent == indent && (!is_item || last.key == "-"))
        }) {
            open.pop();
        }
        while let Some(item) = rest
            .strip_prefix('-')
            .filter(|r| r.is_empty() || r.starts_with(' '))
        {
            push(&mut open, indent, "-");
            let inner = item.trim_start_matches(' ');
            indent = indent
                .saturating_add(1)
                .saturating_add(item.len().saturating_sub(inner.len()));
            rest = inner;
        }
        match key_of(rest) {
            Some((key, value)) => {
                push(&mut open, indent, key);
                tell(number, &open, value.trim(), &mut each);
            }
            None if !rest.is_empty() => tell(number, &open, rest, &mut each),
            None => {}
        }
    }
}

fn push(open: &mut Vec<Open>, indent: usize, key: &str) {
    if open.len() < MAX_DEPTH {
        open.push(Open {
            indent,
            key: short(unquoted(key)),
        });
    }
}

fn key_of(text: &str) -> Option<(&str, &str)> {
    // A colon ends a key when a space or the end follows: addresses hold colons, too.
    let at = text.match_indices(':').map(|(at, _)| at).find(|at| {
        let after = text.get(at.saturating_add(1)..).unwrap_or_default();
        after.is_empty() || after.starts_with(' ')
    })?;
    let (key, rest) = text.split_at_checked(at)?;
    (!key.starts_with(['[', '{', '"', '\'']) || key.ends_with(['"', '\'']))
        .then(|| (key, rest.get(1..).unwrap_or_default()))
}

fn without_comment(line: &str) -> &str {
    let line = line.trim_end();
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.split(" #").next().unwrap_or_default().trim_end()
}

fn tell(number: u32, open: &[Open], value: &str, each: &mut impl FnMut(u32, &[&str], &str)) {
    let keys: Vec<&str> = open.iter().map(|one| one.key.as_str()).collect();
    let inside = |open, close| {
        value
            .strip_prefix(open)
            .and_then(|rest: &str| rest.strip_suffix(close))
    };
    if let Some(list) = inside('[', ']') {
        for item in list.split(',').take(MAX_INTERFACES) {
            each(number, &keys, unquoted(item));
        }
    } else if let Some(mapping) = inside('{', '}') {
        for pair in mapping.split(',').take(MAX_INTERFACES) {
            if let Some((key, value)) = pair.split_once(':') {
                let mut keys = keys.clone();
                keys.push(unquoted(key));
                each(number, &keys, unquoted(value));
            }
        }
    } else {
        each(number, &keys, unquoted(value));
    }
}

fn interface<'i>(
    found: &'i mut Vec<Interface>,
    name: &str,
    line: u32,
) -> Option<&'i mut Interface> {
    let at = found.iter().position(|one| one.name == name);
    if at.is_none() {
        if found.len() >= MAX_INTERFACES || name.is_empty() || name == "lo" {
            return None;
        }
        found.push(Interface::new(name, line));
    }
    match at {
        Some(at) => found.get_mut(at),
        None => found.last_mut(),
    }
}

/// The kinds of netplan's interfaces that may have addresses.
const KINDS: &[&str] = &["ethernets", "bonds", "bridges", "vlans", "wifis"];

/// Reads a file of netplan.
#[must_use]
pub fn netplan(bytes: &[u8]) -> Vec<Interface> {
    let mut found = Vec::new();
    values(bytes, |line, keys, value| {
        let Some((kind, rest)) = keys
            .iter()
            .position(|key| KINDS.contains(key))
            .and_then(|at| Some((keys.get(at)?, keys.get(at.saturating_add(1)..)?)))
        else {
            return;
        };
        let Some((name, rest)) = rest.split_first() else {
            return;
        };
        // What another interface is made of is counted once.
        if *kind != "ethernets" && matches!(rest, ["interfaces" | "parameters", ..]) {
            return;
        }
        let Some(interface) = interface(&mut found, name, line) else {
            return;
        };
        match rest {
            ["dhcp4"] => {
                interface.dhcp |= is_yes(value);
                interface.line = line;
            }
            ["addresses", ..] => {
                interface.address(value);
                interface.line = line;
            }
            ["match", "macaddress"] => interface.mac = Some(short(value)),
            _ => {}
        }
    });
    found
}

/// Reads a network configuration of cloud-init, of version 1 or 2. `None` when it is told to leave
/// the network alone, or is no network configuration.
#[must_use]
pub fn cloud_init(bytes: &[u8]) -> Option<Vec<Interface>> {
    let mut found = netplan(bytes);
    let mut is_any = !found.is_empty();
    let mut disabled = false;
    let mut name = String::new();
    values(bytes, |line, keys, value| {
        is_any |= keys.first() == Some(&"network") || keys.first() == Some(&"config");
        let tail = keys.get(keys.len().saturating_sub(2)..).unwrap_or_default();
        if matches!(tail, ["network", "config"]) && value == "disabled" {
            disabled = true;
        }
        let in_subnet = keys.contains(&"subnets");
        match (tail.last(), in_subnet) {
            (Some(&"name"), false) if keys.contains(&"config") => {
                name = short(value);
                interface(&mut found, &name, line);
            }
            (Some(&"type"), true) => {
                if let Some(interface) = interface(&mut found, &name, line) {
                    interface.dhcp |= value == "dhcp" || value == "dhcp4";
                    interface.line = line;
                }
            }
            (Some(&"address"), true) => {
                if let Some(interface) = interface(&mut found, &name, line) {
                    interface.address(value);
                }
            }
            (Some(&"mac_address"), false) => {
                if let Some(interface) = interface(&mut found, &name, line) {
                    interface.mac = Some(short(value));
                }
            }
            _ => {}
        }
    });
    (is_any && !disabled).then_some(found)
}
