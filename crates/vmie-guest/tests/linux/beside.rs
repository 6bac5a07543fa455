//! What lies beside a system without being another one: rescue kernels, containers, copies, snapshots, backups.

use vmie_fs::{FsKind, Identity, MemoryFs};
use vmie_guest::{
    Decision, Disk, Fact, GuestVolume, Inspection, KernelFlavour, Matrix, Mode, Severity, Verdict,
    inspect_volumes,
};
use vmie_io::Limits;
use vmie_rules::SvcId;
use vmie_rules::matrix::Edition;
use vmie_testkit::linux::{Entry, Guest, kernel_image};
use vmie_volumes::VolumeId;

use crate::layouts;
use crate::{UUID, debian, guest, look_with};

const OTHER: &str = "99999999-2222-3333-4444-555555555555";

/// The files of a guest below a folder, its menus and kernels left out unless they are wanted.
fn below(files: MemoryFs, folder: &str, guest: &Guest<'_>, whole: bool) -> MemoryFs {
    guest.entries().into_iter().fold(files, |files, entry| {
        let boots = |path: &str| path.starts_with("/boot") || path.contains("/lib/modules");
        match entry {
            Entry::File(path, _) if !whole && boots(&path) => files,
            Entry::File(path, content) => files.with_file(format!("{folder}{path}"), content),
            Entry::Link(path, target) => files.with_symlink(format!("{folder}{path}"), target),
            Entry::Directory(path) => files.with_dir(format!("{folder}{path}")),
        }
    })
}

fn filesystem(kind: FsKind, uuid: &str) -> MemoryFs {
    let mut identity = Identity::new(kind);
    identity.uuid = Some(uuid.to_owned());
    MemoryFs::new(kind).with_identity(identity)
}

/// Volumes in this order, as the partitions of one disk.
fn machine(volumes: Vec<MemoryFs>) -> Inspection {
    let layout = layouts::layout(true);
    let volumes: Vec<GuestVolume<'_>> = (1..)
        .zip(volumes)
        .map(|(number, files)| {
            let partition = layout.partition(number.max(2)).cloned();
            GuestVolume::new(VolumeId::partition(0, number), 1 << 30, partition, files)
        })
        .collect();
    let disk = Disk::new(0, 16 << 20, Fact::known(layout.clone(), Vec::new()));
    inspect_volumes(vec![disk], &volumes, &Limits::default())
}

fn say(found: &Inspection) -> Verdict {
    crate::say(found, &Matrix::edition(Edition::E2026), Mode::Practical)
}

/// Accepted as the Debian that it is, with nothing said of several systems.
fn is_the_one(found: &Inspection) {
    let verdict = say(found);
    for code in ["several-systems", "several-grub-menus"] {
        assert!(
            verdict.finding(code).is_none(),
            "{:?}",
            verdict.finding(code)
        );
    }
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
            .is_some_and(|row| row.starts_with("Debian 12"))
    );
}

#[test]
fn svc_lim_6_a_rescue_kernel_is_no_system_and_told_when_it_starts() {
    let release = "3.10.0-1160.el7.x86_64";
    let rescue = "0-rescue-0123456789abcdef0123456789abcdef";
    let with = |saved: &str| {
        let entry = |title: &str, release: &str| {
            format!(
                "menuentry '{title}' {{\n linux16 /boot/vmlinuz-{release} root=UUID={UUID} net.ifnames=0\n}}\n"
            )
        };
        let menu = format!(
            "load_env\nset default=\"${{saved_entry}}\"\n{}{}",
            entry("Linux", release),
            entry("Rescue", rescue)
        );
        look_with(
            &crate::layout(),
            &guest("centos", "7.9", release),
            |files| {
                files
                    .with_file(format!("/boot/vmlinuz-{rescue}"), kernel_image(release))
                    .with_file(format!("/boot/initramfs-{rescue}.img"), "x")
                    .with_file("/boot/grub2/grub.cfg", menu)
                    .with_file(
                        "/boot/grub2/grubenv",
                        layouts::grubenv(&format!("saved_entry={saved}\n")),
                    )
            },
        )
    };
    let found = with("Linux");
    assert_eq!(found.systems.len(), 1);
    let flavours: Vec<_> = found.systems[0]
        .kernels
        .iter()
        .map(|one| one.flavour)
        .collect();
    assert_eq!(flavours, [KernelFlavour::Stock, KernelFlavour::Rescue]);
    let verdict = say(&found);
    for code in [
        "default-is-rescue-kernel",
        "several-systems",
        "custom-kernel",
    ] {
        assert!(verdict.finding(code).is_none(), "{code}");
    }
    let verdict = say(&with("Rescue"));
    let finding = verdict.finding("default-is-rescue-kernel").unwrap();
    assert_eq!(
        (finding.svc.as_slice(), finding.severity),
        (&[SvcId::Lim6][..], Severity::Advise)
    );
}

