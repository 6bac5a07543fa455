//! Names that Linux gives to what is put together.

use std::collections::HashSet;

use crate::VolumeId;

/// A name of device-mapper: a hyphen within a part is doubled, since one stands between them.
fn mapper(group: &str, volume: &str) -> String {
    format!("{}-{}", group.replace('-', "--"), volume.replace('-', "--"))
}

/// What a logical volume is called.
pub(super) fn of_lvm(group: &str, volume: &str) -> Vec<String> {
    let mapped = mapper(group, volume);
    vec![
        format!("/dev/{group}/{volume}"),
        format!("/dev/mapper/{mapped}"),
        format!("/dev/disk/by-id/dm-name-{mapped}"),
    ]
}

/// The name of an array, and what it is called.
pub(super) fn of_md(name: &str, minor: Option<u32>, uuid: &str) -> (VolumeId, Vec<String>) {
    let by_id = format!("/dev/disk/by-id/md-uuid-{uuid}");
    let number = minor.or_else(|| name.parse().ok());
    match number {
        Some(number) => (
            VolumeId::assembled(&format!("md{number}")),
            vec![
                format!("/dev/md{number}"),
                format!("/dev/md/{number}"),
                by_id,
            ],
        ),
        None if name.is_empty() => (VolumeId::assembled(&format!("md/{uuid}")), vec![by_id]),
        None => (
            VolumeId::assembled(&format!("md/{name}")),
            vec![format!("/dev/md/{name}"), by_id],
        ),
    }
}

/// A UUID as mdadm writes it: four words of eight digits.
pub(super) fn md_uuid(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(35);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 8 | 12) {
            text.push(':');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// The names in use.
#[derive(Default)]
pub(super) struct Taken {
    ids: HashSet<VolumeId>,
}

impl Taken {
    /// The name itself, or with a number when it is in use; says which.
    pub(super) fn claim(&mut self, id: VolumeId) -> (VolumeId, bool) {
        if self.ids.insert(id.clone()) {
            return (id, true);
        }
        // There are fewer volumes than that.
        for number in 2..=super::MAX_VOLUMES.saturating_add(2) {
            let other = VolumeId::assembled(&format!("{id}#{number}"));
            if self.ids.insert(other.clone()) {
                return (other, false);
            }
        }
        (id, false)
    }
}
