use super::*;
use hyper::header::{HeaderName, HeaderValue};

/// The credentials and the moment of the published test suite.
const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const DATE: &str = "20150830T123600Z";
const NOW: i64 = 1_440_938_160;
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const BODY: &[u8] = b"Action=DescribeImages&Version=2016-11-15";
const SIGNATURE: &str = "4512562e23310605ae90bc9defaa570893ecab9c70a8fbcdd9dc43d20c283012";

fn keys() -> Keys {
    let key = |id: &str, token: Option<&str>| AccessKey {
        id: id.to_owned(),
        secret: Secret::new(SECRET),
        account: "111122223333".to_owned(),
        session_token: token.map(Secret::new),
        expires: token.map(|_| NOW + 60),
    };
    Keys::new([
        key(ID, None),
        key("ASIAEXAMPLE", Some("AQoDYXdzEPT//////////wEXAMPLE")),
    ])
    .unwrap()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    map
}

fn authorization(signature: &str) -> String {
    let scope = "20150830/us-east-1/ec2/aws4_request";
    format!(
        "AWS4-HMAC-SHA256 Credential={ID}/{scope}, SignedHeaders=content-type;host;x-amz-date, Signature={signature}"
    )
}

fn good() -> Vec<(String, String)> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        pair("host", "127.0.0.1:8774"),
        pair("content-type", FORM),
        pair("x-amz-date", DATE),
        pair("authorization", &authorization(SIGNATURE)),
        pair("user-agent", "aws-cli"),
        pair("amz-sdk-request", "attempt=1"),
    ]
}

fn check(pairs: &[(String, String)], body: &[u8], now: i64) -> Result<Verified, ApiError> {
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (&**a, &**b)).collect();
    let headers = headers(&pairs);
    let received = Received {
        method: "POST",
        path: "/",
        query: "",
        headers: &headers,
        body,
    };
    verify(&keys(), &received, now)
}

fn code(result: Result<Verified, ApiError>) -> &'static str {
    result.map_or_else(|error| error.code.as_str(), |_| "taken")
}

