//! The import manifest: what is read is written and read back the same, its parts tile the file.
#![no_main]

use vmie_formats::Limits;
use vmie_formats::import_manifest::ImportManifest;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(manifest) = ImportManifest::parse(data, &Limits::default()) else {
        return;
    };
    let tiled: u64 = manifest.parts.iter().map(|part| part.len).sum();
    assert_eq!(tiled, manifest.size);
    let text = manifest.to_xml().expect("what was read can be written");
    let again = ImportManifest::parse(text.as_bytes(), &Limits::default());
    assert_eq!(again.expect("what was written can be read"), manifest);
});
