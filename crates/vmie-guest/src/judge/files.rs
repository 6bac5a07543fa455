//! The files, the machine around them, and the request's own options.

use vmie_rules::SvcId;
use vmie_rules::format::ImageFormat;
use vmie_rules::guest::Platform;
use vmie_rules::license::{LicensedSystem, subscription_program};
use vmie_rules::limits;
use vmie_rules::message::Message;
use vmie_rules::stated::StatedSystem;

use super::{Judge, advise, change, human, refuse};
use crate::request::Container;
use crate::{Evidence, Family};

impl Judge<'_> {
    pub(super) fn files(&mut self) {
        for container in &self.request.containers {
            self.format(container);
        }
        self.sizes();
        self.machine();
        self.license();
    }

    fn format(&mut self, container: &Container) {
        let called = match container.name.as_str() {
            "" => "The disk".to_owned(),
            name => format!("`{name}`"),
        };
        if container.chunked {
            self.push(
                refuse(
                    "disk-in-chunks",
                    &[SvcId::Fmt7, SvcId::Err3],
                    format!("{called} is split over several files"),
                )
                .message(&Message::ChunkedDisk)
                .remedy("Export again without splitting the disk into chunks"),
            );
        }
        let mut saw = vec![Evidence::new(
            format!("{} {}", container.format, container.variant)
                .trim()
                .to_owned(),
        )];
        saw.extend(container.footers_differ.clone());
        let variant = container.variant.to_ascii_lowercase();
        let format: Result<ImageFormat, _> = container.format.parse();
        let draft = match format {
            Err(_) => refuse(
                "format-unsupported",
                &[SvcId::Fmt5, SvcId::Err28],
                format!("{called} is {}, which is not imported", container.format),
            )
            .message(&Message::NoValidPartitions)
            .remedy("Convert it: vmie convert -O vmdk SRC DST.vmdk"),
            Ok(ImageFormat::Vmdk) if variant.contains("sesparse") => refuse(
                "vmdk-sesparse",
                &[SvcId::Lim11, SvcId::Fmt2, SvcId::Err4],
                format!("{called} is an SEsparse delta of VMware"),
            )
            .message(&Message::UnsupportedVmdk)
            .remedy("Delete or consolidate the machine's snapshots, then export it as OVF or OVA"),
            Ok(ImageFormat::Vmdk) if variant == "rawdevice" => refuse(
                "vmdk-raw-device",
                &[SvcId::Lim3, SvcId::Fmt2, SvcId::Err4],
                format!("{called} stands for a device of the host (Raw Device Mapping), and holds no data itself"),
            )
            .message(&Message::UnsupportedVmdk)
            .remedy("Copy the device's data into a virtual disk, then export that"),
            Ok(ImageFormat::Vmdk) if !variant.is_empty() && variant != "streamoptimized" => refuse(
                "vmdk-not-stream-optimized",
                &[SvcId::Fmt2, SvcId::Err4],
                format!("{called} is a VMDK of the kind {}, and only stream-optimized ones are imported", container.variant),
            )
            .message(&Message::UnsupportedVmdk)
            .remedy("Convert it: vmie convert -O vmdk --subformat streamOptimized SRC DST.vmdk"),
            Ok(ImageFormat::Vmdk) if container.needs_others => refuse(
                "vmdk-in-several-files",
                &[SvcId::Fmt2, SvcId::Err4],
                format!("{called} is a VMDK that needs other files beside itself"),
            )
            .message(&Message::UnsupportedVmdk)
            .remedy("Convert it to one stream-optimized VMDK, or export the machine as OVF or OVA"),
            Ok(ImageFormat::Vhd) if variant == "differencing" => refuse(
                "vhd-differencing",
                &[SvcId::Fmt3, SvcId::Err8],
                format!("{called} is a differencing VHD, which holds a part of a disk only"),
            )
            .message(&Message::FootersNotIdentical)
            .remedy("Merge it with its parent into a fixed or dynamic VHD"),
            Ok(ImageFormat::Vhd) if container.footers_differ.is_some() => refuse(
                "vhd-footers",
                &[SvcId::Fmt3, SvcId::Err8],
                format!("{called} is a VHD whose footer and its copy are not identical"),
            )
            .message(&Message::FootersNotIdentical)
            .remedy("Write it anew: vmie convert -O vhd SRC DST.vhd"),
            Ok(ImageFormat::Vhdx) if variant == "differencing" => refuse(
                "vhdx-differencing",
                &[SvcId::Fmt3],
                format!("{called} is a differencing VHDX, which holds a part of a disk only"),
            )
            .remedy("Merge it with its parent into a fixed or dynamic VHDX"),
            Ok(_) => return,
        };
        self.push(draft.evidence(&saw));
    }

    fn sizes(&mut self) {
        for disk in &self.inspection.disks {
            let bound = if disk.size >= limits::DISK_SIZE_BOUND {
                "16 TiB, the bound for every import"
            } else if disk.size >= limits::IMPORT_IMAGE_DISK_SIZE_BOUND {
                "8 TiB, the bound for import-image"
            } else {
                continue;
            };
            let title = format!(
                "Disk {} has {}, which is not below {bound}",
                disk.index,
                human(disk.size)
            );
            let saw = Evidence::new(format!("{} bytes", disk.size));
            self.push(
                refuse("disk-too-large", &[SvcId::Fmt9], title)
                    .evidence(&[saw])
                    .remedy("Shrink the disk, or move data to a disk of its own"),
            );
        }
        let disks = self.inspection.disks.len();
        if disks > limits::MAX_VOLUMES {
            self.push(
                refuse(
                    "too-many-volumes",
                    &[SvcId::Lim4],
                    format!("The machine has {disks} disks, and an import takes 21"),
                )
                .remedy("Import the disks beyond 21 one by one with import-snapshot"),
            );
        }
    }

    fn machine(&mut self) {
        let Some(machine) = &self.request.machine else {
            return;
        };
        if let Some(stated) = &machine.stated {
            self.stated_system(stated);
        }
        if machine.cd_drives > 0 {
            self.push(
                advise(
                    "cd-drive-connected",
                    &[SvcId::Cfg1],
                    "A CD drive is connected",
                )
                .remedy("Disconnect it before the export"),
            );
        }
        if let Some(cards) = machine.network_cards.filter(|cards| *cards > 1) {
            self.push(
                change(
                    "several-network-cards",
                    &[SvcId::Lim5],
                    format!("The machine has {cards} network cards; after the import it has one, by DHCP"),
                )
                .remedy("Attach further network interfaces to the instance after the import"),
            );
        }
    }

    /// What the descriptor says of the system. It is not believed; but who wrote it took the machine
    /// for another, or this is another machine's disk.
    fn stated_system(&mut self, stated: &StatedSystem) {
        let Some(system) = self.main_system() else {
            if self.matrix.lists(stated) == Some(false) {
                self.push(
                    advise(
                        "stated-system-unlisted",
                        &[SvcId::Os3],
                        format!(
                            "The descriptor says that the machine runs {}, which no row of the matrix lists",
                            stated.name
                        ),
                    )
                    .remedy("Upgrade it to a listed system, or export it with its own system named"),
                );
            }
            return;
        };
        let os = &system.os;
        let (platform, known_as) = match os.family {
            Family::Linux => (Platform::Linux, os.id.get().map_or("", String::as_str)),
            Family::Windows => (Platform::Windows, os.name.as_str()),
        };
        let version = os.version.get().map(String::as_str);
        if known_as.is_empty() || stated.fits(platform, known_as, version) {
            return;
        }
        let title = format!(
            "The descriptor says that the machine runs {}, and on its disk is {}",
            stated.name, os.pretty_name
        );
        self.push(
            advise("stated-system-differs", &[SvcId::Os3], title)
                .remedy("Check that the disk is this machine's; the import goes by the disk"),
        );
    }

    /// The license type against the system (SVC-LIC-2), and what comes with it (SVC-LIC-3, -5).
    fn license(&mut self) {
        let Some(system) = self.main_system() else {
            return;
        };
        let (licensed, what) = match system.os.family {
            Family::Linux => (LicensedSystem::Linux, "Linux"),
            Family::Windows if system.os.name.contains("Server") => {
                (LicensedSystem::WindowsServer, "Windows Server")
            }
            Family::Windows => (LicensedSystem::WindowsClient, "A Windows client"),
        };
        let asked = self.request.license_type;
        if let Some(license) = asked.filter(|license| !licensed.allows(*license)) {
            self.push(
                refuse(
                    "license-type-not-allowed",
                    &[SvcId::Lic2],
                    format!(
                        "{what} is not imported with the license type {}",
                        license.as_str()
                    ),
                )
                .remedy("Leave the license type out, or ask for BYOL"),
            );
        }
        let license = asked.unwrap_or(licensed.default_license());
        if let Some(advice) = licensed.advice(license) {
            self.push(
                advise("dedicated-host-needed", &[SvcId::Lic5], advice)
                    .remedy("Launch the image on a Dedicated Host"),
            );
        }
        let id = system.os.id.get().map(String::as_str);
        let Some(program) = id.and_then(subscription_program) else {
            return;
        };
        self.push(
            advise(
                "subscription-needed",
                &[SvcId::Lic3],
                format!(
                    "{} brings its own subscription: it needs {program}",
                    system.os.name
                ),
            )
            .remedy(format!("Enroll the subscription in {program}")),
        );
    }
}
