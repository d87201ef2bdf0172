//! `tls` probes.

use std::io::{Read, Write};
use std::sync::Arc;

use chrono::{Datelike, Days};
use rcgen::{CertificateParams, date_time_ymd};
use relgate::domain::probe::judge::Verdict::{Error, Fail, Pass};
use relgate::effects::clock::SystemClock;
use relgate::ports::Clock;
use rustls::ServerConfig;
use serde_json::{Value, json};

use super::{assert_sample, sample};
use crate::shop::{Certified, Repository, echo, terms};
use crate::support::{Server, hold, read_request, refused, response};

/// Ends a certificate so many whole days from now, and a part of one.
fn ending_in(days: u64) -> fn(&mut CertificateParams) {
    match days {
        3 => |params| end(params, 3),
        _ => |params| end(params, 40),
    }
}

fn end(params: &mut CertificateParams, days: u64) {
    let last = SystemClock.now().wall.date_naive() + Days::new(days + 1);
    let part = |it: u32| u8::try_from(it).expect("a small number");
    params.not_after = date_time_ymd(last.year(), part(last.month()), part(last.day()));
}

fn ask(server: &Server, rest: Value) -> Value {
    let mut tls = json!({"address": server.address.to_string(), "ca": "ca.pem"});
    for (key, value) in rest.as_object().expect("an object") {
        tls[key] = value.clone();
    }
    json!({"tls": tls})
}

// req: E2
#[test]
fn chain_name_days_and_version_are_each_told() {
    let files = Repository::new();
    let shop = |adjust| echo(terms(&files.authority.certify("127.0.0.1", adjust), None));
    let root = files.path();
    let good = shop(ending_in(40));
    let days = |least: u32| json!({"expect": {"days_left": least, "version": "tls1.3"}});
    assert_sample(root, ask(&good, days(40)), Pass, "4 of 4 assertions hold");
    assert_sample(
        root,
        ask(&good, days(41)),
        Fail,
        "days left: expected at least 41, found 40",
    );
    let soon = shop(ending_in(3));
    assert_sample(
        root,
        ask(&soon, days(14)),
        Fail,
        "days left: expected at least 14, found 3",
    );
    let expired = shop(|params| params.not_after = date_time_ymd(2021, 2, 3));
    assert_sample(
        root,
        ask(&expired, json!({})),
        Fail,
        "expired on 2021-02-03",
    );
    let early = shop(|params| params.not_before = date_time_ymd(4000, 1, 1));
    assert_sample(
        root,
        ask(&early, json!({})),
        Fail,
        "not valid before 4000-01-01",
    );
    let name = json!({"server_name": "pay.example"});
    assert_sample(
        root,
        ask(&good, name),
        Fail,
        "another name: expected pay.example",
    );
    let itself = echo(terms(&Certified::by_itself("127.0.0.1", |_| {}), None));
    assert_sample(root, ask(&itself, json!({})), Fail, "self-signed");
    assert_sample(
        root,
        ask(&good, json!({"ca": "stranger.pem"})),
        Fail,
        "issuer is not trusted",
    );
    // The system trusts no authority of a test.
    assert_sample(
        root,
        ask(&good, json!({"ca": null})),
        Fail,
        "issuer is not trusted",
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let files = Repository::new();
    let expired = files.authority.certify("127.0.0.1", |params| {
        params.not_after = date_time_ymd(2021, 2, 3);
    });
    let server = echo(terms(&expired, None));
    let both = json!({"server_name": "pay.example", "expect": {"days_left": 1}});
    let said = sample(files.path(), ask(&server, both)).reason();
    for part in [
        "expired on",
        "expected pay.example",
        "days left: expected at least 1, found -",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let unverified = json!({"verify_tls": false, "expect": {"version": "tls1.2"}});
    assert_sample(
        files.path(),
        ask(&server, unverified),
        Pass,
        "1 of 1 assertions hold",
    );
}

#[test]
fn an_old_version_is_no_new_one() {
    let files = Repository::new();
    let certified = files.authority.certify("127.0.0.1", |_| {});
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.key.serialize_der());
    let old = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(vec![certified.certificate.der().clone()], key.into())
        .expect("a configuration");
    let server = echo(old);
    let least = |version: &str| ask(&server, json!({"expect": {"version": version}}));
    assert_sample(files.path(), least("tls1.2"), Pass, "3 of 3");
    assert_sample(
        files.path(),
        least("tls1.3"),
        Fail,
        "expected tls1.3 or newer, found tls1.2",
    );
}

#[test]
fn what_is_no_tls_is_a_failure_and_what_cannot_be_asked_an_error() {
    let files = Repository::new();
    let root = files.path();
    let plain = Server::new(|mut stream| {
        let _ = stream.write_all(response("400 Bad Request", "no").as_bytes());
        hold(&mut stream);
    });
    assert_sample(root, ask(&plain, json!({})), Fail, "the answer is not TLS");
    assert_sample(
        root,
        ask(&refused(), json!({})),
        Fail,
        "refused the connection",
    );
    let silent = Server::new(|mut stream| hold(&mut stream));
    let mut ask_silent = ask(&silent, json!({}));
    ask_silent["timeout"] = "1s".into();
    assert_sample(root, ask_silent, Fail, "no answer within 1s");
    // What it leaves unread would reset the connection instead.
    let closing = Server::new(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
    });
    assert_sample(
        root,
        ask(&closing, json!({})),
        Fail,
        "closed the connection",
    );
    let nowhere = json!({"tls": {"address": "no-such-host.invalid:443"}});
    assert_sample(
        root,
        nowhere,
        Error,
        "no-such-host.invalid could not be resolved",
    );
    let missing = json!({"ca": "no-such.pem"});
    assert_sample(root, ask(&plain, missing), Error, "no-such.pem");
    files.write("empty.pem", "");
    assert_sample(
        root,
        ask(&plain, json!({"ca": "empty.pem"})),
        Error,
        "holds no certificate",
    );
    let odd = json!({"tls": {"address": "a b:443"}});
    assert_sample(root, odd, Error, "cannot be the name of a server");
}

