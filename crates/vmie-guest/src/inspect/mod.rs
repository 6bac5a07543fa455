//! From disks to facts.

use std::sync::Arc;

use vmie_io::{Limits, ReadAt};

use crate::{Boot, Cause, Error, Fact, Inspection};

/// Looks at the disks of one machine, in the order the machine has them, and tells what is there.
///
/// # Errors
/// When no disk was given ([`Cause::NoDisks`]) or more than are looked at
/// ([`Cause::TooManyDisks`]). Whatever is wrong with the disks themselves is in the facts.
pub fn inspect(disks: &[Arc<dyn ReadAt>], limits: &Limits) -> Result<Inspection, Error> {
    let _ = limits;
    if disks.is_empty() {
        return Err(Error::new(Cause::NoDisks));
    }
    Ok(Inspection {
        disks: Vec::new(),
        filesystems: Vec::new(),
        systems: Vec::new(),
        unread: Vec::new(),
        boot: Boot {
            modes: Fact::unknown("the disks were not looked at", Vec::new()),
            bios_disk: None,
            esps: Vec::new(),
        },
    })
}
