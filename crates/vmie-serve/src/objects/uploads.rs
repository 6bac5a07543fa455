//! What the crate has no call for: uploads that were left, and tags.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::{Method, Request, StatusCode};
use object_store::aws::AwsAuthorizer;
use object_store::client::{HttpRequestBody, HttpResponse};
use object_store::multipart::MultipartStore as _;
use quick_xml::events::Event;
use quick_xml::{Reader, Writer};
use sha2::{Digest as _, Sha256};
use vmie::{Cause, Error};
use vmie_io::Fault;
use vmie_tasks::Tag;

use super::{ObjectBuckets, failed, path, shown};

/// How often a page of uploads is asked for at most: each has a thousand.
const PAGES: usize = 10;
/// How long to wait before a request is sent again.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

impl ObjectBuckets {
    /// Gives up what uploads of an object were begun and not ended.
    pub(super) fn abort_uploads(&self, bucket: &str, key: &str) -> Result<(), Error> {
        let (store, path) = (self.store(bucket)?, path(key)?);
        for _ in 0..PAGES {
            let query = format!("uploads=&prefix={}", encoded(key));
            let answer = self.ask(Method::GET, bucket, "", &query, Vec::new())?;
            if bears(answer.status()) {
                return Err(refused(answer.status(), bucket, key));
            }
            let listed = uploads(&self.body(answer)?).map_err(|error| {
                let fault = Fault::new(Cause::AddressAnswer).in_structure("list of uploads");
                Error::from(fault.with_source(std::io::Error::other(error)))
                    .in_file(shown(bucket, key))
            })?;
            let (ours, others): (Vec<_>, Vec<_>) = listed.into_iter().partition(|one| one.0 == key);
            if ours.is_empty() {
                return Ok(());
            }
            for (_, id) in &ours {
                match self.runtime.block_on(store.abort_multipart(&path, id)) {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {
                        tracing::info!(bucket, key, "an upload that was left is given up");
                    }
                    Err(error) => return Err(failed(bucket, key, error)),
                }
            }
            // Keys that begin with this one come after it.
            if !others.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    pub(super) fn put_tags(&self, bucket: &str, key: &str, tags: &[Tag]) -> Result<(), Error> {
        path(key)?;
        if tags.is_empty() {
            return Ok(());
        }
        let text = tagging(tags).map_err(|error| Error::write(shown(bucket, key), error))?;
        let answer = self.ask(Method::PUT, bucket, key, "tagging=", text)?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            // A tag may have letters here that it may not have there; the disk is whole without it.
            status => {
                tracing::warn!(bucket, key, %status, "the object gets no tags");
                Ok(())
            }
        }
    }

    /// Sends a signed request; an answer that says no is an error, unless it says that there is no such thing.
    fn ask(
        &self,
        method: Method,
        bucket: &str,
        key: &str,
        query: &str,
        body: Vec<u8>,
    ) -> Result<HttpResponse, Error> {
        super::check_bucket(bucket)?;
        let address = format!("{}/{}?{query}", self.address(bucket), encoded(key));
        let credential = self.credential();
        let unsent = |error: &dyn std::error::Error| {
            Error::read(shown(bucket, key), std::io::Error::other(error.to_string()))
        };
        let mut pauses = PAUSES.iter();
        loop {
            let digest = Sha256::digest(&body);
            let request = Request::builder()
                .method(method.clone())
                .uri(&address)
                .header("x-amz-checksum-sha256", base64(&digest))
                .body(HttpRequestBody::from(body.clone()));
            let mut request = request.map_err(|error| unsent(&error))?;
            AwsAuthorizer::new(&credential, "s3", &self.endpoint.region)
                .try_authorize(&mut request, Some(&digest))
                .map_err(|error| failed(bucket, key, error))?;
            let (head, _) = request.into_parts();
            let sent = self.wire.send(Request::from_parts(head, body.clone()));
            let again = match &sent {
                Ok(answer) => {
                    answer.status().is_server_error()
                        && answer.status() != StatusCode::NOT_IMPLEMENTED
                }
                Err(_) => true,
            };
            if let (true, Some(pause)) = (again, pauses.next()) {
                std::thread::sleep(*pause);
                continue;
            }
            let answer = sent.map_err(|error| unsent(&error))?;
            return match answer.status() {
                status if status.is_success() || bears(status) => Ok(answer),
                status => Err(refused(status, bucket, key)),
            };
        }
    }

    fn body(&self, answer: HttpResponse) -> Result<Vec<u8>, Error> {
        // It was read to its end before.
        let body = self.runtime.block_on(answer.into_body().collect());
        let lost = |error: object_store::client::HttpError| {
            Error::read(&self.endpoint.url, std::io::Error::other(error.to_string()))
        };
        Ok(body.map_err(lost)?.to_bytes().to_vec())
    }
}

/// Answers that say that a request means nothing there, of which the caller makes what it can.
fn bears(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_IMPLEMENTED | StatusCode::BAD_REQUEST
    )
}

