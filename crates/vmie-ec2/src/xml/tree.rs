//! A document as a tree of elements with local names.

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, errors::IllFormedError};

use super::{XmlCause, XmlError};
use crate::limits::Limits;

/// The deepest reply has seven levels; some more are passed over.
const MAX_DEPTH: usize = 32;

/// An element.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// Its own text.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
    /// Where it begins, in bytes.
    pub(crate) offset: u64,
}

impl Element {
    /// The first child of a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(crate) fn error(&self, cause: XmlCause) -> XmlError {
        XmlError {
            cause,
            element: self.name.clone(),
            offset: self.offset,
        }
    }
}

/// Reads a document.
pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Element, XmlError> {
    let fail = |cause, offset| XmlError {
        cause,
        element: String::new(),
        offset,
    };
    if bytes.len() > limits.xml_bytes {
        return Err(fail(XmlCause::TooLarge, 0));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = u64::try_from(error.valid_up_to()).unwrap_or(u64::MAX);
        fail(XmlCause::NotUtf8, offset)
    })?;
    let mut tree = Tree {
        open: Vec::new(),
        root: None,
        elements: 0,
        most: limits.xml_elements,
    };
    let mut reader = Reader::from_str(text);
    loop {
        let at = reader.buffer_position();
        let done = match reader.read_event() {
            Ok(Event::Eof) => return tree.finish().map_err(|cause| fail(cause, at)),
            Ok(event) => tree.event(event, at),
            Err(quick_xml::Error::IllFormed(IllFormedError::MissingEndTag(_))) => {
                Err(XmlCause::Malformed)
            }
            Err(_) => return Err(fail(XmlCause::Malformed, reader.error_position())),
        };
        done.map_err(|cause| fail(cause, at))?;
    }
}

struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
    most: usize,
}

impl Tree {
    fn event(&mut self, event: Event<'_>, at: u64) -> Result<(), XmlCause> {
        match event {
            Event::Start(tag) => {
                let element = self.element(&tag, at)?;
                if self.open.len() >= MAX_DEPTH {
                    return Err(XmlCause::TooDeep);
                }
                self.open.push(element);
                Ok(())
            }
            Event::Empty(tag) => {
                let element = self.element(&tag, at)?;
                self.close(element)
            }
            Event::End(_) => {
                let element = self.open.pop().ok_or(XmlCause::Malformed)?;
                self.close(element)
            }
            Event::Text(text) => self.text(&text.xml10_content()),
            Event::CData(text) => self.text(&text.xml10_content()),
            Event::GeneralRef(name) => {
                let character = character(&name)?;
                self.text(character.encode_utf8(&mut [0; 4]))
            }
            Event::DocType(_) => Err(XmlCause::DocType),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    fn element(&mut self, tag: &BytesStart<'_>, at: u64) -> Result<Element, XmlCause> {
        self.elements = self.elements.saturating_add(1);
        if self.elements > self.most {
            return Err(XmlCause::TooManyElements);
        }
        let local: &str = tag.local_name().into_inner();
        Ok(Element {
            name: local.to_owned(),
            offset: at,
            ..Element::default()
        })
    }

    fn close(&mut self, element: Element) -> Result<(), XmlCause> {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None if self.root.is_none() => self.root = Some(element),
            None => return Err(XmlCause::Malformed),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlCause> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(XmlCause::Malformed),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, XmlCause> {
        match self.root {
            Some(root) if self.open.is_empty() => Ok(root),
            _ => Err(XmlCause::Malformed),
        }
    }
}

/// A character by its number, or one of the five that have names. No other entity exists without
/// a document type.
fn character(name: &BytesRef<'_>) -> Result<char, XmlCause> {
    let text: &str = name;
    match name.resolve_char_ref() {
        Ok(Some(character)) => Ok(character),
        Ok(None) => match text {
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "amp" => Ok('&'),
            "apos" => Ok('\''),
            "quot" => Ok('"'),
            _ => Err(XmlCause::Entity),
        },
        Err(_) => Err(XmlCause::Malformed),
    }
}