/// A server that redirects every request.
fn leading(certified: &Certified, to: &str) -> Server {
    let terms = Arc::new(terms(certified, None));
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    Server::new(move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&terms)).expect("a connection");
        let mut stream = rustls::StreamOwned::new(connection, stream);
        while read_request(&mut stream).is_some() {
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.flush();
        }
    })
}

// req: E2
#[test]
fn every_hop_of_a_redirect_is_held_to_the_same() {
    let files = Repository::new();
    let root = files.path();
    let good = files.authority.certify("127.0.0.1", |_| {});
    let soon = files.authority.certify("127.0.0.1", ending_in(3));
    let url = |server: &Server| format!("https://{}/", server.address);
    let ask = |server: &Server| {
        let expect = json!({"days_left": 14});
        json!({"tls": {"url": format!("{}?token=hidden", url(server)), "ca": "ca.pem", "expect": expect}})
    };
    let last = echo(terms(&good, None));
    let first = leading(&good, &url(&last));
    assert_sample(root, ask(&first), Pass, "6 of 6 assertions hold");
    let ending = echo(terms(&soon, None));
    let middle = leading(&good, &url(&ending));
    let begin = leading(&good, &url(&middle));
    let fault = format!(
        "days left of {}: expected at least 14, found 3",
        url(&ending)
    );
    assert_sample(root, ask(&begin), Fail, &fault);
    assert!(!sample(root, ask(&begin)).reason().contains("hidden"));
    let plain = Server::http("200 OK", "plain");
    let leak = leading(&good, &plain.url());
    assert_sample(root, ask(&leak), Fail, "expected TLS, found not encrypted");
    let away = leading(&good, &url(&refused()));
    assert_sample(root, ask(&away), Fail, "refused the connection");
    let circle = leading(&good, "/again");
    assert_sample(
        root,
        ask(&circle),
        Fail,
        "redirects again after 10 redirects",
    );
}
