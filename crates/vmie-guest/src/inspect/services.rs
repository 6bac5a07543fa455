//! What is switched on, what software is there, and which devices the storage's configuration names.

use super::tree::Tree;
use crate::text::Lines;
use crate::{Evidence, Firewall, Settings, Software, SoftwareKind, Ssh};

/// Users that are looked at for keys.
const MAX_USERS: usize = 64;
/// Pieces of evidence of one kind.
const MAX_SEEN: usize = 16;

pub(super) fn settings(tree: &Tree) -> Settings {
    Settings {
        dhcp_clients: dhcp_clients(tree),
        ssh: ssh(tree),
        firewalls: firewalls(tree),
        selinux: selinux(tree),
        software: software(tree),
        fixed_devices: fixed_devices(tree),
    }
}

const UNITS: &[&str] = &[
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/etc/systemd/system",
];

/// Whether a service is started with the system: by systemd's links, else by those of System V's
/// run levels, else by Upstart's job. `None` when the system has no such service.
fn is_enabled(tree: &Tree, units: &[&str], scripts: &[&str]) -> Option<bool> {
    let mut answer = None;
    for unit in units {
        let own = format!("/etc/systemd/system/{unit}");
        if tree.link(&own).as_deref() == Some("/dev/null") {
            answer = answer.or(Some(false));
            continue;
        }
        let wanted = tree
            .names("/etc/systemd/system")
            .into_iter()
            .filter(|name| name.ends_with(".wants") || name.ends_with(".requires"))
            .any(|folder| {
                let path = format!("/etc/systemd/system/{folder}/{unit}");
                tree.link(&path).is_some() || tree.size(&path).is_some()
            });
        if wanted {
            return Some(true);
        }
        if UNITS
            .iter()
            .any(|folder| tree.size(&format!("{folder}/{unit}")).is_some())
        {
            answer = answer.or(Some(false));
        }
    }
    for script in scripts {
        if tree.size(&format!("/etc/init/{script}.conf")).is_some() {
            let manual = tree
                .text(&format!("/etc/init/{script}.override"))
                .is_some_and(|bytes| String::from_utf8_lossy(&bytes).contains("manual"));
            if !manual {
                return Some(true);
            }
            answer = answer.or(Some(false));
        }
        if tree.exists(&format!("/etc/init.d/{script}")) {
            let starts = |name: &String| {
                name.strip_prefix('S').is_some_and(|rest| {
                    rest.trim_start_matches(|c: char| c.is_ascii_digit()) == *script
                })
            };
            let levels = [
                "/etc/rc2.d",
                "/etc/rc3.d",
                "/etc/rc5.d",
                "/etc/init.d/rc3.d",
            ];
            if levels
                .iter()
                .any(|folder| tree.names(folder).iter().any(starts))
            {
                return Some(true);
            }
            // A script beside a unit of the same name is the unit's.
            answer = answer.or(Some(false));
        }
    }
    answer
}

fn dhcp_clients(tree: &Tree) -> Vec<&'static str> {
    const CLIENTS: &[(&str, &[&str])] = &[
        ("dhclient", &["/sbin/dhclient", "/usr/sbin/dhclient"]),
        ("dhcpcd", &["/sbin/dhcpcd", "/usr/sbin/dhcpcd"]),
        ("udhcpc", &["/sbin/udhcpc", "/usr/sbin/udhcpc"]),
        (
            "wicked",
            &["/usr/sbin/wickedd", "/usr/libexec/wicked/bin/wickedd-dhcp4"],
        ),
        ("networkmanager", &["/usr/sbin/NetworkManager"]),
        (
            "systemd-networkd",
            &[
                "/usr/lib/systemd/systemd-networkd",
                "/lib/systemd/systemd-networkd",
            ],
        ),
        ("pump", &["/sbin/pump"]),
    ];
    CLIENTS
        .iter()
        .filter(|(_, paths)| paths.iter().any(|path| tree.size(path).is_some()))
        .map(|(name, _)| *name)
        .collect()
}

