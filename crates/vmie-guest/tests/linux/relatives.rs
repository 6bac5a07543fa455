//! Relatives of the systems of the matrix: each is known by its own name, and refused in the service's words.

use vmie_fs::{FsKind, Identity, MemoryFs};
use vmie_guest::{
    Decision, Disk, Fact, GuestVolume, Inspection, Matrix, Mode, Severity, inspect_volumes,
};
use vmie_io::Limits;
use vmie_rules::matrix::Edition;
use vmie_testkit::linux::{Machine, elf, kernel_image};
use vmie_volumes::VolumeId;

use crate::{UUID, layout, say};

/// A system with these release files and this kernel, started by GRUB 2.
fn system(files: &[(&str, &str)], kernel: &str) -> Inspection {
    let mut identity = Identity::new(FsKind::Ext4);
    identity.uuid = Some(UUID.to_owned());
    let menu =
        format!("menuentry 'Linux' {{\n linux /boot/vmlinuz-{kernel} root=UUID={UUID} ro\n}}\n");
    let mut root = MemoryFs::new(FsKind::Ext4)
        .with_identity(identity)
        .with_file("/etc/fstab", format!("UUID={UUID} / ext4 defaults 0 1\n"))
        .with_file("/bin/sh", elf(Machine::X86_64))
        .with_file(format!("/boot/vmlinuz-{kernel}"), kernel_image(kernel))
        .with_file("/boot/grub/grub.cfg", menu);
    for (path, text) in files {
        root = match text.strip_prefix("-> ") {
            Some(target) => root.with_symlink(path, target),
            None => root.with_file(path, *text),
        };
    }
    let layout = layout();
    let partition = layout.partition(1).cloned();
    let id = VolumeId::partition(0, 1);
    let volumes = [GuestVolume::new(id, 1 << 20, partition, root)];
    let disk = Disk::new(0, 4 << 20, Fact::known(layout.clone(), Vec::new()));
    inspect_volumes(vec![disk], &volumes, &Limits::default())
}

