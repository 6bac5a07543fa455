//! Release files, as each distribution has them.

use super::Guest;
use super::layout::Tree;

/// Where release files of a system were looked up: `(id, place)`.
#[must_use]
pub fn origins() -> &'static [(&'static str, &'static str)] {
    const ANSIBLE: &str = "https://github.com/ansible/ansible/tree/devel/test/units/module_utils/facts/system/distribution/fixtures";
    const DISTRO: &str =
        "https://github.com/python-distro/distro/tree/master/tests/resources/distros";
    const OHAI: &str =
        "https://github.com/chef/ohai/blob/main/spec/unit/plugins/linux/platform_spec.rb";
    &[
        ("amzn", ANSIBLE),
        ("amzn", DISTRO),
        ("centos", ANSIBLE),
        ("centos", DISTRO),
        ("debian", ANSIBLE),
        ("debian", DISTRO),
        ("fedora", ANSIBLE),
        (
            "fedora",
            "https://github.com/which-distro/os-release/tree/main/fedora",
        ),
        ("ol", OHAI),
        ("rhel", ANSIBLE),
        ("rhel", DISTRO),
        ("rocky", DISTRO),
        ("sles", ANSIBLE),
        ("ubuntu", ANSIBLE),
        ("ubuntu", DISTRO),
    ]
}

/// Puts `os-release` where the distribution has it: in `/usr/lib` with a link from `/etc`, or, in
/// older ones, in `/etc` alone.
fn os_release(tree: &mut Tree, text: &str, linked: bool) {
    if linked {
        tree.file("/usr/lib/os-release", text);
        tree.link("/etc/os-release", "../usr/lib/os-release");
    } else {
        tree.file("/etc/os-release", text);
    }
}

pub(super) fn files(guest: &Guest<'_>, tree: &mut Tree) {
    match guest.id {
        "debian" => debian(guest, tree),
        "ubuntu" => ubuntu(guest, tree),
        "sles" => sles(guest, tree),
        "amzn" => amazon(guest, tree),
        "fedora" => fedora(guest, tree),
        _ => enterprise(guest, tree),
    }
}

fn debian(guest: &Guest<'_>, tree: &mut Tree) {
    let major = guest.major();
    let codename = match major {
        7 => "wheezy",
        10 => "buster",
        11 => "bullseye",
        12 => "bookworm",
        _ => "trixie",
    };
    // Squeeze had no os-release. A version that is no point release is written with ".0".
    let point = if guest.version.contains('.') {
        guest.version.to_owned()
    } else {
        format!("{}.0", guest.version)
    };
    tree.file("/etc/debian_version", format!("{point}\n"));
    if major >= 7 {
        let text = format!(
            "PRETTY_NAME=\"Debian GNU/Linux {major} ({codename})\"\nNAME=\"Debian GNU/Linux\"\n\
             VERSION_ID=\"{major}\"\nVERSION=\"{major} ({codename})\"\nID=debian\n\
             HOME_URL=\"https://www.debian.org/\"\n"
        );
        os_release(tree, &text, major >= 8);
    }
}

fn ubuntu(guest: &Guest<'_>, tree: &mut Tree) {
    let version = guest.version;
    let long_term = version.ends_with(".04") && guest.major().is_multiple_of(2);
    let lts = if long_term { " LTS" } else { "" };
    tree.file("/etc/debian_version", "wheezy/sid\n");
    tree.file(
        "/etc/lsb-release",
        format!(
            "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE={version}\nDISTRIB_CODENAME=codename\n\
             DISTRIB_DESCRIPTION=\"Ubuntu {version}{lts}\"\n"
        ),
    );
    let text = format!(
        "NAME=\"Ubuntu\"\nVERSION=\"{version}{lts} (Code Name)\"\nID=ubuntu\nID_LIKE=debian\n\
         PRETTY_NAME=\"Ubuntu {version}{lts}\"\nVERSION_ID=\"{version}\"\n"
    );
    os_release(tree, &text, guest.major() >= 15);
}

fn sles(guest: &Guest<'_>, tree: &mut Tree) {
    let (major, pack) = (guest.major(), guest.service_pack);
    if major <= 12 {
        tree.file(
            "/etc/SuSE-release",
            format!(
                "SUSE Linux Enterprise Server {major} (x86_64)\nVERSION = {major}\nPATCHLEVEL = {pack}\n"
            ),
        );
    }
    // SLES 11 has os-release from its third service pack on.
    if major >= 12 || pack >= 3 {
        let (version, id, name) = match (major, pack) {
            (11, pack) => (
                format!("11.{pack}"),
                format!("11.{pack}"),
                format!("11 SP{pack}"),
            ),
            (major, 0) => (major.to_string(), major.to_string(), major.to_string()),
            (major, pack) => (
                format!("{major}-SP{pack}"),
                format!("{major}.{pack}"),
                format!("{major} SP{pack}"),
            ),
        };
        let text = format!(
            "NAME=\"SLES\"\nVERSION=\"{version}\"\nVERSION_ID=\"{id}\"\n\
             PRETTY_NAME=\"SUSE Linux Enterprise Server {name}\"\nID=\"sles\"\n\
             ANSI_COLOR=\"0;32\"\nCPE_NAME=\"cpe:/o:suse:sles:{major}:sp{pack}\"\n"
        );
        os_release(tree, &text, major >= 15);
    }
}

