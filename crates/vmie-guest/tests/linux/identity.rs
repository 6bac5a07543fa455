//! What a Linux says of itself, wherever the files are: release files behind links and on other volumes, every
//! form of rpm's database, every loader that is not read, every piece of software that is looked for.

use std::io::Read as _;

use vmie_fs::{FsKind, MemoryFs};
use vmie_guest::{
    BootloaderKind, Decision, Inspection, KernelFlavour, KernelSource, Matrix, Mode, Severity,
    SoftwareKind, Verdict,
};
use vmie_rules::SvcId;
use vmie_rules::matrix::Edition;
use vmie_testkit::linux::kernel_image;

use crate::layouts::{self, BOOT_UUID, ROOT_UUID, UBUNTU, merged, named};
use crate::{RELEASE, layout, look_with};

fn debian(more: impl FnOnce(MemoryFs) -> MemoryFs) -> Inspection {
    let guest = crate::debian();
    look_with(&layout(), &guest, |files| {
        more(files.with_file("/usr/sbin/dhclient", "x"))
    })
}

fn say(found: &Inspection) -> Verdict {
    crate::say(found, &Matrix::edition(Edition::E2026), Mode::Practical)
}

const OS: &str = "# comment\nPRETTY_NAME='Debian GNU/Linux 12 (\"bookworm\")'\nNAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID=\"12\"\n";

/// os-release behind links: relative, absolute, in a chain, through a folder that is a link, out of the root.
#[test]
fn svc_os_3_release_files_are_found_behind_links() {
    let plain = |files: MemoryFs| files.with_file("/usr/lib/os-release", "");
    for (what, links) in [
        ("relative", vec![("/etc/os-release", "../usr/share/os")]),
        ("absolute", vec![("/etc/os-release", "/usr/share/os")]),
        (
            "chain",
            vec![
                ("/etc/os-release", "os-release.d/now"),
                ("/etc/os-release.d/now", "../static/os"),
                ("/etc/static/os", "/usr/share/os"),
            ],
        ),
        (
            "folder",
            vec![
                ("/etc/static", "../usr/share"),
                ("/etc/os-release", "static/os"),
            ],
        ),
        (
            "above the root",
            vec![("/etc/os-release", "../../../../usr/share/os")],
        ),
        (
            "in /usr/lib alone",
            vec![
                ("/usr/lib/os-release", "../share/os"),
                ("/etc/os-release", "/nowhere"),
            ],
        ),
    ] {
        let found = debian(|files| {
            let files = plain(files).with_file("/usr/share/os", OS);
            links.iter().fold(files, |files, (path, target)| {
                files.with_symlink(path, *target)
            })
        });
        let os = &found.systems[0].os;
        assert_eq!(os.id.get().map(String::as_str), Some("debian"), "{what}");
        assert_eq!(
            os.pretty_name, "Debian GNU/Linux 12 (\"bookworm\")",
            "{what}"
        );
        assert_eq!(os.version.get().map(String::as_str), Some("12.4"), "{what}");
    }
    // Links that lead in a circle tell nothing; older files may.
    let found = debian(|files| {
        files
            .with_symlink("/etc/os-release", "os-release.d")
            .with_symlink("/etc/os-release.d", "os-release")
            .with_symlink("/usr/lib/os-release", "/etc/os-release")
    });
    let id = &found.systems[0].os.id;
    assert_eq!(id.get().map(String::as_str), Some("debian"));
    assert_eq!(
        id.evidence()[0].path.as_deref(),
        Some("/etc/debian_version")
    );
}