#[test]
fn svc_lim_2_containers_below_a_system_are_no_systems() {
    let other = guest("ubuntu", "22.04", "5.15.0-25-generic");
    let found = look_with(&crate::layout(), &debian(), |files| {
        let files = files.with_file("/usr/sbin/dhclient", "x");
        // A layer of an image, a container with a kernel and a menu of its own, machines, a chroot.
        let files = below(files, "/var/lib/docker/overlay2/ab/diff", &other, false);
        let files = below(
            files,
            "/var/lib/containers/storage/overlay/cd/diff",
            &other,
            false,
        );
        let files = below(files, "/var/lib/lxc/c1/rootfs", &other, true);
        let files = below(files, "/var/lib/machines/m1", &other, true);
        below(files, "/srv/chroot/jammy", &other, true)
    });
    assert_eq!(found.systems.len(), 1);
    assert_eq!(found.systems[0].kernels.len(), 1);
    is_the_one(&found);
}

/// A volume for containers, and one with a whole system that is only entered by `chroot`.
#[test]
fn svc_lim_2_a_volume_that_is_mounted_below_a_system_is_a_part_of_it() {
    let other = guest("ubuntu", "22.04", "5.15.0-25-generic");
    let table = |target: &str| {
        format!("UUID={UUID} / ext4 defaults 0 1\nUUID={OTHER} {target} ext4 defaults 0 2\n")
    };
    let root = |table: String| {
        below(filesystem(FsKind::Ext4, UUID), "", &debian(), true)
            .with_file("/usr/sbin/dhclient", "x")
            .with_file("/etc/fstab", table)
    };
    let container = || below(filesystem(FsKind::Ext4, OTHER), "", &other, false);
    let chroot = || {
        // Its packages brought a kernel; nothing starts it.
        container()
            .with_file(
                "/boot/vmlinuz-5.15.0-25-generic",
                kernel_image("5.15.0-25-generic"),
            )
            .with_dir("/lib/modules/5.15.0-25-generic")
    };
    for (target, volume) in [
        ("/var/lib/machines/m1", container()),
        ("/srv/chroot", chroot()),
    ] {
        let found = machine(vec![root(table(target)), volume.clone()]);
        assert_eq!(found.systems.len(), 2);
        is_the_one(&found);
        // The same with the other volume first.
        is_the_one(&machine(vec![volume, root(table(target))]));
    }
    // With a menu of its own it could start, wherever it is mounted; and what nobody mounts may be another.
    let whole = below(filesystem(FsKind::Ext4, OTHER), "", &other, true);
    let verdict = say(&machine(vec![root(table("/mnt/other")), whole]));
    assert!(verdict.finding("several-systems").is_some());
    let alone = format!("UUID={UUID} / ext4 defaults 0 1\n");
    let verdict = say(&machine(vec![root(alone), chroot()]));
    let finding = verdict.finding("several-systems").unwrap();
    assert!(finding.svc.contains(&SvcId::Err25));
    assert_eq!(
        finding.service_message.as_deref(),
        Some("ClientError: Unsupported configuration - Multiple directories found")
    );
}

