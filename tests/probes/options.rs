//! The options of HTTP probes: who asks, whom it trusts, where it connects to, and what a redirect is told.

use std::io::Write;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, date_time_ymd};
use relgate::domain::probe::judge::{Sample, Verdict};
use relgate::effects::probe::SystemProber;
use relgate::ports::Prober;
use serde_json::{Value, json};

use crate::lacking::{is_left_out, succeeds};
use crate::shop::{Certified, Repository, echo, echo_at, read_body, speaking, terms};
use crate::support::{PATIENCE, Server, probe, read_request, response, samples};

/// Asks from the repository's root.
fn sample(repository: &Repository, http: Value) -> Sample {
    let mut http = http;
    if http["expect"].is_null() {
        http["expect"] = json!({"status": 200});
    }
    let probe = probe("one", json!({"http": http, "timeout": "10s"}));
    SystemProber::new(repository.path())
        .sample(&[probe], 1, Some(PATIENCE))
        .pop()
        .expect("a sample")
}

#[track_caller]
fn assert_sample(repository: &Repository, http: Value, verdict: Verdict, reason: &str) -> Sample {
    let sample = sample(repository, http);
    assert_eq!(sample.verdict, verdict, "{}", sample.reason());
    assert!(sample.reason().contains(reason), "{}", sample.reason());
    sample
}

#[test]
fn many_header_fields_and_folded_ones_are_read() {
    let repository = Repository::new();
    let fields: String = (0..1500).map(|at| format!("X-{at}: {at}\r\n")).collect();
    let many = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n");
    let server = Server::answering(many, false);
    let expect = json!({"status": 200, "headers": {"X-1499": {"equals": "1499"}}});
    let asked = json!({"url": server.url(), "expect": expect});
    assert_sample(&repository, asked, Verdict::Pass, "2 of 2");
    let folded = "HTTP/1.1 200 OK\r\nX-Long: a\r\n b\r\nContent-Length: 0\r\n\r\n";
    let server = Server::answering(folded, false);
    let expect = json!({"status": 200, "headers": {"X-Long": {"matches": "^a +b$"}}});
    let asked = json!({"url": server.url(), "expect": expect});
    assert_sample(&repository, asked, Verdict::Pass, "2 of 2");
}

fn nothing(_: &mut CertificateParams) {}

fn expired(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2021, 2, 3);
}

fn early(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(4000, 1, 1);
}

// req: E2
#[test]
fn a_certificate_is_held_against_the_authority_of_one_s_own() {
    use Verdict::{Error, Fail, Pass};
    let repository = Repository::new();
    let certify = |name, adjust| repository.authority.certify(name, adjust);
    let here = "127.0.0.1";
    let good = certify(here, nothing);
    for (name, certified, ca, verdict, reason) in [
        ("its own authority", &good, Some("ca.pem"), Pass, "hold"),
        (
            "an authority that the system does not know",
            &good,
            None,
            Fail,
            "the certificate's issuer is not trusted",
        ),
        (
            "another authority",
            &good,
            Some("stranger.pem"),
            Fail,
            "the certificate's issuer is not trusted",
        ),
        (
            "no such file",
            &good,
            Some("gone.pem"),
            Error,
            "gone.pem cannot be read: No such file",
        ),
        (
            "a key instead of a certificate",
            &good,
            Some("client.key"),
            Error,
            "client.key holds no certificate",
        ),
        (
            "expired",
            &certify(here, expired),
            Some("ca.pem"),
            Fail,
            "the certificate expired on 2021-02-03",
        ),
        (
            "not valid yet",
            &certify(here, early),
            Some("ca.pem"),
            Fail,
            "the certificate is not valid before 4000-01-01",
        ),
        (
            "another name",
            &certify("pay.example", nothing),
            Some("ca.pem"),
            Fail,
            "for another name: expected 127.0.0.1",
        ),
        (
            "self-signed",
            &Certified::by_itself(here, nothing),
            Some("ca.pem"),
            Fail,
            "the certificate is self-signed",
        ),
    ] {
        let server = echo(terms(certified, None));
        let url = format!("https://{}/", server.address);
        let sample = sample(&repository, json!({"url": url, "ca": ca}));
        println!("{name:44} {:6} {}", sample.verdict.word(), sample.reason());
        assert_eq!(sample.verdict, verdict, "{name}: {}", sample.reason());
        assert!(
            sample.reason().contains(reason),
            "{name}: {}",
            sample.reason()
        );
    }
}

