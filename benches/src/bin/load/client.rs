//! A client that signs and keeps its connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use vmie_serve::sigv4::{AccessKey, sign};

use super::Result;
use super::service::Service;

/// Calls of one second that are equal are told apart by a number.
static CALLS: AtomicU64 = AtomicU64::new(0);

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    host: String,
    key: AccessKey,
}

impl Client {
    pub(crate) fn connect(service: &Service) -> Result<Self> {
        let stream = TcpStream::connect(&service.host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self {
            stream: BufReader::new(stream),
            host: service.host.clone(),
            key: service.key.clone(),
        })
    }

    /// The body of the answer, which has to be a good one.
    pub(crate) fn call(&mut self, form: &str) -> Result<String> {
        let form = format!("{form}&Version=2016-11-15");
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        let mut request = "POST / HTTP/1.1\r\n".to_owned();
        for (name, value) in sign(&self.key, "us-east-1", &self.host, &form, vmie::now().secs) {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!(
            "amz-sdk-invocation-id: load-{number}\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut len) = (String::new(), 0);
        self.stream.read_line(&mut status)?;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("content-length:") {
                len = text.trim().parse()?;
            }
        }
        let mut body = vec![0; len];
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8(body)?;
        match status.split(' ').nth(1) {
            Some("200") => Ok(body),
            _ => Err(format!("{}: {body}", status.trim_end()).into()),
        }
    }
}

/// What stands in the first element of a name.
pub(crate) fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text)
}
