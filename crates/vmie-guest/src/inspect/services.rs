//! What is switched on, what software is there, and which devices the storage's configuration names.

use super::dhcp;
use super::firewalls::{firewalls, setting};
use super::tree::Tree;
use crate::text::Lines;
use crate::{Evidence, Settings, Software, SoftwareKind, Ssh};

/// Users that are looked at for keys.
const MAX_USERS: usize = 64;
/// Pieces of evidence of one kind.
const MAX_SEEN: usize = 16;

pub(super) fn settings(tree: &Tree) -> Settings {
    let (dhcp_clients, dhcp_off) = dhcp::clients(tree);
    Settings {
        dhcp_clients,
        dhcp_off,
        nvme_timeout: nvme_timeout(tree),
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

/// The targets of a start that packages themselves put services into.
const TARGETS: &[&str] = &[
    "multi-user.target.wants",
    "sockets.target.wants",
    "network.target.wants",
    "network-online.target.wants",
    "basic.target.wants",
    "sysinit.target.wants",
];

fn is_wanted(tree: &Tree, folder: &str, target: &str, unit: &str) -> bool {
    let path = format!("{folder}/{target}/{unit}");
    tree.link(&path).is_some() || tree.size(&path).is_some()
}

/// Whether a service is started with the system: by systemd's links, else by those of System V's
/// run levels, else by Upstart's job. `None` when the system has no such service.
pub(super) fn is_enabled(tree: &Tree, units: &[&str], scripts: &[&str]) -> Option<bool> {
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
            .any(|folder| is_wanted(tree, "/etc/systemd/system", &folder, unit));
        // What a package itself wants needs no link in /etc.
        let wanted = wanted
            || UNITS.iter().any(|folder| {
                let mut targets = TARGETS.iter();
                targets.any(|target| is_wanted(tree, folder, target, unit))
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

/// Folders of modprobe's files, the one that counts more first
/// ([modprobe.d(5)](https://man.archlinux.org/man/modprobe.d.5)).
const MODPROBE: &[&str] = &["/etc/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"];

/// `options nvme_core io_timeout=…` of a file for modprobe; older kernels have it in `nvme`.
fn nvme_timeout(tree: &Tree) -> Option<(String, Evidence)> {
    MODPROBE.iter().find_map(|folder| {
        let names = tree.names(folder).into_iter().take(MAX_USERS);
        let mut files = names.filter(|name| name.ends_with(".conf"));
        files.find_map(|name| {
            let path = format!("{folder}/{name}");
            let bytes = tree.text(&path)?;
            let (line, value) = Lines::new(&bytes).find_map(|(number, line)| {
                let mut words = line.split_ascii_whitespace();
                let is_it = words.next() == Some("options")
                    && matches!(words.next(), Some("nvme_core" | "nvme-core" | "nvme"));
                let value = words.find_map(|word| word.strip_prefix("io_timeout="));
                Some((number, value.filter(|_| is_it)?.to_owned()))
            })?;
            let says = format!("io_timeout={}", crate::text::shortened(&value, 40));
            Some((value, tree.evidence(&path, says).line(line)))
        })
    })
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
