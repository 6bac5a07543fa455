//! TLS as clients meet it (SVC-SEC-2).

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use vmie_serve::{Server, Tls};

use super::client::{options, send, signed, split};

/// A certificate for localhost, and a server that shows it.
fn server(folder: &Path) -> (Server, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    fs::write(&chain, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut options = options(&folder.join("data"));
    options.tls = Some(Tls::read(&chain, &key).unwrap());
    (Server::start(options).unwrap(), made.cert.der().clone())
}

/// A connection that trusts a certificate.
fn connect(
    server: &Server,
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(server.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    StreamOwned::new(connection, stream)
}

#[test]
fn calls_go_over_tls_1_2_and_1_3_with_forward_secrecy_svc_sec_2() {
    let folder = tempfile::tempdir().unwrap();
    let (server, certificate) = server(folder.path());
    assert!(server.url().starts_with("https://"));
    for (version, suites) in [(&TLS12, "ECDHE"), (&TLS13, "TLS13")] {
        let mut stream = connect(&server, &certificate, version);
        let call = signed(
            &server,
            "Action=DescribeImportImageTasks&Version=2016-11-15",
        );
        stream.write_all(call.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let (status, body) = split(&String::from_utf8(answer).unwrap());
        assert_eq!(status, 200, "{body}");
        let suite = stream.conn.negotiated_cipher_suite().unwrap().suite();
        let suite = format!("{suite:?}");
        assert!(suite.contains(suites), "{suite}");
    }
    server.stop().unwrap();
}

#[test]
fn what_is_no_tls_or_too_old_is_closed_and_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let (server, certificate) = server(folder.path());
    // TLS 1.1, a suite, no compression, no extension.
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 0x03, 0x01, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    for bytes in [
        &record[..],
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[0; 4096],
    ] {
        let answer = send(server.address(), bytes);
        assert!(!answer.contains("HTTP/1.1"), "{answer}");
    }
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(&record).unwrap();
    let mut alert = [0; 7];
    stream.read_exact(&mut alert).unwrap();
    // An alert, fatal: the protocol's version, or that there is nothing in common.
    assert_eq!((alert[0], alert[5]), (0x15, 2));
    assert!(matches!(alert[6], 40 | 70), "{alert:?}");
    // Somebody says nothing at all, and somebody does not trust us.
    let mut silent = TcpStream::connect(server.address()).unwrap();
    silent
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let start = Instant::now();
    assert_eq!(silent.read(&mut alert).unwrap_or(0), 0);
    assert!(start.elapsed() < Duration::from_secs(10));
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut stream = connect(&server, other.cert.der(), &TLS13);
    assert!(stream.write_all(b"GET / HTTP/1.1\r\n").is_err());
    // And it goes on.
    let mut stream = connect(&server, &certificate, &TLS13);
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(split(&answer).0, 200, "{answer}");
    server.stop().unwrap();
}

#[test]
fn a_key_that_is_none_or_another_s_starts_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (chain, key) = (
        folder.path().join("chain.pem"),
        folder.path().join("key.pem"),
    );
    fs::write(&chain, made.cert.pem()).unwrap();
    for text in [
        other.signing_key.serialize_pem(),
        made.cert.pem(),
        String::new(),
    ] {
        fs::write(&key, &text).unwrap();
        let error = Tls::read(&chain, &key).unwrap_err().to_string();
        assert!(error.contains(".pem"), "{error}");
        // Nothing of a key stands in it.
        let secret = text.lines().nth(1).unwrap_or("no line");
        assert!(!error.contains(secret), "{error}");
    }
    fs::write(&chain, "").unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    assert!(Tls::read(&chain, &key).is_err());
}
