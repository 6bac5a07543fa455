//! Signature Version 4: who a request is from (SVC-SEC-2).
//!
//! Written from the public description of the algorithm:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
//!
//! What is checked, in this order: that there is one signature, in the header or in the query; that
//! it is well formed; that it is for this service; that everything that has to be signed is; that its
//! time is within 15 minutes of ours; and at last, in constant time, that it is right. An unknown key,
//! a wrong secret and a wrong session token get the same answer after the same work, so that nobody
//! learns which keys there are.

mod canonical;
mod date;
mod keys;
mod sign;

use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::HeaderMap;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use vmie_rules::api::ApiCode;
use vmie_tasks::{ApiError, Caller};

pub use self::date::format_date;
pub(crate) use self::keys::write_new_key;
pub use self::keys::{AccessKey, Keys, Secret};
pub use self::sign::sign;
use crate::random::hex;
use canonical::{Query, canonical_headers};

/// The only algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What the scope of a credential ends with.
const TERMINATOR: &str = "aws4_request";
/// The service that requests are signed for.
const SERVICE: &str = "ec2";
/// How far the clocks may be apart, in seconds.
const SKEW: i64 = 15 * 60;
/// The longest that a signed query may be valid, in seconds: 7 days.
const MAX_EXPIRES: i64 = 7 * 24 * 3600;

/// A request as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The path, as sent.
    pub path: &'a str,
    /// The query, as sent, without its question mark.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// Whose a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The key that signed it.
    pub key_id: String,
    /// The key's account, in the Region that the request was signed for.
    pub caller: Caller,
    /// The signature, which another request with the same content and time has, too.
    pub signature: [u8; 32],
}

/// A signature with what belongs to it.
struct Signature<'a> {
    key_id: &'a str,
    day: &'a str,
    region: &'a str,
    signed_headers: &'a str,
    signature: [u8; 32],
    date: &'a str,
    /// Seconds that it is valid, when the query says so.
    expires: Option<i64>,
    token: Option<&'a str>,
}

/// Finds out whose a request is; `now` is in seconds since 1970.
///
/// # Errors
/// The answer to give: `MissingAuthenticationToken`, `IncompleteSignature`, `RequestExpired` or
/// `AuthFailure`.
pub fn verify(keys: &Keys, received: &Received<'_>, now: i64) -> Result<Verified, ApiError> {
    let query = Query::parse(received.query);
    let authorization = single(received.headers, "authorization")?;
    let signature = match authorization {
        Some(text) => of_header(text, received.headers)?,
        None if query.get("X-Amz-Signature").is_some() => of_query(&query)?,
        None => return Err(unsigned()),
    };
    let signed: Vec<&str> = signature.signed_headers.split(';').collect();
    must_be_signed(&signed, received.headers)?;
    check_time(&signature, now)?;

    let key = keys.get(signature.key_id);
    let request = canonical_request(received, &query, &signed, &signature)?;
    let scope = format!(
        "{}/{}/{SERVICE}/{TERMINATOR}",
        signature.day, signature.region
    );
    let digest = hex(&Sha256::digest(request.as_bytes()));
    let to_sign = format!("{ALGORITHM}\n{}\n{scope}\n{digest}", signature.date);
    // For a key that is not known, as much is computed with one that nobody has.
    let secret = key.map_or(keys.nobody(), |key| &key.secret);
    let expected = signing_key(secret.reveal(), signature.day, signature.region, SERVICE)
        .and_then(|key| mac(&key, to_sign.as_bytes()))
        .ok_or_else(not_valid)?;
    let is_right = expected.ct_eq(&signature.signature);
    let wanted = key.and_then(|key| key.session_token.as_ref());
    let token = Sha256::digest(signature.token.unwrap_or_default().as_bytes());
    let wanted = Sha256::digest(wanted.map_or("", Secret::reveal).as_bytes());
    let is_session = token.as_slice().ct_eq(wanted.as_slice());
    let Some(key) = key.filter(|_| bool::from(is_right & is_session)) else {
        return Err(not_valid());
    };
    if key.expires.is_some_and(|at| at <= now) {
        return Err(expired(
            "The security token included in the request is expired",
        ));
    }
    Ok(Verified {
        key_id: key.id.clone(),
        caller: Caller {
            account: key.account.clone(),
            region: signature.region.to_owned(),
        },
        signature: signature.signature,
    })
}

/// The value of a header that may come once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(incomplete(&format!("the header {name} comes twice")));
    }
    first
        .map(|value| value.to_str())
        .transpose()
        .map_err(|_| incomplete(&format!("the header {name} is not of ASCII")))
}

fn of_header<'a>(text: &'a str, headers: &'a HeaderMap) -> Result<Signature<'a>, ApiError> {
    let Some(rest) = text.strip_prefix(ALGORITHM) else {
        return Err(incomplete("the algorithm has to be AWS4-HMAC-SHA256"));
    };
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in rest.split(',') {
        let (name, value) = part.trim().split_once('=').unwrap_or_default();
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(incomplete("the header authorization has an unknown part")),
        };
        if slot.replace(value).is_some() {
            return Err(incomplete("the header authorization has a part twice"));
        }
    }
    let (Some(credential), Some(signed_headers), Some(signature)) =
        (credential, signed_headers, signature)
    else {
        let what = "the header authorization needs Credential, SignedHeaders and Signature";
        return Err(incomplete(what));
    };
    let Some(date) = single(headers, "x-amz-date")? else {
        return Err(incomplete("the header x-amz-date is missing"));
    };
    let token = single(headers, "x-amz-security-token")?;
    read(credential, signed_headers, signature, date, None, token)
}

