//! How fast many HTTP probes are asked, beside a client of the same library that does nothing else.
//!
//! `benches/probes.sh` runs it against a server on this machine, beside other programs. By hand:
//! `cargo bench --bench probes -- relgate|bare URL COUNT [CONCURRENCY]`. It says the most memory that it ever had.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use relgate::domain::ids::Digest;
use relgate::domain::probe::judge::Verdict;
use relgate::domain::variables::Ready;
use relgate::effects::clock::Stopwatch;
use relgate::effects::probe::SystemProber;
use relgate::ports::{Limits, Prober, nobody};
use serde_json::json;

fn main() {
    // Cargo adds words of its own.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (who, url, count, concurrency) = match words.as_slice() {
        [who, url, count] => (*who, *url, *count, "16"),
        [who, url, count, concurrency] => (*who, *url, *count, *concurrency),
        _ => {
            eprintln!("nothing is measured without: relgate|bare URL COUNT [CONCURRENCY]");
            return;
        }
    };
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let (count, concurrency) = (number(count), number(concurrency));
    let passed = match who {
        "relgate" => relgate(url, count, concurrency),
        "bare" => bare(url, count, concurrency),
        other => panic!("{other:?} is neither relgate nor bare"),
    };
    assert_eq!(passed, count, "not all passed");
    eprintln!("{who}: {count} asked, {} MB at most", peak() / 1024);
}

/// The most memory that the process ever had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// All that a sample of a verification does: asked, judged, and made into what a record keeps. It says what each took.
fn relgate(url: &str, count: usize, concurrency: usize) -> usize {
    let watch = Stopwatch::start();
    let probes: Vec<Ready> = (0..count)
        .map(|number| {
            let value = json!({
                "id": format!("p{number}"),
                "http": {
                    "url": format!("{url}?{number}"),
                    "expect": {"json": [{"path": "$.status", "equals": "ok"}]},
                },
            });
            Ready::plain(serde_json::from_value(value).expect("a probe"))
        })
        .collect();
    let read = watch.elapsed();
    let limits = Limits {
        concurrency,
        per_host: concurrency,
        patience: Some(Duration::from_secs(600)),
    };
    let asked = SystemProber::new("/").sample_until(&probes, limits, &|| false, &nobody());
    let taken = watch.elapsed();
    let record = serde_json_canonicalizer::to_vec(&asked.samples).expect("JSON");
    std::hint::black_box(Digest::of(&record));
    let all = watch.elapsed();
    eprintln!(
        "probes read {:.1?}, asked and judged {:.1?}, recorded {:.1?} ({} bytes)",
        read,
        taken.saturating_sub(read),
        all.saturating_sub(taken),
        record.len()
    );
    asked
        .samples
        .iter()
        .filter(|sample| sample.verdict == Verdict::Pass)
        .count()
}

/// The same requests and the same question to the answer, and nothing else: a connection for each that is asked at a
/// time.
fn bare(url: &str, count: usize, concurrency: usize) -> usize {
    let url = url::Url::parse(url).expect("an address");
    let address = format!(
        "{}:{}",
        url.host_str().expect("a host"),
        url.port_or_known_default().expect("a port")
    );
    let next = Arc::new(AtomicUsize::new(0));
    let passed = Arc::new(AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.min(4))
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let tasks: Vec<_> = (0..concurrency)
            .map(|_| {
                let (next, passed) = (Arc::clone(&next), Arc::clone(&passed));
                let (address, path) = (address.clone(), url.path().to_owned());
                tokio::spawn(async move {
                    let mut open = None;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return;
                        }
                        let mut sender = match open.take() {
                            Some(sender) => sender,
                            None => connect(&address).await,
                        };
                        if sender.ready().await.is_err() {
                            sender = connect(&address).await;
                        }
                        let request = http::Request::get(format!("{path}?{number}"))
                            .header("host", &address)
                            .header("accept", "*/*")
                            .body(Full::new(Bytes::new()))
                            .expect("a request");
                        let response = sender.send_request(request).await.expect("an answer");
                        let body = response.into_body().collect().await.expect("a body");
                        let value: serde_json::Value =
                            serde_json::from_slice(&body.to_bytes()).expect("JSON");
                        if value["status"] == "ok" {
                            passed.fetch_add(1, Ordering::Relaxed);
                        }
                        open = Some(sender);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a task");
        }
    });
    passed.load(Ordering::Relaxed)
}

async fn connect(address: &str) -> http1::SendRequest<Full<Bytes>> {
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let (sender, carrying) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(carrying);
    sender
}
