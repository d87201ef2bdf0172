//! What each kind of probe is checked for.

use super::*;

/// The probe of the notes that is replaced.
const HTTP: &str = "      priority: critical\n      http: {url: 'https://shop.example.com/', expect: {status: 200}}\n";

/// The findings for a probe of this kind with these keys.
fn probe(kind: &str, keys: &str) -> Vec<String> {
    with_notes(&[(HTTP, &format!("      {kind}: {{{keys}}}\n"))])
}

/// Each of the cases has one finding that says so.
pub(super) fn all(kind: &str, cases: &[(&str, &str)]) {
    for (keys, said) in cases {
        only(&probe(kind, keys), &[said]);
    }
}

pub(super) fn none(kind: &str, cases: &[&str]) {
    for keys in cases {
        assert_eq!(probe(kind, keys), Vec::<String>::new(), "{kind}: {keys}");
    }
}

#[test]
fn tls_has_one_address_that_can_be_asked() {
    none(
        "tls",
        &[
            "address: 'shop.example:443'",
            "url: 'https://shop.example/', expect: {days_left: 14, version: tls1.3}",
            "address: '${env:HOST}:443', server_name: shop.example, ca: ca.pem",
        ],
    );
    all(
        "tls",
        &[
            ("expect: {days_left: 1}", "neither `address` nor `url`"),
            ("address: 'a:1', url: 'https://a/'", "it has both"),
            ("address: shop.example", "has no port"),
            ("url: 'http://shop.example/'", "is not encrypted"),
            (
                "url: shop.example",
                "did you mean \"https://shop.example\"?",
            ),
            ("url: 'https://a/', server_name: b", "that of each hop"),
            ("address: 'a:1', ca: ../ca.pem", "it leaves the repository"),
            (
                "address: 'a:1', verify_tls: false, expect: {days_left: 1}",
                "not verified",
            ),
            ("address: 'a:1', server_name: '${env:A B}'", "cannot be"),
        ],
    );
    let hollow = probe("tls", "address: 'a:1', verify_tls: false");
    assert!(
        hollow.iter().any(|it| it.contains("asserts nothing")),
        "{hollow:?}"
    );
}

#[test]
fn dns_asks_for_a_name_and_expects_what_can_be() {
    none(
        "dns",
        &[
            "name: shop.example.com., expect: {exists: true}",
            "name: _sip._tcp.a.example, type: SRV, expect: {contains: '10 5 443 b.example'}",
            "name: 192.0.2.1, type: PTR, resolver: '[::1]:53', expect: {equals: [a.example]}",
            "name: '${env:NAME}', resolver: '${env:RESOLVER}', expect: {equals: '${env:IP}'}",
            "name: a.example, expect: {count: {at_least: 2, at_most: 4}}",
        ],
    );
    all(
        "dns",
        &[
            (
                "name: 'https://a.example', expect: {exists: true}",
                "address of the web",
            ),
            (
                "name: 192.0.2.1, expect: {exists: true}",
                "by type PTR alone",
            ),
            (
                "name: a..example, expect: {exists: true}",
                "a part of it is empty",
            ),
            (
                "name: a.example, resolver: dns.example, expect: {exists: true}",
                "not the address of a resolver",
            ),
            ("name: a.example, expect: {}", "asserts nothing"),
            (
                "name: a.example, expect: {equals: shop.example}",
                "can be no A record",
            ),
            (
                "name: a.example, type: MX, expect: {contains: mail.example}",
                "preference and name",
            ),
            (
                "name: a.example, expect: {exists: false, contains: 192.0.2.1}",
                "can never hold",
            ),
            (
                "name: a.example, expect: {count: {equals: 1, at_least: 2}}",
                "no number satisfies",
            ),
        ],
    );
}