fn amazon(guest: &Guest<'_>, tree: &mut Tree) {
    let version = guest.version;
    let like = if version == "2" {
        "centos rhel fedora"
    } else {
        "fedora"
    };
    let text = format!(
        "NAME=\"Amazon Linux\"\nVERSION=\"{version}\"\nID=\"amzn\"\nID_LIKE=\"{like}\"\n\
         VERSION_ID=\"{version}\"\nPRETTY_NAME=\"Amazon Linux {version}\"\nANSI_COLOR=\"0;33\"\n"
    );
    os_release(tree, &text, true);
    let line = match version {
        "2" => "Amazon Linux release 2 (Karoo)\n".to_owned(),
        _ => format!("Amazon Linux release {version} (Amazon Linux)\n"),
    };
    tree.file("/etc/system-release", line);
}

fn fedora(guest: &Guest<'_>, tree: &mut Tree) {
    let version = guest.version;
    let line = format!("Fedora release {version} (Code Name)\n");
    tree.file("/etc/fedora-release", line);
    tree.link("/etc/redhat-release", "fedora-release");
    tree.link("/etc/system-release", "fedora-release");
    let text = format!(
        "NAME=\"Fedora Linux\"\nVERSION=\"{version} (Server Edition)\"\nID=fedora\n\
         VERSION_ID={version}\nPRETTY_NAME=\"Fedora Linux {version} (Server Edition)\"\n\
         VARIANT=\"Server Edition\"\nVARIANT_ID=server\n"
    );
    os_release(tree, &text, guest.major() >= 22);
}

/// Red Hat's own and those made from it.
fn enterprise(guest: &Guest<'_>, tree: &mut Tree) {
    let (version, major) = (guest.version, guest.major());
    // The point release that a row names by its major version alone is some point release.
    let point = if version.contains('.') || guest.id == "centos" {
        version.to_owned()
    } else {
        format!("{version}.0")
    };
    let red_hat = format!("Red Hat Enterprise Linux Server release {point} (Codename)\n");
    match guest.id {
        "ol" if major == 5 => {
            let line =
                format!("Enterprise Linux Enterprise Linux Server release {point} (Carthage)\n");
            tree.file("/etc/enterprise-release", line);
            let line = format!("Oracle Linux Server release {point}\n");
            tree.file("/etc/oracle-release", line);
            tree.file("/etc/redhat-release", red_hat);
        }
        "ol" => {
            let line = format!("Oracle Linux Server release {point}\n");
            tree.file("/etc/oracle-release", line);
            tree.file("/etc/redhat-release", red_hat.replace(" Server", ""));
            tree.link("/etc/system-release", "oracle-release");
        }
        "centos" => {
            let line = match major {
                5 | 6 => format!("CentOS release {point} (Final)\n"),
                7 => format!("CentOS Linux release {point}.2009 (Core)\n"),
                8 => format!("CentOS Linux release {point}.2004 (Core)\n"),
                _ => format!("CentOS Stream release {major}\n"),
            };
            if major == 5 {
                tree.file("/etc/redhat-release", line);
            } else {
                tree.file("/etc/centos-release", line);
                tree.link("/etc/redhat-release", "centos-release");
                tree.link("/etc/system-release", "centos-release");
            }
        }
        "rocky" => {
            tree.file(
                "/etc/rocky-release",
                format!("Rocky Linux release {point} (Blue Onyx)\n"),
            );
            tree.link("/etc/redhat-release", "rocky-release");
            tree.link("/etc/system-release", "rocky-release");
        }
        _ if major >= 8 => {
            let line = format!("Red Hat Enterprise Linux release {point} (Codename)\n");
            tree.file("/etc/redhat-release", line);
            tree.link("/etc/system-release", "redhat-release");
        }
        _ => {
            tree.file("/etc/redhat-release", red_hat);
            if major > 5 {
                tree.link("/etc/system-release", "redhat-release");
            }
        }
    }
    if major < 7 && guest.id != "ol" || major < 6 {
        return;
    }
    let (name, shown) = match guest.id {
        "ol" => ("Oracle Linux Server", point.as_str()),
        "centos" if major >= 9 => ("CentOS Stream", guest.version),
        "centos" => ("CentOS Linux", guest.version),
        "rocky" => ("Rocky Linux", point.as_str()),
        _ => ("Red Hat Enterprise Linux", point.as_str()),
    };
    // CentOS tells its major version alone.
    let version_id = if guest.id == "centos" {
        major.to_string()
    } else {
        shown.to_owned()
    };
    let text = format!(
        "NAME=\"{name}\"\nVERSION=\"{version_id} (Codename)\"\nID=\"{}\"\nID_LIKE=\"fedora\"\n\
         VERSION_ID=\"{version_id}\"\nPRETTY_NAME=\"{name} {version_id} (Codename)\"\n",
        guest.id
    );
    os_release(tree, &text, major >= 8);
}
