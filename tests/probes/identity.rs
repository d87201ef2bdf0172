//! Who asks, where that takes a token to be fetched, or a challenge to be answered.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use relgate::domain::probe::judge::Verdict::{self, Error, Fail, Pass};
use relgate::effects::probe::SystemProber;
use relgate::ports::Prober;
use serde_json::{Value, json};

use crate::kinds::{assert_sample, sample};
use crate::shop::{Repository, read_body, speaking, terms};
use crate::support::{PATIENCE, Server, hold, probe, read_request, refused, response};

/// A server that gives every request, its head and its body, the answer that `answer` makes of it.
fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Server {
    Server::new(move |mut stream| {
        while let Some(mut request) = read_request(&mut stream) {
            request.push_str(&read_body(&request, &mut stream));
            if stream.write_all(answer(&request).as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// A token endpoint that gives `t0ken-1`, `t0ken-2`, … and counts them.
fn endpoint(more: &'static str) -> (Server, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let given = Arc::clone(&count);
    let server = answering(move |request| {
        assert!(
            request.contains("grant_type=client_credentials"),
            "{request}"
        );
        let number = given.fetch_add(1, Ordering::SeqCst) + 1;
        let token =
            format!("{{\"access_token\": \"t0ken-{number}\", \"token_type\": \"Bearer\"{more}}}");
        response("200 OK", &token)
    });
    (server, count)
}

/// A shop that wants one of these tokens.
fn shop(good: &'static [&'static str]) -> Server {
    answering(move |request| {
        let head = request.to_ascii_lowercase();
        let is_good = |token: &&str| head.contains(&format!("authorization: bearer {token}\r\n"));
        match good.iter().any(is_good) {
            true => response("200 OK", request),
            false => response("401 Unauthorized", request),
        }
    })
}

fn ask(shop: &Server, endpoint: &str, more: Value) -> Value {
    let mut oauth2 =
        json!({"token_url": endpoint, "client_id": "shop", "client_secret": "s3cret-s3cret"});
    for (key, value) in more.as_object().expect("an object") {
        oauth2[key] = value.clone();
    }
    json!({"http": {"url": shop.url(), "auth": {"oauth2": oauth2}, "expect": {"status": 200}}})
}

fn run(prober: &SystemProber, asked: &[Value]) -> Vec<Verdict> {
    let numbered = asked.iter().enumerate();
    let probes: Vec<_> = numbered
        .map(|(index, value)| probe(&format!("p{index}"), value.clone()))
        .collect();
    let samples = prober.sample(&probes, 16, Some(PATIENCE));
    samples.iter().map(|sample| sample.verdict).collect()
}

#[test]
fn a_token_is_fetched_once_for_all_that_ask_alike() {
    let (login, count) = endpoint(", \"expires_in\": 3600");
    let shop = shop(&["t0ken-1"]);
    let prober = SystemProber::new("/");
    let alike = vec![ask(&shop, &login.url(), json!({})); 12];
    for _ in 0..2 {
        assert_eq!(run(&prober, &alike), [Pass; 12]);
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    // Another scope is another token, which this shop does not take, and one that is fetched for it neither.
    let other = ask(&shop, &login.url(), json!({"scope": "write"}));
    assert_eq!(
        run(&prober, &[other.clone(), alike[0].clone()]),
        [Fail, Pass]
    );
    assert_eq!(count.load(Ordering::SeqCst), 3);
    // What was of no use is not tried again.
    assert_eq!(run(&prober, &[other]), [Fail]);
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn a_token_is_fetched_again_when_it_expires_or_is_refused() {
    let (login, count) = endpoint(", \"expires_in\": 0");
    let brief = shop(&["t0ken-1", "t0ken-2"]);
    let prober = SystemProber::new("/");
    let asked = ask(&brief, &login.url(), json!({}));
    for number in 1..=2 {
        assert_eq!(run(&prober, std::slice::from_ref(&asked)), [Pass]);
        assert_eq!(count.load(Ordering::SeqCst), number);
    }
    let (login, count) = endpoint("");
    let picky = shop(&["t0ken-2"]);
    let prober = SystemProber::new("/");
    let asked = vec![ask(&picky, &login.url(), json!({})); 8];
    for _ in 0..2 {
        assert_eq!(run(&prober, &asked), [Pass; 8]);
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn what_goes_wrong_with_the_token_endpoint_is_an_error_that_names_it() {
    let root = Path::new("/");
    let shop = shop(&["t0ken-1"]);
    let denied = answering(|_| {
        response(
            "401 Unauthorized",
            "{\"error\": \"invalid_client\", \"error_description\": \"s3cret-s3cret\"}",
        )
    });
    let odd = answering(|_| response("200 OK", "{}"));
    let silent = Server::new(|mut stream| hold(&mut stream));
    for (login, why) in [
        (denied.url(), "the status 401: invalid_client"),
        (odd.url(), "no access_token"),
        (silent.url(), "no answer within 1s"),
        (refused().url(), "refused the connection"),
        (
            "http://no-such-host.invalid/t".to_owned(),
            "could not be resolved",
        ),
        (shop.url(), "the status 401"),
    ] {
        let mut asked = ask(&shop, &login, json!({}));
        asked["timeout"] = "1s".into();
        let sample = sample(root, asked);
        let said = sample.reason();
        assert_eq!(sample.verdict, Error, "{said}");
        assert!(
            said.contains(&format!("the token endpoint {login}: ")),
            "{said}"
        );
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_token_goes_to_no_other_origin() {
    let (login, _) = endpoint("");
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let other = answering(move |request| {
        noted.lock().expect("a lock").push(request.to_owned());
        response("401 Unauthorized", "")
    });
    let to = other.url();
    let first = answering(move |_| {
        format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
    });
    for auth in ["oauth2", "digest"] {
        let mut asked = ask(&first, &login.url(), json!({}));
        if auth == "digest" {
            asked["http"]["auth"] = json!({"digest": {"user": "u", "password": "p"}});
        }
        asked["http"]["redirects"] = 3.into();
        assert_sample(
            Path::new("/"),
            asked,
            Fail,
            "status: expected 200, found 401",
        );
    }
    let seen = seen.lock().expect("a lock");
    assert_eq!(seen.len(), 2);
    for request in seen.iter() {
        assert!(
            !request.to_ascii_lowercase().contains("authorization"),
            "{request}"
        );
    }
}

#[test]
fn the_token_endpoint_is_asked_on_terms_of_its_own_or_those_of_the_probe() {
    let files = Repository::new();
    let root = files.path();
    let certified = files.authority.certify("127.0.0.1", |_| {});
    let token = |_: &str| response("200 OK", "{\"access_token\": \"t0ken-1\"}").into_bytes();
    let strict = speaking(terms(&certified, Some(&files.authority)), token);
    let url = format!("https://{}/t", strict.address);
    let shop = shop(&["t0ken-1"]);
    let shown = json!({"cert": "client.pem", "key": "client.key"});
    let own = json!({"ca": "ca.pem", "client_certificate": shown});
    assert_sample(root, ask(&shop, &url, own), Pass, "1 of 1");
    let mut inherited = ask(&shop, &url, json!({"client_certificate": shown}));
    // It does not speak TLS itself, and is asked all the same.
    inherited["http"]["ca"] = "ca.pem".into();
    assert_sample(root, inherited, Pass, "1 of 1");
    let none = json!({"client_certificate": shown});
    assert_sample(root, ask(&shop, &url, none), Error, "issuer is not trusted");
    let mut lax = ask(&shop, &url, json!({"client_certificate": shown}));
    lax["http"]["verify_tls"] = false.into();
    assert_sample(root, lax, Error, "issuer is not trusted");
    let anonymous = json!({"ca": "ca.pem"});
    assert_sample(
        root,
        ask(&shop, &url, anonymous),
        Error,
        "the token endpoint",
    );
}

#[test]
fn a_token_is_masked_where_it_is_echoed() {
    let (login, _) = endpoint("");
    let shop = shop(&["t0ken-1"]);
    let mut asked = ask(&shop, &login.url(), json!({}));
    asked["http"]["expect"] = json!({"body": {"equals": "nothing"}});
    let prober = SystemProber::new("/");
    let ready = relgate::domain::variables::Ready::plain(probe("one", asked));
    let limits = relgate::ports::Limits {
        concurrency: 1,
        per_host: 1,
        patience: Some(PATIENCE),
    };
    let nobody: Arc<dyn relgate::ports::Onlooker> = Arc::new(relgate::ports::Nobody);
    let asked = prober.sample_until(&[ready], limits, &|| false, &nobody);
    let said = asked.samples[0].reason();
    assert!(said.contains("t0ken-1"), "{said}");
    assert!(!asked.secrets.mask(&said).contains("t0ken-1"));
}

/// A metric is fetched with a token as well.
#[test]
fn a_metric_is_fetched_with_a_token() {
    let (login, count) = endpoint("");
    let page = answering(|request| {
        match request
            .to_ascii_lowercase()
            .contains("authorization: bearer t0ken-2\r\n")
        {
            true => response("200 OK", "up 1\n"),
            false => response("401 Unauthorized", ""),
        }
    });
    let oauth2 = json!({"token_url": login.url(), "client_id": "c", "client_secret": "s3cret"});
    let asked = json!({"metric": {
        "exposition": {"url": page.url(), "metric": "up"}, "auth": {"oauth2": oauth2}, "expect": {"equals": 1},
    }});
    assert_sample(Path::new("/"), asked, Pass, "1 of 1");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

/// A server that gives these challenges in turn, the last one again and again, and takes what answers `good`.
fn challenging(
    challenges: &'static [&'static str],
    good: &'static str,
) -> (Server, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let given = Arc::clone(&count);
    let server = answering(move |request| {
        if request.contains(good) && request.contains("response=\"") {
            assert!(!request.contains("pa55w0rd"), "{request}");
            return response("200 OK", request);
        }
        let number = given.fetch_add(1, Ordering::SeqCst);
        let challenge = challenges[number.min(challenges.len() - 1)];
        format!(
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 0\r\n\r\n"
        )
    });
    (server, count)
}

#[test]
fn a_challenge_is_answered_and_a_stale_nonce_replaced() {
    const ONE: &str = "Digest realm=\"r\", nonce=\"one\", qop=\"auth\", algorithm=SHA-256";
    const OTHER: &str = "Digest realm=\"r\", nonce=\"two\", qop=\"auth\", algorithm=SHA-256";
    const STALE: &str =
        "Digest realm=\"r\", nonce=\"two\", qop=\"auth\", algorithm=MD5-sess, stale=true";
    const ODD: &str = "Digest realm=\"r\", nonce=\"one\", algorithm=SHA-1";
    let cases: [(&'static [&'static str], &'static str, Verdict, usize, &str); 6] = [
        (&[ONE], "nonce=\"one\"", Pass, 1, "1 of 1"),
        (&[ONE, STALE], "nonce=\"two\"", Pass, 2, "1 of 1"),
        // What is refused is refused, and what is stale for ever too.
        (&[ONE, OTHER], "never", Fail, 2, "found 401"),
        (&[ONE, STALE], "never", Fail, 3, "found 401"),
        (&["Basic realm=\"r\""], "never", Fail, 1, "found 401"),
        (&[ODD], "never", Error, 1, "\"SHA-1\" is not spoken"),
    ];
    for (challenges, good, verdict, most, reason) in cases {
        let (server, count) = challenging(challenges, good);
        let who = json!({"digest": {"user": "u", "password": "pa55w0rd"}});
        let expect = json!({"status": 200});
        let url = format!("{}a?b=c", server.url());
        let get = json!({"http": {"url": url, "auth": who, "expect": expect}});
        assert_sample(Path::new("/"), get, verdict, reason);
        assert_eq!(count.load(Ordering::SeqCst), most, "{challenges:?}");
        // A body goes along again.
        let post = json!({"http": {
            "url": url, "auth": who, "method": "POST", "body": "order", "expect": expect,
        }});
        assert_sample(Path::new("/"), post, verdict, reason);
    }
}
