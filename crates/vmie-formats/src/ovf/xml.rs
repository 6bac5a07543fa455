//! The descriptor's XML as a small tree: no document types, no entities but XML's own five,
//! bounded in size, depth and number of nodes. The only module that sees quick-xml.

use quick_xml::escape::EscapeError;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use vmie_io::{LimitExceeded, Limits, int};

use crate::{Cause, Error};

/// Elements and attributes of one descriptor together. Real ones have some hundreds; so many
/// nodes of about 200 bytes are 13 MiB, which bounds the tree's memory whatever the text is.
const MAX_NODES: u64 = 65_536;

/// Attributes of one element. OVF's elements have about ten; duplicates are found by comparing
/// each pair, and the bound keeps that cheap.
const MAX_ATTRIBUTES: usize = 64;

/// How deep elements may nest whatever the caller's limits are: the tree is dropped recursively.
const MAX_DEPTH: u32 = 128;

/// An element. Names are local names: which prefix a tool binds to OVF's namespaces is its own
/// affair, and no two elements or attributes of OVF differ by their namespace only.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    /// Byte offset of the start tag.
    pub(super) offset: u64,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    text: String,
}

impl Element {
    /// The value of the attribute of this local name.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first child of this local name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The children of this local name.
    pub(super) fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The element's own text without the white space around it; `None` when that is empty.
    pub(super) fn text(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty())
    }

    /// The own text of the first child of this local name.
    pub(super) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).and_then(Element::text)
    }
}

/// Reads the tree.
///
/// # Errors
/// What is wrong with the text, with its byte offset.
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Element, Error> {
    let len = int::u64_of(bytes.len());
    if len > limits.text {
        return Err(LimitExceeded::new("OVF descriptor", "bytes", len, limits.text).into());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Error::new(Cause::OvfEncoding).at("OVF descriptor", int::u64_of(error.valid_up_to()))
    })?;
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut tree = Tree {
        skipped: len.saturating_sub(int::u64_of(body.len())),
        depth: limits.depth.min(MAX_DEPTH),
        nodes: 0,
        open: Vec::new(),
        root: None,
    };
    let mut reader = Reader::from_str(body);
    loop {
        let at = reader.buffer_position();
        match reader.read_event() {
            Ok(Event::Eof) => return tree.finish(at),
            Ok(event) => tree.event(event, at)?,
            Err(error) => {
                let at = tree.place(reader.error_position());
                return Err(Error::new(Cause::OvfMalformed)
                    .at("OVF descriptor", at)
                    .with_source(error));
            }
        }
    }
}

struct Tree {
    /// Bytes of a byte order mark before the text.
    skipped: u64,
    depth: u32,
    nodes: u64,
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree {
    fn place(&self, at: u64) -> u64 {
        self.skipped.saturating_add(at)
    }

    fn fault(&self, cause: Cause, at: u64) -> Error {
        Error::new(cause).at("OVF descriptor", self.place(at))
    }

    fn event(&mut self, event: Event<'_>, at: u64) -> Result<(), Error> {
        match event {
            Event::Start(tag) => {
                let element = self.element(&tag, at)?;
                let deep = int::u64_of(self.open.len()).saturating_add(1);
                if deep > u64::from(self.depth) {
                    let limit = u64::from(self.depth);
                    return Err(LimitExceeded::new("OVF descriptor", "levels", deep, limit).into());
                }
                self.open.push(element);
            }
            Event::Empty(tag) => {
                let element = self.element(&tag, at)?;
                self.close(element, at)?;
            }
            Event::End(_) => match self.open.pop() {
                Some(element) => self.close(element, at)?,
                None => return Err(self.fault(Cause::OvfMalformed, at)),
            },
            Event::Text(text) => self.text(&text.xml10_content(), at)?,
            Event::CData(text) => self.text(&text.xml10_content(), at)?,
            Event::GeneralRef(name) => {
                let character = self.character(&name, at)?;
                self.text(character.encode_utf8(&mut [0; 4]), at)?;
            }
            Event::DocType(_) => return Err(self.fault(Cause::OvfDoctype, at)),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Eof => {}
        }
        Ok(())
    }

    fn element(&mut self, tag: &BytesStart<'_>, at: u64) -> Result<Element, Error> {
        self.count()?;
        let mut element = Element {
            name: tag.local_name().as_ref().to_owned(),
            offset: self.place(at),
            ..Element::default()
        };
        // The crate's own check compares each pair of an unbounded number.
        for attribute in tag.attributes().with_checks(false) {
            self.count()?;
            let attribute = attribute
                .map_err(|error| self.fault(Cause::OvfMalformed, at).with_source(error))?;
            let key = attribute.key.as_ref();
            let many = element.attributes.len() >= MAX_ATTRIBUTES;
            if many || key.is_empty() {
                return Err(self
                    .fault(Cause::OvfMalformed, at)
                    .field("attribute")
                    .found(key));
            }
            if key == "xmlns" || key.starts_with("xmlns:") {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| {
                    let cause = match &error {
                        quick_xml::Error::Escape(EscapeError::UnrecognizedEntity(..)) => {
                            Cause::OvfEntity
                        }
                        _ => Cause::OvfMalformed,
                    };
                    self.fault(cause, at).with_source(error)
                })?;
            let local = attribute.key.local_name().as_ref().to_owned();
            element.attributes.push((local, value.into_owned()));
        }
        Ok(element)
    }

    fn count(&mut self) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES {
            let limit = LimitExceeded::new("OVF descriptor", "nodes", self.nodes, MAX_NODES);
            return Err(limit.into());
        }
        Ok(())
    }

