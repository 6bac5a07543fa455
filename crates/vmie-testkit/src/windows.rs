//! Phony Windows guests: the hives, programs and boot files that an inspection looks at.
//!
//! What the registry of each product says is that of Microsoft's media and documentation:
//! versions and builds by <https://learn.microsoft.com/windows/win32/sysinfo/operating-system-version>
//! and the release pages of each product, `EditionID` by the names of the editions in the media's
//! `sources/ei.cfg` and DISM (<https://learn.microsoft.com/windows-hardware/manufacture/desktop/windows-setup-edition-configuration-and-product-id-files--eicfg-and-pidtxt>).
#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "tests build with it"
)]

use crate::hive::HiveBuilder;
use crate::pe;

/// A product: the guide's name, version, build, `ProductName` without its edition.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// As the guide names it.
    pub name: &'static str,
    /// Version and build.
    pub version: (u16, u16, u16),
    /// `ProductName` before the edition.
    pub says: &'static str,
    /// Whether it is a server.
    pub server: bool,
}

const fn product(
    name: &'static str,
    version: (u16, u16, u16),
    says: &'static str,
    server: bool,
) -> Product {
    Product {
        name,
        version,
        says,
        server,
    }
}

/// Every product of the matrix.
pub const PRODUCTS: &[Product] = &[
    product(
        "Windows Server 2003",
        (5, 2, 3790),
        "Microsoft Windows Server 2003",
        true,
    ),
    product(
        "Windows Server 2003 R2",
        (5, 2, 3790),
        "Microsoft Windows Server 2003 R2",
        true,
    ),
    product(
        "Windows Server 2008",
        (6, 0, 6002),
        "Windows Server (R) 2008",
        true,
    ),
    product(
        "Windows Server 2008 R2",
        (6, 1, 7601),
        "Windows Server 2008 R2",
        true,
    ),
    product(
        "Windows Server 2012",
        (6, 2, 9200),
        "Windows Server 2012",
        true,
    ),
    product(
        "Windows Server 2012 R2",
        (6, 3, 9600),
        "Windows Server 2012 R2",
        true,
    ),
    product(
        "Windows Server 2016",
        (10, 0, 14393),
        "Windows Server 2016",
        true,
    ),
    product(
        "Windows Server 1709",
        (10, 0, 16299),
        "Windows Server",
        true,
    ),
    product(
        "Windows Server 1803",
        (10, 0, 17134),
        "Windows Server",
        true,
    ),
    product(
        "Windows Server 2019",
        (10, 0, 17763),
        "Windows Server 2019",
        true,
    ),
    product(
        "Windows Server 2022",
        (10, 0, 20348),
        "Windows Server 2022",
        true,
    ),
    product(
        "Windows Server 2025",
        (10, 0, 26100),
        "Windows Server 2025",
        true,
    ),
    product("Windows 7", (6, 1, 7601), "Windows 7", false),
    product("Windows 8", (6, 2, 9200), "Windows 8", false),
    product("Windows 8.1", (6, 3, 9600), "Windows 8.1", false),
    product("Windows 10", (10, 0, 19045), "Windows 10", false),
    // It still calls itself Windows 10.
    product("Windows 11", (10, 0, 22631), "Windows 10", false),
];

/// The product of a name in the guide.
///
/// # Panics
/// When it is none of [`PRODUCTS`].
#[must_use]
pub fn of(name: &str) -> Product {
    *PRODUCTS
        .iter()
        .find(|product| product.name == name)
        .expect("a product of the matrix")
}

/// A guest.
#[derive(Clone, Debug)]
pub struct Guest {
    /// What it is.
    pub product: Product,
    /// The edition as the guide names it, or an `EditionID` of its own.
    pub edition: String,
    /// [`pe::AMD64`], [`pe::I386`], [`pe::ARM64`].
    pub machine: u16,
    /// Whether it starts by UEFI.
    pub uefi: bool,
    /// The service pack.
    pub service_pack: u32,
    /// `InstallationType`, where it is not the usual one.
    pub installation: Option<&'static str>,
    /// The hive `SOFTWARE`, before more is put into it.
    pub software: HiveBuilder,
    /// The hive `SYSTEM`, before more is put into it.
    pub system: HiveBuilder,
    /// Files beside those that every guest has.
    pub more: Vec<(String, Vec<u8>)>,
}

/// Where the control set's keys are.
pub const CONTROL_SET: &str = "ControlSet001";

impl Guest {
    /// A guest of 64 bits that starts by a BIOS, Windows 11 by UEFI.
    #[must_use]
    pub fn new(product: Product, edition: &str) -> Self {
        Self {
            product,
            edition: edition.to_owned(),
            machine: pe::AMD64,
            uefi: product.name == "Windows 11",
            service_pack: match product.name {
                "Windows Server 2003" => 2,
                "Windows Server 2008 R2" | "Windows 7" => 1,
                _ => 0,
            },
            installation: None,
            software: HiveBuilder::new(),
            system: HiveBuilder::new(),
            more: Vec::new(),
        }
    }

    /// The `EditionID` of the edition; an edition that is none of the guide's is one already.
    #[must_use]
    pub fn edition_id(&self) -> String {
        let old_home = self.product.version.0 == 6 && self.product.version.1 < 2;
        match (self.product.server, self.edition.as_str()) {
            (true, "Standard") => "ServerStandard",
            (true, "Datacenter") => "ServerDatacenter",
            (true, "Enterprise") => "ServerEnterprise",
            (true, "Web Server") => "ServerWeb",
            (false, "Home") if old_home => "HomePremium",
            (false, "Home") => "Core",
            (_, other) => other,
        }
        .to_owned()
    }

