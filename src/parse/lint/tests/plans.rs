//! Findings about what the release notes plan: probes, rollback steps, artifacts.

use super::*;

// req: A9
#[test]
fn a_probe_asks_one_question_that_can_fail() {
    let probe = |probe: &str| {
        with_notes(&[(
            "      priority: critical\n      http: {url: 'https://shop.example.com/', expect: {status: 200}}\n",
            probe,
        )])
    };
    only(
        &probe("      title: Home\n"),
        &[
            "notes.yaml:8:11: probe \"home\": it asks nothing; give it one of http, tcp, tls, dns, grpc, command, file, junit, metric",
        ],
    );
    only(
        &probe("      http: {url: 'http://x/', expect: {}}\n"),
        &["probe \"home\": it asserts nothing, so it could never fail"],
    );
    only(
        &probe(
            "      http: {url: 'http://x/', expect: {status: 200}}\n      tcp: {address: 'x:1'}\n",
        ),
        &["notes.yaml:10:7:", "it asks 2 questions: http, tcp"],
    );
    only(
        &probe("      http: {url: 'http://x/', expect: {body: {contains: ''}}}\n"),
        &["every text contains the empty text"],
    );
    only(
        &probe("      tcp: {address: 'x:1'}\n      timeout: 0s\n"),
        &["\"timeout\" is no time at all"],
    );
    only(
        &probe("      tcp: {address: 'x:1'}\n      passes: 10\n      every: 2m\n"),
        &["it cannot pass within 10m: its samples take at least 18m"],
    );
}

#[test]
fn an_address_can_be_asked() {
    let url = |url: &str| with_notes(&[("https://shop.example.com/", url)]);
    only(
        &url("shop.example.com"),
        &[
            "is not an address",
            "did you mean \"https://shop.example.com\"?",
        ],
    );
    only(&url("ftp://shop.example.com/"), &["its scheme is \"ftp\""]);
    only(&url("http://:80/"), &["is not an address"]);
    assert_eq!(url("http://${env:HOST}:${env:PORT}/x"), [""; 0]);
    assert_eq!(url("${env:BASE}/x"), [""; 0]);
    only(
        &url("http://${env:HOST/"),
        &["notes.yaml:10:19:", "without its"],
    );
    only(&url("http://x/${HOME}"), &["did you mean ${env:HOME}?"]);
    let tcp = |address: &str| with_notes(&[("localhost:80", address)]);
    only(
        &tcp("localhost"),
        &["has no port", "such as \"localhost:5432\""],
    );
    for bad in ["x:0", "x:99999", "x:http", ":80", "::1:80", "http://x:80"] {
        only(&tcp(bad), &["is not host:port"]);
    }
    for good in [
        "[::1]:80",
        "${env:DB}",
        "${env:H}:${env:P}",
        "10.0.0.1:5432",
    ] {
        assert_eq!(tcp(good), [""; 0], "{good}");
    }
}

#[test]
fn headers_and_methods_are_those_of_http() {
    let http = |extra: &str| {
        with_notes(&[(
            "expect: {status: 200}",
            &format!("expect: {{status: 200}}, {extra}"),
        )])
    };
    only(
        &http("method: get"),
        &["\"get\" is not a method of HTTP; did you mean \"GET\"?"],
    );
    only(
        &http("headers: {'X Y': a}"),
        &["\"X Y\" cannot be the name of a header"],
    );
    only(
        &http("headers: {Accept: a, accept: b}"),
        &["the headers \"Accept\" and \"accept\" are the same"],
    );
    only(
        &http("headers: {Accept: \"a\\nb\"}"),
        &["contains a line break"],
    );
    only(
        &http("verify_tls: false"),
        &["warning:", "certificate is not verified"],
    );
}

