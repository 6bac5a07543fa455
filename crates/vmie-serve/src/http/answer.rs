//! Answers and the headers that they have.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use vmie_tasks::ApiError;

pub(super) type Answer = Response<Full<Bytes>>;

const XML: &str = "text/xml;charset=UTF-8";

fn answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers: &mut HeaderMap = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let never = HeaderValue::from_static("nosniff");
    headers.insert("x-content-type-options", never);
    answer
}

/// A reply of the API.
pub(super) fn xml(body: String, request_id: &str) -> Answer {
    with_id(answer(StatusCode::OK, XML, body), request_id)
}

/// An error of the API.
pub(super) fn error(error: &ApiError, request_id: &str) -> Answer {
    let status = StatusCode::from_u16(error.code.http_status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = vmie_ec2::encode_error(error, request_id);
    with_id(answer(status, XML, body), request_id)
}

fn with_id(mut answer: Answer, request_id: &str) -> Answer {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        answer.headers_mut().insert("x-amzn-requestid", id);
    }
    answer
}

/// A document for programs.
pub(super) fn json(value: &impl serde::Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => answer(StatusCode::OK, "application/json", body),
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the answer cannot be written\n",
        ),
    }
}

/// There is nothing to say.
pub(super) fn nothing() -> Answer {
    let mut answer = answer(StatusCode::NO_CONTENT, "text/plain", Bytes::new());
    answer.headers_mut().remove(CONTENT_TYPE);
    answer
}

/// A line for people.
pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    answer(status, "text/plain; charset=utf-8", body)
}

/// A page that loads nothing from elsewhere and that nobody frames.
pub(super) fn page(body: &'static str, policy: &str) -> Answer {
    let mut answer = answer(StatusCode::OK, "text/html; charset=utf-8", body);
    let headers = answer.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert("content-security-policy", policy);
    }
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers.insert("x-frame-options", HeaderValue::from_static("DENY"));
    answer
}