#[test]
fn a_certificate_is_shown_to_a_server_that_requires_one() {
    use Verdict::{Error, Fail, Pass};
    let repository = Repository::new();
    let certified = repository.authority.certify("127.0.0.1", nothing);
    let server = echo(terms(&certified, Some(&repository.authority)));
    let url = format!("https://{}/", server.address);
    for (shown, verdict, reason) in [
        (
            None,
            Fail,
            "requires a client certificate, and none was shown",
        ),
        (Some(("client.pem", "client.key")), Pass, "hold"),
        // It comes from an authority that the server does not know.
        (
            Some(("other.pem", "other.key")),
            Fail,
            "the server refused with the alert",
        ),
        (
            Some(("client.pem", "other.key")),
            Error,
            "the client certificate: ",
        ),
        (
            Some(("client.pem", "gone.key")),
            Error,
            "gone.key cannot be read",
        ),
        (
            Some(("client.pem", "client.pem")),
            Error,
            "client.pem holds no private key",
        ),
    ] {
        let shown = shown.map(|(cert, key)| json!({"cert": cert, "key": key}));
        let http = json!({"url": url, "ca": "ca.pem", "client_certificate": shown});
        assert_sample(&repository, http, verdict, reason);
    }
}

#[test]
fn another_address_is_asked_as_the_host_it_stands_for() {
    let repository = Repository::new();
    let certified = repository.authority.certify("shop.example", nothing);
    let server = echo(terms(&certified, None));
    let port = server.address.port();
    let ask = |url: &str, resolve: Value, host: &str| {
        let expect = json!({"body": {"contains": format!("host: {host}\r\n")}});
        let http = json!({"url": url, "ca": "ca.pem", "resolve": resolve, "expect": expect});
        assert_sample(&repository, http, Verdict::Pass, "hold");
    };
    ask(
        &format!("https://shop.example:{port}/"),
        json!({"shop.example": "127.0.0.1"}),
        &format!("shop.example:{port}"),
    );
    ask(
        "https://shop.example/",
        json!({"shop.example": server.address.to_string()}),
        "shop.example",
    );
    // A host that has an address of the sixth version alone.
    let Some(six) = echo_at("[::1]:0", terms(&certified, None)) else {
        is_left_out("ipv6", false);
        return;
    };
    let port = six.address.port();
    ask(
        &format!("https://shop.example:{port}/"),
        json!({"shop.example": "::1"}),
        &format!("shop.example:{port}"),
    );
}

#[test]
fn the_body_of_a_file_is_sent_as_it_is() {
    let repository = Repository::new();
    repository.write("order.json", "{\"of\": \"${not a variable}\"}\n");
    let certified = repository.authority.certify("127.0.0.1", nothing);
    let server = echo(terms(&certified, None));
    let ask = |file: &str| {
        json!({
            "url": format!("https://{}/", server.address), "ca": "ca.pem", "method": "POST", "body_file": file,
            "expect": {"body": {"contains": "\r\n\r\n{\"of\": \"${not a variable}\"}\n"}},
        })
    };
    assert_sample(&repository, ask("order.json"), Verdict::Pass, "hold");
    assert_sample(
        &repository,
        ask("gone.json"),
        Verdict::Error,
        "gone.json cannot be read",
    );
    assert_sample(&repository, ask("."), Verdict::Error, "is not a file");
}

