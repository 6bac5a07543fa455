//! Files in memory, given out by a resolver that counts what it is asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use vmie_formats::{Error, OpenOptions, ReadAt, Reference, Resolver};

/// Files by their names.
#[derive(Default)]
pub(crate) struct Files {
    files: HashMap<String, Arc<dyn ReadAt>>,
    /// What was asked for, whether or not it was there.
    pub(crate) asked: Mutex<Vec<Reference>>,
}

impl Files {
    pub(crate) fn of<const N: usize>(files: [(&str, Vec<u8>); N]) -> Self {
        let mut all = Self::default();
        for (name, bytes) in files {
            all.add(name, Arc::new(bytes));
        }
        all
    }

    pub(crate) fn add(&mut self, name: &str, file: Arc<dyn ReadAt>) {
        self.files.insert(name.to_owned(), file);
    }

    #[allow(dead_code, reason = "not every test counts")]
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Resolver for Files {
    fn resolve(&self, reference: &Reference) -> Result<Arc<dyn ReadAt>, Error> {
        self.asked.lock().unwrap().push(reference.clone());
        match self.files.get(&reference.name) {
            Some(file) => Ok(Arc::clone(file)),
            None => Err(reference.denied()),
        }
    }
}

/// Options with this resolver.
pub(crate) fn with(files: &Arc<Files>) -> OpenOptions {
    OpenOptions::new().resolver(Arc::clone(files) as Arc<dyn Resolver>)
}