#[test]
fn grpc_says_nothing_of_tls_where_there_is_none() {
    none(
        "grpc",
        &[
            "address: 'a:1'",
            "address: '[::1]:50051', service: shop.v1.Cart, expect: {status: NOT_SERVING}",
            "address: 'a:1', tls: true, ca: ca.pem, server_name: b",
        ],
    );
    all(
        "grpc",
        &[
            ("address: a", "has no port"),
            ("address: 'a:1', server_name: b", "says something of TLS"),
            (
                "address: 'a:1', tls: true, verify_tls: false",
                "not verified",
            ),
        ],
    );
}

#[test]
fn files_and_reports_stay_in_the_repository_or_are_absolute() {
    let digest = "0".repeat(64);
    none(
        "file",
        &[
            "path: dist/app.tar.gz, expect: {exists: true}",
            &format!("path: /srv/app, expect: {{sha256: '{digest}', size: {{at_least: 1}}}}"),
            "path: a, expect: {contents: {matches: '^v'}, not_older_than: 1d}",
        ],
    );
    all(
        "file",
        &[
            (
                "path: ../a, expect: {exists: true}",
                "it leaves the repository",
            ),
            ("path: a, expect: {}", "asserts nothing"),
            (
                "path: a, expect: {exists: false, size: {at_most: 1}}",
                "can never hold",
            ),
            (
                "path: a, expect: {size: {at_least: 2, at_most: 1}}",
                "no number satisfies",
            ),
            (
                "path: a, expect: {not_older_than: 0s}",
                "no file is of this moment",
            ),
            (
                "path: a, expect: {contents: {contains: ''}}",
                "contains the empty text",
            ),
        ],
    );
    none(
        "junit",
        &[
            "path: 'reports/**/*.xml', expect: {executed: 40, skipped: 3, not_older_than: 1d}",
            "path: report.xml",
        ],
    );
    all(
        "junit",
        &[
            ("path: ../report.xml", "it leaves the repository"),
            ("path: 'a***b'", "is no pattern"),
        ],
    );
}

#[test]
fn a_metric_has_one_source_and_bounds_that_can_be() {
    none(
        "metric",
        &[
            "prometheus: {url: 'http://p:9090', query: 'up == 1'}, reduce: max, expect: {less: 1}",
            "json: {url: 'https://s/stats', path: $.p95}, expect: {at_most: 0.2, at_least: -1}",
            "json: {file: out/load.json, path: '$.rps'}, expect: {no_worse_than: 20%, worse: lower}",
            "exposition: {url: '${env:SHOP}/metrics', metric: errors_total, labels: {code: '500'}}, \
             expect: {no_worse_than: 50%, floor: 3}",
        ],
    );
    let bound = "expect: {at_most: 1}";
    let source = "json: {url: 'https://s', path: $.a}";
    for (keys, said) in [
        (bound.to_owned(), "it has 0 of"),
        (
            format!("{source}, exposition: {{url: 'https://s', metric: a}}, {bound}"),
            "it has 2 of",
        ),
        (
            format!("json: {{path: $.a}}, {bound}"),
            "either `url` or `file`",
        ),
        (
            format!("json: {{file: ../a, path: $.a}}, {bound}"),
            "leaves the repository",
        ),
        (
            format!("json: {{file: a, path: a}}, {bound}"),
            "is not a JSONPath",
        ),
        (
            format!("prometheus: {{url: 'p:9090', query: up}}, {bound}"),
            "is not an address",
        ),
        (
            format!("prometheus: {{url: 'http://p/api/v1/query', query: up}}, {bound}"),
            "is added by relgate",
        ),
        (
            format!("exposition: {{url: 'http://s', metric: 'a{{b=\"c\"}}'}}, {bound}"),
            "cannot be the name of a metric",
        ),
        (format!("{source}, expect: {{}}"), "asserts nothing"),
        (
            format!("{source}, expect: {{worse: lower, at_most: 1}}"),
            "says something of",
        ),
        (
            format!("{source}, expect: {{floor: 1, at_most: 1}}"),
            "says something of",
        ),
        (
            format!("{source}, expect: {{at_least: 2, at_most: 1}}"),
            "no number satisfies",
        ),
        (
            format!("{source}, expect: {{equals: 2, less: 1}}"),
            "no number satisfies",
        ),
        (
            format!("{source}, expect: {{no_worse_than: 100%, worse: lower}}"),
            "could never fail",
        ),
        (
            format!("{source}, verify_tls: false, {bound}"),
            "not verified",
        ),
        (
            format!("{source}, auth: {{bearer: abc}}, {bound}"),
            "stands in this file",
        ),
    ] {
        only(&probe("metric", &keys), &[said]);
    }
}