#[test]
fn who_asks_is_told_to_the_host_that_is_asked_and_to_no_other() {
    let repository = Repository::new();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heads);
    let other = Server::new(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            kept.lock().expect("a lock").push(request);
            let _ = stream.write_all(response("200 OK", "there").as_bytes());
        }
    });
    let to = other.url();
    let status = Arc::new(Mutex::new("302 Found"));
    let now = Arc::clone(&status);
    let first = Server::new(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let _ = read_body(&request, &mut stream);
            let told = request.contains("authorization: Basic") && request.contains("x-api-key: k");
            let status = if told {
                *now.lock().expect("a lock")
            } else {
                "401 Who"
            };
            let answer =
                format!("HTTP/1.1 {status}\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let ask = |extra: Value| {
        let mut http = json!({
            "url": first.url(), "redirects": 1,
            "headers": {"X-Api-Key": "k", "Cookie": "c=1", "Accept-Language": "de"},
            "auth": {"basic": {"user": "deploy", "password": "word"}},
        });
        for (key, value) in extra.as_object().expect("an object") {
            http[key] = value.clone();
        }
        http
    };
    assert_sample(&repository, ask(json!({})), Verdict::Pass, "hold");
    let head = heads
        .lock()
        .expect("a lock")
        .pop()
        .expect("it was asked")
        .to_lowercase();
    for secret in ["authorization", "x-api-key", "cookie"] {
        assert!(!head.contains(secret), "{head}");
    }
    assert!(head.contains("accept-language: de"), "{head}");
    // Nor is it sent what was meant for the first.
    *status.lock().expect("a lock") = "307 There";
    let post = ask(json!({"method": "POST", "body": "secret"}));
    let reason = "the request's body would go to another host";
    assert_sample(&repository, post, Verdict::Fail, reason);
    assert!(heads.lock().expect("a lock").is_empty());
}

#[test]
fn a_redirect_that_leaves_tls_is_not_followed() {
    let repository = Repository::new();
    let plain = Server::http("200 OK", "anybody");
    let certified = repository.authority.certify("127.0.0.1", nothing);
    let to = plain.url();
    let server = speaking(terms(&certified, None), move |_| {
        format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    });
    let url = format!("https://{}/", server.address);
    let http = json!({"url": url, "ca": "ca.pem", "redirects": 5});
    assert_sample(&repository, http, Verdict::Fail, "it leaves TLS");
}

#[test]
fn the_time_of_each_phase_is_kept() {
    let repository = Repository::new();
    let certified = repository.authority.certify("localhost", nothing);
    let server = echo(terms(&certified, None));
    let url = format!("https://localhost:{}/", server.address.port());
    let expect = json!({"status": 404});
    let failed = sample(
        &repository,
        json!({"url": url, "ca": "ca.pem", "expect": expect}),
    );
    let phases = failed.attempts[0].phases.expect("phases");
    let parts = [
        phases.dns_us,
        phases.connect_us,
        phases.tls_us,
        phases.first_byte_us,
    ];
    assert!(parts.iter().all(Option::is_some), "{phases:?}");
    assert!(phases.tls_us.is_some_and(|us| us > 0), "{phases:?}");
    assert!(parts.into_iter().flatten().sum::<u64>() <= phases.total_us);
    assert!(
        phases.total_us / 1000 <= failed.attempts[0].took_ms,
        "{failed:?}"
    );
    drop(server);
    let gone = crate::support::refused();
    let refused = sample(&repository, json!({"url": gone.url()}));
    let phases = refused.attempts[0].phases.expect("phases");
    assert_eq!(
        (phases.dns_us, phases.connect_us, phases.first_byte_us),
        (None, None, None)
    );
}

#[test]
fn http_2_is_spoken_where_the_server_speaks_it() {
    let repository = Repository::new();
    let certified = repository.authority.certify("127.0.0.1", nothing);
    let mut terms = terms(&certified, None);
    terms.alpn_protocols = vec![b"h2".to_vec()];
    let server = crate::two::serve(terms);
    let url = format!("https://{}/a?b", server.address());
    let probes: Vec<_> = (0..40)
        .map(|number| {
            let body = json!({"equals": format!("HTTP/2.0 GET {url} k")});
            let headers = json!({"X-Api-Key": "k"});
            let http =
                json!({"url": url, "ca": "ca.pem", "headers": headers, "expect": {"body": body}});
            probe(&format!("p{number}"), json!({"http": http}))
        })
        .collect();
    let samples = SystemProber::new(repository.path()).sample(&probes, 4, Some(PATIENCE));
    for sample in &samples {
        assert_eq!(sample.verdict, Verdict::Pass, "{}", sample.reason());
    }
    assert!(
        server.connections() <= 4,
        "{} connections",
        server.connections()
    );
}

