//! What needs no endpoint, and one that answers as it is told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use vmie::work::Buckets as _;
use vmie::{Cause, Error};
use vmie_io::CancelToken;

use super::upload::part_len_of;
use super::uploads::uploads;
use super::{ObjectBuckets, ObjectEndpoint};
use crate::sigv4::Secret;

/// One request: its first line, whether it is signed, how many bytes came with it.
type Asked = (String, bool, usize);

/// An endpoint that gives the same answers in turn to whatever comes.
struct Endpoint {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Endpoint {
    fn new(answers: Vec<(&'static str, &'static str, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        std::thread::spawn(move || {
            for (status, headers, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let one = read(&stream);
                let is_head = one.0.starts_with("HEAD");
                heard.lock().unwrap().push(one);
                let len = if headers.contains("Content-Length") {
                    String::new()
                } else {
                    format!("Content-Length: {}\r\n", body.len())
                };
                let head = format!("HTTP/1.1 {status}\r\n{headers}{len}Connection: close\r\n\r\n");
                stream.write_all(head.as_bytes()).unwrap();
                if !is_head {
                    stream.write_all(&body).unwrap();
                }
            }
        });
        Self { url, asked }
    }

    fn buckets(&self) -> ObjectBuckets {
        ObjectBuckets::new(endpoint(&self.url)).unwrap()
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn endpoint(url: &str) -> ObjectEndpoint {
    ObjectEndpoint {
        url: url.to_owned(),
        region: "us-east-1".to_owned(),
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: Secret::new("hush".to_owned()),
        session_token: None,
        virtual_hosted: false,
        roots: None,
    }
}

fn read(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let (mut first, mut signed, mut len) = (String::new(), false, 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        signed |= line.starts_with("authorization: aws4-hmac-sha256 credential=akidexample/");
        if let Some(text) = line.strip_prefix("content-length: ") {
            len = text.parse().unwrap();
        }
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body).unwrap();
    (first.trim_end().to_owned(), signed, len)
}

const HEAD: &str = "ETag: \"one\"\r\nLast-Modified: Fri, 27 Nov 2026 12:00:00 GMT\r\n";

#[test]
fn ranges_of_one_version_are_read() {
    let range = format!("{HEAD}Content-Range: bytes 0-9/10\r\n");
    let endpoint = Endpoint::new(vec![
        (
            "200 OK",
            "ETag: \"one\"\r\nLast-Modified: Fri, 27 Nov 2026 12:00:00 GMT\r\nContent-Length: 10\r\n",
            Vec::new(),
        ),
        ("206 Partial Content", range.leak(), b"0123456789".to_vec()),
    ]);
    let buckets = endpoint.buckets();
    let object = buckets
        .open("images", "a b/disk+1.raw", &CancelToken::new())
        .unwrap();
    assert_eq!(object.source.len(), 10);
    assert_eq!(object.version.as_deref(), Some("\"one\""));
    let mut buf = [0; 4];
    object.source.read_exact_at(&mut buf, 3).unwrap();
    assert_eq!(&buf, b"3456");
    // From the block that was read.
    object.source.read_exact_at(&mut buf, 6).unwrap();
    let asked = endpoint.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|(_, signed, _)| *signed), "{asked:?}");
    assert!(
        asked[0].0.starts_with("HEAD /images/a%20b/disk%2B1.raw "),
        "{asked:?}"
    );
    let requests = buckets.requests();
    assert_eq!((requests.head, requests.get, requests.received), (1, 1, 10));
    assert!(!format!("{buckets:?}").contains("hush"));
}

#[test]
fn another_version_is_not_read_on() {
    let endpoint = Endpoint::new(vec![
        (
            "200 OK",
            "ETag: \"one\"\r\nLast-Modified: Fri, 27 Nov 2026 12:00:00 GMT\r\nContent-Length: 10\r\n",
            Vec::new(),
        ),
        ("412 Precondition Failed", "", Vec::new()),
    ]);
    let object = endpoint
        .buckets()
        .open("images", "disk.raw", &CancelToken::new())
        .unwrap();
    let error = object.source.read_exact_at(&mut [0; 4], 0).unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    let source = source.downcast_ref::<Error>().unwrap();
    assert_eq!(source.cause(), Some(Cause::SourceChanged));
}

#[test]
fn what_is_not_there_and_what_may_not_be_seen() {
    let endpoint = Endpoint::new(vec![
        ("404 Not Found", "", Vec::new()),
        ("403 Forbidden", "", Vec::new()),
    ]);
    let buckets = endpoint.buckets();
    assert_eq!(buckets.head("images", "disk.raw").unwrap(), None);
    let error = buckets.head("images", "disk.raw").unwrap_err();
    let text = format!("{:?}", std::error::Error::source(&error));
    assert!(text.contains("PermissionDenied"), "{text}");
}

#[test]
fn an_upload_that_was_left_is_given_up_before_another_begins() {
    let list = b"<ListMultipartUploadsResult><Upload><Key>disk.raw</Key><UploadId>old&amp;one</UploadId></Upload>\
        <Upload><Key>disk.raw.2</Key><UploadId>other</UploadId></Upload></ListMultipartUploadsResult>";
    let begun =
        b"<InitiateMultipartUploadResult><UploadId>new</UploadId></InitiateMultipartUploadResult>";
    let done =
        b"<CompleteMultipartUploadResult><ETag>\"all\"</ETag></CompleteMultipartUploadResult>";
    let endpoint = Endpoint::new(vec![
        ("200 OK", "", list.to_vec()),
        ("204 No Content", "", Vec::new()),
        ("200 OK", "", begun.to_vec()),
        ("200 OK", "ETag: \"part\"\r\n", Vec::new()),
        ("200 OK", "", done.to_vec()),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("disk.raw");
    std::fs::write(&file, [7; 1000]).unwrap();
    let buckets = endpoint.buckets();
    buckets
        .put_file("images", "disk.raw", &file, &CancelToken::new())
        .unwrap();
    let asked = endpoint.asked();
    let first: Vec<&str> = asked.iter().map(|one| one.0.as_str()).collect();
    assert!(
        first[0].starts_with("GET /images/?uploads=&prefix=disk.raw "),
        "{first:?}"
    );
    assert!(
        first[1].starts_with("DELETE /images/disk.raw?uploadId=old%26one "),
        "{first:?}"
    );
    assert!(
        first[2].starts_with("POST /images/disk.raw?uploads"),
        "{first:?}"
    );
    assert!(first[3].starts_with("PUT /images/disk.raw?"), "{first:?}");
    assert_eq!(asked[3].2, 1000);
    assert!(
        first[4].starts_with("POST /images/disk.raw?uploadId=new "),
        "{first:?}"
    );
    assert!(asked.iter().all(|(_, signed, _)| *signed), "{asked:?}");
}

#[test]
fn names_do_not_lead_elsewhere() {
    let buckets = ObjectBuckets::new(endpoint("http://127.0.0.1:1")).unwrap();
    for bucket in ["..", "a/b", "A-bucket", "b?c", "x", "-ab", "a..b"] {
        let error = buckets.head(bucket, "key").unwrap_err();
        assert_eq!(error.cause(), Some(Cause::BucketName), "{bucket}");
    }
    for key in ["", "/a", "a/", "a//b", "../a", "a/./b", "a\u{7}"] {
        let error = buckets.head("bucket", key).unwrap_err();
        assert_eq!(error.cause(), Some(Cause::KeyEscapes), "{key}");
    }
}

#[test]
fn a_disk_of_any_size_fits_into_the_parts() {
    for len in [0, 1, 8 << 20, 1 << 30, 1 << 40, 5 << 40] {
        let part = part_len_of(len);
        assert!(len.div_ceil(part) <= 10_000, "{len}");
        assert!(part >= 5 << 20, "{len}");
    }
    // The disks that are exported have up to a TiB: the parts that are on their way stay small.
    assert!(part_len_of(1 << 40) <= 128 << 20);
}

#[test]
fn lists_of_uploads_are_read() {
    let text = b"<R xmlns='x'><Key>not of an upload</Key><Upload><Owner><ID>i</ID></Owner><UploadId>1</UploadId>\
        <Key>a &lt;b&#233;</Key></Upload><Upload><Key>c</Key></Upload></R>";
    let found = uploads(text).unwrap();
    assert_eq!(found, [("a <b\u{e9}".to_owned(), "1".to_owned())]);
    assert!(uploads(b"<a><b></a>").is_err());
    for end in 0..text.len() {
        // Whatever is cut off, it ends.
        let _ = uploads(&text[..end]);
    }
}
