//! How a guest is reached: every way to set a network up, names of interfaces, DHCP clients, the SSH server,
//! packet filters; and names of devices in the storage's configuration.

use vmie_fs::MemoryFs;
use vmie_guest::{Decision, Inspection, Matrix, Mode, Severity};
use vmie_rules::SvcId;
use vmie_rules::matrix::Edition;

use crate::{UUID, debian, layout, look_with};

/// A Debian with more in it.
fn with(more: impl FnOnce(MemoryFs) -> MemoryFs) -> Inspection {
    look_with(&layout(), &debian(), more)
}

/// The same with a DHCP client, and these files.
fn files(texts: &[(&str, &str)]) -> Inspection {
    with(|files| {
        let files = files.with_file("/usr/sbin/dhclient", "x");
        texts.iter().fold(files, |files, (path, text)| {
            match text.strip_prefix("-> ") {
                Some(target) => files.with_symlink(path, target),
                None => files.with_file(path, *text),
            }
        })
    })
}

/// What is said: each code with the place of its first evidence.
fn told(found: &Inspection) -> Vec<(&'static str, String)> {
    let verdict = crate::say(found, &Matrix::edition(Edition::E2026), Mode::Practical);
    assert_eq!(
        verdict.decision,
        Decision::Accepted,
        "{:?}",
        verdict.findings
    );
    let place = |finding: &vmie_guest::Finding| {
        let Some(saw) = finding.evidence.first() else {
            return String::new();
        };
        let line = saw.line.map_or_else(String::new, |line| format!(":{line}"));
        format!("{}{line}", saw.path.as_deref().unwrap_or_default())
    };
    verdict
        .findings
        .iter()
        .map(|finding| {
            assert!(!finding.remedy.is_empty(), "{}", finding.code);
            (finding.code, place(finding))
        })
        .collect()
}

fn nothing(found: &Inspection) {
    assert_eq!(told(found), []);
}

const NONE: (&str, &str) = (
    "/etc/network/interfaces",
    "auto lo\niface lo inet loopback\n",
);

/// An address in a file of this stack will be changed; one that is asked for is left.
fn stack(name: &str, path: &str, fixed: &str, line: u32, asks: &str, remedy: &str) {
    let found = files(&[NONE, (path, fixed)]);
    let stacks = &found.systems[0].network.stacks;
    assert!(stacks.contains(&name), "{stacks:?}");
    assert_eq!(told(&found), [("static-address", format!("{path}:{line}"))]);
    let verdict = crate::say(&found, &Matrix::edition(Edition::E2026), Mode::Practical);
    let finding = verdict.finding("static-address").unwrap();
    assert_eq!(finding.svc, [SvcId::Mod4, SvcId::Lim5]);
    assert_eq!(finding.severity, Severity::Change);
    assert_eq!(
        finding.title,
        "eth0 has the static address 192.0.2.7/24; the import sets it to DHCP"
    );
    assert_eq!(finding.remedy, format!("In {path} {remedy}"));
    let found = files(&[NONE, (path, asks)]);
    assert_eq!(found.systems[0].network.names(), ["eth0"]);
    nothing(&found);
}

#[test]
fn svc_mod_4_ifupdown() {
    stack(
        "ifupdown",
        "/etc/network/interfaces",
        "auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet static\n address 192.0.2.7/24\n gateway 192.0.2.1\n",
        4,
        "auto eth0\niface eth0 inet dhcp\n",
        "write: iface eth0 inet dhcp, without address lines",
    );
}

#[test]
fn svc_mod_4_ifcfg_of_red_hat() {
    stack(
        "ifcfg",
        "/etc/sysconfig/network-scripts/ifcfg-eth0",
        "DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=none\nIPADDR=192.0.2.7/24\n",
        3,
        "DEVICE=eth0\nBOOTPROTO=dhcp\n",
        "set BOOTPROTO=dhcp, and remove IPADDR, NETMASK and GATEWAY",
    );
}

#[test]
fn svc_mod_4_netplan() {
    stack(
        "netplan",
        "/etc/netplan/01-netcfg.yaml",
        "network:\n  version: 2\n  ethernets:\n    eth0:\n      addresses:\n        - 192.0.2.7/24\n",
        6,
        "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n",
        "set dhcp4: true for eth0, and remove its addresses",
    );
}