#[test]
fn the_line_that_repeats_a_probe_uses_its_options() {
    if is_left_out("curl", succeeds("curl", &["--version"])) {
        return;
    }
    let repository = Repository::new();
    repository.write("order.json", "{\"order\": 1}");
    let certified = repository.authority.certify("shop.example", nothing);
    let server = echo(terms(&certified, Some(&repository.authority)));
    let http = json!({
        "url": "https://shop.example/order", "method": "POST", "body_file": "order.json",
        "ca": "ca.pem", "client_certificate": {"cert": "client.pem", "key": "client.key"},
        "resolve": {"shop.example": server.address.to_string()}, "redirects": 2,
        "auth": {"basic": {"user": "Aladdin", "password": "open sesame"}},
        "expect": {"status": 404},
    });
    let sample = assert_sample(&repository, http, Verdict::Fail, "found 200");
    let output = Command::new("sh")
        .args(["-c", &sample.repeat.clone().expect("a line")])
        .current_dir(repository.path())
        .output()
        .expect("a shell");
    let mut repeated = String::from_utf8_lossy(&output.stdout).to_lowercase();
    repeated.push_str(&String::from_utf8_lossy(&output.stderr));
    for part in [
        "post /order http/1.1",
        "host: shop.example\r\n",
        "authorization: basic qwxhzgrpbjpvcgvuihnlc2ftzq==",
        "{\"order\": 1}",
    ] {
        assert!(repeated.contains(part), "no {part} in {repeated}");
    }
    assert!(!repeated.contains("content-type"), "{repeated}");
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    // The environment of this process is every test's: a child has one of its own.
    let marker = "RELGATE_TEST_BEHIND_A_PROXY";
    if std::env::var_os(marker).is_some() {
        let server = Server::http("200 OK", "ok");
        let repository = Repository::new();
        assert_sample(
            &repository,
            json!({"url": server.url()}),
            Verdict::Pass,
            "hold",
        );
        let page = Server::http("200 OK", "1");
        let metric =
            json!({"metric": {"json": {"url": page.url(), "path": "$"}, "expect": {"equals": 1}}});
        let sample = samples(&[probe("one", metric)]).pop().expect("a sample");
        assert_eq!(sample.verdict, Verdict::Pass, "{}", sample.reason());
        return;
    }
    let proxy = "http://127.0.0.1:9";
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "options::proxies_of_the_environment_are_not_used",
        ])
        .env(marker, "1")
        .envs(
            [
                "http_proxy",
                "HTTP_PROXY",
                "https_proxy",
                "ALL_PROXY",
                "all_proxy",
            ]
            .map(|name| (name, proxy)),
        )
        .env("no_proxy", "")
        .output()
        .expect("this program");
    let shown = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && shown.contains("1 passed"),
        "{shown}"
    );
}

#[test]
fn a_connection_that_was_used_before_decides_nothing() {
    let repository = Repository::new();
    // It promises to keep a connection, and closes it with the second question.
    let server = Server::new(|mut stream| {
        if let Some(request) = read_request(&mut stream) {
            let _ = read_body(&request, &mut stream);
            let _ = stream.write_all(response("200 OK", "ok").as_bytes());
            let _ = read_request(&mut stream);
        }
    });
    let ask = |method: &str| {
        let probes: Vec<_> = (0..5)
            .map(|number| {
                let http =
                    json!({"url": server.url(), "method": method, "expect": {"status": 200}});
                probe(&format!("p{number}"), json!({"http": http}))
            })
            .collect();
        let samples = SystemProber::new(repository.path()).sample(&probes, 1, Some(PATIENCE));
        for sample in samples {
            assert_eq!(sample.verdict, Verdict::Pass, "{}", sample.reason());
            assert_eq!(sample.attempts.len(), 1);
        }
    };
    ask("GET");
    // What does something is never asked twice, and so never over a connection that may be closed.
    ask("POST");
    let accepted = server.accepted.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(accepted, 10);
}

#[test]
fn a_connection_that_the_server_closes_between_samples_is_made_again() {
    let repository = Repository::new();
    let server = Server::answering(response("200 OK", "ok"), true);
    let prober = SystemProber::new(repository.path());
    let probes = ["a", "b"].map(|id| {
        let http = json!({"url": server.url(), "expect": {"status": 200}});
        probe(id, json!({"http": http}))
    });
    for _ in 0..3 {
        for sample in prober.sample(&probes, 1, Some(PATIENCE)) {
            assert_eq!(sample.verdict, Verdict::Pass, "{}", sample.reason());
        }
    }
}