fn refused(status: StatusCode, bucket: &str, key: &str) -> Error {
    use std::io::ErrorKind as Kind;
    let kind = match status {
        StatusCode::NOT_FOUND => {
            return Error::new(Cause::NoSuchObject).in_file(shown(bucket, key));
        }
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Kind::PermissionDenied,
        status if status.is_server_error() => Kind::ResourceBusy,
        _ => Kind::Other,
    };
    let text = format!("the endpoint answers {status}");
    Error::read(shown(bucket, key), std::io::Error::new(kind, text))
}

/// The key and the id of each upload of a list.
pub(super) fn uploads(text: &[u8]) -> Result<Vec<(String, String)>, quick_xml::Error> {
    let mut reader = Reader::from_reader(text);
    let (mut found, mut key, mut id) = (Vec::new(), None, None);
    let (mut inside, mut field) = (false, String::new());
    let mut content = String::new();
    loop {
        match reader.read_event()? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_owned();
                inside |= name == "Upload";
                field = name;
                content.clear();
            }
            Event::Text(text) => content.push_str(&text.xml10_content()),
            Event::GeneralRef(name) => {
                let reference = format!("&{};", &*name);
                content.push_str(&quick_xml::escape::unescape(&reference)?);
            }
            Event::End(end) => {
                let name = end.local_name().as_ref().to_owned();
                match name.as_str() {
                    "Key" if inside && field == name => key = Some(std::mem::take(&mut content)),
                    "UploadId" if inside && field == name => {
                        id = Some(std::mem::take(&mut content));
                    }
                    "Upload" => {
                        found.extend(key.take().zip(id.take()));
                        inside = false;
                    }
                    _ => {}
                }
            }
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

fn tagging(tags: &[Tag]) -> std::io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new());
    writer
        .create_element("Tagging")
        .with_attribute(("xmlns", "http://s3.amazonaws.com/doc/2006-03-01/"))
        .write_inner_content(|writer| {
            writer
                .create_element("TagSet")
                .write_inner_content(|writer| {
                    for tag in tags {
                        writer.create_element("Tag").write_inner_content(|writer| {
                            for (name, text) in [("Key", &tag.key), ("Value", &tag.value)] {
                                let text = quick_xml::events::BytesText::new(text);
                                writer.create_element(name).write_text_content(text)?;
                            }
                            Ok(())
                        })?;
                    }
                    Ok(())
                })?;
            Ok(())
        })?;
    Ok(writer.into_inner())
}

/// A key as a part of an address.
fn encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut bits = 0_u32;
        for at in 0..3 {
            bits = bits << 8 | group.get(at).copied().map_or(0, u32::from);
        }
        for at in 0..4_usize {
            let shift = 18_u32.saturating_sub(u32::try_from(at).unwrap_or(0).saturating_mul(6));
            let letter = usize::try_from(bits >> shift & 63).unwrap_or(0);
            let letter = LETTERS.get(letter).copied().unwrap_or(b'A');
            text.push(if at > group.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
    text
}
