//! Answers: XML.

mod field;
mod tree;

use std::fmt;

use vmie_tasks::{ApiError, Reply};

pub(crate) use field::{XmlField, XmlValue, XmlWriter, missing, present};
pub(crate) use tree::Element;

use crate::declarations;
use crate::limits::Limits;

/// The namespace of replies.
pub const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Answer {
    /// The call was taken.
    Reply {
        /// The server's name for the request.
        request_id: String,
        /// The reply.
        reply: Reply,
    },
    /// The call was not taken.
    Error {
        /// The server's name for the request.
        request_id: String,
        /// The code: one of [`ApiCode`](vmie_rules::api::ApiCode), or one of the server's own.
        code: String,
        /// What is wrong.
        message: String,
    },
}

/// An action or a reply that this version of the protocol does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("version 2016-11-15 of the protocol has no such action")]
pub struct NotOnTheWire;

/// A document that is no answer: what is wrong, in which element, and where that begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct XmlError {
    /// What is wrong.
    pub cause: XmlCause,
    /// The local name of the element; empty for the document as a whole.
    pub element: String,
    /// The byte at which it begins.
    pub offset: u64,
}

/// What is wrong with a document. Texts of the document are not repeated: they may be secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum XmlCause {
    /// It is longer than is allowed.
    TooLarge,
    /// It is not UTF-8.
    NotUtf8,
    /// It is no XML.
    Malformed,
    /// It has a document type.
    DocType,
    /// It has an entity that only a document type could define.
    Entity,
    /// Elements are nested too deep.
    TooDeep,
    /// It has more elements than are allowed.
    TooManyElements,
    /// The root is that of no answer.
    Root,
    /// An element is missing.
    Missing {
        /// Its name.
        name: String,
    },
    /// A text is no value of its element.
    Value {
        /// What it has to be.
        expected: String,
    },
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset;
        if !self.element.is_empty() {
            write!(f, "the element {}, ", self.element)?;
        }
        write!(f, "byte {at} of the answer: ")?;
        match &self.cause {
            XmlCause::TooLarge => f.write_str("it is longer than the limit"),
            XmlCause::NotUtf8 => f.write_str("it is not UTF-8"),
            XmlCause::Malformed => f.write_str("it is no XML, or cut off"),
            XmlCause::DocType => f.write_str("it has a document type, which no answer has"),
            XmlCause::Entity => f.write_str("there is no such entity"),
            XmlCause::TooDeep => f.write_str("elements are nested too deep"),
            XmlCause::TooManyElements => f.write_str("it has more elements than the limit"),
            XmlCause::Root => f.write_str("this is no answer of the protocol; check the address"),
            XmlCause::Missing { name } => write!(f, "the element {name} is missing in it"),
            XmlCause::Value { expected } => write!(f, "the text is no value of it. {expected}"),
        }
    }
}

/// Writes the reply to a call that was taken.
///
/// # Errors
///
/// The reply is none of this version of the protocol.
pub fn encode_reply(reply: &Reply, request_id: &str) -> Result<String, NotOnTheWire> {
    let mut writer = XmlWriter::new();
    declarations::write_reply(reply, request_id, &mut writer)?;
    Ok(writer.finish())
}

impl XmlWriter {
    /// The root of a reply, and the id of its request.
    pub(crate) fn reply(&mut self, action: &str, request_id: &str, write: impl FnOnce(&mut Self)) {
        self.root(&format!("{action}Response"), NAMESPACE, |out| {
            out.leaf("requestId", request_id);
            write(out);
        });
    }
}

/// Writes the answer to a call that was not taken; its HTTP status is
/// [`ApiCode::http_status`](vmie_rules::api::ApiCode::http_status). What stands behind the text
/// stays here.
#[must_use]
pub fn encode_error(error: &ApiError, request_id: &str) -> String {
    let mut writer = XmlWriter::new();
    writer.root("Response", "", |out| {
        out.within("Errors", |out| {
            out.within("Error", |out| {
                out.leaf("Code", error.code.as_str());
                out.leaf("Message", &error.message);
            });
        });
        out.leaf("RequestID", request_id);
    });
    writer.finish()
}

/// Reads an answer. Elements that are not known are passed over, as the official clients do.
///
/// # Errors
///
/// The document is no answer: the first thing that is wrong with it.
pub fn decode_answer(xml: &[u8], limits: &Limits) -> Result<Answer, XmlError> {
    let root = tree::parse(xml, limits)?;
    let text = |parent: &Element, name: &str| {
        parent
            .child(name)
            .map_or_else(String::new, |element| element.text.clone())
    };
    if root.name == "Response" {
        let errors = root
            .child("Errors")
            .ok_or_else(|| missing(&root, "Errors"))?;
        let error = errors
            .child("Error")
            .ok_or_else(|| missing(errors, "Error"))?;
        return Ok(Answer::Error {
            request_id: text(&root, "RequestID"),
            code: String::fetch(error, "Code", &crate::rule::Rule::PLAIN)?,
            message: text(error, "Message"),
        });
    }
    let action = root.name.strip_suffix("Response").unwrap_or_default();
    Ok(Answer::Reply {
        request_id: text(&root, "requestId"),
        reply: declarations::read_reply(action, &root)?,
    })
}
