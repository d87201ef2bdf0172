//! How probes are asked: over TCP and HTTP, many at a time, again, and no longer than they may.

use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use relgate::domain::probe::Probe;
use relgate::domain::probe::judge::{Sample, Verdict};
use relgate::effects::probe::SystemProber;
use relgate::ports::Prober;
use serde_json::{Value, json};

use crate::lacking::{is_left_out, succeeds};
use crate::support::{
    PATIENCE, Server, get, hold, probe, read_request, refused, response, samples,
};

fn sample(value: Value) -> Sample {
    samples(&[probe("one", value)]).pop().expect("a sample")
}

#[track_caller]
fn assert_sample(value: Value, verdict: Verdict, reason: &str) -> Sample {
    let sample = sample(value);
    assert_eq!(sample.verdict, verdict, "{}", sample.reason());
    assert!(sample.reason().contains(reason), "{}", sample.reason());
    sample
}

#[test]
fn what_cannot_be_asked_is_an_error() {
    use Verdict::Error;
    assert_sample(get("http://no-such-host.invalid/"), Error, "resolved");
    assert_sample(get("shop.example"), Error, "no address");
    let nameless = json!({"tcp": {"address": "no-such-host.invalid:80"}});
    assert_sample(nameless, Error, "resolved");
    assert_sample(json!({"tcp": {"address": "host"}}), Error, "host:port");
    let empty = json!({"http": {"url": "http://127.0.0.1/", "expect": {}}});
    assert_sample(empty, Error, "asserts nothing");
    let none = json!({"title": "nothing is asked"});
    assert_sample(none, Error, "exactly one question");
    let missing = json!({"command": {"argv": ["./no-such-program"], "expect": {"exit": 0}}});
    assert_sample(missing, Error, "there is no file");
    let folder = json!({"command": {"argv": ["/"], "expect": {"exit": 0}}});
    assert_sample(folder, Error, "is not a file");
}

#[test]
fn an_ipv6_address_is_asked() {
    let Some(server) = Server::at("[::1]:0", |mut stream| {
        if read_request(&mut stream).is_some() {
            let _ = stream.write_all(response("200 OK", "six").as_bytes());
        }
    }) else {
        is_left_out("ipv6", false);
        return;
    };
    assert_sample(get(&server.url()), Verdict::Pass, "hold");
    let tcp = json!({"tcp": {"address": server.address.to_string()}});
    assert_sample(tcp, Verdict::Pass, "hold");
}

#[test]
fn tcp_connects_sends_and_expects() {
    let echo = Server::new(|mut stream| {
        let mut buffer = [0; 100];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let _ = stream.write_all(&buffer[..count]);
        }
    });
    let ask = |send: &str, expect: Value| {
        let address = echo.address.to_string();
        json!({"tcp": {"address": address, "send": send, "expect": expect}, "timeout": "1s"})
    };
    let banner = Server::new(|mut stream| {
        let _ = stream.write_all(b"220 ready\r\n");
        hold(&mut stream);
    });
    let silent = Server::new(|mut stream| hold(&mut stream));
    let at = |server: &Server, expect: Value| {
        let mut ask = json!({"tcp": {"address": server.address.to_string()}, "timeout": "1s"});
        if !expect.is_null() {
            ask["tcp"]["expect"] = expect;
        }
        ask
    };
    let (pass, fail) = (Verdict::Pass, Verdict::Fail);
    assert_sample(ask("PING", json!({"equals": "PING"})), pass, "hold");
    assert_sample(ask("PING", json!({"contains": "PONG"})), fail, "\"PING\"");
    let clean = json!({"contains": "220", "not_contains": "error"});
    assert_sample(at(&banner, clean), pass, "hold");
    assert_sample(at(&silent, Value::Null), pass, "1 of 1");
    let anything = json!({"matches": "."});
    assert_sample(at(&silent, anything), fail, "the connection took");
    assert_sample(at(&refused(), Value::Null), fail, "refused the connection");
}

#[test]
fn many_probes_keep_their_order_and_their_number_at_a_time() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now_seen, most_seen) = (Arc::clone(&now), Arc::clone(&most));
    let server = Server::new(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let busy = now_seen.fetch_add(1, Ordering::SeqCst) + 1;
            most_seen.fetch_max(busy, Ordering::SeqCst);
            let path = request.split(' ').nth(1).unwrap_or_default();
            thread::sleep(Duration::from_millis(2));
            now_seen.fetch_sub(1, Ordering::SeqCst);
            let _ = stream.write_all(response("200 OK", path).as_bytes());
        }
    });
    let probes: Vec<Probe> = (0..300)
        .map(|number| {
            let url = format!("{}{number}", server.url());
            let expect = json!({"body": {"equals": format!("/{number}")}});
            let ask = json!({"http": {"url": url, "expect": expect}, "timeout": "20s"});
            probe(&format!("p{number}"), ask)
        })
        .collect();
    let samples = samples(&probes);
    for (probe, sample) in probes.iter().zip(&samples) {
        assert_eq!(probe.id, sample.probe);
        assert_eq!(sample.verdict, Verdict::Pass, "{}", sample.reason());
    }
    assert_eq!(samples.len(), 300);
    let most = most.load(Ordering::SeqCst);
    assert!((2..=16).contains(&most), "{most} at a time");
}