    fn software_hive(&self) -> HiveBuilder {
        let key = "Microsoft\\Windows NT\\CurrentVersion";
        let (major, minor, build) = self.product.version;
        let build = build.to_string();
        let mut hive = self
            .software
            .clone()
            .text(key, "CurrentBuild", &build)
            .text(key, "CurrentBuildNumber", &build);
        let named = match self.product.version.0 {
            5 => self.product.says.to_owned(),
            _ => format!("{} {}", self.product.says, self.edition),
        };
        hive = hive.text(key, "ProductName", &named);
        if major >= 6 {
            let installation = match (self.installation, self.product.server) {
                (Some(kind), _) => kind,
                (None, true) => "Server",
                (None, false) => "Client",
            };
            hive = hive.text(key, "EditionID", &self.edition_id()).text(
                key,
                "InstallationType",
                installation,
            );
        }
        if major >= 10 {
            hive = hive
                .text(key, "CurrentVersion", "6.3")
                .number(key, "CurrentMajorVersionNumber", u32::from(major))
                .number(key, "CurrentMinorVersionNumber", u32::from(minor))
                .number(key, "UBR", 107);
        } else {
            hive = hive.text(key, "CurrentVersion", &format!("{major}.{minor}"));
        }
        if self.service_pack > 0 {
            let pack = format!("Service Pack {}", self.service_pack);
            hive = hive.text(key, "CSDVersion", &pack);
        }
        hive
    }

    fn system_hive(&self) -> HiveBuilder {
        let under = |path: &str| format!("{CONTROL_SET}\\{path}");
        let kind = if self.product.server {
            "ServerNT"
        } else {
            "WinNT"
        };
        let mut hive = self.system.clone();
        if self.product.version.0 < 6 {
            let suite = match self.edition.as_str() {
                "Datacenter" => "DataCenter",
                "Enterprise" => "Enterprise",
                "Web" => "Blade",
                _ => "Terminal Server",
            };
            hive = hive.texts(&under("Control\\ProductOptions"), "ProductSuite", &[suite]);
        }
        let options = under("Control\\ProductOptions");
        if !self.has_value("ProductType") {
            hive = hive.text(&options, "ProductType", kind);
        }
        if !self.has_value("Language") {
            hive = hive.text(&under("Control\\Nls\\Language"), "Default", "0409");
        }
        hive.number("Select", "Current", 1)
            .number("Select", "Default", 1)
            .text(
                &under("Control\\ComputerName\\ComputerName"),
                "ComputerName",
                "PHONY",
            )
            .text(
                &under("Control\\TimeZoneInformation"),
                "TimeZoneKeyName",
                "UTC",
            )
    }

    fn has_value(&self, mark: &str) -> bool {
        self.more.iter().any(|(path, _)| path == mark)
    }

    /// The files of the system's volume.
    #[must_use]
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let (major, minor, build) = self.product.version;
        let mut files = vec![
            (
                "/Windows/System32/config/SOFTWARE".to_owned(),
                self.software_hive().build(),
            ),
            (
                "/Windows/System32/config/SYSTEM".to_owned(),
                self.system_hive().build(),
            ),
            (
                "/Windows/System32/ntoskrnl.exe".to_owned(),
                pe::program(self.machine, [major, minor, build, 107]),
            ),
        ];
        if major < 6 {
            files.push(("/boot.ini".to_owned(), b"[boot loader]\r\n".to_vec()));
        }
        let real = self.more.iter().filter(|(path, _)| path.starts_with('/'));
        files.extend(real.cloned());
        files
    }

    /// The files of the volume that firmware starts.
    #[must_use]
    pub fn boot_files(&self) -> Vec<(String, Vec<u8>)> {
        if self.product.version.0 < 6 {
            return Vec::new();
        }
        let store = store(self.uefi, &[]).build();
        match self.uefi {
            true => vec![
                ("/EFI/Microsoft/Boot/BCD".to_owned(), store),
                (
                    "/EFI/Microsoft/Boot/bootmgfw.efi".to_owned(),
                    pe::program(self.machine, [10, 0, 1, 0]),
                ),
            ],
            false => vec![
                ("/Boot/BCD".to_owned(), store),
                ("/bootmgr".to_owned(), vec![0xeb]),
            ],
        }
    }
}

/// Boot configuration data with one Windows, and these elements switched on in its loader.
#[must_use]
pub fn store(uefi: bool, on: &[&str]) -> HiveBuilder {
    let manager = "Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}";
    let id = "{11111111-2222-3333-4444-555555555555}";
    let loader = format!("Objects\\{id}");
    let path = match uefi {
        true => "\\Windows\\system32\\winload.efi",
        false => "\\Windows\\system32\\winload.exe",
    };
    let element = |object: &str, name: &str| format!("{object}\\Elements\\{name}");
    let mut hive = HiveBuilder::new()
        .number(&format!("{manager}\\Description"), "Type", 0x1010_0002)
        .text(&element(manager, "23000003"), "Element", id)
        .texts(&element(manager, "24000001"), "Element", &[id])
        .number(&format!("{loader}\\Description"), "Type", 0x1020_0003)
        .text(&element(&loader, "12000002"), "Element", path)
        .text(&element(&loader, "12000004"), "Element", "Windows")
        .text(&element(&loader, "22000002"), "Element", "\\Windows");
    for name in on {
        hive = hive.value(&element(&loader, name), "Element", 3, &[1]);
    }
    hive
}
