//! The EC2 query protocol of the actions of VM import and export, version 2016-11-15.
//!
//! Both directions of both sides, and no HTTP:
//!
//! | | from | to |
//! |---|---|---|
//! | server | [`decode_request`]: form bytes | a typed [`Action`](vmie_tasks::Action), or the error to answer |
//! | server | a typed [`Reply`](vmie_tasks::Reply) or [`ApiError`](vmie_tasks::ApiError) | [`encode_reply`], [`encode_error`]: XML |
//! | client | a typed action | [`encode_request`]: form bytes |
//! | client | [`decode_answer`]: XML | a typed reply, or the error's code and message |
//!
//! ```
//! use vmie_ec2::{Answer, Limits, decode_answer, decode_request, encode_error, encode_request};
//! use vmie_tasks::Action;
//!
//! let limits = Limits::default();
//! let form = "Action=CancelImportTask&Version=2016-11-15&ImportTaskId=import-ami-1234567890abcdef0";
//! let action = decode_request(form.as_bytes(), &limits).unwrap();
//! let Action::CancelImportTask(cancel) = &action else { panic!() };
//! assert_eq!(cancel.import_task_id.as_deref(), Some("import-ami-1234567890abcdef0"));
//! assert_eq!(encode_request(&action).unwrap(), form);
//!
//! let error = decode_request(b"Action=CancelImportTask&Version=2016-11-15&Task=1", &limits).unwrap_err();
//! assert_eq!(error.to_string(), "UnknownParameter: The parameter Task is not recognized");
//! let xml = encode_error(&error, "59dbff89-35bd-4eac-99ed-be587EXAMPLE");
//! let Ok(Answer::Error { code, .. }) = decode_answer(xml.as_bytes(), &limits) else { panic!() };
//! assert_eq!(code, "UnknownParameter");
//! ```
//!
//! # One declaration for everything
//!
//! Each structure is declared once, with the names that the API gives its members
//! (`declarations/`); decoding, encoding, [`parameters`], [`fields`] and the samples that tests run
//! on are made of that. A member that is missing in a declaration does not compile.
//!
//! # Hostile input
//!
//! Everything is bounded by [`Limits`] before it is allocated: bytes, parameters, items of a list,
//! depth. A request gets the code and the text that say what is wrong with it. A document with a
//! document type is refused. Characters that XML cannot carry are refused in requests, and
//! replaced by U+FFFD in replies. Addresses may be signed and are secrets: they stand in no error
//! (SVC-SEC-3).

mod declarations;
mod form;
mod leaf;
mod limits;
mod rule;
#[cfg(any(test, feature = "samples"))]
mod sample;
mod table;
mod time;
mod xml;

pub use declarations::{ACTIONS, fields, parameters};
pub use form::{VERSION, decode_request, encode_request};
pub use limits::Limits;
pub use table::{Entry, Kind};
pub use xml::{
    Answer, NAMESPACE, NotOnTheWire, XmlCause, XmlError, decode_answer, encode_error, encode_reply,
};

/// Random values, for tests.
#[cfg(any(test, feature = "samples"))]
pub mod samples {
    pub use crate::declarations::{sample_action, sample_reply};
    pub use crate::sample::Dice;
}

#[cfg(test)]
mod tests;