#[test]
fn svc_mod_4_keyfiles_of_networkmanager() {
    stack(
        "networkmanager",
        "/etc/NetworkManager/system-connections/eth0.nmconnection",
        "[connection]\nid=eth0\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=manual\naddress1=192.0.2.7/24,192.0.2.1\n",
        6,
        "[connection]\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=auto\n",
        "set method=auto in [ipv4], and remove its addresses",
    );
}

#[test]
fn svc_mod_4_systemd_networkd() {
    stack(
        "systemd-networkd",
        "/etc/systemd/network/10-eth0.network",
        "[Match]\nName=eth0\n[Network]\nDHCP=no\nAddress=192.0.2.7/24\n",
        4,
        "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n",
        "set DHCP=yes in [Network], and remove Address=",
    );
}

#[test]
fn svc_mod_4_wicked() {
    stack(
        "wicked",
        "/etc/sysconfig/network/ifcfg-eth0",
        "STARTMODE='auto'\nBOOTPROTO='static'\nIPADDR='192.0.2.7/24'\n",
        2,
        "STARTMODE='auto'\nBOOTPROTO='dhcp'\n",
        "set BOOTPROTO=dhcp, and remove IPADDR, NETMASK and GATEWAY",
    );
}

#[test]
fn svc_mod_4_cloud_init() {
    stack(
        "cloud-init",
        "/etc/cloud/cloud.cfg.d/50-network.cfg",
        "network:\n  version: 1\n  config:\n    - type: physical\n      name: eth0\n      subnets:\n        - type: static\n          address: 192.0.2.7/24\n",
        7,
        "network:\n  version: 1\n  config:\n    - type: physical\n      name: eth0\n      subnets:\n        - type: dhcp\n",
        "give eth0 a subnet of type: dhcp",
    );
}

/// One interface that two stacks set up is one; two are more than an instance has.
#[test]
fn svc_lim_5_interfaces_are_counted_over_all_stacks() {
    let asks = "network:\n  ethernets:\n    eth0:\n      dhcp4: true\n";
    nothing(&files(&[("/etc/netplan/a.yaml", asks)]));
    let second = asks.replace("eth0", "eth1");
    let found = files(&[("/etc/netplan/a.yaml", &second)]);
    assert_eq!(found.systems[0].network.names(), ["eth0", "eth1"]);
    assert_eq!(told(&found)[0].0, "several-interfaces");
    let bound = asks.replace(
        "dhcp4",
        "match:\n        macaddress: 00:11:22:33:44:55\n      dhcp4",
    );
    let found = files(&[NONE, ("/etc/netplan/a.yaml", &bound)]);
    assert_eq!(told(&found)[0].0, "interface-bound-to-mac");
}

/// The menu of a Debian without `net.ifnames=0`.
fn menu(arguments: &str) -> String {
    format!(
        "menuentry D {{\n linux /boot/vmlinuz-6.1.0-13-amd64 root=UUID={UUID} nvme_core.io_timeout=1 {arguments}\n initrd /boot/initrd.img-6.1.0-13-amd64\n}}\n"
    )
}

#[test]
fn svc_lim_9_predictable_names_are_told_unless_they_are_turned_off() {
    let rules = ("/usr/lib/udev/rules.d/80-net-setup-link.rules", "x");
    let plain = menu("");
    let grub = ("/boot/grub/grub.cfg", plain.as_str());
    let found = files(&[grub, rules]);
    assert_eq!(found.systems[0].network.predictable_names, Some(true));
    assert_eq!(
        told(&found),
        [("predictable-interface-names", rules.0.to_owned())]
    );
    let off = menu("net.ifnames=0");
    nothing(&files(&[("/boot/grub/grub.cfg", off.as_str()), rules]));
    for link in [
        "/etc/udev/rules.d/80-net-setup-link.rules",
        "/etc/udev/rules.d/80-net-name-slot.rules",
        "/etc/systemd/network/99-default.link",
    ] {
        nothing(&files(&[grub, rules, (link, "-> /dev/null")]));
    }
    let named = (
        "/etc/sysconfig/network-scripts/ifcfg-ens192",
        "DEVICE=ens192\nBOOTPROTO=dhcp\n",
    );
    let found = files(&[NONE, grub, named]);
    assert_eq!(
        told(&found),
        [("predictable-interface-names", named.0.to_owned())]
    );
    // Without udev's rules there is nothing that gives such names.
    nothing(&files(&[grub]));
}

