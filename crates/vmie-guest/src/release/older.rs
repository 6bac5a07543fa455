//! Release files from before `os-release`, some of which still say more than it.

use crate::text::Lines;

/// What a release file says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release {
    /// The system in the words of os-release's `ID`.
    pub id: String,
    /// The name as printed.
    pub name: String,
    /// The version, when there is one.
    pub version: Option<String>,
}

/// Names at the start of a release line, and the ids that os-release has for them today.
const NAMES: &[(&str, &str)] = &[
    ("Red Hat Enterprise Linux", "rhel"),
    ("CentOS", "centos"),
    ("Oracle Linux", "ol"),
    ("Enterprise Linux Enterprise Linux", "ol"),
    ("Rocky Linux", "rocky"),
    ("AlmaLinux", "almalinux"),
    ("Fedora", "fedora"),
    ("Amazon Linux", "amzn"),
    ("Scientific Linux", "scientific"),
    ("Red Hat Linux", "redhat"),
    ("CloudLinux", "cloudlinux"),
    ("Virtuozzo", "virtuozzo"),
    ("EuroLinux", "eurolinux"),
    ("MIRACLE LINUX", "miraclelinux"),
    ("openSUSE", "opensuse"),
    ("SUSE Linux Enterprise Server", "sles"),
    ("SUSE Linux Enterprise Desktop", "sled"),
    ("SUSE LINUX Enterprise Server", "sles"),
];

/// An id made of a name that is not known here: its first word in lower case.
pub(crate) fn id_of(name: &str) -> String {
    let known = NAMES.iter().find(|(known, _)| name.starts_with(known));
    match known {
        Some((_, id)) => (*id).to_owned(),
        None => name
            .split_ascii_whitespace()
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase(),
    }
}

/// The leading run of digits and dots, without a dot at its end.
fn version_of(text: &str) -> Option<String> {
    let len = text
        .bytes()
        .take_while(|b| b.is_ascii_digit() || *b == b'.')
        .count();
    let version = text.get(..len)?.trim_end_matches('.');
    version
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| version.to_owned())
}

/// Reads a line of the form `NAME release VERSION (CODENAME)`: `redhat-release` and its relatives,
/// `system-release`.
///
/// ```
/// let release = vmie_guest::release::older::red_hat(b"CentOS Linux release 7.9.2009 (Core)\n").unwrap();
/// assert_eq!((release.id.as_str(), release.version.as_deref()), ("centos", Some("7.9.2009")));
/// ```
#[must_use]
pub fn red_hat(bytes: &[u8]) -> Option<Release> {
    let (_, line) = Lines::new(bytes).find(|(_, line)| !line.trim().is_empty())?;
    let (name, rest) = line.trim().split_once(" release ")?;
    Some(Release {
        id: id_of(name),
        name: name.trim().to_owned(),
        version: version_of(rest.trim_start()),
    })
}

/// Reads `SuSE-release`: a title, then `VERSION = 11` and `PATCHLEVEL = 3`, which is the service
/// pack (0 for none).
#[must_use]
pub fn suse(bytes: &[u8]) -> Option<Release> {
    let mut lines = Lines::new(bytes);
    let (_, title) = lines.next()?;
    let title = title.trim();
    let mut version = None;
    let mut patch_level = None;
    for (_, line) in lines.take(32) {
        if let Some((key, value)) = line.split_once('=') {
            match key.trim() {
                "VERSION" => version = version_of(value.trim()),
                "PATCHLEVEL" => patch_level = version_of(value.trim()),
                _ => {}
            }
        }
    }
    let digits = title.find(|c: char| c.is_ascii_digit());
    let name = digits
        .and_then(|at| title.get(..at))
        .unwrap_or(title)
        .trim();
    if name.is_empty() {
        return None;
    }
    let version = match (version, patch_level) {
        (Some(version), Some(level)) if level != "0" && !version.contains('.') => {
            Some(format!("{version}.{level}"))
        }
        (version, _) => version,
    };
    Some(Release {
        id: id_of(name),
        name: name.to_owned(),
        version,
    })
}

/// Reads `lsb-release`, whose assignments have os-release's form.
#[must_use]
pub fn lsb(bytes: &[u8]) -> Option<Release> {
    let pairs = super::os_release::parse(bytes);
    let get = |name| super::os_release::get(&pairs, name).filter(|value| !value.is_empty());
    let name = get("DISTRIB_ID")?;
    Some(Release {
        id: id_of(name),
        name: name.to_owned(),
        version: get("DISTRIB_RELEASE").and_then(version_of),
    })
}

/// Reads `alpine-release`, which is the version alone.
#[must_use]
pub fn alpine(bytes: &[u8]) -> Option<Release> {
    let (_, line) = Lines::new(bytes).next()?;
    Some(Release {
        id: "alpine".to_owned(),
        name: "Alpine Linux".to_owned(),
        version: Some(version_of(line.trim())?),
    })
}