fn ssh(tree: &Tree) -> Ssh {
    let program = "/usr/sbin/sshd";
    let installed = match (tree.size(program), tree.hidden(program)) {
        (Some(_), _) => Some(true),
        // A tree without any other program there is a part of one.
        (None, None) if !tree.names("/usr/sbin").is_empty() => Some(false),
        _ => None,
    };
    let mut ssh = Ssh {
        installed,
        enabled: is_enabled(
            tree,
            &["ssh.service", "sshd.service", "ssh.socket", "sshd.socket"],
            &["ssh", "sshd"],
        ),
        ..Ssh::default()
    };
    if installed == Some(true) {
        ssh.evidence
            .push(tree.evidence(program, "the SSH server's program"));
    }
    let mut files = vec!["/etc/ssh/sshd_config".to_owned()];
    let more = tree.names("/etc/ssh/sshd_config.d").into_iter();
    files.extend(
        more.filter(|name| name.ends_with(".conf"))
            .take(MAX_SEEN)
            .map(|name| format!("/etc/ssh/sshd_config.d/{name}")),
    );
    for path in files {
        if let Some(bytes) = tree.text(&path) {
            sshd_config(tree, &path, &bytes, &mut ssh);
        }
    }
    ssh.users_with_keys = users_with_keys(tree);
    ssh
}

/// The settings before the first `Match`
/// ([sshd_config(5)](https://man.openbsd.org/sshd_config)).
fn sshd_config(tree: &Tree, path: &str, bytes: &[u8], ssh: &mut Ssh) {
    let mut ports = Vec::new();
    for (number, line) in Lines::new(bytes) {
        let line = line.trim().replace('=', " ");
        let mut words = line.split_ascii_whitespace();
        let key = words.next().unwrap_or_default().to_ascii_lowercase();
        let value = words.next().unwrap_or_default();
        match key.as_str() {
            "match" => break,
            "port" => ports.extend(value.parse::<u16>().ok().map(|port| (port, number))),
            "pubkeyauthentication" if value.eq_ignore_ascii_case("no") => {
                let saw = tree.evidence(path, "PubkeyAuthentication no").line(number);
                ssh.keys_off = Some(saw);
            }
            _ => {}
        }
    }
    if let Some((port, line)) = ports.first()
        && ports.iter().all(|(port, _)| *port != 22)
    {
        let saw = tree.evidence(path, format!("Port {port}")).line(*line);
        ssh.other_port = Some((*port, saw));
    }
}

/// Users with a shell and a file of keys, root not counted.
fn users_with_keys(tree: &Tree) -> Vec<String> {
    let Some(bytes) = tree.text("/etc/passwd") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut looked_at = 0usize;
    for (_, line) in Lines::new(&bytes) {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, _, _, home, shell] = fields.as_slice() else {
            continue;
        };
        let is_user = uid
            .parse::<u32>()
            .is_ok_and(|uid| (500..65000).contains(&uid));
        if !is_user || shell.ends_with("nologin") || shell.ends_with("false") {
            continue;
        }
        looked_at = looked_at.saturating_add(1);
        if looked_at > MAX_USERS {
            break;
        }
        let keys = format!("{home}/.ssh/authorized_keys");
        if tree.size(&keys).is_some_and(|size| size > 0) {
            found.push((*name).to_owned());
        }
    }
    found
}

