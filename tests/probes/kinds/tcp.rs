//! `tcp` probes: dialogues, and TLS; and what every kind that speaks TLS shows to a server.

use std::io::Write;
use std::sync::Arc;

use relgate::domain::probe::judge::Verdict::{self, Error, Fail, Pass};
use rustls::ServerConfig;
use serde_json::{Value, json};

use super::starttls::Turn::{self, Hears, Says};
use super::starttls::server as scripted;
use super::{assert_sample, sample};
use crate::shop::{Repository, echo, terms};
use crate::support::{Server, hold};

fn ask(server: &Server, rest: Value) -> Value {
    let mut tcp = json!({"address": server.address.to_string()});
    for (key, value) in rest.as_object().expect("an object") {
        tcp[key] = value.clone();
    }
    json!({"tcp": tcp})
}

/// A server that plays these turns in plain text, and then holds the connection.
fn plain(turns: &'static [Turn]) -> Server {
    Server::new(move |mut stream| {
        if super::starttls::play(&mut stream, turns) {
            hold(&mut stream);
        }
    })
}

#[test]
fn a_dialogue_goes_step_by_step() {
    let root = Repository::new();
    let smtp: &[Turn] = &[
        Says(b"220-mail\r\n"),
        Says(b"220 ready\r\n"),
        Hears(b"EHLO me\r\n"),
        Says(b"250-mail\r\n250 SIZE\r\n"),
        Hears(b"QUIT\r\n"),
        Says(b"221 bye\r\n"),
    ];
    let binary: &[Turn] = &[
        Hears(b"\0\0\0\x08\x04\xd2\x16\x2f"),
        Says(b"S\xff\0"),
        Hears(b"ok\n"),
        Says(b"+\n"),
    ];
    let polite = json!([
        {"expect": {"matches": "(?m)^220 "}},
        {"send": "EHLO me\r\n"},
        {"expect": {"matches": "(?m)^250 ", "contains": "SIZE", "not_contains": "STARTTLS"}},
        {"send": "QUIT\r\n"},
        {"expect": {"equals": "221 bye"}},
    ]);
    let bytes = json!([
        {"send_bytes": {"hex": "00000008 04:d2:16:2f"}},
        {"expect_bytes": {"base64": "U/8="}},
        // What was received is held against as long as nothing is sent.
        {"expect_bytes": {"hex": "ff 00"}},
        {"send": "ok\n"},
        {"expect": {"contains": "+"}},
    ]);
    let impatient = json!([{"expect": {"contains": "250"}}]);
    let rude = json!([{"expect": {"contains": "220 "}}, {"send": "HELO\r\n"}, {"expect": {"contains": "250"}}]);
    let third = json!([
        {"expect": {"matches": "(?m)^220 "}}, {"send": "EHLO me\r\n"},
        {"expect": {"contains": "STARTTLS"}}, {"send": "STARTTLS\r\n"}, {"expect": {"contains": "220"}},
    ]);
    let text = json!([{"send_bytes": {"hex": "0000000804d2162f"}}, {"expect": {"contains": "S"}}]);
    let cases: &[(&'static [Turn], &Value, Verdict, &str)] = &[
        (smtp, &polite, Pass, "6 of 6 assertions hold"),
        (binary, &bytes, Pass, "4 of 4 assertions hold"),
        (
            smtp,
            &impatient,
            Fail,
            "step 1 contains: expected \"250\", found \"220-mail  220 ready  \" (more may follow), no more came in time",
        ),
        (
            smtp,
            &rude,
            Fail,
            "step 3 contains: expected \"250\", found \"\"",
        ),
        (smtp, &third, Fail, "step 3 contains: expected \"STARTTLS\""),
        (binary, &text, Fail, r#"received "S\xff\x00""#),
        (&[], &impatient, Fail, "step 1 contains: expected \"250\""),
    ];
    for (turns, steps, verdict, reason) in cases {
        let server = plain(turns);
        let mut asked = ask(&server, json!({"steps": steps}));
        asked["timeout"] = "1s".into();
        if turns.is_empty() {
            assert_sample(root.path(), asked, Fail, "no answer within 1s");
        } else {
            assert_sample(root.path(), asked, *verdict, reason);
        }
    }
}

#[test]
fn a_dialogue_that_cannot_be_held_is_an_error() {
    let root = Repository::new();
    let server = plain(&[Says(b"220\r\n")]);
    for (rest, why) in [
        (json!({"steps": [{}]}), "step 1: a step is one of"),
        (
            json!({"steps": [{"send": "a"}, {"send_bytes": {"hex": "0"}}]}),
            "step 2: it has an odd number",
        ),
        (
            json!({"send": "a", "steps": [{"send": "a"}]}),
            "`send` or `expect` beside them",
        ),
        (json!({"tls": {"ca": "gone.pem"}}), "gone.pem"),
    ] {
        assert_sample(root.path(), ask(&server, rest), Error, why);
    }
}

#[test]
fn what_a_server_said_is_escaped_and_its_secrets_are_masked() {
    let root = Repository::new();
    let server = plain(&[
        Hears(b"AUTH s3cr3t-t0k3n\n"),
        Says(b"-ERR s3cr3t-t0k3n\x1b[31m\n"),
    ]);
    let steps = json!([{"send": "AUTH s3cr3t-t0k3n\n"}, {"expect": {"contains": "+OK"}}]);
    let mut asked = ask(&server, json!({"steps": steps}));
    asked["timeout"] = "1s".into();
    let said = sample(root.path(), asked).reason();
    assert!(said.contains("-ERR") && !said.contains('\x1b'), "{said}");
}

#[test]
fn tls_is_spoken_on_its_terms() {
    let files = Repository::new();
    let root = files.path();
    let server = echo(terms(&files.authority.certify("127.0.0.1", |_| {}), None));
    let get = "GET / HTTP/1.1\r\n\r\n";
    let expect = json!({"contains": "200 OK"});
    let with = |tls: Value| ask(&server, json!({"tls": tls, "send": get, "expect": expect}));
    let steps = json!([{"send": get}, {"expect": expect}]);
    for (asked, verdict, reason) in [
        (with(json!({"ca": "ca.pem"})), Pass, "2 of 2"),
        (with(json!({"verify_tls": false})), Pass, "2 of 2"),
        (with(json!(true)), Fail, "issuer is not trusted"),
        (
            with(json!({"ca": "ca.pem", "server_name": "pay.example"})),
            Fail,
            "expected pay.example",
        ),
        (
            ask(&server, json!({"tls": {"ca": "ca.pem"}})),
            Pass,
            "1 of 1",
        ),
        (
            ask(&server, json!({"tls": {"ca": "ca.pem"}, "steps": steps})),
            Pass,
            "2 of 2",
        ),
    ] {
        assert_sample(root, asked, verdict, reason);
    }
    let again = sample(root, with(json!(true))).repeat.expect("a line");
    assert!(again.starts_with("openssl s_client -connect"), "{again}");
    let text = Server::new(|mut stream| {
        let _ = stream.write_all(b"220 mail\r\n");
        hold(&mut stream);
    });
    assert_sample(root, ask(&text, json!({"tls": true})), Fail, "is not TLS");
    let mut silent = ask(&plain(&[]), json!({"tls": true}));
    silent["timeout"] = "1s".into();
    let held = Server::new(|mut stream| hold(&mut stream));
    silent["tcp"]["address"] = held.address.to_string().into();
    assert_sample(root, silent, Fail, "no TLS within 1s");
}

#[test]
fn tls_begins_at_a_step() {
    let files = Repository::new();
    let turns: &[Turn] = &[
        Says(b"220 mail\r\n"),
        Hears(b"EHLO me\r\n"),
        Says(b"250 STARTTLS\r\n"),
        Hears(b"STARTTLS\r\n"),
        Says(b"220 go on\r\n"),
    ];
    let begin = json!([
        {"expect": {"matches": "^220 "}},
        {"send": "EHLO me\r\n"},
        {"expect": {"contains": "STARTTLS"}},
        {"send": "STARTTLS\r\n"},
        {"expect": {"matches": "^220 "}},
        {"starttls": true},
        {"send": "NOOP\r\n"},
    ]);
    let server = scripted(&files, turns);
    let with = |tls: Value| ask(&server, json!({"tls": tls, "steps": begin}));
    let root = files.path();
    assert_sample(root, with(json!({"ca": "ca.pem"})), Pass, "4 of 4");
    assert_sample(root, with(json!(null)), Fail, "issuer is not trusted");
}

/// A server that only clients of the authority may use, and one that gives no tickets and one of TLS 1.2 beside it.
fn strict(files: &Repository) -> [(&'static str, ServerConfig); 3] {
    let certified = files.authority.certify("127.0.0.1", |_| {});
    let new = || terms(&certified, Some(&files.authority));
    let mut silent = new();
    silent.send_tls13_tickets = 0;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.key.serialize_der());
    let old = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("a version")
        .with_client_cert_verifier(files.authority.verifier())
        .with_single_cert(vec![certified.certificate.der().clone()], key.into())
        .expect("a configuration");
    [("tickets", new()), ("none", silent), ("TLS 1.2", old)]
}

#[test]
fn a_pass_means_that_the_server_takes_the_client_certificate() {
    let files = Repository::new();
    let root = files.path();
    for (which, config) in strict(&files) {
        let server = echo(config);
        let address = server.address.to_string();
        let shown = |name: &str| {
            let files = json!({"cert": format!("{name}.pem"), "key": format!("{name}.key")});
            [
                json!({"tls": {"address": address, "ca": "ca.pem", "client_certificate": files}}),
                json!({"tls": {"url": format!("https://{address}/"), "ca": "ca.pem", "client_certificate": files}}),
                json!({"tcp": {"address": address, "tls": {"ca": "ca.pem", "client_certificate": files}}}),
                json!({"tcp": {"address": address, "tls": {"ca": "ca.pem", "client_certificate": files},
                    "steps": [{"send": "GET / HTTP/1.1\r\n\r\n"}, {"expect": {"contains": "200"}}]}}),
            ]
        };
        for asked in shown("client") {
            assert_sample(root, asked, Pass, "assertions hold");
        }
        for asked in shown("other") {
            let told = sample(root, asked.clone());
            assert_eq!(told.verdict, Fail, "{which}: {asked}: {}", told.reason());
            assert!(
                told.reason().contains("alert"),
                "{which}: {}",
                told.reason()
            );
        }
        for asked in shown("gone") {
            assert_sample(root, asked, Error, "gone.pem");
        }
    }
    // One that wants no certificate takes any.
    let open = echo(terms(&files.authority.certify("127.0.0.1", |_| {}), None));
    let files = json!({"cert": "other.pem", "key": "other.key"});
    let address = open.address.to_string();
    let asked = json!({"tls": {"address": address, "ca": "ca.pem", "client_certificate": files}});
    assert_sample(root, asked, Pass, "2 of 2");
}
