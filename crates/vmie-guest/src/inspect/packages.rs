//! What the database of packages says: which kernels came from the distribution.

use vmie_fs::GuestPath;

use super::tree::{File, Tree};
use crate::packages::{self, Package, RpmDatabase};
use crate::{Cause, Fact, Kernel, KernelSource, Packages};

/// Folders of rpm's database: the newer is a link to the older in some, and the other way round.
const RPM_FOLDERS: &[&str] = &["/usr/lib/sysimage/rpm", "/var/lib/rpm"];
const DPKG: &str = "/var/lib/dpkg/status";
/// Packages with a DHCP client or an SSH server in them.
const REACH: &[&str] = &[
    "NetworkManager",
    "dhclient",
    "dhcp-client",
    "dhcpcd",
    "dhcpcd-base",
    "dhcpcd5",
    "isc-dhcp-client",
    "network-manager",
    "openssh",
    "openssh-server",
    "pump",
    "systemd",
    "systemd-networkd",
    "udhcpc",
    "wicked",
];
/// Kernels that are taken.
const MAX_KERNELS: usize = 64;

/// Lists the packages, and marks the kernels that come from one.
pub(super) fn packages(tree: &Tree, kernels: &mut [Kernel]) -> Fact<Packages> {
    let mut found = Packages::default();
    let mut holders: Vec<Package> = Vec::new();
    let mut each = |package: Package, found: &mut Packages| {
        found.count = found.count.saturating_add(1);
        if REACH.contains(&package.name.as_str()) {
            found.reach.push(package.name.clone());
        }
        if package.is_kernel() && holders.len() < MAX_KERNELS {
            holders.push(package);
        }
    };
    let (path, result) = match database(tree) {
        Some((path, form)) => {
            found.form = form.map_or("dpkg", RpmDatabase::name);
            let opened = tree.namespace.open(&GuestPath::new(&path));
            let result = match opened {
                Ok(file) => {
                    let mut file = File(file);
                    let mut each = |package| each(package, &mut found);
                    match form {
                        Some(form) => packages::rpm(form, &mut file, &mut each),
                        None => packages::dpkg(&mut file, &mut each),
                    }
                    .map_err(|error| match error.cause() {
                        Cause::Limit => "it holds more than is looked at".to_owned(),
                        cause => cause.to_string(),
                    })
                }
                Err(error) => Err(super::clause(&error)),
            };
            (path, result)
        }
        None => {
            let why = tree.hidden("/var/lib/rpm").unwrap_or_else(|| {
                "no database of packages that is read here was found".to_owned()
            });
            return Fact::unknown(why, Vec::new());
        }
    };
    if let Err(why) = result {
        let saw = tree.evidence(&path, why.clone());
        return Fact::unknown(format!("{path} cannot be read: {why}"), vec![saw]);
    }
    for kernel in kernels {
        let holder = holders
            .iter()
            .find(|package| package.holds_kernel(&kernel.release));
        if let Some(package) = holder {
            kernel.sources.push(KernelSource::Package);
            kernel
                .evidence
                .push(tree.evidence(&path, format!("the package {}", package.name)));
        }
    }
    found.kernels = holders;
    let says = format!("{} packages ({})", found.count, found.form);
    Fact::known(found, vec![tree.evidence(&path, says)])
}

/// The database that is there; of dpkg's and rpm's the one with something in it.
fn database(tree: &Tree) -> Option<(String, Option<RpmDatabase>)> {
    if tree.size(DPKG).is_some_and(|size| size > 0) {
        return Some((DPKG.to_owned(), None));
    }
    RPM_FOLDERS.iter().find_map(|folder| {
        RpmDatabase::ALL.iter().find_map(|form| {
            let path = format!("{folder}/{}", form.file());
            tree.size(&path)
                .is_some_and(|size| size > 0)
                .then_some((path, Some(*form)))
        })
    })
}
