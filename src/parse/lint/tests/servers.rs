//! What probes of servers are checked for that speak another protocol than HTTP.

use super::kinds::{all, none};
use super::{only, with_notes};

#[test]
fn tcp_has_one_exchange_and_terms_of_tls() {
    none(
        "tcp",
        &[
            "address: 'mail:25', steps: [{expect: {matches: '^220 '}}, {send: \"QUIT\\r\\n\"}, {expect_bytes: {hex: '32 32 31'}}]",
            "address: 'mail:25', steps: [{send_bytes: {base64: 'AAE='}}, {send_bytes: {hex: '${env:BYTES}'}}]",
            "address: 'mail:25', steps: [{send: STARTTLS}, {starttls: true}, {send: NOOP}]",
            "address: 'a:1', tls: true",
            "address: 'a:1', tls: {ca: ca.pem, server_name: b, client_certificate: {cert: c.pem, key: k.pem}}",
        ],
    );
    all(
        "tcp",
        &[
            (
                "address: 'a:1', send: a, steps: [{send: a}]",
                "both \"steps\" and \"send\"",
            ),
            (
                "address: 'a:1', expect: {contains: a}, steps: [{send: a}]",
                "both \"steps\" and \"expect\"",
            ),
            (
                "address: 'a:1', steps: [{send: a}, {}]",
                "step 2 cannot be taken: a step is one of",
            ),
            (
                "address: 'a:1', steps: [{send: a, expect: {contains: b}}]",
                "step 1 cannot be taken",
            ),
            (
                "address: 'a:1', steps: [{send_bytes: {hex: '0x00'}}]",
                "no hexadecimal digit",
            ),
            (
                "address: 'a:1', steps: [{expect_bytes: {base64: '='}}]",
                "not base64",
            ),
            ("address: 'a:1', steps: [{expect: {}}]", "expects nothing"),
            (
                "address: 'a:1', steps: [{starttls: true}, {starttls: true}]",
                "begun twice",
            ),
            (
                "address: 'a:1', tls: false, steps: [{starttls: true}]",
                "says that it is not spoken",
            ),
            ("address: 'a:1', tls: {verify_tls: false}", "not verified"),
            (
                "address: 'a:1', tls: {client_certificate: {cert: ../c.pem, key: k.pem}}",
                "leaves the repository",
            ),
        ],
    );
}

#[test]
fn the_files_of_a_client_certificate_stay_in_the_repository() {
    for (kind, rest) in [("tls", ""), ("grpc", ", tls: true")] {
        let with = |cert: &str, key: &str| {
            format!("address: 'a:1'{rest}, client_certificate: {{cert: {cert}, key: {key}}}")
        };
        none(kind, &[&with("c.pem", "/etc/k.pem")]);
        let (cert, key) = (with("../c.pem", "k.pem"), with("c.pem", "a/../../k.pem"));
        all(
            kind,
            &[
                (&cert, "it leaves the repository"),
                (&key, "it leaves the repository"),
            ],
        );
    }
}

#[test]
fn metadata_is_what_grpc_carries() {
    none(
        "grpc",
        &[
            "address: 'a:1', metadata: {authorization: 'Bearer ${secret:T}', x-tenant: a}",
            "address: 'a:1', metadata: {x-trace-bin: 'AAE=', x-id-bin: AAE, x-other-bin: '${env:B}'}",
        ],
    );
    all(
        "grpc",
        &[
            (
                "address: 'a:1', metadata: {grpc-timeout: 1S}",
                "\"grpc-timeout\" is said by gRPC itself",
            ),
            (
                "address: 'a:1', metadata: {':authority': a}",
                "\":authority\" is said by gRPC itself",
            ),
            (
                "address: 'a:1', metadata: {Content-Type: a}",
                "\"Content-Type\" is said by gRPC itself",
            ),
            (
                "address: 'a:1', metadata: {te: a}",
                "\"te\" is said by gRPC itself",
            ),
            (
                "address: 'a:1', metadata: {x-trace-bin: 'not bytes'}",
                "is binary, and its value is not base64",
            ),
            (
                "address: 'a:1', metadata: {x-name: Zoë}",
                "a character that is not ASCII",
            ),
            (
                "address: 'a:1', metadata: {'a b': '1'}",
                "cannot be the name",
            ),
        ],
    );
}

#[test]
fn what_is_expected_of_a_certificate_can_hold() {
    let digits = "ab".repeat(32);
    let with = |expect: &str| format!("address: 'a:1', expect: {{{expect}}}");
    for fine in [
        "issuer: {contains: R3}, names: [shop.example, '*.shop.example']".to_owned(),
        format!("fingerprint: {digits}, expires_in: 36h, chain_expires_in: 90m"),
        "fingerprint: ['${env:OLD}', '${env:NEW}'], refuses: [ssl3.0, tls1.0, tls1.1]".to_owned(),
        "refuses: tls1.2, version: tls1.3".to_owned(),
    ] {
        none("tls", &[&with(&fine)]);
    }
    for (expect, said) in [
        ("fingerprint: abcd", "no fingerprint of SHA-256"),
        ("expires_in: 0s", "no time at all"),
        ("chain_expires_in: 0s", "no time at all"),
        ("names: ['']", "a name is empty"),
        ("issuer: {contains: ''}", "empty"),
    ] {
        all("tls", &[(&with(expect), said)]);
    }
}

