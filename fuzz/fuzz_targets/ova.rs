//! OVA: members lie within the file, do not overlap, and their names do not lead out of it; the
//! window of a member shows the file's own bytes; nothing panics further down.
#![no_main]

mod passing;

use std::sync::Arc;

use vmie_formats::{CancelToken, Format, Limits, OpenOptions, Opened, ReadAt, check};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let options = OpenOptions::new()
        .format(Some(Format::Ova))
        .limits(Limits::default().with_memory(16 << 20));
    let Ok(Opened::Appliance(appliance)) = options.open(Arc::new(data.to_vec())) else {
        return;
    };
    let other = passing::difference(data.to_vec(), &options, |number| {
        appliance.open_disk(number).ok()
    });
    if let Some(at) = other {
        // A grain table of a stream-optimized VMDK can leave out a grain that lies in the file: what
        // comes by in one pass has it, what is read at offsets has not, and a check tells.
        let file = Arc::new(data.to_vec());
        let checked = check(file, &options, false, &(), &CancelToken::new());
        let is_sound = checked.is_ok_and(|checked| checked.problems.is_empty());
        assert!(!is_sound, "other bytes come by in one pass at {at}");
    }
    let mut end = 0;
    for member in appliance.members() {
        assert!(member.header >= end && member.start >= member.header + 512);
        end = member.start + member.len;
        assert!(end <= data.len() as u64);
        assert!(!member.name.starts_with('/') && !member.name.contains(['\\', '\0']));
        assert!(
            member
                .name
                .split('/')
                .all(|part| !matches!(part, "" | "." | ".."))
        );
        let window = appliance.open_member(&member.name).expect("it is there");
        let mut copy = vec![0; member.len as usize];
        window
            .read_exact_at(&mut copy, 0)
            .expect("it lies within the file");
        assert!(copy == data[member.start as usize..end as usize]);
    }
    let cancel = CancelToken::new();
    let verification = appliance.verify(&(), &cancel).expect("memory can be read");
    let lines = appliance.manifest().map_or(0, |m| m.entries.len());
    assert_eq!(verification.checks.len(), lines);
    for index in 0..appliance.disks().len() {
        if let Ok(disk) = appliance.open_disk(index)
            && disk.len() <= 1 << 20
        {
            let _ = disk.read_exact_at(&mut vec![0; disk.len() as usize], 0);
        }
    }
});