#[test]
fn svc_lim_5_rules_of_udev_that_keep_a_cards_name_are_told() {
    let rules = "/etc/udev/rules.d/70-persistent-net.rules";
    let line = "SUBSYSTEM==\"net\", ACTION==\"add\", ATTR{address}==\"00:0c:29:aa:bb:cc\", NAME=\"eth0\"\n";
    let found = files(&[(rules, line)]);
    assert_eq!(
        told(&found),
        [("interface-bound-to-mac", format!("{rules}:1"))]
    );
    nothing(&files(&[(rules, "# none\n")]));
}

/// A client that is there and does not start is as good as none.
#[test]
fn svc_cfg_1_a_dhcp_client_that_is_switched_off_is_told() {
    let client = |texts: &[(&str, &str)]| {
        with(|files| {
            texts.iter().fold(files, |files, (path, text)| {
                match text.strip_prefix("-> ") {
                    Some(target) => files.with_symlink(path, target),
                    None => files.with_file(path, *text),
                }
            })
        })
    };
    let manager = ("/usr/sbin/NetworkManager", "x");
    let unit = "/usr/lib/systemd/system/NetworkManager.service";
    let found = client(&[manager, (unit, "[Unit]\n")]);
    assert_eq!(told(&found), [("dhcp-client-off", manager.0.to_owned())]);
    let verdict = crate::say(&found, &Matrix::edition(Edition::E2026), Mode::Practical);
    let finding = verdict.finding("dhcp-client-off").unwrap();
    assert_eq!(finding.svc, [SvcId::Cfg1, SvcId::Err20]);
    assert_eq!(
        finding.remedy,
        "In the guest: systemctl enable NetworkManager"
    );
    let wants = "/etc/systemd/system/multi-user.target.wants/NetworkManager.service";
    nothing(&client(&[
        manager,
        (unit, "[Unit]\n"),
        (wants, "-> /usr/lib/systemd/system/NetworkManager.service"),
    ]));

    let networkd = ("/usr/lib/systemd/systemd-networkd", "x");
    let unit = (
        "/usr/lib/systemd/system/systemd-networkd.service",
        "[Unit]\n",
    );
    assert_eq!(told(&client(&[networkd, unit]))[0].0, "dhcp-client-off");
    // So does a package that wants it itself.
    let by_package = (
        "/usr/lib/systemd/system/multi-user.target.wants/systemd-networkd.service",
        "-> ../systemd-networkd.service",
    );
    nothing(&client(&[networkd, unit, by_package]));
    // netplan switches it on when the system starts; a mask holds all the same.
    let netplan = (
        "/etc/netplan/a.yaml",
        "network:\n  ethernets:\n    eth0: {dhcp4: true}\n",
    );
    nothing(&client(&[NONE, networkd, unit, netplan]));
    let masked = (
        "/etc/systemd/system/systemd-networkd.service",
        "-> /dev/null",
    );
    assert_eq!(
        told(&client(&[NONE, networkd, unit, netplan, masked]))[0].0,
        "dhcp-client-off"
    );
    // Another client is enough, and one by its package, whatever became of its files.
    nothing(&client(&[networkd, unit, ("/usr/sbin/dhclient", "x")]));
    let status = "Package: isc-dhcp-client\nStatus: install ok installed\nVersion: 4.4.3\n\n\
        Package: linux-image-6.1.0-13-amd64\nStatus: install ok installed\nVersion: 6.1.55-1\n\n";
    nothing(&client(&[networkd, unit, ("/var/lib/dpkg/status", status)]));
    let status = status.replace("isc-dhcp-client", "systemd");
    assert_eq!(
        told(&client(&[
            networkd,
            unit,
            ("/var/lib/dpkg/status", &status)
        ]))[0]
            .0,
        "dhcp-client-off"
    );
    // SUSE's network service is the name of the one that is chosen.
    let wicked = ("/usr/sbin/wickedd", "x");
    let unit = ("/usr/lib/systemd/system/wicked.service", "[Unit]\n");
    let alias = (
        "/etc/systemd/system/network.service",
        "-> /usr/lib/systemd/system/wicked.service",
    );
    assert_eq!(told(&client(&[wicked, unit]))[0].0, "dhcp-client-off");
    nothing(&client(&[wicked, unit, alias]));
}

