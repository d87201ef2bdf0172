//! Asking by way of a proxy: through a tunnel and without one, and whose fault it is when that goes wrong.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use relgate::domain::probe::judge::Sample;
use relgate::domain::probe::judge::Verdict::{Error, Fail, Pass};
use relgate::effects::probe::SystemProber;
use relgate::ports::Prober;
use serde_json::{Value, json};

use crate::lacking::{is_left_out, succeeds};
use crate::shop::{Repository, speaking, terms};
use crate::support::{PATIENCE, Server, hold, probe, read_request, refused, response};
use crate::troubles::black_hole;

const OPEN: &str = r#"{"open": 12}"#;

/// A proxy that passes on what it is asked, and keeps the heads of the requests.
struct Proxy {
    server: Server,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn new() -> Self {
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        let server = Server::new(move |mut stream| {
            while let Some(head) = read_request(&mut stream) {
                kept.lock().expect("a lock").push(head.clone());
                if pass_on(&head, &mut stream).is_none() {
                    return;
                }
            }
        });
        Self { server, heads }
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.heads.lock().expect("a lock"))
    }
}

/// Asks the target of `head`; `None` where the connection is at its end then.
fn pass_on(head: &str, stream: &mut TcpStream) -> Option<()> {
    let mut words = head.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let authority = target.strip_prefix("http://").unwrap_or(target);
    let authority = authority.split('/').next()?;
    let Ok(mut to) = TcpStream::connect(authority) else {
        let _ = stream.write_all(response("502 Bad Gateway", "").as_bytes());
        return Some(());
    };
    if method == "CONNECT" {
        let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
        let (mut from, mut back) = (stream.try_clone().ok()?, to.try_clone().ok()?);
        let there = thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut back);
            let _ = back.shutdown(std::net::Shutdown::Write);
        });
        let _ = std::io::copy(&mut to, stream);
        let _ = stream.shutdown(std::net::Shutdown::Both);
        let _ = there.join();
        return None;
    }
    let path = &target["http://".len() + authority.len()..];
    let rest = head.split_once("\r\n")?.1;
    let request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{rest}");
    let _ = to.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = to.read_to_end(&mut answer);
    stream.write_all(&answer).ok()
}

fn http(url: &str, proxy: &str) -> Value {
    json!({"timeout": "10s", "http": {
        "url": url, "proxy": proxy, "ca": "ca.pem", "expect": {"body": {"contains": "12"}},
    }})
}

fn metric(url: &str, proxy: &str) -> Value {
    json!({"timeout": "10s", "metric": {
        "json": {"url": url, "path": "$.open"}, "proxy": proxy, "ca": "ca.pem", "expect": {"equals": 12},
    }})
}

/// A probe of the page at an address, by way of a proxy.
type Ask = fn(&str, &str) -> Value;

/// The same of every kind that has the option.
const KINDS: [(&str, Ask); 2] = [("http", http), ("metric", metric)];

fn sample(root: &Path, ask: Value) -> Sample {
    SystemProber::new(root)
        .sample(&[probe("one", ask)], 1, Some(PATIENCE))
        .pop()
        .expect("a sample")
}

fn answering() -> Server {
    Server::answering(
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 12\r\n\r\n{OPEN}"),
        true,
    )
}

#[test]
fn a_target_without_tls_is_asked_for_with_its_whole_address() {
    let (proxy, target) = (Proxy::new(), answering());
    for (kind, ask) in KINDS {
        let mut ask = ask(&format!("{}health?a=b", target.url()), &proxy.url());
        ask[kind]["proxy_auth"] = json!({"user": "Aladdin", "password": "open sesame"});
        ask[kind].as_object_mut().expect("a kind").remove("ca");
        let sample = sample(Path::new("/"), ask);
        assert_eq!(sample.verdict, Pass, "{kind}: {}", sample.reason());
        let head = proxy.take().pop().expect("it was asked").to_lowercase();
        let line = format!("get {}health?a=b http/1.1\r\n", target.url());
        assert!(head.starts_with(&line), "{kind}: {head}");
        let host = format!("host: {}\r\n", target.address);
        // RFC 7617, section 2.
        for part in [
            host.as_str(),
            "proxy-authorization: basic qwxhzgrpbjpvcgvuihnlc2ftzq==\r\n",
        ] {
            assert!(head.contains(part), "{kind}: no {part} in {head}");
        }
    }
}

