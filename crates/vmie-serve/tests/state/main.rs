//! The embedded store holds what every state has to.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

mod suite;

use std::fs;

use suite::Place;
use vmie_serve::Error;
use vmie_serve::state::{Embedded, State};

struct Folder(tempfile::TempDir);

impl Place for Folder {
    fn open(&self) -> Result<Box<dyn State>, Error> {
        Ok(Box::new(Embedded::open(self.0.path())?))
    }

    fn damage(&self) {
        let path = self.0.path().join("state.redb");
        let mut bytes = fs::read(&path).unwrap();
        let text = b"us-east-1";
        let at = bytes.windows(text.len()).rposition(|window| window == text);
        bytes[at.unwrap()] = b'U';
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn the_embedded_store_conforms() {
    suite::holds(|| Folder(tempfile::tempdir().unwrap()));
}