#[test]
fn who_asks_and_where_is_said_once_and_rightly() {
    let https = |extra: &str| {
        with_notes(&[(
            "expect: {status: 200}",
            &format!("expect: {{status: 200}}, {extra}"),
        )])
    };
    let http = |extra: &str| {
        with_notes(&[(
            "url: 'https://shop.example.com/', expect: {status: 200}",
            &format!("url: 'http://shop.example.com/', expect: {{status: 200}}, {extra}"),
        )])
    };
    for good in [
        "auth: {bearer: '${secret:TOKEN}'}",
        "auth: {basic: {user: deploy, password: '${env:WORD}'}}, ca: ca.pem",
        "client_certificate: {cert: c.pem, key: k.pem}, body_file: b.json",
        "resolve: {shop.example.com: 10.0.0.7}",
        "resolve: {Shop.example.com: '[::1]:8443'}",
        "resolve: {shop.example.com: '${env:NODE}'}",
        "resolve: {pay.example.com: '::1'}, redirects: 1",
        "proxy: 'http://proxy.example.com:3128', proxy_auth: {user: deploy, password: '${secret:WORD}'}",
        "proxy: 'http://${env:PROXY}'",
    ] {
        assert_eq!(https(good), [""; 0], "{good}");
    }
    for (bad, words) in [
        ("auth: {}", "has exactly one of \"basic\""),
        (
            "auth: {bearer: '${secret:T}'}, headers: {authorization: x}",
            "keep one of the two",
        ),
        (
            "auth: {bearer: abc}",
            "warning: probe \"home\": the token stands in this file",
        ),
        (
            "auth: {basic: {user: a, password: abc}}",
            "the password stands in this file",
        ),
        (
            "auth: {basic: {user: 'a:b', password: '${secret:T}'}}",
            "the user has a colon",
        ),
        ("body: a, body_file: b", "both \"body\" and \"body_file\""),
        (
            "headers: {Content-Length: '1'}",
            "the header Content-Length follows from the body",
        ),
        (
            "resolve: {shop.example.com: node-7}",
            "\"node-7\" is not an IP address",
        ),
        (
            "resolve: {shop.exmaple.com: 10.0.0.7}",
            "did you mean \"shop.example.com\"?",
        ),
        (
            "proxy: 'proxy.example.com:3128'",
            "not the address of a proxy: its scheme",
        ),
        ("proxy: 'socks5://p:1080'", "its scheme is \"socks5\""),
        ("proxy: 'http://p/path'", "it has a path"),
        ("proxy: 'http://me:word@p:3128'", "under \"proxy_auth\""),
        (
            "proxy_auth: {user: deploy, password: '${secret:WORD}'}",
            "says who asks a proxy, and there is none",
        ),
        (
            "proxy: 'http://p:1', proxy_auth: {user: deploy, password: word}",
            "the password stands in this file",
        ),
        (
            "proxy: 'http://p:1', resolve: {shop.example.com: 10.0.0.7}",
            "both \"resolve\" and \"proxy\"",
        ),
    ] {
        only(&https(bad), &[words]);
    }
    only(
        &http("ca: ca.pem"),
        &["\"ca\" says how TLS is spoken, and http:// does not speak it"],
    );
    only(
        &with_notes(&[("https://shop", "https://me:word@shop")]),
        &["the address holds a user or a password", "under \"auth\""],
    );
}

#[test]
fn an_incident_has_a_priority_that_exists() {
    only(
        &with_notes(&[("priority: critical", "priority: critcal")]),
        &[
            "probe \"home\": the priority \"critcal\" is not declared in the policy; did you mean \"critical\"?",
        ],
    );
    only(
        &with_notes(&[("priority: critical", "trigger: data-at-rsk")]),
        &[
            "the trigger \"data-at-rsk\"",
            "did you mean \"data-at-risk\"?",
        ],
    );
    only(
        &with_notes(&[(
            "priority: critical",
            "priority: critical\n      trigger: data-at-risk",
        )]),
        &["both a priority and a trigger"],
    );
    only(
        &with_notes(&[("priority: critical", "known_issue: checkout is broken")]),
        &["is not among the known issues of these notes"],
    );
    assert_eq!(
        with_notes(&[("priority: critical", "known_issue: search is slow")]),
        [""; 0]
    );
}

// req: A18
#[test]
fn a_plan_can_be_run() {
    only(
        &with_notes(&[
            ("    - {id: code, kind: code, argv: [./rollback.sh]}\n", ""),
            ("plan:\n", "plan: []\n"),
        ]),
        &["the rollback plan is empty"],
    );
    only(
        &with_notes(&[("[./rollback.sh]", "['']")]),
        &["step \"code\": the program is empty"],
    );
    only(
        &with_notes(&[("[./rollback.sh]", "['systemctl restart shop']")]),
        &[
            "warning:",
            "there is no shell",
            "did you mean [systemctl, restart, shop]?",
        ],
    );
    only(
        &with_notes(&[(
            "argv: [./rollback.sh]",
            "argv: [./rollback.sh], env: {'A=B': x}",
        )]),
        &["\"A=B\" cannot be the name of a variable"],
    );
    only(
        &with_notes(&[
            ("    - {id: port, tcp: {address: 'localhost:80'}}\n", ""),
            ("verify:\n", "verify: []\n"),
        ]),
        &["the list of checks after the rollback is empty"],
    );
    only(
        &with_notes(&[("{id: port,", "{id: port, advisory: true,")]),
        &["has advisory probes alone, so it could never pass"],
    );
}

