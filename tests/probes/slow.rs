//! Servers that answer slowly at times, asked by the program: what is expected of a duration, and of its 95th percentile.

use std::io::Write;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{Server, read_request, response};

/// Slower than any limit here, which a busy machine keeps all the same.
const SLOW: Duration = Duration::from_millis(1_500);

/// A server whose answers to some requests, counted from 1, take their time.
fn slow_at(slow: &'static [usize]) -> Server {
    let asked = AtomicUsize::new(0);
    Server::new(move |mut stream| {
        while read_request(&mut stream).is_some() {
            if slow.contains(&(asked.fetch_add(1, Ordering::SeqCst) + 1)) {
                thread::sleep(SLOW);
            }
            if stream
                .write_all(response("200 OK", "here").as_bytes())
                .is_err()
            {
                return;
            }
        }
    })
}

fn run(url: &str, more: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let suite = format!(
        "probes:\n  - id: home\n    http: {{ url: '{url}', expect: {{ status: 200{more}\nwithin: 60s\n"
    );
    std::fs::write(folder.path().join("probes.yaml"), suite).expect("written");
    Command::new(env!("CARGO_BIN_EXE_relgate"))
        .args(["probe", "run", "probes.yaml"])
        .current_dir(folder.path())
        .env_clear()
        .output()
        .expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// Twenty samples, as near to each other as they may be.
const P95: &str = " } }\n    p95: 1s\n    passes: 20\n    every: 1s";

#[test]
fn one_slow_answer_of_twenty_is_within_its_95th_percentile() {
    let server = slow_at(&[7]);
    let output = run(&server.url(), P95);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("20 samples"), "{}", said(&output));
}

#[test]
fn two_are_not_and_the_verdict_says_how_slow() {
    let server = slow_at(&[7, 19]);
    let output = run(&server.url(), P95);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let said = said(&output);
    assert!(
        said.contains("p95: expected at most 1s, found 15"),
        "{said}"
    );
    assert!(said.contains("over 20 samples"), "{said}");
}

#[test]
fn a_duration_is_held_against_its_limit() {
    let server = slow_at(&[1]);
    let limit = ", duration: 1s } }";
    let slow = run(&server.url(), limit);
    assert_eq!(slow.status.code(), Some(1), "{}", said(&slow));
    let told = said(&slow);
    assert!(
        told.contains("duration: expected at most 1s, found 15"),
        "{told}"
    );
    let fast = run(&server.url(), limit);
    assert_eq!(fast.status.code(), Some(0), "{}", said(&fast));
}