/// `/usr` of its own, with everything in it: a merged system whose `/bin` and `/lib` lead there.
#[test]
fn svc_os_3_a_merged_usr_on_a_volume_of_its_own_is_joined() {
    let release = "5.15.0-105-generic";
    let table =
        format!("UUID={ROOT_UUID} / ext4 defaults 0 1\nUUID={BOOT_UUID} /usr ext4 defaults 0 2\n");
    let menu = format!(
        "menuentry U {{\n linux /boot/vmlinuz-{release} root=UUID={ROOT_UUID} net.ifnames=0\n}}\n"
    );
    let whole = merged(layouts::files(FsKind::Ext4, ROOT_UUID, UBUNTU));
    let (_, whole) = layouts::kernel(MemoryFs::new(FsKind::Ext4), "", whole, release, "initrd");
    // The same files, `/usr` apart.
    let usr = [
        ("/bin/bash", "/usr/bin/bash"),
        ("/lib/os-release", "/usr/lib/os-release"),
        ("/sbin/sshd", "/usr/sbin/sshd"),
        (
            "/lib/systemd/systemd-networkd",
            "/usr/lib/systemd/systemd-networkd",
        ),
        (
            &format!("/lib/modules/{release}/modules.dep"),
            &format!("/usr/lib/modules/{release}/modules.dep"),
        ),
    ]
    .iter()
    .fold(
        named(MemoryFs::new(FsKind::Ext4), FsKind::Ext4, BOOT_UUID),
        |files, (to, from)| {
            let mut bytes = Vec::new();
            let path = vmie_fs::GuestPath::from(*from);
            let mut file = vmie_fs::Filesystem::open(&whole, &path).unwrap();
            bytes.resize(usize::try_from(file.len()).unwrap(), 0);
            file.read_at(&mut bytes, 0).unwrap();
            files.with_file(to, bytes)
        },
    )
    .with_symlink("/bin/sh", "bash");
    let root = named(MemoryFs::new(FsKind::Ext4), FsKind::Ext4, ROOT_UUID)
        .with_symlink("/etc/os-release", "../usr/lib/os-release")
        .with_file("/etc/fstab", table)
        .with_symlink("/bin", "usr/bin")
        .with_symlink("/sbin", "usr/sbin")
        .with_symlink("/lib", "usr/lib")
        .with_dir("/usr")
        .with_file(format!("/boot/vmlinuz-{release}"), kernel_image(release))
        .with_file("/boot/grub/grub.cfg", menu);
    let found = layouts::look(true, None, Some(usr), root, None);
    assert_eq!(found.systems.len(), 1);
    let system = &found.systems[0];
    assert_eq!(system.os.id.get().map(String::as_str), Some("ubuntu"));
    assert!(system.os.arch.get().is_some());
    assert!(system.drivers.get().unwrap().has("nvme"));
    assert_eq!(say(&found).decision, Decision::Accepted);
}

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(packed).unwrap();
    decoder.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The three forms of rpm's database, in the places where distributions have them.
#[test]
fn svc_lim_6_every_form_of_rpms_database_is_found_and_counted() {
    let databases: [(&str, &str, &[u8]); 3] = [
        (
            "bdb",
            "/var/lib/rpm/Packages",
            include_bytes!("../../fixtures/rpmdb/bdb.zst"),
        ),
        (
            "ndb",
            "/usr/lib/sysimage/rpm/Packages.db",
            include_bytes!("../../fixtures/rpmdb/ndb.zst"),
        ),
        (
            "sqlite",
            "/var/lib/rpm/rpmdb.sqlite",
            include_bytes!("../../fixtures/rpmdb/sqlite.zst"),
        ),
    ];
    let mut counts = Vec::new();
    for (form, path, packed) in databases {
        let found = debian(|files| files.with_file(path, unpacked(packed)));
        let packages = found.systems[0].packages.get().unwrap();
        assert_eq!(packages.form, form);
        assert!(packages.count > 0);
        counts.push(packages.count);
        let saw = &found.systems[0].packages.evidence()[0];
        assert_eq!(saw.path.as_deref(), Some(path));
        // A damaged one is no list of packages, and nothing is said by it.
        let found = debian(|files| files.with_file(path, "no database"));
        assert!(found.systems[0].packages.get().is_none(), "{form}");
        assert_eq!(say(&found).decision, Decision::Accepted);
    }
    assert!(
        counts.windows(2).all(|pair| pair[0] == pair[1]),
        "{counts:?}"
    );
}

/// dpkg's list marks the kernels that it brought; each kernel says where it was seen.
#[test]
fn svc_err_29_a_kernel_is_seen_in_header_folder_package_and_menu() {
    let status = format!(
        "Package: linux-image-{RELEASE}\nStatus: install ok installed\nVersion: 6.1.55-1\n\nPackage: linux-image-6.1.0-9-amd64\nStatus: deinstall ok config-files\nVersion: 6.1.27-1\n\n"
    );
    let found = debian(|files| {
        files
            .with_file("/var/lib/dpkg/status", status)
            .with_file(
                "/boot/vmlinuz-6.1.0-18-rt-amd64",
                kernel_image("6.1.0-18-rt-amd64"),
            )
            .with_dir("/usr/lib/modules/6.1.0-17-cloud-amd64")
            // Its name is one, and its header another.
            .with_file("/boot/vmlinuz-6.1.0-own", kernel_image("6.1.76-mine"))
    });
    let seen: Vec<_> = found.systems[0]
        .kernels
        .iter()
        .map(|one| (one.release.as_str(), one.flavour, one.sources.clone()))
        .collect();
    use KernelSource::{BootEntry, BootFile, ImageString, ModulesFolder, Package};
    assert_eq!(
        seen,
        [
            (
                "6.1.76-mine",
                KernelFlavour::Stock,
                vec![BootFile, ImageString]
            ),
            (
                "6.1.0-18-rt-amd64",
                KernelFlavour::Realtime,
                vec![BootFile, ImageString]
            ),
            (
                "6.1.0-17-cloud-amd64",
                KernelFlavour::Cloud,
                vec![ModulesFolder]
            ),
            (
                RELEASE,
                KernelFlavour::Stock,
                vec![BootFile, ImageString, ModulesFolder, BootEntry, Package]
            ),
        ]
    );
    assert!(found.systems[0].kernels[3].default);
}

