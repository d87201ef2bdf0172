//! `tls` probes of servers that begin in plain text.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use relgate::domain::probe::judge::Verdict::{Fail, Pass};
use serde_json::{Value, json};

use super::{assert_sample, sample};
use crate::shop::{Repository, terms};
use crate::support::{Server, hold};

/// What a server says, and what it waits for in between.
#[derive(Clone, Copy)]
pub enum Turn {
    Says(&'static [u8]),
    Hears(&'static [u8]),
}
use Turn::{Hears, Says};

const LDAP: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
const POSTGRES: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";

fn hears(stream: &mut TcpStream, wanted: &[u8]) -> bool {
    let mut all = vec![0; wanted.len()];
    stream.read_exact(&mut all).is_ok() && all == wanted
}

/// Plays the turns, and says whether the other side did too.
pub fn play(stream: &mut TcpStream, turns: &[Turn]) -> bool {
    turns.iter().all(|turn| match turn {
        Says(what) => stream.write_all(what).is_ok(),
        Hears(what) => hears(stream, what),
    })
}

/// A server that plays the turns, and then begins TLS.
pub fn server(files: &Repository, turns: &'static [Turn]) -> Server {
    let terms = Arc::new(terms(&files.authority.certify("127.0.0.1", |_| {}), None));
    Server::new(move |mut stream| {
        if !play(&mut stream, turns) {
            return;
        }
        let connection = rustls::ServerConnection::new(Arc::clone(&terms)).expect("a connection");
        let mut secure = rustls::StreamOwned::new(connection, stream);
        let _ = secure.read(&mut [0; 16]);
        hold(&mut secure.sock);
    })
}

fn ask(server: &Server, with: &str) -> Value {
    json!({"tls": {
        "address": server.address.to_string(), "ca": "ca.pem", "starttls": with,
        "expect": {"days_left": 1, "version": "tls1.3"},
    }})
}

#[test]
fn tls_is_asked_for_in_every_protocol() {
    let files = Repository::new();
    let smtp: &[Turn] = &[
        Says(b"220-mail\r\n220 mail ESMTP\r\n"),
        Hears(b"EHLO relgate.invalid\r\n"),
        Says(b"250-mail\r\n250-STARTTLS\r\n250 SIZE 1000\r\n"),
        Hears(b"STARTTLS\r\n"),
        Says(b"220 go on\r\n"),
    ];
    let imap: &[Turn] = &[
        Says(b"* OK ready\r\n"),
        Hears(b"a1 STARTTLS\r\n"),
        Says(b"* CAPABILITY IMAP4rev1\r\na1 OK begin\r\n"),
    ];
    let pop3: &[Turn] = &[
        Says(b"+OK ready\r\n"),
        Hears(b"STLS\r\n"),
        Says(b"+OK begin\r\n"),
    ];
    let postgres: &[Turn] = &[Hears(POSTGRES), Says(b"S")];
    let ldap: &[Turn] = &[
        Hears(LDAP),
        Says(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0"),
    ];
    // OpenLDAP writes lengths of four bytes.
    let long: &[Turn] = &[
        Hears(LDAP),
        Says(b"\x30\x84\0\0\0\x10\x02\x01\x01\x78\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0"),
    ];
    for (with, turns) in [
        ("smtp", smtp),
        ("imap", imap),
        ("pop3", pop3),
        ("postgres", postgres),
        ("ldap", ldap),
        ("ldap", long),
    ] {
        let server = server(&files, turns);
        assert_sample(files.path(), ask(&server, with), Pass, "4 of 4");
    }
}

#[test]
fn what_a_server_says_instead_is_told() {
    let files = Repository::new();
    let cases: &[(&str, &'static [Turn], &str)] = &[
        (
            "smtp",
            &[Says(b"554 no\r\n"), Hears(b"x")],
            "it answers \"554 no\"",
        ),
        (
            "smtp",
            &[
                Says(b"220 m\r\n"),
                Hears(b"EHLO relgate.invalid\r\n"),
                Says(b"250-m\r\n250 SIZE\r\n"),
                Hears(b"x"),
            ],
            "does not offer STARTTLS",
        ),
        ("imap", &[Says(b"* BYE\r\n"), Hears(b"x")], "* BYE"),
        (
            "imap",
            &[
                Says(b"* OK\r\n"),
                Hears(b"a1 STARTTLS\r\n"),
                Says(b"a1 BAD no\r\n"),
                Hears(b"x"),
            ],
            "a1 BAD no",
        ),
        (
            "pop3",
            &[
                Says(b"+OK\r\n"),
                Hears(b"STLS\r\n"),
                Says(b"-ERR no\r\n"),
                Hears(b"x"),
            ],
            "-ERR no",
        ),
        (
            "postgres",
            &[Hears(POSTGRES), Says(b"N"), Hears(b"x")],
            "TLS switched off",
        ),
        (
            "ldap",
            &[
                Hears(LDAP),
                Says(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x35\x04\0\x04\0"),
                Hears(b"x"),
            ],
            "the result 53",
        ),
        (
            "ldap",
            &[Hears(LDAP), Says(b"HTTP/1.1"), Hears(b"x")],
            "no LDAP",
        ),
    ];
    for (with, turns, why) in cases {
        let server = server(&files, turns);
        assert_sample(files.path(), ask(&server, with), Fail, why);
        let again = sample(files.path(), ask(&server, with))
            .repeat
            .expect("a line");
        assert!(again.contains(&format!("-starttls {with}")), "{again}");
    }
}