#[test]
fn who_asks_is_said_in_one_way_and_without_secrets_in_the_file() {
    let with = |auth: &str| format!("url: 'https://a/', auth: {{{auth}}}, expect: {{status: 200}}");
    let client = "token_url: 'https://l/t', client_id: c";
    for fine in [
        "digest: {user: u, password: '${secret:P}'}".to_owned(),
        format!("oauth2: {{{client}, client_secret: '${{secret:S}}', scope: [a, b], audience: x}}"),
        format!(
            "oauth2: {{{client}, client_certificate: {{cert: c.pem, key: k.pem}}, ca: ca.pem}}"
        ),
        "oauth2: {token_url: 'http://localhost:8080/t', client_id: c}".to_owned(),
    ] {
        none("http", &[&with(&fine)]);
    }
    for (auth, said) in [
        (
            "digest: {user: u, password: '${secret:P}'}, bearer: '${secret:T}'".to_owned(),
            "exactly one of",
        ),
        (
            "digest: {user: u, password: plain}".to_owned(),
            "the password stands in this file",
        ),
        (
            format!("oauth2: {{{client}, client_secret: plain}}"),
            "the client's secret stands in this file",
        ),
        (
            format!("oauth2: {{{client}, client_auth: basic}}"),
            "sends a secret, and there is none",
        ),
        (
            format!("oauth2: {{{client}, scope: ['']}}"),
            "a scope is empty",
        ),
        (
            "oauth2: {token_url: l.example/t, client_id: c}".to_owned(),
            "is not an address",
        ),
        (
            "oauth2: {token_url: 'http://l.example/t', client_id: c}".to_owned(),
            "go unencrypted",
        ),
        (
            format!("oauth2: {{{client}, ca: ../ca.pem}}"),
            "leaves the repository",
        ),
        (
            format!("oauth2: {{{client}, verify_tls: false}}"),
            "not verified",
        ),
    ] {
        all("http", &[(&with(&auth), said)]);
    }
}

#[test]
fn a_compressed_body_is_seen_only_where_it_is_unpacked() {
    let with =
        |rest: &str, expect: &str| format!("url: 'https://a/', {rest}, expect: {{{expect}}}");
    let header = |value: &str| format!("headers: {{Accept-Encoding: '{value}'}}");
    let unpacked = |value: &str| format!("decompress: true, {}", header(value));
    let body = "body: {contains: a}";
    for fine in [
        with(&header("gzip"), "status: 200"),
        with(&header("identity"), body),
        with(&unpacked("gzip;q=1, br"), body),
        with("decompress: true", body),
        with("decompress: true, cookies: true", body),
    ] {
        none("http", &[&fine]);
    }
    for (rest, said) in [
        (header("gzip, br"), "cannot be seen"),
        (unpacked("gzip, compress"), "\"compress\" is asked for"),
    ] {
        all("http", &[(&with(&rest, body), said)]);
    }
}

#[test]
fn tls_that_is_asked_for_first_has_an_address() {
    none("tls", &["address: 'mail:587', starttls: smtp"]);
    all(
        "tls",
        &[(
            "url: 'https://a/', starttls: smtp",
            "TLS begins with the first byte",
        )],
    );
}

#[test]
fn a_known_failure_is_tolerated_once_and_under_its_name() {
    let known = |tests: [&str; 2]| {
        let entries = tests.map(|test| format!("{{test: '{test}', until: 2026-12-31}}"));
        format!(
            "path: a.xml, tolerated: [{}], expect: {{flaky: 0}}",
            entries.join(", ")
        )
    };
    none("junit", &[&known(["shop.A.a", "shop.A.b"])]);
    let (twice, blank) = (
        known(["shop.A.a", "shop.A.a"]),
        known(["shop.A.a ", "shop.A.b"]),
    );
    all(
        "junit",
        &[(&twice, "tolerated twice"), (&blank, "the name of no test")],
    );
}

#[test]
fn what_is_sent_is_said_once_and_what_is_connected_to_as_well() {
    let http = |more: &str| {
        with_notes(&[(
            "expect: {status: 200}}",
            &format!("{more}, expect: {{status: 200}}}}"),
        )])
    };
    for fine in [
        "form: {user: ana, tag: [a, b]}",
        "multipart: [{name: a, value: b}, {name: f, file: dist/a.json, type: application/json, filename: '${env:N}'}]",
        "unix: /run/shop.sock, form: {a: '${env:N}'}",
    ] {
        assert_eq!(http(fine), [""; 0], "{fine}");
    }
    let long = format!("unix: /{}", "a".repeat(110));
    for (more, parts) in [
        (
            "body: a, form: {a: b}",
            [
                "notes.yaml:10:",
                "both \"body\" and \"form\" say what is sent",
            ]
            .as_slice(),
        ),
        ("form: {}", &["a form without a field"]),
        (
            "multipart: [{name: a}]",
            &["it says nothing of what is sent", "\"value\" or \"file\""],
        ),
        (
            "multipart: [{name: a, value: b, file: c}]",
            &["both a value and a file"],
        ),
        (
            "multipart: [{name: a, file: ../c}]",
            &["it leaves the repository"],
        ),
        (
            "multipart: [{name: a, value: b, type: json}]",
            &["\"json\" is not a media type", "application/json"],
        ),
        (
            "multipart: [{name: a, value: b}], headers: {Content-Type: text/plain}",
            &["follows from the parts"],
        ),
        (
            "unix: /run/a.sock, resolve: {shop.example.com: 10.0.0.7}",
            &["both \"unix\" and \"resolve\""],
        ),
        (
            "unix: /run/a.sock, proxy: 'http://p:1'",
            &["both \"unix\" and \"proxy\""],
        ),
        (&long, &["107 bytes at most"]),
    ] {
        only(&http(more), parts);
    }
}