#[test]
fn notes_speak_of_their_own_release() {
    only(
        &with_notes(&[("release: 2.4.0", "release: 2.4.1")]),
        &[
            "notes.yaml:1:10: the release is named \"2.4.1\", and its folder \"2.4.0\"; write \"2.4.0\", or rename the folder",
        ],
    );
    only(
        &with_notes(&[("previous: 2.3.9", "previous: 2.4.0")]),
        &["is this release itself"],
    );
    only(
        &with_notes(&[(
            "previous: 2.3.9",
            "date: 2026-11-20\ndeploy_at: 2026-11-21T00:30:00+01:00",
        )]),
        &["warning:", "deploy_at is on 2026-11-21"],
    );
}

#[test]
fn paths_stay_in_their_folder() {
    let artifact = |fields: &str| {
        with_notes(&[(
            "previous: 2.3.9",
            &format!("artifacts: [{{name: a{fields}}}]"),
        )])
    };
    only(
        &artifact(", path: ../x"),
        &["artifact \"a\": the path \"../x\" leaves its folder"],
    );
    only(&artifact(", path: /etc/passwd"), &["leaves its folder"]);
    only(&artifact(""), &["it has no path and no reference"]);
    only(
        &artifact(", path: x, reference: y"),
        &["both a path and a reference"],
    );
    for blank in ["' '", "''", "\"\\u200b\\u3164\""] {
        only(
            &artifact(&format!(", reference: {blank}")),
            &["artifact \"a\": its reference is empty"],
        );
    }
    assert_eq!(artifact(", path: dist/x.tar.gz"), [""; 0]);
    assert_eq!(
        artifact(", path: dist/x.tar.gz, signature: dist/x.sig"),
        [""; 0]
    );
    only(
        &artifact(", path: dist/x.tar.gz, signature: ../x.sig"),
        &["the path \"../x.sig\" leaves its folder"],
    );
    for other in ["asc", "minisig", "sigstore", "ASC"] {
        only(
            &artifact(&format!(", path: dist/x, signature: dist/x.{other}")),
            &["warning:", "does not look like an SSH signature"],
        );
    }
    only(
        &artifact(", path: dist/x, signature: dist/x"),
        &["its signature is the artifact itself"],
    );
    only(
        &artifact(", reference: 'shop:1', signature: dist/x.sig"),
        &["it has a signature and no path"],
    );
    only(
        &with_checklist(&[(
            "title: All changes are merged",
            "title: All changes are merged\n        file: ../../x",
        )]),
        &["item \"merged\" of gate \"development\": the path \"../../x\" leaves its folder"],
    );
}

#[test]
fn a_requirement_is_called_by_a_name_of_its_own() {
    let artifact = |name: &str, more: &str| {
        let artifacts =
            format!("previous: 2.3.9\n{more}artifacts: [{{name: {name}, path: dist/shop}}]");
        with_notes(&[("previous: 2.3.9", &artifacts)])
    };
    assert_eq!(artifact("shop", ""), [""; 0]);
    // A gate is no requirement: what it needs is called after it and something else.
    assert_eq!(artifact("development", ""), [""; 0]);
    only(
        &artifact("code", ""),
        &[
            "notes.yaml:14:",
            "the step \"code\": its name is the name of the artifact on line 4 too",
            "check --explain and waive mean one requirement",
        ],
    );
    only(
        &artifact("north", "deployment: {stages: [{id: north}]}\n"),
        &["the stage \"north\": its name is the name of the artifact on line"],
    );
    for own in [
        "calendar",
        "notice",
        "ledger",
        "release-notes",
        "rollback",
        "rollback.drill",
    ] {
        only(
            &artifact(own, ""),
            &["is what relgate calls a requirement of its own"],
        );
    }
    let item = ("- id: merged", "- id: dev");
    only(
        &with_checklist(&[item]),
        &[
            "item \"dev\" of gate \"development\"",
            "\"development/dev\" means the approval",
        ],
    );
    let extra = "version: 1\ntypes: {minor: {approvals: [{gate: development, role: qa}]}}";
    let policy = changed(POLICY, &[("version: 1", extra)]);
    let checklist = changed(CHECKLIST, &[("- id: merged", "- id: qa")]);
    only(
        &shown(&workspace(&policy, &checklist, NOTES)),
        &["item \"qa\" of gate \"development\""],
    );
}