#[test]
fn a_resolver_that_does_not_answer_is_an_error() {
    let marker = "RELGATE_TEST_SILENT_RESOLVER";
    if std::env::var_os(marker).is_some() {
        let repository = Repository::new();
        let probe = probe(
            "one",
            json!({"timeout": "1s", "http": {"url": "http://shop.example/", "expect": {"status": 200}}}),
        );
        let samples =
            SystemProber::new(repository.path()).sample(&[probe], 1, Some(Duration::from_secs(3)));
        assert_eq!(samples[0].verdict, Verdict::Error);
        let reason = samples[0].reason();
        assert_eq!(reason, "the name shop.example was not resolved within 1s");
        return;
    }
    // Nobody reads what arrives here.
    let Ok(_silent) = std::net::UdpSocket::bind("127.0.0.99:53") else {
        is_left_out("dns-port", false);
        return;
    };
    let folder = Repository::new();
    folder.write("resolv.conf", "nameserver 127.0.0.99\n");
    let unshare = ["--map-root-user", "--mount"];
    let allowed = succeeds("unshare", &[&unshare[..], &["true"]].concat());
    if is_left_out("mounts", allowed) {
        return;
    }
    let script = "mount --bind resolv.conf /etc/resolv.conf && exec \"$1\" --exact options::a_resolver_that_does_not_answer_is_an_error";
    let child = Command::new("unshare")
        .args(unshare)
        .args(["sh", "-euc", script, "sh"])
        .arg(std::env::current_exe().expect("this program"))
        .current_dir(folder.path())
        .env(marker, "1")
        .output()
        .expect("unshare");
    let shown = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && shown.contains("1 passed"),
        "{shown}"
    );
}

// `openssl req -x509` says of every certificate that it is an authority's, and people name the server's own with `ca`.
#[test]
fn a_certificate_that_is_its_own_ca_is_accepted_by_every_kind_that_speaks_tls() {
    use Verdict::{Error, Fail, Pass};
    let folder = tempfile::tempdir().expect("a folder");
    let authority = |params: &mut rcgen::CertificateParams| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    };
    for adjust in [nothing as fn(&mut rcgen::CertificateParams), authority] {
        let own = Certified::by_itself("127.0.0.1", adjust);
        let other = Certified::by_itself("127.0.0.1", adjust);
        std::fs::write(folder.path().join("own.pem"), own.pem()).expect("written");
        std::fs::write(folder.path().join("other.pem"), other.pem()).expect("written");
        let server = speaking(terms(&own, None), |_| response("200 OK", "12").into_bytes());
        let address = server.address.to_string();
        let url = format!("https://{address}/");
        for (ca, known) in [("own.pem", true), ("other.pem", false)] {
            let asked = [
                json!({"http": {"url": url, "ca": ca, "expect": {"status": 200}}}),
                json!({"tls": {"address": address, "ca": ca, "expect": {"days_left": 1}}}),
                json!({"metric": {"json": {"url": url, "path": "$"}, "ca": ca, "expect": {"equals": 12}}}),
                json!({"grpc": {"address": address, "tls": true, "ca": ca}}),
            ];
            for ask in asked {
                let is = |kind: &str| ask.get(kind).is_some();
                let samples =
                    SystemProber::new(folder.path()).sample(&[probe("p", ask.clone())], 1, None);
                let (verdict, reason) = (samples[0].verdict, samples[0].reason());
                let about = reason.contains("certificate");
                match (known, is("grpc")) {
                    // It is no gRPC server; TLS is spoken with it all the same.
                    (true, true) => assert!(!about, "{ask}: {reason}"),
                    (true, false) => assert_eq!(verdict, Pass, "{ask}: {reason}"),
                    (false, _) => {
                        let expected = if is("metric") { Error } else { Fail };
                        assert_eq!(verdict, expected, "{ask}: {reason}");
                        assert!(about, "{ask}: {reason}");
                    }
                }
            }
        }
    }
}
