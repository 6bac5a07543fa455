//! Packet filters that are switched on, and whether they let SSH in.

use super::services::is_enabled;
use super::tree::Tree;
use crate::Firewall;

pub(super) fn firewalls(tree: &Tree) -> Vec<Firewall> {
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
    let suse = "/etc/sysconfig/SuSEfirewall2";
    let scripts = &["SuSEfirewall2_setup", "SuSEfirewall2_init"];
    if let Some(config) = text(suse)
        && is_enabled(tree, &["SuSEfirewall2.service"], scripts) == Some(true)
    {
        let says = "the rules that are loaded at the start";
        add("SuSEfirewall2", suse, Some(suse_lets_in(&config)), says);
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
pub(super) fn setting(text: &str, key: &str) -> Option<String> {
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

/// Whether SUSE's own packet filter takes SSH from outside: by the name of the service's rules, or by its port
/// (<https://doc.opensuse.org/documentation/leap/archive/42.3/security/html/book.security/cha.security.firewall.html>).
fn suse_lets_in(config: &str) -> bool {
    let words = |key: &str| setting(config, key).unwrap_or_default();
    let by_name = words("FW_CONFIGURATIONS_EXT");
    let by_port = words("FW_SERVICES_EXT_TCP");
    let is_ssh = |word: &str| match word.split_once(':') {
        Some((from, to)) => {
            let number = |text: &str| text.parse::<u16>().ok();
            number(from)
                .zip(number(to))
                .is_some_and(|(from, to)| (from..=to).contains(&22))
        }
        None => matches!(word, "ssh" | "22"),
    };
    by_name.split_ascii_whitespace().any(|word| word == "sshd")
        || by_port.split_ascii_whitespace().any(is_ssh)
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
    fn svc_cfg_2_rules_of_suse_let_ssh_in_or_not() {
        assert!(suse_lets_in("FW_CONFIGURATIONS_EXT=\"apache2 sshd\"\n"));
        assert!(suse_lets_in("FW_SERVICES_EXT_TCP=\"80 ssh\"\n"));
        assert!(suse_lets_in("FW_SERVICES_EXT_TCP=\"20:25\"\n"));
        assert!(!suse_lets_in(
            "FW_SERVICES_EXT_TCP=\"2222 23:80\"\nFW_CONFIGURATIONS_EXT=\"\"\n"
        ));
        assert!(!suse_lets_in("# FW_SERVICES_EXT_TCP=\"22\"\n"));
    }

    #[test]
    fn settings_are_taken_as_a_shell_takes_them() {
        assert_eq!(setting("A=1\nA=\"2\"\n", "A").as_deref(), Some("2"));
        assert_eq!(setting("AB=1\n# A=3\n", "A"), None);
    }
}
