//! A client that signs, and one that does as it likes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use vmie_serve::sigv4::{AccessKey, Keys, Secret, format_date};
use vmie_serve::{Options, Server};

pub(crate) const ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub(crate) fn options(folder: &std::path::Path) -> Options {
    let key = AccessKey {
        id: ID.to_owned(),
        secret: Secret::new(SECRET),
        account: "111122223333".to_owned(),
        session_token: None,
        expires: None,
    };
    let mut options = Options::new(folder, Keys::new([key]).unwrap());
    options.listen = "127.0.0.1:0".parse().unwrap();
    options.limits.head_time = Duration::from_millis(400);
    options.limits.body_time = Duration::from_millis(400);
    options.limits.read_time = Duration::from_millis(400);
    options.limits.farewell = Duration::from_millis(600);
    options.token = Some("token".to_owned());
    options
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A signed POST, as bytes.
pub(crate) fn signed(server: &Server, form: &str) -> String {
    signed_at(server, form, vmie_tasks_now(), SECRET)
}

pub(crate) fn vmie_tasks_now() -> i64 {
    vmie::now().secs
}

pub(crate) fn signed_at(server: &Server, form: &str, now: i64, secret: &str) -> String {
    let (date, host) = (format_date(now), server.address().to_string());
    let day = &date[..8];
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    let names = "content-type;host;x-amz-date";
    let digest = hex(&Sha256::digest(form.as_bytes()));
    let request = format!(
        "POST\n/\n\ncontent-type:{kind}\nhost:{host}\nx-amz-date:{date}\n\n{names}\n{digest}"
    );
    let scope = format!("{day}/us-east-1/ec2/aws4_request");
    let digest = hex(&Sha256::digest(request.as_bytes()));
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}");
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [day, "us-east-1", "ec2", "aws4_request"] {
        key = mac(&key, part);
    }
    let signature = hex(&mac(&key, &to_sign));
    format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nX-Amz-Date: {date}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={ID}/{scope}, SignedHeaders={names}, Signature={signature}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{form}",
        form.len()
    )
}

/// Sends bytes and reads until the other side closes.
pub(crate) fn send(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    // The other side may close before it has read all.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Calls the API: the status and the body.
pub(crate) fn call(server: &Server, form: &str) -> (u16, String) {
    let form = format!("Version=2016-11-15&{form}");
    split(&send(server.address(), signed(server, &form).as_bytes()))
}

pub(crate) fn split(answer: &str) -> (u16, String) {
    let status = answer.get(9..12).and_then(|code| code.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.unwrap_or(0), body.to_owned())
}

/// What stands in the first element of a name.
pub(crate) fn element(body: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let text = body
        .split_once(&open)
        .and_then(|(_, rest)| rest.split_once(&close));
    text.map_or_else(String::new, |(text, _)| text.to_owned())
}

pub(crate) fn get(server: &Server, path: &str, headers: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    split(&send(server.address(), request.as_bytes()))
}
