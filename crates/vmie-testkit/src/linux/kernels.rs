//! Kernel releases that distributions shipped, and where that is documented.

/// A kernel release of a system.
#[derive(Clone, Copy, Debug)]
pub struct KernelOrigin {
    /// The `ID` of os-release.
    pub id: &'static str,
    /// What `uname -r` says.
    pub release: &'static str,
    /// Where the system's kernels are listed.
    pub origin: &'static str,
}

const AMAZON_2: &str = "https://docs.aws.amazon.com/AL2/latest/relnotes/relnotes-al2.html";
const AMAZON_2023: &str = "https://docs.aws.amazon.com/linux/al2023/release-notes/relnotes.html";
const CENTOS: &str = "https://vault.centos.org/";
const DEBIAN: &str = "https://snapshot.debian.org/binary/?cat=l";
const FEDORA: &str = "https://koji.fedoraproject.org/koji/packageinfo?packageID=8";
const ORACLE: &str = "https://yum.oracle.com/";
const RHEL: &str = "https://access.redhat.com/articles/3078";
const ROCKY: &str = "https://wiki.rockylinux.org/rocky/version/";
const SUSE: &str = "https://www.suse.com/support/kb/doc/?id=000019587";
const UBUNTU: &str = "https://launchpad.net/ubuntu/+source/linux";
/// The service's own table, where the distribution shipped another kernel: Fedora 18 came with 3.6,
/// Ubuntu 23.04 with 6.2, Oracle Linux 6 and 9 with a 2.6.39 and a 5.15 that are UEK.
const GUIDE: &str = "https://docs.aws.amazon.com/vm-import/latest/userguide/prerequisites.html";

macro_rules! kernels {
    ($($id:literal, $origin:expr => [$($release:literal),* $(,)?];)*) => {
        /// Every release, oldest first within a system.
        pub const KERNELS: &[KernelOrigin] = &[$($(KernelOrigin {
            id: $id,
            release: $release,
            origin: $origin,
        },)*)*];
    };
}

kernels! {
    "amzn", AMAZON_2 => [
        "4.14.181-142.260.amzn2.x86_64", "4.19.84-33.70.amzn2.x86_64",
        "5.4.117-58.216.amzn2.x86_64", "5.10.230-223.885.amzn2.x86_64",
    ];
    "amzn", AMAZON_2023 => ["6.1.21-1.45.amzn2023.x86_64"];
    "centos", CENTOS => [
        "2.6.18-398.el5", "2.6.32-642.el6.x86_64", "3.10.0-1160.el7.x86_64",
        "4.18.0-193.el8.x86_64", "5.14.0-362.el9.x86_64",
    ];
    "debian", DEBIAN => [
        "2.6.32-5-amd64", "3.2.0-4-amd64", "4.19.0-6-amd64", "5.10.0-8-amd64", "6.1.0-13-amd64",
    ];
    "fedora", GUIDE => ["3.2.5-1.fc18.x86_64"];
    "fedora", FEDORA => [
        "3.9.5-301.fc19.x86_64", "3.11.10-301.fc20.x86_64", "6.0.7-301.fc37.x86_64",
        "6.2.9-300.fc38.x86_64", "6.5.6-300.fc39.x86_64",
    ];
    "ol", ORACLE => [
        "2.6.39-400.215.10.el5uek", "2.6.32-754.el6.x86_64", "3.8.13-68.3.4.el6uek.x86_64",
        "4.1.12-124.16.4.el6uek.x86_64", "3.10.0-957.el7.x86_64", "3.8.13-118.19.4.el7uek.x86_64",
        "4.1.12-124.16.4.el7uek.x86_64", "4.14.35-1818.3.3.el7uek.x86_64",
        "5.4.17-2011.0.7.el7uek.x86_64", "4.18.0-513.5.1.el8_9.x86_64",
        "5.15.0-200.131.27.el8uek.x86_64", "5.14.0-427.13.1.el9_4.x86_64",
        "5.15.0-205.149.5.1.el9uek.x86_64", "6.12.0-100.28.2.el9uek.x86_64",
        "6.12.0-100.28.2.el10uek.x86_64",
    ];
    "ol", GUIDE => [
        "2.6.39-400.17.1.el6.x86_64", "5.15.0-205.149.5.1.el9.x86_64",
        "6.12.0-55.9.1.el9_6.x86_64",
    ];
    "rhel", RHEL => [
        "2.6.18-398.el5", "2.6.32-573.el6.x86_64", "3.10.0-1160.el7.x86_64",
        "4.18.0-513.5.1.el8_9.x86_64", "5.14.0-427.13.1.el9_4.x86_64", "6.12.0-55.9.1.el10_0.x86_64",
    ];
    "rocky", ROCKY => ["5.14.0-427.13.1.el9_4.x86_64", "6.12.0-55.9.1.el10_0.x86_64"];
    "sles", SUSE => [
        "2.6.32.12-0.7-default", "3.0.13-0.27-default", "3.0.76-0.11-default",
        "3.0.101-63-default", "3.12.28-4-default", "3.12.49-11-default", "4.4.21-69-default",
        "4.12.14-120-default", "5.3.18-57-default", "5.14.21-150400.22-default",
        "6.4.0-150600.21-default",
    ];
    "ubuntu", UBUNTU => [
        "3.2.0-23-generic", "3.5.0-17-generic", "3.8.0-19-generic", "3.11.0-12-generic",
        "3.13.0-24-generic", "3.16.0-30-generic", "3.19.0-25-generic", "4.2.0-42-generic",
        "4.4.0-21-generic", "4.8.0-36-generic", "4.10.0-28-generic", "4.15.0-24-generic",
        "5.4.0-42-generic", "5.15.0-25-generic", "6.8.0-31-generic", "6.11.0-17-generic",
    ];
}

/// The releases of a system.
pub fn kernels_of(id: &str) -> impl Iterator<Item = &'static str> {
    KERNELS
        .iter()
        .filter(move |kernel| kernel.id == id)
        .map(|kernel| kernel.release)
}
