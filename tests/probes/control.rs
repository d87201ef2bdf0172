//! Probes that need and capture, retries by what happened, and how many ask at once.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use relgate::domain::probe::Probe;
use relgate::domain::probe::judge::{Sample, Verdict};
use relgate::domain::variables::{Lookup, NotText, Ready};
use relgate::effects::probe::SystemProber;
use relgate::ports::{Asked, Limits, Prober, nobody};
use serde_json::{Value, json};

use crate::support::{PATIENCE, Server, get, probe, read_request, response};

struct Nothing;

impl Lookup for Nothing {
    fn variable(&self, _: &str) -> Result<Option<String>, NotText> {
        Ok(None)
    }
    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("{path}: there are no files here"))
    }
    fn release(&self) -> Option<String> {
        None
    }
    fn previous(&self) -> Option<String> {
        None
    }
    fn stage(&self) -> Option<String> {
        None
    }
}

pub const LIMITS: Limits = Limits {
    concurrency: 16,
    per_host: 16,
    patience: Some(PATIENCE),
};

pub fn ask(probes: &[Probe], limits: Limits) -> Asked {
    let ready = |probe| Ready::prepare(probe, &Nothing).expect("ready").0;
    let ready: Vec<Ready> = probes.iter().map(ready).collect();
    SystemProber::new(std::env::temp_dir()).sample_until(&ready, limits, &|| false, &nobody())
}

fn one(value: Value) -> Sample {
    let mut asked = ask(&[probe("one", value)], LIMITS);
    asked.samples.pop().expect("a sample")
}

