//! Files of a guest's configuration: bounded, the same every time, and no loopback among the
//! interfaces.
#![no_main]

use vmie_guest::fstab;
use vmie_guest::network::{self, Interface};

fn interfaces(data: &[u8]) -> Vec<Interface> {
    let mut all = network::ifupdown(data).interfaces;
    all.extend(network::ifcfg("ifcfg-eth0", data));
    all.extend(network::network_manager(data));
    all.extend(network::networkd(data));
    all.extend(network::netplan(data));
    all.extend(network::cloud_init(data).unwrap_or_default());
    all
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let found = interfaces(data);
    assert!(found.len() <= 256);
    for interface in &found {
        assert!(interface.name != "lo");
        assert!(interface.addresses.len() <= 16);
        assert!(interface.name.chars().count() <= 64);
    }
    assert_eq!(found, interfaces(data));
    let table = fstab::parse(data);
    for entry in &table.entries {
        assert!(!entry.source.is_empty() && !entry.target.is_empty());
        assert!(entry.line >= 1);
    }
});
