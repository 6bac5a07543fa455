//! Settings of a guest that the import changes or trips over: each is found, with its place.

use vmie_fs::MemoryFs;
use vmie_guest::{Decision, Finding, ImportRequest, Matrix, Mode, Severity, Verdict, html, judge};
use vmie_rules::SvcId;
use vmie_rules::matrix::Edition;
use vmie_rules::stated::StatedSystem;
use vmie_testkit::linux::{Guest, Machine};

use crate::{UUID, as_of, layout, look_with, say};

fn debian() -> Guest<'static> {
    Guest {
        id: "debian",
        version: "12.4",
        service_pack: 0,
        kernel: "6.1.0-13-amd64",
        machine: Machine::X86_64,
        uuid: UUID,
        filesystem: "ext4",
    }
}

/// What is said of a plain guest with more in it. A DHCP client is there.
fn with(more: impl FnOnce(MemoryFs) -> MemoryFs) -> Verdict {
    let inspection = look_with(&layout(), &debian(), |files| {
        more(
            files
                .with_file("/sbin/dhclient", "")
                .with_file("/usr/sbin/dhclient", ""),
        )
    });
    say(
        &inspection,
        &Matrix::edition(Edition::E2026),
        Mode::Practical,
    )
}

fn codes(verdict: &Verdict) -> Vec<&str> {
    verdict
        .findings
        .iter()
        .map(|finding| finding.code)
        .collect()
}

/// The one finding, with its place: `/etc/fstab:3`.
fn only<'v>(verdict: &'v Verdict, code: &str) -> (&'v Finding, String) {
    assert_eq!(codes(verdict), [code], "{:?}", verdict.findings);
    assert_eq!(verdict.decision, Decision::Accepted);
    let finding = &verdict.findings[0];
    assert!(!finding.remedy.is_empty());
    let place = finding.evidence.first().map_or_else(String::new, |saw| {
        let line = saw.line.map_or_else(String::new, |line| format!(":{line}"));
        format!("{}{line}", saw.path.as_deref().unwrap_or_default())
    });
    (finding, place)
}

#[test]
fn a_plain_guest_has_nothing_to_be_told() {
    assert_eq!(codes(&with(|files| files)), [""; 0]);
}

#[test]
fn svc_mod_4_a_static_address_will_be_changed() {
    let verdict = with(|files| {
        files.with_file(
            "/etc/network/interfaces",
            "auto eth0\niface eth0 inet static\n address 10.0.0.5/24\n",
        )
    });
    let (finding, place) = only(&verdict, "static-address");
    assert_eq!(finding.severity, Severity::Change);
    assert!(finding.svc.contains(&SvcId::Mod4));
    assert!(
        finding
            .title
            .starts_with("eth0 has the static address 10.0.0.5/24")
    );
    assert_eq!(place, "/etc/network/interfaces:2");

    let taken_in = with(|files| {
        files
            .with_file("/etc/network/interfaces", "source interfaces.d/*\n")
            .with_file(
                "/etc/network/interfaces.d/eth0",
                "iface eth0 inet static\n address 10.0.0.5\n",
            )
    });
    let (_, place) = only(&taken_in, "static-address");
    assert_eq!(place, "/etc/network/interfaces.d/eth0:1");
}

#[test]
fn svc_lim_5_several_interfaces_and_bound_cards() {
    let several = with(|files| {
        files.with_file(
            "/etc/network/interfaces",
            "iface eth0 inet dhcp\niface eth1 inet dhcp\n",
        )
    });
    let (finding, _) = only(&several, "several-interfaces");
    assert_eq!(finding.evidence.len(), 2);

    let rules = with(|files| {
        files.with_file(
            "/etc/udev/rules.d/70-persistent-net.rules",
            "# a card\nSUBSYSTEM==\"net\", ATTR{address}==\"00:50:56:00:00:01\", NAME=\"eth0\"\n",
        )
    });
    let (finding, place) = only(&rules, "interface-bound-to-mac");
    assert_eq!(place, "/etc/udev/rules.d/70-persistent-net.rules:2");
    assert!(
        finding
            .remedy
            .contains("rm /etc/udev/rules.d/70-persistent-net.rules")
    );
}

#[test]
fn svc_cfg_1_a_dhcp_client_is_needed() {
    let inspection = look_with(&layout(), &debian(), |files| files);
    let verdict = say(
        &inspection,
        &Matrix::edition(Edition::E2026),
        Mode::Practical,
    );
    let (finding, _) = only(&verdict, "no-dhcp-client");
    assert!(finding.remedy.contains("apt-get install isc-dhcp-client"));
}