/// Backups: of Timeshift by rsync, and of a whole machine in a folder.
#[test]
fn svc_lim_2_a_volume_of_backups_is_no_system() {
    let root = below(filesystem(FsKind::Ext4, UUID), "", &debian(), true)
        .with_file("/usr/sbin/dhclient", "x");
    let backup = filesystem(FsKind::Ext4, OTHER);
    let backup = below(
        backup,
        "/timeshift/snapshots/2024-05-01_10-00-01/localhost",
        &debian(),
        true,
    );
    let backup = below(backup, "/backups/host2", &debian(), true);
    let found = machine(vec![root, backup]);
    assert_eq!(found.systems.len(), 1);
    is_the_one(&found);
}

/// Snapshots of Btrfs: snapper's below `/.snapshots`, Timeshift's at the top, which may be written; and what
/// containers keep in subvolumes of their own.
#[test]
fn svc_lim_2_snapshots_of_btrfs_are_no_systems() {
    let table = format!(
        "UUID={UUID} / btrfs defaults,subvol=@ 0 0\nUUID={UUID} /home btrfs subvol=@home 0 0\n"
    );
    let old = guest("debian", "11", "5.10.0-8-amd64");
    let files = filesystem(FsKind::Btrfs, UUID).with_dir("/@home/someone");
    // The older states say of themselves that they are the root, too.
    let files = below(files, "/@/.snapshots/1/snapshot", &old, true)
        .with_file("/@/.snapshots/1/snapshot/etc/fstab", table.clone());
    let files = below(files, "/timeshift-btrfs/snapshots/2024-05-01/@", &old, true).with_file(
        "/timeshift-btrfs/snapshots/2024-05-01/@/etc/fstab",
        table.clone(),
    );
    let files = below(files, "/@/var/lib/machines/m1", &old, true);
    let files = below(files, "/@/var/lib/docker/btrfs/subvolumes/ab", &old, false);
    let files = below(files, "/@", &debian(), true).with_file("/@/etc/fstab", table);
    let files = files
        .with_subvolume("/timeshift-btrfs/snapshots/2024-05-01/@", 300)
        .with_snapshot("/@/.snapshots/1/snapshot", 301)
        .with_subvolume("/@/var/lib/machines/m1", 302)
        .with_subvolume("/@/var/lib/docker/btrfs/subvolumes/ab", 303)
        .with_subvolume("/@", 304)
        .with_subvolume("/@home", 305);
    let found = machine(vec![files]);
    assert_eq!(found.systems.len(), 1);
    let system = &found.systems[0];
    assert_eq!(system.root_subvolume.as_deref(), Some("/@"));
    assert_eq!(system.os.version.get().map(String::as_str), Some("12.4"));
    let verdict = say(&found);
    assert!(verdict.finding("several-systems").is_none());
    // Subvolumes themselves are what is refused (SVC-VOL-1).
    let refusals: Vec<_> = verdict
        .findings
        .iter()
        .filter(|one| one.severity == Severity::Refuse)
        .map(|one| one.code)
        .collect();
    assert_eq!(refusals, ["root-in-subvolume"]);
}

/// A system at the top of its Btrfs, with snapshots below it.
#[test]
fn svc_lim_2_snapshots_below_a_root_without_subvolumes_are_no_systems() {
    let old = guest("debian", "11", "5.10.0-8-amd64");
    let files = below(
        filesystem(FsKind::Btrfs, UUID),
        "/.snapshots/1/snapshot",
        &old,
        true,
    );
    let files = below(files, "", &debian(), true)
        .with_file("/usr/sbin/dhclient", "x")
        .with_snapshot("/.snapshots/1/snapshot", 300);
    let found = machine(vec![files]);
    assert_eq!(found.systems.len(), 1);
    assert_eq!(found.systems[0].root_subvolume, None);
    is_the_one(&found);
}