/// Loaders that are named, and not supported.
#[test]
fn svc_cfg_2_loaders_other_than_grub_are_named_and_refused() {
    for (path, kind, name) in [
        (
            "/boot/loader/loader.conf",
            BootloaderKind::SystemdBoot,
            "systemd-boot",
        ),
        (
            "/boot/efi/loader/loader.conf",
            BootloaderKind::SystemdBoot,
            "systemd-boot",
        ),
        (
            "/boot/extlinux/extlinux.conf",
            BootloaderKind::Extlinux,
            "extlinux",
        ),
        (
            "/boot/syslinux/syslinux.cfg",
            BootloaderKind::Extlinux,
            "extlinux",
        ),
        ("/etc/lilo.conf", BootloaderKind::Lilo, "lilo"),
    ] {
        let found = debian(|files| {
            files
                .with_dir("/boot/grub/grub.cfg")
                .with_file(path, "default x\n")
        });
        assert_eq!(found.systems[0].bootloaders[0].kind, kind);
        let verdict = say(&found);
        assert_eq!(verdict.decision, Decision::Refused, "{path}");
        let finding = verdict.finding("boot-loader-not-grub").unwrap();
        assert_eq!(finding.svc, [SvcId::Cfg2]);
        assert_eq!(
            finding.title,
            format!("The boot loader is {name}, and only GRUB is supported")
        );
        assert_eq!(finding.evidence[0].path.as_deref(), Some(path));
        // Beside GRUB it is a leftover.
        let found = debian(|files| files.with_file(path, "default x\n"));
        assert_eq!(say(&found).decision, Decision::Accepted, "{path}");
    }
}

#[test]
fn svc_cfg_1_software_that_matters_is_known_by_its_files() {
    use SoftwareKind::{CloudAgent, CloudInit, HypervisorTools, Security};
    for (kind, name, path, code) in [
        (CloudInit, "cloud-init", "/etc/cloud/cloud.cfg", ""),
        (
            HypervisorTools,
            "VMware Tools",
            "/usr/bin/vmware-uninstall-tools.pl",
            "hypervisor-tools-installed",
        ),
        (
            HypervisorTools,
            "open-vm-tools",
            "/usr/bin/vmtoolsd",
            "hypervisor-tools-installed",
        ),
        (
            HypervisorTools,
            "VirtualBox Guest Additions",
            "/usr/sbin/VBoxService",
            "hypervisor-tools-installed",
        ),
        (
            HypervisorTools,
            "VirtualBox Guest Additions",
            "/opt/VBoxGuestAdditions/x",
            "hypervisor-tools-installed",
        ),
        (
            HypervisorTools,
            "Parallels Tools",
            "/usr/bin/prltoolsd",
            "hypervisor-tools-installed",
        ),
        (HypervisorTools, "qemu-guest-agent", "/usr/sbin/qemu-ga", ""),
        (
            CloudAgent,
            "Systems Manager agent",
            "/usr/bin/amazon-ssm-agent",
            "",
        ),
        (CloudAgent, "Azure Linux agent", "/usr/sbin/waagent", ""),
        (
            CloudAgent,
            "Google guest agent",
            "/usr/bin/google_guest_agent",
            "",
        ),
        (Security, "ClamAV", "/usr/sbin/clamd", "security-software"),
        (
            Security,
            "CrowdStrike Falcon",
            "/opt/CrowdStrike/falcond",
            "security-software",
        ),
        (
            Security,
            "Microsoft Defender",
            "/opt/microsoft/mdatp/x",
            "security-software",
        ),
        (Security, "Sophos", "/opt/sophos-spl/x", "security-software"),
        (
            Security,
            "Trend Micro Deep Security",
            "/opt/ds_agent/ds_agent",
            "security-software",
        ),
        (
            Security,
            "Symantec Endpoint Protection",
            "/opt/Symantec/x",
            "security-software",
        ),
        (
            Security,
            "SentinelOne",
            "/opt/sentinelone/x",
            "security-software",
        ),
        (
            Security,
            "OSSEC or Wazuh",
            "/var/ossec/bin/x",
            "security-software",
        ),
        (
            Security,
            "Fail2ban",
            "/usr/bin/fail2ban-server",
            "security-software",
        ),
    ] {
        let found = debian(|files| files.with_file(path, "x"));
        let software = &found.systems[0].settings.software;
        assert_eq!(software.len(), 1, "{path}");
        assert_eq!((software[0].kind, software[0].name), (kind, name), "{path}");
        let verdict = say(&found);
        let codes: Vec<_> = verdict.findings.iter().map(|one| one.code).collect();
        let wanted: Vec<_> = [code].into_iter().filter(|code| !code.is_empty()).collect();
        assert_eq!(codes, wanted, "{path}");
        for finding in &verdict.findings {
            assert_eq!(finding.severity, Severity::Advise);
            assert!(finding.title.contains(name) && finding.svc.contains(&SvcId::Cfg1));
        }
    }
}
