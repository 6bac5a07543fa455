//! What clients do that mean no good, or cannot do better.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use vmie_serve::Server;

use super::client::{
    SECRET, call, element, get, options, send, signed, signed_at, split, vmie_tasks_now,
};
use super::{bucket, ended};

const LIST: &str = "Action=DescribeImportImageTasks&Version=2016-11-15";

fn is_alive(server: &Server) {
    let (status, body) = call(server, "Action=DescribeImportImageTasks");
    assert_eq!(status, 200, "{body}");
}

#[test]
fn who_is_not_known_is_refused_with_the_right_code() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(options(folder.path())).unwrap();
    let now = vmie_tasks_now();
    let good = signed(&server, LIST);
    let host = server.address();
    let plain = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{LIST}",
        LIST.len()
    );
    for (request, status, code) in [
        (good.clone(), 200, ""),
        (plain, 400, "MissingAuthenticationToken"),
        (
            signed_at(&server, LIST, now - 3600, SECRET),
            400,
            "RequestExpired",
        ),
        (
            signed_at(&server, LIST, now + 3600, SECRET),
            400,
            "RequestExpired",
        ),
        (
            signed_at(&server, LIST, now, "another secret"),
            401,
            "AuthFailure",
        ),
        (
            good.replace("AKIDEXAMPLE", "AKIDUNKNOWN"),
            401,
            "AuthFailure",
        ),
        (
            good.replace("ImportImage", "ImportImbge"),
            401,
            "AuthFailure",
        ),
        (
            good.replace("AWS4-HMAC-SHA256", "AWS3"),
            400,
            "IncompleteSignature",
        ),
        (
            good.replace("Signature=", "Signature=é"),
            400,
            "IncompleteSignature",
        ),
    ] {
        let (found, body) = split(&send(server.address(), request.as_bytes()));
        assert_eq!(
            (found, &*element(&body, "Code")),
            (status, code),
            "{request}\n{body}"
        );
    }
    // A forged path is signed, too, but leads nowhere.
    let elsewhere = good.replace("POST / ", "POST /../../etc/passwd ");
    assert_eq!(split(&send(server.address(), elsewhere.as_bytes())).0, 404);
    server.stop().unwrap();
}

#[test]
fn bodies_and_heads_without_end_are_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(options(folder.path())).unwrap();
    let address = server.address();
    let head = format!("POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    // It says that it is long.
    let long = format!(
        "{head}Content-Length: 99999999999\r\n\r\n{}",
        "a".repeat(3 << 20)
    );
    let (status, body) = split(&send(address, long.as_bytes()));
    assert!(status == 400 || status == 0, "{status} {body}");
    // It does not say so: chunks for ever.
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{head}Transfer-Encoding: chunked\r\n\r\n").unwrap();
    let chunk = format!("10000\r\n{}\r\n", "a".repeat(0x10000));
    let sent = (0..1000).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok());
    assert!(sent.count() < 1000, "it took 62 MiB");
    // A body that stops in the middle gets its answer in time.
    let start = Instant::now();
    let (status, body) = split(&send(
        address,
        format!("{head}Content-Length: 100\r\n\r\nAction").as_bytes(),
    ));
    assert_eq!(
        (status, &*element(&body, "Code")),
        (400, "MalformedQueryString"),
        "{body}"
    );
    assert!(start.elapsed() < Duration::from_secs(5));
    // Many headers, a long header, a head without end.
    let many: String = (0..300).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = format!("x-long: {}\r\n", "a".repeat(1 << 20));
    for bomb in [format!("{many}\r\n"), format!("{long}\r\n"), long.repeat(8)] {
        let (status, _) = split(&send(
            address,
            format!("GET / HTTP/1.1\r\n{bomb}").as_bytes(),
        ));
        assert!(status == 431 || status == 0, "{status}");
    }
    is_alive(&server);
    server.stop().unwrap();
}

#[test]
fn slow_and_silent_clients_are_let_go_and_keep_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.limits.connections = 4;
    let server = Server::start(options).unwrap();
    let slow: Vec<TcpStream> = (0..4)
        .map(|n| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            let part = if n % 2 == 0 { "POST / HT" } else { "" };
            stream.write_all(part.as_bytes()).unwrap();
            stream
        })
        .collect();
    // All places are taken until their time is over.
    let start = Instant::now();
    is_alive(&server);
    assert!(start.elapsed() < Duration::from_secs(10));
    for mut stream in slow {
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    server.stop().unwrap();
}

#[test]
fn who_asks_and_never_reads_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(options(folder.path())).unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    let deaf: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            let soon = Some(Duration::from_millis(200));
            stream.set_write_timeout(soon).unwrap();
            // Until nothing more is taken.
            while stream.write_all(&request).is_ok() {}
            stream
        })
        .collect();
    let start = Instant::now();
    // Each call has a connection of its own.
    while !get(&server, "/metrics", "Host: localhost\r\n")
        .1
        .contains("vmie_connections 1\n")
    {
        assert!(start.elapsed() < Duration::from_secs(10), "they are kept");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(deaf);
    is_alive(&server);
    server.stop().unwrap();
}

#[test]
fn names_do_not_lead_out_of_the_buckets() {
    let folder = tempfile::tempdir().unwrap();
    bucket(folder.path());
    std::fs::write(folder.path().join("secret.raw"), vec![1; 4096]).unwrap();
    let server = Server::start(options(folder.path())).unwrap();
    for (bucket, key) in [
        ("images", "..%2F..%2Fsecret.raw"),
        ("images", "%2Fetc%2Fpasswd"),
        ("images", "a%2F..%2F..%2F..%2Fsecret.raw"),
        ("images", "disk.raw%00"),
        ("images", "..%5C..%5Csecret.raw"),
        ("..", "secret.raw"),
        (".", "secret.raw"),
        ("images%2F..", "secret.raw"),
        ("%2Fetc", "passwd"),
    ] {
        let form = format!(
            "Action=ImportSnapshot&DiskContainer.Format=raw&DiskContainer.UserBucket.S3Bucket={bucket}\
             &DiskContainer.UserBucket.S3Key={key}"
        );
        let (status, body) = call(&server, &form);
        if status != 200 {
            let code = element(&body, "Code");
            assert!(
                code.starts_with("Invalid") || code == "MalformedQueryString",
                "{body}"
            );
            continue;
        }
        let task = element(&body, "importTaskId");
        let body = ended(&server, &task);
        assert_eq!(
            element(&body, "status"),
            "deleted",
            "{bucket} {key}: {body}"
        );
    }
    let snapshots = std::fs::read_dir(folder.path().join("store")).unwrap();
    let snapshots = snapshots.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("snap-")
    });
    assert_eq!(snapshots.count(), 0);
    server.stop().unwrap();
}

#[test]
fn other_methods_and_no_http_at_all_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(options(folder.path())).unwrap();
    let address = server.address();
    for method in ["PUT", "DELETE", "OPTIONS"] {
        let request =
            format!("{method} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert_eq!(split(&send(address, request.as_bytes())).0, 405, "{method}");
    }
    send(
        address,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    );
    send(address, &[0; 70_000]);
    assert_eq!(get(&server, "/healthz", "Host: a\r\n").0, 200);
    server.stop().unwrap();
}
