//! Variables in the places of numbers, and texts that are read as numbers where a probe says so.

use std::io::Write;

use relgate::domain::probe::judge::{Sample, Verdict};
use relgate::domain::variables::{Lookup, NotText, Ready, captures_used};
use relgate::effects::probe::SystemProber;
use relgate::ports::{Prober, nobody};
use serde_json::{Value, json};

use crate::control::LIMITS;
use crate::shop::Repository;
use crate::support::{Server, probe, read_request};

struct Environment;

impl Lookup for Environment {
    fn variable(&self, name: &str) -> Result<Option<String>, NotText> {
        let value = match name {
            "CODE" => "200",
            "CLASS" => "2xx",
            "OTHER" => "404",
            "TWO" => "2",
            "THREE" => "3",
            "ZERO" => "0",
            "LIMIT" => "20s",
            "NO_TIME" => "0ms",
            "WORD" => "many",
            "NO_TOKEN" => "s3cr3t-w0rd",
            _ => return Ok(None),
        };
        Ok(Some(value.to_owned()))
    }
    fn file(&self, path: &str) -> Result<String, String> {
        match path {
            "two" => Ok("2\n".to_owned()),
            _ => Err(format!("{path}: not here")),
        }
    }
    fn release(&self) -> Option<String> {
        Some("2.4.0".to_owned())
    }
    fn previous(&self) -> Option<String> {
        None
    }
    fn stage(&self) -> Option<String> {
        None
    }
}

const BODY: &str = r#"{"count": 2, "text": "2", "items": [1, 2], "rate": 0.5}"#;

fn server() -> Server {
    Server::new(|mut stream| {
        while read_request(&mut stream).is_some() {
            let head = "HTTP/1.1 200 OK\r\nX-Left: 2\r\nX-Word: many\r\nContent-Length:";
            let _ = write!(stream, "{head} {}\r\n\r\n{BODY}", BODY.len());
        }
    })
}

/// What comes of probes once their variables are filled, or why they cannot be.
fn ask(repository: &Repository, probes: &[(&str, Value)]) -> Result<Vec<Sample>, String> {
    let ready = probes.iter().map(|(id, value)| {
        let probe = probe(id, value.clone());
        let ready = Ready::prepare(&probe, &Environment);
        ready.map(|it| it.0).map_err(|error| error.to_string())
    });
    let ready: Vec<Ready> = ready.collect::<Result<_, _>>()?;
    let prober = SystemProber::new(repository.path());
    Ok(prober
        .sample_until(&ready, LIMITS, &|| false, &nobody())
        .samples)
}

const JUNIT: &str = r#"<testsuite tests="3" skipped="1"><testcase name="a"/><testcase name="b"/><testcase name="c"><skipped/></testcase></testsuite>"#;

#[test]
fn a_variable_stands_wherever_a_number_is_expected() {
    let (server, repository) = (server(), Repository::new());
    repository.write("two.txt", "ab");
    repository.write("two.json", BODY);
    repository.write("junit.xml", JUNIT);
    let url = server.url();
    let http = |expect: Value| json!({"http": {"url": url, "expect": expect}});
    let json = |about: Value| http(json!({"json": [about]}));
    let metric = |expect: Value, fail_if: Value| {
        let json = json!({"file": "two.json", "path": "$.count"});
        json!({"metric": {"json": json, "expect": expect, "fail_if": fail_if}})
    };
    // Each with the variable that it holds for, and one that it does not hold for.
    let two = |probe: &dyn Fn(&str) -> Value| {
        let three = probe("${env:THREE}");
        [("${env:TWO}", three.clone()), ("${file:two}", three)]
            .map(|(good, bad)| (probe(good), bad))
    };
    let mut rows = vec![
        (
            http(json!({"status": "${env:CODE}"})),
            http(json!({"status": "${env:OTHER}"})),
        ),
        (
            http(json!({"status": ["${env:OTHER}", "${env:CLASS}"]})),
            http(json!({"status": ["${env:OTHER}", 500]})),
        ),
        (
            http(json!({"duration": "${env:LIMIT}", "status": 200})),
            http(json!({"headers": {"x-left": "absent"}})),
        ),
        (
            json!({"command": {"argv": ["sh", "-c", "exit 2"], "expect": {"exit": "${env:TWO}"}}}),
            json!({"command": {"argv": ["sh", "-c", "exit 2"], "expect": {"exit": "${env:ZERO}"}}}),
        ),
        (
            metric(
                json!({"at_most": "${env:TWO}"}),
                json!({"greater": "${env:TWO}"}),
            ),
            metric(json!({"less": "${env:TWO}"}), Value::Null),
        ),
        (
            metric(json!({"equals": "${env:TWO}"}), Value::Null),
            metric(
                json!({"at_least": "${env:THREE}"}),
                json!({"less": "${env:THREE}"}),
            ),
        ),
        (
            json!({"junit": {"path": "junit.xml", "expect": {"executed": "${env:TWO}", "skipped": "${env:TWO}"}}}),
            json!({"junit": {"path": "junit.xml", "expect": {"executed": "${env:TWO}", "skipped": "${env:ZERO}"}}}),
        ),
    ];
    rows.extend(two(&|n| {
        json(json!({"path": "$.count", "at_least": n, "at_most": n}))
    }));
    rows.extend(two(&|n| json(json!({"path": "$.items", "length": n}))));
    rows.extend(two(&|n| {
        json(json!({"path": "$.items", "length": {"equals": n}}))
    }));
    rows.extend(two(&|n| json(json!({"path": "$.count", "as": "number", "equals": n.replace("${file:two}", "${env:TWO}")}))));
    rows.extend(two(&|n| json(json!({"path": "$.text", "as": "number", "in": [7, n.replace("${file:two}", "${env:TWO}")]}))));
    rows.extend(two(&|n| {
        http(json!({"headers": {"x-left": {"as": "number", "at_least": n}}}))
    }));
    rows.extend(two(
        &|n| json!({"file": {"path": "two.txt", "expect": {"size": {"equals": n}}}}),
    ));
    rows.extend(two(&|n| json!({"command": {"argv": ["echo", "2"], "expect": {"stdout": {"as": "number", "at_least": n}}}})));
    for (good, bad) in rows {
        let samples = ask(&repository, &[("good", good.clone()), ("bad", bad.clone())]);
        let samples = samples.expect("filled");
        assert_eq!(
            samples[0].verdict,
            Verdict::Pass,
            "{good}: {}",
            samples[0].reason()
        );
        assert_eq!(
            samples[1].verdict,
            Verdict::Fail,
            "{bad}: {}",
            samples[1].reason()
        );
    }
}

