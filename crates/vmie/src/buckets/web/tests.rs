use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Mutex;

use super::*;

/// What a host answers to one request after the other; what it was asked.
struct Host {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Host {
    fn new(answers: impl IntoIterator<Item = String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (mut answers, heard): (VecDeque<String>, _) =
            (answers.into_iter().collect(), Arc::clone(&asked));
        std::thread::spawn(move || {
            while let Some(answer) = answers.pop_front() {
                let (mut stream, _) = listener.accept().unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> = lines
                    .by_ref()
                    .map(|line| line.unwrap().to_ascii_lowercase())
                    .take_while(|line| !line.is_empty())
                    .collect();
                heard.lock().unwrap().push(head.join("\n"));
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { port, asked }
    }

    fn url(&self) -> SourceUrl {
        SourceUrl::new(format!(
            "http://127.0.0.1:{}/disk?signature=secret",
            self.port
        ))
    }

    fn addresses(&self) -> WebAddresses {
        let host = format!("http://127.0.0.1:{}", self.port);
        WebAddresses::new(WebOptions {
            hosts: vec![host.parse().unwrap()],
            ..WebOptions::default()
        })
        .unwrap()
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len}\r\n{headers}\r\n{body}"
    )
}

fn part(range: &str, etag: &str, body: &str) -> String {
    let headers = format!("Content-Range: bytes {range}\r\nETag: \"{etag}\"\r\n");
    answer("206 Partial Content", &headers, body)
}

#[test]
fn ranges_of_one_version_are_read() {
    let host = Host::new([
        part("0-0/10", "a", "0"),
        part("0-9/10", "a", "0123456789"),
        answer("200 OK", "", ""),
    ]);
    let addresses = host.addresses();
    let object = addresses.open(&host.url(), &CancelToken::new()).unwrap();
    assert_eq!(
        (object.source.len(), object.version.as_deref()),
        (10, Some("\"a\""))
    );
    let mut buf = [0; 4];
    object.source.read_exact_at(&mut buf, 3).unwrap();
    assert_eq!(&buf, b"3456");
    assert!(object.source.read_exact_at(&mut buf, 7).is_err());
    assert_eq!(
        addresses.head(&host.url(), &CancelToken::new()).unwrap(),
        Some(0)
    );
    let asked = host.asked.lock().unwrap();
    assert!(asked[0].contains("range: bytes=0-0"), "{}", asked[0]);
    assert!(asked[1].contains("if-match: \"a\""), "{}", asked[1]);
    assert!(!format!("{:?}{}", object, object.name.display()).contains("secret"));
}

#[test]
fn another_version_is_not_read_on() {
    let gone = answer("412 Precondition Failed", "", "");
    let longer = part("0-9/11", "a", "0123456789");
    let other = part("0-9/10", "b", "0123456789");
    for second in [gone, longer, other] {
        let host = Host::new([part("0-0/10", "a", "0"), second]);
        let object = host
            .addresses()
            .open(&host.url(), &CancelToken::new())
            .unwrap();
        let error = object.source.read_exact_at(&mut [0; 10], 0).unwrap_err();
        let error = Error::from(error);
        assert!(format!("{error:?}").contains("SourceChanged"), "{error:?}");
    }
}

#[test]
fn answers_that_are_none_say_what_they_are() {
    let large =
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n".to_owned();
    let moved = answer(
        "302 Found",
        "Location: http://169.254.169.254/latest/meta-data/\r\n",
        "",
    );
    for (text, cause) in [
        (answer("404 Not Found", "", "<Error/>"), Cause::NoSuchObject),
        (answer("403 Forbidden", "", ""), Cause::Read),
        (moved, Cause::AddressDenied),
        (large, Cause::AddressAnswer),
        (part("5-5/10", "a", "0"), Cause::AddressAnswer),
        (answer("206 Partial Content", "", "0"), Cause::AddressAnswer),
        (answer("418 Teapot", "", ""), Cause::AddressAnswer),
    ] {
        let host = Host::new([text.clone()]);
        let error = host
            .addresses()
            .open(&host.url(), &CancelToken::new())
            .unwrap_err();
        assert_eq!(error.cause(), Some(cause), "{text}");
        assert!(
            !format!("{error} {error:?}").contains("secret"),
            "{error:?}"
        );
        assert_eq!(
            host.asked.lock().unwrap().len(),
            1,
            "it was asked again: {text}"
        );
    }
}

#[test]
fn a_busy_host_is_asked_again_and_a_broken_answer_read_again() {
    let busy = answer("503 Slow Down", "", "");
    let cut = "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: 10\r\n\
               Content-Range: bytes 0-9/10\r\n\r\n0123"
        .to_owned();
    let host = Host::new([
        busy,
        part("0-0/10", "a", "0"),
        cut,
        part("0-9/10", "a", "0123456789"),
    ]);
    let object = host
        .addresses()
        .open(&host.url(), &CancelToken::new())
        .unwrap();
    let mut buf = [0; 10];
    object.source.read_exact_at(&mut buf, 0).unwrap();
    assert_eq!(&buf, b"0123456789");
}

#[test]
fn short_texts_and_empty_ones_come_from_hosts_without_ranges() {
    let host = Host::new([answer("200 OK", "", "<manifest/>")]);
    let object = host
        .addresses()
        .open(&host.url(), &CancelToken::new())
        .unwrap();
    let mut buf = [0; 11];
    object.source.read_exact_at(&mut buf, 0).unwrap();
    assert_eq!(&buf, b"<manifest/>");
    let empty = answer(
        "416 Range Not Satisfiable",
        "Content-Range: bytes */0\r\n",
        "",
    );
    let host = Host::new([empty]);
    assert_eq!(
        host.addresses()
            .open(&host.url(), &CancelToken::new())
            .unwrap()
            .source
            .len(),
        0
    );
}

#[test]
fn what_is_not_there_is_waited_for_and_what_is_deleted_is_gone() {
    let statuses = [
        "404 Not Found",
        "403 Forbidden",
        "204 No Content",
        "404 Not Found",
        "403 Forbidden",
    ];
    let host = Host::new(statuses.map(|status| answer(status, "", "")));
    let addresses = host.addresses();
    assert_eq!(
        addresses.head(&host.url(), &CancelToken::new()).unwrap(),
        None
    );
    assert_eq!(
        addresses.head(&host.url(), &CancelToken::new()).unwrap(),
        None
    );
    addresses.delete(&host.url()).unwrap();
    addresses.delete(&host.url()).unwrap();
    let error = addresses.delete(&host.url()).unwrap_err();
    let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    assert!(crate::error::says(&error, &denied), "{error:?}");
}

#[test]
fn nothing_is_asked_that_is_not_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    // A name that leads to this machine, and may be asked by its name only.
    let name = format!("http://localhost.localdomain:{port}");
    let named = AllowedHost::clone(&name.parse().unwrap());
    let addresses = WebAddresses::new(WebOptions {
        hosts: vec![named, "http://169.254.169.254".parse().unwrap()],
        ..WebOptions::default()
    })
    .unwrap();
    for url in [
        format!("http://127.0.0.1:{port}/a"),
        format!("http://[::ffff:127.0.0.1]:{port}/a"),
        format!("http://2130706433:{port}/a"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://[fd00:ec2::254]/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://".to_owned(),
    ] {
        let error = addresses
            .open(&SourceUrl::new(url.clone()), &CancelToken::new())
            .unwrap_err();
        assert_eq!(
            error.cause(),
            Some(Cause::AddressDenied),
            "{url}: {error:?}"
        );
    }
    // Whether that name resolves is the machine's; to where it must not lead is ours.
    assert!(
        addresses
            .open(&SourceUrl::new(format!("{name}/a")), &CancelToken::new())
            .is_err()
    );
    assert!(listener.accept().is_err(), "somebody was asked");
}

#[test]
fn certificates_have_to_be_some() {
    for pem in [
        &b""[..],
        b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
    ] {
        let options = WebOptions {
            roots: Some(pem.to_vec()),
            ..WebOptions::default()
        };
        assert!(WebAddresses::new(options).is_err());
    }
}