#[test]
fn svc_cfg_2_the_ssh_server_must_be_there() {
    // A folder of programs without it; the testkit's own is replaced by a directory of that name.
    let found = with(|files| {
        files
            .with_dir("/usr/sbin/sshd")
            .with_file("/usr/sbin/dhclient", "x")
    });
    assert_eq!(found.systems[0].settings.ssh.installed, Some(false));
    assert_eq!(told(&found), [("no-ssh-server", String::new())]);
    let status = "Package: openssh-server\nStatus: install ok installed\nVersion: 9\n\n\
        Package: linux-image-6.1.0-13-amd64\nStatus: install ok installed\nVersion: 6.1.55-1\n\n";
    let found = with(|files| {
        files
            .with_dir("/usr/sbin/sshd")
            .with_file("/usr/sbin/dhclient", "x")
            .with_file("/var/lib/dpkg/status", status)
    });
    nothing(&found);
    // Users with keys are a fact.
    let found = files(&[
        (
            "/etc/passwd",
            "root:x:0:0::/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\nbob:x:1001:1001::/home/bob:/usr/sbin/nologin\n",
        ),
        ("/root/.ssh/authorized_keys", "ssh-ed25519 A\n"),
        ("/home/ann/.ssh/authorized_keys", "ssh-ed25519 A\n"),
        ("/home/bob/.ssh/authorized_keys", "ssh-ed25519 A\n"),
    ]);
    assert_eq!(found.systems[0].settings.ssh.users_with_keys, ["ann"]);
}

/// What is switched on for systemd.
const WANTS: &str = "/etc/systemd/system/multi-user.target.wants";

#[test]
fn svc_cfg_2_every_packet_filter_that_blocks_ssh_is_told() {
    let zone = "<zone>\n  <service name=\"dhcpv6-client\"/>\n</zone>\n";
    let iptables = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 80 -j ACCEPT\nCOMMIT\n";
    let nftables = "table inet filter {\n chain input {\n  type filter hook input priority 0; policy drop;\n  tcp dport 80 accept\n }\n}\n";
    let suse = "FW_CONFIGURATIONS_EXT=\"apache2\"\n";
    let ufw = "-A ufw-user-input -p tcp --dport 80 -j ACCEPT\n";
    for (unit, path, closed, open) in [
        (
            "firewalld.service",
            "/etc/firewalld/zones/public.xml",
            zone.to_owned(),
            zone.replace("dhcpv6-client", "ssh"),
        ),
        (
            "iptables.service",
            "/etc/sysconfig/iptables",
            iptables.to_owned(),
            iptables.replace("80", "22"),
        ),
        (
            "netfilter-persistent.service",
            "/etc/iptables/rules.v4",
            iptables.to_owned(),
            iptables.replace("80", "22"),
        ),
        (
            "nftables.service",
            "/etc/nftables.conf",
            nftables.to_owned(),
            nftables.replace("80", "22"),
        ),
        (
            "SuSEfirewall2.service",
            "/etc/sysconfig/SuSEfirewall2",
            suse.to_owned(),
            suse.replace("apache2", "sshd"),
        ),
        (
            "",
            "/etc/ufw/user.rules",
            ufw.to_owned(),
            ufw.replace("80", "22"),
        ),
    ] {
        let link = format!("{WANTS}/{unit}");
        let (switch, place) = match unit {
            "" => (("/etc/ufw/ufw.conf", "ENABLED=yes\n"), "/etc/ufw/ufw.conf"),
            _ => (
                (link.as_str(), "-> /usr/lib/systemd/system/x.service"),
                path,
            ),
        };
        let found = files(&[switch, (path, &closed)]);
        assert_eq!(
            told(&found),
            [("firewall-blocks-ssh", place.to_owned())],
            "{path}"
        );
        assert_eq!(found.systems[0].settings.firewalls.len(), 1);
        nothing(&files(&[switch, (path, &open)]));
        // Switched off it blocks nothing.
        nothing(&files(&[(path, &closed)]));
    }
}

