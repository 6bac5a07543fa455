//! XML as a small tree: no document types, no entities but XML's own five, bounded in size, depth
//! and number of nodes. The only module that reads with quick-xml.

use quick_xml::escape::EscapeError;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use vmie_io::{LimitExceeded, int};

use crate::{Cause, Error};

/// A kind of document: what errors call it, its bounds, and its causes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// What errors call it.
    pub(crate) structure: &'static str,
    /// It is not UTF-8.
    pub(crate) encoding: Cause,
    /// It is not well-formed.
    pub(crate) malformed: Cause,
    /// It declares a document type.
    pub(crate) doctype: Cause,
    /// It uses an entity that XML does not define.
    pub(crate) entity: Cause,
}

/// Attributes of one element. OVF's elements have about ten; duplicates are found by comparing
/// each pair, and the bound keeps that cheap.
const MAX_ATTRIBUTES: usize = 64;

/// How deep elements may nest whatever the caller's limits are: the tree is dropped recursively.
const MAX_DEPTH: u32 = 128;

/// An element. Names are local names: which prefix a tool binds to OVF's namespaces is its own
/// affair, and no two elements or attributes of OVF differ by their namespace only.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// Byte offset of the start tag.
    pub(crate) offset: u64,
    attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Element>,
    text: String,
}

impl Element {
    /// The value of the attribute of this local name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first child of this local name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The children of this local name.
    pub(crate) fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The element's own text without the white space around it; `None` when that is empty.
    pub(crate) fn text(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty())
    }

    /// The own text of the first child of this local name.
    pub(crate) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).and_then(Element::text)
    }
}

/// Reads the tree, at most `depth` levels deep, of at most `nodes` elements and attributes together.
/// A node takes about 200 bytes besides its text, so their number bounds the memory.
///
/// # Errors
/// What is wrong with the text, with its byte offset.
pub(crate) fn parse(
    kind: &'static Kind,
    bytes: &[u8],
    (depth, nodes): (u32, u64),
) -> Result<Element, Error> {
    let len = int::u64_of(bytes.len());
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Error::new(kind.encoding).at(kind.structure, int::u64_of(error.valid_up_to()))
    })?;
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut tree = Tree {
        kind,
        skipped: len.saturating_sub(int::u64_of(body.len())),
        depth: depth.min(MAX_DEPTH),
        nodes: 0,
        most: nodes,
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
                return Err(Error::new(kind.malformed)
                    .at(kind.structure, at)
                    .with_source(error));
            }
        }
    }
}

struct Tree {
    kind: &'static Kind,
    /// Bytes of a byte order mark before the text.
    skipped: u64,
    depth: u32,
    nodes: u64,
    most: u64,
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree {
    fn place(&self, at: u64) -> u64 {
        self.skipped.saturating_add(at)
    }

    fn fault(&self, cause: Cause, at: u64) -> Error {
        Error::new(cause).at(self.kind.structure, self.place(at))
    }

    fn event(&mut self, event: Event<'_>, at: u64) -> Result<(), Error> {
        match event {
            Event::Start(tag) => {
                let element = self.element(&tag, at)?;
                let deep = int::u64_of(self.open.len()).saturating_add(1);
                if deep > u64::from(self.depth) {
                    let limit = u64::from(self.depth);
                    return Err(
                        LimitExceeded::new(self.kind.structure, "levels", deep, limit).into(),
                    );
                }
                self.open.push(element);
            }
            Event::Empty(tag) => {
                let element = self.element(&tag, at)?;
                self.close(element, at)?;
            }
            Event::End(_) => match self.open.pop() {
                Some(element) => self.close(element, at)?,
                None => return Err(self.fault(self.kind.malformed, at)),
            },
            Event::Text(text) => self.text(&text.xml10_content(), at)?,
            Event::CData(text) => self.text(&text.xml10_content(), at)?,
            Event::GeneralRef(name) => {
                let character = self.character(&name, at)?;
                self.text(character.encode_utf8(&mut [0; 4]), at)?;
            }
            Event::DocType(_) => return Err(self.fault(self.kind.doctype, at)),
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
                .map_err(|error| self.fault(self.kind.malformed, at).with_source(error))?;
            let key = attribute.key.as_ref();
            let many = element.attributes.len() >= MAX_ATTRIBUTES;
            if many || key.is_empty() {
                return Err(self
                    .fault(self.kind.malformed, at)
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
                            self.kind.entity
                        }
                        _ => self.kind.malformed,
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
        if self.nodes > self.most {
            let limit = LimitExceeded::new(self.kind.structure, "nodes", self.nodes, self.most);
            return Err(limit.into());
        }
        Ok(())
    }

    fn close(&mut self, element: Element, at: u64) -> Result<(), Error> {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None if self.root.is_none() => self.root = Some(element),
            None => return Err(self.fault(self.kind.malformed, at)),
        }
        Ok(())
    }

    fn text(&mut self, text: &str, at: u64) -> Result<(), Error> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(self.fault(self.kind.malformed, at)),
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
                _ => Err(self.fault(self.kind.entity, at).found(text)),
            },
            Err(error) => Err(self.fault(self.kind.malformed, at).with_source(error)),
        }
    }

    fn finish(self, at: u64) -> Result<Element, Error> {
        let at = self.place(at);
        match self.root {
            Some(root) if self.open.is_empty() => Ok(root),
            _ => Err(Error::new(self.kind.malformed).at(self.kind.structure, at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ovf::DOCUMENT;

    fn refuse(text: &str) -> (Cause, Option<u64>) {
        let error = parse(&DOCUMENT, text.as_bytes(), (64, 65_536)).unwrap_err();
        (error.cause(), error.offset())
    }

    #[test]
    fn the_tree_has_local_names_and_decoded_text() {
        let text = "\u{feff}<?xml version='1.0'?>\n<o:E xmlns:o='u' o:id='a&amp;b'>x &lt;<![CDATA[<y>]]>\
                    <Item/>&#x41;</o:E>";
        let root = parse(&DOCUMENT, text.as_bytes(), (64, 65_536)).unwrap();
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
        let error = parse(&DOCUMENT, b"<E>\xff</E>", (64, 65_536)).unwrap_err();
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
    }
}
