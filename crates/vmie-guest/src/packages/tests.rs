use std::io::Read;

use proptest::prelude::*;

use super::*;

const LIST: &str = include_str!("../../fixtures/rpmdb/packages.list");

fn unpacked(mut packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(&mut packed).unwrap();
    decoder.read_to_end(&mut bytes).unwrap();
    bytes
}

fn databases() -> [(RpmDatabase, Vec<u8>); 3] {
    [
        (
            RpmDatabase::Sqlite,
            unpacked(include_bytes!("../../fixtures/rpmdb/sqlite.zst")),
        ),
        (
            RpmDatabase::Ndb,
            unpacked(include_bytes!("../../fixtures/rpmdb/ndb.zst")),
        ),
        (
            RpmDatabase::Bdb,
            unpacked(include_bytes!("../../fixtures/rpmdb/bdb.zst")),
        ),
    ]
}

fn listed(form: RpmDatabase, mut bytes: &[u8]) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    rpm(form, &mut bytes, &mut |package| {
        found.push(format!(
            "{}-{}-{}.{}",
            package.name, package.version, package.release, package.arch
        ));
    })?;
    found.sort();
    Ok(found)
}

#[test]
fn svc_err_29_every_form_of_rpms_database_is_listed_as_rpm_lists_it() {
    let expected: Vec<&str> = LIST.lines().collect();
    for (form, bytes) in databases() {
        assert_eq!(listed(form, &bytes).unwrap(), expected, "{form:?}");
    }
}

#[test]
fn a_database_that_ends_too_early_is_damaged() {
    for (form, bytes) in databases() {
        for len in (0..bytes.len()).step_by(997) {
            match listed(form, &bytes[..len]) {
                Ok(found) => assert!(found.len() <= 20, "{form:?} {len}"),
                Err(error) => assert_eq!(error.cause(), Cause::Database, "{form:?} {len}: {error}"),
            }
        }
        let error = listed(form, b"").unwrap_err();
        assert_eq!(error.cause(), Cause::Database);
        for (other, bytes) in databases() {
            if other != form {
                assert_eq!(listed(form, &bytes).unwrap_err().cause(), Cause::Database);
            }
        }
    }
}

#[test]
fn a_tree_of_pages_that_leads_to_itself_ends() {
    let [(_, mut bytes), ..] = databases();
    // The root of the schema becomes an inner page whose right-most child is itself.
    bytes[100] = 5;
    bytes[103..105].fill(0);
    bytes[108..112].copy_from_slice(&1u32.to_be_bytes());
    let error = listed(RpmDatabase::Sqlite, &bytes).unwrap_err();
    assert_eq!(error.cause(), Cause::Limit);
}

fn package(name: &str, version: &str, release: &str) -> Package {
    Package {
        name: name.to_owned(),
        version: version.to_owned(),
        release: release.to_owned(),
        arch: "x86_64".to_owned(),
    }
}

#[test]
fn svc_lim_6_packages_know_their_kernels() {
    for (name, version, release, kernel) in [
        ("kernel", "2.6.18", "398.el5", "2.6.18-398.el5"),
        ("kernel-xen", "2.6.18", "398.el5", "2.6.18-398.el5xen"),
        ("kernel", "3.10.0", "1160.el7", "3.10.0-1160.el7.x86_64"),
        (
            "kernel-rt-core",
            "5.14.0",
            "427.13.1.el9_4",
            "5.14.0-427.13.1.el9_4.x86_64+rt",
        ),
        (
            "kernel-uek-core",
            "5.15.0",
            "200.131.27.el8uek",
            "5.15.0-200.131.27.el8uek.x86_64",
        ),
        (
            "kernel-default",
            "5.14.21",
            "150400.24.100.2",
            "5.14.21-150400.24.100-default",
        ),
        (
            "linux-image-6.1.0-13-amd64",
            "6.1.55-1",
            "",
            "6.1.0-13-amd64",
        ),
        (
            "linux-image-unsigned-6.8.0-31-generic",
            "6.8.0-31.31",
            "",
            "6.8.0-31-generic",
        ),
    ] {
        assert!(
            package(name, version, release).holds_kernel(kernel),
            "{name}"
        );
    }
    for (name, version, release, kernel) in [
        ("kernel-devel", "5.14.0", "427.el9", "5.14.0-427.el9.x86_64"),
        ("kernel-core", "5.14.0", "42", "5.14.0-427.el9.x86_64"),
        ("kernel-core", "5.14.0", "427.el9", "5.14.0-362.el9.x86_64"),
        ("linux-image-amd64", "6.1.55-1", "", "6.1.0-13-amd64"),
        (
            "linux-image-6.1.0-13-amd64-dbg",
            "6.1.55-1",
            "",
            "6.1.0-13-amd64-dbg",
        ),
    ] {
        assert!(
            !package(name, version, release).holds_kernel(kernel),
            "{name}"
        );
    }
}

#[test]
fn dpkgs_list_tells_what_is_installed() {
    let text = "Package: linux-image-6.1.0-13-amd64\nStatus: install ok installed\nPriority: optional\n\
        Architecture: amd64\nVersion: 6.1.55-1\nDescription: x\n Package: not this\n\n\
        Package: old\nStatus: deinstall ok config-files\nVersion: 1\n\n\
        Package: openssh-server\nStatus: install ok installed\nVersion: 1:9.2p1-2\n";
    let mut found = Vec::new();
    dpkg(&mut text.as_bytes(), &mut |package| found.push(package)).unwrap();
    let names: Vec<_> = found
        .iter()
        .map(|one| (one.name.as_str(), one.version.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("linux-image-6.1.0-13-amd64", "6.1.55-1"),
            ("openssh-server", "1:9.2p1-2"),
        ]
    );
}

proptest! {
    #[test]
    fn nothing_panics(
        at in 0usize..3,
        changes in prop::collection::vec((0usize..20_000, any::<u8>()), 1..8),
    ) {
        let (form, mut bytes) = databases()[at].clone();
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        let _ = listed(form, &bytes);
    }
}
