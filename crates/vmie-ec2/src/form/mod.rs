//! Requests: form bytes.

mod field;
mod percent;
mod tree;

use vmie_rules::api::{self, ApiCode};
use vmie_tasks::{Action, ApiError};

pub(crate) use field::{FormField, FormValue, FormWriter, single};
pub(crate) use tree::{At, Node};

use crate::declarations;
use crate::limits::Limits;
use crate::xml::NotOnTheWire;

/// The version of the API.
pub const VERSION: &str = "2016-11-15";

/// Reads a request: the body of a POST, or the query of a GET without its question mark.
/// Parameters of a signature are passed over; who signed it is checked elsewhere.
///
/// # Errors
///
/// What the service answers: MissingAction, InvalidAction, MissingParameter, UnknownParameter,
/// InvalidParameterValue or MalformedQueryString, with the parameter that is wrong.
pub fn decode_request(form: &[u8], limits: &Limits) -> Result<Action, ApiError> {
    let mut root = tree::parse(form, limits)?;
    let at = At::root(limits);
    let action = match root.take("Action") {
        None => String::new(),
        Some(node) => node.into_value(&at.at("Action"))?.into_owned(),
    };
    if action.is_empty() {
        let text = "The request must contain the parameter Action";
        return Err(refuse(ApiCode::MissingAction, text));
    }
    if !declarations::ACTIONS.contains(&action.as_str()) {
        return Err(invalid_action(&action));
    }
    let version = root.take("Version");
    let version = version.ok_or_else(|| missing(&at.at("Version")))?;
    let version = version.into_value(&at.at("Version"))?;
    if version != VERSION {
        let text = api::invalid_value("Version", &shown(&version), "Use 2016-11-15.");
        return Err(refuse(ApiCode::InvalidParameterValue, text));
    }
    declarations::read_action(&action, root, &at)
}

/// Writes a request: a body, or a query.
///
/// # Errors
///
/// The action is none of this version of the protocol.
pub fn encode_request(action: &Action) -> Result<String, NotOnTheWire> {
    let mut writer = FormWriter::default();
    declarations::write_action(action, &mut writer)?;
    Ok(writer.finish())
}

pub(crate) fn refuse(code: ApiCode, message: impl Into<String>) -> ApiError {
    ApiError::new(code, message)
}

pub(crate) fn invalid_action(name: &str) -> ApiError {
    let text = format!(
        "The action {} is not valid for this web service.",
        shown(name)
    );
    refuse(ApiCode::InvalidAction, text)
}

fn malformed(what: &str) -> ApiError {
    let text = format!("The query string is malformed: {what}");
    refuse(ApiCode::MalformedQueryString, text)
}

fn unknown(name: &str) -> ApiError {
    let text = format!("The parameter {} is not recognized", shown(name));
    refuse(ApiCode::UnknownParameter, text)
}

fn missing(at: &At<'_>) -> ApiError {
    let text = api::missing_parameter(&at.to_string());
    refuse(ApiCode::MissingParameter, text)
}

/// As much of what was sent as an error repeats.
const SHOWN: usize = 128;

/// The beginning of a text, with nothing in it that a reply cannot carry.
pub(crate) fn shown(text: &str) -> String {
    let one = |c| {
        if crate::leaf::is_xml(c) {
            c
        } else {
            '\u{fffd}'
        }
    };
    text.chars().take(SHOWN).map(one).collect()
}