#[test]
fn a_target_with_tls_is_reached_through_a_tunnel_that_sees_nothing() {
    let files = Repository::new();
    let shop = |name| {
        speaking(
            terms(&files.authority.certify(name, |_| {}), None),
            |head| {
                let told = head.to_lowercase().contains("proxy-");
                let status = if told { "400 Told" } else { "200 OK" };
                response(status, OPEN).into_bytes()
            },
        )
    };
    let (proxy, target, other) = (Proxy::new(), shop("127.0.0.1"), shop("pay.example"));
    for (kind, ask) in KINDS {
        let asking = |server: &Server, auth: bool| {
            let mut ask = ask(&format!("https://{}/secret", server.address), &proxy.url());
            if auth {
                ask[kind]["proxy_auth"] = json!({"user": "Aladdin", "password": "open sesame"});
            }
            sample(files.path(), ask)
        };
        let good = asking(&target, true);
        assert_eq!(good.verdict, Pass, "{kind}: {}", good.reason());
        let head = proxy.take().pop().expect("it was asked");
        assert!(
            head.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", target.address)),
            "{head}"
        );
        assert!(
            head.contains("Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
            "{head}"
        );
        assert!(!head.contains("secret"), "{head}");
        // Behind a tunnel, what is wrong with the target is the target's fault.
        let bad = asking(&other, false);
        let verdict = if kind == "http" { Fail } else { Error };
        assert_eq!(bad.verdict, verdict, "{kind}: {}", bad.reason());
        let told = bad.reason();
        assert!(
            told.contains("for another name: expected 127.0.0.1"),
            "{kind}: {told}"
        );
        assert!(!told.contains("proxy"), "{kind}: {told}");
    }
}

#[test]
fn what_goes_wrong_with_a_proxy_is_an_error_that_names_it() {
    let files = Repository::new();
    let saying = |answer: &str| Server::answering(answer, true);
    let status = |status: &str| saying(&response(status, ""));
    let silent = Server::new(|mut stream| hold(&mut stream));
    for (name, server, plain, tunnel) in [
        (
            "refused",
            refused(),
            "refused the connection",
            "refused the connection",
        ),
        ("black hole", black_hole(), "within 1s", "within 1s"),
        ("silent", silent, "no answer within 1s", "within 1s"),
        (
            "closed",
            saying(""),
            "closed the connection without an answer",
            "",
        ),
        (
            "garbage",
            saying("SSH-2.0-OpenSSH\r\n\r\n"),
            "is broken",
            "opens no way|does not answer as a proxy does",
        ),
        (
            "407",
            status("407 Who"),
            "write `proxy_auth` (status 407)",
            "(status 407)|proxy authorization required",
        ),
        (
            "502",
            status("502 Bad Gateway"),
            "502 Bad Gateway",
            "opens no way to shop.example:443",
        ),
        (
            "504",
            status("504 Gateway Timeout"),
            "504 Gateway Timeout",
            "opens no way",
        ),
    ] {
        for (kind, ask) in KINDS {
            for (scheme, reason) in [("http", plain), ("https", tunnel)] {
                let proxy = format!("http://{}", server.address);
                let mut ask = ask(&format!("{scheme}://shop.example/"), &proxy);
                if reason.contains("within 1s") {
                    ask["timeout"] = "1s".into();
                }
                let found = sample(files.path(), ask);
                let said = found.reason();
                println!(
                    "{name:12} {kind:6} {scheme:5} {:5} {said}",
                    found.verdict.word()
                );
                assert_eq!(found.verdict, Error, "{name}, {kind}, {scheme}: {said}");
                assert!(
                    reason.split('|').any(|reason| said.contains(reason)),
                    "{name}, {kind}, {scheme}: {said}"
                );
                assert!(said.contains(&proxy), "{name}, {kind}, {scheme}: {said}");
            }
        }
    }
}

#[test]
fn an_answer_that_is_cut_on_its_way_is_an_error() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n12";
    let server = Server::answering(head, true);
    let proxy = format!("http://{}", server.address);
    for (kind, ask) in KINDS {
        let found = sample(Path::new("/"), ask("http://shop.example/", &proxy));
        let said = found.reason();
        assert_eq!(found.verdict, Error, "{kind}: {said}");
        assert!(
            said.contains("before its answer was complete"),
            "{kind}: {said}"
        );
        assert!(said.contains(&proxy), "{kind}: {said}");
    }
}

#[test]
fn who_asks_a_proxy_is_shown_nowhere() {
    let proxy = Server::http("407 Who", "");
    for (kind, ask) in KINDS {
        let mut ask = ask("http://shop.example/", &format!("http://{}", proxy.address));
        ask[kind].as_object_mut().expect("a kind").remove("ca");
        ask[kind]["proxy_auth"] = json!({"user": "Aladdin", "password": "${secret:WORD}"});
        let file = tempfile::Builder::new()
            .suffix(".yaml")
            .tempfile()
            .expect("a file");
        ask["id"] = "one".into();
        std::fs::write(file.path(), json!({"probes": [ask]}).to_string()).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_relgate"))
            .args(["probe", "run", "--format", "json"])
            .arg(file.path())
            .env("WORD", "open sesame")
            .output()
            .expect("it runs");
        let shown = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(4), "{kind}: {shown}");
        assert!(
            shown.contains("does not take what `proxy_auth` says"),
            "{kind}: {shown}"
        );
        assert!(
            shown.contains(&format!("--proxy http://{} ", proxy.address)),
            "{kind}: {shown}"
        );
        assert!(
            shown.contains("--proxy-user '***'") || shown.contains("--proxy-user ***"),
            "{kind}: {shown}"
        );
        assert!(
            !shown.contains("sesame") && !shown.contains("QWxh"),
            "{kind}: {shown}"
        );
    }
}

#[test]
fn the_line_that_repeats_a_probe_goes_by_way_of_its_proxy() {
    if is_left_out("curl", succeeds("curl", &["--version"])) {
        return;
    }
    let files = Repository::new();
    let target = speaking(
        terms(&files.authority.certify("127.0.0.1", |_| {}), None),
        |_| response("404 Not Found", "twelve").into_bytes(),
    );
    let proxy = Proxy::new();
    let ask = http(&format!("https://{}/", target.address), &proxy.url());
    let found = sample(files.path(), ask);
    assert_eq!(found.verdict, Fail, "{}", found.reason());
    let before = proxy.take();
    let output = Command::new("sh")
        .args(["-c", &found.repeat.clone().expect("a line")])
        .current_dir(files.path())
        .env("no_proxy", "*")
        .output()
        .expect("a shell");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("404 Not Found"), "{shown}");
    let line = |heads: &[String]| {
        heads
            .first()
            .and_then(|it| it.lines().next().map(str::to_owned))
    };
    assert_eq!(line(&proxy.take()), line(&before));
}