    fn close(&mut self, element: Element, at: u64) -> Result<(), Error> {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None if self.root.is_none() => self.root = Some(element),
            None => return Err(self.fault(Cause::OvfMalformed, at)),
        }
        Ok(())
    }

    fn text(&mut self, text: &str, at: u64) -> Result<(), Error> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(self.fault(Cause::OvfMalformed, at)),
        }
        Ok(())
    }

    fn character(&self, name: &BytesRef<'_>, at: u64) -> Result<char, Error> {
        let text: &str = name;
        match name.resolve_char_ref() {
            Ok(Some(character)) => Ok(character),
            Ok(None) => match text {
                "lt" => Ok('<'),
                "gt" => Ok('>'),
                "amp" => Ok('&'),
                "apos" => Ok('\''),
                "quot" => Ok('"'),
                _ => Err(self.fault(Cause::OvfEntity, at).found(text)),
            },
            Err(error) => Err(self.fault(Cause::OvfMalformed, at).with_source(error)),
        }
    }

    fn finish(self, at: u64) -> Result<Element, Error> {
        let at = self.place(at);
        match self.root {
            Some(root) if self.open.is_empty() => Ok(root),
            _ => Err(Error::new(Cause::OvfMalformed).at("OVF descriptor", at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmie_io::ErrorKind;

    fn refuse(text: &str) -> (Cause, Option<u64>) {
        let error = parse(text.as_bytes(), &Limits::default()).unwrap_err();
        (error.cause(), error.offset())
    }

    #[test]
    fn the_tree_has_local_names_and_decoded_text() {
        let text = "\u{feff}<?xml version='1.0'?>\n<o:E xmlns:o='u' o:id='a&amp;b'>x &lt;<![CDATA[<y>]]>\
                    <Item/>&#x41;</o:E>";
        let root = parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(root.name, "E");
        assert_eq!(root.offset, 25);
        assert_eq!(root.attribute("id"), Some("a&b"));
        assert_eq!(root.attribute("o"), None);
        assert_eq!(root.text(), Some("x <<y>A"));
        assert!(root.child("Item").is_some());
    }

    #[test]
    fn a_document_type_is_refused_before_any_entity_is_read() {
        let bomb =
            "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><Envelope>&b;</Envelope>";
        assert_eq!(refuse(bomb), (Cause::OvfDoctype, Some(0)));
        assert_eq!(refuse("<E>&b;</E>"), (Cause::OvfEntity, Some(3)));
        assert_eq!(refuse("<E a='&b;'/>"), (Cause::OvfEntity, Some(0)));
    }

    #[test]
    fn what_is_not_well_formed_is_refused_with_its_place() {
        assert_eq!(refuse("<E><F></E>"), (Cause::OvfMalformed, Some(6)));
        assert_eq!(refuse("<E>"), (Cause::OvfMalformed, Some(3)));
        assert_eq!(refuse(""), (Cause::OvfMalformed, Some(0)));
        assert_eq!(refuse("<E/><F/>"), (Cause::OvfMalformed, Some(4)));
        assert_eq!(refuse("text"), (Cause::OvfMalformed, Some(0)));
        assert_eq!(refuse("<E a=1/>").0, Cause::OvfMalformed);
        let error = parse(b"<E>\xff</E>", &Limits::default()).unwrap_err();
        assert_eq!(
            (error.cause(), error.offset()),
            (Cause::OvfEncoding, Some(3))
        );
    }

    #[test]
    fn depth_size_nodes_and_attributes_are_bounded() {
        let deep = "<a>".repeat(65);
        assert_eq!(refuse(&deep).0, Cause::Limit);
        let wide = format!("<a>{}</a>", "<b/>".repeat(65_536));
        assert_eq!(refuse(&wide).0, Cause::Limit);
        let many: String = (0..65).map(|i| format!(" a{i}=''")).collect();
        assert_eq!(refuse(&format!("<a{many}/>")).0, Cause::OvfMalformed);
        let limits = Limits::default().with_text(4);
        let error = parse(b"<abc/>", &limits).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }
}
