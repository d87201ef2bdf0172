//! `tls` probes of servers that must refuse old versions, and what their certificates say.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::Datelike;
use relgate::domain::probe::judge::Verdict::{self, Error, Fail, Pass};
use relgate::effects::clock::SystemClock;
use relgate::ports::Clock;
use serde_json::{Value, json};

use super::{assert_sample, sample};
use crate::shop::{Certified, Repository, terms};
use crate::support::{Server, hold};

/// What a server does with a first message that offers something old.
#[derive(Clone, Copy)]
enum Old {
    Says(&'static [u8]),
    Closes,
    Holds,
}

/// A server that speaks TLS 1.2 and 1.3 as long as the first message offers them, to so many connections.
fn server(certified: &Certified, old: Old, most: usize) -> Server {
    let terms = Arc::new(terms(certified, None));
    let served = AtomicUsize::new(0);
    Server::new(move |mut stream| {
        let mut begin = [0; 11];
        while !matches!(stream.peek(&mut begin), Ok(0 | 11) | Err(_)) {}
        let offered = u16::from_be_bytes([begin[9], begin[10]]);
        if offered >= 0x0303 && served.fetch_add(1, Ordering::SeqCst) < most {
            let connection = rustls::ServerConnection::new(Arc::clone(&terms)).expect("terms");
            let mut secure = rustls::StreamOwned::new(connection, stream);
            let _ = secure.read(&mut [0; 16]);
            return hold(&mut secure.sock);
        }
        answer(&mut stream, old);
    })
}

fn answer(stream: &mut TcpStream, old: Old) {
    // What is left unread would reset the connection.
    let _ = stream.read(&mut [0; 4096]);
    match old {
        Old::Says(bytes) => {
            let _ = stream.write_all(bytes);
        }
        Old::Closes => {}
        Old::Holds => hold(stream),
    }
}

fn ask(server: &Server, expect: Value) -> Value {
    json!({"timeout": "1s", "tls": {
        "address": server.address.to_string(), "ca": "ca.pem", "expect": expect,
    }})
}

const ALL: usize = usize::MAX;

#[test]
fn an_old_version_must_be_refused_and_what_cannot_be_known_is_no_pass() {
    let files = Repository::new();
    let certified = files.authority.certify("127.0.0.1", |_| {});
    let fatal: [&'static [u8]; 5] = [
        b"\x15\x03\x01\0\x02\x02\x46",
        b"\x15\x03\x01\0\x02\x02\x28",
        b"\x15\x03\x01\0\x02\x02\x50",
        // It knows no such name, which is a warning, and then it refuses.
        b"\x15\x03\x01\0\x02\x01\x70\x15\x03\x01\0\x02\x02\x46",
        b"\x15\x03\x01\0\x02\x01\0",
    ];
    let hello: &'static [u8] = b"\x16\x03\x01\0\x06\x02\0\0\x02\x03\x01";
    let older: &'static [u8] = b"\x16\x03\0\0\x06\x02\0\0\x02\x03\0";
    let cases: &[(Old, usize, Verdict, &str)] = &[
        (Old::Says(fatal[0]), ALL, Pass, "3 of 3"),
        (Old::Says(fatal[1]), ALL, Pass, "3 of 3"),
        (Old::Says(fatal[2]), ALL, Pass, "3 of 3"),
        (Old::Says(fatal[3]), ALL, Pass, "3 of 3"),
        (Old::Says(fatal[4]), ALL, Pass, "3 of 3"),
        (Old::Closes, ALL, Pass, "3 of 3"),
        // The alert about the version says it by itself; others only where a newer version is answered.
        (Old::Says(fatal[0]), 1, Pass, "3 of 3"),
        (
            Old::Says(fatal[1]),
            1,
            Error,
            "refuses tls1.0 cannot be known",
        ),
        (
            Old::Closes,
            1,
            Error,
            "cannot be known: it closed the connection",
        ),
        (
            Old::Holds,
            ALL,
            Error,
            "cannot be known: no answer within 1s",
        ),
        (
            Old::Says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            ALL,
            Error,
            "its answer is no TLS",
        ),
        (
            Old::Says(hello),
            ALL,
            Fail,
            "refuses tls1.0: expected refused, found it goes on with it",
        ),
        (
            Old::Says(older),
            ALL,
            Fail,
            "it goes on with ssl3.0 instead",
        ),
    ];
    for (old, most, verdict, reason) in cases {
        let server = server(&certified, *old, *most);
        let asked = ask(&server, json!({"refuses": "tls1.0"}));
        assert_sample(files.path(), asked, *verdict, reason);
    }
    // Each of several is asked for.
    let server = server(&certified, Old::Says(hello), ALL);
    let asked = ask(&server, json!({"refuses": ["tls1.1", "tls1.0", "tls1.2"]}));
    let said = sample(files.path(), asked).reason();
    for part in ["tls1.1: ", "tls1.0: ", "tls1.2: "] {
        assert!(said.contains(&format!("refuses {part}")), "{said}");
    }
}

#[test]
fn what_a_certificate_says_is_held_to() {
    let files = Repository::new();
    let certified = files.authority.certify("127.0.0.1", |params| {
        let name = rcgen::DnType::CommonName;
        params.distinguished_name.push(name, "the shop");
        let year = SystemClock.now().wall.year() + 1;
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
    });
    let server = crate::shop::echo(terms(&certified, None));
    let fingerprint: String =
        ring::digest::digest(&ring::digest::SHA256, certified.certificate.der())
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
    for (expect, verdict, reason) in [
        (
            json!({
                "issuer": {"contains": "the shop's authority"}, "subject": {"matches": "CN=the shop$"},
                "names": "127.0.0.1", "fingerprint": fingerprint, "expires_in": "1h", "chain_expires_in": "1h",
            }),
            Pass,
            "8 of 8",
        ),
        (
            json!({"issuer": {"contains": "R3"}}),
            Fail,
            "issuer contains: expected \"R3\"",
        ),
        (
            json!({"names": ["127.0.0.1", "::1"]}),
            Fail,
            "found 127.0.0.1",
        ),
        (
            json!({"fingerprint": "0".repeat(64)}),
            Fail,
            "found sha256:",
        ),
        (
            json!({"expires_in": "400d"}),
            Fail,
            "expires in: expected at least 400d",
        ),
        (
            json!({"chain_expires_in": "400d"}),
            Fail,
            "chain expires in: expected at least 400d",
        ),
    ] {
        assert_sample(files.path(), ask(&server, expect), verdict, reason);
    }
}