/// The published suite's `get-vanilla` and `post-x-www-form-urlencoded`, and the published example of
/// a signing key.
#[test]
fn the_published_signatures_are_ours() {
    let key = signing_key(SECRET, "20150830", "us-east-1", "iam").unwrap();
    let known = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9";
    assert_eq!(hex(&key), known);
    let form = "application/x-www-form-urlencoded";
    for (method, names, sent, body, known) in [
        (
            "GET",
            "host;x-amz-date",
            vec![("host", "example.amazonaws.com"), ("x-amz-date", DATE)],
            "",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "content-type;host;x-amz-date",
            vec![
                ("content-type", form),
                ("host", "example.amazonaws.com"),
                ("x-amz-date", DATE),
            ],
            "Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ] {
        let headers = headers(&sent);
        let received = Received {
            method,
            path: "/",
            query: "",
            headers: &headers,
            body: body.as_bytes(),
        };
        let scope = "AKIDEXAMPLE/20150830/us-east-1/ec2/aws4_request";
        let signature = read(scope, names, known, DATE, None, None).unwrap();
        let signed: Vec<&str> = names.split(';').collect();
        let request = canonical_request(&received, &Query::parse(""), &signed, &signature).unwrap();
        let digest = hex(&Sha256::digest(request.as_bytes()));
        let to_sign =
            format!("{ALGORITHM}\n{DATE}\n20150830/us-east-1/service/aws4_request\n{digest}");
        let key = signing_key(SECRET, "20150830", "us-east-1", "service").unwrap();
        assert_eq!(hex(&mac(&key, to_sign.as_bytes()).unwrap()), known);
    }
}

/// Requests as botocore signs them.
#[test]
fn a_signed_request_is_its_keys_svc_sec_2() {
    let verified = check(&good(), BODY, NOW).unwrap();
    assert_eq!(verified.key_id, ID);
    assert_eq!(verified.caller.account, "111122223333");
    assert_eq!(verified.caller.region, "us-east-1");
    assert_eq!(hex(&verified.signature), SIGNATURE);
}

#[test]
fn a_signed_query_is_taken_for_as_long_as_it_says() {
    let query = "Action=DescribeImages&Version=2016-11-15&Filter.1.Name=tag%3Aa%20b&Filter.1.Value.1=%C3%A4\
        &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fec2%2Faws4_request\
        &X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=6d47f93077726ea54a1cebfab46bc3aaeeb7cd842dd8f0feae731b6f90b8b39b";
    let headers = headers(&[("host", "127.0.0.1:8774")]);
    let verify_at = |query: &str, now| {
        let received = Received {
            method: "GET",
            path: "/",
            query,
            headers: &headers,
            body: b"",
        };
        code(verify(&keys(), &received, now))
    };
    assert_eq!(verify_at(query, NOW + 60), "taken");
    assert_eq!(verify_at(query, NOW + 61), "RequestExpired");
    assert_eq!(
        verify_at(&query.replace("=DescribeImages", "=DescribeSnapshots"), NOW),
        "AuthFailure"
    );
    assert_eq!(
        verify_at(&query.replace("Expires=60", "Expires=6000000"), NOW),
        "IncompleteSignature"
    );
    assert_eq!(
        verify_at(&format!("{query}&X-Amz-Date=20150830T123600Z"), NOW),
        "IncompleteSignature"
    );
}

#[test]
fn temporary_credentials_need_their_token_and_end() {
    let scope = "20150830/us-east-1/ec2/aws4_request";
    let mut pairs = good();
    pairs.push((
        "x-amz-security-token".into(),
        "AQoDYXdzEPT//////////wEXAMPLE".into(),
    ));
    pairs[3].1 = format!(
        "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/{scope}, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
         Signature=becac52e2e567ccd8f0ae24c74b08b053581ef76e555d5184ce00756cd9fb389"
    );
    assert_eq!(code(check(&pairs, BODY, NOW)), "taken");
    assert_eq!(code(check(&pairs, BODY, NOW + 61)), "RequestExpired");
    // The same of a key that has no token.
    let mut other = pairs.clone();
    other[3].1 = other[3].1.replace("ASIAEXAMPLE", ID);
    assert_eq!(code(check(&other, BODY, NOW)), "AuthFailure");
    // Its token left out, or not signed.
    let mut without = good();
    without[3].1 = without[3].1.replace(ID, "ASIAEXAMPLE");
    assert_eq!(code(check(&without, BODY, NOW)), "AuthFailure");
    pairs[3].1 = without[3].1.clone();
    assert_eq!(code(check(&pairs, BODY, NOW)), "IncompleteSignature");
}

#[test]
fn what_is_not_signed_right_is_refused_with_its_code() {
    let changed = |index: usize, value: &str| {
        let mut pairs = good();
        pairs[index].1 = value.to_owned();
        code(check(&pairs, BODY, NOW))
    };
    let without = |index: usize| {
        let mut pairs = good();
        pairs.remove(index);
        code(check(&pairs, BODY, NOW))
    };
    let edit = |from: &str, to: &str| changed(3, &authorization(SIGNATURE).replace(from, to));
    // Unsigned.
    assert_eq!(without(3), "MissingAuthenticationToken");
    // Another host, content, key, secret, day, Region.
    assert_eq!(changed(0, "example.com"), "AuthFailure");
    assert_eq!(
        code(check(&good(), b"Action=DeleteSnapshot", NOW)),
        "AuthFailure"
    );
    assert_eq!(edit(ID, "AKIDUNKNOWN"), "AuthFailure");
    assert_eq!(
        changed(3, &authorization(&SIGNATURE.replace('4', "5"))),
        "AuthFailure"
    );
    assert_eq!(edit("us-east-1", "us-east-2"), "AuthFailure");
    // Too old, too new, and just not.
    for (now, expected) in [
        (NOW + 900, "taken"),
        (NOW + 901, "RequestExpired"),
        (NOW - 900, "taken"),
        (NOW - 901, "RequestExpired"),
    ] {
        assert_eq!(code(check(&good(), BODY, now)), expected, "{now}");
    }
    // Not in form.
    for (from, to) in [
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        ("AWS4-HMAC-SHA256 ", "Basic "),
        ("Credential=", "Who="),
        ("/ec2/", "/s3/"),
        ("aws4_request", "aws4"),
        ("us-east-1", "nowhere"),
        ("20150830/", "20150831/"),
        (
            "content-type;host;x-amz-date",
            "host;content-type;x-amz-date",
        ),
        ("content-type;host;x-amz-date", "content-type;host"),
        ("content-type;host;x-amz-date", "content-type;x-amz-date"),
        (
            "content-type;host;x-amz-date",
            "content-type;host;x-amz-date;x-amz-target",
        ),
        (
            "content-type;host;x-amz-date",
            "Content-Type;Host;X-Amz-Date",
        ),
        ("content-type;host", "content-type;host;host"),
        ("Signature=4", "Signature=g"),
        ("Signature=4512", "Signature="),
        (", Signature=", ", Signature=a, Signature="),
        ("AKIDEXAMPLE/", "AKID/EXAMPLE/"),
    ] {
        assert_eq!(edit(from, to), "IncompleteSignature", "{from} -> {to}");
    }
    assert_eq!(changed(2, "yesterday"), "IncompleteSignature");
    assert_eq!(without(2), "IncompleteSignature");
    let mut twice = good();
    twice.push(twice[2].clone());
    assert_eq!(code(check(&twice, BODY, NOW)), "IncompleteSignature");
    let mut twice = good();
    twice.push(twice[3].clone());
    assert_eq!(code(check(&twice, BODY, NOW)), "IncompleteSignature");
    // A header that means something and is not signed.
    let mut more = good();
    more.push(("x-amz-target".into(), "a".into()));
    assert_eq!(code(check(&more, BODY, NOW)), "IncompleteSignature");
}

#[test]
fn secrets_are_not_shown_svc_sec_3() {
    let keys = keys();
    let shown = format!("{keys:?}");
    assert!(
        !shown.contains("wJalr") && !shown.contains("AQoDYX"),
        "{shown}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    for text in [
        "[[access_key]]\nid = \"AKIDEXAMPLE\"\nsecret = \"wJalrXUtnFEMI\"\naccount = \"1\"",
        "[[access_key]]\nid = \"AKIDEXAMPLE\"\nsecret = \"wJalrXUtnFEMI\"\naccount = \"111122223333\"",
        "[[access_key]]\nid = \"AKIDEXAMPLE\"\nsecret = \"wJalrXUtnFEMI",
        "[[access_key]]\nid = \"a/b\"\nsecret = \"wJalrXUtnFEMIwJalrXUtnFEMI\"\naccount = \"111122223333\"",
        "",
    ] {
        std::fs::write(&path, text).unwrap();
        let error = Keys::read(&path).unwrap_err().to_string();
        assert!(!error.contains("wJalr"), "{error}");
    }
}

#[test]
fn a_new_key_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    write_new_key(&path, "111122223333").unwrap();
    let keys = Keys::read(&path).unwrap();
    assert_eq!(keys.first().unwrap().account, "111122223333");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // A file that is there is kept, and nothing else is left.
    let text = std::fs::read_to_string(&path).unwrap();
    write_new_key(&path, "444455556666").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