#[test]
fn svc_cfg_2_ssh_must_be_there_switched_on_and_let_in() {
    let unit = "/lib/systemd/system/ssh.service";
    let off = with(|files| files.with_file(unit, "[Unit]\n"));
    let (finding, _) = only(&off, "ssh-not-enabled");
    assert!(finding.remedy.contains("systemctl enable ssh"));
    let on = with(|files| {
        files.with_file(unit, "[Unit]\n").with_symlink(
            "/etc/systemd/system/multi-user.target.wants/ssh.service",
            unit,
        )
    });
    assert_eq!(codes(&on), [""; 0]);
    let by_socket = with(|files| {
        files.with_file(unit, "[Unit]\n").with_symlink(
            "/etc/systemd/system/sockets.target.wants/ssh.socket",
            "/lib/systemd/system/ssh.socket",
        )
    });
    assert_eq!(codes(&by_socket), [""; 0]);

    let port = with(|files| files.with_file("/etc/ssh/sshd_config", "#Port 22\nPort 2222\n"));
    assert_eq!(only(&port, "ssh-other-port").1, "/etc/ssh/sshd_config:2");
    let keys = with(|files| {
        files.with_file(
            "/etc/ssh/sshd_config.d/10-x.conf",
            "PubkeyAuthentication no\n",
        )
    });
    assert_eq!(
        only(&keys, "ssh-keys-off").1,
        "/etc/ssh/sshd_config.d/10-x.conf:1"
    );

    let rules = "### RULES ###\n-A ufw-user-input -p tcp --dport 80 -j ACCEPT\n";
    let ufw = |rules: &str| {
        with(|files| {
            files
                .with_file("/etc/ufw/ufw.conf", "ENABLED=yes\nLOGLEVEL=low\n")
                .with_file("/etc/ufw/user.rules", rules)
        })
    };
    let (finding, place) = {
        let verdict = ufw(rules);
        let (finding, place) = only(&verdict, "firewall-blocks-ssh");
        (finding.clone(), place)
    };
    assert_eq!(
        (finding.svc.as_slice(), place.as_str()),
        ([SvcId::Cfg2].as_slice(), "/etc/ufw/ufw.conf")
    );
    assert_eq!(codes(&ufw(&rules.replace("80", "22"))), [""; 0]);
}

#[test]
fn svc_cfg_1_tools_and_security_software_are_told() {
    let tools = with(|files| files.with_file("/usr/bin/vmtoolsd", ""));
    let (finding, place) = only(&tools, "hypervisor-tools-installed");
    assert_eq!(place, "/usr/bin/vmtoolsd");
    assert_eq!(finding.remedy, "In the guest: apt-get purge open-vm-tools");
    let falcon = with(|files| files.with_file("/opt/CrowdStrike/falconctl", ""));
    assert!(
        only(&falcon, "security-software")
            .0
            .title
            .ends_with("CrowdStrike Falcon")
    );
}

#[test]
fn svc_vol_3_filters_that_name_devices_are_told() {
    let filter = with(|files| {
        files.with_file(
            "/etc/lvm/lvm.conf",
            "devices {\n # filter = [ \"a|/dev/sda|\" ]\n filter = [ \"a|^/dev/sda2$|\", \"r|.*|\" ]\n}\n",
        )
    });
    assert_eq!(only(&filter, "devices-by-name").1, "/etc/lvm/lvm.conf:3");
}

#[test]
fn svc_lim_6_a_kernel_of_no_package_is_told() {
    let status = |kernel: &str| {
        format!(
            "Package: linux-image-{kernel}\nStatus: install ok installed\nVersion: 6.1.55-1\n\n"
        )
    };
    let own = with(|files| files.with_file("/var/lib/dpkg/status", status("6.1.0-13-amd64")));
    assert_eq!(codes(&own), [""; 0]);
    let other = with(|files| files.with_file("/var/lib/dpkg/status", status("6.1.0-18-amd64")));
    assert_eq!(only(&other, "custom-kernel").1, "/boot/grub/grub.cfg:9");
}

#[test]
fn the_page_holds_every_finding_and_nothing_from_elsewhere() {
    let guest = debian();
    let inspection = look_with(&layout(), &guest, |files| {
        files.with_file(
            "/etc/network/interfaces",
            "iface <b>eth0</b> inet static\n address 10.0.0.5/24\n",
        )
    });
    let verdict = say(&inspection, &Matrix::edition(Edition::E2026), Mode::Strict);
    let page = html("disk <1>.raw", &inspection, &verdict);
    for finding in &verdict.findings {
        assert!(
            page.contains(&format!("id=\"{}\"", finding.code)),
            "{}",
            finding.code
        );
    }
    assert!(page.contains("<h1>disk &lt;1&gt;.raw</h1>") && !page.contains("<b>eth0"));
    for outside in ["<script", "src=", "href=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    // The partition is a quarter of the disk, and drawn so.
    assert!(page.contains("class=\"part k1\" style=\"width:25.00%\" title=\"disk0p1\""));
    let opened = page.matches("<div").count();
    assert_eq!(opened, page.matches("</div>").count());
}

/// What is said of the plain guest when its descriptor says this of the machine.
fn described(os_type: Option<&str>, cd_drives: u32) -> Verdict {
    let mut machine = vmie_guest::Machine::new();
    machine.stated = os_type.and_then(StatedSystem::by_guest_id);
    machine.cd_drives = cd_drives;
    let inspection = look_with(&layout(), &debian(), |files| {
        files.with_file("/usr/sbin/dhclient", "")
    });
    let request = ImportRequest::new().with_machine(machine);
    let matrix = Matrix::edition(Edition::E2026);
    judge(&inspection, &request, &matrix, Mode::Practical, as_of())
}

#[test]
fn svc_cfg_1_a_connected_cd_drive_is_told() {
    let verdict = described(Some("debian12_64Guest"), 1);
    let (finding, _) = only(&verdict, "cd-drive-connected");
    assert_eq!(finding.svc, [SvcId::Cfg1]);
    assert_eq!(codes(&described(Some("debian12_64Guest"), 0)), [""; 0]);
}

#[test]
fn svc_os_3_a_descriptor_that_names_another_system_is_told() {
    let verdict = described(Some("windows9Server64Guest"), 0);
    let (finding, _) = only(&verdict, "stated-system-differs");
    assert!(
        finding.title.contains("Windows Server 2016"),
        "{}",
        finding.title
    );
    let older = described(Some("debian11_64Guest"), 0);
    only(&older, "stated-system-differs");
    for fits in [
        None,
        Some("debian12_64Guest"),
        Some("debian64Guest"),
        Some("otherGuest64"),
    ] {
        assert_eq!(codes(&described(fits, 0)), [""; 0], "{fits:?}");
    }
}
