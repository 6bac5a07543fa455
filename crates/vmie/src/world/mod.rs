//! Worlds from files: what requests are judged in, written down in TOML. `examples/data/world.toml`
//! says what can stand there.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use vmie_io::Fault;
use vmie_tasks::ListedWorld;

use crate::{Cause, Error};

/// The longest file that is read: a wrong one under its name cannot take all memory.
const MAX_LEN: u64 = 16 << 20;

/// Reads the world that a file describes.
///
/// # Errors
/// [`Cause::Read`], and [`Cause::NotAWorld`] with the place and the reason.
pub fn read_world(path: impl AsRef<Path>) -> Result<ListedWorld, Error> {
    let path = path.as_ref();
    let unread = |error: std::io::Error| {
        Error::from(Fault::new(Cause::Read).with_source(error)).in_file(path)
    };
    let mut text = String::new();
    let file = File::open(path).map_err(unread)?;
    file.take(MAX_LEN)
        .read_to_string(&mut text)
        .map_err(unread)?;
    parse_world(&text).map_err(|error| error.in_file(path))
}

/// Reads the world that a text describes.
///
/// # Errors
/// [`Cause::NotAWorld`] with the place and the reason.
pub fn parse_world(text: &str) -> Result<ListedWorld, Error> {
    toml::from_str(text).map_err(|error| {
        let mut fault = Fault::new(Cause::NotAWorld);
        if let Some(span) = error.span() {
            fault = fault.at("world", vmie_io::int::u64_of(span.start));
        }
        fault.found(error.message()).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmie_tasks::World as _;

    const EXAMPLE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/data/world.toml"
    );

    #[test]
    fn the_example_is_a_world() {
        let world = read_world(EXAMPLE).unwrap();
        assert!(world.role("111122223333", "vmimport").is_some());
        assert!(world.image("ami-0123456789abcdef0").is_some());
        assert!(world.image("ami-ffffffffffffffff0").is_none());
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, what) in [
            ("[[bucket]]\nnme = \"b\"", "unknown field `nme`"),
            ("[[image]]\nid = \"x\"", "the id of an image"),
            (
                "[[bucket]]\nname = \"b\"\n[[bucket]]\nname = \"b\"",
                "the bucket b comes twice",
            ),
            ("[[key]]\nstate = \"Off\"", "unknown variant `Off`"),
            ("[[bucket]", "unclosed array table"),
        ] {
            let error = parse_world(text).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}