#[test]
fn svc_cfg_2_the_mode_of_selinux_is_a_fact() {
    for (text, mode) in [
        (
            "# c\nSELINUX=enforcing\nSELINUXTYPE=targeted\n",
            Some("enforcing"),
        ),
        ("SELINUX=permissive\n", Some("permissive")),
        ("SELINUX=Disabled\n", Some("disabled")),
        ("SELINUXTYPE=targeted\n", None),
    ] {
        let found = files(&[("/etc/selinux/config", text)]);
        assert_eq!(found.systems[0].settings.selinux.as_deref(), mode);
        nothing(&found);
    }
}

#[test]
fn svc_mod_5_devices_by_name_are_told_wherever_they_stand() {
    for (path, text, line) in [
        (
            "/etc/crypttab",
            "# target source\nswap /dev/sda2 /dev/urandom swap\n",
            2,
        ),
        (
            "/etc/crypttab",
            "data /dev/disk/by-id/ata-VBOX_1-part2 none\n",
            1,
        ),
        (
            "/etc/mdadm/mdadm.conf",
            "HOMEHOST <system>\nDEVICE /dev/sd[bc]1\n",
            2,
        ),
        (
            "/etc/mdadm.conf",
            "ARRAY /dev/md0 devices=/dev/sdb1,/dev/sdc1\n",
            1,
        ),
        (
            "/etc/lvm/lvm.conf",
            "devices {\n global_filter = [ \"a|/dev/sda.*|\", \"r|.*|\" ]\n}\n",
            2,
        ),
        (
            "/etc/lvm/devices/system.devices",
            "VERSION=1.1.1\nIDTYPE=sys_wwid IDNAME=t10.ATA DEVNAME=/dev/sda2\n",
            2,
        ),
    ] {
        let found = files(&[(path, text)]);
        assert_eq!(
            told(&found),
            [("devices-by-name", format!("{path}:{line}"))]
        );
    }
    for (path, text) in [
        ("/etc/crypttab", "swap UUID=1-2 /dev/urandom swap\n"),
        (
            "/etc/mdadm/mdadm.conf",
            "DEVICE partitions\nARRAY /dev/md0 UUID=1:2\n",
        ),
        (
            "/etc/lvm/lvm.conf",
            "devices {\n # filter = [ \"a|/dev/sda|\" ]\n filter = [ \"a|.*|\" ]\n}\n",
        ),
    ] {
        nothing(&files(&[(path, text)]));
    }
    // A fixed disk in the menu of GRUB.
    let by_name = menu("net.ifnames=0").replace(&format!("root=UUID={UUID}"), "root=/dev/sda1");
    let found = files(&[("/boot/grub/grub.cfg", &by_name)]);
    assert_eq!(
        told(&found),
        [("root-by-device-name", "/boot/grub/grub.cfg:2".to_owned())]
    );
}

/// fstab is read as mount reads it: blanks and tabs, octal escapes, comments, fields that are left out.
#[test]
fn svc_mod_5_every_kind_of_share_is_disabled() {
    let root = format!("UUID={UUID} / ext4 defaults 0 1\n");
    for kind in [
        "cifs",
        "smbfs",
        "vboxsf",
        "fuse.sshfs",
        "sshfs",
        "nfs",
        "nfs4",
        "9p",
        "smb3",
    ] {
        let table = format!("# shares\n{root}host:/a\\040b\t/srv/a\\040b  {kind}  _netdev\n");
        let found = files(&[("/etc/fstab", &table)]);
        let fstab = found.systems[0].fstab.get().unwrap();
        assert_eq!(fstab[1].target, "/srv/a b");
        assert_eq!(
            told(&found),
            [("fstab-shares", "/etc/fstab:3".to_owned())],
            "{kind}"
        );
    }
    let quiet = format!(
        "{root}proc /proc proc\ntmpfs /tmp tmpfs nosuid\n/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\n"
    );
    nothing(&files(&[("/etc/fstab", &quiet)]));
    let gone = format!(
        "{root}UUID=dead-beef /srv ext4 defaults 0 2\nPARTUUID=12-34 /opt ext4\nLABEL=no /var/x xfs\n"
    );
    let found = files(&[("/etc/fstab", &gone)]);
    let verdict = crate::say(&found, &Matrix::edition(Edition::E2026), Mode::Practical);
    let finding = verdict.finding("fstab-missing-devices").unwrap();
    let lines: Vec<_> = finding.evidence.iter().map(|saw| saw.line).collect();
    assert_eq!(lines, [Some(2), Some(3), Some(4)]);
}
