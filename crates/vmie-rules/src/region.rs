//! Regions: which must be opted into, and who writes an instance export into a bucket there.

use crate::Date;
use crate::matrix::Edition;

/// A Region as far as imports and exports tell Regions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Region {
    /// The code: `eu-central-1`.
    pub code: &'static str,
    /// The name as the guide prints it: `Europe (Frankfurt)`.
    pub name: &'static str,
    /// Whether an account must enable it first (SVC-OS-4).
    pub opt_in: bool,
    /// The canonical id that an export bucket's ACL grants READ_ACP and WRITE to (SVC-IAM-5).
    pub canonical_id: &'static str,
    /// Whether import-instance takes Linux there (SVC-TASK-3).
    pub import_instance: bool,
    /// The first edition of the guide that knows it.
    pub since: Edition,
}

/// The day since when UEFI is supported in all commercial Regions (SVC-BOOT-9).
pub const UEFI_SINCE: Date = Date::UEFI_2024;

impl Region {
    /// Whether it is a commercial one: neither in China nor for a government. Those are partitions of their
    /// own, and the beginning of their codes tells them.
    #[must_use]
    pub fn is_commercial(&self) -> bool {
        !self.code.starts_with("cn-") && !self.code.starts_with("us-gov-")
    }

    /// Whether the guide says that an import by UEFI is supported there on that day (SVC-BOOT-9). It says so
    /// of commercial Regions, from [`UEFI_SINCE`] on, and nothing of others or of the time before.
    #[must_use]
    pub fn has_uefi(&self, as_of: Date) -> bool {
        self.is_commercial() && as_of >= UEFI_SINCE
    }
}

/// The canonical id of every Region without one of its own (SVC-IAM-5, "all others").
pub const CANONICAL_ID_OF_OTHERS: &str =
    "c4d8eabf8db69dbe46bfe0e517100c554f01200b104d59cd408e777ba442a322";

const CHINA: &str = "834bafd86b15b6ca71074df0fd1f93d234b9d5e848a2cb31f880c149003ce36f";
const GOVCLOUD: &str = "af913ca13efe7a94b88392711f6cfc8aa07c9d1454d4f190a624b126733a5602";

const fn plain(code: &'static str, name: &'static str, import_instance: bool) -> Region {
    Region {
        code,
        name,
        opt_in: false,
        canonical_id: CANONICAL_ID_OF_OTHERS,
        import_instance,
        since: Edition::E2025,
    }
}

const fn opt_in(code: &'static str, name: &'static str, canonical_id: &'static str) -> Region {
    let since = Edition::E2025;
    Region {
        code,
        name,
        opt_in: true,
        canonical_id,
        import_instance: false,
        since,
    }
}

const fn with_id(region: Region, canonical_id: &'static str) -> Region {
    Region {
        canonical_id,
        ..region
    }
}

const fn new_in_2026(region: Region) -> Region {
    Region {
        since: Edition::E2026,
        ..region
    }
}

