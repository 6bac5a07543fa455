//! From files to a verdict.

use vmie_formats::ovf::{Descriptor, Item};
use vmie_guest::{
    Container, Date, Evidence, ImportRequest, Inspection, Machine, Matrix, Mode, Verdict,
};
use vmie_io::Limits;
use vmie_rules::guest::BootMode;
use vmie_rules::license::LicenseType;
use vmie_rules::matrix::Edition;
use vmie_rules::stated::StatedSystem;

use crate::service::footers_differ;
use crate::{Error, GuestDisk, Image, guest_disks, today, views};

/// How to judge. The default is practical, by the edition of 2026, as of today.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judging {
    /// How closely the matrix is followed.
    pub mode: Mode,
    /// Which edition of the matrix.
    pub edition: Edition,
    /// A matrix that takes the place of the edition's.
    pub matrix: Option<Matrix>,
    /// The day to judge for.
    pub as_of: Date,
    /// The boot mode asked for.
    pub boot_mode: Option<BootMode>,
    /// The license type asked for.
    pub license_type: Option<LicenseType>,
    /// The code of the Region of the import.
    pub region: Option<String>,
}

impl Default for Judging {
    fn default() -> Self {
        Self {
            mode: Mode::Practical,
            edition: Edition::E2026,
            matrix: None,
            as_of: today(),
            boot_mode: None,
            license_type: None,
            region: None,
        }
    }
}

/// What a guest is, and what is said of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preflight {
    /// The facts.
    pub inspection: Inspection,
    /// The judgement.
    pub verdict: Verdict,
}

impl Preflight {
    /// Facts and judgement as one document for programs.
    #[must_use]
    pub fn document(&self) -> vmie_guest::Preflight<'_> {
        vmie_guest::Preflight {
            inspection: &self.inspection,
            verdict: &self.verdict,
        }
    }
}

/// Says whether the guest in these images would import, and why not.
///
/// # Errors
/// When a disk cannot be opened; whatever is wrong inside of one is a fact that is not established.
pub fn preflight(images: &[Image], judging: &Judging, limits: &Limits) -> Result<Preflight, Error> {
    let disks = guest_disks(images)?;
    preflight_disks(images, &disks, judging, limits)
}

/// The same with the disks opened already.
///
/// # Errors
/// When there is no disk.
pub fn preflight_disks(
    images: &[Image],
    disks: &[GuestDisk],
    judging: &Judging,
    limits: &Limits,
) -> Result<Preflight, Error> {
    let inspection = inspect(disks, limits)?;
    let request = request(images, disks, judging);
    let of_the_guide = || Matrix::edition(judging.edition);
    let matrix = judging.matrix.clone().unwrap_or_else(of_the_guide);
    let verdict = vmie_guest::judge(&inspection, &request, &matrix, judging.mode, judging.as_of);
    Ok(Preflight {
        inspection,
        verdict,
    })
}

/// Says what the guest on these disks is.
///
/// # Errors
/// When there is no disk.
pub fn inspect(disks: &[GuestDisk], limits: &Limits) -> Result<Inspection, Error> {
    Ok(vmie_guest::inspect(&views(disks), limits)?)
}

fn request(images: &[Image], disks: &[GuestDisk], judging: &Judging) -> ImportRequest {
    let mut request = ImportRequest::new();
    for disk in disks {
        let info = disk.disk.info();
        let variant = info.variant.map_or("", |variant| variant.name());
        let mut container = Container::new(info.format.name(), variant, info.virtual_size);
        if disk.in_ova {
            container = container.inside_ova();
        }
        if disk.chunked {
            container = container.in_chunks();
        }
        if !info.references.is_empty() {
            container = container.beside_others();
        }
        let footers = info.notes.iter().find(|note| footers_differ(note.kind));
        if let Some(note) = footers {
            let says = match note.offset {
                Some(at) => format!("{}, at byte {at} of the file", note.detail),
                None => note.detail.clone(),
            };
            container = container.with_footers_that_differ(Evidence::new(says));
        }
        request = request.with_container(container.named(&disk.name));
    }
    let appliance = images.iter().find_map(Image::appliance);
    if let Some(machine) = appliance.and_then(|appliance| machine(appliance.descriptor())) {
        request = request.with_machine(machine);
    }
    request.boot_mode = judging.boot_mode;
    request.license_type = judging.license_type;
    request.region.clone_from(&judging.region);
    request
}

/// What the descriptor says of its (first) machine.
fn machine(descriptor: &Descriptor) -> Option<Machine> {
    let system = descriptor.systems.first()?;
    let hardware = &system.hardware;
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let connected = |item: &&Item| {
        matches!(item.resource_type, Item::CD_DRIVE | Item::DVD_DRIVE)
            && !item.host_resources.is_empty()
    };
    let mut machine = Machine::new();
    machine.os = system.os.as_ref().map(|os| {
        let words = [&os.description, &os.os_type, &os.version];
        let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
        match os.id {
            Some(id) => format!("{id} {}", words.join(" ")).trim_end().to_owned(),
            None => words.join(" "),
        }
    });
    machine.stated = system.os.as_ref().and_then(|os| {
        // VMware's own id says more than the number.
        let by_id = os.os_type.as_deref().and_then(StatedSystem::by_guest_id);
        by_id.or_else(|| StatedSystem::by_number(os.id?))
    });
    machine.firmware.clone_from(&hardware.firmware);
    machine.cd_drives = count(hardware.items.iter().filter(connected).count());
    machine.network_cards = Some(count(hardware.network_adapters()));
    Some(machine)
}

/// Bytes of a guest's disks together.
#[must_use]
pub fn total_size(disks: &[GuestDisk]) -> u64 {
    let sizes = disks.iter().map(|disk| disk.disk.info().virtual_size);
    sizes.fold(0, u64::saturating_add)
}
