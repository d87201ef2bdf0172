//! The pages that metrics stand on: compressed, redirected, over TLS, and the ways in which they cannot be fetched.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;
use relgate::domain::probe::judge::Verdict::{Error, Pass};
use relgate::effects::probe::SystemProber;
use relgate::ports::Prober;
use serde_json::{Value, json};

use super::{assert_sample, sample};
use crate::shop::{Certified, Repository, speaking, terms};
use crate::support::{PATIENCE, Server, hold, probe, read_request, refused, response};
use crate::troubles::{black_hole, endless};

/// The number on the page at `url`, which is to be 12.
fn page(url: &str) -> Value {
    json!({"timeout": "10s", "metric": {"json": {"url": url, "path": "$.open"}, "expect": {"equals": 12}}})
}

fn with(mut ask: Value, more: Value) -> Value {
    for (key, value) in more.as_object().expect("an object") {
        ask["metric"][key] = value.clone();
    }
    ask
}

fn told(ask: Value, verdict: relgate::domain::probe::judge::Verdict, reason: &str) {
    assert_sample(Path::new("/"), ask, verdict, reason);
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).expect("packed");
    encoder.finish().expect("packed")
}

fn packed(encoding: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

const OPEN: &str = r#"{"open": 12}"#;

#[test]
fn a_compressed_page_is_unpacked() {
    let asked = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&asked);
    let server = Server::new(move |mut stream| {
        *kept.lock().expect("a lock") = read_request(&mut stream).unwrap_or_default();
        let _ = stream.write_all(&packed("gzip", &gzip(OPEN.as_bytes())));
    });
    told(page(&server.url()), Pass, "1 of 1");
    let asked = asked.lock().expect("a lock").to_lowercase();
    assert!(asked.contains("accept-encoding: gzip\r\n"), "{asked}");
    assert!(asked.contains("user-agent: relgate/"), "{asked}");
    let other = Server::answering(packed("br", b"\x0b"), false);
    told(page(&other.url()), Error, "compressed (br), and only gzip");
    let nonsense = Server::answering(packed("gzip", b"xx"), false);
    told(page(&nonsense.url()), Error, "is broken: ");
    let whole = gzip(OPEN.as_bytes());
    let cut = Server::answering(packed("gzip", &whole[..whole.len() - 12]), false);
    told(page(&cut.url()), Error, "(status 200 and ");
}

// A little that becomes a lot ends with the cap, and long before the memory.
#[test]
fn a_gzip_bomb_ends_with_its_cap() {
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 128 << 10, "{} bytes", bomb.len());
    let server = Server::answering(packed("gzip", &bomb), false);
    told(page(&server.url()), Error, "longer than 1 MiB");
}