/// A shop that hands out a token, and shows the cart only to whoever has it.
fn shop(login: &'static str) -> Server {
    Server::new(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let answer = if request.starts_with("GET /login ") {
                response("200 OK", login)
            } else if request.contains("bearer-of-17-apples")
                && request.starts_with("GET /cart/17 ")
            {
                response(
                    "200 OK",
                    r#"{"items": [{"price": 5}], "seen": "bearer-of-17-apples"}"#,
                )
            } else {
                response("401 Unauthorized", "who are you?")
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

fn journey(server: &Server, cart: Value) -> Vec<Probe> {
    let login = json!({
        "http": {"url": format!("{}login", server.url()), "expect": {"status": 200}},
        "capture": {"token": {"json": "$.token"}, "order": {"regex": "order (\\d+)"}},
    });
    let mut shown = json!({
        "needs": ["login"],
        "http": {
            "url": format!("{}cart/${{capture:order}}", server.url()),
            "headers": {"Authorization": "Bearer ${capture:token}"},
            "expect": cart,
        },
    });
    shown["retries"] = 0.into();
    let last = json!({
        "needs": ["cart"],
        "http": {
            "url": format!("{}cart/${{capture:order}}", server.url()),
            "headers": {"Authorization": "Bearer ${capture:token}"},
            "expect": {"json": [{"path": "$.items", "length": 1}]},
        },
    });
    // In the wrong order, since the order of a list says nothing about the order of asking.
    vec![
        probe("last", last),
        probe("cart", shown),
        probe("login", login),
    ]
}

const TOKEN: &str = r#"{"token": "bearer-of-17-apples", "text": "order 17"}"#;

// req: A9
#[test]
fn a_user_s_journey_is_asked_in_its_order_with_what_was_captured() {
    let server = shop(TOKEN);
    let asked = ask(&journey(&server, json!({"status": 200})), LIMITS);
    let verdicts: Vec<Verdict> = asked.samples.iter().map(|sample| sample.verdict).collect();
    assert_eq!(verdicts, [Verdict::Pass; 3], "{:#?}", asked.samples);
    let login = serde_json::to_string(&asked.samples[2]).expect("JSON");
    assert!(
        !login.contains("apples") && login.contains("a secret"),
        "{login}"
    );
    assert!(login.contains("\\\"17\\\""), "{login}");
    // Whoever shows the samples is told what must not be shown.
    assert_eq!(asked.secrets.mask("a bearer-of-17-apples b"), "a *** b");
    assert_eq!(
        asked
            .secrets
            .mask("bearer-of-17-apples".replace('-', "%2D").as_str()),
        "***"
    );
}

#[test]
fn a_captured_secret_is_told_even_where_the_probe_that_shows_it_fails() {
    let server = shop(TOKEN);
    let mut probes = journey(&server, json!({"body": {"contains": "pear"}}));
    let asked = ask(&probes, LIMITS);
    let cart = &asked.samples[1];
    assert_eq!(cart.verdict, Verdict::Fail);
    assert!(
        cart.reason().contains("apples"),
        "unmasked as yet: {}",
        cart.reason()
    );
    assert!(!asked.secrets.mask(&cart.reason()).contains("apples"));
    let repeat = cart.repeat.clone().expect("a curl line");
    assert!(repeat.contains("cart/17") && !asked.secrets.mask(&repeat).contains("apples"));
    let last = &asked.samples[0];
    assert_eq!(last.verdict, Verdict::Inconclusive);
    assert_eq!(
        last.reason(),
        "not asked: it needs \"cart\", which did not pass"
    );
    assert_eq!(last.repeat, None);
    // The login itself fails, and what it captured is a secret all the same.
    probes[2].http.as_mut().expect("http").expect = serde_json::from_value(json!({
        "body": {"not_contains": "token"}
    }))
    .expect("an expectation");
    let asked = ask(&probes, LIMITS);
    assert_eq!(asked.samples[2].verdict, Verdict::Fail);
    assert!(
        !asked
            .secrets
            .mask(&asked.samples[2].reason())
            .contains("apples")
    );
}

#[test]
fn what_is_not_there_to_capture_fails_and_nobody_goes_on_without_it() {
    let server = shop(r#"{"text": "order 17"}"#);
    let asked = ask(&journey(&server, json!({"status": 200})), LIMITS);
    assert_eq!(
        asked.samples[2].reason(),
        "capture token: expected a value, found missing"
    );
    let verdicts: Vec<Verdict> = asked.samples.iter().map(|sample| sample.verdict).collect();
    use Verdict::{Fail, Inconclusive};
    assert_eq!(verdicts, [Inconclusive, Inconclusive, Fail]);
    assert_eq!(server.accepted.load(Ordering::SeqCst), 1);
}

#[test]
fn probes_that_need_each_other_end_at_once() {
    let server = Server::http("200 OK", "");
    let needing = |id: &str, need: &str| {
        let mut value = get(&server.url());
        value["needs"] = json!([need]);
        probe(id, value)
    };
    let probes = [
        needing("a", "b"),
        needing("b", "a"),
        needing("c", "nobody"),
        needing("d", "d"),
    ];
    let asked = ask(
        &probes,
        Limits {
            patience: None,
            ..LIMITS
        },
    );
    for sample in &asked.samples {
        assert_eq!(sample.verdict, Verdict::Inconclusive, "{sample:?}");
        assert!(sample.reason().starts_with("not asked: it needs"));
    }
    assert_eq!(server.accepted.load(Ordering::SeqCst), 0);
}

/// A server that is busy for its first two answers.
fn busy(status: &'static str) -> (Server, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Server::new(move |mut stream| {
        while read_request(&mut stream).is_some() {
            let answer = match count.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => response(status, ""),
                _ => response("200 OK", ""),
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    (server, asked)
}

#[test]
fn only_what_is_worth_it_is_tried_again() {
    for (status, retry_if, attempts, verdict) in [
        ("503 Busy", json!(["5xx"]), 3, Verdict::Pass),
        ("503 Busy", json!(503), 3, Verdict::Pass),
        ("404 Not Found", json!(["5xx", "error"]), 1, Verdict::Fail),
        ("404 Not Found", json!("timeout"), 1, Verdict::Fail),
        ("404 Not Found", json!("fail"), 3, Verdict::Pass),
    ] {
        let (server, asked) = busy(status);
        let mut value = get(&server.url());
        value["retries"] = 5.into();
        value["backoff"] = "0s".into();
        value["retry_if"] = retry_if.clone();
        let sample = one(value);
        assert_eq!(
            sample.verdict,
            verdict,
            "{status} {retry_if}: {}",
            sample.reason()
        );
        assert_eq!(sample.attempts.len(), attempts, "{status} {retry_if}");
        assert_eq!(asked.load(Ordering::SeqCst), attempts);
        assert_eq!(sample.passed_after_retries(), attempts > 1);
    }
}

#[test]
fn silence_is_told_from_refusal_when_retrying() {
    let silent = Server::new(|mut stream| crate::support::hold(&mut stream));
    let refused = crate::support::refused();
    for (url, retry_if, attempts) in [
        (silent.url(), "timeout", 2),
        (silent.url(), "error", 1),
        (refused.url(), "timeout", 1),
        (refused.url(), "unserved", 2),
    ] {
        let mut value = get(&url);
        value["timeout"] = "1s".into();
        value["retries"] = 1.into();
        value["backoff"] = "0s".into();
        value["retry_if"] = retry_if.into();
        let sample = one(value);
        assert_eq!(
            sample.attempts.len(),
            attempts,
            "{retry_if}: {}",
            sample.reason()
        );
    }
}

#[test]
fn one_host_is_asked_by_a_few_at_a_time_while_others_are_asked() {
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (count, peak) = (Arc::clone(&now), Arc::clone(&most));
    let slow = Server::new(move |mut stream| {
        while read_request(&mut stream).is_some() {
            let at_once = count.fetch_add(1, Ordering::SeqCst) + 1;
            peak.fetch_max(at_once, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(30));
            count.fetch_sub(1, Ordering::SeqCst);
            if stream.write_all(response("200 OK", "").as_bytes()).is_err() {
                return;
            }
        }
    });
    let other = Server::http("200 OK", "");
    let mut probes: Vec<Probe> = (0..12)
        .map(|number| probe(&format!("slow-{number}"), get(&slow.url())))
        .collect();
    probes.push(probe("other", get(&other.url())));
    let asked = ask(
        &probes,
        Limits {
            concurrency: 8,
            per_host: 3,
            patience: Some(PATIENCE),
        },
    );
    assert!(
        asked
            .samples
            .iter()
            .all(|sample| sample.verdict == Verdict::Pass)
    );
    let most = most.load(Ordering::SeqCst);
    assert!((2..=3).contains(&most), "{most} at once");
}

#[test]
fn json_a_schema_and_a_digest_are_held_against_a_real_answer() {
    let server = Server::http("200 OK", r#"{"id": 9007199254740993, "tags": ["a"]}"#);
    let expect = |expect: Value| one(json!({"http": {"url": server.url(), "expect": expect}}));
    let digest = "a4c71ce54e5c3c09c7a2ec1c9c8e4bbd8c3f3d4a5b8dd9f0f0a1d6f4c1d0f3a2";
    for (wanted, verdict, says) in [
        (
            json!({"json": [{"path": "$.id", "at_least": "9007199254740993"}]}),
            Verdict::Pass,
            "hold",
        ),
        (
            json!({"json": [{"path": "$.id", "greater": "9007199254740993"}]}),
            Verdict::Fail,
            "expected greater than 9007199254740993, found 9007199254740993",
        ),
        (
            json!({"json_schema": {"required": ["id"]}}),
            Verdict::Pass,
            "hold",
        ),
        (
            json!({"json_schema": {"required": ["name"]}}),
            Verdict::Fail,
            "json schema: expected valid",
        ),
        (
            json!({"sha256": digest}),
            Verdict::Fail,
            "body sha256: expected a4c7",
        ),
    ] {
        let sample = expect(wanted.clone());
        assert_eq!(sample.verdict, verdict, "{wanted}: {}", sample.reason());
        assert!(
            sample.reason().contains(says),
            "{wanted}: {}",
            sample.reason()
        );
    }
    let found = expect(json!({"sha256": digest})).attempts[0].assertions[0]
        .actual
        .clone();
    assert_eq!(expect(json!({"sha256": found})).verdict, Verdict::Pass);
    let large = format!("[{}1]", "1,".repeat(600_000));
    let endless = Server::http("200 OK", &large);
    let cut = one(json!({"http": {"url": endless.url(), "expect": {
        "json": [{"path": "$.a", "exists": false}], "sha256": digest
    }}}));
    assert_eq!(cut.verdict, Verdict::Fail);
    assert_eq!(
        cut.reason().matches("the body was cut at the cap").count(),
        2,
        "{}",
        cut.reason()
    );
}

#[test]
fn an_assertion_that_would_take_too_long_says_nothing_of_the_release() {
    // Every value with every value below it: far more than could be looked at in the time there is.
    let body = format!("{}1{}", "[".repeat(90), "]".repeat(90));
    let body = format!("[{}]", vec![body; 4000].join(","));
    let server = Server::http("200 OK", &body);
    let slow = json!({"timeout": "30s", "http": {"url": server.url(), "expect": {
        "status": 200, "json": [{"path": "$..[?count(@..*) > 1000000]", "exists": true}]
    }}});
    let began = relgate::effects::clock::Stopwatch::start();
    let asked = ask(
        &[probe("slow", slow)],
        Limits {
            patience: Some(Duration::from_secs(1)),
            ..LIMITS
        },
    );
    assert_eq!(
        asked.samples[0].verdict,
        Verdict::Inconclusive,
        "{}",
        asked.samples[0].reason()
    );
    let why = asked.samples[0].reason();
    assert!(why.contains("is too much for a document of"), "{why}");
    assert!(began.elapsed_ms() < 20_000, "{} ms", began.elapsed_ms());
}
