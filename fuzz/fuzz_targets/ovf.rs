//! OVF: what is accepted is consistent: ids are unique, references lead somewhere, each disk is in
//! the order of disks once; and a document type is never accepted.
#![no_main]

use std::collections::BTreeSet;

use vmie_formats::Limits;
use vmie_formats::ovf::Descriptor;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(descriptor) = Descriptor::parse(data, &Limits::default()) else {
        return;
    };
    let text = std::str::from_utf8(data).expect("nothing else is accepted");
    let prolog = text.split("Envelope").next().unwrap_or_default();
    let declares =
        prolog.contains("<!DOCTYPE") && !prolog.contains("<!--") && !prolog.contains("<?");
    assert!(!declares, "a document type was accepted");
    let ids: BTreeSet<&str> = descriptor.disks.iter().map(|d| d.id.as_str()).collect();
    assert_eq!(ids.len(), descriptor.disks.len());
    for disk in &descriptor.disks {
        if let Some(id) = &disk.file_ref {
            assert!(descriptor.file(id).is_some());
        }
        assert!(disk.offset < data.len() as u64);
    }
    if let Ok(order) = descriptor.disks_in_order() {
        let ordered: BTreeSet<&str> = order.iter().map(|d| d.id.as_str()).collect();
        assert_eq!(order.len(), ordered.len());
        assert_eq!(ordered, ids);
    }
});
