//! Which system it is.

use super::tree::Tree;
use crate::release::older::{self, Release};
use crate::release::os_release;
use crate::text::shortened;
use crate::{Arch, Evidence, Fact, Family, Os, elf};

/// Files that say which system a root filesystem holds; one of them makes it a root.
pub(super) const MARKS: &[&str] = &[
    "/etc/os-release",
    "/usr/lib/os-release",
    "/etc/oracle-release",
    "/etc/enterprise-release",
    "/etc/redhat-release",
    "/etc/SuSE-release",
    "/etc/system-release",
    "/etc/lsb-release",
    "/etc/debian_version",
    "/etc/alpine-release",
    "/etc/arch-release",
    "/etc/gentoo-release",
    "/etc/slackware-version",
    "/etc/fstab",
];

type Parser = fn(&[u8]) -> Option<Release>;

/// The older files, the most telling first: a clone of Red Hat's has both files.
const OLDER: &[(&str, Parser)] = &[
    ("/etc/oracle-release", older::red_hat),
    ("/etc/enterprise-release", older::red_hat),
    ("/etc/rocky-release", older::red_hat),
    ("/etc/almalinux-release", older::red_hat),
    ("/etc/centos-release", older::red_hat),
    ("/etc/fedora-release", older::red_hat),
    ("/etc/redhat-release", older::red_hat),
    ("/etc/system-release", older::red_hat),
    ("/etc/SuSE-release", older::suse),
    ("/etc/lsb-release", older::lsb),
    ("/etc/gentoo-release", older::red_hat),
    ("/etc/slackware-version", older::slackware),
    ("/etc/alpine-release", older::alpine),
    ("/etc/arch-release", older::arch),
    ("/etc/debian_version", older::debian),
];

/// Ids that relatives leave as they found them, and what the names of those whose ids they are hold.
const OWN_NAMES: &[(&str, &str)] = &[
    ("centos", "centos"),
    ("debian", "debian"),
    ("fedora", "fedora"),
    ("rhel", "red hat"),
    ("ubuntu", "ubuntu"),
];

/// Programs that every system has one of, for their ELF headers.
const PROGRAMS: &[&str] = &[
    "/bin/sh",
    "/sbin/init",
    "/usr/bin/sh",
    "/usr/lib/systemd/systemd",
    "/lib/systemd/systemd",
    "/bin/bash",
    "/bin/busybox",
    "/usr/bin/env",
    "/bin/ls",
    "/usr/bin/ls",
    "/usr/sbin/init",
];

/// Why a system has no id when nothing else is the matter: it is established that nothing tells it.
pub(crate) const NO_RELEASE_FILE: &str = "no release file says which system it is";

/// Longest text of a name that is kept, in characters.
const MAX_NAME: usize = 120;

pub(super) fn os(tree: &Tree) -> Os {
    let mut evidence = Vec::new();
    let mut problems = Vec::new();
    let mut named = None;
    for path in ["/etc/os-release", "/usr/lib/os-release"] {
        match tree.read(path) {
            Ok(Some(bytes)) => {
                named = from_os_release(tree, path, &bytes, &mut evidence);
                if named.is_some() {
                    break;
                }
            }
            Ok(None) => {}
            Err(why) => problems.push(why),
        }
    }
    let mut named = named.or_else(|| from_older(tree, &mut evidence));
    if let Some(named) = &mut named {
        relative(tree, named, &mut evidence);
        refine(tree, named, &mut evidence);
    }
    let why = match (tree.hidden("/usr/lib/os-release"), problems.first()) {
        (Some(hidden), _) => hidden,
        (None, Some(problem)) => problem.clone(),
        (None, None) => NO_RELEASE_FILE.to_owned(),
    };
    let Some(named) = named else {
        return Os {
            family: Family::Linux,
            id: Fact::unknown(why.clone(), Vec::new()),
            name: String::new(),
            pretty_name: String::new(),
            version: Fact::unknown(why, Vec::new()),
            arch: arch(tree),
            edition: None,
            build: None,
        };
    };
    let version = match named.version {
        Some(version) => Fact::known(version, evidence.clone()),
        None => Fact::unknown(
            format!("{} names no version", named.source),
            evidence.clone(),
        ),
    };
    Os {
        family: Family::Linux,
        id: Fact::known(named.id, evidence),
        name: named.name,
        pretty_name: named.pretty_name,
        version,
        arch: arch(tree),
        edition: named.edition,
        build: named.build,
    }
}

struct Named {
    id: String,
    name: String,
    pretty_name: String,
    version: Option<String>,
    edition: Option<String>,
    build: Option<String>,
    source: &'static str,
}

fn from_os_release(
    tree: &Tree,
    path: &'static str,
    bytes: &[u8],
    evidence: &mut Vec<Evidence>,
) -> Option<Named> {
    let pairs = os_release::parse(bytes);
    let get = |name| {
        os_release::get(&pairs, name)
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .map(|value| shortened(value, MAX_NAME))
    };
    let id = normal_id(&get("ID")?.to_ascii_lowercase());
    let name = get("NAME").unwrap_or_else(|| id.clone());
    let version = get("VERSION_ID");
    let says = match &version {
        Some(version) => format!("ID={id}, VERSION_ID={version}"),
        None => format!("ID={id}"),
    };
    evidence.push(tree.evidence(path, says));
    Some(Named {
        pretty_name: get("PRETTY_NAME").unwrap_or_else(|| name.clone()),
        id,
        name,
        version,
        edition: get("VARIANT"),
        build: get("BUILD_ID"),
        source: path,
    })
}