#[test]
fn connections_are_kept_within_a_sample_and_no_longer() {
    let server = Server::http("200 OK", "ok");
    let probes = ["a", "b", "c"].map(|id| probe(id, get(&server.url())));
    let prober = SystemProber::new("/");
    let mut connections = Vec::new();
    for _ in 0..2 {
        let samples = prober.sample(&probes, 1, Some(PATIENCE));
        assert!(samples.iter().all(|one| one.verdict == Verdict::Pass));
        connections.push(server.accepted.load(Ordering::SeqCst));
    }
    assert_eq!(connections, [1, 2]);
}

#[test]
fn a_retry_that_passes_says_so() {
    let count = AtomicUsize::new(0);
    let server = Server::new(move |mut stream| {
        while read_request(&mut stream).is_some() {
            let status = match count.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => "500 Oops",
                _ => "200 OK",
            };
            let _ = stream.write_all(response(status, "").as_bytes());
        }
    });
    let mut ask = get(&server.url());
    ask["retries"] = 5.into();
    ask["backoff"] = "0s".into();
    let sample = assert_sample(ask, Verdict::Pass, "after 2 retries");
    let verdicts: Vec<Verdict> = sample.attempts.iter().map(|one| one.verdict).collect();
    assert_eq!(verdicts, [Verdict::Fail, Verdict::Fail, Verdict::Pass]);
}

#[test]
fn patience_cuts_off_what_is_left_and_keeps_what_is_done() {
    let good = Server::http("200 OK", "ok");
    let bad = Server::http("500 Oops", "no");
    let silent = Server::new(|mut stream| hold(&mut stream));
    let mut never = get(&silent.url());
    never["timeout"] = "1h".into();
    let mut retrying = get(&bad.url());
    retrying["retries"] = 5.into();
    retrying["backoff"] = "1h".into();
    let probes = [
        probe("good", get(&good.url())),
        probe("never", never.clone()),
        probe("retrying", retrying),
        probe("never-again", never),
    ];
    let samples = SystemProber::new("/").sample(&probes, 3, Some(Duration::from_millis(1_500)));
    let verdicts: Vec<Verdict> = samples.iter().map(|one| one.verdict).collect();
    use Verdict::{Error, Pass};
    assert_eq!(verdicts, [Pass, Error, Error, Error]);
    for sample in &samples[1..] {
        assert!(sample.reason().contains("cut off"), "{}", sample.reason());
        assert!(sample.reason().contains("1500 ms"), "{}", sample.reason());
    }
    assert!(samples[2].reason().contains("found 500"));
    assert_eq!(samples[2].attempts.len(), 2);
}

#[test]
fn the_line_that_repeats_a_probe_asks_the_same() {
    if is_left_out("curl", succeeds("curl", &["--version"])) {
        return;
    }
    let server = Server::new(|mut stream| {
        if let Some(request) = read_request(&mut stream) {
            // Two bytes of a body follow.
            let _ = stream.read_exact(&mut [0; 2]);
            let _ = stream.write_all(response("200 OK", &request).as_bytes());
        }
    });
    let ask = json!({"http": {
        "url": format!("{}a?b=[c]", server.url()), "method": "POST", "body": "hi",
        "headers": {"X-Quoted": "it's \"so\""},
        "expect": {"status": 404, "body": {"contains": "no"}},
    }});
    let sample = sample(ask);
    let repeat = sample.repeat.clone().expect("a line");
    let output = Command::new("sh")
        .args(["-c", &repeat])
        .output()
        .expect("a shell");
    let mut repeated = String::from_utf8_lossy(&output.stdout).to_lowercase();
    repeated.push_str(&String::from_utf8_lossy(&output.stderr));
    for part in [
        "http/1.1 200",
        "post /a?b=[c]",
        "x-quoted: it's \"so\"",
        concat!("user-agent: relgate/", env!("CARGO_PKG_VERSION")),
        "content-length: 2",
    ] {
        assert!(repeated.contains(part), "no {part} in {repeated}");
    }
    assert!(!repeated.contains("content-type"), "{repeated}");
    assert!(
        sample.reason().contains("POST /a?b=[c]"),
        "{}",
        sample.reason()
    );
}

#[test]
fn times_are_kept_to_parts_of_a_second() {
    let silent = Server::new(|mut stream| hold(&mut stream));
    let mut slow = get(&silent.url());
    slow["timeout"] = "150ms".into();
    slow["retries"] = 2.into();
    slow["backoff"] = json!({"initial": "0.02s", "max": "30ms"});
    let sample = assert_sample(slow, Verdict::Fail, "within 150 ms");
    assert_eq!(sample.attempts.len(), 3);
    for attempt in &sample.attempts {
        assert!((150..1_900).contains(&attempt.took_ms), "{attempt:?}");
    }
    let repeat = sample.repeat.unwrap_or_default();
    assert!(repeat.contains("--max-time 0.15 "), "{repeat}");
}
