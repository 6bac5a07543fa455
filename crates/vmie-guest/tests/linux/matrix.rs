//! A guest for every row of the matrix, every version that a row names and every kernel; and beside
//! each its near misses.

use std::collections::HashMap;

use vmie_guest::{Decision, Matrix, Mode};
use vmie_rules::matrix::{Edition, LinuxRow};
use vmie_testkit::linux::{Guest, KERNELS, Machine, beside, guests_of, origins};

use crate::{UUID, as_of, layout, look, say};

fn guest<'a>(row: &'a LinuxRow, version: &'a str, pack: u32, kernel: &'a str) -> Guest<'a> {
    Guest {
        id: &row.id,
        version,
        service_pack: pack,
        kernel,
        machine: Machine::X86_64,
        uuid: UUID,
        filesystem: "ext4",
    }
}

#[test]
fn svc_os_every_row_takes_its_guests_and_names_itself() {
    let layout = layout();
    let mut guests = 0;
    for edition in [Edition::E2025, Edition::E2026] {
        let matrix = Matrix::edition(edition);
        for row in &matrix.linux {
            for (version, pack, kernel) in guests_of(row) {
                let found = look(&layout, &guest(row, &version, pack, kernel));
                let what = format!("{edition:?} {row}: {version} SP{pack} {kernel}");
                let system = &found.systems[0];
                assert_eq!(system.os.id.get().unwrap(), &row.id, "{what}");
                assert_eq!(
                    system.default_kernel.get().unwrap().release,
                    kernel,
                    "{what}"
                );
                assert!(system.initramfs.get().unwrap().has("nvme"), "{what}");
                for mode in [Mode::Strict, Mode::Practical] {
                    let verdict = say(&found, &matrix, mode);
                    let deprecated = row.deprecated(as_of()).is_some();
                    let expected = match mode {
                        Mode::Strict if deprecated => Decision::Refused,
                        _ => Decision::Accepted,
                    };
                    assert_eq!(
                        verdict.decision, expected,
                        "{what} {mode}: {:?}",
                        verdict.findings
                    );
                    assert_eq!(
                        verdict.row.as_deref(),
                        Some(row.label().as_str()),
                        "{what} {mode}"
                    );
                    assert_eq!(
                        verdict.finding("row-deprecated").is_some(),
                        deprecated,
                        "{what}"
                    );
                }
                guests += 1;
            }
        }
    }
    assert!(guests >= 200, "{guests}");
}

#[test]
fn svc_err_26_a_kernel_beside_the_list_is_refused_with_its_release() {
    let layout = layout();
    let matrix = Matrix::edition(Edition::E2026);
    for row in &matrix.linux {
        let (version, pack, kernel) = guests_of(row).remove(0);
        let kernel = beside(kernel);
        let by_suffix = row.kernels.iter().any(|listed| listed.series.is_none());
        let found = look(&layout, &guest(row, &version, pack, &kernel));
        for mode in [Mode::Strict, Mode::Practical] {
            let verdict = say(&found, &matrix, mode);
            // Oracle Linux 5 lists whatever kernel is a UEK.
            if by_suffix {
                assert!(verdict.finding("kernel-not-listed").is_none(), "{row}");
                continue;
            }
            assert_eq!(verdict.decision, Decision::Refused, "{row} {kernel}");
            let finding = verdict.finding("kernel-not-listed").unwrap();
            let text = format!("ClientError: Unsupported kernel version {kernel}");
            assert_eq!(finding.service_message.as_deref(), Some(text.as_str()));
            assert!(!finding.evidence.is_empty() && !finding.remedy.is_empty());
        }
    }
}

#[test]
fn svc_lim_6_other_machines_are_refused_for_every_row() {
    let layout = layout();
    let matrix = Matrix::edition(Edition::E2026);
    for row in &matrix.linux {
        let (version, pack, kernel) = guests_of(row).remove(0);
        for machine in [Machine::I386, Machine::Arm64] {
            let guest = Guest {
                machine,
                ..guest(row, &version, pack, kernel)
            };
            let verdict = say(&look(&layout, &guest), &matrix, Mode::Practical);
            assert_eq!(verdict.decision, Decision::Refused, "{row} {machine:?}");
            let finding = verdict.finding("architecture-unsupported").unwrap();
            assert!(finding.evidence[0].says.contains("ELF"), "{row}");
        }
    }
}

#[test]
fn svc_os_3_a_release_that_no_row_names_is_refused_as_unknown() {
    let layout = layout();
    let matrix = Matrix::edition(Edition::E2026);
    let kernels: HashMap<&str, &str> = KERNELS
        .iter()
        .map(|kernel| (kernel.id, kernel.release))
        .collect();
    for (id, version) in [
        ("amzn", "1"),
        ("centos", "10"),
        ("debian", "13.1"),
        ("fedora", "41"),
        ("ol", "11.0"),
        ("rhel", "11.0"),
        ("rocky", "8.9"),
        ("sles", "16"),
        ("ubuntu", "25.04"),
    ] {
        let guest = Guest {
            id,
            version,
            service_pack: 0,
            kernel: kernels[id],
            machine: Machine::X86_64,
            uuid: UUID,
            filesystem: "ext4",
        };
        let verdict = say(&look(&layout, &guest), &matrix, Mode::Practical);
        assert_eq!(verdict.decision, Decision::Refused, "{id} {version}");
        let finding = verdict.finding("version-not-listed").unwrap();
        let text = finding.service_message.as_deref();
        assert_eq!(
            text,
            Some("ClientError: Unknown OS / Missing OS files"),
            "{id}"
        );
        assert_eq!(verdict.row, None);
    }
}

#[test]
fn every_guests_files_and_kernels_say_where_they_are_from() {
    for kernel in KERNELS {
        assert!(kernel.origin.starts_with("https://"), "{kernel:?}");
    }
    let matrix = Matrix::edition(Edition::E2026);
    for row in &matrix.linux {
        assert!(origins().iter().any(|(id, _)| *id == row.id), "{row}");
    }
}
