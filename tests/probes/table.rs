//! Every kind of probe and every trouble that it can meet, asked by the program itself: the verdict and the exit code.
//! `cargo test --test probes table -- --nocapture` prints the table.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Server, drip, hold, refused};

/// What a cell of the table comes to: the verdict's word and the program's exit code.
type Cell = (&'static str, i32);

const PASS: Cell = ("pass", 0);
const FAIL: Cell = ("fail", 1);
const ERROR: Cell = ("error", 4);
const UNKNOWN: Cell = ("inconclusive", 4);

struct Row {
    kind: &'static str,
    trouble: &'static str,
    expected: Cell,
    probe: Value,
}

fn row(kind: &'static str, trouble: &'static str, expected: Cell, probe: Value) -> Row {
    Row {
        kind,
        trouble,
        expected,
        probe,
    }
}

/// The same trouble of a server for every kind that asks one; `address` is where it is.
fn network(address: &str, trouble: &'static str, expected: [Cell; 5]) -> Vec<Row> {
    let [http, tcp, tls, grpc, metric] = expected;
    let url = format!("http://{address}/");
    vec![
        row(
            "http",
            trouble,
            http,
            json!({"http": {"url": url, "expect": {"status": 200}}}),
        ),
        row(
            "tcp",
            trouble,
            tcp,
            json!({"tcp": {"address": address, "expect": {"contains": "ready"}}}),
        ),
        row(
            "tls",
            trouble,
            tls,
            json!({"tls": {"address": address, "expect": {"days_left": 1}}}),
        ),
        row("grpc", trouble, grpc, json!({"grpc": {"address": address}})),
        row(
            "metric",
            trouble,
            metric,
            json!({"metric": {"prometheus": {"url": url, "query": "up"}, "expect": {"equals": 1}}}),
        ),
    ]
}

/// A row of a command, a file or a report.
fn local() -> Vec<Row> {
    let command = |argv: Value| json!({"command": {"argv": argv, "expect": {"exit": 0}}});
    let file =
        |path: &str| json!({"file": {"path": path, "expect": {"contents": {"contains": "x"}}}});
    let junit = |path: &str| json!({"junit": {"path": path, "expect": {"executed": 1}}});
    let metric = |path: &str| json!({"metric": {"json": {"file": path, "path": "$.rate"}, "expect": {"less": 1}}});
    vec![
        row("command", "succeeds", PASS, command(json!(["true"]))),
        row("command", "ends with 1", FAIL, command(json!(["false"]))),
        row(
            "command",
            "does not exist",
            ERROR,
            command(json!(["no-such-program"])),
        ),
        row(
            "command",
            "may not be run",
            ERROR,
            command(json!(["./report.xml"])),
        ),
        row(
            "command",
            "does not end, and ignores TERM",
            FAIL,
            command(json!([
                "sh",
                "-c",
                "trap '' TERM; while :; do sleep 0.1; done"
            ])),
        ),
        row(
            "command",
            "is killed",
            FAIL,
            command(json!(["sh", "-c", "kill -9 $$"])),
        ),
        row(
            "command",
            "floods",
            PASS,
            command(json!(["head", "-c", "5000000", "/dev/zero"])),
        ),
        row("file", "is there", PASS, file("rate.json")),
        row("file", "is not there", FAIL, file("nowhere")),
        row("file", "is a folder", FAIL, file("folder")),
        row("file", "is empty", FAIL, file("empty")),
        row("junit", "passes", PASS, junit("report.xml")),
        row("junit", "has a failure", FAIL, junit("failed.xml")),
        row("junit", "ran nothing", FAIL, junit("nothing.xml")),
        row("junit", "is not there", ERROR, junit("nowhere.xml")),
        row("junit", "is empty", ERROR, junit("empty")),
        row("junit", "is no XML", ERROR, junit("rate.json")),
        row("junit", "expands entities", ERROR, junit("bomb.xml")),
        row("metric", "is below its limit", PASS, metric("rate.json")),
        row("metric", "is above its limit", FAIL, metric("high.json")),
        row("metric", "has no value", UNKNOWN, metric("other.json")),
        row("metric", "is not a number", UNKNOWN, metric("nan.json")),
        row("metric", "cannot be read", UNKNOWN, metric("nowhere.json")),
    ]
}

const FILES: [(&str, &str); 9] = [
    ("rate.json", r#"{"rate": 0.5, "x": 1}"#),
    ("high.json", r#"{"rate": 2}"#),
    ("other.json", r#"{"other": 2}"#),
    ("nan.json", r#"{"rate": "0.5"}"#),
    ("empty", ""),
    (
        "report.xml",
        r#"<testsuite tests="1"><testcase name="a"/></testsuite>"#,
    ),
    (
        "failed.xml",
        r#"<testsuite tests="1"><testcase name="a"><failure message="no"/></testcase></testsuite>"#,
    ),
    ("nothing.xml", r#"<testsuite tests="0"></testsuite>"#),
    (
        "bomb.xml",
        r#"<!DOCTYPE b [<!ENTITY a "aaaa">]><testsuite><testcase name="&a;"/></testsuite>"#,
    ),
];

#[test]
fn every_trouble_of_every_kind_has_its_verdict_and_its_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in FILES {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    std::fs::create_dir(folder.path().join("folder")).expect("made");
    std::fs::write(
        folder.path().join("relgate.yaml"),
        "version: 1\npeople: { ana: { roles: [dev] } }\nroles: { dev: {} }\n",
    )
    .expect("written");

    let gone = refused();
    let closing = Server::new(drop);
    let silent = Server::new(|mut stream| hold(&mut stream));
    let garbage = Server::new(|mut stream| {
        let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
        let _ = stream.write_all(b"\x00\xff\xfe this is no protocol \r\n\r\n");
    });
    let endless = Server::new(|mut stream| {
        drip(
            &mut stream,
            b"HTTP/1.1 200 OK\r\nX: ",
            Duration::from_millis(1),
        );
    });
    let at = |server: &Server| server.address.to_string();
    let mut rows = local();
    rows.extend(network(
        &at(&gone),
        "refuses connections",
        [FAIL, FAIL, FAIL, FAIL, ERROR],
    ));
    rows.extend(network(
        &at(&closing),
        "closes at once",
        [FAIL, FAIL, FAIL, FAIL, ERROR],
    ));
    rows.extend(network(
        &at(&silent),
        "accepts and says nothing",
        [FAIL, FAIL, FAIL, FAIL, ERROR],
    ));
    rows.extend(network(
        &at(&garbage),
        "answers with garbage",
        [FAIL, FAIL, FAIL, FAIL, ERROR],
    ));
    rows.extend(network(
        &at(&endless),
        "answers without end",
        [FAIL, FAIL, FAIL, FAIL, ERROR],
    ));
    rows.extend(network(
        "no-such-host.invalid:80",
        "has a name that does not exist",
        [ERROR; 5],
    ));

    // A resolver is asked over UDP.
    let dns = |resolver: String| json!({"dns": {"name": "shop.test", "type": "A", "resolver": resolver, "expect": {"count": {"at_least": 1}}}});
    let mute = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let quiet = mute.local_addr().expect("an address").to_string();
    rows.push(row("dns", "refuses connections", ERROR, dns(at(&gone))));
    rows.push(row(
        "dns",
        "takes questions and says nothing",
        ERROR,
        dns(quiet),
    ));

    let mut wrong = Vec::new();
    println!("{:<8} {:<32} {:<13} exit", "kind", "trouble", "verdict");
    for some in rows.chunks(4) {
        let found: Vec<(String, Option<i32>, String)> = std::thread::scope(|scope| {
            let asked: Vec<_> = some
                .iter()
                .map(|row| scope.spawn(|| ask(folder.path(), row)))
                .collect();
            asked
                .into_iter()
                .map(|it| it.join().expect("asked"))
                .collect()
        });
        for (row, (verdict, code, reason)) in some.iter().zip(found) {
            let shown = code.map_or_else(String::new, |code| code.to_string());
            println!(
                "{:<8} {:<32} {verdict:<13} {shown:<4} {reason}",
                row.kind, row.trouble
            );
            if (verdict.as_str(), code) != (row.expected.0, Some(row.expected.1))
                || reason.is_empty()
            {
                wrong.push(format!(
                    "{} {}: {verdict} {code:?} {reason}",
                    row.kind, row.trouble
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The verdict, the exit code and the reason of the program's answer.
fn ask(folder: &std::path::Path, row: &Row) -> (String, Option<i32>, String) {
    let mut probe = row.probe.clone();
    probe["id"] = "one".into();
    probe["timeout"] = "1s".into();
    let file = tempfile::Builder::new()
        .suffix(".yaml")
        .tempfile_in(folder)
        .expect("a file");
    std::fs::write(file.path(), json!({"probes": [probe]}).to_string()).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_relgate"))
        .args(["--by", "ana", "probe", "run", "--format", "json"])
        .arg(file.path().file_name().expect("a name"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    let sample = &value["result"]["samples"][0];
    let attempt = &sample["attempts"][0];
    let failed = attempt["assertions"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it["holds"] == false);
    let reason = match (attempt["trouble"].as_str(), failed) {
        (Some(trouble), _) => trouble.to_owned(),
        (None, Some(it)) => format!(
            "{}: expected {}, found {}",
            it["about"], it["expected"], it["actual"]
        ),
        (None, None) if sample["verdict"] == "pass" => "every assertion holds".to_owned(),
        (None, None) => format!("{text}{}", String::from_utf8_lossy(&output.stderr)),
    };
    let verdict = sample["verdict"].as_str().unwrap_or("refused").to_owned();
    (verdict, output.status.code(), reason)
}
