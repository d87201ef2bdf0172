//! What a server sends, held against what a probe expects of it.
//!
//! The first line is what is expected, as JSON; what follows is the body. A first line that expects nothing leaves the
//! whole to the expectations that stand here.

use relgate::domain::ids::{Digest, ProbeId};
use relgate::domain::probe::Probe;
use relgate::domain::probe::json::tree::Document;
use relgate::domain::probe::judge::{Answer, Attempt, Verdict, judge};
use relgate::domain::probe::kinds::{HttpAnswer, HttpExpectation, HttpProbe};
use serde_json::json;

/// No more of what was found than this is shown for one assertion, in characters: three excerpts with their places.
const MOST_SHOWN: usize = 4_000;

/// Judges the body, whole and cut.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (first, rest) = text.split_once('\n').unwrap_or_default();
    let (expect, body) = match serde_json::from_str(first) {
        Ok(expect) => (expect, rest),
        Err(_) => (usual(&text), text.as_ref()),
    };
    let probe = probe(expect);
    let whole = judged(&probe, body, false);
    judged(&probe, body, true);
    let read = Document::read(body);
    if read.is_ok() {
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
    // A value that is not there satisfies nothing but that it is not.
    let expect = probe.http.as_ref().map(|http| &http.expect);
    let wants_json = expect.is_some_and(|it| it.json_schema.is_some());
    if wants_json {
        assert_ne!(judged(&probe, "", false).verdict, Verdict::Pass);
    }
    if wants_json && read.is_err() {
        assert_ne!(whole.verdict, Verdict::Pass, "no JSON is a pass");
    }
}

/// What is expected of a body where it does not say so itself: of an array a schema, of anything else all the rest.
fn usual(body: &str) -> HttpExpectation {
    let expect = if body.starts_with('[') {
        json!({"json_schema": {
            "type": ["object", "array"],
            "items": {"anyOf": [{"type": "number", "multipleOf": 0.1}, {"pattern": "^a+$"}, {"$ref": "#"}]},
            "properties": {"status": {"enum": ["ok", "up"]}, "at": {"format": "date-time"}},
            "additionalProperties": {"$ref": "#"},
            "uniqueItems": true,
        }})
    } else {
        json!({
            "status": [200, "3xx"],
            "body": {"contains": ["ok", "\u{e9}"], "not_contains": "error", "matches": "^[ {\\[].*[a-z]$"},
            "json": [
                {"path": "$.status", "equals": "ok"},
                {"path": "$..price", "less": 2.5, "greater": -1e2},
                {"path": "$.items[?@.price > 1 && match(@.name, 'a.*')]", "length": {"at_least": 1}},
                {"path": "$..*..*", "exists": false},
                {"path": "$.*", "type": "string", "not": null},
                {"path": "$[-1:0:-2]", "matches": "^[a-z]+$"},
            ],
            "duration": "1s",
        })
    };
    serde_json::from_value(expect).expect("expectations")
}

fn probe(expect: HttpExpectation) -> Probe {
    let mut probe: Probe = serde_json::from_value(json!({
        "id": "shop",
        "capture": {
            "price": {"json": "$.items[0].price"},
            "token": {"regex": "token=([0-9a-z]+)"},
            "kind": {"header": "Content-Type"},
        },
    }))
    .expect("a probe");
    probe.id = ProbeId::new("shop").expect("a name");
    probe.http = Some(Box::new(HttpProbe {
        url: "http://shop.example/".to_owned(),
        expect,
        ..HttpProbe::default()
    }));
    probe
}

fn judged(probe: &Probe, body: &str, truncated: bool) -> Attempt {
    let answer = Answer::Http(HttpAnswer {
        cookies: Vec::new(),
        status: 200,
        headers: vec![(
            "content-type".to_owned(),
            body.lines().take(1).collect::<String>().into(),
        )],
        body: body.into(),
        sha256: (!truncated).then(|| Digest::of(body.as_bytes())),
        truncated,
    });
    let attempt = judge(probe, &answer, 10);
    for assertion in &attempt.assertions {
        let shown = assertion.actual.chars().count();
        assert!(shown <= MOST_SHOWN, "{shown} characters are shown");
    }
    attempt
}