#[test]
fn a_range_has_values_that_become_one_number() {
    let range = |keys: &str, rest: &str| {
        format!(
            "prometheus: {{url: 'http://p:9090', query: up, {keys}}}, {rest}, expect: {{less: 1}}"
        )
    };
    let fine = range("range: 10m", "reduce: max");
    none(
        "metric",
        &[&fine, &range("range: 2h, step: 15s", "reduce: last")],
    );
    for (keys, rest, said) in [
        (
            "range: 10m",
            "headers: {}",
            "a range brings several numbers",
        ),
        (
            "range: 30s",
            "reduce: max",
            "no shorter than its step, which is 1m",
        ),
        (
            "range: 10d, step: 5s",
            "reduce: max",
            "more than the 11000 values",
        ),
        ("range: 10m, step: 0s", "reduce: max", "no time apart"),
        ("step: 1m", "reduce: max", "says something of `range`"),
    ] {
        only(&probe("metric", &range(keys, rest)), &[said]);
    }
    let instant = "prometheus: {url: 'http://p', query: up}, reduce: last, expect: {less: 1}";
    only(&probe("metric", instant), &["has no last value"]);
}

#[test]
fn a_control_group_is_of_the_same_source_and_is_compared_with() {
    let query = "prometheus: {url: 'http://p', query: a}";
    let page = "exposition: {url: 'http://s', metric: m, labels: {track: canary}}";
    let json = "json: {url: 'http://s', path: $.canary}";
    none(
        "metric",
        &[
            &format!(
                "{query}, control: {{query: b}}, expect: {{ratio: {{at_most: 1.2}}}}, \
                 samples: {{at_least: 100, count: {{query: c}}, control: {{query: d}}}}"
            ),
            &format!(
                "{page}, control: {{labels: {{track: stable}}}}, expect: {{no_worse_than: 10%}}"
            ),
            &format!("{page}, control: {{metric: n}}, expect: {{no_worse_than: 10%, floor: 1}}"),
            &format!(
                "{json}, control: {{path: $.stable}}, expect: {{no_worse_than: 10%}}, \
                 fail_if: {{worse_than: 50%}}"
            ),
        ],
    );
    let ratio = "expect: {ratio: {at_most: 1.2}}";
    let with = "control: {query: b}";
    for (keys, said) in [
        (format!("{query}, {ratio}"), "nothing to divide by"),
        (
            format!("{query}, {with}, expect: {{less: 1}}"),
            "nothing is compared with it",
        ),
        (
            format!("{query}, control: {{}}, {ratio}"),
            "which number it is",
        ),
        (
            format!("{query}, control: {{query: a}}, {ratio}"),
            "the same number",
        ),
        (
            format!("{page}, control: {{metric: m, labels: {{track: canary}}}}, {ratio}"),
            "the same number",
        ),
        (
            format!("{query}, {with}, expect: {{less: 1, ratio: {{}}}}"),
            "says nothing of the ratio",
        ),
        (
            format!("{query}, {with}, expect: {{ratio: {{less: 1, greater: 2}}}}"),
            "no number satisfies",
        ),
        (
            format!("{json}, control: {{path: stable}}, {ratio}"),
            "is not a JSONPath",
        ),
        (
            format!("{page}, control: {{metric: 'a b'}}, {ratio}"),
            "cannot be the name of a metric",
        ),
        (
            format!("{query}, {with}, {ratio}, samples: {{at_least: 0}}"),
            "always there",
        ),
        (
            format!("{query}, {with}, {ratio}, samples: {{at_least: 9, count: {{query: c}}}}"),
            "where the samples of the control group",
        ),
        (
            format!("{query}, {with}, {ratio}, samples: {{at_least: 9, control: {{query: c}}}}"),
            "where the samples of the number",
        ),
        (
            format!(
                "{query}, expect: {{less: 1}}, samples: {{at_least: 9, control: {{query: c}}}}"
            ),
            "there is no control group",
        ),
    ] {
        only(&probe("metric", &keys), &[said]);
    }
    let other = probe(
        "metric",
        &format!("{query}, control: {{path: $.a}}, {ratio}"),
    );
    assert!(
        other.iter().any(|it| it.contains("another source")),
        "{other:?}"
    );
}

