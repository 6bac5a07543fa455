//! What is behind each path.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode};
use tokio::time::timeout;
use vmie_rules::api::ApiCode;
use vmie_tasks::{Action, ApiCall, ApiError, TaskId};

use super::House;
use super::answer::{self, Answer};
use crate::sigv4::{Received, verify};
use crate::{page, random};

/// How many tasks the page gets.
const SHOWN: usize = 200;

/// Answers a request.
pub(super) async fn answer(house: &Arc<House>, request: Request<Incoming>) -> Answer {
    let (path, method) = (request.uri().path().to_owned(), request.method().clone());
    let has_query = request.uri().query().is_some();
    match (&method, path.as_str()) {
        (&Method::POST, "/") => api(house, request).await,
        (&Method::GET, "/") if has_query => api(house, request).await,
        (&Method::GET, "/healthz") => health(house),
        (&Method::GET, _) => page_or_data(house, &request, &path).await,
        (_, "/" | "/healthz" | "/metrics") => answer::text(
            StatusCode::METHOD_NOT_ALLOWED,
            "this method is not for this path\n",
        ),
        _ => not_found(),
    }
}

fn not_found() -> Answer {
    answer::text(StatusCode::NOT_FOUND, "there is nothing here\n")
}

fn health(house: &House) -> Answer {
    if house.metrics.is_healthy() {
        answer::text(StatusCode::OK, "ok\n")
    } else {
        let text = "the state cannot be written\n";
        answer::text(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

/// Everything for people, and the numbers.
async fn page_or_data(house: &Arc<House>, request: &Request<Incoming>, path: &str) -> Answer {
    let headers = request.headers();
    if !house.guard.knows_host(headers) {
        let text = "the header Host names no name of this service\n";
        return answer::text(StatusCode::MISDIRECTED_REQUEST, text);
    }
    if path == "/" {
        return answer::page(page::HTML, page::policy());
    }
    let is_metrics = path == "/metrics";
    let is_open = is_metrics && house.guard.is_loopback();
    if !is_open && !house.guard.knows_bearer(headers) {
        let text = "send the token that the service printed: Authorization: Bearer …\n";
        return answer::text(StatusCode::UNAUTHORIZED, text);
    }
    if is_metrics {
        return answer::text(StatusCode::OK, house.metrics.text());
    }
    if path == "/data/tasks" {
        return match house.desk.overview(SHOWN).await {
            Ok(overview) => answer::json(&overview),
            Err(error) => answer::text(StatusCode::SERVICE_UNAVAILABLE, error.message),
        };
    }
    let report = path
        .strip_prefix("/data/tasks/")
        .and_then(|rest| rest.strip_suffix("/report"))
        .and_then(TaskId::parse_any);
    let Some(task) = report else {
        return not_found();
    };
    let work = Arc::clone(&house.work);
    let report = tokio::task::spawn_blocking(move || work.report(&task)).await;
    match report {
        Ok(Some(report)) => answer::json(&report),
        // Not yet, or not any more: nothing that a browser would call an error.
        Ok(None) => answer::nothing(),
        Err(error) => {
            tracing::error!(%error, "a report could not be read");
            let text = "the report could not be read\n";
            answer::text(StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    }
}

/// A call of the API, whose every answer is one of the API.
async fn api(house: &Arc<House>, request: Request<Incoming>) -> Answer {
    let start = Instant::now();
    let request_id = random::request_id();
    let mut log = Log::default();
    let done = call(house, request, &mut log).await;
    let result = done.and_then(|reply| {
        vmie_ec2::encode_reply(&reply, &request_id).map_err(|error| internal(&error.to_string()))
    });
    let code = match &result {
        Ok(_) => "OK",
        Err(error) => error.code.as_str(),
    };
    let took = start.elapsed();
    let action = log.action.unwrap_or("-");
    house.metrics.request(action, code, took);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let cause = result.as_ref().err().and_then(|error| error.cause_code());
    tracing::info!(
        request_id,
        action,
        code,
        cause,
        key = log.key,
        account = log.account,
        region = log.region,
        micros,
        "call"
    );
    match result {
        Ok(body) => answer::xml(body, &request_id),
        Err(error) => answer::error(&error, &request_id),
    }
}

/// What the log says of a call: nothing that its sender could want to be secret.
#[derive(Default)]
struct Log {
    action: Option<&'static str>,
    key: Option<String>,
    account: Option<String>,
    region: Option<String>,
}

async fn call(
    house: &Arc<House>,
    request: Request<Incoming>,
    log: &mut Log,
) -> Result<vmie_tasks::Reply, ApiError> {
    let (head, body) = request.into_parts();
    let body = read_body(house, body).await?;
    let query = head.uri.query().unwrap_or_default();
    let received = Received {
        method: head.method.as_str(),
        path: head.uri.path(),
        query,
        headers: &head.headers,
        body: &body,
    };
    let verified = verify(&house.keys, &received, vmie::now().secs)?;
    log.key = Some(verified.key_id);
    log.account = Some(verified.caller.account.clone());
    log.region = Some(verified.caller.region.clone());
    let action = if head.method == Method::GET {
        vmie_ec2::decode_request(query.as_bytes(), &house.wire)?
    } else {
        let kind = head.headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes());
        let form = b"application/x-www-form-urlencoded";
        let is_form = kind
            .and_then(|kind| kind.get(..form.len()))
            .is_some_and(|kind| kind.eq_ignore_ascii_case(form));
        if !is_form {
            let text = "The content has to be of the type application/x-www-form-urlencoded";
            return Err(ApiError::new(ApiCode::MalformedQueryString, text));
        }
        vmie_ec2::decode_request(&body, &house.wire)?
    };
    log.action = Some(action.name());
    let changes = changes_something(&action);
    // An address that was signed beforehand may be read as often as it is good for.
    if changes || head.headers.contains_key(AUTHORIZATION) {
        let signature = verified.signature;
        house.replays.admit(signature, &head.headers, changes)?;
    }
    let caller = verified.caller;
    let answer = house.desk.call(ApiCall { caller, action });
    match timeout(house.limits.answer_time, answer).await {
        Ok(answer) => answer,
        Err(_) => {
            let text = "The service could not answer in time. What was asked for may still happen.";
            Err(ApiError::new(ApiCode::Unavailable, text))
        }
    }
}

async fn read_body(house: &House, body: Incoming) -> Result<Bytes, ApiError> {
    let limit = house.limits.body;
    let whole = Limited::new(body, limit).collect();
    let wrong = |text: String| ApiError::new(ApiCode::MalformedQueryString, text);
    match timeout(house.limits.body_time, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(wrong(format!("The request is longer than {limit} bytes")))
        }
        Ok(Err(_)) => Err(wrong("The body of the request is cut off".to_owned())),
        Err(_) => Err(wrong(
            "The body of the request did not come in time".to_owned(),
        )),
    }
}

fn changes_something(action: &Action) -> bool {
    !action.name().starts_with("Describe")
}

fn internal(what: &str) -> ApiError {
    tracing::error!(what, "an answer could not be written");
    ApiError::new(ApiCode::InternalError, "An internal error has occurred")
}