#[test]
fn what_is_no_number_is_known_before_anything_is_asked_and_shows_no_secret() {
    let repository = Repository::new();
    let http = |expect: Value| json!({"http": {"url": "http://127.0.0.1:1/", "expect": expect}});
    for (value, why) in [
        (
            http(json!({"status": "${env:WORD}"})),
            "\"${env:WORD}\" is not a status such as 200, or a class",
        ),
        (
            http(json!({"status": "${env:TWO}"})),
            "\"${env:TWO}\" is not a status",
        ),
        (
            http(json!({"duration": "${env:TWO}"})),
            "is not a duration such as 500ms",
        ),
        (
            http(json!({"json": [{"path": "$.a", "less": "${secret:NO_TOKEN}"}]})),
            "\"${secret:NO_TOKEN}\" is not a number",
        ),
        (
            http(json!({"json": [{"path": "$.a", "length": "-${env:TWO}"}]})),
            "is not a whole number, 0 or more",
        ),
        (
            http(json!({"status": "${env:NOWHERE}"})),
            "NOWHERE is not set",
        ),
        (
            json!({"command": {"argv": ["true"], "expect": {"exit": "${env:WORD}"}}}),
            "is not a whole number",
        ),
    ] {
        let error = ask(&repository, &[("one", value.clone())]).expect_err(why);
        assert!(error.contains(why), "{error}");
        assert!(
            !error.contains("s3cr3t") && !error.contains("many"),
            "{error}"
        );
    }
}

#[test]
fn what_was_captured_as_a_number_is_compared_as_one() {
    let (server, repository) = (server(), Repository::new());
    let url = server.url();
    let first = |capture: Value| json!({"http": {"url": url, "expect": {"status": 200}}, "capture": {"it": capture}});
    let second = |about: Value| json!({"http": {"url": url, "expect": {"json": [about]}}, "needs": ["first"]});
    use Verdict::{Fail, Inconclusive, Pass};
    let number = json!({"json": "$.count", "as": "number"});
    let header = json!({"header": "x-left", "as": "number"});
    let text = json!({"json": "$.count"});
    let same = json!({"path": "$.count", "equals": "${capture:it}"});
    for (capture, about, verdicts) in [
        (number.clone(), same.clone(), [Pass, Pass]),
        (header, same.clone(), [Pass, Pass]),
        // Nothing is converted by itself.
        (text.clone(), same, [Pass, Fail]),
        (
            text.clone(),
            json!({"path": "$.text", "equals": "${capture:it}"}),
            [Pass, Pass],
        ),
        (
            number.clone(),
            json!({"path": "$.text", "equals": "${capture:it}"}),
            [Pass, Fail],
        ),
        (
            text.clone(),
            json!({"path": "$.count", "as": "number", "equals": "${capture:it}"}),
            [Pass, Pass],
        ),
        (
            text,
            json!({"path": "$.count", "at_most": "${capture:it}"}),
            [Pass, Pass],
        ),
        (
            number.clone(),
            json!({"path": "$.items", "contains": "${capture:it}"}),
            [Pass, Pass],
        ),
        (
            number.clone(),
            json!({"path": "$.items", "equals": [1, "${capture:it}"]}),
            [Pass, Pass],
        ),
        (
            number.clone(),
            json!({"path": "$.count", "not_in": [1, "${capture:it}"]}),
            [Pass, Fail],
        ),
        (
            number,
            json!({"path": "$.items", "length": "${capture:it}"}),
            [Pass, Pass],
        ),
        (
            json!({"header": "x-word", "as": "number"}),
            json!({"path": "$.count", "not": 1}),
            [Fail, Inconclusive],
        ),
        // What is captured may be no number where one is needed.
        (
            json!({"header": "x-word"}),
            json!({"path": "$.count", "less": "${capture:it}"}),
            [Pass, Verdict::Error],
        ),
    ] {
        let probes = [
            ("first", first(capture.clone())),
            ("second", second(about.clone())),
        ];
        let samples = ask(&repository, &probes).expect("filled");
        let found: Vec<Verdict> = samples.iter().map(|it| it.verdict).collect();
        let why = samples[1].reason();
        assert_eq!(found, verdicts, "{capture} {about}: {why}");
        assert!(!why.contains("bug"), "{why}");
    }
    let uses = probe(
        "second",
        second(json!({"path": "$.a", "less": "${capture:it}"})),
    );
    assert_eq!(captures_used(&uses).expect("names").len(), 1);
}