#[test]
fn what_passes_and_what_fails_do_not_overlap() {
    let keys = |expect: &str, fail_if: &str| {
        format!(
            "prometheus: {{url: 'http://p', query: a}}, expect: {{{expect}}}, fail_if: {{{fail_if}}}"
        )
    };
    for (expect, fail_if) in [
        ("at_most: 1", "greater: 5"),
        ("at_most: 1", "greater: 1"),
        ("less: 1", "at_least: 1"),
        ("at_least: 1, at_most: 2", "less: 0, greater: 3"),
        ("no_worse_than: 10%", "worse_than: 50%"),
        ("no_worse_than: 10%", "greater: 5"),
        ("equals: 1", "equals: 0"),
    ] {
        none("metric", &[&keys(expect, fail_if)]);
    }
    for (expect, fail_if, said) in [
        ("at_most: 1", "at_least: 1", "1 satisfies `expect` and this"),
        ("at_most: 2", "greater: 1", "2 satisfies"),
        ("at_least: 2", "greater: 5", "6 satisfies"),
        ("less: 2", "less: 5", "1 satisfies"),
        ("equals: 2", "equals: 2", "2 satisfies"),
        (
            "no_worse_than: 50%",
            "worse_than: 10%",
            "50% worse satisfies",
        ),
        ("at_most: 1", "", "could never fail"),
        (
            "no_worse_than: 5%, worse: lower",
            "worse_than: 100%",
            "could never fail",
        ),
    ] {
        only(&probe("metric", &keys(expect, fail_if)), &[said]);
    }
}

#[test]
fn keys_and_words_that_a_kind_does_not_have_are_refused() {
    for (kind, keys, said) in [
        (
            "tls",
            "address: 'a:1', expect: {days_lef: 1}",
            "did you mean \"days_left\"?",
        ),
        ("tls", "address: 'a:1', expect: {version: tls1.4}", "tls1.4"),
        (
            "dns",
            "name: a.example, type: AAA, expect: {exists: true}",
            "AAA",
        ),
        ("dns", "expect: {exists: true}", "name"),
        ("grpc", "address: 'a:1', expect: {status: OK}", "OK"),
        ("file", "path: a, expect: {sha256: abc}", "64"),
        ("file", "path: a, expect: {exists: 'yes'}", "true"),
        ("junit", "path: a.xml, expect: {executed: 0}", "1"),
        ("junit", "path: a.xml, expect: {failures: 1}", "failures"),
        (
            "metric",
            "json: {url: 'http://s', path: $.a}, expect: {at_most: '1'}",
            "number",
        ),
        (
            "metric",
            "json: {url: 'http://s', path: $.a}, expect: {no_worse_than: 50}",
            "50%",
        ),
        (
            "metric",
            "json: {url: 'http://s', path: $.a}, expect: {no_worse_than: 050%}",
            "50%",
        ),
    ] {
        let text = changed(NOTES, &[(HTTP, &format!("      {kind}: {{{keys}}}\n"))]);
        let findings = parse::notes(&Source::new("notes.yaml", text)).expect_err(keys);
        let said_so = findings.iter().any(|finding| {
            let help = finding.help.as_deref().unwrap_or_default();
            finding.at.is_some() && format!("{} {help}", finding.message).contains(said)
        });
        assert!(said_so, "{kind}: {keys}: {findings:?}");
    }
}
