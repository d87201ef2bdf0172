//! Metrics compared with what they were before the deployment, probes tried without a release, evidence of every kind.

use serde_json::Value;

use crate::run::Ended;
use crate::team::{NOTES, Team};

/// A plan with a metric that may be half as much again, out of a file that the tests write.
fn team(metric: &str) -> Team {
    let team = Team::new();
    team.edit(
        NOTES,
        "    - id: home-page",
        &format!("    - id: error-rate\n{metric}    - id: home-page"),
    );
    errors(&team, "2");
    team
}

const METRIC: &str = "      passes: 3
      every: 1s
      failures: 1
      metric:
        json: { file: live/stats.json, path: $.errors }
        expect: { no_worse_than: 50% }
      priority: critical
";

fn errors(team: &Team, number: &str) {
    team.write("live/stats.json", format!("{{\"errors\": {number}}}"));
}

fn verify(team: &Team) -> Ended {
    team.run(
        "omar",
        &["verify", "--all", "--yes", "--no-watch", "--format", "json"],
    )
}

fn error_rate(ended: &Ended) -> Value {
    let report: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let samples = report["result"]["samples"].as_array().expect("samples");
    samples
        .iter()
        .find(|sample| sample["probe"] == "error-rate")
        .expect("the metric")
        .clone()
}

#[test]
fn half_as_many_errors_again_is_a_trigger_for_rollback() {
    // req: B7, req: E3
    let team = team(METRIC);
    team.run("rory", &["baseline", "show"]).code(4).says(&[
        "error-rate",
        "nothing was captured",
        "relgate baseline capture",
    ]);
    team.run("omar", &["baseline", "capture"]).code(0).says(&[
        "BASELINE",
        "error-rate",
        "the median of 2, 2, 2",
    ]);
    let captured = team.recorded("baseline-captured");
    assert_eq!(captured.len(), 1);
    assert_eq!(captured[0]["baselines"][0]["value"], 2.0);
    team.run("rory", &["baseline", "show"])
        .code(0)
        .says(&["error-rate", "captured", "by omar"]);
    team.run("rory", &["log"])
        .code(0)
        .says(&["captured the baseline: error-rate"]);
    team.deploy();
    errors(&team, "3");
    verify(&team).code(0);
    errors(&team, "3.1");
    let failed = verify(&team).code(1);
    let sample = error_rate(&failed);
    assert_eq!(sample["verdict"], "fail");
    let assertion = &sample["attempts"][0]["assertions"][0];
    assert_eq!(
        assertion["expected"],
        "no more than 50% worse than 2, so at most 3"
    );
    assert_eq!(assertion["actual"], "3.1 (+55.0%)");
    assert_eq!(team.recorded("incident-opened").len(), 1);
}

#[test]
fn without_a_baseline_nothing_passes_and_none_is_captured_too_late() {
    // req: E3
    let team = team(&METRIC.replace("passes: 3", "passes: 1"));
    let run = ["probe", "run", NOTES, "error-rate"];
    team.run("omar", &run).code(4).says(&["no baseline"]);
    for by in ["dana", "quin", "dana", "rory"] {
        team.run(by, &["sign", "--all", "--yes"]).code(0);
    }
    for args in [&["check"][..], &["deploy", "start"]] {
        let no_go = team.run("omar", args).code(1);
        no_go.says(&["relgate baseline capture"]);
    }
    team.run("omar", &["baseline", "capture"]).code(0);
    team.run("omar", &["deploy", "start"]).code(0);
    team.run("omar", &["baseline", "capture"]).code(7).warns(&[
        "the deployment of production began",
        "no baseline of what was before",
    ]);
    assert_eq!(team.recorded("baseline-captured").len(), 1);
}