/// Release files as the systems have them
/// (<https://github.com/which-distro/os-release>, <https://github.com/python-distro/distro/tree/master/tests/resources/distros>).
const ALMA: &[(&str, &str)] = &[
    (
        "/etc/almalinux-release",
        "AlmaLinux release 9.4 (Seafoam Ocelot)\n",
    ),
    ("/etc/redhat-release", "-> almalinux-release"),
    ("/etc/system-release", "-> almalinux-release"),
    ("/etc/os-release", "-> ../usr/lib/os-release"),
    (
        "/usr/lib/os-release",
        "NAME=\"AlmaLinux\"\nVERSION=\"9.4 (Seafoam Ocelot)\"\nID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\n\
         VERSION_ID=\"9.4\"\nPLATFORM_ID=\"platform:el9\"\nPRETTY_NAME=\"AlmaLinux 9.4 (Seafoam Ocelot)\"\n\
         REDHAT_SUPPORT_PRODUCT=\"AlmaLinux\"\n",
    ),
];
const STREAM_10: &[(&str, &str)] = &[
    (
        "/etc/centos-release",
        "CentOS Stream release 10 (Coughlan)\n",
    ),
    ("/etc/redhat-release", "-> centos-release"),
    ("/etc/os-release", "-> ../usr/lib/os-release"),
    (
        "/usr/lib/os-release",
        "NAME=\"CentOS Stream\"\nVERSION=\"10 (Coughlan)\"\nRELEASE_TYPE=stable\nID=\"centos\"\n\
         ID_LIKE=\"rhel fedora\"\nVERSION_ID=\"10\"\nPRETTY_NAME=\"CentOS Stream 10 (Coughlan)\"\n",
    ),
];
const LEAP: &[(&str, &str)] = &[
    ("/etc/os-release", "-> ../usr/lib/os-release"),
    (
        "/usr/lib/os-release",
        "NAME=\"openSUSE Leap\"\nVERSION=\"15.5\"\nID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n\
         VERSION_ID=\"15.5\"\nPRETTY_NAME=\"openSUSE Leap 15.5\"\n",
    ),
];
const TUMBLEWEED: &[(&str, &str)] = &[
    ("/etc/os-release", "-> ../usr/lib/os-release"),
    (
        "/usr/lib/os-release",
        "NAME=\"openSUSE Tumbleweed\"\n# VERSION=\"20240916\"\nID=\"opensuse-tumbleweed\"\n\
         ID_LIKE=\"opensuse suse\"\nVERSION_ID=\"20240916\"\nPRETTY_NAME=\"openSUSE Tumbleweed\"\n",
    ),
];
const ALPINE: &[(&str, &str)] = &[
    ("/etc/alpine-release", "3.19.1\n"),
    (
        "/etc/os-release",
        "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME=\"Alpine Linux v3.19\"\n",
    ),
];
const ARCH: &[(&str, &str)] = &[
    ("/etc/arch-release", ""),
    ("/etc/os-release", "-> ../usr/lib/os-release"),
    (
        "/usr/lib/os-release",
        "NAME=\"Arch Linux\"\nPRETTY_NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n",
    ),
];
const GENTOO: &[(&str, &str)] = &[
    ("/etc/gentoo-release", "Gentoo Base System release 2.15\n"),
    (
        "/etc/os-release",
        "NAME=Gentoo\nID=gentoo\nPRETTY_NAME=\"Gentoo Linux\"\nVERSION_ID=\"2.15\"\n",
    ),
];
const AMAZON_1: &[(&str, &str)] = &[
    ("/etc/system-release", "Amazon Linux AMI release 2018.03\n"),
    (
        "/etc/os-release",
        "NAME=\"Amazon Linux AMI\"\nVERSION=\"2018.03\"\nID=\"amzn\"\nID_LIKE=\"rhel fedora\"\n\
         VERSION_ID=\"2018.03\"\nPRETTY_NAME=\"Amazon Linux AMI 2018.03\"\n",
    ),
];
const KALI: &[(&str, &str)] = &[
    ("/etc/debian_version", "kali-rolling\n"),
    ("/etc/os-release", "-> ../usr/lib/os-release"),
    (
        "/usr/lib/os-release",
        "PRETTY_NAME=\"Kali GNU/Linux Rolling\"\nNAME=\"Kali GNU/Linux\"\nVERSION_ID=\"2024.1\"\nID=kali\n\
         ID_LIKE=debian\n",
    ),
];
const MINT: &[(&str, &str)] = &[
    ("/etc/debian_version", "bookworm/sid\n"),
    (
        "/etc/os-release",
        "NAME=\"Linux Mint\"\nVERSION=\"21.3 (Virginia)\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n\
         PRETTY_NAME=\"Linux Mint 21.3\"\nVERSION_ID=\"21.3\"\nUBUNTU_CODENAME=jammy\n",
    ),
    (
        "/etc/lsb-release",
        "DISTRIB_ID=LinuxMint\nDISTRIB_RELEASE=21.3\nDISTRIB_DESCRIPTION=\"Linux Mint 21.3 Virginia\"\n",
    ),
];
const SCIENTIFIC: &[(&str, &str)] = &[
    (
        "/etc/redhat-release",
        "Scientific Linux release 6.10 (Carbon)\n",
    ),
    ("/etc/system-release", "-> redhat-release"),
];
const PHOTON: &[(&str, &str)] = &[
    (
        "/etc/photon-release",
        "VMware Photon OS 5.0\nPHOTON_BUILD_NUMBER=dde71ec57\n",
    ),
    ("/etc/os-release", "-> ../usr/lib/os-release"),
    (
        "/usr/lib/os-release",
        "NAME=\"VMware Photon OS\"\nVERSION=\"5.0\"\nID=photon\nVERSION_ID=5.0\nPRETTY_NAME=\"VMware Photon OS/Linux\"\n",
    ),
];