#[test]
fn a_redirect_is_followed_where_the_probe_says_so_and_is_not_told_who_asks() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heads);
    let other = Server::new(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            kept.lock().expect("a lock").push(request.to_lowercase());
            let _ = stream.write_all(response("200 OK", OPEN).as_bytes());
        }
    });
    let to = other.url();
    let first = Server::new(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let told = request.contains("Bearer t") && request.contains("x-scope-orgid: 7");
            let status = if told { "302 Found" } else { "401 Who" };
            let answer =
                format!("HTTP/1.1 {status}\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let who = json!({"auth": {"bearer": "t"}, "headers": {"X-Scope-OrgID": "7"}});
    let ask = with(page(&first.url()), who);
    let sent = format!("the status 302, which redirects to {}", other.url());
    told(ask.clone(), Error, &sent);
    assert!(heads.lock().expect("a lock").is_empty());
    told(with(ask, json!({"redirects": 1})), Pass, "1 of 1");
    let head = heads.lock().expect("a lock").pop().expect("it was asked");
    for secret in ["authorization", "x-scope-orgid"] {
        assert!(!head.contains(secret), "{head}");
    }
    let round = Server::answering(
        "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        false,
    );
    let ask = with(page(&round.url()), json!({"redirects": 3}));
    told(ask, Error, "redirects again after 3 redirects");
}

#[test]
fn tls_is_spoken_on_the_probe_s_own_terms() {
    let files = Repository::new();
    let shop = |certified: &Certified| {
        speaking(terms(certified, None), |_| {
            response("200 OK", OPEN).into_bytes()
        })
    };
    let good = shop(&files.authority.certify("127.0.0.1", |_| {}));
    let itself = shop(&Certified::by_itself("127.0.0.1", |_| {}));
    let other = shop(&files.authority.certify("pay.example", |_| {}));
    let ask =
        |server: &Server, more: Value| with(page(&format!("https://{}/", server.address)), more);
    let own = || json!({"ca": "ca.pem"});
    for (server, more, verdict, reason) in [
        (&good, own(), Pass, "1 of 1"),
        (
            &good,
            json!({}),
            Error,
            "the certificate's issuer is not trusted",
        ),
        (
            &good,
            json!({"ca": "gone.pem"}),
            Error,
            "gone.pem cannot be read",
        ),
        (&itself, own(), Error, "the certificate is self-signed"),
        (&itself, json!({"verify_tls": false}), Pass, "1 of 1"),
        (&other, own(), Error, "for another name: expected 127.0.0.1"),
    ] {
        assert_sample(files.path(), ask(server, more), verdict, reason);
    }
    let plain = Server::new(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Plain\r\n\r\n");
        hold(&mut stream);
    });
    assert_sample(
        files.path(),
        ask(&plain, own()),
        Error,
        "TLS with 127.0.0.1",
    );
}

// What cannot be fetched is called what it is called over HTTP.
#[test]
fn every_trouble_names_its_cause() {
    let reset = Server::new(|stream| {
        let _ = stream.peek(&mut [0]);
    });
    let short = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc", true);
    for (name, server, reason) in [
        ("refused", refused(), "refused the connection"),
        ("reset", reset, "reset the connection"),
        (
            "closed",
            Server::answering("", true),
            "closed the connection without an answer",
        ),
        ("black hole", black_hole(), "no answer within 1s"),
        (
            "short",
            short,
            "before its answer was complete (status 200 and 3 bytes of the body came before)",
        ),
        (
            "garbage",
            Server::answering("no protocol\r\n\r\n", true),
            "is broken: invalid HTTP",
        ),
        ("endless", endless(), "longer than 1 MiB"),
    ] {
        let mut ask = page(&server.url());
        if name == "black hole" {
            ask["timeout"] = "1s".into();
        }
        let found = sample(Path::new("/"), ask);
        let said = found.reason();
        assert_eq!(found.verdict, Error, "{name}: {said}");
        assert!(
            said.contains("could not be measured") && said.contains(reason),
            "{name}: {said}"
        );
        assert!(!said.contains("error sending request"), "{name}: {said}");
    }
    let unknown = page("http://no-such-host.invalid/?token=hidden");
    let said = sample(Path::new("/"), unknown).reason();
    assert!(
        said.contains("the name no-such-host.invalid could not be resolved"),
        "{said}"
    );
    assert!(!said.contains("hidden"), "{said}");
}

#[test]
fn one_sample_uses_a_connection_again_and_the_next_makes_its_own() {
    let server = Server::http("200 OK", OPEN);
    // A name, which may have an address that nobody listens at too.
    let url = format!("http://localhost:{}/", server.address.port());
    let accepted = || server.accepted.load(std::sync::atomic::Ordering::SeqCst);
    let prober = SystemProber::new("/");
    let mut second = page(&url);
    second["needs"] = json!(["first"]);
    let probes = [probe("first", page(&url)), probe("second", second)];
    for so_far in 1..=2 {
        let samples = prober.sample(&probes, 16, Some(PATIENCE));
        assert!(samples.iter().all(|it| it.verdict == Pass), "{samples:?}");
        assert_eq!(accepted(), so_far);
    }
}
