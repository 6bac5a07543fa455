//! Reading a manifest.

use vmie_io::{Budget, Limits, int};

use super::format::{DEPTH, DOCUMENT, NODE_COST, VERSION};
use super::model::{ImportManifest, Importer, Part, SecretUrl};
use crate::xml::{self, Element};
use crate::{Cause, Error, Format};

/// The elements of an element, in the order that the manifest fixes.
struct Fields<'a> {
    rest: std::slice::Iter<'a, Element>,
    parent: &'a Element,
}

impl<'a> Fields<'a> {
    fn of(parent: &'a Element) -> Self {
        Self {
            rest: parent.children.iter(),
            parent,
        }
    }

    /// The next element, which must have this name.
    fn next(&mut self, name: &'static str) -> Result<&'a Element, Error> {
        match self.rest.next() {
            Some(element) if element.name == name => Ok(element),
            Some(element) => {
                Err(fault(Cause::ManifestElement, element, name).found(element.name.as_str()))
            }
            None => Err(fault(Cause::ManifestElement, self.parent, name)),
        }
    }

    /// The text of the next element, which must have this name.
    fn text(&mut self, name: &'static str) -> Result<&'a str, Error> {
        Ok(self.next(name)?.text().unwrap_or_default())
    }

    fn number(&mut self, name: &'static str) -> Result<u64, Error> {
        let element = self.next(name)?;
        number(element, name, element.text().unwrap_or_default())
    }

    /// The next element if it has this name.
    fn optional(&mut self, name: &str) -> Option<&'a Element> {
        let element = self.rest.as_slice().first()?;
        if element.name != name {
            return None;
        }
        self.rest.next()
    }

    fn end(mut self) -> Result<(), Error> {
        match self.rest.next() {
            None => Ok(()),
            Some(more) => Err(fault(Cause::ManifestElement, more, "").found(more.name.as_str())),
        }
    }
}

fn fault(cause: Cause, element: &Element, field: &'static str) -> Error {
    Error::new(cause)
        .at(DOCUMENT.structure, element.offset)
        .field(field)
}

fn number(element: &Element, field: &'static str, text: &str) -> Result<u64, Error> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| fault(Cause::ManifestNumber, element, field).found(text))
}

fn attribute(element: &Element, name: &'static str) -> Result<u64, Error> {
    let text = element.attribute(name).unwrap_or_default();
    number(element, name, text)
}

impl ImportManifest {
    /// Reads a manifest and checks it as [`ImportManifest::validate`] does. The last part may end
    /// one byte late, where an official example has it (SVC-MAN-1). Memory for it is bounded by
    /// [`Limits::memory`]; the limit on texts does not count, since the manifest of a large disk is
    /// large.
    ///
    /// # Errors
    /// What is wrong, with its byte offset.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, Error> {
        let budget = Budget::new(*limits);
        let _text = budget.memory("import manifest", int::u64_of(text.len()))?;
        let nodes = limits.memory / NODE_COST;
        let root = xml::parse(&DOCUMENT, text, (DEPTH.saturating_add(1), nodes))?;
        if root.name != "manifest" {
            return Err(fault(Cause::ManifestElement, &root, "manifest").found(root.name.as_str()));
        }
        let mut fields = Fields::of(&root);
        let version = fields.next("version")?;
        if version.text() != Some(VERSION) {
            let found = version.text().unwrap_or_default();
            return Err(fault(Cause::ManifestVersion, version, "version").found(found));
        }
        let file_format = file_format(fields.next("file-format")?)?;
        let importer = importer(fields.next("importer")?)?;
        let self_destruct_url = SecretUrl::new(fields.text("self-destruct-url")?);
        let import = fields.next("import")?;
        fields.end()?;
        let mut fields = Fields::of(import);
        let size = fields.number("size")?;
        let volume_size = fields.number("volume-size")?;
        let parts = parts(fields.next("parts")?, size)?;
        fields.end()?;
        let manifest = Self {
            file_format,
            importer,
            self_destruct_url,
            size,
            volume_size,
            parts,
        };
        manifest.validate()?;
        Ok(manifest)
    }
}

fn file_format(element: &Element) -> Result<Format, Error> {
    let text = element.text().unwrap_or_default();
    [Format::Raw, Format::Vhd, Format::Vmdk]
        .into_iter()
        .find(|format| format.name().eq_ignore_ascii_case(text))
        .ok_or_else(|| fault(Cause::ManifestFormat, element, "file-format").found(text))
}

fn importer(element: &Element) -> Result<Importer, Error> {
    let mut fields = Fields::of(element);
    let importer = Importer {
        name: fields.text("name")?.to_owned(),
        version: fields.text("version")?.to_owned(),
        release: fields.text("release")?.to_owned(),
    };
    fields.end()?;
    Ok(importer)
}

fn parts(element: &Element, size: u64) -> Result<Vec<Part>, Error> {
    let count = attribute(element, "count")?;
    if count != int::u64_of(element.children.len()) {
        return Err(fault(Cause::ManifestParts, element, "count").found(count));
    }
    let mut parts: Vec<Part> = Vec::new();
    for child in &element.children {
        if child.name != "part" {
            return Err(fault(Cause::ManifestElement, child, "part").found(child.name.as_str()));
        }
        let index = attribute(child, "index")?;
        if index != int::u64_of(parts.len()) {
            return Err(fault(Cause::ManifestParts, child, "index").found(index));
        }
        let start = parts.last().map_or(0, Part::end);
        parts.push(part(child, start, size)?);
    }
    Ok(parts)
}

/// A part that has to begin at byte `expected` of a file of `size` bytes.
fn part(element: &Element, expected: u64, size: u64) -> Result<Part, Error> {
    let mut fields = Fields::of(element);
    let range = fields.next("byte-range")?;
    let (start, last) = (attribute(range, "start")?, attribute(range, "end")?);
    // The range is inclusive; the last one of an official example ends at the size.
    let end = last.saturating_add(1).min(size);
    let len = end.checked_sub(start).filter(|len| *len > 0);
    let Some(len) = len.filter(|_| start == expected && last <= size) else {
        return Err(fault(Cause::ManifestParts, range, "byte-range").found(start));
    };
    let part = Part {
        start,
        len,
        key: fields.text("key")?.to_owned(),
        head_url: SecretUrl::new(fields.text("head-url")?),
        get_url: SecretUrl::new(fields.text("get-url")?),
        delete_url: fields
            .optional("delete-url")
            .map(|url| SecretUrl::new(url.text().unwrap_or_default())),
    };
    fields.end()?;
    Ok(part)
}