#[test]
fn one_look_at_the_ledger_serves_every_sample_of_a_run() {
    // Whoever is asked first takes the ledger away.
    let thief = "    - id: thief
      command: { argv: [sh, -c, \"mv releases/2.0.0/ledger away 2>/dev/null; true\"], expect: { exit: 0 } }
";
    let team = team(&format!("{METRIC}      needs: [thief]\n{thief}"));
    team.run("omar", &["baseline", "capture"]).code(0);
    let run = ["probe", "run", NOTES, "error-rate", "--format", "json"];
    let ended = team.run("omar", &run).code(0);
    assert_eq!(ended.json()["result"]["taken"], 3, "{}", ended.stdout);
    assert!(team.path("away").is_dir());
    // And nothing is found any more by the next run.
    team.run("omar", &run).code(4);
}

#[test]
fn what_cannot_be_measured_is_told_and_not_recorded() {
    let team = team(METRIC);
    for (number, why) in [
        ("\"2\"", "no number but of the type string"),
        ("null", "of the type null"),
        ("[]", "of the type array"),
    ] {
        errors(&team, number);
        team.run("omar", &["baseline", "capture"])
            .code(4)
            .says(&["error-rate", why]);
    }
    assert!(team.recorded("baseline-captured").is_empty());
    // The policy says who may speak for what was measured.
    errors(&team, "2");
    team.run("dana", &["baseline", "capture"])
        .code(7)
        .warns(&["no authority for \"verify\""]);
    assert!(team.recorded("baseline-captured").is_empty());
}

#[test]
fn another_number_has_no_baseline_and_another_limit_has() {
    let team = team(&METRIC.replace("passes: 3", "passes: 1"));
    team.run("omar", &["baseline", "capture"]).code(0);
    team.edit(NOTES, "no_worse_than: 50%", "no_worse_than: 40%");
    team.run("rory", &["baseline", "show"]).code(0);
    team.edit(NOTES, "path: $.errors", "path: $.faults");
    team.run("rory", &["baseline", "show"])
        .code(4)
        .says(&["what it measures was changed since the capture"]);
}

#[test]
fn a_release_without_a_metric_has_nothing_to_capture() {
    let team = Team::new();
    for command in ["capture", "show"] {
        team.run("omar", &["baseline", command])
            .code(3)
            .warns(&["no metric probe", "no_worse_than"]);
    }
}

const SUITE: &str = "probes:
  - { id: home, tags: [smoke], file: { path: live/home, expect: { exists: true } } }
  - { id: search, needs: [home], command: { argv: [test, -f, live/search], expect: { exit: 0 } } }
  - { id: extra, advisory: true, file: { path: live/extra, expect: { exists: true } } }
";

#[test]
fn probes_are_tried_without_a_release_and_nothing_is_recorded() {
    let team = Team::new();
    team.write("suite.yaml", SUITE);
    let before = team.files();
    team.run("omar", &["probe", "run", "suite.yaml"])
        .code(0)
        .says(&["PASS", "2 of 3 probes"]);
    team.run("omar", &["probe", "run", "suite.yaml", "search"])
        .code(0)
        .says(&["2 of 2 probes"]);
    // Whoever asks for one wants to know.
    team.run("omar", &["probe", "run", "suite.yaml", "extra"])
        .code(1)
        .says(&["FAIL", "extra", "expected a file, found nothing"]);
    team.run("omar", &["probe", "run", "suite.yaml", "serch"])
        .code(3)
        .warns(&["no probe \"serch\"", "search"]);
    team.run("omar", &["probe", "run", "suite.yaml", "--format", "junit"])
        .code(0)
        .says(&["<testsuite", "home"]);
    team.remove("live/home");
    team.run("omar", &["probe", "run", "suite.yaml"])
        .code(1)
        .says(&["FAIL", "home"]);
    team.run("omar", &["probe", "run", NOTES])
        .code(1)
        .says(&["home-page"]);
    team.run("omar", &["probe", "run", NOTES, "search"]).code(0);
    assert_eq!(team.files(), before);
}

#[test]
fn a_file_of_probes_is_checked_before_anything_is_asked() {
    let team = Team::new();
    for (text, said) in [
        ("", "is empty"),
        ("probes: []\n", "the file of probes is empty"),
        ("probes:\n  - { id: a }\n", "asks nothing"),
        (
            "probes:\n  - { id: a, file: { path: x, expect: {} } }\n",
            "asserts nothing",
        ),
        (
            "probes:\n  - { id: a, fil: {} }\n",
            "did you mean \"file\"?",
        ),
        (
            "probes:\n  - { id: a, file: { path: x, expect: { exists: true } } }\n  - { id: a, file: { path: y, expect: { exists: true } } }\n",
            "used twice",
        ),
        (
            "probes:\n  - { id: a, file: { path: '${env:NO_SUCH}', expect: { exists: true } } }\n",
            "NO_SUCH is not set",
        ),
        ("probe: []\n", "did you mean \"probes\"?"),
    ] {
        team.write("suite.yaml", text);
        team.run("omar", &["probe", "run", "suite.yaml"])
            .code(3)
            .warns(&[said]);
    }
    team.run("omar", &["probe", "run", "no-such.yaml"])
        .code(3)
        .warns(&["no-such.yaml", "No such file"]);
    team.run("omar", &["probe", "run", "live"])
        .code(3)
        .warns(&["it is a folder"]);
    team.run("omar", &["probe", "run"]).code(2);
}

#[test]
fn the_probes_of_a_release_or_a_file_are_listed() {
    let team = team(METRIC);
    team.run("rory", &["probe", "list"]).code(0).says(&[
        "error-rate",
        "metric",
        "live/stats.json",
        "verification",
        "rollback target",
    ]);
    team.write("suite.yaml", SUITE);
    let listed = team
        .run("rory", &["probe", "list", "suite.yaml", "--format", "json"])
        .code(0);
    let report: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let probes = report["result"]["probes"].as_array().expect("probes");
    assert_eq!(probes.len(), 3);
    assert_eq!(probes[1]["needs"][0], "home");
    assert_eq!(probes[2]["advisory"], true);
    assert_eq!(probes[0]["kind"], "file");
}

/// The evidence item of the standard checklist, asked in another way.
fn with_evidence(team: &Team, probe: &str) {
    team.cut(
        ".relgate/checklists/standard.yaml",
        "          command: { argv: [test, -f, live/home]",
        "\n  - id: go-no-go",
        &format!("          {probe}\n"),
    );
}

#[test]
fn evidence_of_every_kind_opens_a_gate_or_keeps_it_shut() {
    // req: E2
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let cases = [
        (
            format!("tls: {{ address: '{address}' }}"),
            true,
            "refused the connection",
        ),
        (
            format!("http: {{ url: 'http://{address}/health', expect: {{ status: 200 }} }}"),
            true,
            "refused the connection",
        ),
        (
            format!("grpc: {{ address: '{address}' }}"),
            true,
            "refused the connection",
        ),
        (
            format!(
                "dns: {{ name: shop.example, resolver: '{address}', expect: {{ exists: true }} }}"
            ),
            false,
            "could not be asked",
        ),
        (
            "file: { path: dist/app, expect: { exists: true } }".to_owned(),
            true,
            "found nothing",
        ),
        (
            "junit: { path: 'reports/*.xml' }".to_owned(),
            false,
            "no file is named by",
        ),
        (
            "command: { argv: [grep, -q, healthy, live/state], expect: { exit: 0 } }".to_owned(),
            true,
            "exit code",
        ),
        (
            "metric: { json: { file: live/none.json, path: $.a }, expect: { at_most: 1 } }"
                .to_owned(),
            false,
            "there is no file",
        ),
    ];
    for (probe, decided, said) in cases {
        let team = Team::new();
        with_evidence(&team, &probe);
        let json = ["check", "qa", "--format", "json"];
        let checked = team.run("rory", &json);
        assert!(checked.stdout.contains(said), "{probe}: {}", checked.stdout);
        let requirement = evidence(&team);
        let expected = if decided { "failed" } else { "unknown" };
        assert_eq!(requirement["status"], expected, "{probe}: {requirement}");
    }
    let team = Team::new();
    team.write(
        "reports/a.xml",
        "<testsuite><testcase name='a'/></testsuite>",
    );
    with_evidence(&team, "junit: { path: 'reports/*.xml' }");
    assert_eq!(evidence(&team)["status"], "met");
}

fn evidence(team: &Team) -> Value {
    let checked = team.run("rory", &["check", "qa", "--format", "json"]);
    let report: Value = serde_json::from_str(&checked.stdout).expect("JSON");
    let all = report["result"]["readiness"]["requirements"]
        .as_array()
        .expect("requirements");
    let found = all.iter().find(|it| it["id"] == "qa/old-shop-up");
    found.expect("the evidence").clone()
}