fn of_query<'a>(query: &'a Query) -> Result<Signature<'a>, ApiError> {
    let need = |name: &str| {
        let value = query.get(name);
        value.ok_or_else(|| incomplete(&format!("the parameter {name} is missing")))
    };
    if need("X-Amz-Algorithm")? != ALGORITHM {
        return Err(incomplete("the algorithm has to be AWS4-HMAC-SHA256"));
    }
    let expires: i64 = need("X-Amz-Expires")?
        .parse()
        .ok()
        .filter(|seconds| (1..=MAX_EXPIRES).contains(seconds))
        .ok_or_else(|| incomplete("X-Amz-Expires has to be from 1 to 604800"))?;
    read(
        need("X-Amz-Credential")?,
        need("X-Amz-SignedHeaders")?,
        need("X-Amz-Signature")?,
        need("X-Amz-Date")?,
        Some(expires),
        query.get("X-Amz-Security-Token"),
    )
}

fn read<'a>(
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    date: &'a str,
    expires: Option<i64>,
    token: Option<&'a str>,
) -> Result<Signature<'a>, ApiError> {
    // The id of a key has no slash, and neither has the rest.
    let parts: Vec<&str> = credential.split('/').collect();
    let [key_id, day, region, service, terminator] = parts.as_slice() else {
        return Err(incomplete(
            "the credential has to be KEY/DATE/REGION/ec2/aws4_request",
        ));
    };
    if *service != SERVICE || *terminator != TERMINATOR {
        let what = "the credential has to be scoped to the service ec2 and end with aws4_request";
        return Err(incomplete(what));
    }
    if vmie_rules::region::region(region).is_none() {
        return Err(incomplete("the credential is scoped to no known Region"));
    }
    let signature = unhex(signature)
        .ok_or_else(|| incomplete("the signature has to be 64 hexadecimal digits"))?;
    Ok(Signature {
        key_id,
        day,
        region,
        signed_headers,
        signature,
        date,
        expires,
        token,
    })
}

/// The host and all headers that mean something for the request.
fn must_be_signed(signed: &[&str], headers: &HeaderMap) -> Result<(), ApiError> {
    let is_sorted = signed.is_sorted_by(|a, b| a < b);
    let is_lower = |name: &&str| !name.bytes().any(|byte| byte.is_ascii_uppercase());
    if !is_sorted || !signed.iter().all(is_lower) {
        return Err(incomplete(
            "SignedHeaders has to be in lower case, sorted, each name once",
        ));
    }
    if let Some(name) = signed.iter().find(|name| !headers.contains_key(**name)) {
        let name: String = name.chars().take(64).collect();
        return Err(incomplete(&format!("the signed header {name} is missing")));
    }
    let unsigned = headers
        .keys()
        .map(hyper::header::HeaderName::as_str)
        .filter(|name| *name == "host" || name.starts_with("x-amz-"))
        .find(|name| !signed.contains(name));
    match unsigned {
        Some(name) => Err(incomplete(&format!("the header {name} has to be signed"))),
        None if !signed.contains(&"host") => Err(incomplete("the header host has to be signed")),
        None => Ok(()),
    }
}

fn check_time(signature: &Signature<'_>, now: i64) -> Result<(), ApiError> {
    let Some(at) = date::parse_date(signature.date) else {
        return Err(incomplete("the date has to be like 20261126T120000Z"));
    };
    if signature.date.get(..8) != Some(signature.day) {
        return Err(incomplete("the credential's day is not that of the date"));
    }
    let until = at.saturating_add(signature.expires.unwrap_or(SKEW));
    if now > until {
        return Err(expired("Request has expired."));
    }
    if at > now.saturating_add(SKEW) {
        return Err(expired(
            "Request is dated more than 15 minutes in the future.",
        ));
    }
    Ok(())
}

fn canonical_request(
    received: &Received<'_>,
    query: &Query,
    signed: &[&str],
    signature: &Signature<'_>,
) -> Result<String, ApiError> {
    let Some(headers) = canonical_headers(received.headers, signed) else {
        return Err(incomplete("a signed header is not of UTF-8"));
    };
    let (method, path) = (received.method, canonical::path(received.path));
    let query = query.canonical();
    let names = signature.signed_headers;
    let payload = hex(&Sha256::digest(received.body));
    Ok(format!(
        "{method}\n{path}\n{query}\n{headers}\n{names}\n{payload}"
    ))
}

/// The key that signs what is of one day, Region and service.
fn signing_key(secret: &str, day: &str, region: &str, service: &str) -> Option<[u8; 32]> {
    let first = [b"AWS4", secret.as_bytes()].concat();
    let day = mac(&first, day.as_bytes())?;
    let region = mac(&day, region.as_bytes())?;
    let service = mac(&region, service.as_bytes())?;
    mac(&service, TERMINATOR.as_bytes())
}

/// HMAC-SHA256. It takes keys of every length: there is always a result.
fn mac(key: &[u8], message: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().into())
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect();
    bytes?.try_into().ok()
}

fn unsigned() -> ApiError {
    let text = "Request is missing Authentication Token";
    ApiError::new(ApiCode::MissingAuthenticationToken, text)
}

fn incomplete(what: &str) -> ApiError {
    let text = format!("The request signature does not conform to AWS standards: {what}.");
    ApiError::new(ApiCode::IncompleteSignature, text)
}

fn expired(text: &str) -> ApiError {
    ApiError::new(ApiCode::RequestExpired, text)
}

fn not_valid() -> ApiError {
    let text = "AWS was not able to validate the provided access credentials";
    ApiError::new(ApiCode::AuthFailure, text)
}

#[cfg(test)]
mod tests;