/// Every Region that the guide or the API's documentation names, by code.
///
/// Ids of Malaysia and Tel Aviv are those of the 2026 edition: the 2025 edition prints them a
/// digit or two short.
pub const REGIONS: &[Region] = &[
    opt_in(
        "af-south-1",
        "Africa (Cape Town)",
        "3f7744aeebaf91dd60ab135eb1cf908700c8d2bc9133e61261e6c582be6e33ee",
    ),
    opt_in(
        "ap-east-1",
        "Asia Pacific (Hong Kong)",
        "97ee7ab57cc9b5034f31e107741a968e595c0d7a19ec23330eae8d045a46edfb",
    ),
    new_in_2026(opt_in(
        "ap-east-2",
        "Asia Pacific (Taipei)",
        "a9fa0eb7c8483f9558cd14b24d16e9c4d1555261a320b586a3a06908ff0047ce",
    )),
    plain("ap-northeast-1", "Asia Pacific (Tokyo)", true),
    plain("ap-northeast-2", "Asia Pacific (Seoul)", true),
    with_id(
        plain("ap-northeast-3", "Asia Pacific (Osaka)", false),
        "40f22ffd22d6db3b71544ed6cd00c8952d8b0a63a87d58d5b074ec60397db8c9",
    ),
    plain("ap-south-1", "Asia Pacific (Mumbai)", true),
    opt_in(
        "ap-south-2",
        "Asia Pacific (Hyderabad)",
        "77ab5ec9eac9ade710b7defed37fe0640f93c5eb76ea65a64da49930965f18ca",
    ),
    plain("ap-southeast-1", "Asia Pacific (Singapore)", true),
    plain("ap-southeast-2", "Asia Pacific (Sydney)", true),
    opt_in(
        "ap-southeast-3",
        "Asia Pacific (Jakarta)",
        "de34aaa6b2875fa3d5086459cb4e03147cf1a9f7d03d82f02bedb991ff3d1df5",
    ),
    opt_in(
        "ap-southeast-4",
        "Asia Pacific (Melbourne)",
        "8b8ea36ab97c280aa8558c57a380353ac7712f01f82c21598afbb17e188b9ad5",
    ),
    opt_in(
        "ap-southeast-5",
        "Asia Pacific (Malaysia)",
        "ed006f67543afcfe0779e356e52d5ed53fa45f95bcd7d277147dfc027aaca0e7",
    ),
    new_in_2026(opt_in(
        "ap-southeast-6",
        "Asia Pacific (New Zealand)",
        "2dc8fa4ca1c59da5c6a4c5b0e397eea130ec62e49f18cff179034665fd20e8a2",
    )),
    opt_in(
        "ap-southeast-7",
        "Asia Pacific (Thailand)",
        "d011fe83abcc227a7ac0f914ce411d3630c4ef735e92e88ce0aa796dcfecfbdd",
    ),
    plain("ca-central-1", "Canada (Central)", true),
    opt_in(
        "ca-west-1",
        "Canada West (Calgary)",
        "78e12f8d798f89502177975c4ccdac686c583765cea2bf06e9b34224e2953c83",
    ),
    with_id(plain("cn-north-1", "China (Beijing)", true), CHINA),
    with_id(plain("cn-northwest-1", "China (Ningxia)", false), CHINA),
    plain("eu-central-1", "Europe (Frankfurt)", true),
    opt_in(
        "eu-central-2",
        "Europe (Zurich)",
        "5d9fcea77b2fb3df05fc15c893f212ae1d02adb4b24c13e18586db728a48da67",
    ),
    plain("eu-north-1", "Europe (Stockholm)", false),
    opt_in(
        "eu-south-1",
        "Europe (Milan)",
        "04636d9a349e458b0c1cbf1421858b9788b4ec28b066148d4907bb15c52b5b9c",
    ),
    opt_in(
        "eu-south-2",
        "Europe (Spain)",
        "6e81c4c52a37a7f59e103625162ed97bcd0e646593adb107d21310d093151518",
    ),
    plain("eu-west-1", "Europe (Ireland)", true),
    plain("eu-west-2", "Europe (London)", false),
    plain("eu-west-3", "Europe (Paris)", false),
    opt_in(
        "il-central-1",
        "Israel (Tel Aviv)",
        "328a78de7561501444823ebeb59152eca7cb58fee2fe2e4223c2cdd9f93ae931",
    ),
    opt_in(
        "me-central-1",
        "Middle East (UAE)",
        "7d3018832562b7b6c126f5832211fae90bd3eee3ed3afde192d990690267e475",
    ),
    opt_in(
        "me-south-1",
        "Middle East (Bahrain)",
        "aa763f2cf70006650562c62a09433f04353db3cba6ba6aeb3550fdc8065d3d9f",
    ),
    opt_in(
        "mx-central-1",
        "Mexico (Central)",
        "edaff67fe25d544b855bd0ba9a74a99a2584ab89ceda0a9661bdbeca530d0fca",
    ),
    plain("sa-east-1", "South America (São Paulo)", true),
    plain("us-east-1", "US East (N. Virginia)", true),
    plain("us-east-2", "US East (Ohio)", true),
    with_id(
        plain("us-gov-east-1", "AWS GovCloud (US-East)", false),
        GOVCLOUD,
    ),
    with_id(
        plain("us-gov-west-1", "AWS GovCloud (US-West)", true),
        GOVCLOUD,
    ),
    plain("us-west-1", "US West (N. California)", true),
    plain("us-west-2", "US West (Oregon)", true),
];

/// The Region of a code.
#[must_use]
pub fn region(code: &str) -> Option<&'static Region> {
    REGIONS.iter().find(|region| region.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn svc_iam_5_codes_are_sorted_and_ids_are_64_hexadecimal_digits() {
        assert!(REGIONS.is_sorted_by(|left, right| left.code < right.code));
        for region in REGIONS {
            assert_eq!(region.canonical_id.len(), 64, "{}", region.code);
            let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            assert!(region.canonical_id.bytes().all(hex), "{}", region.code);
        }
    }

    #[test]
    fn svc_boot_9_uefi_is_supported_in_commercial_regions_since_a_day() {
        let day = |day| Date::new(2024, 4, day).unwrap();
        for one in REGIONS {
            assert!(!one.has_uefi(day(17)), "{}", one.code);
            assert_eq!(one.has_uefi(day(18)), one.is_commercial(), "{}", one.code);
        }
        let others: alloc::vec::Vec<&str> = REGIONS
            .iter()
            .filter(|one| !one.is_commercial())
            .map(|one| one.code)
            .collect();
        assert_eq!(
            others,
            [
                "cn-north-1",
                "cn-northwest-1",
                "us-gov-east-1",
                "us-gov-west-1"
            ]
        );
    }

    /// The Regions that an account must enable, with the editions that know them.
    #[test]
    fn svc_os_4_opt_in_regions_are_those_of_the_guide() {
        for (code, opt_in) in [
            ("af-south-1", true),
            ("ap-southeast-7", true),
            ("eu-central-2", true),
            ("il-central-1", true),
            ("eu-central-1", false),
            ("us-east-1", false),
            ("cn-north-1", false),
        ] {
            assert_eq!(
                region(code).map(|region| region.opt_in),
                Some(opt_in),
                "{code}"
            );
        }
    }

    #[test]
    fn import_instance_takes_linux_in_fifteen_regions() {
        assert_eq!(
            REGIONS
                .iter()
                .filter(|region| region.import_instance)
                .count(),
            15
        );
        assert!(region("us-gov-west-1").is_some_and(|region| region.import_instance));
        assert!(region("mars-north-1").is_none());
    }
}