/// Reads `slackware-version`: the name, then the version.
#[must_use]
pub fn slackware(bytes: &[u8]) -> Option<Release> {
    let (_, line) = Lines::new(bytes).next()?;
    let (name, version) = line.trim().split_once(' ')?;
    Some(Release {
        id: id_of(name),
        name: name.to_owned(),
        version: version_of(version.trim_start()),
    })
}

/// What `arch-release` says by being there: it is empty, and the system has no versions.
#[must_use]
pub fn arch(_: &[u8]) -> Option<Release> {
    Some(Release {
        id: "arch".to_owned(),
        name: "Arch Linux".to_owned(),
        version: None,
    })
}

/// Reads `debian_version`: `12.15`; for what is not released yet a text without a number.
#[must_use]
pub fn debian(bytes: &[u8]) -> Option<Release> {
    let (_, line) = Lines::new(bytes).next()?;
    let line = line.trim();
    if line.is_empty() {
        return None;
    }
    Some(Release {
        id: "debian".to_owned(),
        name: "Debian GNU/Linux".to_owned(),
        version: version_of(line),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(release: Option<Release>) -> Option<(String, Option<String>)> {
        release.map(|release| (release.id, release.version))
    }

    fn is(id: &str, version: &str) -> Option<(String, Option<String>)> {
        let version = (!version.is_empty()).then(|| version.to_owned());
        Some((id.to_owned(), version))
    }

    #[test]
    fn lines_of_red_hat_and_relatives() {
        for (line, expected) in [
            (
                "Red Hat Enterprise Linux Server release 6.8 (Santiago)",
                is("rhel", "6.8"),
            ),
            (
                "Red Hat Enterprise Linux release 8.9 (Ootpa)",
                is("rhel", "8.9"),
            ),
            ("CentOS release 5.11 (Final)", is("centos", "5.11")),
            ("CentOS Stream release 9", is("centos", "9")),
            ("Oracle Linux Server release 7.6", is("ol", "7.6")),
            (
                "Enterprise Linux Enterprise Linux Server release 5.10 (Carthage)",
                is("ol", "5.10"),
            ),
            ("Rocky Linux release 9.4 (Blue Onyx)", is("rocky", "9.4")),
            ("AlmaLinux release 9.3 (Shamrock)", is("almalinux", "9.3")),
            ("Fedora release 18 (Spherical Cow)", is("fedora", "18")),
            ("Amazon Linux AMI release 2018.03", is("amzn", "2018.03")),
            ("Amazon Linux release 2 (Karoo)", is("amzn", "2")),
            ("Some Thing release x", is("some", "")),
            ("nothing", None),
            ("", None),
        ] {
            assert_eq!(told(red_hat(line.as_bytes())), expected, "{line}");
        }
    }

    #[test]
    fn suse_has_its_service_pack_on_a_line() {
        let text = "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 3\n";
        assert_eq!(told(suse(text.as_bytes())), is("sles", "11.3"));
        let none = text.replace("= 3", "= 0");
        assert_eq!(told(suse(none.as_bytes())), is("sles", "11"));
        let open = "openSUSE 13.2 (x86_64)\nVERSION = 13.2\nCODENAME = Harlequin\n";
        assert_eq!(told(suse(open.as_bytes())), is("opensuse", "13.2"));
        assert_eq!(suse(b""), None);
    }

    #[test]
    fn debian_and_lsb() {
        assert_eq!(told(debian(b"12.15\n")), is("debian", "12.15"));
        assert_eq!(told(debian(b"6.0.8\n")), is("debian", "6.0.8"));
        assert_eq!(told(debian(b"trixie/sid\n")), is("debian", ""));
        let ubuntu = b"DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=12.04\nDISTRIB_DESCRIPTION=\"Ubuntu 12.04.5 LTS\"\n";
        assert_eq!(told(lsb(ubuntu)), is("ubuntu", "12.04"));
        assert_eq!(lsb(b"DISTRIB_RELEASE=1\n"), None);
    }

    #[test]
    fn files_of_one_system_alone() {
        assert_eq!(told(alpine(b"3.2.3\n")), is("alpine", "3.2.3"));
        assert_eq!(alpine(b"edge\n"), None);
        assert_eq!(
            told(slackware(b"Slackware 13.37.0\n")),
            is("slackware", "13.37.0")
        );
        assert_eq!(slackware(b"\n"), None);
        assert_eq!(told(arch(b"")), is("arch", ""));
        let gentoo = b"Gentoo Base System release 2.2\n";
        assert_eq!(told(red_hat(gentoo)), is("gentoo", "2.2"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            for release in [red_hat(&bytes), suse(&bytes), lsb(&bytes), debian(&bytes), alpine(&bytes), slackware(&bytes)].into_iter().flatten() {
                prop_assert!(release.version.is_none_or(|v| v.bytes().all(|b| b.is_ascii_digit() || b == b'.')));
            }
        }
    }
}
