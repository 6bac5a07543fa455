//! The other side: a client that signs.

use sha2::{Digest as _, Sha256};

use super::{ALGORITHM, AccessKey, SERVICE, TERMINATOR, format_date, mac, signing_key};
use crate::random::hex;

/// What a signed form is sent as, beside its length.
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// The headers of a signed `POST` of a form to `/`, `Host` among them.
///
/// `host` is what stands in the address, with the port where there is one; `now` is in seconds since 1970.
#[must_use]
pub fn sign(
    key: &AccessKey,
    region: &str,
    host: &str,
    form: &str,
    now: i64,
) -> Vec<(&'static str, String)> {
    let date = format_date(now);
    let day = date.get(..8).unwrap_or_default();
    let mut headers = vec![
        ("content-type", FORM.to_owned()),
        ("host", host.to_owned()),
        ("x-amz-date", date.clone()),
    ];
    if let Some(token) = &key.session_token {
        headers.push(("x-amz-security-token", token.reveal().to_owned()));
    }
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut request = "POST\n/\n\n".to_owned();
    for (name, value) in &headers {
        request.push_str(&format!("{name}:{value}\n"));
    }
    let digest = hex(&Sha256::digest(form.as_bytes()));
    request.push_str(&format!("\n{names}\n{digest}"));
    let scope = format!("{day}/{region}/{SERVICE}/{TERMINATOR}");
    let digest = hex(&Sha256::digest(request.as_bytes()));
    let text = format!("{ALGORITHM}\n{date}\n{scope}\n{digest}");
    let secret = signing_key(key.secret.reveal(), day, region, SERVICE);
    // There is always one; without it, nobody takes the request.
    let signature = secret.and_then(|secret| mac(&secret, text.as_bytes()));
    let signature = signature.map(|bytes| hex(&bytes)).unwrap_or_default();
    let id = &key.id;
    headers.push((
        "authorization",
        format!(
            "{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"
        ),
    ));
    headers
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;
    use crate::sigv4::{Keys, Received, Secret, verify};

    #[test]
    fn what_is_signed_here_is_taken_here() {
        const NOW: i64 = 1_790_000_000;
        let mut key = AccessKey {
            id: "AKIDEXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG"),
            account: "111122223333".to_owned(),
            session_token: None,
            expires: None,
        };
        for token in [None, Some(Secret::new("token"))] {
            key.session_token = token;
            let keys = Keys::new([key.clone()]).unwrap();
            let form = "Action=DescribeImages&Version=2016-11-15";
            let mut headers = HeaderMap::new();
            for (name, value) in sign(&key, "eu-west-1", "127.0.0.1:8774", form, NOW) {
                headers.insert(name, value.parse().unwrap());
            }
            let received = |body| Received {
                method: "POST",
                path: "/",
                query: "",
                headers: &headers,
                body,
            };
            let whose = verify(&keys, &received(form.as_bytes()), NOW + 60).unwrap();
            assert_eq!(whose.caller.region, "eu-west-1");
            assert_eq!(whose.caller.account, key.account);
            assert!(verify(&keys, &received(b"Action=ImportImage"), NOW).is_err());
            assert!(verify(&keys, &received(form.as_bytes()), NOW + 3600).is_err());
        }
    }
}