/// Its os-release is that of Ubuntu.
const MINT_17: &[(&str, &str)] = &[
    ("/etc/debian_version", "jessie/sid\n"),
    (
        "/etc/os-release",
        "NAME=\"Ubuntu\"\nVERSION=\"14.04.3 LTS, Trusty Tahr\"\nID=ubuntu\nID_LIKE=debian\n\
         PRETTY_NAME=\"Ubuntu 14.04.3 LTS\"\nVERSION_ID=\"14.04\"\n",
    ),
    (
        "/etc/lsb-release",
        "DISTRIB_ID=LinuxMint\nDISTRIB_RELEASE=17.3\nDISTRIB_CODENAME=rosa\n\
         DISTRIB_DESCRIPTION=\"Linux Mint 17.3 Rosa\"\n",
    ),
];
/// Its id is that of Red Hat.
const SCIENTIFIC_7: &[(&str, &str)] = &[
    (
        "/etc/os-release",
        "NAME=\"Scientific Linux\"\nVERSION=\"7.2 (Nitrogen)\"\nID=\"rhel\"\nID_LIKE=\"fedora\"\n\
         VERSION_ID=\"7.2\"\nPRETTY_NAME=\"Scientific Linux 7.2 (Nitrogen)\"\n",
    ),
    (
        "/etc/sl-release",
        "Scientific Linux release 7.2 (Nitrogen)\n",
    ),
    ("/etc/redhat-release", "-> sl-release"),
];
const VANILLA: &[(&str, &str)] = &[(
    "/etc/os-release",
    "PRETTY_NAME=\"VanillaOS 22.10\"\nNAME=\"VanillaOS\"\nVERSION_ID=\"22.10\"\nID=ubuntu\nID_LIKE=debian\n",
)];
const SLACKWARE: &[(&str, &str)] = &[("/etc/slackware-version", "Slackware 13.37.0\n")];
const OLD_ALPINE: &[(&str, &str)] = &[("/etc/alpine-release", "2.7.9\n")];
const OLD_GENTOO: &[(&str, &str)] = &[("/etc/gentoo-release", "Gentoo Base System release 2.2\n")];
const OLD_ARCH: &[(&str, &str)] = &[("/etc/arch-release", "")];

#[test]
fn svc_os_3_relatives_are_named_and_refused() {
    for (files, kernel, id, name, version, code) in [
        (
            ALMA,
            "5.14.0-427.13.1.el9_4.x86_64",
            "almalinux",
            "AlmaLinux",
            "9.4",
            "system-not-listed",
        ),
        (
            STREAM_10,
            "6.12.0-10.el10.x86_64",
            "centos",
            "CentOS Stream",
            "10",
            "version-not-listed",
        ),
        (
            LEAP,
            "5.14.21-150500.53-default",
            "opensuse-leap",
            "openSUSE Leap",
            "15.5",
            "system-not-listed",
        ),
        (
            TUMBLEWEED,
            "6.10.9-1-default",
            "opensuse-tumbleweed",
            "openSUSE Tumbleweed",
            "20240916",
            "system-not-listed",
        ),
        (
            ALPINE,
            "6.6.16-0-virt",
            "alpine",
            "Alpine Linux",
            "3.19.1",
            "system-not-listed",
        ),
        (
            ARCH,
            "6.8.1-arch1-1",
            "arch",
            "Arch Linux",
            "",
            "system-not-listed",
        ),
        (
            GENTOO,
            "6.1.81-gentoo",
            "gentoo",
            "Gentoo",
            "2.15",
            "system-not-listed",
        ),
        (
            AMAZON_1,
            "4.14.336-180.562.amzn1.x86_64",
            "amzn",
            "Amazon Linux AMI",
            "2018.03",
            "version-not-listed",
        ),
        (
            KALI,
            "6.6.9-amd64",
            "kali",
            "Kali GNU/Linux",
            "2024.1",
            "system-not-listed",
        ),
        (
            MINT,
            "5.15.0-91-generic",
            "linuxmint",
            "Linux Mint",
            "21.3",
            "system-not-listed",
        ),
        (
            SCIENTIFIC,
            "2.6.32-754.el6.x86_64",
            "scientific",
            "Scientific Linux",
            "6.10",
            "system-not-listed",
        ),
        (
            PHOTON,
            "6.1.10-11.ph5",
            "photon",
            "VMware Photon OS",
            "5.0",
            "system-not-listed",
        ),
        (
            MINT_17,
            "3.19.0-32-generic",
            "linuxmint",
            "LinuxMint",
            "17.3",
            "system-not-listed",
        ),
        (
            SCIENTIFIC_7,
            "3.10.0-327.el7.x86_64",
            "scientific",
            "Scientific Linux",
            "7.2",
            "system-not-listed",
        ),
        (
            VANILLA,
            "5.19.0-21-generic",
            "vanillaos",
            "VanillaOS",
            "22.10",
            "system-not-listed",
        ),
        (
            SLACKWARE,
            "2.6.37.6",
            "slackware",
            "Slackware",
            "13.37.0",
            "system-not-listed",
        ),
        (
            OLD_ALPINE,
            "3.10.33-0-virtgrsec",
            "alpine",
            "Alpine Linux",
            "2.7.9",
            "system-not-listed",
        ),
        (
            OLD_GENTOO,
            "3.14.4-gentoo",
            "gentoo",
            "Gentoo Base System",
            "2.2",
            "system-not-listed",
        ),
        (
            OLD_ARCH,
            "3.5.4-1-ARCH",
            "arch",
            "Arch Linux",
            "",
            "system-not-listed",
        ),
    ] {
        let found = system(files, kernel);
        assert_eq!(found.systems.len(), 1, "{id}");
        let os = &found.systems[0].os;
        assert_eq!(os.id.get().map(String::as_str), Some(id));
        assert_eq!(os.name, name);
        assert_eq!(os.version.get().map_or("", String::as_str), version, "{id}");
        for mode in [Mode::Strict, Mode::Practical] {
            let verdict = say(&found, &Matrix::edition(Edition::E2026), mode);
            assert_eq!(verdict.decision, Decision::Refused, "{id}");
            let finding = verdict
                .finding(code)
                .unwrap_or_else(|| panic!("{id}: {:?}", verdict.findings));
            assert_eq!(finding.severity, Severity::Refuse);
            assert!(finding.title.starts_with(name), "{}", finding.title);
            let text = finding.service_message.as_deref();
            assert_eq!(
                text,
                Some("ClientError: Unknown OS / Missing OS files"),
                "{id}"
            );
            let refusals = verdict
                .findings
                .iter()
                .filter(|one| one.severity == Severity::Refuse);
            assert_eq!(refusals.count(), 1, "{id}: {:?}", verdict.findings);
        }
    }
}

