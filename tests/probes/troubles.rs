//! The table of what can go wrong over HTTP, with the verdict and the cause that is named.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use relgate::domain::probe::Probe;
use relgate::domain::probe::judge::Verdict;
use serde_json::{Value, json};

use crate::support::{Server, drip, get, hold, probe, read_request, refused, response, samples};

/// One trouble: its name, a server that makes it, what is asked, the verdict, and what the reason says.
struct Trouble {
    name: &'static str,
    server: Server,
    ask: fn(&Server) -> Value,
    verdict: Verdict,
    reason: &'static str,
}

fn plain(server: &Server) -> Value {
    let mut ask = get(&server.url());
    ask["timeout"] = "1s".into();
    ask
}

fn secure(server: &Server) -> Value {
    get(&format!("https://{}/", server.address))
}

fn followed(server: &Server) -> Value {
    let mut ask = get(&server.url());
    ask["http"]["redirects"] = 3.into();
    ask
}

fn with_body(server: &Server, body: Value) -> Value {
    json!({"http": {"url": server.url(), "expect": {"body": body}}})
}

fn raw(answer: &str) -> Server {
    Server::answering(answer, true)
}

fn broken_connections() -> Vec<Trouble> {
    use Verdict::Fail;
    let trouble = |name, server, reason| Trouble {
        name,
        server,
        ask: plain,
        verdict: Fail,
        reason,
    };
    vec![
        trouble("refused", refused(), "refused the connection"),
        trouble(
            "reset",
            // Closing with something unread resets the connection.
            Server::new(|stream| {
                let _ = stream.peek(&mut [0]);
            }),
            "reset the connection",
        ),
        trouble(
            "reset in the head",
            partial(b"HTTP/1.1 200 OK\r\nX-"),
            "reset the connection",
        ),
        trouble(
            "reset in the body",
            partial(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc"),
            "reset the connection (status 200 and 3 bytes of the body came before)",
        ),
        trouble("black hole", black_hole(), "no connection within 1s"),
        trouble(
            "says for ever that it goes on",
            Server::new(|mut stream| {
                read_request(&mut stream);
                let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
                drip(&mut stream, go_on, Duration::from_millis(20));
            }),
            "no answer within 1s",
        ),
        trouble(
            "closes without an answer",
            raw(""),
            "closed the connection without an answer",
        ),
        trouble(
            "never answers",
            Server::new(|mut stream| hold(&mut stream)),
            "no answer within 1s (the connection took",
        ),
        trouble(
            "drips its head",
            Server::new(|mut stream| {
                read_request(&mut stream);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
                drip(&mut stream, b"X-Y: z\r\n", Duration::from_millis(50));
            }),
            "no answer within 1s",
        ),
        trouble(
            "drips its body",
            Server::new(|mut stream| {
                read_request(&mut stream);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
                drip(&mut stream, b"x", Duration::from_millis(50));
            }),
            "no complete answer within 1s (status 200",
        ),
        trouble(
            "promises more than it sends, and waits",
            Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", false),
            "then 3 bytes of the body",
        ),
    ]
}

fn broken_answers() -> Vec<Trouble> {
    let trouble = |name, server, reason| Trouble {
        name,
        server,
        ask: plain,
        verdict: Verdict::Fail,
        reason,
    };
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(10_000_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(100_000));
    vec![
        trouble("other status", Server::http("503 Busy", "no"), "found 503"),
        trouble(
            "promises more than it sends",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
            "before its answer was complete (status 200 and 3 bytes",
        ),
        trouble(
            "length is no number",
            raw("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc"),
            "content-length",
        ),
        trouble(
            "broken chunks",
            raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "is broken: Invalid chunk size",
        ),
        trouble(
            "chunks cut off",
            raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
            "before its answer was complete (status 200 and 2 bytes",
        ),
        trouble(
            "no HTTP",
            raw("220 mail.example ESMTP\r\n\r\n"),
            "is broken",
        ),
        trouble(
            "HTTP/0.9",
            raw("<html>ok</html>\n"),
            "is broken: invalid HTTP version",
        ),
        trouble(
            "HTTP/2 without being asked",
            raw("\0\0\0\u{4}\0\0\0\0\0"),
            "is broken",
        ),
        trouble(
            "two lengths",
            raw("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
            "content-length",
        ),
        trouble(
            "10 MB of headers",
            Server::answering(huge, true),
            "too large",
        ),
        trouble(
            "100,000 headers",
            Server::answering(many, true),
            "is broken",
        ),
        Trouble {
            name: "no TLS",
            server: Server::answering("HTTP/1.1 400 Bad Request\r\n\r\n", true),
            ask: |server| {
                let mut ask = secure(server);
                ask["timeout"] = "1s".into();
                ask
            },
            verdict: Verdict::Fail,
            // Nothing like a request arrives, so that this server waits on.
            reason: "no TLS within 1s",
        },
        Trouble {
            name: "answers TLS in plain text",
            server: Server::new(|mut stream| {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
                hold(&mut stream);
            }),
            ask: secure,
            verdict: Verdict::Fail,
            reason: "the answer is not TLS",
        },
        Trouble {
            name: "self-signed certificate",
            server: tls_server(false),
            ask: secure,
            verdict: Verdict::Fail,
            reason: "the certificate is self-signed",
        },
        Trouble {
            name: "expired certificate",
            server: tls_server(true),
            ask: secure,
            verdict: Verdict::Fail,
            reason: "the certificate expired on 2021-02-03",
        },
        Trouble {
            name: "redirect loop",
            server: Server::answering(
                "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n",
                false,
            ),
            ask: followed,
            verdict: Verdict::Fail,
            reason: "redirects again after 3 redirects",
        },
        Trouble {
            name: "redirect to nowhere",
            server: raw("HTTP/1.1 302 Found\r\nLocation: ftp://host/\r\nContent-Length: 0\r\n\r\n"),
            ask: followed,
            verdict: Verdict::Fail,
            reason: "which is not followed",
        },
        Trouble {
            name: "compressed body that must not contain",
            server: Server::answering(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8bpacked".to_vec(),
                true,
            ),
            ask: |server| with_body(server, json!({"not_contains": "error"})),
            verdict: Verdict::Fail,
            reason: "is compressed (gzip), which is not unpacked",
        },
        Trouble {
            name: "endless body that must not contain",
            server: endless(),
            ask: |server| with_body(server, json!({"not_contains": "y"})),
            verdict: Verdict::Fail,
            reason: "cut at the cap",
        },
    ]
}

fn odd_but_good() -> Vec<Trouble> {
    let good = |name, server, ask| Trouble {
        name,
        server,
        ask,
        verdict: Verdict::Pass,
        reason: "assertions hold",
    };
    vec![
        good("plain", Server::http("200 OK", "ok"), plain),
        good("HTTP/1.0", raw("HTTP/1.0 200 OK\r\n\r\nhello"), |server| {
            with_body(server, json!({"equals": "hello"}))
        }),
        good(
            "chunks",
            raw(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            ),
            |server| with_body(server, json!({"equals": "hello"})),
        ),
        good(
            "invalid UTF-8, of which nothing is asserted",
            Server::answering(b"HTTP/1.1 200 OK\r\n\r\na\xff\xfeb".to_vec(), true),
            |server| json!({"http": {"url": server.url(), "expect": {"status": 200}}}),
        ),
        good(
            "compressed without being asked",
            Server::answering(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8bpacked".to_vec(),
                true,
            ),
            |server| json!({"http": {"url": server.url(), "expect": {"status": 200}}}),
        ),
        good(
            "more than its length says",
            Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", false),
            |server| with_body(server, json!({"equals": "abc"})),
        ),
        good(
            "gzip bomb, of which nothing is expected",
            Server::new(|mut stream| {
                if read_request(&mut stream).is_some() {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
                    drip(&mut stream, &[0; 64 * 1024], Duration::ZERO);
                }
            }),
            |server| json!({"http": {"url": server.url(), "expect": {"status": 200}}}),
        ),
        good("endless body", endless(), |server| {
            with_body(server, json!({"contains": "xxx"}))
        }),
        good("any certificate", tls_server(true), |server| {
            let mut ask = secure(server);
            ask["http"]["verify_tls"] = false.into();
            ask
        }),
        good(
            "redirect that is not followed",
            raw("HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"),
            |server| {
                json!({"http": {"url": server.url(), "expect": {
                "status": "3xx", "headers": {"Location": {"equals": "/x"}}}}})
            },
        ),
        good("redirect that is followed", moved(), followed),
    ]
}

fn moved() -> Server {
    Server::new(|mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let answer = if request.starts_with("GET / ") {
                "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n".to_owned()
            } else {
                response("200 OK", "there")
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// Sends a part, and then resets the connection: closing it with something unread does so.
fn partial(part: &'static [u8]) -> Server {
    Server::new(move |mut stream| {
        let _ = stream.peek(&mut [0]);
        let _ = stream.write_all(part);
        // It is read before the reset arrives.
        std::thread::sleep(Duration::from_millis(200));
    })
}

/// A server that accepts nothing any more: the queue of those that wait is full, and further ones hear nothing.
pub fn black_hole() -> Server {
    let mut server = Server::new(|_| {});
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    rustix::net::listen(&listener, 0).expect("a shorter queue");
    server.address = listener.local_addr().expect("an address");
    let address = server.address;
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(100));
    let waiting: Vec<TcpStream> = std::iter::from_fn(|| connect().ok()).take(64).collect();
    // They are there as long as the process is.
    std::mem::forget((listener, waiting));
    server
}

pub fn endless() -> Server {
    Server::new(|mut stream| {
        if read_request(&mut stream).is_some() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            drip(&mut stream, &[b'x'; 64 * 1024], Duration::ZERO);
        }
    })
}

fn tls_server(expired: bool) -> Server {
    use rustls::pki_types::PrivatePkcs8KeyDer;
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("names");
    if expired {
        params.not_after = rcgen::date_time_ymd(2021, 2, 3);
    }
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .expect("a configuration");
    let config = Arc::new(config);
    Server::new(move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).expect("a connection");
        let mut stream = rustls::StreamOwned::new(connection, stream);
        while read_request(&mut stream).is_some() {
            let _ = stream.write_all(response("200 OK", "secret").as_bytes());
            let _ = stream.flush();
        }
    })
}

#[test]
fn every_trouble_of_http_has_its_verdict_and_names_its_cause() {
    let mut table = broken_connections();
    table.extend(broken_answers());
    table.extend(odd_but_good());
    let probes: Vec<Probe> = table
        .iter()
        .enumerate()
        .map(|(number, row)| probe(&format!("p{number}"), (row.ask)(&row.server)))
        .collect();
    let samples = samples(&probes);
    let mut wrong = Vec::new();
    for (row, sample) in table.iter().zip(&samples) {
        let line = format!(
            "{:40} {:12} {}",
            row.name,
            sample.verdict.word(),
            sample.reason()
        );
        println!("{line}");
        if sample.verdict != row.verdict || !sample.reason().contains(row.reason) {
            wrong.push(line);
        }
    }
    assert_eq!(samples.len(), table.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
