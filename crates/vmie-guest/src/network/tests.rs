use proptest::prelude::*;

use super::*;

fn told(interface: &Interface) -> (&str, bool, Vec<&str>, Option<&str>) {
    (
        &interface.name,
        interface.dhcp,
        interface.addresses.iter().map(String::as_str).collect(),
        interface.mac.as_deref(),
    )
}

#[test]
fn svc_mod_4_static_addresses_of_ifupdown() {
    let found = ifupdown(
        b"# comment\nauto lo eth0\niface lo inet loopback\nsource /etc/network/interfaces.d/*\n\
          iface eth0 inet static\n  address 10.0.0.5/24\n  gateway 10.0.0.1\n\
          iface eth0 inet6 auto\niface eth1 inet dhcp\n  hwaddress ether 52:54:00:00:00:01\n\
          allow-hotplug eth2\n  address 1.2.3.4\n",
    );
    let interfaces: Vec<_> = found.interfaces.iter().map(told).collect();
    assert_eq!(
        interfaces,
        [
            ("eth0", false, vec!["10.0.0.5/24"], None),
            ("eth1", true, vec![], Some("52:54:00:00:00:01")),
        ]
    );
    assert_eq!(found.sources, ["/etc/network/interfaces.d/*"]);
    assert_eq!(found.interfaces[0].line, 5);
    assert!(found.interfaces[0].is_static() && !found.interfaces[1].is_static());
}

#[test]
fn svc_mod_4_static_addresses_of_ifcfg_files() {
    let red_hat = ifcfg(
        "ifcfg-System_eth0",
        b"DEVICE=\"eth0\"\nBOOTPROTO=none\nHWADDR=00:0C:29:AA:BB:CC\nIPADDR=192.168.1.2\nPREFIX=24\n",
    );
    let red_hat = red_hat.unwrap();
    assert_eq!(
        told(&red_hat),
        (
            "eth0",
            false,
            vec!["192.168.1.2"],
            Some("00:0C:29:AA:BB:CC")
        )
    );
    assert_eq!(red_hat.line, 2);
    let suse = ifcfg("ifcfg-eth1", b"BOOTPROTO='dhcp'\nSTARTMODE='auto'\n").unwrap();
    assert_eq!(told(&suse), ("eth1", true, vec![], None));
    assert!(ifcfg("ifcfg-lo", b"IPADDR=127.0.0.1\n").is_none());
}

#[test]
fn svc_mod_4_static_addresses_of_keyfiles() {
    let manual = network_manager(
        b"[connection]\nid=Wired\ntype=ethernet\ninterface-name=ens3\n\n[ethernet]\n\
          mac-address=52:54:00:12:34:56\n[ipv4]\nmethod=manual\naddress1=10.1.2.3/24,10.1.2.1\n\
          dns=10.1.2.1;\n[ipv6]\nmethod=auto\n",
    );
    assert_eq!(
        told(&manual.unwrap()),
        (
            "ens3",
            false,
            vec!["10.1.2.3/24"],
            Some("52:54:00:12:34:56")
        )
    );
    let auto = network_manager(b"[connection]\ntype=ethernet\n[ipv4]\nmethod=auto\n").unwrap();
    assert!(auto.dhcp && auto.name.is_empty());
    assert!(network_manager(b"[connection]\ntype=loopback\ninterface-name=lo\n").is_none());
    let networkd_static = networkd(b"[Match]\nName=eth0\n[Network]\nDHCP=no\nAddress=10.0.0.9/8\n");
    assert!(networkd_static.unwrap().is_static());
    let asks = networkd(b"; c\n[Match]\nName=e*\n[Network]\nDHCP=ipv4\n").unwrap();
    assert_eq!(told(&asks), ("e*", true, vec![], None));
}

#[test]
fn svc_mod_4_static_addresses_of_netplan() {
    let found = netplan(
        b"# by hand\nnetwork:\n  version: 2\n  renderer: networkd\n  ethernets:\n    ens160:\n\
          \x20     dhcp4: no\n      addresses:\n        - 10.5.5.5/24\n        - \"fd00::5/64\"\n\
          \x20     routes:\n        - to: default\n          via: 10.5.5.1\n\
          \x20     nameservers: {addresses: [1.1.1.1]}\n    eth1: {dhcp4: true}\n    eth2:\n\
          \x20     match:\n        macaddress: 52:54:00:aa:bb:cc\n      addresses: [10.6.6.6/24, 10.7.7.7/24]\n",
    );
    let interfaces: Vec<_> = found.iter().map(told).collect();
    assert_eq!(
        interfaces,
        [
            ("ens160", false, vec!["10.5.5.5/24", "fd00::5/64"], None),
            ("eth1", true, vec![], None),
            (
                "eth2",
                false,
                vec!["10.6.6.6/24", "10.7.7.7/24"],
                Some("52:54:00:aa:bb:cc")
            ),
        ]
    );
}

#[test]
fn svc_mod_4_static_addresses_of_cloud_init() {
    let first = b"network:\n  version: 1\n  config:\n  - type: physical\n    name: eth0\n\
        \x20   mac_address: '52:54:00:00:00:02'\n    subnets:\n    - type: static\n      address: 10.9.9.9/24\n\
        \x20 - type: physical\n    name: eth1\n    subnets:\n      - type: dhcp\n  - type: nameserver\n\
        \x20   address: 1.1.1.1\n";
    let found = cloud_init(first).unwrap();
    let interfaces: Vec<_> = found.iter().map(told).collect();
    assert_eq!(
        interfaces,
        [
            (
                "eth0",
                false,
                vec!["10.9.9.9/24"],
                Some("52:54:00:00:00:02")
            ),
            ("eth1", true, vec![], None),
        ]
    );
    let second =
        cloud_init(b"network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n");
    assert!(second.unwrap()[0].dhcp);
    assert_eq!(cloud_init(b"network: {config: disabled}\n"), None);
    assert_eq!(cloud_init(b"users:\n  - default\n"), None);
}

proptest! {
    #[test]
    fn any_text_is_read_within_bounds(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "iface eth0 inet static", "address 1.2.3.4", "network:", "  ethernets:", "    a:",
                "      dhcp4: true", "- ", "-", "      addresses: [", "[ipv4]", "method=auto", ":",
                "DEVICE=x", "\t", "{", "}", "subnets:", "  - type: static", "\u{fffd}", "source",
            ]),
            0..40,
        ),
        raw in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        for bytes in [words.join("\n").into_bytes(), raw] {
            let mut all = ifupdown(&bytes).interfaces;
            all.extend(ifcfg("ifcfg-eth0", &bytes));
            all.extend(network_manager(&bytes));
            all.extend(networkd(&bytes));
            all.extend(netplan(&bytes));
            all.extend(cloud_init(&bytes).unwrap_or_default());
            for interface in all {
                prop_assert!(interface.addresses.len() <= MAX_ADDRESSES);
                prop_assert!(interface.name != "lo");
            }
        }
    }
}