/// CentOS Stream 8 is ahead of what came out as CentOS 8, whose row names its point releases.
#[test]
fn svc_os_3_centos_stream_8_is_not_centos_8() {
    let files: Vec<(&str, String)> = STREAM_10
        .iter()
        .map(|(path, text)| (*path, text.replace("10", "8")))
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    let older = [files[0], files[1]];
    for files in [files.as_slice(), &older] {
        let found = system(files, "4.18.0-553.6.1.el8.x86_64");
        let os = &found.systems[0].os;
        assert_eq!(os.id.get().map(String::as_str), Some("centos"));
        assert_eq!(
            (os.name.as_str(), os.version.get().map(String::as_str)),
            ("CentOS Stream", Some("8"))
        );
        for edition in Edition::ALL {
            for mode in [Mode::Strict, Mode::Practical] {
                let verdict = say(&found, &Matrix::edition(edition), mode);
                assert_eq!(verdict.decision, Decision::Refused);
                assert_eq!(verdict.row, None);
                let finding = verdict.finding("version-not-listed").unwrap();
                assert!(
                    finding.title.starts_with("CentOS Stream 8 is not listed"),
                    "{}",
                    finding.title
                );
            }
        }
    }
}

/// CentOS Stream 9 is what the guide calls CentOS 9: there is no other.
#[test]
fn svc_os_3_centos_stream_9_is_the_row_of_centos_9() {
    let files: Vec<(&str, String)> = STREAM_10
        .iter()
        .map(|(path, text)| (*path, text.replace("10", "9")))
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    let found = system(&files, "5.14.0-444.el9.x86_64");
    let verdict = say(&found, &Matrix::edition(Edition::E2026), Mode::Strict);
    assert_eq!(
        verdict.decision,
        Decision::Accepted,
        "{:?}",
        verdict.findings
    );
    assert!(
        verdict
            .row
            .as_deref()
            .is_some_and(|row| row.starts_with("CentOS 9"))
    );
}