fn firewalls(tree: &Tree) -> Vec<Firewall> {
    let mut found = Vec::new();
    let mut add = |name, path: &str, lets_ssh_in: Option<bool>, says: &str| {
        found.push(Firewall {
            name,
            lets_ssh_in,
            evidence: tree.evidence(path, says),
        });
    };
    let text = |path: &str| {
        tree.text(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    if text("/etc/ufw/ufw.conf")
        .is_some_and(|conf| setting(&conf, "ENABLED").as_deref() == Some("yes"))
    {
        let rules = text("/etc/ufw/user.rules").or_else(|| text("/lib/ufw/user.rules"));
        let policy = text("/etc/default/ufw")
            .and_then(|conf| setting(&conf, "DEFAULT_INPUT_POLICY"))
            .unwrap_or_else(|| "DROP".to_owned());
        let open = policy.eq_ignore_ascii_case("ACCEPT");
        let lets = rules.map(|rules| open || rules.lines().any(ufw_lets_in));
        add("ufw", "/etc/ufw/ufw.conf", lets, "ENABLED=yes");
    }
    if is_enabled(tree, &["firewalld.service"], &[]) == Some(true) {
        let zone = text("/etc/firewalld/firewalld.conf")
            .and_then(|conf| setting(&conf, "DefaultZone"))
            .unwrap_or_else(|| "public".to_owned());
        let own = format!("/etc/firewalld/zones/{zone}.xml");
        let given = format!("/usr/lib/firewalld/zones/{zone}.xml");
        let path = if tree.size(&own).is_some() {
            own
        } else {
            given
        };
        let lets = text(&path).map(|zone| {
            zone.contains("service name=\"ssh\"")
                || zone.contains("port=\"22\"")
                || zone.contains("target=\"ACCEPT\"")
        });
        add(
            "firewalld",
            &path,
            lets,
            "the zone of every interface that has no other",
        );
    }
    let rules = [
        ("/etc/sysconfig/iptables", "iptables.service", "iptables"),
        (
            "/etc/iptables/rules.v4",
            "netfilter-persistent.service",
            "netfilter-persistent",
        ),
    ];
    for (path, unit, script) in rules {
        if let Some(rules) = text(path)
            && is_enabled(tree, &[unit], &[script]) == Some(true)
        {
            let says = "the rules that are loaded at the start";
            add("iptables", path, Some(iptables_let_in(&rules)), says);
        }
    }
    for path in ["/etc/nftables.conf", "/etc/sysconfig/nftables.conf"] {
        if let Some(rules) = text(path)
            && is_enabled(tree, &["nftables.service"], &[]) == Some(true)
        {
            let drops = rules.contains("policy drop") || rules.contains("reject");
            let ssh = rules.contains("dport 22")
                || rules.contains("dport ssh")
                || rules.contains("ssh,")
                || rules.contains("22,")
                || rules.contains(", 22")
                || rules.contains(", ssh");
            // What another file adds is not known.
            let lets = match (drops, ssh, rules.contains("include ")) {
                (false, _, false) | (_, true, _) => Some(true),
                (true, false, false) => Some(false),
                _ => None,
            };
            add(
                "nftables",
                path,
                lets,
                "the rules that are loaded at the start",
            );
        }
    }
    found
}

/// `KEY=value` of a file of shell variables.
fn setting(text: &str, key: &str) -> Option<String> {
    text.lines().rev().find_map(|line| {
        let value = line
            .trim()
            .strip_prefix(key)?
            .trim_start()
            .strip_prefix('=')?;
        Some(value.trim().trim_matches(['"', '\'']).to_owned())
    })
}

/// A rule of ufw's that takes packets for SSH.
fn ufw_lets_in(line: &str) -> bool {
    line.starts_with("-A ufw-user-input")
        && (line.contains("-j ACCEPT") || line.contains("-j ufw-user-limit-accept"))
        && (line.contains("--dport 22 ") || names_port(line) || !line.contains("--dport"))
}

/// A list of ports with 22 in it.
fn names_port(line: &str) -> bool {
    line.split_ascii_whitespace()
        .skip_while(|word| *word != "--dports")
        .nth(1)
        .is_some_and(|ports| ports.split(',').any(|port| port == "22" || port == "ssh"))
}

/// Whether the first rule that a packet for SSH meets takes it, as far as rules without conditions
/// on its source tell.
fn iptables_let_in(rules: &str) -> bool {
    let mut policy = true;
    for line in rules.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix(":INPUT ") {
            policy = !rest.starts_with("DROP");
        }
        if !line.starts_with("-A INPUT") && !line.starts_with("-A RH-Firewall-1-INPUT") {
            continue;
        }
        let names_ssh = line.contains("--dport 22 ")
            || line.ends_with("--dport 22")
            || line.contains("--dport ssh")
            || names_port(line);
        let is_general = !line.contains("--dport") && !line.contains(" -i lo");
        let only_known = line.contains("ESTABLISHED") && !line.contains("NEW");
        if names_ssh && line.contains("-j ACCEPT") {
            return true;
        }
        let other = line.contains("-p icmp")
            || line.contains("-p udp")
            || line.contains("-p 50")
            || line.contains("-p 51");
        if is_general && !only_known && !other && !line.contains(" -s ") {
            if line.contains("-j ACCEPT") {
                return true;
            }
            if line.contains("-j REJECT") || line.contains("-j DROP") {
                return false;
            }
        }
    }
    policy
}

fn selinux(tree: &Tree) -> Option<String> {
    let bytes = tree.text("/etc/selinux/config")?;
    let mode = setting(&String::from_utf8_lossy(&bytes), "SELINUX")?.to_ascii_lowercase();
    ["enforcing", "permissive", "disabled"]
        .contains(&mode.as_str())
        .then_some(mode)
}

/// Software by a file or folder that it has.
const SOFTWARE: &[(SoftwareKind, &str, &[&str])] = &[
    (
        SoftwareKind::CloudInit,
        "cloud-init",
        &["/usr/bin/cloud-init", "/etc/cloud/cloud.cfg"],
    ),
    (
        SoftwareKind::HypervisorTools,
        "VMware Tools",
        &[
            "/usr/bin/vmware-uninstall-tools.pl",
            "/usr/lib/vmware-tools",
        ],
    ),
    (
        SoftwareKind::HypervisorTools,
        "open-vm-tools",
        &["/usr/bin/vmtoolsd", "/usr/sbin/vmtoolsd"],
    ),
    (
        SoftwareKind::HypervisorTools,
        "VirtualBox Guest Additions",
        &[
            "/usr/sbin/VBoxService",
            "/usr/bin/VBoxClient",
            "/opt/VBoxGuestAdditions",
        ],
    ),
    (
        SoftwareKind::HypervisorTools,
        "qemu-guest-agent",
        &["/usr/sbin/qemu-ga", "/usr/bin/qemu-ga"],
    ),
    (
        SoftwareKind::HypervisorTools,
        "Parallels Tools",
        &["/usr/lib/parallels-tools", "/usr/bin/prltoolsd"],
    ),
    (
        SoftwareKind::CloudAgent,
        "Systems Manager agent",
        &["/usr/bin/amazon-ssm-agent", "/snap/amazon-ssm-agent"],
    ),
    (
        SoftwareKind::CloudAgent,
        "Azure Linux agent",
        &["/usr/sbin/waagent"],
    ),
    (
        SoftwareKind::CloudAgent,
        "Google guest agent",
        &["/usr/bin/google_guest_agent"],
    ),
    (
        SoftwareKind::Security,
        "ClamAV",
        &["/usr/sbin/clamd", "/usr/bin/clamd"],
    ),
    (
        SoftwareKind::Security,
        "CrowdStrike Falcon",
        &["/opt/CrowdStrike"],
    ),
    (
        SoftwareKind::Security,
        "Microsoft Defender",
        &["/opt/microsoft/mdatp"],
    ),
    (
        SoftwareKind::Security,
        "Sophos",
        &["/opt/sophos-spl", "/opt/sophos-av"],
    ),
    (
        SoftwareKind::Security,
        "Trend Micro Deep Security",
        &["/opt/ds_agent"],
    ),
    (
        SoftwareKind::Security,
        "Trellix (McAfee) Endpoint Security",
        &["/opt/McAfee", "/opt/isec", "/opt/Trellix"],
    ),
    (
        SoftwareKind::Security,
        "Symantec Endpoint Protection",
        &["/opt/Symantec"],
    ),
    (SoftwareKind::Security, "SentinelOne", &["/opt/sentinelone"]),
    (SoftwareKind::Security, "ESET", &["/opt/eset"]),
    (SoftwareKind::Security, "Kaspersky", &["/opt/kaspersky"]),
    (
        SoftwareKind::Security,
        "Bitdefender",
        &["/opt/bitdefender-security-tools", "/opt/BitDefender"],
    ),
    (
        SoftwareKind::Security,
        "Carbon Black",
        &["/opt/carbonblack"],
    ),
    (SoftwareKind::Security, "OSSEC or Wazuh", &["/var/ossec"]),
    (SoftwareKind::Security, "Snort", &["/usr/sbin/snort"]),
    (
        SoftwareKind::Security,
        "Suricata",
        &["/usr/bin/suricata", "/usr/sbin/suricata"],
    ),
    (
        SoftwareKind::Security,
        "Fail2ban",
        &["/usr/bin/fail2ban-server"],
    ),
];

fn software(tree: &Tree) -> Vec<Software> {
    let found = SOFTWARE.iter().filter_map(|(kind, name, paths)| {
        let path = paths.iter().find(|path| tree.exists(path))?;
        Some(Software {
            kind: *kind,
            name,
            evidence: tree.evidence(path, "it is there"),
        })
    });
    found.collect()
}

/// Names of disks that are others after an import.
fn names_a_disk(text: &str) -> bool {
    [
        "/dev/sd",
        "/dev/vd",
        "/dev/hd",
        "/dev/disk/by-path/",
        "/dev/disk/by-id/",
    ]
    .iter()
    .any(|name| text.contains(name))
}

fn fixed_devices(tree: &Tree) -> Vec<(&'static str, Evidence)> {
    let mut found = Vec::new();
    let mut look = |what, path: &str, wanted: &dyn Fn(&str) -> bool| {
        let Some(bytes) = tree.text(path) else {
            return;
        };
        for (number, line) in Lines::new(&bytes) {
            let line = line.trim();
            if !line.starts_with('#') && wanted(line) && found.len() < MAX_SEEN {
                let says = crate::text::shortened(line, 100);
                found.push((what, tree.evidence(path, says).line(number)));
            }
        }
    };
    look("lvm-filter", "/etc/lvm/lvm.conf", &|line| {
        (line.starts_with("filter") || line.starts_with("global_filter"))
            && ["sd", "vd", "hd", "disk/by-"]
                .iter()
                .any(|name| line.contains(&format!("/dev/{name}")))
    });
    look("lvm-devices", "/etc/lvm/devices/system.devices", &|line| {
        line.starts_with("IDTYPE=")
    });
    for path in ["/etc/mdadm/mdadm.conf", "/etc/mdadm.conf"] {
        look("mdadm", path, &|line| {
            (line.starts_with("DEVICE") || line.contains("devices=")) && names_a_disk(line)
        });
    }
    look("crypttab", "/etc/crypttab", &|line| {
        line.split_ascii_whitespace()
            .nth(1)
            .is_some_and(names_a_disk)
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn svc_cfg_2_rules_of_iptables_let_ssh_in_or_not() {
        let head = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT\n\
            -A INPUT -p icmp -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n";
        let reject = "-A INPUT -j REJECT --reject-with icmp-host-prohibited\n";
        let ssh = "-A INPUT -m state --state NEW -m tcp -p tcp --dport 22 -j ACCEPT\n";
        assert!(iptables_let_in(&format!("{head}{ssh}{reject}")));
        assert!(!iptables_let_in(&format!("{head}{reject}")));
        assert!(!iptables_let_in(&format!("{head}{reject}{ssh}")));
        assert!(iptables_let_in(head));
        assert!(!iptables_let_in(
            &head.replace("INPUT ACCEPT", "INPUT DROP")
        ));
        let ports = "-A INPUT -p tcp -m multiport --dports 80,22 -j ACCEPT\n";
        assert!(iptables_let_in(&format!("{head}{ports}{reject}")));
    }

    #[test]
    fn svc_cfg_2_rules_of_ufw_let_ssh_in_or_not() {
        assert!(ufw_lets_in("-A ufw-user-input -p tcp --dport 22 -j ACCEPT"));
        assert!(ufw_lets_in(
            "-A ufw-user-input -p tcp --dport 22 -j ufw-user-limit-accept"
        ));
        assert!(!ufw_lets_in(
            "-A ufw-user-input -p tcp --dport 2222 -j ACCEPT"
        ));
        assert!(!ufw_lets_in("-A ufw-user-input -p tcp --dport 22 -j DROP"));
    }

    #[test]
    fn settings_are_taken_as_a_shell_takes_them() {
        assert_eq!(setting("A=1\nA=\"2\"\n", "A").as_deref(), Some("2"));
        assert_eq!(setting("AB=1\n# A=3\n", "A"), None);
    }
}
