//! VMDK descriptors and the files that they name: the input is a text up to its first NUL and the
//! bytes of every file that is asked for. Only what the text names is asked for; extents tile the
//! disk and tell the truth; reads of any size agree; all memory comes back.
#![no_main]

mod tiled;

use std::sync::{Arc, Mutex};

use vmie_formats::{DiskImage as _, Error, Limits, OpenOptions, ReadAt, Reference, Resolver, vmdk};
use vmie_io::Budget;

/// Gives one file for every name.
struct Same {
    file: Arc<Vec<u8>>,
    asked: Mutex<Vec<Reference>>,
}

impl Resolver for Same {
    fn resolve(&self, reference: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        self.asked.lock().unwrap().push(reference.clone());
        // A parent is the disk itself, which ends where the depth does.
        Ok(Arc::clone(&self.file) as Arc<dyn ReadAt>)
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let end = data
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(data.len());
    let (text, file) = data.split_at(end);
    let text = Arc::new(text.to_vec());
    // Nothing is opened by default: what opens needs nothing.
    if let Ok(disk) = vmdk::open(Arc::clone(&text) as Arc<dyn ReadAt>, &OpenOptions::new()) {
        assert!(disk.info().references.is_empty());
    }
    let resolver = Arc::new(Same {
        file: Arc::new(file.get(1..).unwrap_or_default().to_vec()),
        asked: Mutex::default(),
    });
    let budget = Budget::new(Limits::default().with_memory(16 << 20));
    let options = OpenOptions::new()
        .resolver(Arc::clone(&resolver) as Arc<dyn Resolver>)
        .charged_to(&budget);
    let opened = vmdk::open(text, &options);
    let Ok(disk) = opened else {
        assert_eq!(budget.memory_used(), 0);
        return;
    };
    let asked = resolver.asked.lock().unwrap();
    for reference in &disk.info().references {
        assert!(asked.contains(reference));
    }
    drop(asked);
    tiled::check(&disk);
    drop(disk);
    assert_eq!(budget.memory_used(), 0);
});