/// Ids that name a system of the matrix in another word.
fn normal_id(id: &str) -> String {
    match id {
        "sles_sap" | "sle" => "sles",
        "redhat" | "rhel-server" | "redhatenterprise" => "rhel",
        "oracle" | "oraclelinux" => "ol",
        "amazon" => "amzn",
        other => other,
    }
    .to_owned()
}

/// Tells a relative from the system whose id it took over: by its name (Scientific Linux says `rhel`), or by
/// lsb-release, where os-release is that of the other (Linux Mint 17).
fn relative(tree: &Tree, named: &mut Named, evidence: &mut Vec<Evidence>) {
    const LSB: &str = "/etc/lsb-release";
    let Some((_, own)) = OWN_NAMES.iter().find(|(id, _)| *id == named.id) else {
        return;
    };
    let is_own = |name: &str| name.to_ascii_lowercase().contains(own);
    // Without a name of its own it goes by its id.
    if named.name != named.id && !is_own(&named.name) {
        evidence.push(tree.evidence(named.source, format!("NAME={}", named.name)));
        named.id = older::id_of(&named.name);
        return;
    }
    let release = tree.text(LSB).and_then(|bytes| older::lsb(&bytes));
    let Some(release) = release.filter(|release| !is_own(&release.name)) else {
        return;
    };
    let version = release.version.as_deref().unwrap_or("no version");
    evidence.push(tree.evidence(LSB, format!("{} {version}", release.name)));
    let printed = format!(
        "{} {}",
        release.name,
        release.version.as_deref().unwrap_or("")
    );
    named.pretty_name = shortened(printed.trim(), MAX_NAME);
    named.id = release.id;
    named.name = shortened(&release.name, MAX_NAME);
    named.version = release.version;
    named.source = LSB;
}

fn from_older(tree: &Tree, evidence: &mut Vec<Evidence>) -> Option<Named> {
    OLDER.iter().find_map(|(path, parse)| {
        let release = parse(&tree.text(path)?)?;
        let version = release.version.as_deref().unwrap_or("no version");
        evidence.push(tree.evidence(path, format!("{} {version}", release.name)));
        Some(Named {
            pretty_name: shortened(
                format!(
                    "{} {}",
                    release.name,
                    release.version.as_deref().unwrap_or("")
                )
                .trim(),
                MAX_NAME,
            ),
            id: normal_id(&release.id),
            name: shortened(&release.name, MAX_NAME),
            version: release.version,
            edition: None,
            build: None,
            source: path,
        })
    })
}

/// Files that tell the point release where os-release tells the major one alone.
const POINT_RELEASES: &[(&str, &str, Parser)] = &[
    ("debian", "/etc/debian_version", older::debian),
    ("centos", "/etc/centos-release", older::red_hat),
    ("rhel", "/etc/redhat-release", older::red_hat),
    ("ol", "/etc/oracle-release", older::red_hat),
    ("rocky", "/etc/rocky-release", older::red_hat),
    ("almalinux", "/etc/almalinux-release", older::red_hat),
    ("sles", "/etc/SuSE-release", older::suse),
];

fn refine(tree: &Tree, named: &mut Named, evidence: &mut Vec<Evidence>) {
    for (id, path, parse) in POINT_RELEASES {
        if *id != named.id || *path == named.source {
            continue;
        }
        let Some(release) = tree.text(path).and_then(|bytes| parse(&bytes)) else {
            continue;
        };
        let Some(precise) = release.version.filter(|_| release.id == *id) else {
            continue;
        };
        let is_finer = match &named.version {
            None => true,
            Some(coarse) => precise
                .strip_prefix(coarse.as_str())
                .is_some_and(|rest| rest.starts_with('.')),
        };
        if is_finer {
            evidence.push(tree.evidence(path, precise.clone()));
            named.version = Some(precise);
        }
    }
}

fn arch(tree: &Tree) -> Fact<Arch> {
    let mut looked_at = Vec::new();
    for path in PROGRAMS {
        let Some(head) = tree.read_at(path, 0, elf::HEAD) else {
            continue;
        };
        if let Some(arch) = elf::machine(&head) {
            let real = tree.resolved(path).unwrap_or_else(|| (*path).to_owned());
            let says = format!("an ELF program for {}", arch.name());
            let evidence = tree.evidence(path, says);
            let evidence = if real == *path {
                evidence
            } else {
                evidence.path(real)
            };
            return Fact::known(arch, vec![evidence]);
        }
        looked_at.push(tree.evidence(path, "no ELF program"));
    }
    let why = tree
        .hidden("/usr/bin/sh")
        .unwrap_or_else(|| "no program was found whose header would tell".to_owned());
    Fact::unknown(why, looked_at)
}
